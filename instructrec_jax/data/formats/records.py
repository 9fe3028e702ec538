"""Splits lines into records as RFC 4180 quotes them, whatever the lines hold.

Almost every piece of a file is well formed and is read by Polars as a whole. A
few passes over its bytes check the places of quotes and the number of fields
between line ends. Only a piece that fails this check is read record by record.
"""

import collections
import csv
import dataclasses
import re
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from instructrec_jax.data.formats.spool import LINE

_QUOTE, _LF, _CR = b'"\n\r'
BROKEN = "quotes that do not match up"
# A quote at the start of one field and another at the end of a field lines
# below make a record that hides the rows between them. If so many delimiters
# stand where those rows would have them, it is not by accident.
_NO_ACCIDENT = 6
# Stands for a carriage return inside a line, which the csv module refuses.
_RETURN = "\ue00d"


@dataclasses.dataclass(frozen=True)
class Piece:
  """Some records of a file.

  Attributes:
    rows: LINE, the line on which a record begins, and columns as text.
    wrong: numbers of the lines of unusable records, by reason.
    doubtful: numbers of the lines of records whose quoted text, over several
      lines, looks like rows of the file.
    recoded: numbers of the lines that are not UTF-8.
  """

  rows: pl.DataFrame
  wrong: Mapping[str, Sequence[int]]
  doubtful: Sequence[int] = ()
  recoded: Sequence[int] = ()


def whole(
  data: bytes,
  names: Sequence[str],
  separator: str,
  line: int,
  columns: Sequence[str],
) -> tuple[Piece, bytes] | None:
  """Reads whole records and returns the rest; None if any is not well formed.

  A quote that opens a quoted stretch must be the first character of a field,
  and a quote that closes it must be the last. A doubled quote closes one
  stretch and opens the next.

  Args:
    data: whole lines, UTF-8.
    names: the names of all columns.
    separator: the character between fields, one byte.
    line: the number of the first line.
    columns: the columns to read.
  """
  if data.count(b"\r") != data.count(b"\r\n"):
    return None
  text = np.frombuffer(data, np.uint8)
  split = ord(separator)
  quotes = np.flatnonzero(text == _QUOTE)
  breaks = np.flatnonzero(text == _LF)

  def outside(places: np.ndarray) -> np.ndarray:
    if not quotes.size:
      return places
    return places[np.searchsorted(quotes, places) % 2 == 0]

  ends = outside(breaks)
  if not ends.size:
    return None
  length = int(ends[-1]) + 1
  quotes = quotes[: np.searchsorted(quotes, length)]
  before = text[np.maximum(quotes[::2] - 1, 0)]
  before[quotes[::2] == 0] = _LF
  follows = text[quotes[1::2] + 1]
  if not (
    np.isin(before, (split, _LF, _QUOTE)).all()
    and np.isin(follows, (split, _LF, _CR, _QUOTE)).all()
  ):
    return None
  every_split = np.flatnonzero(text[:length] == split)
  splits = outside(every_split)
  number = np.diff(np.searchsorted(splits, ends), prepend=0)
  if (number != len(names) - 1).any():
    return None
  starts = np.searchsorted(breaks, [0, *(ends[:-1] + 1)])
  if _hides_rows(every_split, breaks, starts, ends, len(names) - 1):
    return None
  places = [names.index(column) for column in columns]
  try:
    rows = pl.read_csv(
      data[:length],
      separator=separator,
      has_header=False,
      schema={str(i): pl.String() for i in range(len(names))},
      columns=sorted(set(places)),
    )
  except pl.exceptions.PolarsError:
    return None
  if rows.height != ends.size:
    return None
  lines = pl.Series(LINE, starts + line, pl.get_index_type())
  named = (
    pl.col(str(i)).alias(name) for i, name in zip(places, columns, strict=True)
  )
  return Piece(rows.select(lines, *named), {}), data[length:]


