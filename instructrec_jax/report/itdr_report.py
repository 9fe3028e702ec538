"""ITDR's table: a row for each pair of a subtask and a dataset.

A system has a column for its written answers and one for its likelihoods. The
paper's figures are shown for orientation: it measured them on its own data.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import jinja2
from etils import epath

from instructrec_jax.errors import InputError
from instructrec_jax.eval import metrics, resampling
from instructrec_jax.eval.recording import results
from instructrec_jax.files import texts
from instructrec_jax.itdr.pairs import NUMBERS, PAIRS, PREFIX, Pair, label
from instructrec_jax.report import tables

PAPER = (
  "The last two columns are results of GLM-4-9B before and after tuning, which "
  "arXiv 2508.05667 reports on its own data. They are for orientation only, "
  "because the requests differ."
)
_ATTRIBUTES = (
  "Attributes: the accuracy, or for numbers the root mean square error (RMSE) "
  "of the values that could be parsed."
)
_INCOMPLETE = (
  "Lists: candidates that a list omits rank last, the relevant ones after the "
  "others. So with ten candidates, five of them relevant, an empty list has an "
  "NDCG@10 of .541. The share of omitted items is `missing` in the results."
)
_UNTUNED, _TUNED = "paper: untuned", "paper: tuned"
# Untuned and tuned, by pair, in the order of the pair's figures. None if the
# paper does not give it.
_PAPER: Mapping[str, tuple[Sequence[float | None], Sequence[float | None]]] = {
  "rating_prediction_ml_32m": ((1.1469,), (1.0339,)),
  "top_k_amazon_2023": ((0.6976, 0.4958, 0.4573), (0.9191, 0.8644, 0.7805)),
  "top_k_ml_32m": ((0.6831, 0.5640), (0.9890, 0.9880)),
  "cross_domain_amazon_2023": (
    (0.5983, 0.5449, 0.4968),
    (0.9086, 0.8503, 0.7449),
  ),
  "next_item_amazon_2023": ((0.3247,), (0.7879,)),
  "next_item_microlens": ((0.3320,), (0.9200,)),
  "next_item_ml_32m": ((0.3560,), (0.6080,)),
  "next_item_pixelrec": ((0.1720,), (0.8760,)),
  "target_users_amazon_2023": (
    (0.2039, None, 0.3118, None, 0.1912),
    (0.4819, None, 0.5152, None, 0.4876),
  ),
}


class _Figure(NamedTuple):
  """A figure of a pair.

  Attributes:
    head: Its name in the table.
    written: Its name in the results of written answers.
    likelihood: Its name in the results of likelihoods, if it has any.
  """

  head: str
  written: str
  likelihood: str | None = None


_LISTS = (
  _Figure("NDCG@10", "ndcg@10", "ndcg@10"),
  _Figure("HR@1", "hr@1", "hr@1"),
  _Figure("P@5", "precision@5", "precision@5"),
)
_TEXTS = tuple(
  _Figure(name.upper(), name)
  for name in ("bleu-1", "bleu-2", "rouge-1", "rouge-2", "rouge-l")
)
_FIGURES: Mapping[str, Sequence[_Figure]] = {
  "rating_prediction": (
    _Figure("RMSE", "rmse", "expected_rmse"),
    _Figure("MAE", "mae", "expected_mae"),
    _Figure("unreadable", "parse_failure_rate"),
  ),
  "top_k": _LISTS,
  "cross_domain": _LISTS,
  "next_item": _LISTS[1:2],
  "interests": _TEXTS,
  "target_users": _TEXTS,
}
_LIKELIHOOD = "likelihood"


def _figures(pair: Pair) -> Sequence[_Figure]:
  if pair.subtask != "user_attributes":
    return _FIGURES[pair.subtask]
  return [
    _Figure(f"{name} RMSE", f"rmse of {name}")
    if field in NUMBERS
    else _Figure(name, f"accuracy of {name}")
    for field in pair.fields
    for name in [label(field)]
  ]


@dataclasses.dataclass(frozen=True)
class _Entry:
  """The figures of one system for one pair.

  Attributes:
    column: The name of its column.
    pair: The pair of ITDR.
    folder: The folder that it was read from.
    result: All of its figures.
    values: The pair's figures, in their order.
  """

  column: str
  pair: Pair
  folder: epath.Path
  result: results.Result
  values: tuple[resampling.Estimate | None, ...]


@dataclasses.dataclass(frozen=True)
class Report:
  """ITDR's 33 rows.

  Attributes:
    columns: The systems' columns.
    entries: The figures by column and pair.
    notes: Notes that a reader needs to understand the figures.
  """

  columns: Sequence[str]
  entries: Mapping[tuple[str, str], _Entry]
  notes: Sequence[str]

  def table(self) -> tables.Table:
    """Returns a row for each pair. A cell holds all figures of a pair."""
    rows = []
    for pair in PAIRS.values():
      figures = _figures(pair)
      of = [self.entries.get((column, pair.name)) for column in self.columns]
      counts = sorted({entry.result.n for entry in of if entry is not None})
      paper = _PAPER.get(pair.name, ((), ()))
      cells = (
        " to ".join(f"{n:,}" for n in (*counts[:1], *counts[1:][-1:])) or "-",
        " / ".join(figure.head for figure in figures),
        *(_cell([] if entry is None else entry.values) for entry in of),
        *(_cell([_exactly(x) for x in values]) for values in paper),
      )
      rows.append([tables.Cell(text) for text in (pair.name, *cells)])
    header = ["", "n", "figures", *self.columns, _UNTUNED, _TUNED]
    return tables.Table(header, rows)


def load(folders: Sequence[epath.Path]) -> Report:
  """Reads the results of ITDR's pairs.

  Args:
    folders: Folders with a metrics.json.

  Raises:
    InputError: A folder cannot be read, or none has a pair's results.
  """
  entries, others = [], 0
  for folder in folders:
    result = results.read_result(folder)
    pair = PAIRS.get((result.task or "").removeprefix(PREFIX))
    if pair is None:
      others += 1
    else:
      entries.extend(_entries(pair, folder, result))
  if not entries:
    raise InputError(
      f"expected results of ITDR's tasks, such as {PREFIX}{next(iter(PAIRS))}: "
      f"none of {len(folders)} results has one"
    )
  entries = _told_apart(entries)
  by_pair: dict[str, set[str]] = {}
  for entry in entries:
    by_pair.setdefault(entry.pair.name, set()).add(entry.result.requests)
  differ = [name for name, requests in by_pair.items() if len(requests) > 1]
  notes = [PAPER, _ATTRIBUTES, _INCOMPLETE]
  if differ:
    notes.append(
      "The systems answered different requests of " + ", ".join(sorted(differ))
      + ", so do not compare their figures there."
    )  # fmt: skip
  if others:
    notes.append(f"{others:,} results of other tasks are not shown.")
  notes.extend(
    f"{entry.column}, {entry.pair.name}: {count:,} requests left out "
    f"({reason})."
    for entry in entries
    for reason, count in entry.result.skipped.items()
  )
  return Report(
    sorted({entry.column for entry in entries}),
    {(entry.column, entry.pair.name): entry for entry in entries},
    notes,
  )


def _entries(
  pair: Pair, folder: epath.Path, result: results.Result
) -> Iterator[_Entry]:
  """Yields a result's figures of written answers and of likelihoods."""
  figures = _figures(pair)
  found = {
    f"{result.system}, by {_LIKELIHOOD}": [f.likelihood for f in figures],
    result.system: [f.written for f in figures],
  }
  if result.procedure == _LIKELIHOOD:
    del found[result.system]
  elif result.procedure is not None:
    found = {result.system: found[result.system]}
  for column, names in found.items():
    values = _values(folder, result, names)
    if any(value is not None for value in values):
      yield _Entry(column, pair, folder, result, values)


