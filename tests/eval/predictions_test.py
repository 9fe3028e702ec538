"""Questions and answers that fit together, and hosts that share the work."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructrec_jax.errors import InputError
from instructrec_jax.eval import chance, metrics, resampling
from instructrec_jax.eval.predictions import Predictions


def several(n=40, seed=0, width=7):
  """Ragged lists with one to three targets of unequal worth, and ties."""
  rng = np.random.default_rng(seed)
  sizes = rng.integers(3, width + 1, n)
  candidates = [rng.choice(100, size, replace=False) for size in sizes]
  targets = [rng.permutation(row)[: rng.integers(1, 4)] for row in candidates]
  scores = rng.integers(0, 4, (n, width)).astype(float) / 3
  scores[np.arange(width) >= sizes[:, None]] = -np.inf
  return Predictions.of(
    rng.permutation(1000)[:n],
    rng.integers(0, 9, n),
    targets,
    candidates,
    scores,
    gains=[rng.integers(1, 4, len(row)) / 2 for row in targets],
    attributes={"template": rng.choice(["a", "b"], n)},
  )


def test_targets_of_every_form_are_the_same():
  candidates = [[5, 6, 7], [1, 8]]
  scores = np.array([[3.0, 2, 1], [1, 2, -np.inf]])
  forms = ([6, 8], np.array([6, 8]), [[6], [8]], [np.array([6]), 8])
  found = [
    Predictions.of([0, 1], [0, 0], form, candidates, scores) for form in forms
  ]
  for one in found:
    assert one.gains.tolist() == [[0, 1, 0], [0, 1, 0]]
    assert one.outcomes.ranks.tolist() == [2, 1]
    assert one.fingerprint() == found[0].fingerprint()


def test_gains_stand_beside_their_targets():
  found = Predictions.of(
    [0], [0], [[7, 5]], [[5, 6, 7]], np.zeros((1, 3)), gains=[[3, 0.5]]
  )
  assert found.gains.tolist() == [[0.5, 0, 3]]


def test_a_target_that_was_not_listed():
  found = Predictions.of(
    [0, 1, 2],
    [0, 0, 0],
    [[5], [9, 8], [6, 9]],
    [[5, 6], [5, 6], [5, 6]],
    np.array([[1.0, 2], [2, 1], [1, 2]]),
    sizes=[50, 50, 50],
  )
  assert found.candidates.tolist() == [
    [5, 6, -1, -1],
    [5, 6, 9, 8],
    [5, 6, 9, -1],
  ]
  assert found.outcomes.ranks.tolist() == [2, 49, 50, 1, 50]
  # What a system lists is its answer, and no part of the question.
  other = Predictions.of(
    [0, 1, 2], [0, 0, 0], [[5], [9, 8], [6, 9]], [[1], [2], [9]],
    np.zeros((3, 1)), sizes=[50, 50, 50],
  )  # fmt: skip
  assert other.fingerprint() == found.fingerprint()


def figures(whole):
  values = metrics.measure(whole.outcomes)
  return (
    whole.fingerprint(),
    resampling.means(values),
    resampling.estimates(values, seed=1),
    chance.expected(whole.outcomes),
  )


@given(st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_order_of_candidates_permutes_scores_and_changes_no_figure(random):
  whole = several(n=20)
  order = list(range(whole.candidates.shape[1]))
  random.shuffle(order)
  moved = dataclasses.replace(
    whole,
    candidates=whole.candidates[:, order],
    gains=whole.gains[:, order],
    scores=whole.scores[:, order],
  )
  assert figures(moved) == figures(whole)


BASE = {
  "instance": [10, 11],
  "user": [0, 0],
  "target": [5, 8],
  "candidates": [[5, 6, 7], [1, 8]],
  "scores": np.array([[3.0, 2, 1], [1, 2, -np.inf]]),
}


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"target": [5, 9]}, r"instance 11: expected the target 9 .* got it 0"),
    ({"target": [[5], []]}, "a target for each request: instance 11 has none"),
    ({"target": [5]}, "a target for each request: got 1 rows for 2"),
    ({"target": [[5, 5], [8]]}, "instance 10: .* 5 once, got it twice"),
    (
      {"target": [[5], [9, 9]], "sizes": [50, 50]},
      "instance 11: .* 9 once, got it twice",
    ),
    (
      {"target": [[5, 6], [8]], "gains": [[1], [1, 2]]},
      "a number above 0 for each target of each request",
    ),
    ({"candidates": [[5, 6, 7], []]}, "11: expected candidates, got none"),
    ({"candidates": [[5, 5, 7], [1, 8]]}, "instance 10: .* got it 2 times"),
    ({"instance": [10, 10]}, "instance 10: expected once, got 2 times"),
    ({"scores": np.zeros((1, 3))}, "instance 11 has no scores"),
    ({"scores": np.zeros((5, 3))}, "scores: expected 2 rows, .* got 5"),
    ({"scores": np.zeros((2, 2))}, "instance 10: expected 3 scores, .* got 2"),
    ({"scores": np.zeros((2, 3))}, "instance 11: .* column 2 .* got 0"),
    ({"gains": [[1], [0]]}, "expected a number above 0 for each target"),
    ({"gains": [[1, 1], [1]]}, "got 3 gains for 2 targets, the smallest 1.0"),
    ({"sizes": [2, 2]}, "instance 10: expected a size of at least 3"),
  ],
)
def test_misfits_name_the_instance(change, message):
  with pytest.raises(InputError, match=message):
    Predictions.of(**BASE | change)
