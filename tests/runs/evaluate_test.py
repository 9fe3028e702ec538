"""Training and evaluation as the command line drives them."""

import json
import shutil
import signal
import time
from typing import ClassVar

import jax
import numpy as np
import pytest
import sentencepiece

from instructrec_jax.batches import from_records, training_data
from instructrec_jax.data.records import read
from instructrec_jax.errors import InputError
from instructrec_jax.eval.recording import results
from instructrec_jax.model import sharding
from instructrec_jax.report import command as report
from instructrec_jax.runs import evaluate
from instructrec_jax.runs.clock import Clock
from instructrec_jax.train import checkpoint, writers
from instructrec_jax.vocabulary.run_vocabulary import RUN_VOCABULARY
from tests import bucket, programs, tiny, toy_itdr

# A request of this task is several inputs.
_POINTWISE = "instructrec_small_p1_i0_t0"


@pytest.fixture(scope="module")
def trained(small_data, tmp_path_factory):
  """A model trained for 12 steps on eight devices."""
  assert jax.device_count() == 8
  model_dir = tmp_path_factory.mktemp("trained") / "model"
  manifest = tiny.train(small_data, model_dir, 12, "NUM_PARTITIONS = 2")
  assert manifest["step"] == 12
  return model_dir


def test_a_run_leaves_what_one_needs_to_know_of_it(trained):
  manifest = json.loads((trained / "manifest.json").read_text())
  assert manifest["vocabulary"]["file"].endswith("/vocabulary.model")
  assert manifest["vocabulary"]["pieces"] <= 320
  assert manifest["parameters"] > 320 * 16 * 2
  assert len(manifest["devices"]) == 8
  assert "VOCABULARY = 'small'" in (trained / "config.gin").read_text()
  assert sorted(tiny.losses(trained)) == list(range(1, 13))
  assert list((trained / "tensorboard").glob("events*"))
  assert {p.name for p in (trained / "checkpoints").iterdir()} >= {"5", "12"}


def _never(*_, **__):
  raise AssertionError("this takes long, and is not needed")


def test_a_finished_run_ends_before_its_data_are_opened(
  trained, small_data, monkeypatch
):
  monkeypatch.setattr(training_data, "count_too_long", _never)
  monkeypatch.setattr(from_records, "train_batches", _never)
  before = tiny.losses(trained)
  manifest = tiny.train(small_data, trained, 12, "NUM_PARTITIONS = 2")
  assert manifest["step"] == 12
  assert tiny.losses(trained) == before


@pytest.fixture(scope="module")
def killed(small_data, tmp_path_factory):
  """The folder of a run that was killed after its first checkpoint."""
  folder = tmp_path_factory.mktemp("killed")
  script = (
    "import pathlib, sys\n"
    "from tests import tiny\n"
    "tiny.shorten_shuffling()\n"
    "data = pathlib.Path(sys.argv[1])\n"
    "tiny.train(data, sys.argv[2], 12, 'NUM_PARTITIONS = 2')"
  )
  process = programs.start("-c", script, small_data, folder)
  deadline = time.monotonic() + 240
  while not (folder / "checkpoints" / "5").exists():
    assert process.poll() is None, "ended before its first checkpoint"
    assert time.monotonic() < deadline
    time.sleep(0.02)
  process.send_signal(signal.SIGKILL)
  process.communicate()
  assert process.returncode == -signal.SIGKILL
  return folder


def test_a_killed_run_goes_on_as_if_nothing_had_happened(
  trained, small_data, killed
):
  assert max(tiny.losses(killed)) < 12
  tiny.train(small_data, killed, 12, "NUM_PARTITIONS = 2")
  assert tiny.losses(killed) == tiny.losses(trained)


class _Board:
  """In the place of TensorBoard's writer, which writes by TensorFlow."""

  folders: ClassVar[list[str]] = []
  ends_at: int | None = None

  def __init__(self, folder):
    self.folders.append(str(folder))

  def write_scalars(self, step, scalars):
    """Forgets them, and ends the run at a step."""
    if step == self.ends_at:
      raise RuntimeError("power is gone")

  def flush(self):
    """Nothing is held back."""