def _values(
  folder: epath.Path, result: results.Result, names: Sequence[str | None]
) -> tuple[resampling.Estimate | None, ...]:
  known = result.metrics | result.further
  # If each request has one relevant candidate, the defaults are other metrics.
  lacking = [name for name in names if name and name not in known]
  if result.metrics and lacking:
    outcomes = results.read_predictions(folder).outcomes
    values = metrics.measure(outcomes, lacking)
    known = known | resampling.estimates(values, result.seed)
  return tuple(known.get(name) for name in names)


def _told_apart(entries: list[_Entry]) -> list[_Entry]:
  """Makes columns unique if a pair has several results in one."""
  additions: tuple[Callable[[_Entry], str], ...] = (
    lambda e: e.result.split,
    lambda e: f"step {e.result.step}",
    lambda e: texts.plain(str(e.folder)),
  )
  for addition in additions:
    seen, several = {}, set()
    for entry in entries:
      place = entry.column, entry.pair.name
      if addition(seen.setdefault(place, entry)) != addition(entry):
        several.add(entry.column)
    entries = [
      dataclasses.replace(e, column=f"{e.column}, {addition(e)}")
      if e.column in several
      else e
      for e in entries
    ]
  return entries


def _exactly(value: float | None) -> resampling.Estimate | None:
  return None if value is None else resampling.Estimate(value, value, value)


