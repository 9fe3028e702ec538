"""MIND: the news that Microsoft News showed to users, and their clicks.

A user's items are the history given with an impression, oldest first, and then
the clicked items of the impressions in the order of time. A history has no
times, so the interactions have no timestamp but a number for each event. The
order of several clicks in one impression is unknown, so they have the same
number. A history rarely changes between impressions, and is added again if it
does.
"""

import collections
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from instructrec_jax.data.formats import blocks, markup
from instructrec_jax.data.formats.raw import Bad, Raw
from instructrec_jax.data.formats.spool import LINE
from instructrec_jax.data.formats.text import (
  FAULT,
  Faults,
  Field,
  checks,
  no_usable_row,
  unquoted_pieces,
)
from instructrec_jax.errors import InputError

# The names of the two files, with the authors' names of their columns.
_FILES = {
  "behaviors.tsv": ("ImpressionID", "UserID", "Time", "History", "Impressions"),
  "news.tsv": (
    "NewsID",
    "Category",
    "SubCategory",
    "Title",
    "Abstract",
    "URL",
    "TitleEntities",
    "AbstractEntities",
  ),
}
# More items than a history has.
_MOST_STEPS = 1 << 24
_ID, _IDS = pl.Categorical(), pl.List(pl.Categorical())
_TIME = pl.col("Time").str.strptime(
  pl.Datetime("us"), "%m/%d/%Y %I:%M:%S %p", strict=False
)
_IMPRESSION = {
  "user": Field("UserID", required=True),
  "time": Field("Time", pl.Int64, True, _TIME.dt.epoch("s"), "a time"),
}
_ITEM = {"item_id": Field("NewsID", required=True), "title": Field("Title")}


def read(files: Mapping[str, Path]) -> Raw:
  """Reads behaviors.tsv and news.tsv of the training and validation sets.

  Args:
    files: "interactions" and "items" of the training set, and optionally
      "dev_interactions" and "dev_items" of the validation set.
  """
  behaviors, bad, noted = [], [], collections.Counter()
  for path in _given(files, "interactions"):
    rows, wrong, counts = _behaviors(path)
    behaviors.append(rows)
    bad += wrong
    noted.update(counts)
  news, bad_news = [], []
  for path in _given(files, "items"):
    rows, wrong = _news(path)
    news.append(rows)
    bad_news += wrong
  interactions, repeated = _in_order(pl.concat(behaviors))
  noted["history repeated"] = repeated
  return Raw(
    interactions,
    pl.concat(news),
    bad={"interactions": bad, "items": bad_news},
    noted={"interactions": {what: n for what, n in noted.items() if n}},
    order="sequence",
  )


def _given(files: Mapping[str, Path], role: str) -> list[Path]:
  return [files[r] for r in (role, f"dev_{role}") if r in files]


def _behaviors(path: Path) -> tuple[pl.DataFrame, list[Bad], dict[str, int]]:
  """Returns impressions in file order, the rows left out, and notes.

  Impressions have user, time, history (items), told (a hash of the history)
  and clicked (items).
  """
  kept, faults, noted = [], Faults(path), collections.Counter()
  given = pl.col("History").str.contains(r"\S")
  shown = pl.col("Impressions").str.extract_all(r"\S+")
  clicked = pl.element().filter(pl.element().str.ends_with("-1"))
  others = {
    "told": pl.when(given).then(pl.col("History").hash(seed=0)),
    "history": pl.col("History").str.extract_all(r"\S+").cast(_IDS),
    "clicked": shown.list.eval(clicked.str.strip_suffix("-1")).cast(_IDS),
    "not": shown.list.eval(pl.element().str.ends_with("-0")).list.sum(),
    "shown": shown.list.len(),
  }
  for rows in _pieces(path, _IMPRESSION, others, faults):
    clicks = rows["clicked"].list.len().sum()
    noted["impressions without a history"] += rows["told"].null_count()
    noted["shown and not clicked"] += rows["not"].sum()
    # A test set does not say which items were clicked.
    unknown = rows["shown"].sum() - rows["not"].sum() - clicks
    noted["shown, but clicks are not given"] += unknown
    kept.append(
      rows.drop(LINE, "not", "shown").with_columns(pl.col("user").cast(_ID))
    )
  return _whole(path, kept, faults), faults.bad, noted


def _news(path: Path) -> tuple[pl.DataFrame, list[Bad]]:
  faults = Faults(path)
  labels = pl.concat_list("Category", "SubCategory")
  others = {
    "categories": labels.map_batches(markup.labels, pl.List(pl.String())),
    "description": pl.col("Abstract").map_batches(markup.plain, pl.String()),
  }
  kept = [
    rows.drop(LINE).with_columns(pl.col("item_id").cast(_ID))
    for rows in _pieces(path, _ITEM, others, faults)
  ]
  return _whole(path, kept, faults), faults.bad


def _pieces(
  path: Path,
  fields: Mapping[str, Field],
  others: Mapping[str, pl.Expr],
  faults: Faults,
) -> Iterator[pl.DataFrame]:
  """Yields usable rows: LINE, `fields` and `others`, from the raw columns.

  Raises:
    InputError: the file is the other of the two.
  """
  needed = next(iter(fields.values())).column
  columns = next(c for c in _FILES.values() if needed in c)
  start = blocks.first(path).partition(b"\n")[0].count(b"\t") + 1
  for name, other in _FILES.items():
    if len(other) == start != len(columns):
      raise InputError(
        f"{path}:1 has {start} fields split at tabs, like {name}. Expected "
        f"{len(columns)}: {', '.join(columns)}"
      )
  schema = {LINE: pl.get_index_type()} | dict.fromkeys(columns, pl.String())
  values, fault, reasons = checks(fields, schema)
  for raw, wrong in unquoted_pieces(path, "\t", columns):
    rows = raw.select(
      LINE,
      *values,
      *(value.alias(name) for name, value in others.items()),
      fault.alias(FAULT),
    )
    faults.add(f"not {len(columns)} fields", wrong)
    yield faults.usable(rows, reasons)


def _whole(
  path: Path, kept: list[pl.DataFrame], faults: Faults
) -> pl.DataFrame:
  rows = pl.concat(kept) if kept else pl.DataFrame()
  if rows.is_empty():
    raise no_usable_row(path, faults.bad)
  return rows


def _in_order(impressions: pl.DataFrame) -> tuple[pl.DataFrame, int]:
  """Returns one row per item of an event, and how often a history was repeated.

  Args:
    impressions: see `_behaviors`.

  Returns:
    user, item and event, see Raw.order; users are in the order of first
    appearance.
  """
  ordered = impressions.sort(
    pl.col("user").to_physical(), "time", maintain_order=True
  )
  again = pl.col("told") == pl.col("told").shift().over("user")
  again = ordered.select(again.fill_null(False)).to_series()
  nothing = pl.lit([], _IDS)
  events = ordered.select(
    "user",
    "clicked",
    pl.when(again).then(nothing).otherwise("history").alias("history"),
    pl.struct("user", "time").rle_id().cast(pl.Int64).alias("impression"),
  ).with_columns(before=pl.col("history").list.len().cast(pl.Int64))
  steps = pl.concat_list(
    pl.int_ranges("before"),
    pl.col("before").repeat_by(pl.col("clicked").list.len()),
  )
  rows = events.select(
    "user",
    pl.concat_list("history", "clicked").alias("item"),
    (pl.col("impression") * _MOST_STEPS + steps).alias("event"),
  )
  rows = rows.explode("item", "event").drop_nulls("item")
  return rows, int(again.sum())
