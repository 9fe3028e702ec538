"""Keeps columns that are too long for memory in files.

The short columns decide which rows stay and in what order. Meanwhile the long
ones, such as review texts, are on disk. They are then put into the order of the
rows with one bucket in memory at a time: each part is divided into buckets of
neighbouring rows, and each bucket is sorted by itself.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from instructrec_jax import schema

# The number of a row's line in its file. It stays with the row until unusable
# rows are reported and the spooled columns are joined again.
LINE = "__line"

_PART_BYTES = 64 << 20
_BUCKET_BYTES = 256 << 20
_ROW = "__row"


@dataclasses.dataclass(frozen=True)
class _Part:
  path: Path
  first: int
  last: int


class Spool:
  """A folder of parts; rows are added in the order of their lines."""

  def __init__(self, folder: Path, part_bytes: int = _PART_BYTES):
    folder.mkdir(parents=True)
    self._folder, self._part_bytes = folder, part_bytes
    self._waiting, self._waiting_bytes = [], 0
    self._parts, self._rows, self._bytes = [], 0, 0
    self._empty: set[str] | None = None

  def add(self, rows: pl.DataFrame) -> None:
    """Adds the next rows: LINE and the long columns."""
    if rows.is_empty():
      return
    nothing = {n for n in rows.columns if empty(rows[n]) == rows.height}
    self._empty = nothing if self._empty is None else self._empty & nothing
    self._waiting.append(rows)
    self._waiting_bytes += int(rows.estimated_size())
    if self._waiting_bytes >= self._part_bytes:
      self._flush()

  def write(
    self,
    table: pl.DataFrame,
    name: str,
    path: Path,
    bucket_bytes: int = _BUCKET_BYTES,
  ) -> None:
    """Writes `table` with the long columns of its rows; empties the spool.

    Columns that are always empty are left out.

    Args:
      table: LINE and the short columns, with the rows in their final order.
      name: the table's name in `schema`.
      path: the Parquet file.
      bucket_bytes: about how much of the long columns is in memory at a time.
    """
    self._flush()
    size = max(1, bucket_bytes * self._rows // max(1, self._bytes))
    for number, dealt in enumerate(self._deal(table[LINE].to_numpy(), size)):
      for bucket, rows in dealt:
        folder = self._folder / f"{bucket}"
        folder.mkdir(exist_ok=True)
        rows.write_ipc(folder / f"{number}.arrow", compression="lz4")
    writer = None
    try:
      for bucket, start in enumerate(range(0, table.height, size)):
        files = sorted((self._folder / f"{bucket}").iterdir())
        long = pl.concat(pl.read_ipc(f) for f in files)
        short = table[start : start + size].drop(LINE)
        whole = pl.concat([short, long.sort(_ROW).drop(_ROW)], how="horizontal")
        rows = schema.conform(whole, name).to_arrow(
          compat_level=pl.CompatLevel.oldest()
        )
        writer = writer or pq.ParquetWriter(
          path, rows.schema, compression="zstd"
        )
        writer.write_table(rows)
        for file in files:
          file.unlink()
    finally:
      if writer is not None:
        writer.close()

  def _flush(self) -> None:
    if not self._waiting:
      return
    rows = pl.concat(self._waiting)
    path = self._folder / f"{len(self._parts)}.arrow"
    rows.write_ipc(path, compression="lz4")
    lines = rows[LINE]
    self._parts.append(_Part(path, lines[0], lines[-1]))
    self._rows += rows.height
    self._bytes += self._waiting_bytes
    self._waiting, self._waiting_bytes = [], 0

  def _deal(
    self, lines: np.ndarray, size: int
  ) -> Iterator[list[tuple[int, pl.DataFrame]]]:
    """Yields, for each part, its rows for each bucket of `size` rows.

    Args:
      lines: [rows] the line of each row that stays.
      size: the number of rows of a bucket.
    """
    order = np.argsort(lines, kind="stable")
    lines = lines[order]
    for part in self._parts:
      start, end = np.searchsorted(lines, [part.first, part.last + 1])
      rows = pl.read_ipc(part.path)
      part.path.unlink()
      if start == end:
        continue
      at = np.searchsorted(rows[LINE].to_numpy(), lines[start:end])
      kept = (
        rows.drop(LINE, *(self._empty or ()))[at]
        .with_columns(pl.Series(_ROW, order[start:end]))
        .sort(_ROW)
      )
      buckets, first = np.unique(kept[_ROW] // size, return_index=True)
      ends = [*first[1:], kept.height]
      yield [
        (bucket, kept[a:b])
        for bucket, a, b in zip(buckets, first, ends, strict=True)
      ]


def empty(column: pl.Series) -> int:
  """Returns the number of rows in which a column is null or an empty list."""
  there = column.is_not_null()
  if column.dtype == pl.List:
    there = there & (column.list.len() > 0).fill_null(False)
  return len(column) - int(there.sum())
