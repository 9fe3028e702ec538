"""Reads Python lists in a column of a CSV file."""

import ast

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
  try:
    value = ast.literal_eval(text)
  except (ValueError, SyntaxError, RecursionError, MemoryError):
    value = text
  if not isinstance(value, list):
    value = [text]
  parts = (part.strip() for part in map(str, value))
  return list(dict.fromkeys(part for part in parts if part))
