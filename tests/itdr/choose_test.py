"""Who is asked about, and in which split."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from instructrec_jax.itdr import choose


@given(st.integers(3, 200_000))
def test_quotas_add_up(size):
  quotas = choose.quotas(size)
  assert sum(quotas.values()) == size
  assert quotas["validation"] == quotas["test"] == size // 10


def test_train_takes_what_others_lack():
  pools = {
    "train": np.arange(99),
    "validation": np.arange(7),
    "test": np.arange(9),
  }
  filled = choose.filled_up({"train": 80, "validation": 10, "test": 9}, pools)
  assert filled == {"train": 83, "validation": 10, "test": 9}


def test_splits_are_about_eight_to_one_to_one():
  ids = pl.Series([f"user {n}" for n in range(20_000)])
  pools = choose.in_order(np.arange(20_000), ids, 20_000, 0, "x")
  shares = {name: codes.size / 20_000 for name, codes in pools.items()}
  # Five standard deviations of a binomial.
  assert abs(shares["test"] - 0.1) < 0.011
  assert abs(shares["validation"] - 0.1) < 0.011
  assert not set(pools["train"]) & {*pools["test"], *pools["validation"]}


def test_other_tasks_take_other_users_of_the_same_splits():
  ids = pl.Series([f"user {n}" for n in range(500)])
  one, other = (
    choose.in_order(np.arange(500), ids, 500, 3, name) for name in "ab"
  )
  for split in choose.SHARES:
    assert set(one[split]) == set(other[split])
  assert one["train"].tolist() != other["train"].tolist()
