"""Joining windows of histories."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructrec_jax.data.sources import windows


def _rows(histories, width, order=None):
  """Returns a row per target of each user, with at most `width` items."""
  rows = [
    (user, list(items[max(0, k - width) : k]), items[k])
    for user, items in histories.items()
    for k in range(1, len(items))
  ]
  if order is not None:
    rows = [rows[k] for k in order(len(rows))]
  schema = {"user": pl.String, "history": pl.List(pl.String), "item": pl.String}
  return pl.DataFrame(rows, schema, orient="row")


def _found(rows):
  found, counts = windows.whole(rows)
  found = found.group_by("user", maintain_order=True).agg("item")
  return {user: "".join(items) for user, items in found.rows()}, counts


@pytest.mark.parametrize("width", [1, 3, 99])
def test_windows_and_prefixes_give_the_whole_history(width):
  histories = {"u1": "abcdef", "u2": "fedcba", "u3": "ab", "u4": "dabec"}
  rows = _rows(histories, width)
  found, counts = _found(rows)
  assert found == histories
  assert counts == {
    "histories that were joined to a longer one": len(rows) - len(histories)
  }


def test_an_item_that_comes_twice_is_kept_in_its_places():
  assert _found(_rows({"u": "abacabad"}, 4))[0] == {"u": "abacabad"}


@given(
  st.lists(st.permutations("abcdefghij"), min_size=1, max_size=4),
  st.integers(1, 12),
  st.randoms(use_true_random=False),
)
def test_the_order_of_the_rows_does_not_matter(items, width, random):
  histories = {f"u{i}": "".join(one) for i, one in enumerate(items)}
  rows = _rows(histories, width, lambda n: random.sample(range(n), n))
  assert _found(rows)[0] == histories


def test_gaps_and_windows_that_share_nothing():
  rows = pl.DataFrame(
    {
      "user": ["u", "v", "u", "u", "v"],
      "history": [["a", "b"], ["p"], ["c", "d"], ["g"], ["r"]],
      "item": ["c", "q", "e", "h", "s"],
    }
  )
  found, counts = _found(rows)
  assert found == {"u": "abcdegh", "v": "pqrs"}
  assert counts["users with histories that share no item"] == 2


def test_rows_without_a_history():
  rows = pl.DataFrame(
    {"user": ["u", "u"], "history": [None, ["a"]], "item": ["a", "b"]},
    schema_overrides={"history": pl.List(pl.String)},
  )
  assert _found(rows)[0] == {"u": "ab"}


@given(
  st.permutations("abcdefghijkl"),
  st.lists(st.tuples(st.integers(0, 11), st.integers(1, 12)), min_size=1),
)
def test_no_item_is_lost_whatever_the_windows(items, cuts):
  pieces = [items[a : a + n] for a, n in cuts]
  joined = windows.join(pieces)
  assert {x for piece in joined for x in piece} == {
    x for piece in pieces for x in piece
  }
  for piece in joined:
    assert "".join(piece) in "".join(items)
