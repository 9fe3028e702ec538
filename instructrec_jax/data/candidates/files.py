"""Reads a file with lists of items for users, from a retriever or by hand.

The file has one of two forms. A table (JSON lines or Parquet) has a line per
user,

  {"user_id": "u1", "items": ["i7", "i2", "i9"]}

with the ids of the normalized tables and the best items first. A line may have
`split` ("validation" or "test"; without it, it is for both) and `relevant`, the
relevant items, which include the target. A matrix (.npy) has the score of every
item for every user, [users, items], in the order of the tables.
"""

import codecs
import dataclasses
import json
from pathlib import Path

import numpy as np
import polars as pl

from instructrec_jax import parquet, paths
from instructrec_jax.data import ragged
from instructrec_jax.errors import InputError, unknown

SPLITS = ("validation", "test")
TABLES = (".jsonl", ".parquet")
MATRIX = ".npy"
_COLUMNS = {
  "user_id": pl.String,
  "items": pl.List(pl.String),
  "split": pl.String,
  "relevant": pl.List(pl.String),
}
_REQUIRED = ("user_id", "items")
# Scores that are read at a time (256 MiB).
_BLOCK = 2**25


@dataclasses.dataclass(frozen=True)
class Lists:
  """A list of items for each of n requests.

  Attributes:
    codes: int64 [values], the items of all lists, one list after the other.
    offsets: int64 [n + 1], the start of each list, and the end of the last.
    file: the file of the lists.
    places: int64 [n], the line or row of each list in the file.
    unit: the unit of `places`, "line" or "row".
  """

  codes: np.ndarray
  offsets: np.ndarray
  file: Path
  places: np.ndarray
  unit: str

  def where(self, row: int) -> str:
    """Returns the place of a list, for messages."""
    return f"{self.file}, {self.unit} {self.places[row]}"

  def rows(self) -> list[np.ndarray]:
    """Returns the lists."""
    return np.split(self.codes, self.offsets[1:-1])


class Table:
  """A file with a list of items per user, read and checked.

  Attributes:
    has_relevant: whether the file has relevant items.
  """

  def __init__(self, path: str | Path, users: pl.Series, items: pl.Series):
    """Reads the file.

    Args:
      path: a .jsonl or .parquet file.
      users: the id of each user code.
      items: the id of each item code.

    Raises:
      InputError: the file or a line is not of this form; it names the line and
        the field.
    """
    self._path = Path(paths.expanded(path))
    self._unit = "line" if self._path.suffix == ".jsonl" else "row"
    self._user_ids = users
    df = self._typed(self._read())
    self.has_relevant = "relevant" in df.columns
    self._check_values(df)
    codes = pl.DataFrame(
      {"user_id": users.cast(pl.String), "user": np.arange(len(users))}
    )
    df = df.join(codes, on="user_id", how="left", maintain_order="left")
    self._refuse(
      df.filter(pl.col("user").is_null()),
      lambda row: f"user_id {row['user_id']!r:.80} is not in the dataset",
    )
    self._df = df
    self._lists = {
      name: self._codes(df, name, items)
      for name in ("items", "relevant")
      if name in df.columns
    }

  def lists(
    self, split: str, users: np.ndarray, column: str = "items"
  ) -> Lists:
    """Returns the lists of requests.

    Args:
      split: "validation" or "test".
      users: [n] codes, each once.
      column: "items" or "relevant".

    Raises:
      InputError: a user has no line or several.
    """
    df = self._of(split)
    self._refuse(
      df.filter(~pl.col("user").is_first_distinct()),
      lambda row: f"a second line for user_id {row['user_id']!r:.80}, {split}",
    )
    at = np.full(len(self._user_ids), -1)
    at[df["user"].to_numpy()] = df["at"].to_numpy()
    missing = users[at[users] < 0]
    if missing.size:
      raise InputError(
        f"{self._path}: expected a {self._unit} for each of {users.size} "
        f"users of split {split!r}, found none for user_id "
        f"{self._user_ids[int(missing[0])]!r} and {missing.size - 1} more"
      )
    at = at[users]
    values, offsets = self._lists[column]
    lengths = np.diff(offsets)[at]
    return Lists(
      ragged.gather(values, offsets, at)[1],
      np.concatenate([[0], np.cumsum(lengths)]),
      self._path,
      self._df["line"].to_numpy()[at],
      self._unit,
    )

  def count(self, split: str) -> int:
    """Returns the number of lines for a split."""
    return self._of(split).height

  def _of(self, split: str) -> pl.DataFrame:
    df = self._df.with_row_index("at")
    return df.filter(pl.col("split") == split) if "split" in df.columns else df

  def _read(self) -> pl.DataFrame:
    if not self._path.is_file():
      raise InputError(f"{self._path}: no such file")
    if self._path.suffix == ".parquet":
      return parquet.read(self._path)
    data = self._path.read_bytes().removeprefix(codecs.BOM_UTF8)
    try:
      with parquet.reading(self._path):
        return pl.read_ndjson(data, infer_schema_length=None)
    except InputError:
      self._check_json(data)
      raise

  def _check_json(self, data: bytes) -> None:
    """Raises InputError at the first line that is no JSON object."""
    # A line ends in \n only: other line ends may stand in a text.
    for number, line in enumerate(data.removesuffix(b"\n").split(b"\n"), 1):
      try:
        is_object = isinstance(json.loads(line), dict)
      except (ValueError, RecursionError):
        is_object = False
      if not is_object:
        shown = line.rstrip().decode(errors="backslashreplace")
        raise InputError(
          f"{self._path}, line {number}: expected "
          f'{{"user_id": ..., "items": [...]}} in UTF-8, got {shown!r:.80}'
        )

  def _typed(self, df: pl.DataFrame) -> pl.DataFrame:
    """Returns the columns in their types, with the number of each line."""
    for name in df.columns:
      if name not in _COLUMNS:
        raise unknown(f"column of {self._path}:", name, _COLUMNS)
    for name in _REQUIRED:
      if name not in df.columns:
        raise InputError(
          f"{self._path}: expected the columns {list(_REQUIRED)}, got "
          f"{df.columns}"
        )
    for name in df.columns:
      found, wanted = df.schema[name], _COLUMNS[name]
      is_list = isinstance(found, pl.List | pl.Array)
      inner = found.inner if is_list else found
      if is_list != (wanted == pl.List(pl.String)) or not (
        inner.is_integer() or inner in (pl.String, pl.Null)
      ):
        what = "lists of ids" if wanted != pl.String else "ids or names"
        raise InputError(
          f"{self._path}: {name}: expected {what} (text or whole numbers), "
          f"got {found}"
        )
    return df.with_columns(
      pl.col(name).cast(_COLUMNS[name]) for name in df.columns
    ).with_row_index("line", offset=1)

  def _check_values(self, df: pl.DataFrame) -> None:
    for name in df.columns:
      self._refuse(
        df.filter(pl.col(name).is_null()),
        lambda row, name=name: f"{name} is missing",
      )
      if df.schema[name] == pl.List(pl.String):
        self._refuse(
          df.filter(pl.col(name).list.len() == 0),
          lambda row, name=name: f"{name}: expected some items, got none",
        )
    if "split" in df.columns:
      self._refuse(
        df.filter(~pl.col("split").is_in(SPLITS)),
        lambda row: (
          f"split: expected one of {list(SPLITS)}, got {row['split']!r:.80}"
        ),
      )

  def _codes(
    self, df: pl.DataFrame, name: str, items: pl.Series
  ) -> tuple[np.ndarray, np.ndarray]:
    """Returns the codes of a column of lists, and the start of each line."""
    codes = pl.DataFrame(
      {name: items.cast(pl.String), "code": np.arange(len(items))}
    )
    flat = df.select("line", name).explode(name)
    flat = flat.join(codes, on=name, how="left", maintain_order="left")
    self._refuse(
      flat.filter(pl.col("code").is_null()),
      lambda row: f"{name}: item {row[name]!r:.80} is not in the dataset",
    )
    self._refuse(
      flat.filter(~pl.struct("line", "code").is_first_distinct()),
      lambda row: f"{name}: item {row[name]!r:.80} is listed twice",
    )
    lengths = df[name].list.len().to_numpy().astype(np.int64)
    return (
      flat["code"].to_numpy().astype(np.int64),
      np.concatenate([[0], np.cumsum(lengths)]),
    )

  def _refuse(self, wrong: pl.DataFrame, says) -> None:
    """Raises InputError about the first of the wrong lines, if any."""
    if wrong.height:
      row = wrong.row(0, named=True)
      more = f" ({wrong.height - 1} more)" if wrong.height > 1 else ""
      raise InputError(
        f"{self._path}, {self._unit} {row['line']}: {says(row)}{more}"
      )


