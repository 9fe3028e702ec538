import csv
import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from instructrec_jax.data.formats import blocks, quoted, rfc4180, text
from instructrec_jax.data.formats.spool import LINE

_NAMES = ("a", "b", "c")
_CELL = st.text('ab" é\r\0', max_size=4) | st.sampled_from(
  ['""', '"x"', '"x ""y"" z"', '"x', 'x"', '"x\ny"', '"x,y;z\tu|v"', "\n"]
)
_LINE = st.one_of(
  st.lists(_CELL, min_size=3, max_size=3), st.lists(_CELL, max_size=5)
)


@settings(deadline=None, max_examples=200)
@given(
  lines=st.lists(_LINE, max_size=12),
  separator=st.sampled_from([",", ";", "\t", "|", "::"]),
  end=st.sampled_from(["\n", "\r\n"]),
  spoilt=st.booleans(),
  piece=st.sampled_from([20, 60, 1 << 20]),
)
@example([["1", '"A', "x"], ["2", "B", "y"], ["3", 'C"', "z"]], ",", "\n",
         False, 1 << 20)  # fmt: skip
def test_every_line_is_in_a_record_or_has_a_reason(
  tmp_path_factory, lines, separator, end, spoilt, piece
):
  written = [
    separator.join(_NAMES),
    *(separator.join(cells) for cells in lines),
  ]
  data = end.join(written).encode("cp1252" if spoilt else "utf-8", "replace")
  path = tmp_path_factory.mktemp("csv") / "x.csv"
  path.write_bytes(data)
  rows, wrong = {}, {}
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(blocks, "_BLOCK", piece)
    patch.setattr(blocks, "_READ", piece)
    for found in quoted.pieces(path, _NAMES, quoted.Form(separator)):
      rows |= {row[0]: row[1:] for row in found.rows.rows()}
      for reason, places in found.wrong.items():
        wrong |= dict.fromkeys(places, reason)
  assert not rows.keys() & wrong.keys()
  texts = text.decode(data).split("\n")
  starts = sorted([*rows, *wrong, len(texts) + 1])
  assert not any(line.strip("\r") for line in texts[1 : starts[0] - 1])
  for start, after in itertools.pairwise(starts):
    lines = [each.removesuffix("\r") for each in texts[start - 1 : after - 1]]
    while len(lines) > 1 and not lines[-1].strip("\r"):
      lines.pop()
    if wrong.get(start) == rfc4180.BROKEN:
      assert not any(line.strip("\r") for line in lines[1:])
    elif len(lines) > 1:
      record = _record(lines, separator)
      assert record is not None
      _holds(record, rows.get(start), wrong.get(start))
    else:
      ways = (_record(lines, separator), lines[0].split(separator))
      record = next(
        (w for w in ways if w and (len(w) == 3) == (start in rows)), None
      )
      assert record is not None
      if start in rows:
        assert any(
          _alike(way, rows[start]) for way in ways if way and len(way) == 3
        )


def _record(lines, separator):
  """Returns the one record that lines are, or None."""
  if len(separator) > 1:
    return None
  # The csv module takes no carriage return outside quotes.
  lines = [f"{line}\n".replace("\r", "\ue00d") for line in lines]
  try:
    records = list(csv.reader(lines, delimiter=separator, strict=True))
  except csv.Error:
    return None
  if len(records) != 1:
    return None
  return [each.replace("\ue00d", "\r") for each in records[0]]


def _holds(record, row, reason):
  if row is None:
    assert reason == "not 3 fields"
    assert len(record) != 3
  else:
    assert _alike(record, row)


def _alike(record, row):
  # Empty and absent are told apart by nobody.
  plain = [(each or "").replace("\r\n", "\n") for each in row]
  return plain == [each.replace("\r\n", "\n") for each in record]


def test_rows_between_two_stray_quotes_are_not_taken_for_a_text(tmp_path):
  lines = [f"i{i},Title {i},x" for i in range(20)]
  lines[3] = 'i3,"Weird Al,x'
  lines[9] = 'i9,Wide,24"'
  path = tmp_path / "x.csv"
  path.write_text("\n".join(["a,b,c", *lines]))
  rows, bad = quoted.rows(path, _NAMES)
  assert rows["a"].to_list() == [f"i{i}" for i in range(20) if i != 3]
  assert [(b.reason, b.first) for b in bad] == [
    ("quotes that do not match up", "x.csv:5")
  ]


