"""The test of a module is found by its name, or stands in a table here."""

import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
# Modules that have no test of their own name, and why: a command is its flags
# and one call, and a table of words is read by whatever fills it.
ALIKE = {
  "cli/__main__.py": "tests/cli/program_test.py",
  "cli/commands/*.py": "tests/docs/commands_test.py",
  "instructions/*wordings.py": "tests/instructions/templates_test.py",
  "instructions/rows.py": "tests/instructions/templates_test.py",
  "itdr/wordings.py": "tests/itdr/render_test.py",
  "teacher/rules/lexicon/*.py": "tests/teacher/rules/preferences_test.py",
}
# By the test, other modules that it is about, and why it is not divided.
TESTED_BY = {
  "tests/baselines/asked/command_test.py": (
    "baselines/asked/asking.py baselines/asked/measuring.py"
    " baselines/asked/wordings.py teacher/asked/manner.py",
    "what is asked, and what answers are worth, by all its steps"),
  "tests/gin_files_test.py": (
    "configurables.py", "every name that a gin file may bind"),
  "tests/cli/program_test.py": (
    "cli/shared/flags.py", "flags are what a command line is read with"),
  "tests/runs/cache_test.py": (
    "batches/caching.py", "what the command drives"),
  "tests/batches/from_tokens_test.py": (
    "batches/rows.py batches/train_batches.py",
    "batches of tokens, by all their steps"),
  "tests/batches/from_records_test.py": (
    "batches/iterator.py", "the type of what it returns"),
  "tests/runs/evaluate_test.py": (
    "batches/training_data.py runs/train.py"
    " runs/seqio_evaluation.py tasks/parts.py",
    "a run is trained once for all of them"),
  "tests/data/candidates/draw_test.py": (
    "data/candidates/kinds.py", "kinds are drawn from"),
  "tests/data/formats/text_test.py": (
    "data/formats/blocks.py data/formats/raw.py", "files, block by block"),
  "tests/data/sources/yelp_test.py": (
    "data/formats/spooled_lines.py", "what its long files are read with"),
  "tests/data/records/build_test.py": (
    "data/records/files.py data/records/read.py data/targets.py"
    " vocabulary/training.py",
    "what is built is read back"),
  "tests/runs/demo_test.py": (
    "data/simulate.py data/planted.py",
    "the world has the optimum that it says"),
  "tests/data/sources/lastfm_test.py": (
    "data/sources/people.py", "the one whose people are read"),
  "tests/describe/gather_test.py": (
    "describe/numbers.py describe/rendered.py describe/tables.py",
    "one description, held against the records"),
  "tests/eval/procedures/rankings_test.py": (
    "eval/procedures/asking.py eval/procedures/adaptive.py",
    "procedures, with an asker of known taste"),
  "tests/eval/recording/evaluator_test.py": (
    "eval/target.py", "a type, as metrics take it"),
  "tests/report/page_test.py": (
    "eval/recording/examples.py report/figures.py report/background.py",
    "a page is drawn of them"),
  "tests/export/write_test.py": (
    "export/command.py export/untokenized.py batches/contents.py",
    "what the command writes"),
  "tests/instructions/render_test.py": (
    "instructions/order.py tasks/family_records.py"
    " vocabulary/run_vocabulary.py",
    "orders, records and pieces show in what is rendered"),
  "tests/tasks/editions_test.py": (
    "tasks/registration.py", "tasks that are registered"),
  "tests/itdr/whole_test.py": (
    "itdr/build.py itdr/command.py itdr/features.py itdr/parts.py"
    " itdr/taught.py",
    "all pairs are built once"),
  "tests/itdr/another_dataset_test.py": (
    "itdr/tables.py", "tables of a dataset of one's own"),
  "tests/model/ranking_model_test.py": (
    "model/candidate_pass.py", "a score is what the pass gives"),
  "tests/baselines/systems_test.py": (
    "baselines/world.py", "what systems ask of a dataset"),
  "tests/batches/sequences_test.py": (
    "batches/items.py", "items whose histories are read"),
  "tests/model/items/item_model_test.py": (
    "model/items/config.py model/items/full_softmax.py model/items/network.py"
    " model/parameters.py",
    "what a model is made of"),
  "tests/optim/optimizers_test.py": (
    "optim/adafactor.py", "held against optax beside the others"),
  "tests/plan/report_test.py": (
    "plan/compile.py plan/steps.py", "compiling for TPUs takes libtpu"),
  "tests/eval/answers/answer_metrics_test.py": (
    "report/unranked.py", "figures that are not of rankings, side by side"),
  "tests/teacher/rules/extractive_test.py": (
    "teacher/protocol.py", "the types of what a teacher is asked"),
  "tests/teacher/rules/intentions_test.py": (
    "teacher/rules/facts/needs.py teacher/rules/facts/statements.py",
    "facts of a review, as they are told"),
  "tests/teacher/rules/audiences_test.py": (
    "teacher/rules/facts/opinions.py", "reviews' opinions, as told"),
  "tests/teacher/rules/interests_test.py": (
    "teacher/rules/facts/votes.py", "votes for what is liked, as told"),
  "tests/weights/convert_test.py": (
    "weights/native.py", "our format, to and fro"),
  "tests/weights/t5x_test.py": (
    "weights/orbax_item.py weights/zarr_array.py", "T5X's files hold arrays"),
}  # fmt: skip


def _modules():
  """Returns the modules, by their places in the package."""
  package = ROOT / "instructrec_jax"
  return {
    path.relative_to(start)
    for start, paths in (
      (package, package.rglob("*.py")),
      (ROOT, (ROOT / "tasks").glob("*.py")),
    )
    for path in paths
    # Of an editable checkout, tasks is a link in the package.
    if path.name != "__init__.py"
  }


def _test_of(module):
  return ROOT / "tests" / module.with_name(f"{module.stem}_test.py")


_MODULES = _modules()


def _tested_elsewhere():
  return {
    pathlib.Path(module): test
    for test, (modules, _) in TESTED_BY.items()
    for module in modules.split()
  }


def test_every_module_has_a_test_where_one_looks_for_it():
  assert len(_MODULES) > 200
  elsewhere = _tested_elsewhere()
  missing = [
    str(module)
    for module in sorted(_MODULES)
    if not _test_of(module).exists()
    and module not in elsewhere
    and not any(module.match(pattern) for pattern in ALIKE)
  ]
  assert missing == [], "add tests/<room>/<module>_test.py"


@pytest.mark.parametrize("test", TESTED_BY)
def test_the_table_is_of_modules_without_a_test_of_their_name(test):
  modules, why = TESTED_BY[test]
  assert (ROOT / test).is_file()
  assert modules.split()
  assert why
  for module in map(pathlib.Path, modules.split()):
    assert module in _MODULES, module
    assert not _test_of(module).exists(), f"{module} has a test of its own"


@pytest.mark.parametrize("pattern", ALIKE)
def test_what_is_alike_is_there(pattern):
  assert (ROOT / ALIKE[pattern]).is_file()
  assert [module for module in _MODULES if module.match(pattern)]


def test_the_table_is_short():
  assert len(TESTED_BY) <= 35
