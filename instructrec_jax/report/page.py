"""Renders the report as one HTML file, from templates/report.html.j2."""

import dataclasses
from collections.abc import Mapping, Sequence

import jinja2
import markupsafe
import numpy as np

from instructrec_jax.eval.metrics import Outcomes
from instructrec_jax.eval.recording import examples
from instructrec_jax.report import calibration, figures, tables
from instructrec_jax.report.background import Background
from instructrec_jax.report.comparable import Group, System
from instructrec_jax.report.exposure import best_first
from instructrec_jax.report.unranked import Further

# The metrics that have a bar chart. The table has all.
_DRAWN = ("hr@1", "hr@5", "ndcg@5", "mrr")
# Examples are at these quantiles of the ranks, so they are picked by a rule.
_QUANTILES = (0.1, 0.5, 0.75, 0.95)
_SHOWN_HISTORY = 8
_SHOWN_CANDIDATES = 10
# `figures.MARKERS` as characters.
_SIGNS = "●■▲◆▼⬟✖★"


@dataclasses.dataclass(frozen=True)
class Candidate:
  """A line of an example's list."""

  place: int
  title: str
  score: float
  bar: float  # 0 (the lowest score of the request) to 1
  positive: bool


@dataclasses.dataclass(frozen=True)
class Example:
  """A request with the ranking of the best system.

  Attributes:
    instance: The record's running number.
    inputs: The instruction that the model read; None if it was not kept.
    history: Titles, oldest first; None without records, or if the instruction
      has them.
    earlier: The number of earlier items that are not shown.
    candidates: Best first. A long list is cut, but the positives stay.
    hidden: The number of candidates cut.
    rank: The rank of the best positive.
    others: The label and rank of each other system.
  """

  instance: int
  inputs: str | None
  history: list[str] | None
  earlier: int
  candidates: list[Candidate]
  hidden: int
  rank: int
  others: list[tuple[str, int]]