def _hides_rows(
  splits: np.ndarray,
  breaks: np.ndarray,
  starts: np.ndarray,
  ends: np.ndarray,
  needed: int,
) -> bool:
  """Returns whether each line of any longer record looks like a row.

  Args:
    splits: places of all separators.
    breaks: places of all line breaks.
    starts: [records], the places in `breaks` of the ends of the first lines.
    ends: [records], the places in the text of the ends of the records.
    needed: separators of a row.
  """
  last = np.searchsorted(breaks, ends)
  longer = last > starts
  if not longer.any():
    return False
  of_lines = np.diff(np.searchsorted(splits, breaks[: last[-1] + 1]), prepend=0)
  unlike = np.concatenate([[0], np.cumsum(of_lines != needed)])
  return bool((longer & (unlike[last + 1] == unlike[starts])).any())


def one_by_one(
  data: bytes,
  names: Sequence[str],
  separator: str,
  line: int,
  columns: Sequence[str],
  last: bool,
) -> tuple[Piece, bytes]:
  """Reads records that may not be well formed; see `whole`.

  Reading goes on with the line after the first of a record whose quotes do not
  match.

  Args:
    data: whole lines, UTF-8.
    names: the names of all columns.
    separator: the character between fields, one byte.
    line: the number of the first line.
    columns: the columns to read.
    last: whether the file ends here.
  """
  text = data.decode().replace("\r\n", "\n")
  lines = text.replace("\r", _RETURN).split("\n")[:-1]
  texts = [f"{each}\n" for each in lines]
  places = [names.index(column) for column in columns]
  wrong, doubtful = collections.defaultdict(list), []
  records, start, rest = [], 0, b""
  while start < len(texts):
    reader = csv.reader(
      (texts[i] for i in range(start, len(texts))),
      delimiter=separator,
      strict=True,
    )
    at, begin = 0, start
    start = len(texts)
    try:
      for record in reader:
        first, here = begin + at, line + begin + at
        at = reader.line_num
        hidden = 0
        if begin + at - first > 1:
          hidden = _hidden(texts[first : begin + at], separator, len(names))
        if hidden >= _NO_ACCIDENT:
          wrong[BROKEN].append(here)
          start = first + 1
          break
        if len(record) == len(names):
          records.append((here, *(record[i] or None for i in places)))
          if hidden:
            doubtful.append(here)
        elif record:
          wrong[f"not {len(names)} fields"].append(here)
    except csv.Error as error:
      first = begin + at
      if str(error) == "unexpected end of data" and not last:
        rest = "".join(texts[first:]).encode()
      else:
        wrong[BROKEN].append(line + first)
        start = first + 1
  schema = {LINE: pl.get_index_type(), **dict.fromkeys(columns, pl.String())}
  rows = pl.DataFrame(records, schema, orient="row").with_columns(
    pl.col(columns).str.replace_all(_RETURN, "\r", literal=True)
  )
  return Piece(rows, wrong, doubtful), rest


def _hidden(lines: Sequence[str], separator: str, fields: int) -> int:
  """Returns the separators of some lines if each has those of a row, or 0."""
  each = fields - 1
  alike = all(line.count(separator) == each for line in lines)
  return each * len(lines) if alike else 0


def is_quoted(data: bytes, names: Sequence[str], separator: str) -> bool:
  """Returns whether lines that have quotes were written with RFC 4180 quotes.

  They were if all quotes are well placed, and if they are needed (a quoted
  field has a quote, a separator or a line break) or stand in every row. A title
  such as "Heroes" alone does not show it.

  Args:
    data: whole lines.
    names: the names of all columns.
    separator: the character between fields, one byte.
  """
  found = whole(data, names, separator, 1, names[:1])
  if found is None:
    return False
  piece, rest = found
  data, rows = data[: len(data) - len(rest)], piece.rows.height
  # An empty quoted field has two quotes side by side as well.
  inner = re.sub(rb'(?:^|(?<=[%b\n]))""' % separator.encode(), b"", data)
  return (
    b'""' in inner
    or data.count(b"\n") > rows
    or data.count(separator.encode()) > rows * (len(names) - 1)
    or data.count(b'"') >= 2 * rows
  )
