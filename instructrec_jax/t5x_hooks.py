"""What our gin files hand to T5X's runner in place of its own defaults.

T5X is not imported here: it calls these functions, by contracts of its own.
"""

from collections.abc import Callable, Mapping
from os import PathLike
from typing import Any

import gin
import numpy as np
import seqio
from clu.data import dataset_iterator
from etils import epath
from flax import traverse_util

from instructrec_jax import pipeline, tasks
from instructrec_jax.data.names import PREFIX, RECORDS_VERSION
from instructrec_jax.errors import InputError
from instructrec_jax.train import checkpoint


@gin.configurable
def registered(mixture_or_task_name: str = gin.REQUIRED) -> str:
  """Returns a name, once all that is built under --tfds_data_dir has tasks.

  Args:
    mixture_or_task_name: a mixture or task.

  Raises:
    InputError: if there is none of that name; near names are given.
  """
  # Any name will do: all datasets are in the folder that T5X was given.
  folder = seqio.utils.LazyTfdsLoader(f"{PREFIX}:{RECORDS_VERSION}").data_dir
  if folder is not None:
    tasks.register_found(folder)
  pipeline.task_or_mixture(mixture_or_task_name)
  return mixture_or_task_name


@gin.configurable
def train_iterator(
  cfg: Any,
  shard_id: int,
  num_shards: int,
  feature_converter_cls: Callable[..., seqio.FeatureConverter],
  num_epochs: int | None = None,
  continue_from_last_checkpoint: bool = False,
) -> "TrainIterator":
  """Returns the batches that our own runner would train on: a get_dataset_fn.

  Args:
    cfg: T5X's DatasetConfig of the training data.
    shard_id: which of the shards of each batch this process feeds.
    num_shards: how many there are.
    feature_converter_cls: of the model; training examples look the same by it.
    num_epochs: of no use, as training repeats its data.
    continue_from_last_checkpoint: of no use: T5X restores the position.
  """
  del feature_converter_cls, num_epochs, continue_from_last_checkpoint
  return TrainIterator(
    pipeline.train_batches(
      cfg.mixture_or_task_name,
      cfg.task_feature_lengths,
      cfg.batch_size,
      cfg.seed,
      cfg.pack,
      shard=(shard_id, num_shards),
    )
  )


class TrainIterator(dataset_iterator.DatasetIterator):
  """Batches as T5X iterates over them, saves their position and restores it."""

  def __init__(self, batches: checkpoint.Batches):
    """Reads the first batch, to know what all look like.

    Args:
      batches: at their start.
    """
    self._batches = batches
    self._start = batches.get_state()
    self._first = next(batches)
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

  def reset(self) -> None:
    """Goes back to the start."""
    self._batches.set_state(self._start)
    self._first = None

  def save(self, filename: str | PathLike[str]) -> None:
    """Writes the position of the batch that comes next."""
    at_start = self._first is not None
    state = self._start if at_start else self._batches.get_state()
    epath.Path(filename).write_bytes(state)

  def restore(self, filename: str | PathLike[str]) -> None:
    """Goes to the position that `save` wrote."""
    self._batches.set_state(epath.Path(filename).read_bytes())
    self._first = None

  load = restore  # Orbax's handler in T5X calls it so.


@gin.configurable
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
