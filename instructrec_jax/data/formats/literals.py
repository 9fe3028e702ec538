"""Reads lists, as Python or JSON writes them, in a column of a CSV file."""

import ast
import json
from typing import Any

import polars as pl


def texts(values: pl.Series) -> pl.Series:
  """Parses strings such as "['Comics & Graphic Novels']" into lists.

  Args:
    values: strings; one that is not a list becomes a list of itself.

  Returns:
    Lists of strings; an empty value gives an empty list.
  """
  unique = values.unique()
  lists = pl.DataFrame(
    {"text": unique, "list": [_texts(text) for text in unique]},
    {"text": pl.String, "list": pl.List(pl.String)},
  )
  found = values.to_frame("text").join(
    lists, on="text", how="left", nulls_equal=True, maintain_order="left"
  )
  return found["list"]


def _texts(text: str | None) -> list[str]:
  if not text:
    return []
  value = _literal(text)
  if not isinstance(value, list):
    value = [text]
  # Both notations can write half of a surrogate pair, UTF-8 cannot.
  parts = (
    str(part).encode("utf-8", "replace").decode().strip()
    for part in value
    if part is not None
  )
  return list(dict.fromkeys(part for part in parts if part))


def _literal(text: str) -> Any:
  try:
    return ast.literal_eval(text)
  except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
    pass
  # JSON has other words for None, True and False.
  try:
    return json.loads(text)
  except (ValueError, RecursionError):
    return None
