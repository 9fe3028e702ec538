import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from instructrec_jax.data import examples

_INT64 = st.integers(-(2**63), 2**63 - 1)


@pytest.mark.parametrize("values", [_INT64, st.integers(0, 20_000)])
def test_protobuf_reads_what_was_written(values):
  @given(
    lists=st.lists(st.lists(values, max_size=200), min_size=1, max_size=5),
    data=st.data(),
  )
  def check(lists, data):
    ends = np.cumsum([len(x) for x in lists])
    flat = np.array([v for x in lists for v in x], np.int64)
    scores = np.array(
      data.draw(
        st.lists(
          st.floats(width=32, allow_nan=False),
          min_size=len(lists),
          max_size=len(lists),
        )
      ),
      np.float32,
    )
    number = np.arange(len(lists), dtype=np.uint32)
    starts = ends - [len(x) for x in lists]
    features = {
      "a" * 130: examples.Slices(examples.Encoded(flat), starts, ends),
      "rating": scores,
      "n": number,
    }
    written = list(examples.serialize(features))
    assert len(written) == len(lists)
    for row, message in enumerate(written):
      feature = tf.train.Example.FromString(message).features.feature
      assert set(feature) == set(features)
      assert list(feature["a" * 130].int64_list.value) == lists[row]
      assert list(feature["rating"].float_list.value) == [scores[row]]
      assert list(feature["n"].int64_list.value) == [row]

  check()


def test_rows_may_share_values():
  column = examples.Slices(
    examples.Encoded(np.array([300, 1, 2**40])),
    np.array([0, 0, 1, 3]),
    np.array([1, 3, 2, 3]),
  )
  got = [
    list(tf.train.Example.FromString(m).features.feature["h"].int64_list.value)
    for m in examples.serialize({"h": column})
  ]
  assert got == [[300], [300, 1, 2**40], [1], []]
