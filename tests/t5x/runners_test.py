"""T5X's own programs run our experiments, and agree with our runner.

One experiment is trained for 20 steps by `python -m t5x.train` and by our own
runner, from the same parameters; each run is also continued, from its middle,
by the other runner. All of it in small: a tiny network on the world `small`.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from instructrec_jax import gin_files
from instructrec_jax.eval.recording import results
from instructrec_jax.runs import evaluate, train
from instructrec_jax.weights import convert
from tests import tiny

pytest.importorskip("t5x.train", reason="T5X is not installed")

_EXPERIMENT = """
include "./models/flan_t5_tiny.gin"

MIXTURE_OR_TASK_NAME = "instructrec_small_history"
TASK_FEATURE_LENGTHS = {"inputs": 192, "targets": 16}
VOCABULARY = "small"
VOCAB_SIZE = 320
DROPOUT_RATE = 0.0
LEARNING_RATE = 0.01
TRAIN_STEPS = 20
BATCH_SIZE = 8
CHECKPOINT_PERIOD = 10
KEEP_CHECKPOINTS = None
EVAL_PERIOD = 20
EVAL_STEPS = 2
LOG_PERIOD = 1
"""
# One layer is as good as two, and compiles in half the time.
_LAYERS = ("T5Config.num_encoder_layers = 1", "T5Config.num_decoder_layers = 1")
_TASKS = [f"instructrec_small_p1_i0_t{form}" for form in (0, 2, 3)]


@pytest.fixture(scope="module", autouse=True)
def _shuffled_as_t5x_does():
  """T5X's programs know nothing of what lets tests begin early."""
  tiny.shorten_shuffling(tiny.SHUFFLED)
  yield
  tiny.shorten_shuffling()


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
  """A folder with an experiment, and folders that gin might stumble over."""
  folder = tmp_path_factory.mktemp("t5x")
  for name in ("models", "runs", "experiments"):
    (folder / name).mkdir()
  (folder / "experiment.gin").write_text(_EXPERIMENT)
  return folder


