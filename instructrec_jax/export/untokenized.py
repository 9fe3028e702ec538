"""Tasks whose examples are used as text only.

They skip tokenization, which is slow and needs a vocabulary.
"""

import dataclasses
from collections.abc import Sequence

import seqio
import tensorflow as tf

from instructrec_jax.vocabulary.run_vocabulary import RUN_VOCABULARY


def untokenized(task: seqio.Task) -> seqio.Task:
  """Returns the task with its vocabulary replaced by one without tokens."""

  def untold(feature: seqio.Feature) -> seqio.Feature:
    if feature.vocabulary is not RUN_VOCABULARY:
      return feature
    return dataclasses.replace(feature, vocabulary=_Untold())

  return task.replace(
    output_features={
      name: untold(feature) for name, feature in task.output_features.items()
    }
  )


class _Untold(seqio.Vocabulary):
  """A vocabulary that encodes every text as no tokens."""

  eos_id = 1
  unk_id = 2
  _base_vocab_size = 3

  def __eq__(self, other: object) -> bool:
    return isinstance(other, _Untold)

  def _encode(self, s: str) -> list[int]:
    return []

  def _decode(self, ids: Sequence[int]) -> str:
    return ""

  def _encode_tf(self, s: tf.Tensor) -> tf.Tensor | tf.RaggedTensor:
    if s.shape.rank == 0:
      return tf.zeros([0], tf.int32)
    shape = tf.shape(s, tf.int64)
    lengths = tf.zeros([tf.size(s)], tf.int64)
    tokens = tf.RaggedTensor.from_row_lengths(tf.zeros([0], tf.int32), lengths)
    if s.shape.rank == 1:
      return tokens
    return tf.RaggedTensor.from_uniform_row_length(
      tokens, shape[-1], nrows=shape[0]
    )

  def _decode_tf(self, ids: tf.Tensor) -> tf.Tensor:
    return tf.zeros(tf.shape(ids)[:-1], tf.string)
