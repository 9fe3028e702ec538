"""What a user has met before a target."""

import numpy as np
import polars as pl
import pytest

from instructrec_jax.data.names import records_dir, tables_dir
from instructrec_jax.data.records import read
from instructrec_jax.data.records.seen import Seen
from instructrec_jax.errors import InputError


def _had(small_data):
  """Returns what each user met before the test target, out of the log."""
  log = pl.read_parquet(
    tables_dir(small_data, "small") / "interactions.parquet"
  )
  items = log.group_by("user", maintain_order=True).agg("item")
  return [set(codes[:-1]) for codes in items["item"].to_list()]


def test_what_was_seen_is_the_log_before_the_target(small_data):
  folder = records_dir(small_data, "small")
  had = _had(small_data)
  requests = read.load_split(small_data, "small", "test")
  order = np.random.default_rng(0).permutation(len(requests["instance"]))
  seen = Seen.of(
    folder,
    "test",
    requests["instance"][order],
    list(requests["target"][order][:, None]),
  )
  for row, user in enumerate(requests["user"][order]):
    assert set(seen.matrix()[row]) - {-1} == had[user]
    assert seen.counts()[row] == len(had[user])
  with pytest.raises(InputError, match="split 'test' has no instance 3"):
    Seen.of(folder, "test", np.array([3]), [np.array([1])])
