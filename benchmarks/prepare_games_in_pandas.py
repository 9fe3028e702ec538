"""Games from raw files to records with pandas, as prepare_games.py races it."""

import html
from collections.abc import Iterator
from pathlib import Path

NUM_NEGATIVES = 9
MAX_HISTORY = 50
RECORDS_PER_SHARD = 8192
_OPTIONS = {"sep": "\t", "dtype": str, "quoting": 3, "keep_default_na": False}
_K_CORE = 1


def run(raw: Path, out: Path) -> None:
  """Reads the two files of Games, and writes tables and records."""
  items = _items(raw)
  log = _log(raw, items)
  items = items[items["item_id"].isin(log["item_id"])].reset_index(drop=True)
  log, users = _numbered(log, items)
  place = log.groupby("user").cumcount()
  left = log.groupby("user")["user"].transform("size") - place
  out.mkdir(parents=True)
  _write_tables(out, log, items, users, left > 2)
  targets = {
    "train": (left > 2) & (place > 0),
    "validation": left == 2,
    "test": left == 1,
  }
  _write_records(out, log, place.to_numpy(), targets, len(items))


def _items(raw: Path):
  """Returns the items with a usable title."""
  import pandas as pd

  items = pd.read_csv(raw / "Games.item", **_OPTIONS)
  items.columns = ["item_id", "title"]
  items["title"] = (
    items["title"]
    .map(html.unescape)
    .str.replace(r"\s+", " ", regex=True)
    .str.strip()
  )
  usable = (items["title"] != "") & ~items["title"].str.contains(
    "<[A-Za-z/!]|getTime"
  )
  return items[usable].drop_duplicates("item_id")


def _log(raw: Path, items):
  """Returns one row a user and item, cut to the k-core."""
  import pandas as pd

  log = pd.read_csv(raw / "Games-6k.test.inter", **_OPTIONS)
  log.columns = ["user_id", "history", "last"]
  log["item_id"] = (log["history"] + " " + log["last"]).str.split(" ")
  log = log[["user_id", "item_id"]].explode("item_id", ignore_index=True)
  log = log[log["item_id"].isin(items["item_id"])]
  log = log.drop_duplicates(["user_id", "item_id"])
  while True:
    rows = log.groupby("item_id")["item_id"].transform("size") >= _K_CORE
    rows &= log.groupby("user_id")["user_id"].transform("size") >= _K_CORE
    if rows.all():
      return log
    log = log[rows]


def _numbered(log, items):
  """Returns the log with numbers of users and items, and the users."""
  import pandas as pd

  code = pd.Series(items.index, index=items["item_id"])
  log["item"] = log["item_id"].map(code)
  log["user"], users = pd.factorize(log["user_id"])
  return log.sort_values("user", kind="stable", ignore_index=True), users


def _write_tables(out: Path, log, items, users, in_train) -> None:
  import pandas as pd

  items["train_count"] = (
    log.loc[in_train, "item"].value_counts().reindex(items.index, fill_value=0)
  )
  log[["user", "item"]].to_parquet(out / "interactions.parquet")
  items.to_parquet(out / "items.parquet")
  pd.DataFrame({"user_id": users}).to_parquet(out / "users.parquet")

  train_items = log[in_train].groupby("user")["item"].apply(list)
  train_items = train_items.reindex(range(len(users)))
  pd.DataFrame(
    {"items": [i if isinstance(i, list) else [] for i in train_items]}
  ).to_parquet(out / "train_items.parquet")


def _write_records(out: Path, log, place, targets, num_items: int) -> None:
  """Writes each split's records, whose targets are the rows of its mask."""
  import numpy as np

  rng = np.random.default_rng(0)
  sequences = log.groupby("user")["item"].apply(list).tolist()
  user = log["user"].to_numpy()
  instance = 0
  for split, mask in targets.items():
    rows = np.flatnonzero(mask)
    examples = (
      _example(
        instance + i,
        int(user[rows[i]]),
        int(place[rows[i]]),
        sequences[user[rows[i]]],
        split,
        num_items,
        rng,
      )
      for i in rng.permutation(len(rows)).tolist()
    )
    _write_shards(out / f"games-{split}", examples, len(rows))
    instance += len(rows)


def _example(instance, user, place, sequence, split, num_items, rng) -> bytes:
  import tensorflow as tf

  candidates = []
  if split != "train":
    candidates = _candidates(sequence, place, num_items, rng)
  features = {
    "instance": [instance],
    "user": [user],
    "history": sequence[max(0, place - MAX_HISTORY) : place],
    "history_length": [place],
    "target": [sequence[place]],
    "candidates": candidates,
  }
  return tf.train.Example(
    features=tf.train.Features(
      feature={
        name: tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        for name, values in features.items()
      }
    )
  ).SerializeToString()


def _candidates(sequence, place, num_items, rng) -> list[int]:
  met, negatives = set(sequence), []
  while len(negatives) < NUM_NEGATIVES:
    for item in rng.integers(num_items, size=NUM_NEGATIVES).tolist():
      if item not in met and len(negatives) < NUM_NEGATIVES:
        met.add(item)
        negatives.append(item)
  negatives.insert(int(rng.integers(NUM_NEGATIVES + 1)), sequence[place])
  return negatives


def _write_shards(prefix: Path, examples: Iterator[bytes], number: int) -> None:
  import tensorflow as tf

  shards = -(-number // RECORDS_PER_SHARD)
  for shard in range(shards):
    end = number * (shard + 1) // shards
    start = number * shard // shards
    with tf.io.TFRecordWriter(
      f"{prefix}.tfrecord-{shard:05d}-of-{shards:05d}"
    ) as writer:
      for _ in range(end - start):
        writer.write(next(examples))
