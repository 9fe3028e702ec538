"""The report of `instructrec reproduce`: our rows beside the paper's."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import jinja2

from instructrec_jax.artifacts import atomic_write_text
from instructrec_jax.eval.recording import results
from instructrec_jax.report import comparable, tables
from instructrec_jax.report.comparable import Group
from instructrec_jax.report.tables import Cell, Table
from instructrec_jax.reproduce.paper import METRICS, PAPER
from instructrec_jax.reproduce.plan import Part, skipped
from instructrec_jax.reproduce.rows import ROWS
from instructrec_jax.reproduce.systems import SYSTEMS, TEXTS
from instructrec_jax.reproduce.work import Made

_COLUMNS = ("row", "dataset", "n", "system", *METRICS, "low", "high", "p")


@dataclasses.dataclass(frozen=True)
class Section:
  """A row of the paper's tables.

  Attributes:
    row: A key of `ROWS`.
    group: Our systems, tested against the best one that is not a language
      model.
    wordings: The wording that each model of texts was asked in.
  """

  row: str
  group: Group
  wordings: Mapping[str, str]

  @property
  def heading(self) -> str:
    """What the row is, and what was measured."""
    return f"{ROWS[self.row].title}. {self.group.heading}"

  @property
  def table(self) -> Table:
    """Our systems, chance, and the systems of the paper."""
    ours = tables.main_table(self.group)
    paper = [
      [
        Cell(f"paper: {system}"),
        *(
          Cell(f"{dict(zip(METRICS, figures, strict=True))[m]:.4f}")
          for m in self.group.metrics
        ),
      ]
      for system, figures in PAPER[self.row].items()
    ]
    return Table(ours.header, [*ours.rows, *paper])

  @property
  def notes(self) -> list[str]:
    """What a reader must know to compare the figures."""
    found = tables.notes(self.group)
    found += [
      f"{system} is asked in the wording {wording}, which ranked best on "
      "validation."
      for system, wording in self.wordings.items()
    ]
    if ROWS[self.row].sees_target:
      found.append(
        "The query was written from the target, for all systems: this row "
        "measures how well a query is understood."
      )
    found.append(
      "The paper's figures are of its own candidates and training, so no test "
      "compares them with ours."
    )
    return list(dict.fromkeys(found))


def sections(made: Sequence[Made]) -> list[Section]:
  """Reads the results of parts, those of a row together."""
  found = []
  for row in dict.fromkeys(one.part.row for one in made):
    here = {
      one.part.system: one
      for one in made
      if one.part.row == row and one.folder is not None
    }
    if not here:
      continue
    folders = [str(one.folder) for one in here.values()]
    groups = comparable.load(folders, METRICS, _best_rival(here))
    wordings = {name: one.wording for name, one in here.items() if one.wording}
    found += [Section(row, group, wordings) for group in groups]
  return found


def _best_rival(made: Mapping[str, Made]) -> str | None:
  """Returns the system of the highest HR@1 that is no language model."""
  rivals = {
    name: results.read_result(str(one.folder)).metrics[METRICS[0]].value
    for name, one in made.items()
    if SYSTEMS[name].kind != TEXTS
  }
  return max(rivals, key=lambda name: rivals[name]) if rivals else None


def left_out(parts: Sequence[Part], made: Sequence[Made]) -> list[str]:
  """Returns a line for each reason why something was not made."""
  failed = [
    dataclasses.replace(one.part, reason=one.reason)
    for one in made
    if one.reason is not None
  ]
  names = {(part.row, part.system) for part in failed}
  told = [part for part in parts if (part.row, part.system) not in names]
  return [
    f"Left out: {', '.join(what)}: {reason}"
    for reason, what in skipped([*told, *failed]).items()
  ]


def text(found: Sequence[Section], more: Sequence[str]) -> str:
  """Returns all rows in plain ASCII, for a terminal."""
  lines = []
  for section in found:
    rows = [[cell.text for cell in row] for row in section.table.rows]
    lines += [section.heading, ""]
    lines += tables.aligned([section.table.header, *rows])
    lines += ["", *_tests(section.group), ""]
  return "\n".join([*lines, *more])


def _tests(group: Group) -> list[str]:
  """Returns a line on the paired tests of the first metric."""
  if group.baseline is None or not group.p_values:
    return []
  metric = group.metrics[0]
  values = ", ".join(
    f"{label} {p[metric]:.4f}" for label, p in group.p_values.items()
  )
  return [
    f"p of {tables.title(metric)} against {group.baseline.label}: {values}."
  ]


def _markdown(found: Sequence[Section], more: Sequence[str]) -> str:
  lines = []
  for section in found:
    lines += [f"## {tables.markdown_text(section.heading)}", ""]
    lines += [*tables.markdown_lines(section.table), ""]
    lines += [f"- {tables.markdown_text(note)}" for note in section.notes]
    lines.append("")
  lines += [f"- {tables.markdown_text(line)}" for line in more]
  return "\n".join(lines) + "\n"


def _comma_separated(found: Sequence[Section], more: Sequence[str]) -> str:
  del more  # A line is a system.
  rows: list[dict[str, object]] = []
  for section in found:
    group = section.group
    first = METRICS[0]
    shared = {"row": section.row, "dataset": group.first.dataset}
    for system in group.systems:
      estimates = system.result.metrics
      rows.append(
        shared
        | {"n": group.first.n, "system": system.label}
        | {m: estimates[m].value for m in METRICS}
        | {"low": estimates[first].low, "high": estimates[first].high}
        | {"p": group.p_values.get(system.label, {}).get(first, "")}
      )
    rows.append(
      shared
      | {"system": "chance"}
      | {m: group.first.chance[m] for m in METRICS}
    )
    for system, figures in PAPER[section.row].items():
      rows.append(
        {"row": section.row, "system": f"paper: {system}"}
        | dict(zip(METRICS, figures, strict=True))
      )
  return tables.csv_text(_COLUMNS, rows)


def _page(found: Sequence[Section], more: Sequence[str]) -> str:
  environment = jinja2.Environment(
    loader=jinja2.PackageLoader("instructrec_jax.report"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
  )
  return environment.get_template("reproduce.html.j2").render(
    sections=found, more=more
  )


_WRITERS: Mapping[str, Callable[[Sequence[Section], Sequence[str]], str]] = {
  "report.html": _page,
  "report.md": _markdown,
  "report.csv": _comma_separated,
}


def write(
  out: Path, found: Sequence[Section], more: Sequence[str]
) -> list[Path]:
  """Writes the report in all its forms, and returns the files.

  Args:
    out: The folder.
    found: The rows.
    more: Lines on what was left out.
  """
  for name, writer in _WRITERS.items():
    atomic_write_text(out / name, writer(found, more))
  return [out / name for name in _WRITERS]
