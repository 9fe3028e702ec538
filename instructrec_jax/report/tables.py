"""Results as text, Markdown, LaTeX and CSV."""

import csv
import dataclasses
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from instructrec_jax.eval import resampling
from instructrec_jax.files import texts
from instructrec_jax.report.comparable import Group, System
from instructrec_jax.report.unranked import Further

NOT_COMPARABLE = (
  "These tables were measured on different requests, so compare figures only "
  "within a table."
)
# A smaller p marks a difference in LaTeX.
_SIGNIFICANT = 0.05
_COLUMNS = (
  "dataset", "split", "requests", "system", "task", "step", "slice", "of", "n",
  "metric", "value", "low", "high", "p", "against",
)  # fmt: skip
# What begins HTML, a link or an image in Markdown, or ends a cell.
_MARKUP = re.compile(r"<(?=[A-Za-z/!?])|[\[\]|`]")
_LATEX = {
  **{c: f"\\{c}" for c in "&%$#_{}"},
  "\\": r"\textbackslash{}",
  "~": r"\textasciitilde{}",
  "^": r"\textasciicircum{}",
}


@dataclasses.dataclass(frozen=True)
class Cell:
  """A figure, with small text below it, or a word."""

  text: str
  small: str = ""
  best: bool = False
  mark: bool = False


@dataclasses.dataclass(frozen=True)
class Table:
  """A table. Its rows are as long as its header."""

  header: list[str]
  rows: list[list[Cell]]


def title(metric: str) -> str:
  """Returns a metric's name as tables show it."""
  return metric.upper()


def text(groups: Iterable[Group], further: Iterable[Further] = ()) -> str:
  """Returns all tables as plain ASCII."""
  parts = ["\n".join(_lines(group)) for group in groups]
  if len(parts) > 1:
    parts.append(NOT_COMPARABLE)
  for one in further:
    rows = _with_interval(further_table(one))
    lines = [one.heading, "", *aligned(rows)]
    parts.append("\n".join([*lines, *one.notes]))
  return "\n\n".join(parts) + "\n"


def _with_interval(table: Table) -> list[list[str]]:
  """Returns a table's cells, with the interval of its first figure beside it.

  A count has no interval.
  """
  [place, *_] = [n for n, cell in enumerate(table.rows[0]) if cell.small] or [
    None
  ]
  rows = [[cell.text for cell in row] for row in table.rows]
  if place is None:
    return [table.header, *rows]
  for cells, row in zip(rows, table.rows, strict=True):
    cells.insert(place + 1, row[place].small)
  header = list(table.header)
  header.insert(place + 1, "95 % interval")
  return [header, *rows]


def markdown(groups: Sequence[Group], further: Sequence[Further] = ()) -> str:
  """Returns all groups with their slices and exposure as Markdown."""
  lines = [] if len(groups) < 2 else [NOT_COMPARABLE, ""]
  for heading, named, below in _sections(groups, further):
    lines += [f"## {markdown_text(heading)}", ""]
    for name, table in named:
      lines += [f"### {markdown_text(name)}", ""] if name else []
      lines += [*markdown_lines(table), ""]
    lines += [f"- {markdown_text(note)}" for note in below] + [""]
  return "\n".join(lines)


def markdown_text(words: str) -> str:
  """Returns words so that no HTML, link or image in them is one."""
  return _MARKUP.sub(r"\\\g<0>", words)


def markdown_lines(table: Table) -> list[str]:
  """Returns one table as Markdown."""

  def cell(c: Cell) -> str:
    figure = re.sub(r"([|\\`*_<>\[\]])", r"\\\1", c.text)
    figure = f"**{figure}**" if c.best else figure
    return f"{figure} ({c.small})" if c.small else figure

  def row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"

  rule = ["---", *["---:"] * (len(table.header) - 1)]
  rows = [[cell(c) for c in cells] for cells in table.rows]
  header = [markdown_text(words) for words in table.header]
  return [row(header), row(rule), *map(row, rows)]


def latex(groups: Sequence[Group], further: Sequence[Further] = ()) -> str:
  """Returns all tables as LaTeX tabulars, which need the package booktabs."""
  lines = ["% \\usepackage{booktabs}"]
  for heading, named, below in _sections(groups, further):
    lines.append(f"% {heading}")
    for name, table in named:
      lines += [f"% {name}"] if name else []
      lines += [*latex_lines(table), ""]
    lines += [f"% {note}" for note in below]
    if any(cell.mark for _, t in named for row in t.rows for cell in row):
      lines.append(f"% * marks p < {_SIGNIFICANT}.")
    lines.append("")
  return "\n".join(lines)


