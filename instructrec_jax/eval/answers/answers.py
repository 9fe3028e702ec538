"""The texts that a model wrote, with the right answers."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from instructrec_jax.errors import InputError


@dataclasses.dataclass(frozen=True)
class Answers:
  """Texts and their right answers.

  Attributes:
    instances: int64 [B], running numbers of the records, each once.
    users: int64 [B], user codes.
    texts: B generated texts. Each is None if only likelihoods were used.
    truths: B right answers of one JSON type: a rating, attributes by name, a
      text, or item codes.
    read: B values parsed from the texts, None for a text that cannot be parsed.
      The column is None if texts are not parsed.
  """

  instances: np.ndarray
  users: np.ndarray
  texts: Sequence[str | None]
  truths: Sequence[Any]
  read: Sequence[Any] | None

  @classmethod
  def of(
    cls,
    instances: Sequence[int],
    users: Sequence[int],
    texts: Sequence[str | None],
    truths: Sequence[Any],
    read: Sequence[Any] | None,
  ) -> "Answers":
    """Makes answers, and checks that the columns match.

    Raises:
      InputError: The columns' lengths differ, or an instance comes twice.
    """
    if not len(instances) == len(users) == len(texts) == len(truths):
      raise InputError(
        f"answers: expected {len(truths)} texts, one for each request, got "
        f"{len(texts)}"
      )
    values, counts = np.unique(instances, return_counts=True)
    if (counts > 1).any():
      raise InputError(
        f"instance {values[counts.argmax()]}: expected once, got "
        f"{counts.max()} times"
      )
    return cls(
      np.asarray(instances, np.int64),
      np.asarray(users, np.int64),
      texts,
      truths,
      read,
    )

  @property
  def n(self) -> int:
    """The number of requests."""
    return len(self.instances)

  def fingerprint(self) -> str:
    """Returns a digest of the requests; see `Predictions.fingerprint`."""
    asked = [
      [int(self.instances[row]), self.truths[row]]
      for row in np.argsort(self.instances)
    ]
    text = json.dumps(asked, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]

  def rows(self) -> Iterator[dict[str, Any]]:
    """Yields a dict for each request, the lines of answers.jsonl."""
    columns = {
      "instance": self.instances.tolist(),
      "user": self.users.tolist(),
      "answer": self.texts,
      "truth": self.truths,
    }
    if self.read is not None:
      columns["read"] = self.read
    for row in zip(*columns.values(), strict=True):
      yield dict(zip(columns, row, strict=True))
