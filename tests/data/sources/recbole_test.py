"""The files of RecBole."""

import pytest

from instructrec_jax.data import normalize
from instructrec_jax.data.sources import finding
from instructrec_jax.errors import InputError
from tests.data.raw_files import read_tables


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
    '"2\t"Heat" wave\t1995\tComedy\n'
  )
  raw = _read("recbole", tmp_path)
  assert raw.interactions.rows() == [
    ("a", "1", 3.0, 1_500_000_000),
    ("a", '"2', 4.0, 1_600_000_000),
    ("b", "1", None, 1_600_000_000),
  ]
  assert raw.items["title"].to_list() == ["Toy Story", '"Heat" wave']
  assert raw.items["year"].to_list() == [1995, 1995]
  assert raw.items["categories"].to_list() == [
    ["Animation", "Children's"],
    ["Comedy"],
  ]
  assert raw.noted["items"] == {"labels of class split by 'blank'": 2}
  assert [(b.reason, b.rows, b.first) for b in raw.bad["interactions"]] == [
    ("user_id is missing", 1, "x.inter:4"),
    ("rating is not a number, so unknown", 1, "'high' at x.inter:5"),
  ]


def test_recbole_windows_of_one_history_are_joined(tmp_path):
  (tmp_path / "x.train.inter").write_text(
    "user_id:token\titem_id_list:token_seq\titem_id:token\n"
    "a\t1\t2\na\t1 2\t3\na\t2 3\t4\nb\t5\t1\n"
  )
  (tmp_path / "x.item").write_text("item_id:token\ttitle:token_seq\n1\tOne\n")
  raw = _read("recbole", tmp_path)
  assert raw.interactions.rows() == [
    *(("a", item) for item in "1234"),
    ("b", "5"),
    ("b", "1"),
  ]
  assert raw.bad["interactions"] == []
  assert raw.noted["interactions"] == {
    "histories that were joined to a longer one": 2
  }


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


_ITEM = "item_id:token\ttitle:token_seq\n" + "".join(
  f"{i}\tTitle {i}\n" for i in "abcdefgh"
)


def _split(folder, header, **parts):
  for part, rows in parts.items():
    lines = [header, *("\t".join(map(str, row)) for row in rows)]
    (folder / f"x.{part}.inter").write_text("\n".join(lines) + "\n")
  (folder / "x.item").write_text(_ITEM)
  return folder


def _normalized(folder, **options):
  manifest = normalize.normalize(
    "recbole", folder, folder / "data", "x", k_core=1, **options
  )
  return manifest["counts"], read_tables(folder / "data", "x")


def test_the_split_of_several_files_is_kept(tmp_path):
  _split(
    tmp_path,
    "user_id:token\titem_id:token\ttimestamp:float",
    train=[("u", "a", 5), ("u", "b", 3), ("v", "c", 1), ("v", "d", 9)],
    # The times tie or contradict: the files decide.
    valid=[("u", "c", 5), ("v", "e", 2)],
    test=[("u", "d", 5), ("u", "a", 7), ("v", "f", 3)],
  )
  raw = _read("recbole", tmp_path)
  assert raw.interactions["split"].to_list() == [0, 0, 0, 0, 1, 1, 2, 2, 2]
  counts, tables = _normalized(tmp_path)
  ids, events = tables["items"]["item_id"], tables["interactions"]
  got = [(ids[row["item"]], row["split"]) for row in events.to_dicts()]
  assert got == [
    # The second `a`, in test, is a repeat.
    *(("b", 0), ("a", 0), ("c", 1), ("d", 2)),
    *(("c", 0), ("d", 0), ("e", 1), ("f", 2)),
  ]
  assert counts["interactions"]["read"] == 9
  assert counts["interactions"]["dropped"] == {"repeated (user, item)": 1}


def test_histories_of_several_files_keep_their_split(tmp_path):
  _split(
    tmp_path,
    "user_id:token\titem_id_list:token_seq\titem_id:token",
    # As LC-Rec writes them: the newest target of the training part first.
    train=[("u", "a b c", "d"), ("u", "a b", "c"), ("u", "a", "b")],
    valid=[("u", "b c d", "e"), ("v", "a", "b")],
    test=[("u", "c d e", "f"), ("v", "a b", "h")],
  )
  raw = _read("recbole", tmp_path)
  assert raw.order == "sequence"
  assert raw.interactions.rows() == [
    *(("u", "a", 0), ("u", "b", 0), ("u", "c", 0), ("u", "d", 0)),
    *(("u", "e", 1), ("u", "f", 2)),
    *(("v", "a", 0), ("v", "b", 1), ("v", "h", 2)),
  ]


def test_a_file_that_is_named_is_read_alone(tmp_path):
  header = "user_id:token\titem_id:token"
  _split(tmp_path, header, train=[("u", "a")], test=[("u", "b")])
  raw = _read("recbole", tmp_path, interactions_file="x.test.inter")
  assert raw.interactions.rows() == [("u", "b")]
  assert raw.order == "none"


def test_files_of_different_splits_are_refused(tmp_path):
  header = "user_id:token\titem_id:token"
  parts = {"train": [("u", "a")], "valid": [("u", "b")], "test": [("u", "c")]}
  _split(tmp_path, header, **parts)
  (tmp_path / "x.test.inter").rename(tmp_path / "y.test.inter")
  with pytest.raises(InputError, match=r"y\.test\.inter is not of the same"):
    _read("recbole", tmp_path)
  (tmp_path / "y.test.inter").unlink()
  with pytest.raises(InputError, match=r"x\.valid\.inter is part .*test_file"):
    _read("recbole", tmp_path)
  sequences = "user_id:token\titem_id_list:token_seq\titem_id:token"
  _split(tmp_path, sequences, test=[("u", "a", "b")])
  with pytest.raises(InputError, match=r"x\.test\.inter: expected the columns"):
    _read("recbole", tmp_path)
