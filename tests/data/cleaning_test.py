import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructrec_jax.data import cleaning
from instructrec_jax.data.formats.raw import Raw
from instructrec_jax.errors import InputError

_LOGS = st.lists(
  st.tuples(st.integers(0, 7), st.integers(0, 9), st.integers(0, 5)),
  min_size=1,
  max_size=80,
)
_ALL_ITEMS = pl.DataFrame(
  {
    "item_id": range(10),
    "title": [f"t{i}" for i in range(10)],
  }
)


def _raw(rows, items=_ALL_ITEMS):
  interactions = pl.DataFrame(
    rows,
    schema={"user": pl.Int64, "item": pl.Int64, "timestamp": pl.Int64},
    orient="row",
  )
  return Raw(interactions, items)


def _by_pandas(rows, k):
  """The same, as a pandas user would write it: slowly, and one by one."""
  df = pd.DataFrame(rows, columns=["user", "item", "timestamp"])
  df = df.sort_values(["timestamp", "item"])
  df = df.drop_duplicates(["user", "item"], keep="first")
  while True:
    before = len(df)
    df = df.groupby("item").filter(lambda g: len(g) >= k)
    df = df.groupby("user").filter(lambda g: len(g) >= k)
    if len(df) == before:
      return {user: list(group["item"]) for user, group in df.groupby("user")}


@settings(deadline=None)
@given(rows=_LOGS, k=st.integers(1, 4))
def test_agrees_with_pandas_and_counts_every_row(rows, k):
  want = _by_pandas(rows, k)
  if not want:
    with pytest.raises(InputError, match=f"nothing is left at k_core={k}"):
      cleaning.clean(_raw(rows), k)
    return
  tables, counts = cleaning.clean(_raw(rows), k)
  events = tables["interactions"]
  users = tables["users"]["user_id"]
  items = tables["items"]["item_id"]
  got = {}
  # Which of several items of one time comes first is drawn; see ordering_test.
  ordered = events.with_columns(
    pl.col("item").replace_strict(dict(enumerate(items.cast(pl.Int64))))
  ).sort("user", "timestamp", "item")
  assert ordered["timestamp"].equals(events["timestamp"])
  for user, item in ordered.select("user", "item").rows():
    got.setdefault(int(users[user]), []).append(item)
  assert got == want
  for name, df in tables.items():
    table = counts[name]
    assert table["kept"] == df.height
    assert table["read"] == table["kept"] + sum(table["dropped"].values())
  assert counts["interactions"]["read"] == len(rows)
  assert counts["items"]["read"] == 10
  # Codes have no holes, and their tables are in their order.
  assert events["user"].unique().sort().to_list() == list(range(len(users)))
  assert events["item"].unique().sort().to_list() == list(range(len(items)))
  assert events["user"].is_sorted()
  degrees = [*events["user"].value_counts()["count"]]
  degrees += [*events["item"].value_counts()["count"]]
  assert min(degrees) >= k


def test_repeats_go_before_the_core_is_taken():
  # Three rows, but two items: not three interactions by user 1.
  rows = [(1, 0, 5), (1, 0, 5), (1, 1, 4), (1, 0, 2)]
  rows += [(u, i, 0) for u in (2, 3, 4) for i in (0, 1, 2)]
  tables, counts = cleaning.clean(_raw(rows), 3)
  assert tables["users"]["user_id"].to_list() == ["2", "3", "4"]
  assert counts["interactions"]["dropped"] == {
    "exact repeat": 1,
    "repeated (user, item)": 1,
    "3-core": 2,
  }


def test_titles():
  items = pl.DataFrame(
    {
      "item_id": [0, 1, 2, 3, 3, 4, 5, 6],
      "title": [
        "  Phantasy\u00a0Star,\n Episode I &amp;amp; II ",
        '<span class="a-size-medium"',
        None,
        "function getTime() {}",
        "Real &#39;title&#39;",
        "&nbsp;",
        "Second hand",
        "Never bought",
      ],
    }
  )
  rows = [(u, i, i) for u in (1, 2) for i in (0, 1, 2, 3, 4, 5, 7)]
  tables, counts = cleaning.clean(_raw(rows, items), 1)
  assert tables["items"]["title"].to_list() == [
    "Phantasy Star, Episode I & II",
    "Real 'title'",
    "Second hand",
  ]
  assert counts["items"] == {
    "read": 8,
    "dropped": {
      "repeated id": 1,
      "title missing": 2,
      "title broken": 1,
      "without usable interaction": 1,
    },
    "kept": 3,
  }
  assert counts["interactions"]["dropped"] == {
    "item not listed": 2,
    "item without a title": 6,
  }


def test_no_title_and_no_common_id_are_errors():
  no_titles = _ALL_ITEMS.with_columns(title=pl.lit("<b>"))
  with pytest.raises(InputError, match="none of the 10 items has a usable"):
    cleaning.clean(_raw([(1, 1, 1)], no_titles), 1)
  said = "like 77 in the interactions and like 0 in the items"
  with pytest.raises(InputError, match=said):
    cleaning.clean(_raw([(1, 77, 1)]), 1)


def test_nothing_left_says_what_would_work():
  rows = [(u, i, 0) for u in range(3) for i in range(3)] + [(9, 9, 0)]
  with pytest.raises(InputError) as error:
    cleaning.clean(_raw(rows), 5)
  said = str(error.value)
  assert "k_core=5 of 10 interactions by 4 users on 4 items" in said
  assert said.endswith("k_core=3 leaves 9")


def test_texts_lose_their_html():
  items = _ALL_ITEMS.with_columns(
    categories=pl.lit(["Toys &amp; Games", "<b>Dice</b>", "Dice"]),
    brand=pl.lit("Wood &amp; Son"),
    description=pl.lit("One<br>two &lt;3"),
  )
  raw = _raw([(u, i, i) for u in range(2) for i in range(2)], items)
  raw.interactions.insert_column(3, pl.Series("review", ["<p>Ok</p>", "a"] * 2))
  tables, counts = cleaning.clean(raw, 1)
  assert tables["items"].row(1)[2:] == (
    "t1", ["Toys & Games", "Dice"], "Wood & Son", "One\ntwo <3",
  )  # fmt: skip
  assert tables["interactions"]["review"].to_list() == ["Ok", "a", "Ok", "a"]
  assert counts["items"]["noted"] == {
    "HTML in categories removed": 2,
    "HTML in brand removed": 2,
    "HTML in description removed": 2,
  }
  assert counts["interactions"]["noted"] == {"HTML in review removed": 2}
