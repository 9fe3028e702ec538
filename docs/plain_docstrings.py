"""Lets Sphinx read docstrings that are written as plain text.

Our docstrings have Google's sections and code in single backticks, and are no
reStructuredText otherwise: a star is a star, and an indented block stands as it
is. Here they are given the marks that Sphinx needs for that.
"""

import re

from sphinx.application import Sphinx

_CODE = re.compile(r"(`[^`]+`)")
# What begins or ends markup outside of code.
_MARKUP = re.compile(r"[*|\\]|(?<=\w)_(?!\w)")

# What Python says of a NamedTuple's field; the class's docstring says more.
_FIELD = re.compile(r"Alias for field number \d+$")


def process(
  app: Sphinx, what: str, name: str, obj: object, options: object, lines: list
) -> None:
  """Puts reStructuredText in place of a docstring's lines."""
  del app, name, obj, options
  if lines and _FIELD.match(lines[0]):
    lines.clear()
    return
  written = [_line(line) for line in lines]
  # In functions and classes an indented block is a section of Google's.
  lines[:] = _with_blocks(lines, written) if what == "module" else written


def _line(line: str) -> str:
  """Returns a line with its code marked, and nothing else that is markup."""
  parts = _CODE.split(line)
  parts[::2] = [_MARKUP.sub(r"\\\g<0>", part) for part in parts[::2]]
  for i in range(1, len(parts), 2):
    # A letter may follow, as in `Array`s.
    joined = "\\ " if re.match(r"\w", parts[i + 1]) else ""
    parts[i] = f"`{parts[i]}`{joined}"
  return "".join(parts)


def _with_blocks(raw: list[str], written: list[str]) -> list[str]:
  """Returns the lines, those that are indented as blocks of plain text."""
  lines, inside = [], False
  for plain, line in zip(raw, written, strict=True):
    indented = plain.startswith(" ")
    if plain and indented != inside:
      lines += ["", "::", ""] if indented else [""]
      inside = indented
    lines.append(plain if inside else line)
  return lines


def skip(
  app: Sphinx, what: str, name: str, obj: object, skipped: bool, options: object
) -> bool | None:
  """Leaves out another library's functions that are our fields' defaults."""
  del app, what, name, skipped, options
  module = getattr(obj, "__module__", None)
  if callable(obj) and module and not module.startswith("instructrec_jax"):
    return True
  return None


def setup(app: Sphinx) -> dict[str, bool]:
  """Has docstrings processed before napoleon reads their sections."""
  app.connect("autodoc-process-docstring", process, priority=100)
  app.connect("autodoc-skip-member", skip)
  return {"parallel_read_safe": True}
