"""Figures other than ranking metrics: of ratings, texts and lists."""

import dataclasses
import itertools
from collections.abc import Sequence

from etils import epath

from instructrec_jax.eval.recording import results
from instructrec_jax.files import texts


@dataclasses.dataclass(frozen=True)
class Further:
  """Systems with the same figures on the same requests.

  Attributes:
    results: Results by the name that tables show.
    names: Names of the figures.
  """

  results: dict[str, results.Result]
  names: tuple[str, ...]

  @property
  def heading(self) -> str:
    """One line on the requests that were measured."""
    first = next(iter(self.results.values()))
    return f"{first.dataset}, {first.split}: {first.n:,} requests"

  @property
  def notes(self) -> list[str]:
    """Notes that a reader needs to understand the figures."""
    return [
      f"{label}: {count:,} requests left out ({reason})."
      for label, result in self.results.items()
      for reason, count in result.skipped.items()
      if not result.metrics  # Otherwise the ranking has this note.
    ]


def load(folders: Sequence[epath.Path]) -> list[Further]:
  """Reads such figures from result folders.

  Args:
    folders: Folders with a metrics.json.

  Raises:
    InputError: A folder cannot be read.
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
      label = f"{label}, {texts.plain(str(folder))}"
    labelled[label] = result
  return labelled
