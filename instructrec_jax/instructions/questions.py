"""What the inputs of one request ask about: all its candidates, one, or two.

Dimension letters: C candidates of a request, Q inputs that are made of it, W
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
  """Returns an input about each candidate: int64 [C, 1]."""
  return tf.range(count)[:, None]


def pairs(count: tf.Tensor) -> tf.Tensor:
  """Returns an input about each two candidates: int64 [C (C - 1) / 2, 2].

  Each pair is asked about once. Of two, that one is named first from which the
  other is reached by fewer steps around the circle of all candidates: so each
  is named first in half of its pairs, give or take half a pair, and a liking
  for the first or the second place cancels out of what is added up.
  """
  one, other = tf.meshgrid(tf.range(count), tf.range(count), indexing="ij")
  twice_ahead = 2 * ((other - one) % count)
  first = (twice_ahead > 0) & (twice_ahead < count)
  opposite = (twice_ahead == count) & (one < other)
  return tf.where(first | opposite)


@dataclasses.dataclass(frozen=True)
class Form:
  """A task form: what its inputs ask, and what the decoder may answer.

  Attributes:
    questions: from the number of candidates, int64, to the columns that each
      input of an evaluation asks about, int64 [Q, W].
    answers: the same for any candidates; none where they are the titles that
      the input asks about.
    width: W of a training input; None for the target and all its negatives.
    num_negatives: drawn for a training input; None for as many as the task has.
    ranks: whether candidates are ranked; else the target alone is told of.
  """

  questions: Callable[[tf.Tensor], tf.Tensor]
  answers: tuple[str, ...] = ()
  width: int | None = None
  num_negatives: int | None = None
  ranks: bool = True


# With one negative, of which the first of both in random order is asked about,
# half of all right answers are yes.
FORMS = {
  "t0": Form(each, answers=YES_NO, width=1, num_negatives=1),
  "t1": Form(pairs, width=2, num_negatives=1),
  "t2": Form(whole, num_negatives=0),
  "t3": Form(whole),
  "text": Form(whole, num_negatives=0, ranks=False),
}


def form_name(task: str) -> str:
  """Returns the key of `FORMS` of a task that ranks, by its name's end."""
  return task.rpartition("_")[2]
