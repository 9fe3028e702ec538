"""The table and the gin files say the same."""

import re
import textwrap

import pytest

from instructrec_jax import gin_files
from instructrec_jax.errors import InputError
from instructrec_jax.settings import macros

# The kind of run of each file of gin/runs; models/t5.gin serves all.
_RUNS = {
  "evaluate": "t5x_eval",
  "evaluate_catalogue": "t5x_eval",
  "finetune": "t5x_train",
  "infer": "t5x_infer",
  "native_cache": "cache",
  "native_evaluate": "evaluate",
  "native_finetune": "train",
  "native_mixing": "mixing",
}
_FILES = sorted(gin_files.path().rglob("*.gin"))
# Comment lines, and the macro that is bound below them.
_BOUND = re.compile(r"((?:^#.*\n)*)^([A-Z][A-Z_]+) = (.+)$", re.MULTILINE)


def _bound(path):
  """Returns comment, name and value of each macro that a file binds."""
  return _BOUND.findall(path.read_text().replace("\\\n", " "))


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.name)
def test_a_macro_of_a_gin_file_is_in_the_table(path):
  text = path.read_text()
  names = {name for _, name, _ in _bound(path)}
  names |= set(re.findall(r"%([A-Z]\w+)", text))
  assert names <= macros.of_run(None).keys()


def test_the_table_has_no_macro_that_no_gin_file_has():
  bound = {name for path in _FILES for _, name, _ in _bound(path)}
  assert macros.of_run(None).keys() == bound


@pytest.mark.parametrize("name", [*_RUNS, "t5"])
def test_defaults_and_comments_are_those_of_the_table(name):
  [path] = [path for path in _FILES if path.stem == name]
  known = macros.of_run(_RUNS.get(name))
  checked = 0
  for comment, macro, value in _bound(path):
    assert macro in known, "add the kind of run to the table"
    row = known[macro]
    if value == macros.REQUIRED or (name, macro) == ("t5", "MODEL"):
      continue
    assert value == row.default, macro
    lines = textwrap.wrap(row.meaning, 78, break_on_hyphens=False)
    expected = "".join(f"# {line}\n" for line in lines)
    assert comment == expected, macro
    checked += 1
  assert checked


def test_macros_of_models_of_items_are_those_of_their_file():
  [path] = [path for path in _FILES if path.stem == "items"]
  rows = {
    row.name: row for row in macros.MACROS if row.section == "Models of items"
  }
  bound = {macro: (comment, value) for comment, macro, value in _bound(path)}
  for name, row in rows.items():
    comment, value = bound[name]
    assert value == row.default
    lines = textwrap.wrap(row.meaning, 78, break_on_hyphens=False)
    assert comment == "".join(f"# {line}\n" for line in lines)


@pytest.mark.parametrize("run", [r for r in macros.RUNS if r[:3] != "t5x"])
def test_a_run_requires_what_the_table_requires(run):
  """And what its file does not bind, a file of a model does."""
  file = {"mixing": "native_mixing", "train": "native_finetune"}
  [path] = [p for p in _FILES if p.stem == file.get(run, f"native_{run}")]
  required = {n for _, n, value in _bound(path) if value == macros.REQUIRED}
  said = {
    name
    for name, row in macros.of_run(run).items()
    if row.default == macros.REQUIRED and row.section != "Models of items"
  }
  assert required - {"OPTIMIZER"} == said


def test_a_name_that_nothing_reads_gets_the_right_one():
  told = str(macros.unknown("TRAIN_STEP", "train"))
  assert "unknown macro 'TRAIN_STEP'. Did you mean 'TRAIN_STEPS'" in told
  assert "\n" not in told
  told = str(macros.unknown("EVAL_SPLIT", "evaluate"))
  assert told.startswith(
    "EVAL_SPLIT is no setting of instructrec evaluate, but of T5X's eval, T5X's"
  )
  assert "MY_RATE" in str(macros.unknown("MY_RAET", None, own=["MY_RATE"]))


def test_a_parameter_is_checked_as_its_macro_is():
  with pytest.raises(InputError, match=r"^A.dtype \(DTYPE\) = 'f': expected"):
    macros.check_parameters("A", {"dtype": "f"})
  with pytest.raises(InputError, match=r"^LOG_PERIOD = 0: expected a whole"):
    macros.check_value("LOG_PERIOD", 0)
