"""Product search: queries, and their split by item."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from instructrec_jax.data import splits
from instructrec_jax.data.records import read


@given(
  item=st.lists(st.integers(0, 40), min_size=1, max_size=200).map(sorted),
  seed=st.integers(0, 2**32 - 1),
)
def test_each_item_is_in_one_split_with_all_its_queries(item, seed):
  item = np.array(item)
  parts = splits.by_item(item, np.random.default_rng(seed))
  assert list(parts) == list(splits.SPLITS)
  rows = np.concatenate([part.target for part in parts.values()])
  assert sorted(rows) == list(range(item.size))
  items = [set(item[part.target]) for part in parts.values()]
  assert sum(map(len, items)) == len(set(item))
  tenth = len(set(item)) // 10
  assert [len(found) for found in items[1:]] == [tenth, tenth]
  for part in parts.values():
    assert (part.first == part.target).all()  # No history.


def test_queries_are_labels_and_what_training_targets_were_for(small):
  tables, texts = small / "tables" / "small", small / "annotations" / "small"
  interactions = pl.read_parquet(tables / "interactions.parquet")
  annotations = pl.read_parquet(texts / "annotations.parquet")
  # By hand: the last two of each user's items are no training targets.
  expected, items = [], {}
  for (user,), rows in interactions.group_by("user"):
    items[user] = rows["item"].to_list()
  for row in annotations.iter_rows(named=True):
    own = items[row["user"]]
    if row["vague_intention"] and row["position"] < len(own) - 2:
      expected.append(("", row["vague_intention"], own[row["position"]]))
  categories = pl.read_parquet(tables / "items.parquet")
  expected += [
    (", ".join(labels), "", item)
    for item, labels in categories.select("item", "categories").iter_rows()
  ]
  found, of = [], {}
  for split in splits.SPLITS:
    part = read.load_split(small, "small_search", split)
    for specific, vague, target in zip(
      part["specific_intention"],
      part["vague_intention"],
      part["target"],
      strict=True,
    ):
      found.append((specific.decode(), vague.decode(), target))
      assert of.setdefault(target, split) == split
    if split != "train":
      assert (part["candidates"] == part["target"][:, None]).any(1).all()
      assert part["candidates"].shape[1] == 10
  assert sorted(found) == sorted(expected)
