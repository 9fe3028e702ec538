"""What our gin files hand to T5X's runner in place of its own defaults.

T5X is not imported here: it calls these functions, by contracts of its own.
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
from instructrec_jax.data.names import PREFIX, RECORDS_VERSION
from instructrec_jax.errors import InputError
from instructrec_jax.eval.recording import catalogue_ranking
from instructrec_jax.model import trie
from instructrec_jax.tasks import lookup
from instructrec_jax.train import checkpoint
from instructrec_jax.vocabulary import title_trie
from instructrec_jax.weights import formats, t5x

# The item of T5X's checkpoints that holds the position in the data.
_POSITION = "dataset"


@gin.configurable(module="instructrec_jax.t5x_hooks")
def registered(mixture_or_task_name: str = gin.REQUIRED) -> str:
  """Returns a name, once all that is built under --tfds_data_dir has tasks.

  Args:
    mixture_or_task_name: a mixture or task.

  Raises:
    InputError: if there is none of that name; near names are given.
  """
  folder = _tfds_data_dir()
  if folder is not None:
    tasks.register_found(folder)
  lookup.task_or_mixture(mixture_or_task_name)
  return mixture_or_task_name


@gin.configurable(module="instructrec_jax.t5x_hooks")
def matching(mixture_or_task_name: str = gin.REQUIRED) -> str:
  """Returns the name of a mixture's tasks that any item can answer.

  Args:
    mixture_or_task_name: a mixture or task; of a mixture that has other tasks
      too, another one is registered.

  Raises:
    InputError: as `registered`, or if there is no such task.
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
  """Returns the titles that the tasks of `matching` can be answered with.

  T5X gives a model parameters and a batch only, so that the titles are a
  constant of its program. That costs next to nothing: the tiny T5, 32 requests
  and ten beams took 48 and 51 s to lower and compile with 100,000 titles (17
  MB) as a constant and as an argument, 47 and 44 s with 10,000, and 60 s with a
  million (168 MB) as a constant, on a busy CPU; at their peak 100,000 took 0.85
  and 0.71 GB of memory, a million 2 GB.

  Args:
    mixture_or_task_name: as there.

  Raises:
    InputError: as `matching`, or as `catalogue_ranking.CatalogueEvaluator`.
  """
  name = matching(mixture_or_task_name)
  tasks = seqio.get_subtasks(lookup.task_or_mixture(name))
  return title_trie.title_trie(catalogue_ranking.catalogue_of(tasks))


def _tfds_data_dir() -> str | None:
  """Returns what T5X was given with --tfds_data_dir, which SeqIO knows."""
  # Any name will do: all datasets are in that folder.
  return seqio.utils.LazyTfdsLoader(f"{PREFIX}:{RECORDS_VERSION}").data_dir


@gin.configurable(module="instructrec_jax.t5x_hooks")
def absolute(path: str | PathLike[str] = gin.REQUIRED) -> str:
  """Returns a folder's whole name: T5X takes no other."""
  return fspath(paths.absolute(path))


@gin.configurable(module="instructrec_jax.t5x_hooks")
def find_checkpoint(path: str | PathLike[str] | None = gin.REQUIRED) -> Any:
  """Returns the whole name of a checkpoint of T5X's; None for None.

  Args:
    path: of a checkpoint, or of a run, for its newest one.

  Raises:
    InputError: if there is none, or it is none of T5X's.
  """
  if path is None:
    return None
  found = formats.find(path)
  if found.format != "t5x":
    raise InputError(
      f"T5X reads its own checkpoints only, and {found.folder} is none. Make "
      f"one of it with `instructrec convert {path} OUT --to t5x`"
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
  """Returns the batches that our own runner would train on: a get_dataset_fn.

  Args:
    cfg: T5X's DatasetConfig of the training data.
    shard_id: which of the shards of each batch this process feeds.
    num_shards: how many there are.
    feature_converter_cls: of the model; training examples look the same by it.
    num_epochs: of no use, as training repeats its data.
    continue_from_last_checkpoint: of no use: T5X restores the position.
    model_dir: the run's folder.
    cached_tokens: a folder that `instructrec cache` has written.

  Raises:
    InputError: for cached tokens that are not of this run.
  """
  del feature_converter_cls, num_epochs, continue_from_last_checkpoint
  lengths = cfg.task_feature_lengths
  if cached_tokens:
    training_data.of_tokens(
      cached_tokens, cfg.mixture_or_task_name, lengths, _tfds_data_dir() or ""
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
  """Returns how many batches a run has used that T5X cannot tell.

  Those of a converted checkpoint, as long as it is the run's newest one.
  """
  steps = t5x.steps(epath.Path(model_dir))
  newest = max((step for step in steps if step is not None), default=0)
  return 0 if (steps.get(newest, epath.Path()) / _POSITION).is_dir() else newest


class TrainIterator(dataset_iterator.DatasetIterator):
  """Batches as T5X iterates over them, saves their position and restores it."""

  def __init__(
    self, batches: checkpoint.Batches, model_dir: str | PathLike[str]
  ):
    """Reads the first batch, to know what all look like.

    Args:
      batches: where the next one is the run's next.
      model_dir: the run's folder.
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
    """Writes the position of the batch that comes next."""
    at_start = self._first is not None
    state = self._start if at_start else self._batches.get_state()
    epath.Path(filename).write_bytes(state)

  def restore(self, filename: str | PathLike[str]) -> None:
    """Goes to the position that `save` wrote, if it is this run's own.

    T5X restores the position of an initial checkpoint as well, which has no
    meaning in this run's data.
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
  """Leaves step and optimizer of an initial checkpoint behind.

  A state_transformation_fn of T5X's RestoreCheckpointConfig. Steps then count
  from 0, as in our own runner, so that TRAIN_STEPS and the schedule mean the
  same in both, and a run that is started again still ends at TRAIN_STEPS. (With
  T5X's relative_steps it would train as many steps once more.)

  Args:
    state_dict: "target" and "state" of the checkpoint.
    target_state_dict: the same of the model.
    is_resuming: whether the checkpoint is the run's own.

  Returns:
    What is to be restored; T5X makes the rest afresh.

  Raises:
    InputError: if the checkpoint lacks parameters of the model, which would be
      made afresh as well.
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
