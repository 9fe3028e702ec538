"""What gin has read is held against the table, before anything is done."""

import gin
import pytest

from instructrec_jax import gin_files
from instructrec_jax.errors import InputError
from tests import tiny

_FILES = ("runs/native_finetune.gin", "experiments/demo.gin")
# A binding of the command line, and what must stand in the one line.
_WRONG = {
  "TRAIN_STEP=5": "unknown macro 'TRAIN_STEP'. Did you mean 'TRAIN_STEPS'",
  "LEARNING_RAET=1": "Did you mean 'LEARNING_RATE'",
  "EVAL_SPLIT='test'": "EVAL_SPLIT is no setting of instructrec train",
  "KEEP_CHECKPOINTS=0": "KEEP_CHECKPOINTS = 0: expected a whole number of 1",
  "LOG_PERIOD=0": "LOG_PERIOD = 0: expected",
  "CHECKPOINT_PERIOD=-1": "CHECKPOINT_PERIOD = -1: expected",
  "TRAIN_STEPS=1e3": "(write 1000)",
  "DROPOUT_RATE=2": "expected a number of 0 or more, and below 1",
  "DROPOUT_RATE=%BATCH_SIZE": "DROPOUT_RATE = 16: expected",
  "MODEL_DIR=runs/x": "--gin.MODEL_DIR=\"'runs/x'\"",
  "DTYPE=bfloat16": "--gin.DTYPE=\"'bfloat16'\"",
  "VOCABULARY=3": "VOCABULARY = 3: expected a text",
  "TASK_FEATURE_LENGTHS={'inputs': 5}": "'targets' is missing",
  "TASK_FEATURE_LENGTHS={'inputs': 5": "EOF",
  "OPTIMIZER=@adagrad()": "Did you mean 'adamw' or 'adafactor'",
  "OPTIMIZER=@adafactor": "(write @adafactor())",
  "OPTIMIZER='adamw'": "expected @adafactor() or @adamw()",
  "OPTIMIZER=@RankingModel()": "expected @adafactor() or @adamw()",
  "TRAIN_STEPS=%STEPS": "%STEPS, which nothing binds. Did you mean %TRAIN_S",
  "LEARNING_RATE=%LEARNING_RATE": "stands for itself",
  "TRAIN_STEPS=": "expected --gin.NAME=VALUE",
  "TRAIN_STEPS=1 2": "--gin.TRAIN_STEPS=1 2",
  "T5Config.emb_dim='64'": "T5Config.emb_dim = '64': expected a whole number",
  "T5Config.emb=64": "Did you mean 'emb_dim'",
  "T5Confg.emb_dim=64": "Did you mean 'T5Config'",
  "runner.train.log_period='x'": "train.log_period = 'x': expected a whole",
  "RANDOM_SEED=-1": "RANDOM_SEED = -1: expected",
}


def _refused(*bindings, files=_FILES, run="train"):
  with pytest.raises(InputError) as error:
    gin_files.parse(files, bindings, run=run)
  assert "\n" not in str(error.value)
  return str(error.value)


@pytest.mark.parametrize("binding", _WRONG)
def test_a_wrong_binding_is_told_in_a_line(binding):
  assert _WRONG[binding] in _refused(binding)


@pytest.mark.parametrize(
  ("binding", "macro", "told"),
  [
    ("T5Config.emb_dim=0", "MODEL", "T5Config.emb_dim = 0: expected"),
    ("RankingModel.length_power=-1", "MODEL", "(LENGTH_POWER) = -1: expected"),
    ("adamw.b1=1", "OPTIMIZER", "adamw.b1 = 1: expected"),
    ("WARMUP_STEPS=440", "OPTIMIZER", "less than train_steps"),
    ("RankingModel.z_loss=-1", "MODEL", "RankingModel.z_loss = -1: expected"),
  ],
)
def test_a_wrong_parameter_is_told_when_it_is_used(binding, macro, told):
  gin_files.parse(_FILES, [binding], run="train")
  with pytest.raises(InputError) as error:
    gin_files.macro(macro)
  assert told in str(error.value)
  assert "\n" not in str(error.value), "gin adds lines"


def test_macros_of_ones_own_are_used_by_ones_own_files(tmp_path):
  file = tmp_path / "own.gin"
  begin = 'include "./experiments/demo.gin"\n'
  files = ("runs/native_finetune.gin", str(file))
  file.write_text(f"{begin}MINE = 0.25\nDROPOUT_RATE = %MINE\n")
  gin_files.parse(files, ["MINE=0.5"], run="train")
  assert gin_files.macro("DROPOUT_RATE") == 0.5
  # T5X's macros may stand in the same experiment.
  file.write_text(f'{begin}EVAL_SPLIT = "test"\n')
  gin_files.parse(files, [], run="train")
  file.write_text(f"{begin}TRAIN_STEP = 3\n")
  assert "'TRAIN_STEPS'" in _refused(files=files)
  file.write_text(f"{begin}\nT5Config.emb_dim = x\n")
  assert f"{file}, line 3: expected a value" in _refused(files=files)
  file.write_text(f"{begin}T5Config.emb = 3\n")
  assert f"{file}, line 2: unknown parameter" in _refused(files=files)
  file.write_text(f"{begin}import no_such_module\n")
  assert f"{file}, line 2: No module named" in _refused(files=files)


def test_a_model_without_sizes_says_what_it_lacks():
  bindings = (*tiny.DATA[2:], "MODEL=@RankingModel()", "MODEL_DIR='x'")
  bindings += ("OPTIMIZER=@adamw()", "TRAIN_STEPS=1")
  gin_files.parse(["runs/native_finetune.gin"], bindings, run="train")
  with pytest.raises(InputError, match=r"^MODEL: RankingModel lacks \['config"):
    gin_files.macro("MODEL")


def test_what_a_run_says_while_it_works_stays_one_line():
  @gin.configurable(module="tests.bound")
  def fails(kind=InputError):
    raise kind("one line")

  with pytest.raises(InputError) as error:
    fails()
  assert str(error.value) == "one line"
  with pytest.raises(ValueError, match="In call to configurable 'fails'"):
    fails(ValueError)


def test_search_paths_of_an_earlier_run_are_forgotten(tmp_path):
  (tmp_path / "only_here.gin").write_text("")
  (tmp_path / "mine.gin").write_text('include "only_here.gin"\n')
  mine = str(tmp_path / "mine.gin")
  gin_files.parse([mine], [], [str(tmp_path)])
  with pytest.raises(InputError, match="only_here"):
    gin_files.parse([mine], [])
