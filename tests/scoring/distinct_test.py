"""Every pair of an input and a title is scored once, and comes back."""

import hypothesis
import hypothesis.strategies as st
import numpy as np

from instructrec_jax.scoring import distinct


@hypothesis.settings(deadline=None, max_examples=50)
@hypothesis.given(
  st.integers(0, 2**32 - 1), st.integers(0, 6), st.integers(1, 3),
  st.integers(1, 4),
)  # fmt: skip
def test_pairs_come_back(seed, n, k, c):
  rng = np.random.default_rng(seed)
  inputs = rng.integers(0, 2, (n, k, 3)).astype(np.int32)
  titles = rng.integers(0, 2, (n, c, 2)).astype(np.int32)
  asked = distinct.Pairs.of(inputs, titles)
  rows = asked.rows
  # A score that tells input and title.
  of_input = rows["encoder_input_tokens"] @ [100, 200, 400]
  of_title = rows["candidate_tokens"] @ [1, 2]
  found = asked.spread(of_input[:, None] + of_title)
  expected = (inputs @ [100, 200, 400])[:, :, None] + (titles @ [1, 2])[:, None]
  np.testing.assert_array_equal(found, expected)
  # No more rows than the distinct inputs need.
  pairs = {
    (i.tobytes(), t.tobytes())
    for request, names in zip(inputs, titles, strict=True)
    for i in request
    for t in names
  }
  needed = {}
  for i, _ in pairs:
    needed[i] = needed.get(i, 0) + 1
  assert len(of_input) == sum(-(-count // c) for count in needed.values())
