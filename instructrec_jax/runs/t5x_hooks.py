"""Functions that our gin files give to T5X's runner.

T5X calls them by its own contracts. It is not imported here.
"""

from collections.abc import Callable, Mapping
from os import PathLike, fspath
from typing import Any

import gin
import numpy as np
import seqio
from clu.data import dataset_iterator
from etils import epath
from flax import traverse_util

from instructrec_jax import paths, tasks
from instructrec_jax.batches import train_batches, training_data
from instructrec_jax.data.records import trained
from instructrec_jax.errors import InputError
from instructrec_jax.eval.recording import catalogue_ranking
from instructrec_jax.model import trie
from instructrec_jax.settings import bound
from instructrec_jax.tasks import lookup
from instructrec_jax.train import checkpoint
from instructrec_jax.vocabulary import title_trie
from instructrec_jax.weights import formats, t5x

# The item of T5X's checkpoints that holds the position in the data.
_POSITION = "dataset"
# What all of our gin files for T5X bind.
_REGISTERED = "instructrec_jax.t5x_hooks.registered"


@gin.config.register_finalize_hook
def check_settings(config: Mapping[tuple[str, str], Any]) -> None:
  """Checks the macros of a T5X run of ours; gin calls it when all is read.

  Args:
    config: gin's bindings. Those of another project's run are not looked at.

  Raises:
    InputError: A macro is unknown, or its value is not of its type.
  """
  if not any(selector.endswith(_REGISTERED) for _, selector in config):
    return
  there = bound.macros()
  marks = {"INFER_OUTPUT_DIR": "t5x_infer", "EVAL_OUTPUT_DIR": "t5x_eval"}
  runs = [run for mark, run in marks.items() if mark in there]
  bound.check((runs or ["t5x_train"])[0], bindings=())


@gin.configurable(module="instructrec_jax.t5x_hooks")
def registered(mixture_or_task_name: str = gin.REQUIRED) -> str:
  """Registers the tasks of all datasets in --tfds_data_dir; returns the name.

  Args:
    mixture_or_task_name: A mixture or task.

  Raises:
    InputError: There is no such name. The message lists similar names.
  """
  folder = lookup.records_folder()
  if folder is not None:
    tasks.register_found(folder)
  lookup.task_or_mixture(mixture_or_task_name)
  return mixture_or_task_name


@gin.configurable(module="instructrec_jax.t5x_hooks")
def matching(mixture_or_task_name: str = gin.REQUIRED) -> str:
  """Returns a mixture of those tasks of a mixture that any item can answer.

  Args:
    mixture_or_task_name: A mixture or task. If it has other tasks too, a new
      mixture is registered.

  Raises:
    InputError: As `registered`, or there is no such task.
  """
  name = registered(mixture_or_task_name)
  tasks = [t.name for t in seqio.get_subtasks(lookup.task_or_mixture(name))]
  found = catalogue_ranking.matching(tasks)
  if found == tasks:
    return name
  chosen = f"{name}_catalogue"
  if chosen not in seqio.MixtureRegistry.names():
    seqio.MixtureRegistry.add(chosen, found, default_rate=1.0)
  return chosen


@gin.configurable(module="instructrec_jax.t5x_hooks")
def titles(mixture_or_task_name: str = gin.REQUIRED) -> trie.Trie:
  """Returns the titles that can answer the tasks of `matching`.

  T5X passes only parameters and a batch to a model, so the titles are a
  constant of its program. That costs little. On a busy CPU the tiny T5, with 32
  requests and ten beams, took 48 s to lower and compile with 100,000 titles (17
  MB) as a constant and 51 s as an argument; 47 and 44 s with 10,000; and 60 s
  with a million (168 MB) as a constant. The peak memory was 0.85 and 0.71 GB
  with 100,000 titles, and 2 GB with a million.

  Args:
    mixture_or_task_name: As in `matching`.

  Raises:
    InputError: As `matching` or `catalogue_ranking.CatalogueEvaluator`.
  """
  name = matching(mixture_or_task_name)
  tasks = seqio.get_subtasks(lookup.task_or_mixture(name))
  return title_trie.title_trie(catalogue_ranking.catalogue_of(tasks))


@gin.configurable(module="instructrec_jax.t5x_hooks")
def absolute(path: str | PathLike[str] = gin.REQUIRED) -> str:
  """Returns a folder's absolute path, which T5X requires."""
  return fspath(paths.absolute(path))


@gin.configurable(module="instructrec_jax.t5x_hooks")
def measured_split(split: str = gin.REQUIRED) -> str:
  """Returns the split that is evaluated.

  Args:
    split: "validation", "test", or a sample of them.

  Raises:
    InputError: The run trains on its targets.
  """
  return trained.check_split(split)


@gin.configurable(module="instructrec_jax.t5x_hooks")
def find_checkpoint(path: str | PathLike[str] | None = gin.REQUIRED) -> Any:
  """Returns the absolute path of a T5X checkpoint; None for None.

  Args:
    path: A checkpoint, or a run for its newest checkpoint.

  Raises:
    InputError: There is no checkpoint, or it is not T5X's.
  """
  if path is None:
    return None
  found = formats.find(path)
  if found.format != "t5x":
    raise InputError(
      f"{found.folder} is not a T5X checkpoint, and T5X reads no others. "
      f"Convert it with `instructrec convert {path} OUT --to t5x`"
    )
  return fspath(found.folder)


