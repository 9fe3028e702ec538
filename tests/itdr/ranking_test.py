"""What is ranked, and what stands before it."""

import numpy as np
import polars as pl
import pytest

from instructrec_jax.itdr import people, ranking
from instructrec_jax.itdr.pairs import PAIRS
from instructrec_jax.itdr.tables import Tables
from tests import made_up_itdr
from tests.itdr import small_tables

_RNG = np.random.default_rng(0)


_EIGHT = {
  "user": [0] * 8,
  "item": range(8),
  "rating": [4.0, 3.5, None, 2.0, 5.0, 1.0, 4.5, 2.5],
}


def test_top_k_holds_the_newest_out_and_ranks_them_by_rating(tmp_path):
  pair = PAIRS["top_k_ml_32m"]
  tables = small_tables.tables(tmp_path, "ml_32m", _EIGHT)
  made = small_tables.one(ranking.instances(tables, np.array([0]), pair, _RNG))
  assert made["history"] == ["Film A", "Film B", "Film C"]
  # 5.0, 4.5, 2.5, 2.0, 1.0 stars.
  assert made["relevant_items"] == [4, 6, 7, 3, 5]
  assert sorted(made["candidate_items"][:]) == sorted(
    {*made["candidate_items"]}
  )
  others = [c for c in made["candidate_items"] if c not in range(3, 8)]
  assert len(others) == 5
  assert all(c >= 8 for c in others)  # Never met.
  assert made["candidates"] == [
    small_tables.TITLES[c] for c in made["candidate_items"]
  ]
  order = [4, 6, 7, 3, 5, *others]
  assert made["answer"] == "; ".join(
    f"{place}. {small_tables.TITLES[c]}" for place, c in enumerate(order, 1)
  )


def test_without_ratings_time_is_the_order(tmp_path):
  rows = {"user": [0] * 6, "item": range(6)}
  tables = small_tables.tables(tmp_path, "mind_small", rows)
  made = small_tables.one(
    ranking.instances(tables, np.array([0]), PAIRS["top_k_mind"], _RNG)
  )
  assert made["history"] == ["Film A", "Film B"]
  assert made["relevant_items"] == [2, 3, 4, 5]
  assert len(made["candidates"]) == 10


def test_next_item_is_the_newest(tmp_path):
  rows = {"user": [0] * 6, "item": [5, 4, 3, 2, 1, 0]}
  tables = small_tables.tables(tmp_path, "microlens_100k", rows)
  pair = PAIRS["next_item_microlens"]
  made = small_tables.one(ranking.instances(tables, np.array([0]), pair, _RNG))
  assert made["history"] == [small_tables.TITLES[n] for n in (5, 4, 3, 2, 1)]
  assert (made["answer"], made["relevant_items"]) == ("Film A", [0])
  assert len(made["candidates"]) == 5
  assert made["candidates"].count("Film A") == 1


def test_cross_domain_takes_users_of_both_domains(tmp_path):
  source = small_tables.tables(
    tmp_path,
    "all_beauty_2023",
    {"user": [0] * 5 + [1] * 5, "item": [*range(5)] * 2},
  )
  # The same people under other codes.
  market = small_tables.tables(
    tmp_path,
    "amazon_fashion_2023",
    {"user": [0] * 4 + [1] * 6, "item": [9, 8, 7, 6, 1, 2, 3, 4, 5, 6]},
    {"title": [f"Hat {n}" for n in range(20)]},
    {"user_id": ["u9", "u1"]},
  )
  pair = PAIRS["cross_domain_amazon_2023"]
  assert ranking.eligible_across(source, market, pair).tolist() == [1]
  made = small_tables.one(
    ranking.across(source, market, np.array([1]), pair, _RNG)
  )
  assert made["beside"] == [small_tables.TITLES[n] for n in range(5)]
  assert made["history"] == ["Hat 1", "Hat 2"]
  assert made["relevant_items"] == [3, 4, 5, 6]
  assert (made["source"], made["market"]) == ("All Beauty", "Amazon Fashion")


def test_listeners_like_what_they_play_most(tmp_path):
  pair = PAIRS["user_attributes_lastfm_1k"]
  tables = small_tables.tables(
    tmp_path,
    "lastfm_1k",
    {"user": [0] * 4, "item": range(4), "plays": [9, 70, 1, 30]},
    users={"country": ["Japan"]},
  )
  made = small_tables.one(people.attributes(tables, np.array([0]), pair, _RNG))
  assert made["history"] == ["Film C", "Film A", "Film D", "Film B"]
  assert made["answer"] == "country: Japan"


@pytest.mark.parametrize(
  "name", ["top_k_ml_32m", "next_item_microlens", "top_k_amazon_2023"]
)
def test_what_is_held_out_is_not_told(tmp_path, name):
  pair = PAIRS[name]
  made_up_itdr.write_one(tmp_path, pair.tables[0], users=60, items=60)
  tables = Tables(tmp_path, pair.tables[0])
  made = ranking.instances(tables, ranking.eligible(tables, pair), pair, _RNG)
  had = tables.per("user", "item")
  titles = tables.items["title"].to_list()
  for row, items in zip(
    made.iter_rows(named=True),
    had.filter(pl.col("user").is_in(made["user"].to_list()))["item"].to_list(),
    strict=True,
  ):
    right = {titles[code] for code in row["relevant_items"]}
    assert not right & {*row["history"]}
    wrong = {*row["candidate_items"]} - {*row["relevant_items"]}
    assert not wrong & {*items}
    assert {*row["relevant_items"]} <= {*items}
    assert len({*row["candidate_items"]}) == pair.kind.candidates
