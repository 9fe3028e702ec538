"""Converts a task's examples to the model's features."""

import functools
from collections.abc import Mapping

import gin
import seqio
import tensorflow as tf


@gin.configurable(module="instructrec_jax")
class RankingFeatureConverter(seqio.EncDecFeatureConverter):
  """Converts training examples, packed or not, and requests with candidates.

  T5X's model has one converter class for training and evaluation, so this class
  serves both. Task features: inputs [L], targets [T] and, in tasks that rank,
  candidates [C, T]. Model features are those of SeqIO's EncDecFeatureConverter
  and, without packing, candidate_tokens [C, T], int32 and padded with 0. A
  request with fewer than C candidates has rows of padding, which the model
  scores as minus infinity. If examples have them, log_popularity [C] and
  prior_input_tokens [K, L] follow, see `instructions/prior.py`.

  If the lengths include candidates, as an evaluator's do, C and T are measured
  from the task's requests: yes and no, for example, are two candidates.
  Otherwise, as in T5X's infer, they are `num_candidates` and the length of
  targets.
  """

  def __init__(
    self,
    pack: bool = True,
    use_custom_packing_ops: bool = False,
    apply_length_check: bool = True,
    num_candidates: int | None = None,
  ):
    """Makes a converter. SeqIO and T5X set the first three arguments.

    Args:
      pack: Whether examples share a row. Packed rows have no candidates.
      use_custom_packing_ops: Whether to pack with tensor2tensor's operations.
      apply_length_check: Whether a feature above its length is an error.
      num_candidates: Rows of candidate_tokens if the lengths do not include
        candidates. By default there is then no such feature.
    """
    self._options = {
      "pack": pack,
      "use_custom_packing_ops": use_custom_packing_ops,
      "apply_length_check": apply_length_check,
    }
    super().__init__(**self._options)
    self._num_candidates = num_candidates

  def __call__(
    self, ds: tf.data.Dataset, task_feature_lengths: Mapping[str, int]
  ) -> tf.data.Dataset:
    """Converts a task's examples to rows for the model.

    Args:
      ds: Examples.
      task_feature_lengths: The most tokens of inputs and targets, and perhaps
        the number of candidates.
    """
    lengths = {name: task_feature_lengths[name] for name in self.TASK_FEATURES}
    options = dict(self._options)
    shape = None if self.pack else self._shape(ds, task_feature_lengths)
    if shape is not None:
      lengths["candidate_tokens"], longest = shape
      passed = {"candidate_tokens": self.FeatureSpec(tf.int32, rank=2)}
      if "log_popularity" in ds.element_spec:
        passed["log_popularity"] = self.FeatureSpec(tf.float32, rank=1)
        lengths["log_popularity"] = lengths["candidate_tokens"]
      if "prior_inputs" in ds.element_spec:
        passed["prior_input_tokens"] = self.FeatureSpec(tf.int32, rank=2)
        lengths["prior_input_tokens"] = ds.element_spec["prior_inputs"].shape[0]
      options["passthrough_features"] = passed
      ds = ds.map(
        functools.partial(
          _padded, candidate=longest, inputs=task_feature_lengths["inputs"]
        ),
        num_parallel_calls=tf.data.AUTOTUNE,
      )
    return seqio.EncDecFeatureConverter(**options)(ds, lengths)

  def _shape(
    self, ds: tf.data.Dataset, lengths: Mapping[str, int]
  ) -> tuple[int, int] | None:
    """Returns C and T of candidate_tokens, or None without that feature."""
    if "candidates" not in ds.element_spec:
      return None
    if "candidates" in lengths:
      count, longest = ds.reduce(
        tf.zeros(2, tf.int32),
        lambda most, row: tf.maximum(most, tf.shape(row["candidates"])),
      ).numpy()
      return int(count), int(longest)
    if self._num_candidates is None:
      return None
    return self._num_candidates, lengths["targets"]


def _padded(
  example: Mapping[str, tf.Tensor], candidate: int, inputs: int
) -> dict[str, tf.Tensor]:
  """Adds the model features of rank 2 to an example.

  Args:
    example: An example.
    candidate: T of candidate_tokens [C, T].
    inputs: L of prior_input_tokens [K, L].
  """
  padded = {
    "candidate_tokens": _pad(
      example["candidates"],
      candidate,
      "a candidate has more tokens than the targets' length",
    )
  }
  if "prior_inputs" in example:
    padded["prior_input_tokens"] = _pad(
      example["prior_inputs"],
      inputs,
      "another user's request has more tokens than the inputs' length",
    )
  return {**example, **padded}


def _pad(rows: tf.Tensor, length: int, too_long: str) -> tf.Tensor:
  """Pads rows to a length; the message is for those that are longer."""
  now = tf.shape(rows)[1]
  with tf.control_dependencies(
    [tf.debugging.assert_less_equal(now, length, too_long)]
  ):
    padded = tf.pad(rows, [[0, 0], [0, length - now]])
  return tf.ensure_shape(padded, [rows.shape[0], length])
