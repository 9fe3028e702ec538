"""LC-Rec, LETTER and others of their family: histories and items as JSON.

`<name>.inter.json` has the items of each user, oldest first, without times.
`<name>.item.json` has the texts of each item. Users and items are numbers;
`<name>.user2id` and `<name>.item2id` have the ids of the dataset that they come
from, one tab-separated line each.
"""

import ast
import contextlib
import gzip
import json
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from instructrec_jax.data.formats import limits, markup
from instructrec_jax.data.formats.raw import Bad, Raw
from instructrec_jax.data.formats.text import Field, parse, read_unquoted
from instructrec_jax.errors import InputError

_TEXTS = pl.List(pl.String())
# The labels are joined by commas. A comma before a blank is part of a label, as
# in `Arts, Crafts & Sewing,Painting`.
_BETWEEN = re.compile(r",(?! )")

_WRITTEN = re.compile(r"""^\[['"].*['"]\]$""", re.DOTALL)


def read(files: Mapping[str, Path]) -> Raw:
  """Reads <name>.inter.json, <name>.item.json and, if given, the maps of ids.

  Args:
    files: "interactions" and "items", and optionally "user_ids" and "item_ids".
  """
  interactions, bad = _histories(files["interactions"])
  texts, bad_items = items(files["items"])
  noted = {"interactions": {}, "items": {}}
  for role, table, column in (
    ("user_ids", "interactions", "user"),
    ("item_ids", "interactions", "item"),
    ("item_ids", "items", "item_id"),
  ):
    if role in files:
      frame = interactions if table == "interactions" else texts
      ids, unknown = _renamed(frame[column], files[role])
      if unknown:
        noted[table][f"{column} not in {files[role].name}"] = unknown
      if table == "interactions":
        interactions = interactions.with_columns(ids)
      else:
        texts = texts.with_columns(ids)
  return Raw(
    interactions,
    texts,
    bad={"interactions": bad, "items": bad_items},
    noted=noted,
    order="sequence",
  )


def load_object(path: Path, what: str) -> dict[str, Any]:
  """Reads a file of one JSON object, plain or gzipped.

  Args:
    path: the file.
    what: what the object holds, for messages.

  Raises:
    InputError: the file is no JSON object, or an empty one.
  """
  try:
    with path.open("rb") as f:
      packed = path.suffix == ".gz"
      stream = gzip.GzipFile(fileobj=f) if packed else f
      text = limits.Measured(stream, path, f.tell).readall()
    value = json.loads(text.decode("utf-8-sig"))
  except InputError:
    raise
  except (
    EOFError, zlib.error, OSError, ValueError, RecursionError
  ) as error:  # fmt: skip
    raise InputError(
      f"{path} is not a whole JSON file (size: {path.stat().st_size:,} bytes): "
      f"{error}. Fetch it again"
    ) from None
  if not isinstance(value, dict) or not value:
    raise InputError(
      f"{path}: expected one JSON object {what}, found {json.dumps(value)[:80]}"
    )
  return value


def _histories(path: Path) -> tuple[pl.DataFrame, list[Bad]]:
  """Returns a row per user and item, and what is not a list of items."""
  found = load_object(
    path, 'with the items of each user, such as {"0": [3, 1]}'
  )
  lists = {user: v for user, v in found.items() if isinstance(v, list)}
  items = [item for each in lists.values() for item in each]
  users = np.repeat(
    np.array(list(lists), object), [len(each) for each in lists.values()]
  )
  usable = np.array([_is_id(item) for item in items], bool)
  bad = [
    _bad(path, "not a list of items", (u for u in found if u not in lists)),
    _bad(path, "not an item", users[~usable]),
  ]
  if not usable.any():
    raise InputError(
      f'{path}: expected the items of each user, such as {{"0": [3, 1]}}, '
      f"found {json.dumps(next(iter(found.values())))[:80]}"
    )
  kept = [item for item, fits in zip(items, usable, strict=True) if fits]
  rows = pl.DataFrame([_series("user", users[usable]), _series("item", kept)])
  return rows, [each for each in bad if each.rows]


