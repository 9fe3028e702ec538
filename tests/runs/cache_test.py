"""`instructrec cache`, and training on what it has written."""

import json
import signal
import time

import gin
import numpy as np
import pytest
import seqio
import tensorflow as tf

from instructrec_jax import cli
from instructrec_jax.batches import token_cache
from instructrec_jax.data.records import read
from instructrec_jax.data.records.catalogue import Catalogue
from instructrec_jax.errors import InputError
from instructrec_jax.runs import cache, train
from instructrec_jax.vocabulary.run_vocabulary import RUN_VOCABULARY
from tests import programs, tiny

_T2 = "instructrec_small_p1_i0_t2"


def _cache(data, out, *bindings, **settings):
  return cache.cache(
    ["models/tiny.gin"],
    [*tiny.DATA, *bindings],
    tfds_data_dir=str(data / "records"),
    out=str(out),
    **settings,
  )


@pytest.fixture(scope="module")
def cached(small_data, tmp_path_factory):
  """Two renderings of the mixture `instructrec_small_history`."""
  out = tmp_path_factory.mktemp("cached") / "tokens"
  _cache(small_data, out, epochs=2)
  yield out
  gin.clear_config()
  seqio.set_tfds_data_dir_override(None)
  RUN_VOCABULARY.forget()


def _texts(tokens, part):
  """Returns inputs and targets of a part's examples, as text."""
  sides = ([], [])
  for example in range(part.first, part.first + part.examples):
    inputs = tokens.starts[example] + tokens.lengths_Ex2[example, 0]
    for side, (begin, end) in zip(
      sides,
      ((tokens.starts[example], inputs), (inputs, tokens.starts[example + 1])),
      strict=True,
    ):
      ids = tokens.tokens[begin:end].tolist()
      assert ids[-1] == 1  # EOS.
      side.append(RUN_VOCABULARY.decode(ids[:-1]))
  return sides


def test_every_record_s_title_is_there_in_each_rendering(small, cached):
  tokens = token_cache.TokenCache(cached)
  part = dict(zip(sorted(tokens.tasks), tokens.parts(), strict=True))[_T2]
  inputs, targets = _texts(tokens, part)
  train = read.load_split(small, "small", "train")
  titles = Catalogue("small").items["title"].to_list()
  expected = [titles[item] for item in train["target"]]
  half = part.examples // 2
  assert sorted(targets[:half]) == sorted(expected)
  assert targets[:half] == targets[half:]
  # Wordings are drawn afresh.
  assert 0 < np.mean([a == b for a, b in zip(inputs[:half], inputs[half:],
                                             strict=True)]) < 0.9  # fmt: skip


def test_the_summary_counts_every_record(small_data, cached, capsys):
  manifest = json.loads((cached / "manifest.json").read_text())
  train = len(read.load_split(small_data, "small", "train")["target"])
  for counts in manifest["counts"]["tasks"].values():
    assert counts == {
      "records": 2 * train,
      "examples": 2 * train,
      "left_out": 0,
    }
  status = cli.main(
    [
      "cache",
      "--gin_file=models/tiny.gin",
      *(f"--gin.{binding}".replace(" = ", "=") for binding in tiny.DATA),
      f"--tfds_data_dir={small_data}/records",
      f"--out={cached}",
      "--epochs=2",
    ]
  )
  assert status == 0
  printed = capsys.readouterr().out
  assert "cache instructrec_small_history: is there already" in printed
  assert f"{_T2} / examples" in printed


def test_families_without_a_rate_are_not_cached(small_data, tmp_path):
  manifest = _cache(
    small_data,
    tmp_path / "c",
    "FAMILY_RATES = {'p1_i0_t2': 2, 'p1_i0_t1': 1}",
    "INSTANCES_PER_USER = {'p1_i0_t2': 1}",
  )
  # The mixture has no pairs.
  assert manifest["options"]["rates"] == {_T2: 2}
  assert manifest["counts"]["tasks"].keys() == {_T2}
  assert manifest["counts"]["tasks"][_T2]["records"] == 60
  with pytest.raises(InputError, match="no task with records has a rate"):
    _cache(small_data, tmp_path / "d", "FAMILY_RATES = {'p1_i0_t1': 1}")


