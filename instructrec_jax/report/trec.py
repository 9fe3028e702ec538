"""Results as TREC's files, so that other tools can check them.

Item codes are documents, instances are queries. A run's scores are places
counted from the end, as ties are already decided, against us: trec_eval and
others would decide them by the names of documents.
"""

import os
import re

import numpy as np

from instructrec_jax import paths
from instructrec_jax.artifacts import atomic_write_text
from instructrec_jax.errors import InputError
from instructrec_jax.eval.predictions import Predictions
from instructrec_jax.report import exposure


def qrels(predictions: Predictions) -> str:
  """Returns "query 0 document relevance" a line, for the relevant items.

  Raises:
    InputError: a gain is no whole number, which TREC's relevance must be.
  """
  whole = predictions.gains == np.round(predictions.gains)
  if not whole.all():
    row, column = np.argwhere(~whole)[0]
    raise InputError(
      f"instance {predictions.instances[row]}: TREC's relevance is a whole "
      f"number, got the gain {predictions.gains[row, column]}"
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
  """Returns "query Q0 document rank score tag" a line, best first.

  A target that the system did not list, out of a catalogue, is not written.

  Args:
    predictions: of a system.
    tag: its name, without blanks.
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
    folder: where to; made if need be.
    name: of the requests, which all systems share.
    systems: by name; blanks and the like become "_".

  Raises:
    InputError: as `qrels`, or two systems' names are alike.
  """
  tags = [re.sub(r"[^\w.@=-]+", "_", label) for label in systems]
  if len(set(tags)) < len(tags):
    raise InputError(f"systems' names are alike as file names: {tags}")
  folder = paths.anywhere(folder)
  first = next(iter(systems.values()))
  atomic_write_text(folder / f"{name}.qrels", qrels(first))
  for tag, predictions in zip(tags, systems.values(), strict=True):
    atomic_write_text(folder / f"{name}.{tag}.run", run(predictions, tag))