def _bad(path: Path, reason: str, keys: Iterable[str]) -> Bad:
  keys = list(keys)
  first = f"{path.name}, key {keys[0]!r}" if keys else ""
  return Bad(reason, len(keys), first)


def _is_id(value: Any) -> bool:
  if isinstance(value, str):
    return value.strip() != ""
  return isinstance(value, int) and not isinstance(value, bool)


def text(value: Any) -> str:
  """Returns a value of JSON as text that UTF-8 can write."""
  # JSON can write half of a surrogate pair, UTF-8 cannot.
  return str(value).encode("utf-8", "replace").decode()


def items(path: Path) -> tuple[pl.DataFrame, list[Bad]]:
  """Reads <name>.item.json, and returns the items and what is not an object."""
  found = load_object(
    path, 'with the texts of each item, such as {"0": {"title": …}}'
  )
  texts = {item: v for item, v in found.items() if isinstance(v, dict)}
  if not any("title" in each for each in texts.values()):
    seen = next(iter(texts.values()), None)
    raise InputError(
      f"{path}: expected items with a title, found "
      f"{json.dumps(seen if texts else next(iter(found.values())))[:80]}"
    )
  bad = _bad(path, "not an object", (i for i in found if i not in texts))
  columns = [_series("item_id", list(texts))]
  for name in ("title", "description", "brand"):
    if any(name in each for each in texts.values()):
      told = [_prose(each.get(name)) for each in texts.values()]
      columns.append(_series(name, told))
  if any("categories" in each for each in texts.values()):
    told = _labels([each.get("categories") for each in texts.values()])
    columns.append(pl.Series("categories", told, _TEXTS))
  items = pl.DataFrame(columns)
  clean = {
    "description": pl.col("description").map_batches(markup.plain, pl.String),
    "brand": pl.col("brand").map_batches(markup.one_line, pl.String),
    "categories": pl.col("categories").map_batches(markup.labels, _TEXTS),
  }
  items = items.with_columns(clean[n] for n in clean if n in items.columns)
  return items, [bad] if bad.rows else []


def _series(name: str, values: Sequence[str | None]) -> pl.Series:
  texts = [None if value is None else text(value) for value in values]
  return pl.Series(name, texts, pl.String)


def _prose(value: Any) -> str | None:
  """Returns a text; a list of texts becomes paragraphs.

  MiniOneRec's descriptions are lists as Python writes them.
  """
  if isinstance(value, str) and _WRITTEN.search(value):
    with contextlib.suppress(ValueError, SyntaxError, MemoryError):
      value = ast.literal_eval(value)
  if isinstance(value, list):
    value = "\n".join(str(each) for each in value if each is not None)
  return None if value is None else str(value)


def _labels(values: list[Any]) -> list[list[str]]:
  """Returns the labels of each item: a list, or a text with commas."""
  plain = [value for value in values if isinstance(value, str)]
  between = _BETWEEN
  if not any(_BETWEEN.search(text) for text in plain):
    between = re.compile(", ")
  return [
    [text(each) for each in value]
    if isinstance(value, list)
    else between.split(text(value))
    if isinstance(value, str)
    else []
    for value in values
  ]


def _renamed(ids: pl.Series, path: Path) -> tuple[pl.Series, int]:
  """Returns the ids of a map; an unknown number stays, and is counted."""
  rows, _ = read_unquoted(path, "\t", ("original", "number"))
  known, _ = parse(
    rows,
    path,
    {
      "original": Field("original", required=True),
      "number": Field("number", required=True),
    },
  )
  known = known.unique("number", keep="first", maintain_order=True)
  found = ids.to_frame("number").join(
    known, on="number", how="left", maintain_order="left"
  )
  unknown = found["original"].null_count()
  named = found.select(pl.coalesce("original", "number").alias(ids.name))
  return named[ids.name], unknown
