"""Candidates lie in rows whole, each once, none over another."""

import hypothesis
import hypothesis.strategies as st
import numpy as np

from instructrec_jax.model import candidate_rows

T = 9
titles = st.lists(st.integers(2, 99), max_size=T - 1)
requests = st.integers(1, 6).flatmap(
  lambda count: st.lists(
    st.lists(titles, min_size=count, max_size=count), min_size=1, max_size=5
  )
)


def padded(requests):
  """Returns tokens [N, C, T], each with EOS; an empty title is absent."""
  tokens = np.zeros((len(requests), len(requests[0]), T), np.int32)
  for n, request in enumerate(requests):
    for c, title in enumerate(request):
      if title:
        tokens[n, c, : len(title) + 1] = [*title, 1]
  return tokens


@hypothesis.settings(deadline=None, max_examples=100)
@hypothesis.given(requests, st.integers(T - 1, 20))
def test_what_lies_in_rows_is_what_was_given(requests, width):
  tokens = padded(requests)
  places = candidate_rows.places(tokens, width)
  count = int(places.row.max()) + 1
  rows = candidate_rows.fill(tokens, places, count, width)
  np.testing.assert_array_equal(rows.first, tokens[..., 0])
  assert (rows.candidate > 0).sum() == places.length.sum()
  for n, request in enumerate(tokens):
    for c, title in enumerate(request):
      mine = rows.candidate[n] == c + 1
      end = mine.sum()
      assert len(set(np.nonzero(mine)[0])) <= 1  # In one row,
      assert (np.diff(np.nonzero(mine)[1]) == 1).all()  # without a gap.
      np.testing.assert_array_equal(rows.tokens[n][mine], title[:end])
      np.testing.assert_array_equal(rows.following[n][mine], title[1:][:end])
      np.testing.assert_array_equal(rows.place[n][mine], np.arange(end) + 1)
      assert not title[end + 1 :].any()


def test_in_one_row_they_lie_one_after_the_other():
  tokens = padded([[[5, 6], [], [7, 8, 9]], [[7], [8, 9, 10], [4]]])
  assert candidate_rows.size_of_one(tokens).tolist() == [5, 5]
  rows = candidate_rows.in_one(tokens, 7)
  assert rows.tokens[:, 0].tolist() == [
    [5, 6, 7, 8, 9, 0, 0],
    [7, 8, 9, 10, 4, 0, 0],
  ]
  assert rows.following[0, 0].tolist() == [6, 1, 8, 9, 1, 0, 0]
  assert rows.candidate[0, 0].tolist() == [1, 1, 3, 3, 3, 0, 0]
  assert rows.place[1, 0].tolist() == [1, 1, 2, 3, 1, 0, 0]
  np.testing.assert_array_equal(rows.first, tokens[..., 0])


def test_first_fit_leaves_little_padding():
  """Worked by hand: 6 + 2, 5 + 3 and 4 + 4 positions in rows of 8."""
  lengths = [2, 6, 3, 5, 4, 4]
  places = candidate_rows.places(padded([[[7] * n for n in lengths]]), 8)
  assert places.row[0].tolist() == [0, 0, 1, 1, 2, 2]
  assert places.position[0].tolist() == [0, 2, 0, 3, 0, 4]


def test_one_a_row_lies_as_it_is_given():
  tokens = padded([[[5, 6], []], [[7], [8, 9, 10]]])
  rows = candidate_rows.one_a_row(tokens)
  assert rows.candidate[0].tolist() == [[1, 1] + [0] * 6, [0] * 8]
  assert rows.place[1].tolist() == [[1] + [0] * 7, [1, 2, 3] + [0] * 5]
  np.testing.assert_array_equal(rows.following, tokens[..., 1:])