def _cell(values: Sequence[resampling.Estimate | None]) -> str:
  shown = ["-" if value is None else f"{value.value:.4f}" for value in values]
  return " / ".join(shown) or "-"


def text(report: Report) -> str:
  """Returns the table as plain ASCII."""
  table = report.table()
  rows = [[cell.text for cell in row] for row in table.rows]
  lines = tables.aligned([table.header, *rows])
  return "\n".join([*lines, "", *report.notes]) + "\n"


def markdown(report: Report) -> str:
  """Returns the table as Markdown."""
  notes = [f"- {tables.markdown_text(note)}" for note in report.notes]
  lines = tables.markdown_lines(report.table())
  return "\n".join(["## ITDR", "", *lines, "", *notes, ""])


def latex(report: Report) -> str:
  """Returns the table as a tabular that needs the package booktabs."""
  notes = [f"% {note}" for note in report.notes]
  lines = tables.latex_lines(report.table())
  return "\n".join(["% \\usepackage{booktabs}", *lines, *notes, ""])


def page(report: Report) -> str:
  """Returns the table as one HTML file without outside resources."""
  environment = jinja2.Environment(
    loader=jinja2.PackageLoader("instructrec_jax.report"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
  )
  return environment.get_template("itdr.html.j2").render(
    table=report.table(), notes=report.notes
  )


def comma_separated(report: Report) -> str:
  """Returns a line for each figure as CSV."""
  columns = (
    "subtask", "dataset", "task", "system", "split", "step", "requests", "n",
    "figure", "value", "low", "high",
  )  # fmt: skip
  lines: list[Mapping[str, object]] = []
  for pair in PAIRS.values():
    of = {"subtask": pair.subtask, "dataset": pair.dataset, "task": pair.task}
    for column in report.columns:
      entry = report.entries.get((column, pair.name))
      if entry is not None:
        result = entry.result
        of_system = {
          name: getattr(result, name)
          for name in ("split", "step", "requests", "n")
        }
        rows = _records(pair, entry.values)
        lines += [of | of_system | {"system": column} | row for row in rows]
    paper = zip((_UNTUNED, _TUNED), _PAPER.get(pair.name, ()), strict=False)
    for system, values in paper:
      rows = _records(pair, [_exactly(x) for x in values])
      lines += [
        of
        | {name: row[name] for name in ("figure", "value")}
        | {"system": f"{system} GLM-4-9B"}
        for row in rows
      ]
  return tables.csv_text(columns, lines)


def _records(
  pair: Pair, values: Sequence[resampling.Estimate | None]
) -> Iterator[dict[str, object]]:
  for figure, value in zip(_figures(pair), values, strict=False):
    if value is not None:
      yield {"figure": figure.head, **dataclasses.asdict(value)}


# The writer for each suffix of a file.
WRITERS: Mapping[str, Callable[[Report], str]] = {
  ".html": page,
  ".md": markdown,
  ".csv": comma_separated,
  ".tex": latex,
}