def test_a_run_in_a_bucket_is_trained_resumed_evaluated_and_reported(
  trained, small_data, tmp_path, monkeypatch
):
  bucket.make(tmp_path / "buckets", monkeypatch)
  monkeypatch.setattr(writers, "TensorBoardWriter", _Board)
  monkeypatch.chdir(tmp_path)
  run = tmp_path / "buckets" / "b" / "run"
  monkeypatch.setattr(_Board, "ends_at", 7)
  with pytest.raises(RuntimeError, match="power is gone"):
    tiny.train(small_data, "gs://b/run", 12, "NUM_PARTITIONS = 2")
  monkeypatch.setattr(_Board, "ends_at", None)
  assert {*tiny.losses(run)} >= {1, 2, 3, 4, 5}
  # A save that was cut off has its folder, in a bucket, but is not whole.
  shutil.copytree(run / "checkpoints" / "5", run / "checkpoints" / "7")
  (run / "checkpoints" / "7" / "commit_success.txt").unlink()
  assert checkpoint.find("gs://b/run").name == "5"
  # Its manifest says which records are too long.
  monkeypatch.setattr(training_data, "count_too_long", _never)
  tiny.train(small_data, "gs://b/run", 12, "NUM_PARTITIONS = 2")
  assert tiny.losses(run) == tiny.losses(trained)
  assert {*_Board.folders} == {"gs://b/run/tensorboard"}
  manifest = json.loads((run / "manifest.json").read_text())
  assert manifest["tfds_data_dir"] == str(small_data / "records")
  other = "MIXTURE_OR_TASK_NAME = 'instructrec_small_p1_i0_t2'"
  with pytest.raises(InputError, match="gs://b/run holds a run with mixture"):
    tiny.train(small_data, "gs://b/run", 12, other)
  [folder] = evaluate.evaluate(
    "gs://b/run",
    mixture_or_task_name="instructrec_small_p1_i0_t3",
    split="validation",
    batch_size=16,
  )
  task = "instructrec_small_p1_i0_t3"
  assert str(folder) == f"gs://b/run/evaluation/{task}/12"
  table = report.report(
    ["gs://b/run"],
    out=["gs://b/table.md"],
    training_log="gs://b/run/metrics.jsonl",
    trec_dir="gs://b/trec",
  )
  assert "\nrun " in table
  written = {path.name for path in run.parent.iterdir()}
  assert written == {"run", "table.md", "trec"}
  assert {path.name for path in tmp_path.iterdir()} == {"buckets"}


def test_scores_are_the_model_s_and_the_metrics_the_scores(
  trained, small_data, tmp_path, capsys
):
  clock = Clock()
  folders = evaluate.evaluate(
    str(trained),
    out=tmp_path,
    split="test",
    batch_size=16,
    system="tiny",
    clock=clock,
  )
  assert {*clock.seconds} == {"loading", "requests", "model", "metrics"}
  assert all(seconds > 0 for seconds in clock.seconds.values())
  share = clock.share("model")
  said = capsys.readouterr().err
  assert f"\n{clock}, {share:.0%} of it in the model\n" in said
  assert [f.parent.name for f in folders] == [
    "instructrec_small_p1_i0_t0",
    "instructrec_small_p1_i0_t2",
    "instructrec_small_p1_i0_t3",
  ]
  requests = read.load_split(small_data, "small", "test")
  for folder in folders:
    assert folder.name == "12"
    result = results.read_result(folder)
    assert (result.n, result.dataset, result.split) == (
      len(requests["instance"]),
      "small",
      "test",
    )
    assert result.skipped == {}
    lines = (folder / "predictions.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    rank_one = [
      all(
        row["scores"][i] < row["scores"][row["candidates"].index(row["target"])]
        for i, item in enumerate(row["candidates"])
        if item != row["target"]
      )
      for row in rows
    ]
    assert result.metrics["hr@1"].value == pytest.approx(np.mean(rank_one))
  again = evaluate.evaluate(
    str(trained), out=tmp_path / "again", split="test", batch_size=24
  )
  for one, other in zip(folders, again, strict=True):
    a, b = (results.read_predictions(f) for f in (one, other))
    np.testing.assert_allclose(a.scores, b.scores, rtol=1e-5, atol=1e-5)


