"""Data of the records for the requests that were measured."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from instructrec_jax.data.records import read
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.errors import InputError
from instructrec_jax.eval.predictions import Predictions
from instructrec_jax.files import texts


@dataclasses.dataclass(frozen=True)
class Background:
  """Titles and histories, and attributes to group requests by.

  Attributes:
    titles: Titles of the catalogue, by item code.
    train_count: int64 [items], how often each was chosen in training.
    rows: The row of each instance in the arrays below.
    histories: The newest item codes of each row's history, oldest first.
    lengths: int64 [rows], the lengths of the whole histories.
  """

  titles: list[str]
  train_count: np.ndarray
  rows: Mapping[int, int]
  histories: list[np.ndarray]
  lengths: np.ndarray

  @classmethod
  def load(cls, data_dir: str | Path, dataset: str, split: str) -> "Background":
    """Reads a split's records and their catalogue.

    Raises:
      InputError: There are no records of the dataset.
    """
    catalogue = read.load_catalogue(data_dir, dataset)
    requests = Requests.load(data_dir, dataset, split)
    instances = requests.instance.tolist()
    return cls(
      titles=[texts.plain(title) for title in catalogue["title"]],
      train_count=catalogue["train_count"].to_numpy().astype(np.int64),
      rows={instance: row for row, instance in enumerate(instances)},
      histories=requests.histories,
      lengths=requests.history_length,
    )

  def attributes(self, predictions: Predictions) -> dict[str, np.ndarray]:
    """Returns attributes to group requests by, [B] by name.

    They are the number of items before the target, and how often the target was
    chosen in training; for several targets, the rounded mean.

    Raises:
      InputError: The records lack a request or an item.
    """
    unknown = set(predictions.instances.tolist()) - self.rows.keys()
    items = len(self.train_count)
    if unknown or predictions.candidates.max(initial=0) >= items:
      raise InputError(
        "the records are not those of the results: they have no instance "
        f"{min(unknown)}"
        if unknown
        else "the records are not those of the results: expected item codes "
        f"below {items}, the size of the catalogue, got candidate "
        f"{predictions.candidates.max()}"
      )
    rows = [self.rows[i] for i in predictions.instances.tolist()]
    relevant_BxC = predictions.gains > 0
    count_BxC = np.where(
      relevant_BxC, self.train_count[predictions.candidates], 0
    )
    popularity_B = count_BxC.sum(axis=1) / relevant_BxC.sum(axis=1)
    return {
      "history length": self.lengths[rows],
      "popularity of the target": np.rint(popularity_B).astype(np.int64),
    }
