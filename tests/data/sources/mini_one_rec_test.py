"""MiniOneRec's CSV files."""

import csv
import json

import pytest

from instructrec_jax.data import normalize
from instructrec_jax.data.records import build
from instructrec_jax.data.sources import finding
from instructrec_jax.errors import InputError
from tests.data.raw_files import read_tables

_COLUMNS = (
  *("user_id", "history_item_title", "item_title"),
  *("history_item_id", "item_id", "history_item_sid", "item_sid"),
)
_TITLES = {i: f'Title {i}, "big" it\'s' for i in range(40)}


def _row(user, history, item):
  return (
    user,
    [_TITLES[i] for i in history],
    _TITLES[item],
    history,
    item,
    ["<a_1><b_2>"] * len(history),
    f"<a_{item}><b_2>",
  )


def _write(folder, parts, name="Office_Products_5_2016-10-2018-11.csv"):
  for part, rows in parts.items():
    path = folder / part / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as f:
      csv.writer(f).writerows([_COLUMNS, *(_row(*row) for row in rows)])
  return folder


def _windows(histories, ends, width=3):
  """Splits each user's targets at `ends` (train, valid) into three parts."""
  parts = {"train": [], "valid": [], "test": []}
  for user, items in histories.items():
    for k in range(1, len(items)):
      train, valid = ends[user]
      part = "train" if k < train else "valid" if k < valid else "test"
      parts[part].append((user, items[max(0, k - width) : k], items[k]))
  return parts


_HISTORIES = {
  "A1": [1, 2, 3, 4, 5, 6, 7],
  "A2": [9, 3, 1, 8],
  "A3": [4, 2, 11, 1],
}
# A1 has two test targets, A2 has none, and A3 has no validation target.
_ENDS = {"A1": (4, 5), "A2": (3, 9), "A3": (3, 3)}


@pytest.fixture
def raw(tmp_path):
  return _write(tmp_path / "raw", _windows(_HISTORIES, _ENDS))


def _read(folder, **options):
  return finding.locate("mini_one_rec", folder, options)[1]()


def test_whole_histories_with_the_split_of_the_files(raw):
  found = _read(raw)
  assert found.order == "sequence"
  rows = found.interactions.group_by("user", maintain_order=True).agg(
    "item", "split"
  )
  got = {user: (items, split) for user, items, split in rows.rows()}
  assert got == {
    "A1": (list("1234567"), [0, 0, 0, 0, 1, 2, 2]),
    "A2": (list("9318"), [0, 0, 0, 1]),
    "A3": (["4", "2", "11", "1"], [0, 0, 0, 2]),
  }
  titles = dict(found.items.select("item_id", "title").rows())
  # 9 and 4 stand in histories only.
  assert titles == {str(i): _TITLES[i] for i in (1, 2, 3, 4, 5, 6, 7, 8, 9, 11)}


def test_texts_of_the_items(raw):
  items = {str(i): {"title": f"T{i}", "brand": "Acme"} for i in range(12)}
  (raw / "index").mkdir()
  (raw / "index/Office_Products.item.json").write_text(json.dumps(items))
  (raw / "index/Office_Products.index.json").write_text("{}")
  found = _read(raw).items
  assert found.columns == ["item_id", "title", "brand"]
  assert found["title"].to_list() == [f"T{i}" for i in range(12)]


def test_one_file_has_no_split(raw):
  (raw / "valid").rename(raw / "old")
  with pytest.raises(InputError, match="name the missing one with valid_file"):
    _read(raw)
  (raw / "test").rename(raw / "older")
  found = _read(raw)
  assert found.interactions.columns == ["user", "item"]
  assert found.interactions.height == 4 + 3 + 3


def test_an_item_after_a_later_part_is_moved_to_it(tmp_path):
  rows = [("A", [*range(1, k)], k) for k in range(2, 6)]
  parts = {"train": [rows[0], rows[2]], "valid": [rows[1]], "test": [rows[3]]}
  found = _read(_write(tmp_path, parts))
  assert found.interactions["split"].to_list() == [0, 0, 1, 1, 2]
  assert (
    found.noted["interactions"]["after a target of a later part, moved to it"]
    == 1
  )


def test_targets_of_the_records_are_those_of_the_files(tmp_path):
  histories = {
    f"A{u}": [(u * 7 + 3 * k) % 40 for k in range(6 + u % 4)] for u in range(12)
  }
  ends = {user: (len(h) - 3, len(h) - 1) for user, h in histories.items()}
  parts = _windows(histories, ends)
  raw = _write(tmp_path / "raw", parts)
  normalize.normalize("mini_one_rec", raw, tmp_path / "data", "office")
  tables = read_tables(tmp_path / "data", "office")
  assert tables["interactions"].columns == ["user", "item", "split"]
  counts = build.build(tmp_path / "data", "office", num_negatives=5)["counts"]
  assert counts["records"] == {
    "train": len(parts["train"]),
    "validation": len(parts["valid"]),
    "test": len(parts["test"]),
  }
  assert counts["users_not_evaluated"] == 0


def test_several_categories_are_told(raw):
  _write(raw, {"train": [("A", [1], 2)]}, "Toys_5.csv")
  with pytest.raises(InputError, match="2 files could be the interactions"):
    _read(raw)