def test_what_does_not_fit_is_counted(small_data, tmp_path):
  lengths = "TASK_FEATURE_LENGTHS = {'inputs': 192, 'targets': 5}"
  task = f"MIXTURE_OR_TASK_NAME = {_T2!r}"
  manifest = _cache(small_data, tmp_path / "c", lengths, task)
  counts = manifest["counts"]["tasks"][_T2]
  assert counts["left_out"] > 0 < counts["examples"]
  assert counts["left_out"] + counts["examples"] == counts["records"]
  tokens = token_cache.TokenCache(tmp_path / "c")
  assert tokens.lengths_Ex2[:, 1].max() == 5
  with pytest.raises(InputError, match="no training example that fits"):
    _cache(
      small_data,
      tmp_path / "d",
      "TASK_FEATURE_LENGTHS = {'inputs': 192, 'targets': 1}",
      task,
    )
  assert not (tmp_path / "d").exists()


def test_killed_it_leaves_nothing_and_again_it_writes_the_same(
  small_data, tmp_path, cached
):
  out = tmp_path / "tokens"
  script = (
    "import pathlib, sys, time\n"
    "from instructrec_jax.batches import token_cache\n"
    "from tests.runs import cache_test as test\n"
    "add = token_cache.Writer.add\n"
    "def slow(self, *chunk):\n"
    "  time.sleep(0.05 if self.examples else 0)\n"
    "  return add(self, *chunk)\n"
    "token_cache.Writer.add = slow\n"
    "test._cache(pathlib.Path(sys.argv[1]), sys.argv[2], epochs=2)"
  )
  process = programs.start("-c", script, small_data, out)
  staged = tmp_path / ".tokens.partial" / "tokens"
  deadline = time.monotonic() + 240
  while not (staged.exists() and staged.stat().st_size):
    assert process.poll() is None, "ended before it could be killed"
    assert time.monotonic() < deadline
    time.sleep(0.01)
  process.send_signal(signal.SIGKILL)
  process.communicate()
  assert process.returncode == -signal.SIGKILL
  assert not out.exists()
  with pytest.raises(InputError, match="run `instructrec cache` first"):
    token_cache.TokenCache(out)
  assert not _cache(small_data, out, epochs=2)["reused"]
  for name in ("tokens", "starts", "lengths", token_cache.VOCABULARY_FILE):
    assert (out / name).read_bytes() == (cached / name).read_bytes(), name


def _register(name, examples, **settings):
  """Registers a task of ready-made tokens."""
  spec = {key: tf.TensorSpec([None], tf.int32) for key in ("inputs", "targets")}
  seqio.TaskRegistry.add(
    name,
    source=seqio.FunctionDataSource(
      lambda split, shuffle_files, seed=None: tf.data.Dataset.from_generator(
        lambda: iter(examples), output_signature=spec
      ),
      splits=["train"],
    ),
    preprocessors=[],
    output_features={
      key: seqio.Feature(RUN_VOCABULARY, add_eos=False) for key in spec
    },
    **settings,
  )


def test_another_s_tasks_and_rates(small, tmp_path):
  _register("foreign_a", [{"inputs": [5] * n, "targets": [6]} for n in (2, 9)])
  _register("foreign_b", [{"inputs": [7], "targets": [8, 9]}])
  _register("foreign_empty", [{"inputs": [7] * 9, "targets": [8]}])
  seqio.MixtureRegistry.add("foreign", [("foreign_a", 3), ("foreign_b", 1)])
  lengths = {"inputs": 4, "targets": 4}
  try:
    cache.cache_tokens(tmp_path / "c", "foreign", lengths)
    tokens = token_cache.TokenCache(tmp_path / "c")
    assert tokens.tasks["foreign_a"] == {
      "records": 2,
      "examples": 1,
      "left_out": 1,  # And not cut.
    }
    assert tokens.tokens.tolist() == [5, 5, 6, 7, 8, 9]
    assert [part.rate for part in tokens.parts()] == [3.0, 1.0]
    with pytest.raises(InputError, match="foreign_empty has no training"):
      cache.cache_tokens(tmp_path / "e", "foreign_empty", lengths)
    with pytest.raises(InputError, match="Did you mean 'foreign'"):
      cache.cache_tokens(tmp_path / "e", "foregn", lengths)
    with pytest.raises(InputError, match="epochs = 0: expected 1 or more"):
      cache.cache_tokens(tmp_path / "e", "foreign", lengths, epochs=0)
    with pytest.raises(InputError, match="bind CACHED_TOKENS or give --out"):
      cache.cache_tokens(None, "foreign", lengths)
  finally:
    seqio.MixtureRegistry.remove("foreign")
    for name in ("foreign_a", "foreign_b", "foreign_empty"):
      seqio.TaskRegistry.remove(name)


