"""What T5X is given of ours, as T5X calls it."""

import itertools
import pathlib
import re

import gin
import numpy as np
import pytest
import seqio

from instructrec_jax.batches import from_records, from_tokens
from instructrec_jax.batches.token_cache import TokenCache
from instructrec_jax.errors import InputError
from instructrec_jax.runs import cache, t5x_hooks

_LENGTHS = {"inputs": 160, "targets": 16}
_TASK = "instructrec_small_p1_i0_t2"


class _Numbers:
  """Batches of their own number."""

  def __init__(self):
    self.position = 0

  def __next__(self):
    self.position += 1
    return {"x": np.full((2, 3), self.position, np.int32)}

  def get_state(self):
    return str(self.position).encode()

  def set_state(self, state):
    self.position = int(state)


class _Config:
  """T5X's DatasetConfig, as far as training needs it."""

  mixture_or_task_name = _TASK
  task_feature_lengths = _LENGTHS
  batch_size = 8
  seed = 3
  pack = True


def _numbers(iterator, count):
  return [int(batch["x"][0, 0]) for batch in itertools.islice(iterator, count)]


def test_the_position_is_that_of_the_next_batch(tmp_path):
  iterator = t5x_hooks.TrainIterator(_Numbers(), tmp_path)
  assert iterator.element_spec["x"].shape == (2, 3)
  file = tmp_path / "position"
  for expected in (1, 2, 3):
    iterator.save(file)
    assert _numbers(iterator, 1) == [expected]
    again = t5x_hooks.TrainIterator(_Numbers(), tmp_path)
    again.restore(file)
    assert _numbers(again, 2) == [expected, expected + 1]


def test_another_run_s_position_means_nothing(tmp_path):
  other = t5x_hooks.TrainIterator(_Numbers(), tmp_path / "other")
  _numbers(other, 5)
  (tmp_path / "other").mkdir()
  other.save(tmp_path / "other" / "position")
  iterator = t5x_hooks.TrainIterator(_Numbers(), tmp_path / "own")
  iterator.restore(tmp_path / "other" / "position")
  assert _numbers(iterator, 2) == [1, 2]


