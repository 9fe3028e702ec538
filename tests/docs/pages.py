"""The documentation's pages, taken apart: blocks, commands, names, links."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (
  *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG")),
  *sorted(ROOT.glob("docs/*.md")),
)
GIN_PATH = "$(instructrec gin-path)"
_BLOCK = re.compile(r"^```(\S*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def name_of(page: Path) -> str:
  """Returns a file's path in the repository."""
  return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
  """Returns the page's blocks of one language."""
  found = _BLOCK.findall(page.read_text())
  return [text for kind, text in found if kind == language]


def prose(page: Path) -> str:
  """Returns the page without its blocks."""
  return _BLOCK.sub("", page.read_text())


def names(page: Path) -> list[str]:
  """Returns what stands in single backticks."""
  return re.findall(r"`([^`\n]+)`", prose(page))


def links(page: Path) -> list[str]:
  """Returns the targets of the page's links that stay in the repository."""
  targets = re.findall(r"\]\(([^)\s]+)\)", prose(page))
  return [target for target in targets if "://" not in target]


def anchors(page: Path) -> set[str]:
  """Returns what the page's headings are called in links."""
  headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
  return {
    re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
    for heading in headings
  }


def header_commands(gin_file: Path) -> Iterator[list[str]]:
  """Yields a gin file's commands, and bindings that one may add, as words."""
  lines = re.findall(r"^#   (.*)$", gin_file.read_text(), re.MULTILINE)
  for words in commands("\n".join(lines)):
    if words[0] in ("instructrec", "python") or words[0].startswith("--gin."):
      yield words


def commands(script: str) -> Iterator[list[str]]:
  """Yields a script's commands as words, with its variables put in place."""
  variables: dict[str, str] = {}
  script = script.replace("\\\n", " ").replace(GIN_PATH, "gin")
  for line in script.splitlines():
    words = []
    for word in shlex.split(line, comments=True):
      value = variables.get(word.removeprefix("$"))
      # An unquoted variable is split at blanks; quotes in it are kept.
      words += value.split() if value and word[0] == "$" else [word]
    if not words:
      continue
    variable = re.fullmatch(r"([A-Z]+)=(.*)", words[0])
    if variable and len(words) == 1:
      variables[variable[1]] = variable[2]
    else:
      yield words
