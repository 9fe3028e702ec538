"""The files of LC-Rec and its family."""

import gzip
import json

import pytest

from instructrec_jax.data import normalize
from instructrec_jax.data.sources import finding
from instructrec_jax.errors import InputError
from tests.data.raw_files import read_tables

_ITEMS = {
  "0": {
    "title": "Glue &amp; Tape",
    "description": "Sticks.<br>Well.",
    "brand": "Acme",
    "categories": "Arts, Crafts & Sewing,Painting",
  },
  "1": {
    "title": "Brush",
    "description": ["Soft", "Wide"],
    "brand": "",
    "categories": ["Painting", "Tools"],
  },
  "2": {"title": "", "description": "No title", "categories": ""},
  "3": {
    "title": "Müsli \ud83d",
    "description": "['It\\'s \"so\"', '', \"<b>New</b>\"]",
    "categories": None,
  },
  "4": ["not an object"],
}
_HISTORIES = {"0": [3, 1, 0], "1": [0, 3, 2], "2": [1, "0", None, 3], "3": 7}


@pytest.fixture
def raw(tmp_path):
  (tmp_path / "Arts.inter.json").write_text(json.dumps(_HISTORIES, indent=2))
  (tmp_path / "Arts.item.json").write_text(json.dumps(_ITEMS))
  return tmp_path


def _read(folder, **options):
  return finding.locate("lc_rec", folder, options)[1]()


def test_histories_and_texts(raw, tmp_path):
  manifest = normalize.normalize("lc_rec", raw, tmp_path / "data", "arts")
  tables = read_tables(tmp_path / "data", "arts")
  events = tables["interactions"]
  ids = tables["items"]["item_id"]
  users = tables["users"]["user_id"]
  assert [(users[u], ids[i]) for u, i in events.rows()] == [
    *(("0", "3"), ("0", "1"), ("0", "0")),
    *(("1", "0"), ("1", "3")),
    *(("2", "1"), ("2", "0"), ("2", "3")),
  ]
  assert tables["items"].drop("item").rows() == [
    (
      "0",
      "Glue & Tape",
      ["Arts, Crafts & Sewing", "Painting"],
      "Acme",
      "Sticks.\nWell.",
    ),
    ("1", "Brush", ["Painting", "Tools"], None, "Soft\nWide"),
    ("3", "Müsli ?", [], None, 'It\'s "so"\nNew'),
  ]
  counts = manifest["counts"]
  assert counts["interactions"]["read"] == 11
  assert counts["interactions"]["dropped"] == {
    "not a list of items": 1,
    "not an item": 1,
    "item without a title": 1,
  }
  assert counts["first_bad"] == {
    "interactions: not a list of items": "Arts.inter.json, key '3'",
    "interactions: not an item": "Arts.inter.json, key '2'",
    "items: not an object": "Arts.item.json, key '4'",
  }


def test_the_maps_of_ids_give_the_ids_of_the_dataset(raw):
  plain = _read(raw)
  assert plain.order == "sequence"
  (raw / "Arts.user2id").write_text("AXY\t0\nABC\t1\n")
  (raw / "Arts.item2id").write_text("B003\t3\nB001\t1\nB000\t0\n")
  named = _read(raw)
  assert named.interactions.rows() == [
    *(("AXY", "B003"), ("AXY", "B001"), ("AXY", "B000")),
    *(("ABC", "B000"), ("ABC", "B003"), ("ABC", "2")),
    *(("2", "B001"), ("2", "B000"), ("2", "B003")),
  ]
  assert named.items["item_id"].to_list() == ["B000", "B001", "2", "B003"]
  assert named.noted == {
    "interactions": {
      "user not in Arts.user2id": 3,
      "item not in Arts.item2id": 1,
    },
    "items": {"item_id not in Arts.item2id": 1},
  }


def test_labels_with_a_blank_after_each_comma(raw):
  items = {"0": {"title": "A", "categories": "Bars, Nightlife"}}
  (raw / "Arts.item.json").write_text(json.dumps(items))
  assert _read(raw).items["categories"].to_list() == [["Bars", "Nightlife"]]


def test_packed_files_are_the_same(raw):
  want = _read(raw)
  for path in [*raw.iterdir()]:
    (raw / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
  got = _read(raw)
  assert got.interactions.equals(want.interactions)
  assert got.items.equals(want.items)


@pytest.mark.parametrize(
  ("name", "text", "said"),
  [
    ("inter", '{"0": [1, 2', "not a whole JSON file"),
    ("inter", "[[1, 2]]", "expected one JSON object with the items"),
    ("inter", '{"0": {"title": "x"}}', "expected the items of each user"),
    ("item", '{"0": [1, 2]}', "expected items with a title"),
    ("item", "{}", "expected one JSON object with the texts"),
  ],
)
def test_another_file_is_refused(raw, name, text, said):
  (raw / f"Arts.{name}.json").write_text(text)
  with pytest.raises(InputError, match=rf"Arts\.{name}\.json.*{said}"):
    _read(raw)
