"""The plan of the house: one job a folder, and imports that go one way."""

import ast
import functools
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "instructrec_jax"

# What any module may import.
_GROUND = ("", "errors", "paths", "files", "artifacts", "schema", "parquet")
# From the ground up: a folder, or a module of the top level, and what of the
# others it may import beside the ground. Whatever it imports stands above it
# in this table.
ROOMS = {
  "": (),
  "errors": (),
  "paths": ("errors",),
  "schema": ("errors",),
  "files": ("errors", "paths"),
  "parquet": ("errors", "paths"),
  "artifacts": ("errors", "paths", "files"),
  "quiet_tensorflow": (),
  "settings": (),
  "gin_files": ("settings",),
  "data/formats": (),
  "data/sources": ("data/formats",),
  "data": ("data/formats", "data/sources"),
  "data/candidates": ("data",),
  "data/records": ("data", "data/candidates"),
  "teacher": (),
  "teacher/checks": ("teacher",),
  "teacher/rules/lexicon": (),
  "teacher/rules/facts": ("teacher", "teacher/checks", "teacher/rules/lexicon"),
  "teacher/rules": (
    "data", "teacher", "teacher/checks", "teacher/rules/facts",
    "teacher/rules/lexicon",
  ),
  "teacher/asked": ("teacher", "teacher/checks"),
  "teacher/annotation": (
    "data", "teacher", "teacher/asked", "teacher/checks", "teacher/rules",
  ),
  "instructions": ("data/records", "settings"),
  "vectors": ("data/records",),
  "model": ("settings",),
  "model/items": ("model", "settings"),
  "optim": ("model", "settings"),
  "weights": ("gin_files", "model", "optim"),
  "vocabulary": ("data/records", "instructions", "model"),
  "itdr": (
    "data", "data/candidates", "data/records", "instructions", "teacher",
    "teacher/annotation", "teacher/checks", "vocabulary",
  ),
  "eval": (),
  "eval/answers": ("eval",),
  "eval/procedures": ("eval",),
  "eval/recording": (
    "data", "data/records", "eval", "eval/answers", "eval/procedures", "model",
    "vocabulary",
  ),
  "tasks": (
    "data", "data/records", "data/sources", "eval", "eval/answers",
    "eval/recording", "instructions", "itdr", "vocabulary",
  ),
  "batches": (
    "data", "data/records", "instructions", "model", "model/items", "settings",
    "tasks", "vectors", "vocabulary",
  ),
  "train": ("batches", "model", "optim", "settings", "weights"),
  "scoring": ("data/records", "model", "model/items", "train"),
  "baselines": ("data", "data/records", "eval", "eval/recording", "vectors"),
  "baselines/asked": (
    "baselines", "data/records", "eval", "eval/procedures", "eval/recording",
    "itdr", "quiet_tensorflow", "teacher", "teacher/annotation",
    "teacher/asked", "teacher/checks",
  ),
  "audit": ("data", "data/records", "eval"),
  "report": ("data/records", "eval", "eval/recording", "itdr"),
  "export": ("batches", "gin_files", "tasks", "vocabulary"),
  "describe": (
    "batches", "data", "data/records", "gin_files", "instructions", "report",
    "tasks", "vocabulary",
  ),
  "plan": ("gin_files", "model", "train"),
  "runs": (
    "baselines", "batches", "data", "data/candidates", "data/records", "eval",
    "eval/answers", "eval/procedures", "eval/recording", "export", "gin_files",
    "instructions", "model", "model/items", "quiet_tensorflow", "report",
    "scoring", "settings", "tasks", "teacher/annotation", "train",
    "vocabulary", "weights",
  ),
  "configurables": (
    "batches", "data/records", "eval/procedures", "instructions", "itdr",
    "model", "model/items", "optim", "runs", "train", "vocabulary",
  ),
  "reproduce": (
    "baselines", "data", "data/records", "eval/recording", "instructions",
    "report", "runs", "vectors",
  ),
  "cli/shared": ("audit", "data", "data/sources", "train"),
  "cli/commands": (
    "audit", "baselines", "baselines/asked", "cli/shared", "data",
    "data/records", "data/sources", "describe", "export", "gin_files", "itdr",
    "plan", "report", "reproduce", "runs", "settings", "teacher/annotation",
    "vectors", "vocabulary", "weights",
  ),
  "cli": ("cli/commands", "cli/shared", "quiet_tensorflow"),
}  # fmt: skip


@functools.cache
def modules():
  """Returns the file of each module, by its name; links are followed."""
  found = {}
  for folder in (PACKAGE, PACKAGE / "tasks"):
    for path in sorted(folder.rglob("*.py")):
      parts = path.relative_to(ROOT).with_suffix("").parts
      found[".".join(p for p in parts if p != "__init__")] = path
  return found


def room(module):
  """Returns the key of ROOMS that a module belongs to."""
  folder = modules()[module].parent.relative_to(PACKAGE).as_posix()
  if folder != ".":
    return folder
  return module.partition(".")[2]


def imported(module):
  """Yields the modules of ours that a module imports, in functions as well."""
  for node in ast.walk(ast.parse(modules()[module].read_text())):
    if isinstance(node, ast.Import):
      yield from (a.name for a in node.names if a.name in modules())
    elif isinstance(node, ast.ImportFrom) and node.module in modules():
      for alias in node.names:
        inner = f"{node.module}.{alias.name}"
        yield inner if inner in modules() else node.module


def test_every_module_has_a_room_and_every_room_a_module():
  assert {room(module) for module in modules()} == set(ROOMS)


def test_the_table_goes_one_way():
  order = list(ROOMS)
  for name, others in ROOMS.items():
    for other in others:
      assert order.index(other) < order.index(name), f"{name} above {other}"


@pytest.mark.parametrize("name", ROOMS)
def test_imports_are_those_of_the_table(name):
  inside = [module for module in modules() if room(module) == name]
  used = {room(other) for module in inside for other in imported(module)} - {
    name
  }
  assert not used - {*ROOMS[name], *_GROUND}, "imports that are not in ROOMS"
  assert not {*ROOMS[name]} - used, "ROOMS names what is not imported"


def test_imports_are_absolute():
  for module, path in modules().items():
    for node in ast.walk(ast.parse(path.read_text())):
      if isinstance(node, ast.ImportFrom):
        assert not node.level, f"{module}, line {node.lineno}"


def test_modules_are_small_and_few_stand_loose():
  long = {
    module: lines
    for module, path in modules().items()
    if (lines := len(path.read_text().splitlines())) > 500
  }
  assert not long
  assert len(list(PACKAGE.glob("*.py"))) <= 10


def test_the_readme_is_short():
  assert len((ROOT / "README.md").read_text().splitlines()) <= 240


def test_gin_s_folder_is_no_package():
  assert not list((ROOT / "gin").rglob("__init__.py"))