def _t5x(program, run, workplace, data, **macros):
  """Runs one of T5X's programs in the workplace; returns what it logged."""
  bindings = [f"{name} = {value!r}" for name, value in macros.items()]
  done = subprocess.run(
    [sys.executable, "-m", f"t5x.{program}",
     f"--gin_search_paths={gin_files.path()}",
     f"--gin_file=./runs/{run}.gin", "--gin_file=./experiment.gin",
     f"--tfds_data_dir={data / 'records'}",
     *(f"--gin.{binding}" for binding in (*bindings, *_LAYERS))],
    cwd=workplace,
    # On one device: T5X would split the model over all CPUs that there are.
    env=os.environ
    | {"XLA_FLAGS": "", "PYTHONPATH": os.pathsep.join(sys.path)},
    capture_output=True,
    text=True,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr[-4000:]
  return done.stderr


def _native(model_dir, workplace, data, **macros):
  macros |= {"MODEL_DIR": str(model_dir)}
  train.train(
    ["runs/native_finetune.gin", str(workplace / "experiment.gin")],
    [
      *(f"{name} = {value!r}" for name, value in macros.items()),
      *_LAYERS,
    ],
    tfds_data_dir=str(data / "records"),
  )
  lines = (model_dir / "metrics.jsonl").read_text().splitlines()
  return {row["step"]: row["loss"] for row in map(json.loads, lines)}


def _logged(model_dir, part="train"):
  """Returns the losses by step of T5X's event files."""
  from tensorboard.backend.event_processing import event_file_loader
  from tensorboard.util import tensor_util

  return {
    event.step: float(tensor_util.make_ndarray(value.tensor))
    for file in sorted((model_dir / part).glob("events*"))
    for event in event_file_loader.EventFileLoader(str(file)).Load()
    for value in event.summary.value
    if value.tag == "loss"
  }


def _assert_same(losses, expected, first=1):
  assert list(losses) == list(range(first, 21))
  # Sums are in another order, and each step adds to the difference.
  np.testing.assert_allclose(
    list(losses.values()), [expected[step] for step in losses], rtol=2e-5
  )


@pytest.fixture(scope="module")
def by_t5x(workplace, small_data):
  """A run of T5X's, from random parameters; its name is relative."""
  _t5x("train", "finetune", workplace, small_data, MODEL_DIR="by_t5x")
  return workplace / "by_t5x"


@pytest.fixture(scope="module")
def by_us(workplace, small_data, by_t5x):
  """A run of ours, from the parameters that T5X's began with."""
  model_dir = workplace / "by_us"
  losses = _native(
    model_dir,
    workplace,
    small_data,
    INITIAL_CHECKPOINT_PATH=str(by_t5x / "checkpoint_0"),
  )
  return model_dir, losses


def test_losses_of_twenty_steps_agree(by_t5x, by_us):
  _, losses = by_us
  _assert_same(losses, _logged(by_t5x))
  assert losses[20] < 0.9 * losses[1], "nothing was learnt"


def test_our_runner_goes_on_with_a_run_of_t5x(workplace, small_data, by_t5x):
  model_dir = workplace / "t5x_then_us"
  convert.convert(
    by_t5x / "checkpoint_10", model_dir, "native", optimizer="carry"
  )
  losses = _native(model_dir, workplace, small_data)
  _assert_same(losses, _logged(by_t5x), first=11)


def test_t5x_goes_on_with_a_run_of_ours(workplace, small_data, by_us):
  ours, expected = by_us
  model_dir = workplace / "us_then_t5x"
  convert.convert(ours, model_dir, "t5x", optimizer="carry", step=10)
  _t5x(
    "train",
    "finetune",
    workplace,
    small_data,
    MODEL_DIR=str(model_dir),
    EVAL_PERIOD=0,
  )
  _assert_same(_logged(model_dir), expected, first=11)


def test_t5x_measures_while_it_trains(by_t5x):
  for task in _TASKS:
    result = results.read_result(by_t5x / "inference_eval" / task / "20")
    assert (result.system, result.split, result.n) == (
      "t5x",
      "validation_2k",
      60,
    )
    assert {"hr@1", "hr@5", "ndcg@5"} <= result.metrics.keys()
    assert _logged(by_t5x, f"training_eval/{task}").keys() == {20}


@pytest.mark.parametrize(
  "weights",
  [{}, {"PRIOR_WEIGHT": 0.8, "POPULARITY_WEIGHT": 0.5, "PRIOR_REQUESTS": 2}],
  ids=["likelihood", "exchanged"],
)
def test_t5x_evaluates_as_we_do(workplace, small_data, by_t5x, weights):
  out = "exchanged" if weights else "evaluated"
  _t5x(
    "eval",
    "evaluate",
    workplace,
    small_data,
    MODEL_DIR="by_t5x",
    EVAL_OUTPUT_DIR=out,
    EVAL_BATCH_SIZE=16,
    **weights,
  )
  ours = evaluate.evaluate(
    str(by_t5x),
    [str(workplace / "experiment.gin")],
    [*_LAYERS, *(f"{name} = {value!r}" for name, value in weights.items())],
    tfds_data_dir=str(small_data / "records"),
    out=workplace / f"{out}_by_us",
    split="test",
    batch_size=16,
  )
  for task, folder in zip(_TASKS, ours, strict=True):
    theirs = workplace / out / "inference_eval" / task / "20"
    one, other = (results.read_result(f) for f in (folder, theirs))
    assert one.weights == other.weights
    assert bool(one.weights) == bool(weights)
    for name, metric in one.metrics.items():
      assert other.metrics[name] == metric
    one, other = (results.read_predictions(f) for f in (folder, theirs))
    # T0's scores are differences of two likelihoods, some of them near 0.
    np.testing.assert_allclose(one.scores, other.scores, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("exclude_history", [True, False])
def test_t5x_ranks_the_catalogue_as_we_do(
  workplace, small_data, by_t5x, exclude_history
):
  out = f"catalogue_{exclude_history}"
  _t5x(
    "eval",
    "evaluate_catalogue",
    workplace,
    small_data,
    MODEL_DIR="by_t5x",
    EVAL_OUTPUT_DIR=out,
    EVAL_BATCH_SIZE=16,
    NUM_BEAMS=6,
    EXCLUDE_HISTORY=exclude_history,
  )
  [ours] = evaluate.evaluate(
    str(by_t5x),
    [str(workplace / "experiment.gin")],
    [*_LAYERS, "NUM_BEAMS = 6"],
    tfds_data_dir=str(small_data / "records"),
    out=workplace / f"{out}_by_us",
    split="test",
    batch_size=16,
    rank="catalogue",
    exclude_history=exclude_history,
  )
  theirs = workplace / out / "inference_eval/catalogue" / _TASKS[1] / "20"
  one, other = map(results.read_result, (ours, theirs))
  assert (one.n, one.requests) == (other.n, other.requests)
  assert one.metrics == other.metrics
  assert one.metrics["hr@5"].value > 0
  one, other = map(results.read_predictions, (ours, theirs))
  np.testing.assert_array_equal(one.candidates, other.candidates)
  np.testing.assert_allclose(one.scores, other.scores, rtol=1e-4)


@pytest.mark.parametrize("mode", ["score", "predict"])
def test_t5x_infers(workplace, small_data, by_t5x, mode):
  _t5x(
    "infer",
    "infer",
    workplace,
    small_data,
    MODEL_DIR="by_t5x",
    MIXTURE_OR_TASK_NAME=_TASKS[-1],
    INFER_OUTPUT_DIR=mode,
    INFER_MODE=mode,
    EVAL_BATCH_SIZE=16,
  )
  file = workplace / mode / f"{_TASKS[-1]}-{mode}.jsonl-00000-of-00001"
  rows = [json.loads(line) for line in file.read_text().splitlines()]
  assert len(rows) == 60
  for row in rows:
    texts = row["inputs"]
    assert texts["targets_pretokenized"] in texts["inputs_pretokenized"]
    if mode == "score":
      assert len(row["score"]) == len(texts["candidate_items"]) == 10
    else:
      assert isinstance(row["prediction"], str)
