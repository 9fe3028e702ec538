"""What README and docs name or link to is there."""

import re

import pytest

from instructrec_jax import gin_files
from instructrec_jax.cli import program
from instructrec_jax.data import sources
from tests.docs import pages

_FOLDERS = (
  "instructrec_jax|tasks|gin|launch|benchmarks|tests|docs|models|experiments"
)
# Where a macro is set, or looked at.
_MACRO = r"^([A-Z_]+) =|%([A-Z_]+)"


@pytest.fixture(scope="module")
def flags():
  """The flags of all commands, launchers and scripts that pages show."""
  files = [
    *pages.ROOT.glob("instructrec_jax/cli/**/*.py"),
    *pages.ROOT.glob("benchmarks/*.py"),
    *pages.ROOT.glob("launch/*.sh"),
    pages.ROOT / "tests/teacher/kill_and_resume.py",
  ]
  text = "\n".join(file.read_text() for file in files)
  roles = {r.strip("?") for s in sources.SOURCES.values() for r in s.files}
  options = {o for s in sources.SOURCES.values() for o in s.options}
  return {
    "--help",
    "--no-exclude_history",
    *re.findall(r"--[\w-]+", text),
    *(f"--{role}_file" for role in roles),
    *(f"--{option}" for option in options),
  }


def test_the_pages_are_there():
  assert len(pages.PAGES) >= 15
  readme = (pages.ROOT / "README.md").read_text()
  assert len(readme.splitlines()) <= 240


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name_of)
def test_a_link_leads_somewhere(page):
  for link in pages.links(page):
    target, _, anchor = link.partition("#")
    file = page.parent / target if target else page
    if target == "commands.rst":  # Written when the site is built.
      continue
    assert file.exists(), f"{link}: no {target}"
    assert not anchor or anchor in pages.anchors(file), f"no heading {link}"


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name_of)
def test_a_name_in_the_text_is_one_of_today(page, flags):
  """Of files, commands, make targets and flags, in single backticks."""
  makefile = (pages.ROOT / "Makefile").read_text()
  for name in pages.names(page):
    words = name.split()
    if "/room/" in name or "/module" in name:  # Any of them.
      continue
    if re.fullmatch(rf"(\./)?({_FOLDERS})/[\w./-]*", name):
      path = name.removeprefix("./")
      places = (pages.ROOT / path, pages.ROOT / "gin" / path)
      assert any(place.exists() for place in places), f"no file {name}"
    elif words[0] == "instructrec" and len(words) > 1:
      assert words[1] in {*program.commands_by_name(), "COMMAND", "--help"}
    elif words[0] == "make" and len(words) > 1:
      assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), name
    for word in words:
      flag = word.partition("=")[0]
      if re.fullmatch(r"--[a-z]\w[\w-]*", flag):
        assert flag in flags, f"no flag {flag}"


def test_every_macro_is_in_the_table_of_settings_and_no_other():
  [page] = [page for page in pages.PAGES if page.name == "settings.md"]
  cells = re.findall(r"^\| (`[A-Z].*?) \|", page.read_text(), re.MULTILINE)
  told = [macro for cell in cells for macro in re.findall(r"[A-Z_]{2,}", cell)]
  there = set()
  for path in gin_files.path().rglob("*.gin"):
    for found in re.findall(_MACRO, path.read_text(), re.MULTILINE):
      there |= set(found) - {""}
  # T5X has a default of its own for EVAL_SPLIT in training.
  assert set(told) == there


def test_a_room_is_in_the_map_of_the_readme():
  readme = (pages.ROOT / "README.md").read_text()
  for room in (pages.ROOT / "instructrec_jax").iterdir():
    # gin/ and tasks/ are links to the folders at the root.
    if (room / "__init__.py").exists() and not room.is_symlink():
      assert f"`instructrec_jax/{room.name}/`" in readme
