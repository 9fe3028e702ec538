"""Sequences, texts and attributes in the layout of S3-Rec."""

import json

import pytest

from instructrec_jax.data import normalize
from instructrec_jax.data.sources import finding
from instructrec_jax.errors import InputError
from tests.data.raw_files import read_tables

_SEQUENCES = "1 3 1 2\n2 2 3 9\n\n7 \n3 1 2 3\n"
_ITEMS = (
  "item\tasin\ttext\n"
  "1\tB01\tred nail polish\n"
  "2\tB02\t\n"
  "3\tB03\tsoap &amp; oil\n"
)


@pytest.fixture
def raw(tmp_path):
  (tmp_path / "sequential_data.txt").write_text(_SEQUENCES)
  (tmp_path / "items.tsv").write_text(_ITEMS)
  return tmp_path


def _read(folder, **options):
  return finding.locate("s3_rec", folder, options)[1]()


def test_sequences_are_in_the_order_of_their_lines(raw, tmp_path):
  manifest = normalize.normalize("s3_rec", raw, tmp_path / "data", "beauty")
  tables = read_tables(tmp_path / "data", "beauty")
  users, ids = tables["users"]["user_id"], tables["items"]["item_id"]
  assert [(users[u], ids[i]) for u, i in tables["interactions"].rows()] == [
    *(("1", "B03"), ("1", "B01"), ("1", "B02")),
    *(("2", "B02"), ("2", "B03")),
    *(("3", "B01"), ("3", "B02"), ("3", "B03")),
  ]
  # An item without a text keeps its place by its id.
  assert dict(zip(ids, tables["items"]["title"], strict=True)) == {
    "B01": "red nail polish",
    "B02": "B02",
    "B03": "soap & oil",
  }
  counts = manifest["counts"]
  assert counts["order"]["by"] == "sequence"
  assert counts["interactions"]["dropped"] == {
    "not a user and items": 1,
    "item not listed": 1,
  }
  assert counts["first_bad"] == {
    "interactions: not a user and items": "sequential_data.txt:4"
  }
  assert counts["interactions"]["noted"] == {"item not in items.tsv": 1}
  assert counts["items"]["noted"]["without a text, called by its id"] == 1


def test_attributes_are_labels_if_they_have_names(raw):
  path = raw / "item_attributes.json"
  path.write_text(json.dumps({"1": ["Nails", "Colour"], "3": [4, "Body"]}))
  named = _read(raw)
  assert named.items["categories"].to_list() == [["Nails", "Colour"], [],
                                                 ["Body"]]  # fmt: skip
  assert named.noted["items"]["attributes without a name, left out"] == 1
  path.write_text(json.dumps({"1": [5, 6], "2": 7}))
  numbered = _read(raw)
  assert "categories" not in numbered.items.columns
  assert numbered.noted["items"]["attributes without a name, left out"] == 2
  assert [(b.reason, b.first) for b in numbered.bad["items"]] == [
    ("attributes are not a list", "item_attributes.json, key '2'")
  ]


def test_files_of_another_layout_are_refused(raw):
  (raw / "items.tsv").write_text("item\tasin\n1\tB01\n")
  with pytest.raises(InputError, match=r"items\.tsv.*text"):
    _read(raw)
  (raw / "items.tsv").write_text(_ITEMS)
  (raw / "sequential_data.txt").write_text("1\n2\n")
  with pytest.raises(InputError, match="not a user and items"):
    _read(raw)
