"""Amazon Reviews of 2014, 2018 and 2023: one review or item per line.

A review gives the user, item, rating, time, text and headline. An item gives
the title, categories, brand, description and price. Names of reviewers and all
other keys are not read. All lines are JSON except the metadata of 2014, which
are Python literals.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from instructrec_jax.data.formats import markup, spooled_lines, times
from instructrec_jax.data.formats.python_lines import PYTHON
from instructrec_jax.data.formats.raw import Raw
from instructrec_jax.data.formats.spooled_lines import Table
from instructrec_jax.data.formats.text import Field

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
CATEGORIES_2014 = (
  "Amazon_Instant_Video",
  "Apps_for_Android",
  "Automotive",
  "Baby",
  "Beauty",
  "Books",
  "CDs_and_Vinyl",
  "Cell_Phones_and_Accessories",
  "Clothing_Shoes_and_Jewelry",
  "Digital_Music",
  "Electronics",
  "Grocery_and_Gourmet_Food",
  "Health_and_Personal_Care",
  "Home_and_Kitchen",
  "Kindle_Store",
  "Movies_and_TV",
  "Musical_Instruments",
  "Office_Products",
  "Patio_Lawn_and_Garden",
  "Pet_Supplies",
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
# `$12.99`, `from 12.99` or a range. Other values are the shop's own scripts and
# styles.
_PRICE = r"(?i)^(?:from )?\$? ?([0-9][0-9,]*(?:\.[0-9]+)?)"
_RANGE = r" ?[-\x{2013}] ?\$? ?[0-9][0-9,.]*"
_NO_PRICE = ["", "None", "null", "nan", "-"]


def _plain(key: str) -> pl.Expr:
  return pl.col(key).map_batches(markup.plain, _TEXT)


def _one_line(key: str) -> pl.Expr:
  return pl.col(key).map_batches(markup.one_line, _TEXT)


def _brand(key: str) -> pl.Expr:
  # The text of a link to an author's page, in place of the author.
  return _one_line(key).str.replace(r"^Visit Amazon's (.+) Page$", "$1")


def _price(key: str) -> pl.Expr:
  """Reads a price; a range gives its lower end."""
  number = pl.col(key).str.strip_chars().str.extract(f"{_PRICE}(?:{_RANGE})?$")
  return number.str.replace_all(",", "").cast(pl.Float32, strict=False)


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


def _reviews(
  user: str, item: str, rating: str, time: Field, text: str, headline: str
) -> Table:
  return Table(
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
      f"HTML in {text} removed": _has_markup(text),
      f"HTML in {headline} removed": _has_markup(headline),
    },
  )


def _metadata(item: str, categories: str, brand: str) -> Table:
  """Returns the metadata of 2018 and 2023."""
  return Table(
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
      "categories": pl.col(categories).map_batches(markup.labels, _TEXTS),
      "brand": _brand(brand),
      "description": _paragraphs("description"),
      "price": _price("price"),
    },
    noted={
      "HTML in description removed": pl.col("description")
      .list.join("\n", ignore_nulls=True)
      .str.contains(markup.HAS_MARKUP),
      "price is a range, its lower end used": _IS_RANGE,
      "price is not a number": _IS_NO_PRICE,
    },
  )


def _paths(values: pl.Series) -> pl.Series:
  """Returns the labels of lists of paths, given as JSON, in their order."""
  # Few paths are different, so each is parsed once.
  unique = values.drop_nulls().unique()
  lists = pl.Series([_labels_of(text) for text in unique], dtype=_TEXTS)
  known = pl.DataFrame({"text": unique, "list": lists})
  found = values.to_frame("text").join(
    known, on="text", how="left", maintain_order="left"
  )
  return found["list"]


def _labels_of(text: str) -> list[str]:
  try:
    return _flat(json.loads(text))
  except ValueError:
    return [text]


def _flat(value: Any) -> list[str]:
  if isinstance(value, list):
    return [label for each in value for label in _flat(each)]
  return [str(value)]


_METADATA_2014 = Table(
  columns=dict.fromkeys(
    ("asin", "title", "categories", "brand", "description", "price"), _TEXT
  ),
  needs=("asin",),
  fields={"item_id": Field("asin", required=True), "title": Field("title")},
  long={
    # An item has several paths through the tree of categories.
    "categories": pl.col("categories")
    .map_batches(_paths, _TEXTS)
    .map_batches(markup.labels, _TEXTS),
    "brand": _brand("brand"),
    "description": _plain("description"),
    "price": _price("price"),
  },
  noted={
    "HTML in description removed": _has_markup("description"),
    "price is not a number": _IS_NO_PRICE,
  },
  dialect=PYTHON,
)

# UInt32 seconds last until 2106 and take half the memory of a table's Int64.
_SECONDS = pl.UInt32
_MILLISECONDS = times.of_unit(pl.col("timestamp"), "ms")

_REVIEWS_2018 = _reviews(
  "reviewerID",
  "asin",
  "overall",
  Field("unixReviewTime", _SECONDS, required=True),
  "reviewText",
  "summary",
)

# By source and role.
_KINDS: Mapping[tuple[str, str], Table] = {
  ("amazon_2018/…", "interactions"): _REVIEWS_2018,
  ("amazon_2023/…", "interactions"): _reviews(
    "user_id",
    # An asin is a colour or a size of the product parent_asin.
    "parent_asin",
    "rating",
    Field("timestamp", pl.Int64, required=True, value=_MILLISECONDS),
    "text",
    "title",
  ),
  ("amazon_2023/…", "items"): _metadata("parent_asin", "categories", "store"),
  ("amazon_2018/…", "items"): _metadata("asin", "category", "brand"),
}


# Reviews have the same keys as in 2018, so an object does not tell the edition.
_KINDS_2014: Mapping[tuple[str, str], Table] = {
  ("amazon_2014/…", "interactions"): _REVIEWS_2018,
  ("amazon_2014/…", "items"): _METADATA_2014,
}


def read_2014(files: Mapping[str, Path], scratch: Path) -> Raw:
  """Reads reviews_<Category>_5.json and meta_<Category>.json; see `read_2018`.

  The reviews are JSON. The metadata are Python literals.
  """
  return spooled_lines.read("amazon_2014/…", _KINDS_2014, files, scratch)


def read_2018(files: Mapping[str, Path], scratch: Path) -> Raw:
  """Reads <Category>_5.json and meta_<Category>.json, packed or not.

  Args:
    files: "interactions" and "items".
    scratch: a folder for texts until their rows are known.
  """
  return spooled_lines.read("amazon_2018/…", _KINDS, files, scratch)


def read_2023(files: Mapping[str, Path], scratch: Path) -> Raw:
  """Reads <Category>.jsonl and meta_<Category>.jsonl; see `read_2018`."""
  return spooled_lines.read("amazon_2023/…", _KINDS, files, scratch)
