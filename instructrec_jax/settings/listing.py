"""Lists of the macros: for `--help`, and for docs/settings.md."""

import re
import textwrap

from instructrec_jax.settings import macros

# Between these two, docs/settings.md has what `in_markdown` returns.
BEGIN = "<!-- Written from instructrec_jax/settings/macros.py. -->"
END = "<!-- The end of what is written from there. -->"


def in_help(run: str) -> str:
  """Returns the macros of a kind of run, with a line each, for `--help`."""
  rows = macros.of_run(run)
  width = max(map(len, rows))
  lines = ["macros (--gin.NAME=VALUE, or in a gin file; docs/settings.md):"]
  for name, macro in rows.items():
    first = re.match(r".*?[.;:](?= |$)", macro.meaning)
    text = first[0].rstrip(".;:") if first else macro.meaning
    # A line of 80 columns, which shows the default as well.
    default = "" if macro.default == macros.REQUIRED else f" ({macro.default})"
    room = 80 - width - 4 - len(default)
    text = textwrap.shorten(text, max(room, 10), placeholder=" …")
    lines.append(f"  {name:<{width}}  {text}{default}")
  return "\n".join(lines)


def in_markdown() -> str:
  """Returns the tables of all macros, under their headings."""
  parts = [BEGIN, ""]
  for section in macros.SECTIONS:
    parts += [f"## {section}", "", "| macro | expected | default | meaning |"]
    parts += ["|---|---|---|---|"]
    parts += [_row(m) for m in macros.MACROS if m.section == section]
    parts.append("")
  return "\n".join([*parts, END])


def in_page(page: str) -> str:
  """Returns docs/settings.md with its tables as they are today."""
  before, _, rest = page.partition(BEGIN)
  return before + in_markdown() + rest.partition(END)[2]


def _row(macro: macros.Macro) -> str:
  default = "" if macro.default == macros.REQUIRED else f"`{macro.default}`"
  meaning = re.sub(r"(?<![\w`])(--\w+)", r"`\1`", macro.meaning)
  if macro.t5x_only:
    runs = [macros.RUNS[run] for run in macro.runs]
    which = "T5X" if len(runs) > 1 else runs[0]
    meaning = f"{which}: {meaning[0].lower()}{meaning[1:]}"
  return f"| `{macro.name}` | {macro.kind.words} | {default} | {meaning} |"
