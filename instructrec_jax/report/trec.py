"""Writes results as TREC's files, so that other tools can check them.

Item codes are documents, and instances are queries. A run's scores are places
counted from the end. So ties are resolved against the system, while trec_eval
would resolve them by the documents' names.
"""

import os

import numpy as np

from instructrec_jax import paths
from instructrec_jax.artifacts import atomic_write_text
from instructrec_jax.errors import InputError
from instructrec_jax.eval.predictions import Predictions
from instructrec_jax.files import texts
from instructrec_jax.report import exposure


def qrels(predictions: Predictions) -> str:
  """Returns lines "query 0 document relevance" for the relevant items.

  Raises:
    InputError: A gain is not an integer, which TREC's relevance must be.
  """
  whole = predictions.gains == np.round(predictions.gains)
  if not whole.all():
    row, column = np.argwhere(~whole)[0]
    raise InputError(
      f"instance {predictions.instances[row]}: TREC's relevance must be an "
      f"integer, got the gain {predictions.gains[row, column]}"
    )
  rows, columns = np.nonzero(predictions.gains)
  return "".join(
    f"{instance} 0 {item} {gain:.0f}\n"
    for instance, item, gain in zip(
      predictions.instances[rows].tolist(),
      predictions.candidates[rows, columns].tolist(),
      predictions.gains[rows, columns].tolist(),
      strict=True,
    )
  )


def run(predictions: Predictions, tag: str) -> str:
  """Returns lines "query Q0 document rank score tag", best first.

  In a ranking of a catalogue, a target that was not found is not written.

  Args:
    predictions: Predictions of a system.
    tag: The system's name, without white space.
  """
  order_BxC = exposure.best_first(predictions)
  listed = predictions.mask & (
    (predictions.scores != -np.inf)
    | (predictions.sizes == predictions.mask.sum(axis=1))[:, None]
  )
  lines = []
  for instance, codes, order, kept in zip(
    predictions.instances.tolist(),
    predictions.candidates,
    order_BxC,
    listed,
    strict=True,
  ):
    items = codes[order][kept[order]].tolist()
    lines += [
      f"{instance} Q0 {item} {rank} {len(items) + 1 - rank} {tag}\n"
      for rank, item in enumerate(items, start=1)
    ]
  return "".join(lines)


def write(
  folder: str | os.PathLike, name: str, systems: dict[str, Predictions]
) -> None:
  """Writes <name>.qrels, and <name>.<system>.run for each system.

  Args:
    folder: The folder. It is made if it does not exist.
    name: The name of the requests, which all systems share. Special characters
      become "_", here and in the names of systems, so that no file is written
      outside of the folder.
    systems: Predictions by name.

  Raises:
    InputError: As `qrels`, or two systems get the same file name.
  """
  name, tags = texts.file_name(name), [*map(texts.file_name, systems)]
  if len(set(tags)) < len(tags):
    raise InputError(f"systems: expected different file names, got {tags}")
  folder = paths.anywhere(folder)
  first = next(iter(systems.values()))
  atomic_write_text(folder / f"{name}.qrels", qrels(first))
  for tag, predictions in zip(tags, systems.values(), strict=True):
    atomic_write_text(folder / f"{name}.{tag}.run", run(predictions, tag))
