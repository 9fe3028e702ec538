"""The order of rows: by time, and never by the file where times are equal."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructrec_jax.data import cleaning, ordering
from instructrec_jax.data.formats.raw import Raw

_LOGS = st.lists(
  st.tuples(st.integers(0, 4), st.integers(0, 9), st.integers(0, 3)),
  min_size=1,
  max_size=60,
  unique_by=lambda row: row[:2],
)
_USERS = 400


def _raw(rows, columns=("user", "item", "timestamp"), **settings):
  interactions = pl.DataFrame(rows, schema=columns, orient="row")
  ids = interactions["item"].unique().sort()
  items = pl.DataFrame({"item_id": ids, "title": ids.cast(pl.String)})
  return Raw(interactions, items, **settings)


def _sequences(raw, seed=0):
  """Returns each user's item ids in order, and what is said of it."""
  tables, counts = cleaning.clean(raw, 1, seed)
  users, items = tables["users"]["user_id"], tables["items"]["item_id"]
  found = {}
  for user, item in tables["interactions"].select("user", "item").rows():
    found.setdefault(users[user], []).append(items[item])
  return found, counts["order"]


@given(rows=_LOGS, data=st.data())
def test_the_order_of_a_file_has_no_influence(rows, data):
  shuffled = data.draw(st.permutations(rows))
  for columns in (("user", "item", "timestamp"), ("user", "item")):
    one, other = (
      _sequences(_raw([row[: len(columns)] for row in some], columns))
      for some in (rows, shuffled)
    )
    assert one == other


@given(rows=_LOGS)
def test_times_go_up(rows):
  times = {(str(u), str(i)): t for u, i, t in rows}
  for user, items in _sequences(_raw(rows))[0].items():
    found = [times[user, item] for item in items]
    assert found == sorted(found)


def _tied(seed):
  """Returns for how many users the file's last of two items comes last."""
  rows = [(f"u{u}", item, 5) for u in range(_USERS) for item in ("a", "b")]
  found, order = _sequences(_raw(rows), seed)
  return np.array([items[1] == "b" for items in found.values()]), order


def test_ties_are_drawn_for_each_user_by_seed():
  """Four standard deviations of a fair coin."""
  one, order = _tied(0)
  other, _ = _tied(1)
  for lasts in (one, other, one == other):
    assert abs(lasts.mean() - 0.5) < 4 * 0.5 / _USERS**0.5
  assert order == {
    "by": "time",
    "seed": 0,
    "tied_neighbours": 1.0,
    "undecided_targets": 0.0,  # Nobody has three items.
  }
  assert (_tied(0)[0] == one).all()


def test_ties_are_counted():
  rows = [
    *((1, item, time) for item, time in zip("abcd", (1, 2, 2, 3), strict=True)),
    *((2, item, time) for item, time in zip("abc", (1, 2, 2), strict=True)),
    (3, "a", 2),
  ]
  _, order = _sequences(_raw(rows))
  assert order["tied_neighbours"] == pytest.approx(2 / 5)
  # User 1's target is alone in its time; user 2's could be either of two.
  assert order["undecided_targets"] == pytest.approx(1 / 2)


def test_a_file_that_tells_the_order_is_followed():
  rows = [(1, "c"), (2, "b"), (1, "a"), (1, "b"), (2, "c")]
  raw = _raw(rows, ("user", "item"), order="sequence")
  found, order = _sequences(raw)
  assert found == {"1": ["c", "a", "b"], "2": ["b", "c"]}
  assert (order["by"], order["tied_neighbours"]) == ("sequence", 0)


def test_events_of_one_number_are_drawn():
  rows = [
    (u, item, event)
    for u in range(_USERS)
    for item, event in (("a", 7), ("c", 4), ("b", 7))
  ]
  raw = _raw(rows, ("user", "item", "event"), order="sequence")
  found, order = _sequences(raw)
  assert {items[0] for items in found.values()} == {"c"}
  share = np.mean([items[1] == "a" for items in found.values()])
  assert abs(share - 0.5) < 4 * 0.5 / _USERS**0.5
  assert order["tied_neighbours"] == 0.5
  assert order["undecided_targets"] == 1.0


def test_without_an_order_all_of_it_is_drawn():
  rows = [(u, item) for u in range(_USERS) for item in "abcd"]
  found, order = _sequences(_raw(rows, ("user", "item")))
  lasts = pl.Series([items[-1] for items in found.values()]).value_counts()
  assert lasts["count"].min() > _USERS / 4 - 4 * (_USERS * 3 / 16) ** 0.5
  assert order["by"] == "none"
  assert order["tied_neighbours"] == order["undecided_targets"] == 1.0


def test_seconds_become_microseconds():
  seconds = pl.DataFrame({"timestamp": [1, 4_000_000_000]})
  seconds = seconds.cast(pl.UInt32)
  found = ordering.microseconds(seconds)["timestamp"]
  assert found.to_list() == [1_000_000, 4_000_000_000_000_000]
  assert ordering.microseconds(found.to_frame())["timestamp"].equals(found)
  assert ordering.microseconds(pl.DataFrame({"a": [1]})).columns == ["a"]


@pytest.mark.parametrize("by", ["timestamp", "sequence", "none"])
def test_a_split_of_the_source_comes_before_times(by):
  split = np.array([0, 1, 2, 0, 2, 0], np.uint8)
  rows = pl.DataFrame(
    {"user": np.arange(6), "item": np.arange(6), "split": split}
  )
  if by == "timestamp":
    rows = rows.with_columns(timestamp=pl.Series([9, 5, 5, 1, 5, 9]))
  raw = Raw(
    rows, pl.DataFrame(), order="sequence" if by == "sequence" else "none"
  )
  user, item = np.zeros(6, np.uint32), np.arange(6, dtype=np.uint32)
  ids = ordering.Ids(pl.Series(["u"]), pl.Series(list("abcdef")))
  order, told = ordering.Ordering(raw, 0).sort(np.arange(6), user, item, ids)
  assert split[order].tolist() == [0, 0, 0, 1, 2, 2]
  if by == "sequence":
    assert order.tolist() == [0, 3, 5, 1, 2, 4]
    assert told["tied_neighbours"] == 0
  if by == "timestamp":
    # Rows 0 and 5 tie, and so do 2 and 4; not 1 and 2, of different parts.
    assert order[0] == 3
    assert told["tied_neighbours"] == 2 / 5
    # The second test target ties with the first one.
    assert told["undecided_targets"] == 1 / 2
