"""All 33 tasks: built, trained on in one mixture, evaluated, and reported."""

import functools
import json

import gin
import pytest
import seqio

from instructrec_jax import cli, tasks
from instructrec_jax.batches import training_data
from instructrec_jax.itdr.pairs import PAIRS, SUBTASKS

_LENGTHS = {"inputs": 320, "targets": 128}
_EXPERIMENT = """
include "./models/tiny.gin"
MODEL_DIR = "{model_dir}"
MIXTURE_OR_TASK_NAME = "itdr"
TASK_FEATURE_LENGTHS = {lengths}
VOCABULARY = "{vocabulary}"
VOCAB_SIZE = 1024
TRAIN_STEPS = 4
WARMUP_STEPS = 2
LOG_PERIOD = 2
BATCH_SIZE = 8
T5Config.emb_dim = 16
T5Config.mlp_dim = 16
T5Config.num_heads = 4
T5Config.head_dim = 4
T5Config.num_encoder_layers = 1
T5Config.num_decoder_layers = 1
"""
# What each subtask is measured by, of the model's texts and of its scores.
_FIGURES = {
  "rating_prediction": {"rmse", "mae", "parse_failure_rate", "expected_rmse"},
  "top_k": {"ndcg@10", "hr@1", "precision@5"},
  "cross_domain": {"ndcg@10", "hr@1", "precision@5"},
  "next_item": {"hr@1"},
  "user_attributes": set(),
  "interests": {"bleu-1", "bleu-2", "rouge-1", "rouge-2", "rouge-l"},
  "target_users": {"bleu-1", "bleu-2", "rouge-1", "rouge-2", "rouge-l"},
}


@pytest.fixture(scope="module")
def counted(itdr_data):
  """The records of each task that do not fit."""
  tasks.use_records(itdr_data[0] / "records")
  with gin.unlock_config():
    gin.bind_parameter("vocabulary.location", str(itdr_data[1].vocabulary))
  yield training_data.count_too_long("itdr", _LENGTHS)
  gin.clear_config()
  seqio.set_tfds_data_dir_override(None)


@pytest.fixture(scope="module")
def trained(itdr_data, counted, tmp_path_factory):
  """The folder of a model that was trained on all tasks."""
  data, done = itdr_data
  folder = tmp_path_factory.mktemp("trained")
  experiment = folder / "itdr.gin"
  experiment.write_text(
    _EXPERIMENT.format(
      model_dir=folder / "model", vocabulary=done.vocabulary, lengths=_LENGTHS
    )
  )
  files = ["--gin_file=runs/native_finetune.gin", f"--gin_file={experiment}"]
  records = f"--tfds_data_dir={data / 'records'}"
  with pytest.MonkeyPatch.context() as patch:
    # They are counted for a task at a time, which takes half of the time.
    patch.setattr(training_data, "count_too_long", lambda *_: counted)
    assert cli.main(["train", *files, records]) == 0
  yield folder
  seqio.set_tfds_data_dir_override(None)


@pytest.fixture(scope="module")
def evaluated(trained):
  """A function that evaluates a subtask's mixture, once.

  It returns the folder of all results.
  """

  @functools.cache
  def evaluate(subtask):
    out = trained / "results"
    where = [f"--model_dir={trained / 'model'}", f"--out={out}"]
    which = f"--mixture_or_task_name=itdr_{subtask}"
    assert cli.main(["evaluate", *where, which, "--batch_size=8"]) == 0
    return out

  return evaluate


def test_all_pairs_are_built(itdr_data):
  _, done = itdr_data
  assert not done.absent
  assert list(done.manifests) == list(PAIRS)
  for name, manifest in done.manifests.items():
    counts = manifest["counts"]["records"]
    assert counts["validation"] <= 4, name
    assert counts["test"] <= 4, name
    assert sum(counts.values()) == 40, (name, manifest["counts"])


def test_no_record_is_too_long(counted):
  assert len(counted) == len(PAIRS)
  assert not any(counts["skipped"] for counts in counted.values())


def test_the_mixture_is_trained_on(trained, counted):
  lines = (trained / "model" / "metrics.jsonl").read_text().splitlines()
  losses = [json.loads(line) for line in lines]
  assert losses[-1]["step"] == 4
  manifest = json.loads((trained / "model" / "manifest.json").read_text())
  names = {pair.task for pair in PAIRS.values()}
  assert len(manifest["made_of"]["records"]) == len(names) == 33
  assert manifest["made_of"]["rates"].keys() == names
  assert manifest["too_long"] == counted
  assert counted.keys() == names


@pytest.mark.parametrize("name", PAIRS)
def test_every_task_is_measured(evaluated, itdr_data, name):
  pair = PAIRS[name]
  folder = evaluated(pair.subtask) / pair.task
  found = [
    json.loads(path.read_text()) for path in folder.rglob("metrics.json")
  ]
  tests = itdr_data[1].manifests[name]["counts"]["records"]["test"]
  assert {result["n"] for result in found} == {tests}
  named = {
    figure
    for result in found
    for figure in (*result["metrics"], *result["further"])
  }
  assert _FIGURES[pair.subtask] <= named
  if pair.subtask == "user_attributes":
    for field in pair.fields:
      assert any(field.replace("_", " ") in figure for figure in named)


def test_the_report_has_a_row_for_each_pair(evaluated, tmp_path, capsys):
  [results] = {evaluated(subtask) for subtask in SUBTASKS}
  out = tmp_path / "report.md"
  assert cli.main(["report", str(results), "--form=itdr", f"--out={out}"]) == 0
  said = capsys.readouterr().out
  assert all(name in said for name in PAIRS)
  assert "2508.05667" in out.read_text()
