import json
import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructrec_jax.data.formats import blocks, jsonl
from instructrec_jax.data.formats.spool import LINE
from instructrec_jax.errors import InputError

_COLUMNS = {"a": pl.String(), "b": pl.List(pl.String())}
_SCALARS = (
  st.none()
  | st.booleans()
  | st.integers(-(10**25), 10**25)
  | st.floats(allow_nan=False, allow_infinity=False)
  | st.text()
)
_VALUES = st.recursive(
  _SCALARS,
  lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(), v, max_size=2),
  max_leaves=5,
)
_OBJECTS = st.dictionaries(st.sampled_from("abc"), _VALUES).map(json.dumps)
_OTHER = st.sampled_from(
  [
    *("", " ", "[1]", "3", "{'a': 1}", "{}x", "null", "\x00"),
    *('"a"', '{"a": 1', '{"a": NaN}', '{"a": "x"} {"a": "y"}'),
    *('{"a": "\\ud83d"}', '{"a" "b"}'),
  ]
)


def _same(got, value):
  """Whether text says what a JSON value does; of nested ones, anything."""
  if value is None or isinstance(value, str):
    if value and re.search("[\ud800-\udfff]", value):
      return len(got) == len(value)
    return got == value
  if isinstance(value, list | dict):
    return bool(got)
  return json.loads(got) == pytest.approx(value, rel=1e-12)


def _refuse(constant):
  raise ValueError(constant)


def _object(line):
  try:
    value = json.loads(line, parse_constant=_refuse)
  except ValueError:
    return None
  return value if isinstance(value, dict) else None


@settings(deadline=None)
@given(lines=st.lists(_OBJECTS | _OTHER, max_size=8), ends=st.booleans())
def test_every_line_is_read_or_named(lines, ends, tmp_path_factory):
  path = tmp_path_factory.mktemp("lines") / "x.jsonl"
  path.write_text("\n".join(lines) + "\n" * ends)
  rows, wrong = [], []
  for piece in jsonl.pieces(path, _COLUMNS):
    rows += piece.rows.select(LINE, "a", "b").rows()
    wrong += piece.wrong
  want = {n: _object(line) for n, line in enumerate(lines, 1) if line.strip()}
  assert wrong == [n for n, row in want.items() if row is None]
  assert [row[0] for row in rows] == [n for n in want if n not in wrong]
  for number, a, b in rows:
    assert _same(a, want[number].get("a"))
    value = want[number].get("b")
    if value is None:
      assert b is None
    else:
      items = value if isinstance(value, list) else [value]
      assert all(map(_same, b, items))
      assert len(b) == len(items)


def test_lines_across_pieces_keep_their_numbers(tmp_path, monkeypatch):
  monkeypatch.setattr(blocks, "_BLOCK", 50)
  monkeypatch.setattr(blocks, "_READ", 50)
  lines = [json.dumps({"a": "x" * (n % 70)}) for n in range(200)]
  lines[77] = "not this"
  path = tmp_path / "x.jsonl"
  path.write_text("\n".join(lines))
  found = list(jsonl.pieces(path, _COLUMNS))
  assert len(found) > 20
  assert [n for p in found for n in p.wrong] == [78]
  rows = pl.concat(p.rows for p in found)
  assert rows[LINE].to_list() == [n for n in range(1, 201) if n != 78]
  assert (rows["a"].str.len_chars() == (rows[LINE] - 1) % 70).all()


def test_a_file_without_lines(tmp_path, monkeypatch):
  monkeypatch.setattr(blocks, "_LONGEST_LINE", 1000)
  monkeypatch.setattr(blocks, "_BLOCK", 100)
  monkeypatch.setattr(blocks, "_READ", 100)
  path = tmp_path / "x.json"
  path.write_text('{"a": 1}\n[' + '{"a": 1},' * 1000)
  with pytest.raises(InputError, match="line 2 is longer than 1,000 bytes"):
    list(jsonl.pieces(path, _COLUMNS))
