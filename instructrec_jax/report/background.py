"""What records say of the requests that were measured."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from instructrec_jax.data.records import read
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.errors import InputError
from instructrec_jax.eval.predictions import Predictions


@dataclasses.dataclass(frozen=True)
class Background:
  """Titles and histories, and what requests are told apart by.

  Attributes:
    titles: of the catalogue, by item code.
    train_count: int64 [items], how often each was taken in training.
    rows: of each instance in the arrays below.
    histories: item codes of each row, the newest, oldest first.
    lengths: int64 [rows], of the whole histories.
  """

  titles: list[str]
  train_count: np.ndarray
  rows: Mapping[int, int]
  histories: list[np.ndarray]
  lengths: np.ndarray

  @classmethod
  def load(cls, data_dir: str | Path, dataset: str, split: str) -> "Background":
    """Reads a split's records, and their catalogue.

    Raises:
      InputError: there are no records of the dataset.
    """
    catalogue = read.load_catalogue(data_dir, dataset)
    requests = Requests.load(data_dir, dataset, split)
    instances = requests.instance.tolist()
    return cls(
      titles=catalogue["title"].to_list(),
      train_count=catalogue["train_count"].to_numpy().astype(np.int64),
      rows={instance: row for row, instance in enumerate(instances)},
      histories=requests.histories,
      lengths=requests.history_length,
    )

  def attributes(self, predictions: Predictions) -> dict[str, np.ndarray]:
    """Returns what requests can be told apart by, [B] by name.

    That is the number of items before the target, and how often the target was
    taken in training: the mean, rounded, where there are several.

    Raises:
      InputError: the records have no such request, or no such item.
    """
    unknown = set(predictions.instances.tolist()) - self.rows.keys()
    items = len(self.train_count)
    if unknown or predictions.candidates.max(initial=0) >= items:
      raise InputError(
        "the records are not those that were measured: they have no instance "
        f"{min(unknown)}"
        if unknown
        else "the records are not those that were measured: their catalogue "
        f"has {items} items, but there is a candidate "
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