def test_a_text_that_may_be_a_row_is_kept_and_counted(tmp_path):
  path = tmp_path / "x.csv"
  path.write_text('a,b\n1,"One, two\nthree"\n2,"Four\nfive, six"\n')
  rows, bad = quoted.rows(path, ("a", "b"))
  assert rows["b"].to_list() == ["One, two\nthree", "Four\nfive, six"]
  assert [(b.rows, b.first, b.kept) for b in bad] == [(1, "x.csv:4", True)]


@pytest.mark.parametrize(
  ("title", "read"),
  [
    ('"Say ""when"""', 'Say "when"'),
    ('"A\tB"', "A\tB"),
    ('"A\nB"', "A\nB"),
    ('"Heroes"', '"Heroes"'),
    ('"Weird" Al', '"Weird" Al'),
    ('24" disk', '24" disk'),
    ('"Weird Al', '"Weird Al'),
  ],
)
def test_quotes_in_a_file_with_tabs(title, read, tmp_path):
  path = tmp_path / "x.tsv"
  path.write_text(f"a\tb\n1\tPlain\n2\t{title}\n3\tPlain\n")
  rows, bad = quoted.rows(path, ("a", "b"), quoted.Form("\t"))
  assert rows["b"].to_list() == ["Plain", read, "Plain"]
  assert not bad


def test_a_file_in_which_all_is_quoted(tmp_path):
  path = tmp_path / "x.tsv"
  path.write_text('"a"\t"b"\n"1"\t"A"\n"2"\t"B"\n')
  rows, _ = quoted.rows(path, ("a", "b"), quoted.Form("\t"))
  assert rows.drop(LINE).rows() == [("1", "A"), ("2", "B")]


@pytest.mark.parametrize(
  ("encoding", "named"),
  [("utf-16", None), ("utf-8-sig", None), ("gb18030", "gb18030"),
   ("utf-16-le", "utf-16-le")],
)  # fmt: skip
def test_encodings(encoding, named, tmp_path, monkeypatch):
  monkeypatch.setattr(blocks, "_READ", 7)
  monkeypatch.setattr(blocks, "_BLOCK", 40)
  path = tmp_path / "x.csv"
  path.write_bytes("a,b\n1,Amélie\n2,你好\n3,x\n".encode(encoding))
  rows, bad = quoted.rows(path, ("a", "b"), quoted.Form(encoding=named))
  assert rows["b"].to_list() == ["Amélie", "你好", "x"]
  assert not bad


@pytest.mark.parametrize(
  ("data", "encoding", "said"),
  [
    (b"a,b\n1,\xff\n", "utf-8", r"x.csv is not in the encoding utf-8 after"),
    (b"a,b\n", "utf-99", "encoding 'utf-99' is unknown"),
    (b"a,b\n", "base64", "encoding 'base64' is unknown"),
    ("a,b\n".encode("utf-16-le"), None, "name its encoding"),
    (b"a,a\n1,2\n", None, "x.csv:1: two columns are called 'a'"),
    (b"\n \n", None, "x.csv is empty: expected a header line"),
    (b"a,__line\n1,2\n", None, "a column is called '__line'"),
  ],
)
def test_what_cannot_be_text_is_said(data, encoding, said, tmp_path):
  path = tmp_path / "x.csv"
  path.write_bytes(data)
  with pytest.raises(text.InputError, match=said):
    quoted.rows(path, ("a", "b"), quoted.Form(encoding=encoding))


def test_a_quote_that_is_never_closed_does_not_keep_the_file_in_memory(
  tmp_path, monkeypatch
):
  monkeypatch.setattr(blocks, "_BLOCK", 1 << 16)
  monkeypatch.setattr(blocks, "_READ", 1 << 16)
  monkeypatch.setattr(quoted, "_LONGEST", 1 << 17)
  path = tmp_path / "x.csv"
  lines = [f"{i},Title {i},x\n" for i in range(60_000)]
  lines[5] = '5,"Title 5,x\n'
  path.write_text("a,b,c\n" + "".join(lines))
  longest = []
  one_by_one = rfc4180.one_by_one

  def watched(data, *args, **kwargs):
    longest.append(len(data))
    return one_by_one(data, *args, **kwargs)

  monkeypatch.setattr(rfc4180, "one_by_one", watched)
  rows, bad = quoted.rows(path, _NAMES)
  assert rows.height == 59_999
  assert [b.first for b in bad] == ["x.csv:7"]
  assert max(longest) < 1 << 19