class Scores:
  """A file with the score of every item for every user."""

  def __init__(self, path: str | Path, num_users: int, num_items: int):
    """Opens the file.

    Args:
      path: a .npy file.
      num_users: the number of rows that it must have.
      num_items: the number of columns that it must have.

    Raises:
      InputError: the file is not a matrix of real numbers of this shape.
    """
    self._path = Path(paths.expanded(path))
    try:
      self._scores = np.load(self._path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
      raise InputError(f"{self._path}: no such file") from None
    except Exception as error:
      # NumPy reads the header as Python, whose errors have no common class.
      said = " ".join(str(error).split()) or type(error).__name__
      raise InputError(f"{self._path} cannot be read: {said:.200}") from None
    shape = (num_users, num_items)
    if self._scores.shape != shape or self._scores.dtype.kind not in "fiu":
      raise InputError(
        f"{self._path}: expected real numbers of shape [users, items] = "
        f"{list(shape)}, in the order of the tables; got "
        f"{self._scores.dtype} of shape {list(self._scores.shape)}"
      )

  def lists(self, users: np.ndarray, met, count: int) -> Lists:
    """Returns the items of highest score, best first.

    Items of equal score are in the order of their codes. An item with a score
    of minus infinity is not listed.

    Args:
      users: [n] codes.
      met: a `draw.Met`; items that a user has met are left out.
      count: the largest number of items in a list.

    Raises:
      InputError: a score is not a number.
    """
    num_items = self._scores.shape[1]
    codes, lengths = [], []
    block = max(1, _BLOCK // num_items)
    for start in range(0, users.size, block):
      some = users[start : start + block]
      with np.errstate(invalid="ignore"):  # It is looked for below.
        scores = np.array(self._scores[some], np.float64)
      if np.isnan(scores).any():
        row, column = np.argwhere(np.isnan(scores))[0]
        raise InputError(
          f"{self._path}, row {some[row]}: the score of item {column} is not a "
          "number"
        )
      scores[met.of(some)] = -np.inf
      rows, items = ragged.best(scores, count)
      codes.append(items)
      lengths.append(np.bincount(rows, minlength=some.size))
    return Lists(
      np.concatenate(codes),
      np.concatenate([[0], np.cumsum(np.concatenate(lengths))]),
      self._path,
      users.astype(np.int64),
      "row",
    )
