"""Amazon Reviews, editions 2018 and 2023: reviews and metadata as JSON lines.

Of a review the user, the item, rating, time, text and headline are taken; of an
item its title, categories, brand, description and price. Names of reviewers are
not read, nor what else is there.
"""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from instructrec_jax import errors
from instructrec_jax.data.sources import jsonl, markup
from instructrec_jax.data.sources.raw import Bad, Raw
from instructrec_jax.data.sources.text import Field, checks, no_usable_row
from instructrec_jax.data.spool import LINE, Spool, empty
from instructrec_jax.errors import InputError

_BOTH = (
  "All_Beauty",
  "Appliances",
  "Arts_Crafts_and_Sewing",
  "Automotive",
  "Books",
  "CDs_and_Vinyl",
  "Cell_Phones_and_Accessories",
  "Clothing_Shoes_and_Jewelry",
  "Digital_Music",
  "Electronics",
  "Gift_Cards",
  "Grocery_and_Gourmet_Food",
  "Home_and_Kitchen",
  "Industrial_and_Scientific",
  "Kindle_Store",
  "Magazine_Subscriptions",
  "Movies_and_TV",
  "Musical_Instruments",
  "Office_Products",
  "Patio_Lawn_and_Garden",
  "Pet_Supplies",
  "Software",
  "Sports_and_Outdoors",
  "Tools_and_Home_Improvement",
  "Toys_and_Games",
  "Video_Games",
)
CATEGORIES_2018 = (*_BOTH, "AMAZON_FASHION", "Luxury_Beauty", "Prime_Pantry")
CATEGORIES_2023 = (
  *_BOTH,
  "Amazon_Fashion",
  "Baby_Products",
  "Beauty_and_Personal_Care",
  "Handmade_Products",
  "Health_and_Household",
  "Health_and_Personal_Care",
  "Subscription_Boxes",
  "Unknown",
)

_TEXT, _TEXTS = pl.String(), pl.List(pl.String())
# `$12.99`, `from 12.99` or a range; what else stands there is the shop's own
# scripts and styles.
_PRICE = r"(?i)^(?:from )?\$? ?([0-9][0-9,]*(?:\.[0-9]+)?)"
_RANGE = r" ?[-\x{2013}] ?\$? ?[0-9][0-9,.]*"
_NO_PRICE = ["", "None", "null", "nan", "-"]
# As text, ids would fill the memory that their rows are to have. Of users there
# may be tens of millions, and a table of their names would fill it too: a user
# is known by a hash of 64 bits. That any two of 23 million users, the most that
# a category has, share one is about as likely as 1 in 70,000.
_IDS = {
  "user": pl.col("user").hash(seed=0),
  "item": pl.col("item").cast(pl.Categorical),
  "item_id": pl.col("item_id").cast(pl.Categorical),
}
_FAULT = "__fault"


def _plain(key: str) -> pl.Expr:
  return pl.col(key).map_batches(markup.plain, _TEXT)


def _one_line(key: str) -> pl.Expr:
  return pl.col(key).map_batches(markup.one_line, _TEXT)


def _brand(key: str) -> pl.Expr:
  # What links to an author's page, in the place of the author.
  return _one_line(key).str.replace(r"^Visit Amazon's (.+) Page$", "$1")


def _price(key: str) -> pl.Expr:
  """Takes the lower end of a range: what one has to pay at least."""
  number = pl.col(key).str.strip_chars().str.extract(f"{_PRICE}(?:{_RANGE})?$")
  return number.str.replace_all(",", "").cast(pl.Float32, strict=False)


def _labels(key: str) -> pl.Expr:
  """Cleans labels; one that repeats another says no more, and goes."""

  def clean(lists: pl.Series) -> pl.Series:
    rows = pl.DataFrame({"label": lists}).with_row_index()
    labels = rows.explode("label").with_columns(
      pl.col("label").map_batches(markup.one_line, _TEXT)
    )
    kept = labels.drop_nulls().unique(maintain_order=True)
    grouped = kept.group_by("index", maintain_order=True).agg("label")
    joined = rows.select("index").join(
      grouped, on="index", how="left", maintain_order="left"
    )
    return joined["label"].fill_null([])

  return pl.col(key).map_batches(clean, _TEXTS)


