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
  if b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
    return None
  found = _plain if b'"' not in data else _quoted
  checked = found(data, len(names), ord(separator))
  if checked is None:
    return None
  length, starts = checked
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
  if rows.height != starts.size:
    return None
  lines = pl.Series(LINE, starts + line, pl.get_index_type())
  named = (
    pl.col(str(i)).alias(name) for i, name in zip(places, columns, strict=True)
  )
  return Piece(rows.select(lines, *named), {}), data[length:]


def _plain(
  data: bytes, fields: int, split: int
) -> tuple[int, np.ndarray] | None:
  """Checks lines without quotes; see `_quoted`."""
  text = np.frombuffer(data, np.uint8)
  marks = text[(text == split) | (text == _LF)]
  if not _regular(marks, fields, split):
    return None
  return len(data), np.arange(marks.size // fields)


def _quoted(
  data: bytes, fields: int, split: int
) -> tuple[int, np.ndarray] | None:
  """Checks the places of quotes and the number of fields.

  Args:
    data: whole lines.
    fields: the number of fields of a record.
    split: the character between fields.

  Returns:
    The length of all whole records, and the place of the first line of each
    [records]; None if any is not well formed.
  """
  text = np.frombuffer(data, np.uint8)
  places = np.flatnonzero((text == _QUOTE) | (text == split) | (text == _LF))
  marks = text[places]
  is_quote, is_break = marks == _QUOTE, marks == _LF
  # A quote that opens a stretch is inside, and one that closes it is not.
  inside = np.cumsum(is_quote, dtype=np.uint32) % 2 == 1
  is_end = is_break & ~inside
  if not is_end.any():
    return None
  whole_marks = int(np.flatnonzero(is_end)[-1]) + 1
  length = int(places[whole_marks - 1]) + 1
  places, marks, is_quote, is_break, inside, is_end = (
    each[:whole_marks]
    for each in (places, marks, is_quote, is_break, inside, is_end)
  )
  opening = places[is_quote & inside]
  before = text[np.maximum(opening - 1, 0)]
  follows = text[places[is_quote & ~inside] + 1]
  if not (
    (_is_any(before, split, _LF, _QUOTE) | (opening == 0)).all()
    and _is_any(follows, split, _LF, _CR, _QUOTE).all()
  ):
    return None
  if not _regular(marks[~is_quote & ~inside], fields, split):
    return None
  last = np.cumsum(is_break)[is_end] - 1
  starts = np.concatenate([[0], last[:-1] + 1])
  if (last > starts).any():
    splits = np.cumsum(marks == split)[is_break]
    if _hides_rows(np.diff(splits, prepend=0), starts, last, fields - 1):
      return None
  return length, starts


def _is_any(values: np.ndarray, *wanted: int) -> np.ndarray:
  return np.logical_or.reduce([values == each for each in wanted])


def _regular(marks: np.ndarray, fields: int, split: int) -> bool:
  """Returns whether every record has its number of fields.

  Args:
    marks: the separators and line ends outside quotes, in order.
    fields: the number of fields of a record.
    split: the separator.
  """
  if marks.size % fields:
    return False
  marks = marks.reshape(-1, fields)
  return bool((marks[:, :-1] == split).all() and (marks[:, -1] == _LF).all())


def _hides_rows(
  splits: np.ndarray, starts: np.ndarray, last: np.ndarray, needed: int
) -> bool:
  """Returns whether each line of any longer record looks like a row.

  Args:
    splits: [lines], the number of separators.
    starts: [records], the first line.
    last: [records], the last line.
    needed: separators of a row.
  """
  unlike = np.concatenate([[0], np.cumsum(splits != needed)])
  return bool(((last > starts) & (unlike[last + 1] == unlike[starts])).any())


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
        rest = b"\n".join(data.split(b"\n")[first:])
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
