"""Which candidates each input of a request asks about: all, one, or two.

Dimension letters: C candidates of a request, Q inputs of the request, W
candidates that an input asks about.
"""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

YES_NO = ("yes", "no")


def whole(count: tf.Tensor) -> tf.Tensor:
  """Returns one input about all candidates: int64 [1, C]."""
  return tf.range(count)[None]


def each(count: tf.Tensor) -> tf.Tensor:
  """Returns one input for each candidate: int64 [C, 1]."""
  return tf.range(count)[:, None]


def pairs(count: tf.Tensor) -> tf.Tensor:
  """Returns one input for each pair of candidates: int64 [C (C - 1) / 2, 2].

  Candidates stand in a circle. A pair names first the candidate from which the
  other is reached in fewer steps. Each candidate is thus named first in half of
  its pairs, give or take half a pair, so that a model's preference for the
  first or the second place cancels out in the sum.
  """
  one, other = tf.meshgrid(tf.range(count), tf.range(count), indexing="ij")
  twice_ahead = 2 * ((other - one) % count)
  first = (twice_ahead > 0) & (twice_ahead < count)
  opposite = (twice_ahead == count) & (one < other)
  return tf.where(first | opposite)


@dataclasses.dataclass(frozen=True)
class Form:
  """A task form: what its inputs ask and what the decoder may answer.

  Attributes:
    questions: maps the number of candidates, int64, to the columns that each
      input of an evaluation asks about, int64 [Q, W].
    answers: the allowed answers; empty if they are the titles that the input
      asks about.
    width: W of a training input; None for the target and all its negatives.
    num_negatives: drawn for a training input; None for the task's number.
    ranks: whether candidates are ranked; if not, only the target is used.
  """

  questions: Callable[[tf.Tensor], tf.Tensor]
  answers: tuple[str, ...] = ()
  width: int | None = None
  num_negatives: int | None = None
  ranks: bool = True


# T0 draws one negative and asks about the target or the negative, at random, so
# half of the right answers are yes.
FORMS = {
  "t0": Form(each, answers=YES_NO, width=1, num_negatives=1),
  "t1": Form(pairs, width=2, num_negatives=1),
  "t2": Form(whole, num_negatives=0),
  "t3": Form(whole),
  "text": Form(whole, num_negatives=0, ranks=False),
}


def form_name(task: str) -> str:
  """Returns the key of `FORMS` that a ranking task's name ends with."""
  return task.rpartition("_")[2]