def test_a_run_of_relative_name_knows_its_own_position(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  iterator = t5x_hooks.TrainIterator(_Numbers(), "run")
  _numbers(iterator, 5)
  pathlib.Path("run").mkdir()
  iterator.save("run/position")
  again = t5x_hooks.TrainIterator(_Numbers(), "run")
  again.restore(tmp_path / "run" / "position")
  assert _numbers(again, 1) == [6]


@pytest.mark.parametrize("converted", [True, False])
def test_batches_are_our_runner_s(small, tmp_path, converted):
  """After a converted checkpoint, which has no position, as many are left."""
  checkpoint = tmp_path / "checkpoint_2"
  (checkpoint / "state").mkdir(parents=True)
  if not converted:
    (checkpoint / "dataset").mkdir()
  ours = from_records.train_batches(_TASK, _LENGTHS, 8, seed=3)
  if converted:
    next(ours), next(ours)
  theirs = t5x_hooks.train_iterator(_Config, 0, 1, None, model_dir=tmp_path)
  for _ in range(2):
    one, other = next(ours), next(theirs)
    assert one.keys() == other.keys() == theirs.element_spec.keys()
    for name in one:
      np.testing.assert_array_equal(one[name], other[name])


def test_cached_tokens_are_taken_instead(small_data, small, tmp_path):
  folder = tmp_path / "tokens"
  bindings = {
    "VOCABULARY": "small",
    "VOCAB_SIZE": 320,
    "TASK_FEATURE_LENGTHS": _LENGTHS,
    "MIXTURE_OR_TASK_NAME": _TASK,
  }
  cache.cache(
    ["models/tiny.gin"],
    [f"{name} = {value!r}" for name, value in bindings.items()],
    tfds_data_dir=str(small_data / "records"),
    out=str(folder),
    epochs=1,
  )
  theirs = t5x_hooks.train_iterator(
    _Config, 1, 2, None, model_dir=tmp_path, cached_tokens=folder
  )
  ours = from_tokens.CachedBatches(
    TokenCache(folder), 8, _Config.seed, shard=(1, 2)
  )
  for _ in range(2):
    one, other = next(ours), next(theirs)
    assert one.keys() == other.keys() == theirs.element_spec.keys()
    for name in one:
      np.testing.assert_array_equal(one[name], other[name])

  class Longer(_Config):
    task_feature_lengths = _LENGTHS | {"inputs": 200}

  with pytest.raises(InputError, match="bind TASK_FEATURE_LENGTHS as it was"):
    t5x_hooks.train_iterator(
      Longer, 1, 2, None, model_dir=tmp_path, cached_tokens=folder
    )


def test_names_are_registered_before_they_are_looked_up(small):
  name = "instructrec_small"
  for registry in (seqio.MixtureRegistry, seqio.TaskRegistry):
    for registered in sorted(registry.names()):
      if registered == name or registered.startswith(f"{name}_"):
        registry.remove(registered)
  assert t5x_hooks.registered(name) == name
  with pytest.raises(InputError, match="Did you mean 'instructrec_small'"):
    t5x_hooks.registered("instructrec_smal")


def test_tasks_that_any_item_answers(small):
  name, task = "instructrec_small", "instructrec_small_p1_i0_t2"
  assert t5x_hooks.matching(task) == task
  name = f"{name}_history"
  chosen = t5x_hooks.matching(name)
  subtasks = seqio.get_subtasks(seqio.get_mixture_or_task(chosen))
  assert [subtask.name for subtask in subtasks] == [task]
  assert t5x_hooks.matching(name) == chosen
  assert len(t5x_hooks.titles(name).title) == 48
  with pytest.raises(InputError, match="expected a task of the form T2"):
    t5x_hooks.matching("instructrec_small_p1_i0_t3")
  seqio.MixtureRegistry.remove(chosen)


def test_an_initial_checkpoint_gives_parameters_only():
  saved = {"target": {"a": {"b": 1, "c": 2}}, "state": {"step": 7}}
  model = {"target": {"a": {"b": 0, "c": 0}}, "state": {"step": 0}}
  found = t5x_hooks.parameters_only(saved, model)
  assert found == {"target": saved["target"]}
  assert t5x_hooks.parameters_only(saved, model, is_resuming=True) is saved
  del saved["target"]["a"]["c"]
  with pytest.raises(InputError, match=r"lacks 1 of the model's 2 .*: a/c"):
    t5x_hooks.parameters_only(saved, model)


def test_checkpoints_of_t5x_are_found(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  for step in (3, 12):
    pathlib.Path(f"run/checkpoint_{step}/state").mkdir(parents=True)
  newest = str(tmp_path / "run" / "checkpoint_12")
  assert t5x_hooks.find_checkpoint("run") == newest
  assert t5x_hooks.find_checkpoint("run/checkpoint_12") == newest
  assert t5x_hooks.find_checkpoint(None) is None
  assert t5x_hooks.absolute("run") == str(tmp_path / "run")
  assert t5x_hooks.absolute("gs://bucket/run") == "gs://bucket/run"
  pathlib.Path("ours/checkpoints/4/params").mkdir(parents=True)
  with pytest.raises(InputError, match="instructrec convert ours OUT --to t5x"):
    t5x_hooks.find_checkpoint("ours")
  with pytest.raises(InputError, match="no checkpoint at"):
    t5x_hooks.find_checkpoint("nowhere")


@pytest.mark.parametrize(
  ("binding", "told"),
  [
    ("TRAIN_STEPS = 0", "TRAIN_STEPS = 0: expected a whole number"),
    ("TRAIN_STEP = 3", "Did you mean 'TRAIN_STEPS'"),
    ("EVAL_OUTPUT_DIR = 'x'\nEVAL_BATCH_SIZE = 1e3", "write 1000"),
    ("EVAL_SPLIT = 'test'\nMINE = 3\nEVAL_STEPS = %MINE", None),
  ],
)
def test_macros_of_our_t5x_runs_are_checked_when_gin_is_read(binding, told):
  ours = "t5x_hooks.registered.mixture_or_task_name = 'x'"
  gin.clear_config()  # It unlocks what is finalized.
  gin.parse_config(f"{binding}\n{ours}")
  if told is None:
    gin.finalize()
  else:
    with pytest.raises(InputError, match=re.escape(told)):
      gin.finalize()
  # Another project's run is its own affair.
  gin.clear_config()
  gin.parse_config(binding)
  gin.finalize()
  gin.clear_config()