def latex_lines(table: Table) -> list[str]:
  """Returns one table as a LaTeX tabular, which needs the package booktabs."""

  def escape(words: str) -> str:
    return "".join(_LATEX.get(c, c) for c in words)

  def cell(c: Cell) -> str:
    figure = escape(c.text)
    figure = rf"\textbf{{{figure}}}" if c.best else figure
    figure += "$^{*}$" if c.mark else ""
    return rf"{figure} {{\scriptsize {escape(c.small)}}}" if c.small else figure

  header = [escape(words) for words in table.header]
  return [
    rf"\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}",
    r"\toprule",
    rf"{' & '.join(header)} \\",
    r"\midrule",
    *(rf"{' & '.join(map(cell, cells))} \\" for cells in table.rows),
    r"\bottomrule",
    r"\end{tabular}",
  ]


def comma_separated(
  groups: Sequence[Group], further: Sequence[Further] = ()
) -> str:
  """Returns CSV with a line for each figure."""
  rows: list[dict[str, object]] = []
  for group in groups:
    shared = {
      "dataset": group.first.dataset,
      "split": group.split,
      "requests": group.first.requests,
      "n": group.first.n,
    }
    rows += [shared | row for row in _records(group)]
  for one in further:
    rows += _further_records(one)
  return csv_text(_COLUMNS, rows)


def csv_text(
  columns: Sequence[str], rows: Iterable[Mapping[str, object]]
) -> str:
  """Returns rows as CSV. A text that looks like a formula gets an apostrophe.

  Args:
    columns: the names of the columns.
    rows: values by column; an absent one is an empty cell.
  """
  buffer = io.StringIO()
  writer = csv.DictWriter(buffer, columns, lineterminator="\n", restval="")
  writer.writeheader()
  writer.writerows(
    {name: texts.spreadsheet_cell(value) for name, value in row.items()}
    for row in rows
  )
  return buffer.getvalue()


def _records(group: Group) -> Iterator[dict[str, object]]:
  """Yields the figures of a group, by the names of `_COLUMNS`."""
  results = {s.label: s.result for s in group.systems}

  def system(label: str) -> dict[str, object]:
    result = results[label]
    return {"system": label, "task": result.task, "step": result.step}

  for label, result in results.items():
    for m in group.metrics:
      figure = {"metric": m, **dataclasses.asdict(result.metrics[m])}
      if group.baseline is not None and label in group.p_values:
        figure["p"] = group.p_values[label][m]
        figure["against"] = group.baseline.label
      yield system(label) | figure
  for m in group.metrics:
    yield {"system": "chance", "metric": m, "value": group.first.chance[m]}
  for part in group.slices:
    of = {"slice": part.slice.attribute, "of": part.slice.label}
    for m, value in part.means.items():
      figure = {"n": part.slice.n, "metric": m, "value": value}
      yield system(part.label) | of | figure
  for label, values in group.exposure.items():
    for name, value in values.items():
      yield system(label) | {"metric": name, "value": value}


def _further_records(further: Further) -> Iterator[dict[str, object]]:
  """Yields figures other than ranking metrics, by the names of `_COLUMNS`."""
  for label, result in further.results.items():
    fields = ("dataset", "split", "requests", "task", "step", "n")
    shared = {name: getattr(result, name) for name in fields}
    for name, estimate in result.further.items():
      yield shared | {
        "system": label, "metric": name, **dataclasses.asdict(estimate)
      }  # fmt: skip


def _sections(
  groups: Sequence[Group], further: Sequence[Further]
) -> Iterator[tuple[str, list[tuple[str, Table]], list[str]]]:
  """Yields headings, named tables, and the notes below them."""
  for group in groups:
    yield group.heading, list(_tables(group)), notes(group)
  for one in further:
    below = ["Ranges are 95 % bootstrap intervals.", *one.notes]
    yield one.heading, [("", further_table(one))], below


def further_table(further: Further) -> Table:
  """Returns the figures of every system."""
  return Table(
    ["", *further.names],
    [
      [
        Cell(label),
        *(
          Cell(f"{e.value:,.0f}")
          if name.startswith("n of ")
          else Cell(f"{e.value:.4f}", f"{e.low:.4f}\u2013{e.high:.4f}")
          for name, e in result.further.items()
        ),
      ]
      for label, result in further.results.items()
    ],
  )


def _tables(group: Group) -> Iterator[tuple[str, Table]]:
  """Yields a group's tables with their names. The first has no name."""
  yield "", main_table(group)
  for attribute in dict.fromkeys(p.slice.attribute for p in group.slices):
    yield f"By {attribute}", slice_table(group, attribute)
  if any(group.exposure.values()):
    yield "What is recommended", exposure_table(group)


