"""Keeps the split of datasets that come as files for training and testing."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from instructrec_jax.data.sources import windows
from instructrec_jax.errors import InputError

# Roles of files, in the order of events, and the value of the column `split`.
ROLES = {"interactions": 0, "valid": 1, "test": 2}


def paths(files: Mapping[str, Path]) -> dict[str, Path]:
  """Returns the files of interactions, by role, in the order of events.

  Raises:
    InputError: there is a file for validation and none for testing, or the
      other way round.
  """
  found = {role: files[role] for role in ROLES if role in files}
  if len(found) == 2:
    missing = next(role for role in ROLES if role not in found)
    there = found["test" if missing == "valid" else "valid"]
    raise InputError(
      f"{there} is part of a split, which needs files for training, validation "
      f"and testing: name the missing one with {missing}_file, or move this "
      "one to another folder to have targets by leave-one-out"
    )
  return found


def together(parts: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
  """Puts the rows of several files one after the other, with their split.

  Args:
    parts: rows with the same columns, by role.

  Returns:
    The rows, with `split` if there are several parts.
  """
  if len(parts) == 1:
    return next(iter(parts.values()))
  return pl.concat(
    rows.with_columns(split=pl.lit(ROLES[role], pl.UInt8))
    for role, rows in parts.items()
  )


def joined(
  rows: pl.DataFrame,
) -> tuple[pl.DataFrame, dict[str, int]]:
  """Joins windows of histories, and gives each target the split of its row.

  An item that is in histories only is a training item. After a target for
  validation or testing, nothing belongs to an earlier part, because a model
  would be trained on what comes after its test.

  Args:
    rows: user, history and item; see `windows.whole`; and perhaps split.

  Returns:
    user, item and perhaps split; and counts for the notes.
  """
  found, noted = windows.whole(rows)
  if "split" not in rows.columns:
    return found, noted
  # An item may come twice. Only the first items of a history are no targets, so
  # the places are counted from the end.
  place = pl.int_range(pl.len(), 0, -1).over("user", "item").alias("place")
  of_target = rows.sort("split", maintain_order=True).select(
    "user", "item", place, "split"
  )
  marked = (
    found.with_columns(place)
    .join(of_target, ["user", "item", "place"], "left", maintain_order="left")
    .drop("place")
    .with_columns(pl.col("split").fill_null(0))
  )
  last = pl.col("split").cum_max().over("user")
  late = marked.select((last != pl.col("split")).sum()).item()
  if late:
    noted = {**noted, "after a target of a later part, moved to it": late}
  return marked.with_columns(last.alias("split")), noted
