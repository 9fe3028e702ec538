"""A folder of cached tokens, which is written once and read with memory maps.

  tokens      every example's inputs, then its targets
  starts      int64 [examples + 1], where each example begins in `tokens`
  lengths     uint16 or int32 [examples, 2], its tokens of inputs and targets
  vocabulary.model  the vocabulary of the tokens
  manifest.json     the cache's sources and options, and the table of tasks

The arrays are raw little-endian numbers. They are mapped into memory, so a
cache may be larger than memory. The examples of a task are contiguous,
rendering by rendering. Tasks are in the order of their names.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from instructrec_jax import artifacts, paths
from instructrec_jax.batches.order import Part
from instructrec_jax.errors import InputError

STAGE = "cache"
VOCABULARY_FILE = "vocabulary.model"
FEATURES = ("inputs", "targets")


class Writer:
  """A context manager that writes a cache's arrays in constant memory.

  Args:
    folder: The folder.
    max_lengths: The most tokens of inputs and targets. Longer examples are left
      out and counted.
    pieces: The size of the vocabulary. Tokens are below it.
  """

  def __init__(self, folder: Path, max_lengths: tuple[int, int], pieces: int):
    self._types = _types(pieces, max_lengths)
    self._max_lengths = np.array(max_lengths)
    self._pieces = pieces
    self._folder = folder
    self._files: dict[str, BinaryIO] = {}
    self.examples = self.tokens = 0

  def __enter__(self) -> "Writer":
    self._files = {n: (self._folder / n).open("wb") for n in self._types}
    self._write("starts", np.zeros(1))
    return self

  def __exit__(self, *_: Any) -> None:
    for file in self._files.values():
      file.close()

  def add(self, tokens: np.ndarray, lengths_Ex2: np.ndarray) -> int:
    """Writes examples.

    Args:
      tokens: Integers [total], every example's inputs, then its targets.
      lengths_Ex2: Integers [examples, 2], tokens of inputs and targets.

    Returns:
      The number of examples left out because they are too long.

    Raises:
      InputError: An example has no inputs or targets, or a token is not in the
        vocabulary.
    """
    if lengths_Ex2.size and not lengths_Ex2.all():
      feature = FEATURES[int(not lengths_Ex2[:, 1].all())]
      raise InputError(f"an example's {feature}: expected tokens, got none")
    if tokens.size and not 0 <= tokens.min() <= tokens.max() < self._pieces:
      raise InputError(
        f"expected tokens of the run's vocabulary, from 0 to "
        f"{self._pieces - 1}, got tokens from {tokens.min()} to {tokens.max()}"
      )
    fit_E = (lengths_Ex2 <= self._max_lengths).all(axis=1)
    if not fit_E.all():
      tokens = tokens[np.repeat(fit_E, lengths_Ex2.sum(axis=1))]
      lengths_Ex2 = lengths_Ex2[fit_E]
    self._write("tokens", tokens)
    self._write("lengths", lengths_Ex2)
    self._write("starts", self.tokens + np.cumsum(lengths_Ex2.sum(axis=1)))
    self.examples += len(lengths_Ex2)
    self.tokens += tokens.size
    return int((~fit_E).sum())

  def _write(self, name: str, values: np.ndarray) -> None:
    self._files[name].write(values.astype(self._types[name]).tobytes())


class TokenCache:
  """An open cache.

  Attributes:
    folder: The folder.
    manifest: The sources, options and counts of the cache.
    fingerprint: A digest that identifies the cache.
    tokens: [total tokens].
    starts: int64 [examples + 1].
    lengths_Ex2: [examples, 2].
  """

  def __init__(self, folder: str | os.PathLike[str]):
    """Opens a cache.

    Raises:
      InputError: There is none, its manifest is damaged, or a file has the
        wrong size.
    """
    # Only local files can be mapped into memory.
    self.folder = paths.local(folder, "copy the cache to one first")
    self.manifest = artifacts.read_manifest(self.folder, STAGE)
    self.fingerprint: str = self.manifest["fingerprint"]
    counts, options = self.manifest["counts"], self.manifest["options"]
    _check_manifest(self.folder / artifacts.MANIFEST, counts, options)
    examples, tokens = counts["examples"], counts["tokens"]
    types = _types(options["pieces"], self.max_lengths)
    self.tokens = self._map("tokens", types, (tokens,))
    self.starts = self._map("starts", types, (examples + 1,))
    self.lengths_Ex2 = self._map("lengths", types, (examples, 2))

  @property
  def max_lengths(self) -> tuple[int, int]:
    """The most tokens of inputs and targets."""
    lengths = self.manifest["options"]["task_feature_lengths"]
    return tuple(lengths[feature] for feature in FEATURES)

  @property
  def renderings(self) -> int:
    """How many times each record was rendered."""
    return self.manifest["options"]["epochs"]

  @property
  def tasks(self) -> Mapping[str, Mapping[str, int]]:
    """Counts by task: records, examples and left_out."""
    return self.manifest["counts"]["tasks"]

  def parts(self) -> list[Part]:
    """Returns the examples of each task, in the order of their names."""
    rates = self.manifest["options"]["rates"]
    parts, first = [], 0
    for name, counts in sorted(self.tasks.items()):
      parts.append(Part(first, counts["examples"], rates[name]))
      first += counts["examples"]
    return parts

  def _map(
    self, name: str, types: Mapping[str, np.dtype], shape: tuple[int, ...]
  ) -> np.ndarray:
    path = self.folder / name
    expected = int(np.prod(shape)) * types[name].itemsize
    found = path.stat().st_size if path.is_file() else None
    if found != expected:
      what = "no file" if found is None else f"{found} bytes"
      raise InputError(
        f"{path}: expected {expected} bytes, as its manifest says, got {what}. "
        "The cache is damaged: copy it again, or make it again with "
        "`instructrec cache --overwrite`"
      )
    # A plain array over the same memory is faster to index.
    return np.asarray(np.memmap(path, types[name], "r", shape=shape))


def _check_manifest(
  path: Path, counts: Mapping[str, Any], options: Mapping[str, Any]
) -> None:
  """Raises InputError if the manifest of a cache lacks what a reader uses."""

  def are_counts(values: Any, least: int = 0) -> bool:
    return all(type(x) is int and least <= x < 2**48 for x in values)

  tasks, rates = counts.get("tasks"), options.get("rates")
  lengths = options.get("task_feature_lengths")
  tasks_are_whole = (
    isinstance(tasks, dict)
    and isinstance(rates, dict)
    and tasks.keys() <= rates.keys()
    and all(isinstance(task, dict) for task in tasks.values())
    and are_counts(task.get("examples") for task in tasks.values())
    and all(type(rate) in (int, float) for rate in rates.values())
  )
  for field, holds in (
    ("counts.tasks", tasks_are_whole),
    ("counts.examples", are_counts([counts.get("examples")])),
    ("counts.tokens", are_counts([counts.get("tokens")])),
    ("options.pieces", are_counts([options.get("pieces")], 1)),
    ("options.epochs", are_counts([options.get("epochs")], 1)),
    (
      "options.task_feature_lengths",
      isinstance(lengths, dict)
      and are_counts((lengths.get(name) for name in FEATURES), 1),
    ),
  ):
    if not holds:
      raise InputError(
        f"{path}: {field}: expected what `instructrec cache` writes. The cache "
        "is damaged: copy it again, or make it again"
      )


def _types(pieces: int, max_lengths: Iterable[int]) -> dict[str, np.dtype]:
  """Returns the number type of each array."""

  def smallest(values: int) -> np.dtype:
    return np.dtype("<u2" if values <= 2**16 else "<i4")

  return {
    "tokens": smallest(pieces),
    "starts": np.dtype("<i8"),
    "lengths": smallest(max(max_lengths) + 1),
  }
