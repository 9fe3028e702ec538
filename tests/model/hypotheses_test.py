"""What beams keep, against sorting in NumPy."""

import jax.numpy as jnp
import numpy as np

from instructrec_jax.model import hypotheses


def _of(rng, width):
  scores = rng.normal(size=(2, width)).astype(np.float32)
  tokens = rng.integers(0, 9, (2, width, 3)).astype(np.int32)
  node = rng.integers(0, 9, (2, width)).astype(np.int32)
  return hypotheses.Hypotheses(*map(jnp.asarray, (scores, tokens, node)))


def test_the_best_of_both_are_kept_with_all_that_is_theirs():
  rng = np.random.default_rng(0)
  kept, new = _of(rng, 3), _of(rng, 5)
  found = hypotheses.best_of(kept, new)
  for row in range(2):
    both = [
      (float(one.scores[row, n]), one.tokens[row, n].tolist(),
       int(one.node[row, n]))
      for one in (kept, new) for n in range(one.scores.shape[1])
    ]  # fmt: skip
    for place, (score, tokens, node) in enumerate(sorted(both)[::-1][:3]):
      assert float(found.scores[row, place]) == score
      assert found.tokens[row, place].tolist() == tokens
      assert int(found.node[row, place]) == node


def test_values_are_put_at_one_position():
  x = jnp.zeros((1, 2, 3), jnp.int32)
  found = hypotheses.put(x, jnp.array([[4.0, 5.0]]), jnp.int32(1))
  assert found.tolist() == [[[0, 4, 0], [0, 5, 0]]]
  assert found.dtype == jnp.int32
