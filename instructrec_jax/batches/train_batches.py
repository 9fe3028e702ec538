"""The training batches of a run, from records or cached tokens."""

import os
from collections.abc import Mapping

import gin

from instructrec_jax.batches import from_tokens
from instructrec_jax.batches.iterator import Batches
from instructrec_jax.batches.token_cache import TokenCache
from instructrec_jax.model import sharding


@gin.configurable(module="instructrec_jax")
def train_batches(
  mixture_or_task_name: str = gin.REQUIRED,
  task_feature_lengths: Mapping[str, int] = gin.REQUIRED,
  batch_size: int = gin.REQUIRED,
  seed: int = 0,
  pack: bool = True,
  num_partitions: int = 1,
  cached_tokens: str | os.PathLike[str] | None = None,
  shard: tuple[int, int] | None = None,
) -> Batches:
  """Returns the training batches of this process.

  Args:
    mixture_or_task_name: A name registered with SeqIO.
    task_feature_lengths: Tokens of "inputs" and "targets" in a row.
    batch_size: Rows of a batch, over all processes.
    seed: Seed of the order and, without a cache, of wordings and negatives.
    pack: Whether several examples share a row.
    num_partitions: The number of devices that share a copy of the parameters.
      They get the same rows.
    cached_tokens: A folder that `instructrec cache` wrote.
    shard: Which part of each batch to return, and of how many. By default this
      process's part on our own mesh.

  Raises:
    InputError: The name is unknown, or processes cannot share a batch evenly.
  """
  shard = shard or sharding.data_shard(sharding.make_mesh(num_partitions))
  if cached_tokens:
    return from_tokens.CachedBatches(
      TokenCache(cached_tokens), batch_size, seed, pack, shard
    )
  from instructrec_jax.batches import from_records

  return from_records.train_batches(
    mixture_or_task_name, task_feature_lengths, batch_size, seed, pack, shard
  )
