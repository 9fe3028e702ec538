"""What a model wrote for each request, and what would have been right."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from instructrec_jax.errors import InputError


@dataclasses.dataclass(frozen=True)
class Answers:
  """Texts, each held against a truth.

  Attributes:
    instances: int64 [B], the record's running number, each once.
    users: int64 [B], user codes.
    texts: B texts, as generated; None where likelihoods alone were looked at.
    truths: B things of one kind that JSON can hold: a rating, attributes by
      name, a text, item codes.
    read: B things that were understood of the texts, None for a text that says
      nothing of the kind; None altogether where texts are not read.
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
    """Checks that questions and answers fit together.

    Raises:
      InputError: there are not as many of each, or an instance comes twice.
    """
    if not len(instances) == len(users) == len(texts) == len(truths):
      raise InputError(
        f"answers: {len(texts)} texts for {len(truths)} requests"
      )
    values, counts = np.unique(instances, return_counts=True)
    if (counts > 1).any():
      raise InputError(
        f"instance {values[counts.argmax()]}: it comes {counts.max()} times, "
        "expected once"
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
    """Returns a digest of what was asked; see `Predictions.fingerprint`."""
    asked = [
      [int(self.instances[row]), self.truths[row]]
      for row in np.argsort(self.instances)
    ]
    text = json.dumps(asked, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]

  def rows(self) -> Iterator[dict[str, Any]]:
    """Yields a dict for each request, as answers.jsonl has them."""
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
