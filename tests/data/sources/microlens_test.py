import pytest

from instructrec_jax.data import normalize
from instructrec_jax.data.sources import finding
from instructrec_jax.errors import InputError
from tests.data.raw_files import read_tables

_PAIRS = """\
user,item,timestamp
1,10,1640000002999
1,11,1640000001000
2,10,1640000003000
2,12,soon
2,13,1640000004000
"""
_TITLES = """\
\ufeffitem,title
10, A cat, a dog, and "me" # comic #
11,#funny# C#4 #1 day
12,
13,"Quoted, with ""quotes"" in"
no item here
14,14,15
"""


def test_microlens(tmp_path):
  (tmp_path / "MicroLens-100k_pairs.csv").write_text(_PAIRS)
  # Beside it as downloaded; it tells less.
  (tmp_path / "MicroLens-100k_pairs.tsv").write_text("1\t11 10\n")
  (tmp_path / "MicroLens-100k_title_en.csv").write_text(_TITLES)
  manifest = normalize.normalize(
    "microlens/100k", tmp_path, tmp_path / "data", k_core=1
  )
  tables = read_tables(tmp_path / "data", "microlens_100k")
  assert tables["items"].drop("item").rows() == [
    ("10", 'A cat, a dog, and "me" comic'),
    ("11", "funny C#4 1 day"),
    ("13", 'Quoted, with "quotes" in'),
  ]
  assert tables["interactions"].rows() == [
    (0, 1, 1_640_000_001_000_000),
    (0, 0, 1_640_000_002_999_000),
    (1, 0, 1_640_000_003_000_000),
    (1, 2, 1_640_000_004_000_000),
  ]
  counts = manifest["counts"]
  assert counts["first_bad"] == {
    "interactions: timestamp is not a time": "MicroLens-100k_pairs.csv:5",
    "items: not an item and its title": "MicroLens-100k_title_en.csv:6",
  }
  assert counts["items"]["dropped"]["title missing"] == 1


def test_microlens_in_the_form_of_sequences(tmp_path):
  (tmp_path / "MicroLens-50k_pairs.tsv").write_text(
    "1\t11 10 13 \n2\t10\n3\n4\tx 10\n"
  )
  (tmp_path / "MicroLens-50k_titles.csv").write_text(
    'item,title\r\n10,"One, two"\r\n11,Three\r\n13,""\r\n'
  )
  raw = finding.locate("microlens/50k", tmp_path, {})[1]()
  assert raw.interactions.rows() == [
    (1, 11),
    (1, 10),
    (1, 13),
    (2, 10),
    (4, 10),
  ]
  assert raw.items.rows() == [(10, "One, two"), (11, "Three"), (13, None)]
  assert [(b.reason, b.rows, b.first) for b in raw.bad["interactions"]] == [
    ("not 2 fields", 1, "MicroLens-50k_pairs.tsv:3"),
    ("item is not a number", 1, "MicroLens-50k_pairs.tsv:4"),
  ]


def test_a_file_of_something_else_is_refused(tmp_path):
  (tmp_path / "MicroLens-50k_pairs.csv").write_text(_PAIRS)
  (tmp_path / "MicroLens-50k_titles.csv").write_text("name;title\na;b\n")
  with pytest.raises(
    InputError, match=r"titles\.csv has no usable row. 2 left out:"
  ):
    finding.locate("microlens/50k", tmp_path, {})[1]()