def test_a_sample_of_requests_is_answered_as_all_are(trained, tmp_path, capsys):
  options = {
    "mixture_or_task_name": "instructrec_small_p1_i0_t3",
    "split": "validation",
    "batch_size": 16,
  }
  drawn = {"num_requests": 11, "sample_seed": 3}
  [some] = evaluate.evaluate(
    str(trained), out=tmp_path / "some", **options, **drawn
  )
  assert "asking at most 11 requests of split 'validation'" in (
    capsys.readouterr().err
  )
  [every] = evaluate.evaluate(str(trained), out=tmp_path / "all", **options)
  result = results.read_result(some)
  assert (result.n, result.skipped) == (11, {})
  assert result.sample == {"num_requests": 11, "seed": 3}
  assert results.read_result(every).sample is None
  scores = {}
  for folder in (some, every):
    found = results.read_predictions(folder)
    scores[folder] = dict(zip(found.instances, found.scores, strict=True))
  assert len(scores[some]) == 11
  for instance, row in scores[some].items():
    np.testing.assert_allclose(
      row, scores[every][instance], rtol=1e-5, atol=1e-5
    )


def _written(folder):
  """Returns the content of each file in a folder, by its place there."""
  return {
    str(path.relative_to(folder)): path.read_bytes()
    for path in sorted(folder.rglob("*"))
    if path.is_file()
  }


@pytest.fixture(scope="module")
def by_two(trained, tmp_path_factory):
  """The folder of what two processes wrote, and what each of them printed."""
  folder = tmp_path_factory.mktemp("two")
  cluster = f"--coordinator_address=localhost:{programs.free_port()}"
  started = [
    programs.start(
      "-m", "instructrec_jax.cli", "evaluate", "--split=test", "--batch_size=8",
      f"--mixture_or_task_name={_POINTWISE}", f"--model_dir={trained}",
      f"--out={folder}", cluster, "--num_processes=2", f"--process_id={index}",
      devices=2,
    )
    for index in range(2)
  ]  # fmt: skip
  try:
    outputs = [process.communicate(timeout=240) for process in started]
  finally:
    for process in started:
      process.kill()
  assert [p.returncode for p in started] == [0] * 2, outputs
  return folder, [stdout for stdout, _ in outputs]


def test_two_processes_evaluate_as_one_does(
  trained, by_two, tmp_path, monkeypatch
):
  """60 requests in batches of 8: one has four of them, the other too, less."""
  make = sharding.make_mesh
  monkeypatch.setattr(
    sharding,
    "make_mesh",
    lambda num_partitions, _: make(num_partitions, jax.devices()[:2]),
  )
  evaluate.evaluate(
    str(trained),
    mixture_or_task_name=_POINTWISE,
    out=tmp_path,
    split="test",
    batch_size=8,
  )
  two, printed = by_two
  assert ["HR@1" in stdout for stdout in printed] == [True, False]
  one = _written(tmp_path)
  assert any(name.endswith("predictions.jsonl") for name in one)
  assert _written(two) == one


def test_requests_that_do_not_fit_are_counted(trained, small_data, tmp_path):
  manifest = json.loads((trained / "manifest.json").read_text())
  pieces = sentencepiece.SentencePieceProcessor(manifest["vocabulary"]["file"])
  titles = read.load_catalogue(small_data, "small")["title"].to_list()
  lengths = np.array([len(pieces.encode(title)) + 1 for title in titles])
  requests = read.load_split(small_data, "small", "test")
  longest = lengths[requests["candidates"]].max(axis=1)
  limit = int(longest.min())
  fitting = int((longest <= limit).sum())
  assert fitting < len(longest)
  [folder] = evaluate.evaluate(
    str(trained),
    gin_bindings=[
      f"TASK_FEATURE_LENGTHS = {{'inputs': 192, 'targets': {limit}}}"
    ],
    mixture_or_task_name="instructrec_small_p1_i0_t2",
    out=tmp_path,
    split="test",
    batch_size=16,
  )
  result = results.read_result(folder)
  assert result.n == fitting
  assert sum(result.skipped.values()) == len(longest) - fitting


