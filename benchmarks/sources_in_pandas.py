"""What `instructrec normalize` makes of two logs, as it is done with pandas.

    python benchmarks/sources_in_pandas.py SOURCE RAW OUT

Reads, joins repeats, takes the 5-core, numbers users and items, orders by user
and time, and writes Parquet. Nothing is counted, and no odd row looked for.
"""

import csv
import sys
from pathlib import Path

import made_up_logs
import pandas as pd

_CORE = 5


def movielens(raw: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
  """Returns one row a user and film, and the films."""
  rows = pd.read_csv(raw / made_up_logs.RATINGS)
  rows = rows.rename(columns={"userId": "user", "movieId": "item"})
  rows = rows.sort_values("timestamp", kind="stable")
  rows = rows.drop_duplicates(["user", "item"])
  items = pd.read_csv(raw / "movies.csv").rename(columns={"movieId": "item"})
  return rows[rows["item"].isin(items["item"])], items


def lastfm(raw: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
  """Returns one row a user and artist, and the artists."""
  plays = pd.read_csv(
    raw / made_up_logs.PLAYS,
    sep="\t",
    header=None,
    names=["user", "timestamp", "item"],
    usecols=[0, 1, 3],
    quoting=csv.QUOTE_NONE,
    on_bad_lines="skip",
    parse_dates=["timestamp"],
  ).dropna()
  pairs = plays.groupby(["user", "item"], sort=False)["timestamp"]
  rows = pairs.agg(["size", "min"]).reset_index()
  rows.columns = ["user", "item", "plays", "timestamp"]
  return rows, pd.DataFrame({"item": rows["item"].unique()})


def main(source: str, raw: str, out: str) -> None:
  """Reads one source and writes its two tables."""
  rows, items = {"movielens/32m": movielens, "lastfm/1k": lastfm}[source](
    Path(raw)
  )
  while True:
    before = len(rows)
    for end in ("user", "item"):
      rows = rows[rows.groupby(end)[end].transform("size") >= _CORE]
    if len(rows) == before:
      break
  rows["user"] = pd.factorize(rows["user"])[0]
  rows["item"], kept = pd.factorize(rows["item"])
  rows = rows.sort_values(["user", "timestamp"], kind="stable")
  Path(out).mkdir(parents=True)
  rows.to_parquet(Path(out) / "interactions.parquet")
  items = items.set_index("item").loc[kept].reset_index()
  items.to_parquet(Path(out) / "items.parquet")


if __name__ == "__main__":
  main(*sys.argv[1:])