def main_table(group: Group) -> Table:
  """Returns the figures of every system, and of chance."""
  rows = []
  for s in group.systems:
    cells = [Cell(s.label)]
    for m in group.metrics:
      e = s.result.metrics[m]
      small = f"{e.low:.4f}\u2013{e.high:.4f}"
      p_value = group.p_values.get(s.label, {}).get(m)
      if p_value is not None:
        small += f", p {p_value:.4f}"
      cells.append(
        Cell(
          f"{e.value:.4f}",
          small,
          best=s.label in group.best(m),
          mark=p_value is not None and p_value < _SIGNIFICANT,
        )
      )
    rows.append(cells)
  chance = (Cell(f"{group.first.chance[m]:.4f}") for m in group.metrics)
  rows.append([Cell("chance"), *chance])
  return Table(["", *map(title, group.metrics)], rows)


def slice_table(group: Group, attribute: str) -> Table:
  """Returns the means of every system on the slices of one attribute."""
  return Table(
    [attribute, "system", "n", *map(title, group.metrics)],
    [
      [
        Cell(part.slice.label),
        Cell(part.label),
        Cell(f"{part.slice.n:,}"),
        *(Cell(f"{part.means[m]:.4f}") for m in group.metrics),
      ]
      for part in group.slices
      if part.slice.attribute == attribute
    ],
  )


def exposure_table(group: Group) -> Table:
  """Returns coverage, popularity and Gini of every system."""
  names = list(next(iter(group.exposure.values())))
  return Table(
    ["", *names],
    [
      [Cell(label), *(Cell(f"{values[name]:.4g}") for name in names)]
      for label, values in group.exposure.items()
    ],
  )


def notes(group: Group) -> list[str]:
  """Returns the notes below a group's table."""
  return ["Ranges are 95 % bootstrap intervals. Chance is by formula.",
          *p_note(group), *group.notes]  # fmt: skip


def p_note(group: Group) -> list[str]:
  """Returns a note on p, if there is a baseline."""
  if group.baseline is None:
    return []
  return [
    f"p is from a paired randomisation test against {group.baseline.label}."
  ]


def _lines(group: Group) -> list[str]:
  """Returns a group as lines of text, columns aligned, a row for each system.

  The interval, the share of the optimum and p are those of the first metric.
  """
  first = group.metrics[0]
  chance = group.first.chance
  beside = ["95 % interval"]
  rows = [
    ["", *(f"{title(m)} " for m in group.metrics)],
    *(_row(group, system) for system in group.systems),
    ["chance", *(f"{chance[m]:.4f} " for m in group.metrics)],
  ]
  rows[0].insert(2, beside[0])
  rows[-1].insert(2, "")
  if group.optimum is not None:
    beside.append("of optimum")
    rows[-1].append(f"{group.share(first, chance[first]):.1%}")
  if group.baseline is not None:
    beside.append("p")
    rows[-1].append("")
  rows[0] += beside[1:]
  best = " * marks the best system compared." if group.best(first) else ""
  about = ", ".join(f'"{name}"' for name in beside)
  return [
    group.heading,
    "",
    *aligned(rows),
    "",
    *_exposure_lines(group),
    f"Columns of {title(first)}: {about}. Chance is by formula.{best}",
    *p_note(group),
    *group.notes,
  ]


def _row(group: Group, system: System) -> list[str]:
  """Returns a system's row of a table in plain text."""
  first = group.metrics[0]
  cells = [system.label]
  for m in group.metrics:
    mark = "*" if system.label in group.best(m) else " "
    cells.append(f"{system.result.metrics[m].value:.4f}{mark}")
  cells.insert(2, _interval(system.result.metrics[first]))
  if group.optimum is not None:
    value = system.result.metrics[first].value
    share = (
      "" if system is group.optimum else f"{group.share(first, value):.1%}"
    )
    cells.append(share)
  if group.baseline is not None:
    p_values = group.p_values.get(system.label)
    cells.append("" if p_values is None else f"{p_values[first]:.4f}")
  return cells


def _exposure_lines(group: Group) -> list[str]:
  """Returns the exposure of rankings of a catalogue, if it is known."""
  if not group.systems[0].predictions.of_catalogue or not any(
    group.exposure.values()
  ):
    return []
  table = exposure_table(group)
  rows = [[cell.text for cell in row] for row in table.rows]
  return [*aligned([table.header, *rows]), ""]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
  """Returns rows as lines, with only the first column aligned left."""
  widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
  return [
    (
      row[0].ljust(widths[0])
      + "".join(
        " " + cell.rjust(width)
        for cell, width in zip(row[1:], widths[1:], strict=True)
      )
    ).rstrip()
    for row in rows
  ]


def _interval(estimate: resampling.Estimate) -> str:
  """Returns e.g. ".4512-.4731", without the zeros to save width."""
  return "-".join(
    f"{bound:.4f}".removeprefix("0") for bound in (estimate.low, estimate.high)
  )