def test_texts_are_measured_beside_rankings(trained, tmp_path):
  toy_itdr.register()
  folders = evaluate.evaluate(
    str(trained),
    mixture_or_task_name=toy_itdr.MIXTURE,
    gin_bindings=["TASK_FEATURE_LENGTHS = {'inputs': 64, 'targets': 16}"],
    out=tmp_path,
    batch_size=16,
  )
  by_task = {folder.parent.name: folder for folder in folders}
  assert by_task.keys() == toy_itdr.TASKS.keys()
  for name, (rows, *_) in toy_itdr.TASKS.items():
    assert results.read_result(by_task[name]).n == len(rows)
  rated = results.read_result(by_task["itdr_rating_prediction_toy"])
  assert {"parse_failure_rate", "expected_rmse"} <= rated.further.keys()
  top_k = by_task["itdr_top_k_toy"]
  assert results.read_result(top_k).procedure == "likelihood"
  assert results.read_result(top_k / "generated").procedure == "generated"
  answers = (top_k / "generated" / results.ANSWERS_FILE).read_text()
  assert [json.loads(x)["truth"] for x in answers.splitlines()] == [
    [21, 24], [23, 20]
  ]  # fmt: skip


def test_families_that_write_are_measured_when_they_are_named(
  trained, tmp_path
):
  [folder] = evaluate.evaluate(
    str(trained),
    mixture_or_task_name="instructrec_small_item_to_i2",
    out=tmp_path,
    batch_size=16,
  )
  result = results.read_result(folder)
  assert (result.n > 10, list(result.further)[:2]) == (
    True,
    ["bleu-1", "bleu-2"],
  )


def test_an_older_checkpoint_and_one_that_is_not_there(trained, tmp_path):
  [folder] = evaluate.evaluate(
    str(trained),
    step=5,
    mixture_or_task_name="instructrec_small_p1_i0_t2",
    out=tmp_path,
    split="validation",
    batch_size=16,
  )
  assert folder.name == "5"
  [last] = evaluate.evaluate(
    str(trained),
    mixture_or_task_name="instructrec_small_p1_i0_t2",
    out=tmp_path,
    split="validation",
    batch_size=16,
  )
  five, twelve = (results.read_predictions(f).scores for f in (folder, last))
  assert np.abs(five - twelve).max() > 1e-3  # Something was learnt between.
  with pytest.raises(InputError, match=r"of step 7; .* 5, 10, 12"):
    evaluate.evaluate(str(trained), step=7, out=tmp_path)


@pytest.mark.parametrize(
  ("binding", "expected"),
  [
    ("MIXTURE_OR_TASK_NAME = 'instructrec_small_p1_i0_t2'", "with mixture"),
    (
      "TASK_FEATURE_LENGTHS = {'inputs': 180, 'targets': 16}",
      "with task_feature_lengths {'inputs': 192, 'targets': 16}",
    ),
  ],
)
def test_a_run_does_not_go_on_as_another(
  trained, small_data, binding, expected
):
  before = (trained / "config.gin").read_text()
  with pytest.raises(InputError) as error:
    tiny.train(small_data, trained, 20, "NUM_PARTITIONS = 2", binding)
  assert expected in str(error.value)
  assert (trained / "config.gin").read_text() == before


