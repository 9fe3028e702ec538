import ast
import json

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from instructrec_jax.data.formats import jsonl, python_lines
from tests.data.sources.steam_files import python_2

_TEXT = st.text() | st.text("\\'\"xuUN0123 {}[],:n\n\t\x02\x03é😀")
_NUMBER = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
_SCALAR = st.none() | st.booleans() | _NUMBER | _TEXT
_LIST = st.lists(_SCALAR, max_size=3)
_FLAT = st.dictionaries(
  _TEXT,
  _SCALAR
  | _LIST
  | st.lists(_LIST, max_size=2)
  | st.dictionaries(_TEXT, _SCALAR | _LIST, max_size=2),
)
_VALUE = st.recursive(
  _SCALAR,
  lambda v: st.lists(v, max_size=3) | st.dictionaries(_TEXT, v, max_size=2),
  max_leaves=5,
)
_ROWS = _FLAT | st.dictionaries(_TEXT, _VALUE)


def _written(value):
  """Text is read again as UTF-8 can hold it."""
  return json.loads(json.dumps(value))


@settings(deadline=None, max_examples=60)
@given(
  rows=st.lists(_ROWS, max_size=4), write=st.sampled_from([repr, python_2])
)
@example(
  rows=[{"a": "it's \"so\" \\' \\\\' \\x41", "b": "\x02\x03: True"}], write=repr
)
@example(
  rows=[{"a": '": true', "b": True, "c": "u'", "d": [1, "'"]}], write=python_2
)
def test_what_repr_writes_is_read_as_it_was(rows, write):
  block = "".join(write(row) + "\n" for row in rows).encode()
  lines = python_lines.to_json(block).split(b"\n")
  assert lines.pop() == b""
  assert [json.loads(line) for line in lines] == [_written(r) for r in rows]


_LINES = st.text("{}[]'\"\\u: ,abx01TrueNone\x02\t.-e") | st.sampled_from(
  [
    *("", "{'a': 1", "{'a': 1}}", "{'a': 'b' 'c'}", "{'a': 007}", "{u'a': +1}"),
    *("{'a': 1,}", "{'a': (1, 2)}", "{'a': {'b': 1}}", "{'a' : 'x'}", "{1: 2}"),
    *("{'a': b'x'}", "{'a': r'\\x'}", "{'a': '\\x41\\101\\a'}", "{'a': '\\/'}"),
    *("{'a': open('x')}", "__import__('os')", "{'a': 1e999}", "{'a': '\\U0'}"),
    *(
      "{'a': '''x'''}",
      '{"a": true}',
      "[1]",
      "{'a': '\\ud83d\\ude00'}",
      "{}{}",
    ),
  ]
)


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@settings(deadline=None, max_examples=60)
@given(lines=st.lists(_LINES.filter(lambda t: "\n" not in t), max_size=4))
def test_any_line_is_read_as_python_reads_it_or_left(lines):
  block = "".join(line + "\n" for line in lines).encode()
  found = python_lines.to_json(block).decode().split("\n")[:-1]
  assert len(found) == len(lines)
  for got, line in zip(found, lines, strict=True):
    if got == line:
      continue
    want = ast.literal_eval(line.strip())
    assert isinstance(want, dict)
    text = {k: v for k, v in want.items() if isinstance(k, str)}
    if all(isinstance(v, str | int | list) for v in text.values()):
      assert {k: json.loads(got)[k] for k in text} == _written(text)


def test_lines_that_are_not_utf8_are_wrong_alone(tmp_path):
  path = tmp_path / "x.json"
  path.write_bytes(
    "{'a': 'é'}\n".encode()
    + "{'a': 'é'}\r\n".encode("latin-1")
    + b"{u'a': u'\\xe9'}\r\n"
  )
  columns = {"a": pl.String()}
  (piece,) = jsonl.pieces(path, columns, python_lines.PYTHON)
  assert piece.wrong == [2]
  assert piece.rows["a"].to_list() == ["é", "é"]


def test_lines_of_repr_need_no_evaluation(monkeypatch):
  def refuse(line):
    raise AssertionError(line)

  monkeypatch.setattr(python_lines, "_evaluated", refuse)
  row = {"a": 'it\'s \\ "é" 😀\n', "b": [1, "x"], "c": None, "d": -1.5e-7}
  row |= {"e": [["a", "b"], [], [1]], "f": {"a": ["b's"], "c": 1}, "g": {}}
  for write in (repr, python_2):
    line = python_lines.to_json(write(row).encode())
    assert json.loads(line) == row