def render(
  groups: Sequence[Group],
  losses: tuple[np.ndarray, np.ndarray] | None,
  further: Sequence[Further] = (),
) -> str:
  """Returns the page.

  Args:
    groups: Groups of comparable systems.
    losses: Steps and losses of a training run, for a curve.
    further: Figures other than ranking metrics.

  Raises:
    InputError: A system's examples cannot be read.
  """
  environment = jinja2.Environment(
    loader=jinja2.PackageLoader("instructrec_jax.report"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
  )
  environment.filters["title"] = tables.title
  return environment.get_template("report.html.j2").render(
    sections=[_section(group) for group in groups],
    further=[(one, tables.further_table(one)) for one in further],
    loss=None if losses is None else _loss(*losses),
    not_comparable=tables.NOT_COMPARABLE if len(groups) > 1 else None,
  )


def _section(group: Group) -> dict:
  measured = [s for s in group.systems if s is not group.optimum]
  # A system has the same colour in all figures. The optimum is grey.
  series = [
    min(measured.index(s), figures.SERIES - 1)
    if s in measured
    else figures.SERIES - 1
    for s in group.systems
  ]
  drawn = [m for m in _DRAWN if m in group.metrics] or group.metrics[:4]
  texts = examples.read(_best(group).folder)
  return {
    "group": group,
    "p_note": tables.p_note(group),
    "legend": [
      (s.label, i, _SIGNS[i])
      for s, i in zip(group.systems, series, strict=True)
    ],
    "bars": [_bars(group, metric, series) for metric in drawn],
    "drawn": drawn,
    "histogram": _histogram(group, series),
    "length": int(group.systems[0].predictions.sizes.max()),
    "calibration": _calibration(group, series),
    "slices": [
      (attribute, tables.slice_table(group, attribute))
      for attribute in dict.fromkeys(p.slice.attribute for p in group.slices)
    ],
    "exposure": tables.exposure_table(group)
    if any(group.exposure.values())
    else None,
    "examples_of": _best(group).label,
    "examples": _examples(group, texts),
    "has_titles": bool(texts) or group.background is not None,
  }


def _bars(group: Group, metric: str, series: list[int]) -> markupsafe.Markup:
  drawn = figures.bars(
    tables.title(metric),
    [s.label for s in group.systems],
    series,
    [s.result.metrics[metric] for s in group.systems],
    group.first.chance[metric],
  )
  return markupsafe.Markup(drawn)


def _histogram(group: Group, series: list[int]) -> markupsafe.Markup:
  drawn = figures.rank_histogram(
    [s.label for s in group.systems],
    series,
    [_shares(s) for s in group.systems],
    _chance_shares(group.systems[0].predictions.outcomes),
  )
  return markupsafe.Markup(drawn)


def _shares(system: System) -> np.ndarray:
  """Returns [R], the share of positives at ranks 1 to R."""
  size = int(system.predictions.sizes.max())
  ranks = system.predictions.outcomes.ranks
  return np.bincount(ranks, minlength=size + 1)[1:] / len(ranks)


def _chance_shares(outcomes: Outcomes) -> np.ndarray:
  """Returns [R], the same for guessing: 1 / C at each rank of C candidates."""
  of_size = np.bincount(outcomes.sizes[outcomes.requests])[1:]
  each = of_size / of_size.sum() / np.arange(1, len(of_size) + 1)
  return each[::-1].cumsum()[::-1]


def _calibration(group: Group, series: Sequence[int]) -> dict | None:
  """Returns the figure of the systems with likelihoods, if there are any."""
  found = [
    (s.label, colour, measured)
    for s, colour in zip(group.systems, series, strict=True)
    if (measured := calibration.reliability(s.predictions)) is not None
  ]
  if not found:
    return None
  labels, colours, measured = zip(*found, strict=True)
  return {
    "figure": markupsafe.Markup(figures.reliability(labels, colours, measured)),
    "legend": [(label, i, _SIGNS[i]) for label, i, _ in found],
    "errors": [(label, m.error) for label, _, m in found],
  }


def _best(group: Group) -> System:
  """Returns the first system other than the optimum, if there is one."""
  rest = [s for s in group.systems if s is not group.optimum]
  return (rest or group.systems)[0]


def _examples(
  group: Group, texts: Mapping[int, examples.Text]
) -> list[Example]:
  best = _best(group)
  instances = best.predictions.instances
  ranks = best.predictions.outcomes.first_ranks
  order = np.lexsort((instances, ranks))
  # If some requests have their text, examples are picked from those.
  worded = np.isin(instances[order], list(texts))
  order = order[worded] if worded.any() else order
  picks = order[(np.array(_QUANTILES) * (len(order) - 1)).astype(int)]
  others = [
    (s.label, s.predictions.outcomes.first_ranks)
    for s in group.systems
    if s is not best
  ]
  return [
    _example(
      best, row, group.background, texts.get(int(instances[row])), others
    )
    for row in dict.fromkeys(picks.tolist())
  ]


def _example(
  best: System,
  row: int,
  background: Background | None,
  text: examples.Text | None,
  others: Sequence[tuple[str, np.ndarray]],
) -> Example:
  predictions = best.predictions.take(np.array([row]))
  size = int(predictions.mask.sum())
  [codes], [scores] = predictions.candidates, predictions.scores
  [relevant] = predictions.gains > 0
  finite = scores[np.isfinite(scores)]
  low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
  span = max(high - low, 1e-12)
  # A target that was not listed has the last place of the catalogue.
  of = int(predictions.sizes[0])
  candidates = [
    Candidate(
      place=of if of > size and scores[i] == -np.inf else place,
      title=_title(codes[i], i, background, text),
      score=float(scores[i]),
      bar=float(np.nan_to_num(np.clip((scores[i] - low) / span, 0, 1))),
      positive=bool(relevant[i]),
    )
    for place, i in enumerate(best_first(predictions)[0, :size], start=1)
  ]
  shown = [c for c in candidates if c.place <= _SHOWN_CANDIDATES or c.positive]
  instance = int(predictions.instances[0])
  history, earlier = None, 0
  if background is not None and text is None:
    at = background.rows[instance]
    history = [
      background.titles[i] for i in background.histories[at][-_SHOWN_HISTORY:]
    ]
    earlier = int(background.lengths[at]) - len(history)
  return Example(
    instance=instance,
    inputs=None if text is None else text.inputs,
    history=history,
    earlier=earlier,
    candidates=shown,
    hidden=len(candidates) - len(shown),
    rank=int(predictions.outcomes.first_ranks[0]),
    others=[(label, int(ranks[row])) for label, ranks in others],
  )


def _title(
  code: int,
  column: int,
  background: Background | None,
  text: examples.Text | None,
) -> str:
  """Returns a candidate's title, from the best source available."""
  if background is not None:
    return background.titles[code]
  if text is not None and column < len(text.candidates):
    return text.candidates[column]
  return f"item {code}"


def _loss(steps: np.ndarray, losses: np.ndarray) -> dict:
  finite = np.isfinite(losses)
  return {
    "figure": markupsafe.Markup(
      figures.loss_curve(steps[finite], losses[finite])
    )
    if finite.any()
    else None,
    "not_finite": int((~finite).sum()),
    "first": int(steps[0]),
    "last": int(steps[-1]),
  }