@gin.configurable(module="instructrec_jax.t5x_hooks")
def train_iterator(
  cfg: Any,
  shard_id: int,
  num_shards: int,
  feature_converter_cls: Callable[..., seqio.FeatureConverter],
  num_epochs: int | None = None,
  continue_from_last_checkpoint: bool = False,
  *,
  model_dir: str | PathLike[str] = gin.REQUIRED,
  cached_tokens: str | PathLike[str] | None = None,
) -> "TrainIterator":
  """Returns the batches of our own runner. This is a get_dataset_fn of T5X's.

  Args:
    cfg: T5X's DatasetConfig of the training data.
    shard_id: The shard of each batch that this process feeds.
    num_shards: The number of shards.
    feature_converter_cls: Not used: it gives the same training examples.
    num_epochs: Not used: training repeats its data.
    continue_from_last_checkpoint: Not used: T5X restores the position.
    model_dir: The run's folder.
    cached_tokens: A folder that `instructrec cache` wrote.

  Raises:
    InputError: The cached tokens are not of this run.
  """
  del feature_converter_cls, num_epochs, continue_from_last_checkpoint
  lengths = cfg.task_feature_lengths
  if cached_tokens:
    training_data.of_tokens(
      cached_tokens,
      cfg.mixture_or_task_name,
      lengths,
      lookup.records_folder() or "",
    )
  batches = train_batches.train_batches(
    cfg.mixture_or_task_name,
    lengths,
    cfg.batch_size,
    cfg.seed,
    cfg.pack,
    cached_tokens=cached_tokens,
    shard=(shard_id, num_shards),
  )
  for _ in range(_steps_without_position(model_dir)):
    next(batches)
  return TrainIterator(batches, model_dir)


def _steps_without_position(model_dir: str | PathLike[str]) -> int:
  """Returns how many batches to skip because T5X has no position for them.

  They are the steps of a converted checkpoint, if it is the run's newest one.
  """
  steps = t5x.steps(epath.Path(model_dir))
  newest = max((step for step in steps if step is not None), default=0)
  return 0 if (steps.get(newest, epath.Path()) / _POSITION).is_dir() else newest


class TrainIterator(dataset_iterator.DatasetIterator):
  """An iterator over batches whose position T5X saves and restores."""

  def __init__(
    self, batches: checkpoint.Batches, model_dir: str | PathLike[str]
  ):
    """Reads the first batch, for the shapes and dtypes of all batches.

    Args:
      batches: The batches, at the run's position.
      model_dir: The run's folder.
    """
    self._batches = batches
    self._model_dir = paths.absolute(model_dir)
    self._start = batches.get_state()
    self._first: Mapping[str, np.ndarray] | None = next(batches)
    self._element_spec = {
      name: dataset_iterator.ArraySpec(array.dtype, array.shape)
      for name, array in self._first.items()
    }

  @property
  def element_spec(self) -> dict[str, dataset_iterator.ArraySpec]:
    """Dtype and shape of each array of this process's batches."""
    return self._element_spec

  def __next__(self) -> Mapping[str, np.ndarray]:
    """Returns the next batch."""
    first, self._first = self._first, None
    return next(self._batches) if first is None else first

  def save(self, filename: str | PathLike[str]) -> None:
    """Writes the position of the next batch."""
    at_start = self._first is not None
    state = self._start if at_start else self._batches.get_state()
    epath.Path(filename).write_bytes(state)

  def restore(self, filename: str | PathLike[str]) -> None:
    """Restores a position that `save` wrote, if it is this run's.

    T5X also restores the position of an initial checkpoint, which means nothing
    in this run's data.
    """
    path = paths.absolute(filename)
    if self._model_dir in path.parents:
      self._batches.set_state(path.read_bytes())
      self._first = None


@gin.configurable(module="instructrec_jax.t5x_hooks")
def parameters_only(
  state_dict: Mapping[str, Any],
  target_state_dict: Mapping[str, Any],
  *,
  is_resuming: bool = False,
) -> Mapping[str, Any]:
  """Drops the step and the optimizer state of an initial checkpoint.

  This is a state_transformation_fn of T5X's RestoreCheckpointConfig. Steps then
  count from 0, as in our own runner, so TRAIN_STEPS and the schedule mean the
  same in both, and a resumed run still ends at TRAIN_STEPS. (With T5X's
  relative_steps it would train as many steps again.)

  Args:
    state_dict: "target" and "state" of the checkpoint.
    target_state_dict: "target" and "state" of the model.
    is_resuming: Whether the checkpoint is the run's own.

  Returns:
    The state to restore. T5X initializes the rest.

  Raises:
    InputError: The checkpoint lacks parameters of the model, which T5X would
      otherwise initialize.
  """
  if is_resuming:
    return state_dict
  found, expected = (
    traverse_util.flatten_dict(state["target"], sep="/")
    for state in (state_dict, target_state_dict)
  )
  missing = [name for name in expected if name not in found]
  if missing:
    raise InputError(
      f"the initial checkpoint (INITIAL_CHECKPOINT_PATH) lacks {len(missing)} "
      f"of the model's {len(expected)} parameters: {', '.join(missing[:4])}"
      + (f" and {len(missing) - 4} more" if len(missing) > 4 else "")
    )
  return {"target": state_dict["target"]}
