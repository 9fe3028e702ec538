import csv
import gzip
import io

import hypothesis
import polars as pl
import pytest
from hypothesis import strategies as st

from instructrec_jax.data.formats import blocks, quoted, rfc4180
from instructrec_jax.data.formats.raw import Bad
from instructrec_jax.data.formats.spool import Spool
from instructrec_jax.data.formats.text import LINE, Field
from instructrec_jax.errors import InputError

_NAMES = ("id", "title", "year")
_FIELDS = {
  "item_id": Field("id", pl.UInt32, required=True),
  "title": Field("title"),
}


def _written(rows, **form):
  stream = io.StringIO(newline="")
  csv.writer(stream, **form).writerows([_NAMES, *rows])
  return stream.getvalue().encode()


def _read(path, monkeypatch, piece):
  monkeypatch.setattr(blocks, "_BLOCK", piece)
  return list(quoted.pieces(path, _NAMES))


def _rows(found):
  rows = pl.concat(piece.rows for piece in found)
  # Empty and absent are told apart by nobody.
  return [tuple(v or "" for v in row) for row in rows.drop(LINE).rows()]


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(
  rows=st.lists(
    st.tuples(*[st.text('ab",\né \u2028', max_size=6)] * 3), max_size=12
  ),
  quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
  end=st.sampled_from(["\n", "\r\n"]),
  piece=st.integers(20, 200),
)
def test_what_the_csv_module_writes_is_read_at_any_size_of_piece(
  tmp_path_factory, rows, quoting, end, piece
):
  path = tmp_path_factory.mktemp("csv") / "x.csv"
  data = _written(rows, quoting=quoting, lineterminator=end)
  path.write_bytes(data)
  with pytest.MonkeyPatch.context() as patch:
    found = _read(path, patch, piece)
  assert not any(each.wrong for each in found)
  lines, reader = [], csv.reader(io.StringIO(data.decode(), newline=""))
  last = 0
  for _ in reader:
    lines.append(last + 1)
    last = reader.line_num
  if rows:
    assert _rows(found) == rows
    assert [n for each in found for n in each.rows[LINE]] == lines[1:]


def test_well_formed_pieces_are_not_taken_record_by_record(
  tmp_path, monkeypatch
):
  rows = [(str(i), f'A "{i}", or\n{i}', "") for i in range(300)]
  (tmp_path / "x.csv.gz").write_bytes(gzip.compress(_written(rows)))
  monkeypatch.setattr(rfc4180, "one_by_one", None)
  assert _rows(_read(tmp_path / "x.csv.gz", monkeypatch, 1 << 20)) == rows


@pytest.mark.parametrize("piece", [1 << 10, 1 << 20])
def test_a_broken_quote_takes_its_own_line_alone(piece, tmp_path, monkeypatch):
  rows = [(str(i), f"Film, the {i}th", "1999") for i in range(1, 2001)]
  lines = _written(rows).split(b"\r\n")
  assert lines[1202].startswith(b'1202,"Film')
  lines[1202] = b'1202,"Film, the 1202nd,1999'
  lines[1499] = b"1499,Film, the 1499th,1999"
  lines[1599] = b'1599,"Film" the 1599th,1999'
  lines[1999] = b'1999,"Film,1999'
  path = tmp_path / "x.csv"
  path.write_bytes(b"\r\n".join(lines))
  monkeypatch.setattr(blocks, "_BLOCK", piece)
  loaded = quoted.load(path, _FIELDS)
  gone = {1202, 1499, 1599, 1999}
  assert loaded.rows["item_id"].to_list() == [
    i for i in range(1, 2001) if i not in gone
  ]
  assert {(b.reason, b.rows, b.first) for b in loaded.bad} == {
    ("quotes that do not match up", 3, "x.csv:1203"),
    ("not 3 fields", 1, "x.csv:1500"),
  }


@pytest.mark.parametrize(
  ("text", "rows", "wrong"),
  [
    # As many fields as there should be, if one does not look at the quotes.
    (',"\n,b,,"a"\n""",\n', [], [2, 3, 4]),
    ('ba,",,b"abb"",\n', [], [2]),
    (',""a"\n\na,\n,b",\n', [("", 'b"', "")], [2, 4]),
    ('1,5" x 7" y,z\n', [("1", '5" x 7" y', "z")], []),
  ],
)
def test_quotes_where_none_belong(text, rows, wrong, tmp_path):
  path = tmp_path / "x.csv"
  path.write_text("id,title,year\n" + text)
  (found,) = quoted.pieces(path, _NAMES)
  assert _rows([found]) == rows
  assert sorted(n for lines in found.wrong.values() for n in lines) == wrong


def test_mixed_encodings_are_read_and_counted(tmp_path):
  path = tmp_path / "x.csv"
  path.write_bytes(
    b"\xef\xbb\xbfid,title,year\n"
    + "1,Amélie,2001\n".encode()
    + "2,Amélie,2001\n".encode("latin-1")
    + "3,“Quotes”: here\x81,2001\n".encode()
    + "4,“Quotes”: here,2001\n".encode("cp1252")
  )
  loaded = quoted.load(path, _FIELDS)
  titles = loaded.rows["title"].to_list()
  assert titles[:2] == ["Amélie", "Amélie"]
  assert titles[3] == "“Quotes”: here"
  assert loaded.bad == [
    Bad("not UTF-8, read as Windows-1252", 2, "x.csv:3", kept=True)
  ]


def test_values_that_cannot_be_read_are_counted_by_line(tmp_path):
  path = tmp_path / "x.csv"
  path.write_text('id,title,year\n1,"a\nb",1\nx,c,2\n,d,3\n\ny,e,4\n')
  loaded = quoted.load(path, _FIELDS, noted={"odd": pl.col("year") == "1"})
  assert loaded.rows.rows() == [(1, "a\nb")]
  assert [(b.reason, b.rows, b.first) for b in loaded.bad] == [
    ("id is missing", 1, "x.csv:5"),
    ("id is not a number", 2, "x.csv:4"),
  ]
  assert loaded.noted == {"odd": 1}


def test_long_columns_wait_in_the_spool(tmp_path):
  path = tmp_path / "x.csv"
  path.write_text("id,title,year\n1,a,1\nx,b,2\n3,,3\n")
  spool = Spool(tmp_path / "spool")
  fields = {"item": Field("id", pl.UInt32, required=True)}
  loaded = quoted.load(path, fields, {"review": pl.col("title")}, spool)
  assert loaded.rows.rows() == [(2, 1), (4, 3)]
  assert loaded.noted == {"without review": 1}


def test_files_of_another_kind_are_said(tmp_path):
  path = tmp_path / "x.csv"
  path.write_text("ids,title\n1,a\n")
  with pytest.raises(InputError, match=r"x.csv 'id'. Did you mean 'ids'"):
    quoted.load(path, _FIELDS)
  path.write_text('id,"title\n1,a\n')
  with pytest.raises(InputError, match=r"x.csv:1: expected a header line"):
    quoted.load(path, _FIELDS)
  path.write_text("")
  with pytest.raises(InputError, match="is empty"):
    quoted.load(path, _FIELDS)
  path.write_text("id,title\nx,a\n")
  with pytest.raises(
    InputError, match=r"1 left out: id is not a number \(first at x.csv:2"
  ):
    quoted.load(path, _FIELDS)
  whole = gzip.compress(_written([(str(i), "a", "1") for i in range(99_999)]))
  path.write_bytes(whole[: len(whole) // 2])
  with pytest.raises(InputError, match="cut off or damaged after line"):
    quoted.load(path, _FIELDS)
