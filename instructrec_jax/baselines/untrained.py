"""Scorers that need no training: what every system must beat.

A baseline is a function (catalogue, requests, seed) -> scores:

  catalogue: the items table with train_count, the row being the item's code.
  requests: what `records.load_split` returns: instance, user, target [n],
    candidates [n, C], history with history_offsets, all int64.
  seed: of whatever it draws.
  scores: float64 [n, C], in the order of the candidates, greater is better.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from instructrec_jax.data.names import generator


def random(
  catalogue: pl.DataFrame, requests: Mapping[str, np.ndarray], seed: int
) -> np.ndarray:
  """Draws each score: chance, as one sample of it turns out."""
  del catalogue
  return generator(seed, "baselines", "random").random(
    requests["candidates"].shape
  )


def popularity(
  catalogue: pl.DataFrame, requests: Mapping[str, np.ndarray], seed: int
) -> np.ndarray:
  """Counts how often each candidate was taken in the training part.

  Equally popular candidates stay tied, which the metrics decide against us.
  """
  del seed
  count_I = catalogue["train_count"].to_numpy().astype(np.float64)
  return count_I[requests["candidates"]]