def _paragraphs(key: str) -> pl.Expr:
  joined = pl.col(key).list.join("\n", ignore_nulls=True)
  return joined.map_batches(markup.plain, _TEXT)


def _has_markup(key: str) -> pl.Expr:
  return pl.col(key).str.contains(markup.HAS_MARKUP)


_IS_RANGE = pl.col("price").str.contains(f"{_PRICE}{_RANGE}$")
_IS_NO_PRICE = (
  ~pl.col("price").str.strip_chars().is_in(_NO_PRICE)
  & _price("price").is_null()
)


@dataclasses.dataclass(frozen=True)
class _Table:
  """How one kind of file becomes a table.

  Attributes:
    columns: the keys that are read, with their types.
    needs: those that every object of such a file has.
    fields: the short columns.
    long: the columns that are spooled.
    noted: what is counted of the rows read.
  """

  columns: Mapping[str, pl.DataType]
  needs: Sequence[str]
  fields: Mapping[str, Field]
  long: Mapping[str, pl.Expr]
  noted: Mapping[str, pl.Expr]


def _reviews(
  user: str, item: str, rating: str, time: Field, text: str, headline: str
) -> _Table:
  return _Table(
    columns=dict.fromkeys(
      (user, item, rating, time.column, text, headline), _TEXT
    ),
    needs=(user, item),
    fields={
      "user": Field(user, required=True),
      "item": Field(item, required=True),
      "rating": Field(rating, pl.Float32),
      "timestamp": time,
    },
    long={"review": _plain(text), "summary": _one_line(headline)},
    noted={
      f"HTML in {text} taken out": _has_markup(text),
      f"HTML in {headline} taken out": _has_markup(headline),
    },
  )


def _metadata(item: str, categories: str, brand: str) -> _Table:
  return _Table(
    columns={
      item: _TEXT,
      "title": _TEXT,
      categories: _TEXTS,
      brand: _TEXT,
      "description": _TEXTS,
      "price": _TEXT,
    },
    needs=(item,),
    fields={"item_id": Field(item, required=True), "title": Field("title")},
    long={
      "categories": _labels(categories),
      "brand": _brand(brand),
      "description": _paragraphs("description"),
      "price": _price("price"),
    },
    noted={
      "HTML in description taken out": pl.col("description")
      .list.join("\n", ignore_nulls=True)
      .str.contains(markup.HAS_MARKUP),
      "price is a range, its lower end taken": _IS_RANGE,
      "price is not a number": _IS_NO_PRICE,
    },
  )


# Until 2106, in half the memory of what a table has.
_SECONDS = pl.UInt32
_MILLISECONDS = pl.col("timestamp").cast(pl.Int64, strict=False) // 1000

# By source and role. A file's first object is of the first of these whose
# needs it meets.
_FILES: Mapping[tuple[str, str], _Table] = {
  ("amazon_2018", "interactions"): _reviews(
    "reviewerID",
    "asin",
    "overall",
    Field("unixReviewTime", _SECONDS, required=True),
    "reviewText",
    "summary",
  ),
  ("amazon_2023", "interactions"): _reviews(
    "user_id",
    # An asin is a colour or a size of what its parent is.
    "parent_asin",
    "rating",
    Field("timestamp", _SECONDS, required=True, value=_MILLISECONDS),
    "text",
    "title",
  ),
  ("amazon_2023", "items"): _metadata("parent_asin", "categories", "store"),
  ("amazon_2018", "items"): _metadata("asin", "category", "brand"),
}


def read_2018(files: Mapping[str, Path], scratch: Path) -> Raw:
  """Reads <Category>_5.json and meta_<Category>.json, packed or not.

  Args:
    files: "interactions" and "items".
    scratch: a folder for texts until their rows are known.
  """
  return _read("amazon_2018", files, scratch)