@pytest.mark.parametrize(
  ("binding", "expected"),
  [
    ("MIXTURE_OR_TASK_NAME = 'instructrec_smal'", "Did you mean"),
    ("VOCAB_SIZE = 100", "bind VOCAB_SIZE to"),
    ("VOCABULARY = 'nowhere'", "no records of dataset 'nowhere'"),
    ("VOCABULARY = '/no/such.model'", "/no/such.model does not exist"),
    ("BATCH_SIZE = 12", "use a multiple of 8, such as 8 or 16"),
    ("WARMUP_STEPS = 2", "less than train_steps (TRAIN_STEPS), 2"),
    ("NUM_PARTITIONS = 3", "does not divide 8 devices"),
    ("NUM_PARTITIONS = 8", "does not divide the 'heads' axis"),
    (
      "TASK_FEATURE_LENGTHS = {'inputs': 20, 'targets': 4}",
      "raise TASK_FEATURE_LENGTHS",
    ),
    ("INITIAL_CHECKPOINT_PATH = '/nowhere'", "no checkpoint at /nowhere"),
  ],
)
def test_settings_that_cannot_be_used(small_data, tmp_path, binding, expected):
  with pytest.raises(InputError) as error:
    tiny.train(small_data, tmp_path / "model", 2, binding)
  assert expected in str(error.value)


def test_a_checkpoint_of_another_model(trained, small_data, tmp_path):
  with pytest.raises(InputError) as error:
    tiny.train(
      small_data,
      tmp_path / "model",
      2,
      f"INITIAL_CHECKPOINT_PATH = {str(trained)!r}",
      "T5Config.mlp_dim = 24",
    )
  message = str(error.value)
  assert "mlp" in message
  assert "is expected to be [16, 24], found [16, 16]" in message


def test_an_unknown_split(trained, tmp_path):
  with pytest.raises(InputError, match="Did you mean 'test'"):
    evaluate.evaluate(str(trained), split="tset", out=tmp_path)


def test_a_sample_of_a_small_split_is_the_split(trained, tmp_path):
  task = "instructrec_small_p1_i0_t3"
  [folder] = evaluate.evaluate(
    str(trained), split="test_2k", out=tmp_path, mixture_or_task_name=task
  )
  result = results.read_result(folder)
  assert (result.split, result.n, result.skipped) == ("test_2k", 60, {})


def test_procedures_that_ask_anew(trained, tmp_path, capsys):
  arguments = {"split": "test", "batch_size": 16, "out": tmp_path}
  [folder] = evaluate.evaluate(
    str(trained),
    gin_bindings=["instructrec_jax.groups.group_size = 4"],
    procedure="rounds",
    **arguments,
  )
  assert folder == tmp_path / "instructrec_small_p1_i0_t3" / "12" / "rounds"
  result = results.read_result(folder)
  assert (result.n, result.procedure) == (60, "rounds")
  assert result.further["prompts"].value == 4  # Of 3, 3, 4 and 3 candidates.
  with pytest.raises(InputError, match="unknown ranking procedure 'sort'"):
    evaluate.evaluate(str(trained), procedure="sort", **arguments)
  with pytest.raises(
    InputError, match="'sorting': expected a task whose name ends"
  ):
    evaluate.evaluate(str(trained), procedure="sorting", **arguments)


def test_a_vocabulary_that_was_removed(trained, small_data, tmp_path):
  moved = tmp_path / "model"
  shutil.copytree(trained, moved)
  config = moved / "config.gin"
  config.write_text(config.read_text().replace("'small'", "'gone'"))
  with pytest.raises(InputError, match="no records of dataset 'gone'"):
    evaluate.evaluate(str(moved), out=tmp_path)
  RUN_VOCABULARY.forget()


def test_a_vocabulary_by_a_relative_path_is_found_from_elsewhere(
  trained, tmp_path, monkeypatch
):
  moved = tmp_path / "model"
  shutil.copytree(trained, moved)
  config = moved / "config.gin"
  config.write_text(config.read_text().replace("'small'", "'own/own.model'"))
  monkeypatch.chdir(tmp_path)
  # It comes as far as the checkpoint, which there is none of.
  with pytest.raises(InputError, match="999"):
    evaluate.evaluate(str(moved), out=tmp_path, step=999)
  RUN_VOCABULARY.forget()
