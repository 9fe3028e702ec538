"""The requests of other users, which tell what any user would be told.

A title's likelihood says how ordinary its words are, and how wanted the item
is. The mean likelihood after other users' requests has the first part only, so
a score can leave it out; see `model/exchange.py`. Such a request is this one
with another user's history and texts in the place of this user's. Its wording
and its candidates, in the order shown, stay.

Dimension letters: K other users, Q inputs of a record, W candidates that an
input asks about, C candidates.
"""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from instructrec_jax.data.records.catalogue import Catalogue
from instructrec_jax.instructions.families import Family
from instructrec_jax.instructions.questions import FORMS
from instructrec_jax.instructions.render import render
from instructrec_jax.instructions.score_features import score_features


# There is no Python control flow here that autograph should convert.
@tf.autograph.experimental.do_not_convert
def render_with_prior(
  record: Mapping[str, tf.Tensor],
  seed: tf.Tensor,
  *,
  others: Callable[[int], Mapping[str, Any]],
  family: Family,
  catalogue: Catalogue,
  **given: Any,
) -> dict[str, tf.Tensor]:
  """Renders a record as `render`, with the features of `score_features`.

  Args:
    record: As `render`.
    seed: As `render`.
    others: Returns so many other users' records, a column for each field.
    family: As `render`.
    catalogue: As `render`.
    **given: Further arguments of `render`.

  Returns:
    The features of `render`. If asked for, also log_popularity, float32 [Q, A],
    log(1 + the item's number of training interactions) for each answer: the
    item of a title, or of yes, and 0 for no; and prior_inputs, int32 [Q, K,
    tokens], padded with 0. They are empty for a record without candidates.
  """
  given |= {"family": family, "catalogue": catalogue}
  found = render(record, seed, **given)
  wanted = score_features()
  if not FORMS[family.form].ranks:
    return found
  stored = tf.size(record["candidates"]) > 0
  if wanted.popularity:
    found["log_popularity"] = tf.cond(
      stored,
      lambda: _popularity(found, family, catalogue),
      lambda: tf.zeros([1, 0], tf.float32),
    )
  if wanted.requests:
    columns = others(wanted.requests)
    number = columns["history"].shape[0]

    def inputs_of(row: tf.Tensor) -> tf.RaggedTensor:
      other = {name: column[row] for name, column in columns.items()}
      inputs_QxL = render({**record, **other}, seed, **given)["inputs"]
      return tf.RaggedTensor.from_tensor(inputs_QxL, padding=0)

    def inputs() -> tf.Tensor:
      inputs_KxQxL = tf.map_fn(
        inputs_of,
        tf.range(number),
        fn_output_signature=tf.RaggedTensorSpec(
          [None, None], tf.int32, ragged_rank=1
        ),
      )
      return tf.transpose(inputs_KxQxL.to_tensor(), [1, 0, 2])

    found["prior_inputs"] = tf.ensure_shape(
      tf.cond(stored, inputs, lambda: tf.zeros([1, number, 0], tf.int32)),
      [None, number, None],
    )
  return found


def _popularity(
  found: Mapping[str, tf.Tensor], family: Family, catalogue: Catalogue
) -> tf.Tensor:
  """Returns the log popularity of each answer, float32 [Q, A]."""
  items_QxW = tf.gather(found["candidate_items"], found["asked"], batch_dims=1)
  popularity_QxW = tf.gather(catalogue.log_popularity, items_QxW)
  more = len(FORMS[family.form].answers)
  if not more:
    return popularity_QxW
  return tf.pad(popularity_QxW[:, :1], [[0, 0], [0, more - 1]])
