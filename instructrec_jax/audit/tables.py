"""An audit as Markdown or JSON."""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence

from instructrec_jax.audit.measure import DECIDED_BY, METRICS, Audit, Score
from instructrec_jax.audit.rules import REMEDIES, RULES, TEXTS, Rule
from instructrec_jax.data import variants
from instructrec_jax.eval.resampling import Estimate

_HEADER = (
  "rule", "looks at", "model sees it", "held against", "requests", "HR@1",
  "HR@5", "NDCG@5", "leak",
)  # fmt: skip


def markdown(audit: Audit) -> str:
  """Returns the tables, the leaks, and what to do about them."""
  name = audit.dataset + variants.suffix(audit.variant)
  lines = [f"# Audit of {name}, {audit.split}", ""]
  lines += [*_summary(audit), ""]
  lines += ["## Rules that look at no preference", ""]
  lines += [*_table(_HEADER, _rows(audit), text_columns=4), ""]
  if audit.not_asked:
    lines += [
      "These rules were not asked, because the dataset has nothing of the "
      "kind, because all of its items have it, or because rows are in the "
      f"order of ids: {', '.join(audit.not_asked)}.",
      "",
    ]
  if audit.given_away:
    lines += ["## Title words that a text gives away", ""]
    lines += [*_table(*_given_away(audit)), ""]
  lines += ["## Titles and order", ""]
  lines += [*_table(*_requests(audit)), ""]
  lines += [f"- {name}: {_said(said)}" for name, said in audit.order.items()]
  return "\n".join(lines).rstrip() + "\n"


def as_json(audit: Audit) -> str:
  """Returns all figures, and the criterion's result for each rule."""
  return json.dumps(dataclasses.asdict(audit), indent=2) + "\n"


def warnings(audit: Audit) -> list[str]:
  """Returns one line for each leak."""
  return [
    f"{_leak(score)}. {REMEDIES[remedy]}"
    for score in audit.leaks
    if (remedy := RULES[score.rule].remedy)
  ]


def _summary(audit: Audit) -> list[str]:
  popularity = audit.popularity[DECIDED_BY]
  lines = [
    f"{audit.n:,} requests. HR@1 of guessing is {_share(audit.chance['hr@1'])},"
    f" of popularity {_interval(popularity)}.",
    "",
  ]
  if not audit.leaks:
    return [*lines, "No rule is a leak."]
  told = [f"- **Leak: {warning}**" for warning in warnings(audit)]
  return [*lines, *told]


def _leak(score: Score) -> str:
  rule = RULES[score.rule]
  held = f"guessing {_share(score.chance)}"
  if not rule.seen:
    held += f", popularity {_share(score.popularity)}"
  found = _interval(score.metrics[DECIDED_BY])
  return f"{score.rule!r} ranks at HR@1 {found} ({held})"


def _rows(audit: Audit) -> Iterator[list[str]]:
  guessed = [_share(audit.chance[metric]) for metric in METRICS]
  popular = [_interval(audit.popularity[metric]) for metric in METRICS]
  n = f"{audit.n:,}"
  yield ["guessing", "nothing", "-", "-", n, *guessed, "-"]
  yield ["popularity", "times taken in training", "no", "-", n, *popular, "-"]
  for score in audit.scores:
    rule = RULES[score.rule]
    yield [
      score.rule,
      rule.looks_at,
      "yes" if rule.seen else "no",
      _held_against(rule),
      f"{score.n:,}",
      *(_interval(score.metrics[metric]) for metric in METRICS),
      "**leak**" if score.leak else "no" if rule.remedy else "-",
    ]


def _held_against(rule: Rule) -> str:
  if rule.remedy is None:
    return "-"
  return "guessing" if rule.seen else "popularity"


def _given_away(audit: Audit) -> tuple[Sequence[str], Iterator[list[str]]]:
  header = ("text", "requests", "of the target's title", "of other candidates'")
  return header, (
    [
      f"{TEXTS[one.text]} ({one.text.replace('_', ' ')})",
      f"{one.n:,}",
      _interval(one.target),
      _share(one.others),
    ]
    for one in audit.given_away
  )


def _requests(audit: Audit) -> tuple[Sequence[str], Iterator[list[str]]]:
  header = ("in a request", "share of requests")
  return header, (
    [name, _interval(share)] for name, share in audit.lists.items()
  )


def _table(
  header: Sequence[str], rows: Iterator[list[str]], text_columns: int = 1
) -> list[str]:
  numbers = len(header) - text_columns
  rule = ["---"] * text_columns + ["---:"] * numbers
  return [f"| {' | '.join(row)} |" for row in (header, rule, *rows)]


def _said(value: object) -> str:
  if isinstance(value, Mapping):
    return ", ".join(f"{name} {_said(said)}" for name, said in value.items())
  if value is None:
    return "not known"
  return _share(value) if isinstance(value, float) else str(value)


def _share(value: float) -> str:
  return f"{value:.3f}".removeprefix("0")


def _interval(estimate: Estimate) -> str:
  low, high = _share(estimate.low), _share(estimate.high)
  return f"{_share(estimate.value)} ({low}-{high})"
