"""Lists as Python writes them, in a column of a CSV file."""

import ast

import polars as pl


def texts(values: pl.Series) -> pl.Series:
  """Returns lists of what stands in "['Comics & Graphic Novels']".

  Args:
    values: strings; one that is no list stands for itself.

  Returns:
    Lists of strings, empty where there is nothing.
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
