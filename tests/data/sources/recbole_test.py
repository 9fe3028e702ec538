"""The files of RecBole."""

import pytest

from instructrec_jax.data.sources import finding
from instructrec_jax.errors import InputError


def _read(name, folder, **options):
  _, read = finding.locate(name, folder, options)
  return read()


def test_recbole_one_row_an_interaction(tmp_path):
  (tmp_path / "x.inter").write_text(
    "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
    "a\t1\t3.0\t1.5e3\n"
    'a\t"2\t4\t1600\n'
    "\t1\t4\t1600\n"
    "b\t1\thigh\t1600\n"
  )
  (tmp_path / "x.item").write_text(
    "item_id:token\tmovie_title:token_seq\trelease_year:token\t"
    "class:token_seq\n"
    "1\tToy Story\t1995\tAnimation Children's\n"
    "\"2\t\"Heat\" wave\t1995\t'Video Games', 'PC'\n"
  )
  raw = _read("recbole", tmp_path)
  assert raw.interactions.rows() == [
    ("a", "1", 3.0, 1_500_000_000),
    ("a", '"2', 4.0, 1_600_000_000),
  ]
  assert raw.items["title"].to_list() == ["Toy Story", '"Heat" wave']
  assert raw.items["year"].to_list() == [1995, 1995]
  assert raw.items["categories"].to_list() == [
    ["Animation", "Children's"],
    ["Video Games", "PC"],
  ]
  assert [(b.reason, b.rows, b.first) for b in raw.bad["interactions"]] == [
    ("user_id is missing", 1, "x.inter:4"),
    ("rating is not a number", 1, "x.inter:5"),
  ]


def test_recbole_prefixes_of_one_history_count_once(tmp_path):
  (tmp_path / "x.train.inter").write_text(
    "user_id:token\titem_id_list:token_seq\titem_id:token\n"
    "a\t1\t2\na\t1 2\t3\nb\t5\t1\n"
  )
  (tmp_path / "x.item").write_text("item_id:token\ttitle:token_seq\n1\tOne\n")
  raw = _read("recbole", tmp_path)
  assert raw.interactions.rows() == [
    ("a", "1"),
    ("a", "2"),
    ("a", "3"),
    ("b", "5"),
    ("b", "1"),
  ]
  (bad,) = raw.bad["interactions"]
  assert (bad.rows, bad.first) == (1, "x.train.inter:2")


def test_recbole_errors(tmp_path):
  (tmp_path / "a.inter").write_text("user_id:token\titem_id:token\na\t1\n")
  (tmp_path / "b.inter").write_text("user_id,item_id\na,1\n")
  (tmp_path / "a.item").write_text("item_id:token\tnote:token\n1\tx\n")
  with pytest.raises(InputError, match="2 files could be the interactions"):
    _read("recbole", tmp_path)
  with pytest.raises(InputError, match="expected tab-separated `name:type`"):
    _read("recbole", tmp_path, interactions_file="b.inter")
  with pytest.raises(InputError, match=r"no column of titles.*item_id, note"):
    _read("recbole", tmp_path, interactions_file="a.inter")
