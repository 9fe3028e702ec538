"""Requests and training rows, as arrays of the model's names."""

import numpy as np
import pytest
import seqio
import tensorflow as tf

from instructrec_jax.batches import feature_converter


def _equal(one, other):
  return all(np.array_equal(one[key], other[key]) for key in one)


_ROWS = [
  {"inputs": [5, 6, 1], "targets": [7, 1], "candidates": [[7, 1], [8, 1]]},
  {"inputs": [9, 1], "targets": [4, 1], "candidates": [[4, 5, 1]]},
]


def _converted(lengths, rows=_ROWS, **options):
  ds = tf.data.Dataset.from_generator(
    lambda: rows,
    output_signature={
      name: tf.TensorSpec([None] * np.ndim(value), tf.int32)
      for name, value in rows[0].items()
    },
  )
  converter = feature_converter.RankingFeatureConverter(**options)
  converted = converter(ds, lengths)
  assert all(spec.shape.is_fully_defined() for spec in _specs(converted))
  return list(converted.as_numpy_iterator())


def _specs(ds):
  return ds.element_spec.values()


def test_requests_become_one_row_each():
  """As many candidates, and as long, as there are; others may have more."""
  lengths = {"inputs": 5, "targets": 2, "candidates": 3}
  one, other = _converted(lengths, pack=False)
  assert one["encoder_input_tokens"].tolist() == [5, 6, 1, 0, 0]
  assert one["decoder_input_tokens"].tolist() == [0, 7]
  pad = [0, 0, 0]
  assert one["candidate_tokens"].tolist() == [[7, 1, 0], [8, 1, 0]]
  assert other["candidate_tokens"].tolist() == [[4, 5, 1], pad]


def test_without_an_evaluator_the_number_of_candidates_is_given():
  lengths = {"inputs": 5, "targets": 4}
  one, _ = _converted(lengths, pack=False, num_candidates=2)
  assert one["candidate_tokens"].tolist() == [[7, 1, 0, 0], [8, 1, 0, 0]]
  for options in ({"pack": False}, {"pack": True, "num_candidates": 2}):
    assert "candidate_tokens" not in _converted(lengths, **options)[0]


def test_candidates_that_do_not_fit_are_an_error():
  lengths = {"inputs": 5, "targets": 2}
  with pytest.raises(tf.errors.InvalidArgumentError, match="more tokens than"):
    _converted(lengths, pack=False, num_candidates=2)
  with pytest.raises(tf.errors.InvalidArgumentError, match="candidate_tokens"):
    _converted(lengths | {"targets": 3}, pack=False, num_candidates=1)


@pytest.mark.parametrize("pack", [True, False])
def test_training_rows_are_seqios(pack):
  """Also those of tasks that rank nothing, and so have no candidates."""
  lengths = {"inputs": 6, "targets": 4}
  text = [{k: v for k, v in row.items() if k != "candidates"} for row in _ROWS]
  ours = _converted(lengths, pack=pack)
  assert len(ours) == (1 if pack else 2)
  for rows in (text, _ROWS):
    for row, other in zip(
      ours, _converted(lengths, rows, pack=pack), strict=True
    ):
      assert row.keys() == other.keys()
      assert _equal(row, other)
  [first, *_] = ours
  packed = [5, 6, 1, 9, 1, 0] if pack else [5, 6, 1, 0, 0, 0]
  assert first["encoder_input_tokens"].tolist() == packed
  assert ("encoder_segment_ids" in first) == pack


def test_an_evaluator_can_measure_all_lengths(small):
  """Without lengths nothing is left out, and nothing is cut."""
  tokens = {}
  for lengths in (None, {"inputs": 256, "targets": 64}):
    judge = seqio.Evaluator(
      "instructrec_small_history",
      feature_converter.RankingFeatureConverter(pack=False),
      eval_split="test",
      sequence_length=lengths,
    )
    for task, ds in judge.cached_model_datasets.items():
      _, rows = next(ds.batch(10_000).as_numpy_iterator())
      whole = rows["candidate_tokens"]
      assert (
        whole.shape[:2]
        == {"0": (600, 2), "2": (60, 10), "3": (60, 10)}[task[-1]]
      )
      assert (whole == 1).sum() == whole.shape[0] * whole.shape[1]  # EOS.
      tokens.setdefault(task, []).append(whole)
  for one, other in tokens.values():
    np.testing.assert_array_equal(one, other)
