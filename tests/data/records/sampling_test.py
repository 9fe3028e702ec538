"""Samples of requests."""

import gin
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructrec_jax.data.records import sampling
from instructrec_jax.errors import InputError

_NUMBERS = st.lists(st.integers(0, 400), unique=True, min_size=1)


@given(_NUMBERS, st.integers(1, 50), st.integers(0, 9), st.randoms())
def test_a_sample_is_of_the_requests_whatever_their_order(
  numbers, count, seed, random
):
  found = sampling.drawn(np.array(numbers), count, seed)
  assert len(found) == min(count, len(numbers))
  assert {*found.tolist()} <= {*numbers}
  assert (np.diff(found) > 0).all()
  random.shuffle(numbers)
  assert (sampling.drawn(np.array(numbers), count, seed) == found).all()


def test_tasks_with_fewer_requests_ask_the_same_first():
  every, some = np.arange(100, 1100), np.arange(100, 1100, 2)
  of_every = sampling.drawn(every, 200, 3)
  of_some = sampling.drawn(some, 200, 3)
  assert {*of_every[of_every % 2 == 0]} <= {*of_some}
  assert 60 < (of_every % 2 == 0).sum() < 140
  assert {*sampling.drawn(every, 200, 4)} != {*of_every}


def test_a_number_below_one_is_refused():
  assert sampling.request_sample() is None
  with gin.unlock_config():
    gin.bind_parameter("request_sample.num_requests", 0)
  with pytest.raises(InputError, match="num_requests is 0: expected at least"):
    sampling.request_sample()
