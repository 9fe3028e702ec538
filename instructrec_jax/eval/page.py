"""The report as one HTML file, drawn from templates/report.html.j2."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import jinja2
import markupsafe
import numpy as np

from instructrec_jax.eval import figures, report

# Bars are drawn for these; every metric is in the table.
_DRAWN = ("hr@1", "hr@5", "ndcg@5", "mrr")
# Examples stand at these quantiles of the ranks: an answer as good as most,
# and ever worse ones, picked by rule and not by eye.
_QUANTILES = (0.1, 0.5, 0.75, 0.95)
_SHOWN_HISTORY = 8
_SHOWN_CANDIDATES = 10
# What `figures.MARKERS` look like in a line of text.
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
  """A request, and what the best system made of it.

  Attributes:
    instance: the record's running number.
    history: titles, oldest first; None where no records were given.
    earlier: further items before them.
    candidates: best first; a long list is cut, but the positive stays.
    hidden: candidates that were cut.
    rank: of the positive.
    others: other systems' label and rank.
  """

  instance: int
  history: list[str] | None
  earlier: int
  candidates: list[Candidate]
  hidden: int
  rank: int
  others: list[tuple[str, int]]


@dataclasses.dataclass(frozen=True)
class Texts:
  """What lets examples be read: titles by item code, histories by instance."""

  titles: list[str]
  histories: dict[int, tuple[np.ndarray, int]]

  @classmethod
  def load(cls, data_dir: Path, dataset: str, split: str) -> "Texts":
    """Reads them from a dataset's records.

    Raises:
      InputError: there are no records of the dataset.
    """
    # Reading records takes TensorFlow, which a page without them does not.
    from instructrec_jax.data import records

    titles = records.load_catalogue(data_dir, dataset)["title"].to_list()
    split_ = records.load_split(data_dir, dataset, split)
    rows = np.split(split_["history"], split_["history_offsets"][1:-1])
    lengths = split_["history_length"].tolist()
    instances = split_["instance"].tolist()
    histories = zip(rows, lengths, strict=True)
    return cls(titles, dict(zip(instances, histories, strict=True)))


def render(
  groups: Sequence[report.Group],
  data_dir: str | Path | None,
  losses: tuple[np.ndarray, np.ndarray] | None,
) -> str:
  """Returns the page.

  Args:
    groups: the systems, grouped by what may be compared.
    data_dir: where the records lie, for titles and histories; None for item
      codes.
    losses: steps and losses of a training run; None for no curve.

  Raises:
    InputError: `data_dir` has no records of a dataset.
  """
  environment = jinja2.Environment(
    loader=jinja2.PackageLoader("instructrec_jax.eval"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
  )
  environment.filters["title"] = report.title
  return environment.get_template("report.html.j2").render(
    sections=[_section(group, data_dir) for group in groups],
    loss=None if losses is None else _loss(*losses),
    not_comparable=report.NOT_COMPARABLE if len(groups) > 1 else None,
  )


def _section(group: report.Group, data_dir: str | Path | None) -> dict:
  labels = [s.label for s in group.systems]
  measured = [s for s in group.systems if s is not group.optimum]
  # A system keeps its colour wherever it stands; the optimum is grey.
  series = [
    min(measured.index(s), figures.SERIES - 1)
    if s in measured
    else figures.SERIES - 1
    for s in group.systems
  ]
  length = len(group.systems[0].counts.by_rank) - 1
  texts = None
  if data_dir is not None:
    texts = Texts.load(Path(data_dir), group.first.dataset, group.split)
  return {
    "group": group,
    "legend": [
      (label, i, _SIGNS[i]) for label, i in zip(labels, series, strict=True)
    ],
    "bars": [
      markupsafe.Markup(
        figures.bars(
          report.title(metric),
          labels,
          series,
          [s.result.metrics[metric] for s in group.systems],
          group.first.chance[metric],
        )
      )
      for metric in _DRAWN
      if metric in group.metrics
    ],
    "drawn": [metric for metric in _DRAWN if metric in group.metrics],
    "histogram": markupsafe.Markup(
      figures.rank_histogram(
        labels,
        series,
        [_shares(s) for s in group.systems],
        _chance_shares(group.systems[0].counts.by_size),
      )
    ),
    "length": length,
    "examples_of": _best(group).label,
    "examples": _examples(group, texts),
    "has_titles": texts is not None,
  }


def _shares(system: report.System) -> np.ndarray:
  """Returns [R], the share of requests whose positive is at rank 1..R."""
  by_rank = system.counts.by_rank
  return by_rank[1:] / by_rank.sum()


def _chance_shares(by_size: np.ndarray) -> np.ndarray:
  """Returns [R], the same for guessing: 1 / C each for C candidates."""
  sizes = np.arange(1, len(by_size))
  each = by_size[1:] / by_size.sum() / sizes
  return each[::-1].cumsum()[::-1]


def _best(group: report.Group) -> report.System:
  """Returns the first system that is not the optimum, or else that one."""
  rest = [s for s in group.systems if s is not group.optimum]
  return (rest or group.systems)[0]


def _examples(group: report.Group, texts: Texts | None) -> list[Example]:
  best = _best(group)
  instances = best.predictions.instances
  ranks = best.predictions.ranks
  order = np.lexsort((instances, ranks))
  picks = order[(np.array(_QUANTILES) * (len(order) - 1)).astype(int)]
  others = [
    (
      s.label,
      dict(zip(s.predictions.instances, s.predictions.ranks, strict=True)),
    )
    for s in group.systems
    if s is not best
  ]
  return [
    _example(best, row, texts, others) for row in dict.fromkeys(picks.tolist())
  ]


def _example(
  best: report.System,
  row: int,
  texts: Texts | None,
  others: list[tuple[str, dict[int, int]]],
) -> Example:
  predictions = best.predictions
  size = int(predictions.mask[row].sum())
  codes = predictions.candidates[row, :size]
  scores = predictions.scores[row, :size].astype(np.float64)
  target = predictions.targets[row]
  instance = int(predictions.instances[row])
  # A tie is against us, so among equals the positive comes last; NaN, which
  # counts as above, comes first.
  order = np.lexsort((codes == target, -scores, ~np.isnan(scores)))
  finite = scores[np.isfinite(scores)]
  low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
  span = max(high - low, 1e-12)
  candidates = [
    Candidate(
      place=place,
      title=texts.titles[codes[i]] if texts else f"item {codes[i]}",
      score=float(scores[i]),
      bar=float(np.nan_to_num(np.clip((scores[i] - low) / span, 0, 1))),
      positive=bool(codes[i] == target),
    )
    for place, i in enumerate(order, start=1)
  ]
  shown = [c for c in candidates if c.place <= _SHOWN_CANDIDATES or c.positive]
  history, earlier = None, 0
  if texts:
    items, length = texts.histories[instance]
    history = [texts.titles[i] for i in items[-_SHOWN_HISTORY:]]
    earlier = length - len(history)
  return Example(
    instance=instance,
    history=history,
    earlier=earlier,
    candidates=shown,
    hidden=len(candidates) - len(shown),
    rank=int(predictions.ranks[row]),
    others=[(label, int(rank[instance])) for label, rank in others],
  )


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