_WITHOUT_TENSORFLOW = """
import sys
absent = ("tensorflow", "seqio", "tensorflow_datasets", "tensorflow_text")
sys.modules.update(dict.fromkeys(absent))
from instructrec_jax import cli
sys.exit(cli.main(sys.argv[1:]))
"""


def _bindings(cached, model_dir, steps, *more):
  return [
    *tiny.RUN,
    f"MODEL_DIR = {str(model_dir)!r}",
    f"CACHED_TOKENS = {str(cached)!r}",
    f"TRAIN_STEPS = {steps}",
    *more,
  ]


def test_training_takes_no_tensorflow_and_goes_on(cached, tmp_path, capsys):
  whole, parts = tmp_path / "whole", tmp_path / "parts"
  started = programs.start(
    "-c",
    _WITHOUT_TENSORFLOW,
    "train",
    *(f"--gin_file={file}" for file in tiny.FILES),
    *(f"--gin.{binding}" for binding in _bindings(cached, whole, 8)),
    "--tfds_data_dir=/nowhere",
  )
  out, errors = started.communicate()
  assert started.returncode == 0, errors
  assert "instructrec_small_history: 8 steps are trained" in out
  assert "training takes" not in errors
  for steps in (5, 8):
    schedule = "warmup_linear.train_steps = 8"
    train.train(tiny.FILES, _bindings(cached, parts, steps, schedule))
  assert tiny.losses(parts) == tiny.losses(whole)
  assert sorted(tiny.losses(whole)) == list(range(1, 9))
  manifest = json.loads((whole / "manifest.json").read_text())
  assert (
    manifest["made_of"]["tokens"] == token_cache.TokenCache(cached).fingerprint
  )
  assert manifest["vocabulary"]["pieces"] <= 320
  train.train(
    tiny.FILES,
    _bindings(cached, tmp_path / "long", 1000, "MAX_SECONDS = 0"),
  )
  assert "tokens are cached for 2: wordings and" in capsys.readouterr().err


@pytest.mark.parametrize(
  ("binding", "expected"),
  [
    (f"MIXTURE_OR_TASK_NAME = {_T2!r}", f"but the run has {_T2!r}"),
    (
      "TASK_FEATURE_LENGTHS = {'inputs': 180, 'targets': 16}",
      "made with TASK_FEATURE_LENGTHS = {'inputs': 192, 'targets': 16}, but",
    ),
    ("VOCABULARY = 't5'", "VOCABULARY = 'small', but the run has 't5'"),
    ("VOCABULARY = 'FILE'", r"VOCABULARY = 'small \(sha256"),
    ("VOCAB_SIZE = 100", "bind VOCAB_SIZE to"),
    ("BATCH_SIZE = 12", "use a multiple of 8"),
    ("CACHED_TOKENS = '/nowhere'", "no finished output of `cache`"),
  ],
)
def test_tokens_of_another_run(cached, small_data, tmp_path, binding, expected):
  other = tmp_path / "other.model"
  other.write_bytes(b"another vocabulary")
  with pytest.raises(InputError, match=expected):
    train.train(
      tiny.FILES,
      _bindings(
        cached, tmp_path / "model", 2, binding.replace("FILE", str(other))
      ),
      tfds_data_dir=str(small_data / "records"),
    )
