"""Examples have only what the weights need."""

import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.instructions.score_features import Wanted, score_features


@pytest.mark.parametrize(
  ("given", "expected"),
  [
    ({}, Wanted(0, False)),
    ({"prior_weight": 1.0}, Wanted(4, False)),
    ({"popularity_weight": 0.5}, Wanted(0, True)),
    ({"measured": True, "prior_requests": 2}, Wanted(2, True)),
  ],
)
def test_what_weights_need(given, expected):
  assert score_features(**given) == expected


def test_a_weight_below_zero_is_refused():
  with pytest.raises(InputError, match="PRIOR_WEIGHT"):
    score_features(prior_weight=-1.0)
