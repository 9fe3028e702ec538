"""Figures that follow from no ranking: of ratings, of texts, of lists."""

import dataclasses
import itertools
from collections.abc import Sequence

from etils import epath

from instructrec_jax.eval.recording import results


@dataclasses.dataclass(frozen=True)
class Further:
  """Systems of which the same was measured on the very same requests.

  Attributes:
    results: by the name that tables show.
    names: of the figures.
  """

  results: dict[str, results.Result]
  names: tuple[str, ...]

  @property
  def heading(self) -> str:
    """What was measured, in a line."""
    first = next(iter(self.results.values()))
    return f"{first.dataset}, {first.split}: {first.n:,} requests"

  @property
  def notes(self) -> list[str]:
    """What a reader must know to read the figures right."""
    return [
      f"{label}: {count:,} requests left out: {reason}."
      for label, result in self.results.items()
      for reason, count in result.skipped.items()
      if not result.metrics  # Else it stands under the ranking.
    ]


def load(folders: Sequence[epath.Path]) -> list[Further]:
  """Reads what result folders have of such figures.

  Args:
    folders: with a metrics.json each.

  Raises:
    InputError: one cannot be read.
  """
  read = [(folder, results.read_result(folder)) for folder in folders]
  read = [(folder, result) for folder, result in read if result.further]

  def posed(one: tuple[epath.Path, results.Result]) -> tuple:
    result = one[1]
    return (
      result.dataset, result.split, result.requests, tuple(result.further)
    )  # fmt: skip

  return [
    Further(_labelled(list(group)), key[-1])
    for key, group in itertools.groupby(sorted(read, key=posed), key=posed)
  ]


def _labelled(
  read: Sequence[tuple[epath.Path, results.Result]],
) -> dict[str, results.Result]:
  """Returns the results by their systems' names, made unique."""
  labelled = {}
  for folder, result in read:
    label = ", ".join(
      filter(None, (result.system, result.task, result.procedure))
    )
    if label in labelled:
      label = f"{label}, {folder}"
    labelled[label] = result
  return labelled