def read_2023(files: Mapping[str, Path], scratch: Path) -> Raw:
  """Reads <Category>.jsonl and meta_<Category>.jsonl; see `read_2018`."""
  return _read("amazon_2023", files, scratch)


def _read(source: str, files: Mapping[str, Path], scratch: Path) -> Raw:
  for role, path in files.items():
    _check_kind(source, role, path)
  loaded = {
    role: _load(_FILES[source, role], role, path, scratch)
    for role, path in files.items()
  }
  return Raw(
    loaded["interactions"].rows,
    loaded["items"].rows,
    bad={role: each.bad for role, each in loaded.items()},
    noted={role: each.noted for role, each in loaded.items()},
    spooled={t: s for each in loaded.values() for t, s in each.spools.items()},
  )


def _check_kind(source: str, role: str, path: Path) -> None:
  """Raises unless the file is what the source has in this role."""
  keys = jsonl.first_object(path)
  kind = next((k for k, f in _FILES.items() if keys.keys() >= {*f.needs}), None)
  if kind == (source, role):
    return
  if kind is None:
    key = next(n for n in _FILES[source, role].needs if n not in keys)
    raise errors.unknown(f"key of the first object of {path}", key, keys)
  what = {"interactions": "reviews", "items": "metadata"}
  raise InputError(
    f"{path} holds {what[kind[1]]} of {kind[0]}/…, not {what[role]} of "
    f"{source}/…: "
    + (
      f"normalize it as {kind[0]}/…"
      if kind[0] != source
      else f"give it as {kind[1]}_file"
    )
  )


@dataclasses.dataclass(frozen=True)
class _Loaded:
  rows: pl.DataFrame
  spools: dict[str, Spool]
  bad: list[Bad]
  noted: dict[str, int]


def _load(table: _Table, role: str, path: Path, scratch: Path) -> _Loaded:
  """Reads one file: what is short into memory, what is long into spools."""
  schema = {LINE: pl.get_index_type(), **table.columns}
  values, fault, reasons = checks(table.fields, schema)
  ids = [_IDS[name].alias(name) for name in table.fields if name in _IDS]
  long = {role: [LINE, *table.long]}
  if "user" in table.fields:
    long["users"] = [LINE, pl.col("user").alias("user_id")]
  spools = {name: Spool(scratch / name) for name in long}
  short, wrong = [], {}
  noted = collections.Counter()
  for piece in jsonl.pieces(path, table.columns):
    rows = piece.rows.select(
      LINE,
      *values,
      *(value.alias(name) for name, value in table.long.items()),
      *(
        test.fill_null(False).alias(what) for what, test in table.noted.items()
      ),
      fault.alias(_FAULT),
    )
    faults = rows.filter(pl.col(_FAULT).is_not_null())
    _gather(wrong, "not a JSON object", piece.wrong)
    for code, lines in faults.group_by(_FAULT).agg(LINE).sort(_FAULT).rows():
      _gather(wrong, reasons[code], lines)
    rows = rows.filter(pl.col(_FAULT).is_null())
    short.append(rows.select(LINE, *table.fields).with_columns(ids))
    for name, columns in long.items():
      spools[name].add(rows.select(columns))
    for name in table.long:
      noted[f"without {name}"] += empty(rows[name])
    for what in table.noted:
      noted[what] += rows[what].sum()
  bad = [
    Bad(reason, count, f"{path.name}:{line}")
    for reason, (count, line) in wrong.items()
  ]
  rows = pl.concat(short) if short else pl.DataFrame()
  if rows.is_empty():
    raise no_usable_row(path, bad)
  return _Loaded(rows, spools, bad, {k: n for k, n in noted.items() if n})


def _gather(
  wrong: dict[str, tuple[int, int]], reason: str, lines: list[int]
) -> None:
  """Adds lines to the count by reason, which goes with the first of them."""
  if lines:
    count, first = wrong.get(reason, (0, min(lines)))
    wrong[reason] = count + len(lines), first
