import datetime
import gzip
import io
import json
import tarfile

import pytest

from instructrec_jax.data import normalize
from instructrec_jax.errors import InputError
from tests.data.raw_files import read_tables

_SECOND = 1_000_000  # In microseconds.
_DAY = 1_325_548_800  # 2012-01-03 in UTC.
_NAMES = {
  "interactions": "yelp_academic_dataset_review.json",
  "items": "yelp_academic_dataset_business.json",
}


def _line(row):
  # As Yelp writes it: no blanks, and a backslash before each slash.
  text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
  return text.replace("/", "\\/")


def _review(user, business, **changes):
  row = {
    "review_id": f"r-{user}-{business}",
    "user_id": user,
    "business_id": business,
    "stars": 4.0,
    "useful": 1,
    "funny": 0,
    "cool": 0,
    "text": f"On {business}.",
    "date": "2012-01-03 15:28:18",
  }
  return _line(row | changes)


def _business(business, name, **changes):
  row = {
    "business_id": business,
    "name": name,
    "address": "1616 Chapala St, Ste 2",
    "city": "Phoenix",
    "state": "AZ",
    "postal_code": "85001",
    "latitude": 33.4,
    "longitude": -112.1,
    "stars": 5.0,
    "review_count": 7,
    "is_open": 0,
    "attributes": {"WiFi": "u'free'", "GoodForKids": "True"},
    "categories": "Food, Naturopathic/Holistic, Beer, Wine & Spirits, Food",
    "hours": {"Monday": "0:0-0:0"},
  }
  return _line(row | changes)


_REVIEWS = [
  _review("ann", "b1", text='Either/or\n\nfor José "so" 5/5 😀', stars=1.0),
  _review("ann", "b2", date="2012-01-02 23:59:59"),
  _review("ann", "b3", date="2012-01-04"),
  _review("bob", "b1", text=""),
  _review("bob", "b2", date="2013-01-03 15:28:18"),
  # The same place a year later.
  _review("bob", "b2", date="2014-01-03 15:28:18"),
  _review("eve", "b9"),
  _review("eve", "b1", stars=None),
  _review("eve", "b1", date="03.01.2012"),
  '{"review_id":"x","user_id":"eve',
]
_BUSINESSES = [
  _business("b1", "Joe's Diner"),
  _business("b2", "Joe's Diner", city="Tempe", categories=None),
  _business("b3", " Café &  Co ", state="", attributes=None, hours=None),
  _business("b4", ""),
]


def _write(folder, reviews=_REVIEWS, businesses=_BUSINESSES):
  for role, lines in {"interactions": reviews, "items": businesses}.items():
    text = "".join(line + "\n" for line in lines)
    (folder / _NAMES[role]).write_text(text, encoding="utf-8")
  return folder


def _normalize(raw, tmp_path, **options):
  options = {"k_core": 1} | options
  manifest = normalize.normalize("yelp", raw, tmp_path / "data", **options)
  return manifest["counts"], read_tables(tmp_path / "data", "yelp")


def test_yelp(tmp_path):
  counts, tables = _normalize(_write(tmp_path), tmp_path)
  at = 15 * 3600 + 28 * 60 + 18
  assert tables["interactions"].rows() == [
    (0, 1, 4.0, (_DAY - 1) * _SECOND, "On b2."),
    (0, 0, 1.0, (_DAY + at) * _SECOND, 'Either/or\nfor José "so" 5/5 😀'),
    (0, 2, 4.0, (_DAY + 86_400) * _SECOND, "On b3."),
    (1, 0, 4.0, (_DAY + at) * _SECOND, None),
    (1, 1, 4.0, (_DAY + 366 * 86_400 + at) * _SECOND, "On b2."),
  ]
  labels = ["Food", "Naturopathic/Holistic", "Beer, Wine & Spirits"]
  assert tables["items"].drop("item").rows() == [
    ("b1", "Joe's Diner", labels, "Phoenix, AZ"),
    ("b2", "Joe's Diner", [], "Tempe, AZ"),
    ("b3", "Café & Co", labels, "Phoenix"),
  ]
  assert tables["users"]["user_id"].to_list() == ["ann", "bob"]
  assert counts["interactions"] == {
    "read": 10,
    "dropped": {
      "not a JSON object": 1,
      "stars is missing": 1,
      "date is not a time": 1,
      "item not listed": 1,
      "repeated (user, item)": 1,
    },
    "kept": 5,
    "noted": {"without review": 1},
  }
  assert counts["items"]["dropped"] == {"title missing": 1}
  assert counts["items"]["noted"] == {
    "without categories": 1,
    "name shared with an earlier item": 1,
  }
  assert counts["first_bad"] == {
    "interactions: not a JSON object": f"{_NAMES['interactions']}:10",
    "interactions: stars is missing": f"{_NAMES['interactions']}:8",
    "interactions: date is not a time": f"{_NAMES['interactions']}:9",
  }


def _tar(folder):
  with tarfile.open(folder / "yelp_dataset.tar", "w") as archive:
    for name in (*_NAMES.values(), "Dataset_User_Agreement.pdf"):
      data = b"%PDF"
      if name.endswith(".json"):
        data = (folder / name).read_bytes()
        (folder / name).unlink()
      info = tarfile.TarInfo(name)
      info.size = len(data)
      archive.addfile(info, io.BytesIO(data))


def _gzip(folder):
  for name in _NAMES.values():
    data = gzip.compress((folder / name).read_bytes())
    (folder / name).unlink()
    (folder / f"{name}.gz").write_bytes(data)


@pytest.mark.parametrize("pack", [_tar, _gzip])
def test_packed_files_are_the_same(tmp_path, pack):
  _, want = _normalize(_write(tmp_path), tmp_path)
  pack(tmp_path)
  _, got = _normalize(tmp_path, tmp_path, overwrite=True)
  for name, table in want.items():
    assert table.equals(got[name])


def _cut(folder):
  _gzip(folder)
  path = folder / f"{_NAMES['interactions']}.gz"
  path.write_bytes(path.read_bytes()[:-12])


@pytest.mark.parametrize(
  ("spoil", "said"),
  [
    (
      lambda f: _write(f, _REVIEWS, _REVIEWS),
      "business.json holds reviews of yelp, not metadata of yelp: give it as "
      "interactions_file",
    ),
    (
      lambda f: _write(f, ['{"reviewerID": "a", "asin": "b"}']),
      "key of the first object of .*review.json 'review_id'.*asin, reviewerID",
    ),
    (
      lambda f: _write(f, ["user_id,business_id"]),
      "review.json: expected one JSON object per line, found b'user_id,",
    ),
    (_cut, r"review.json.gz is cut off .*after line .*Fetch it again"),
    (
      lambda f: (f / _NAMES["items"]).unlink(),
      "has no yelp_academic_dataset_business.json .*the items of yelp",
    ),
  ],
)
def test_what_cannot_be_read_is_named(tmp_path, spoil, said):
  spoil(_write(tmp_path))
  with pytest.raises(InputError, match=said):
    _normalize(tmp_path, tmp_path)


def test_one_line_in_another_encoding_is_left_out(tmp_path):
  _write(tmp_path, [_review(f"u{n}", "b1") for n in range(1500)])
  path = tmp_path / _NAMES["interactions"]
  lines = path.read_bytes().split(b"\n")
  lines[1202] = _review("u1202", "b1", text="José").encode("latin-1")
  path.write_bytes(b"\n".join(lines))
  counts, _ = _normalize(tmp_path, tmp_path)
  assert counts["interactions"]["kept"] == 1499
  assert [*counts["first_bad"].values()] == [f"{path.name}:1203"]


def test_real_files_agree_with_the_json_module(real_data, tmp_path):
  def rows(role):
    with (real_data / "yelp" / _NAMES[role]).open(encoding="utf-8") as f:
      return [json.loads(line) for line in f]

  counts, tables = _normalize(real_data / "yelp", tmp_path)
  reviews, businesses = rows("interactions"), rows("items")
  assert counts["interactions"]["read"] == len(reviews) == 999
  assert counts["items"]["read"] == len(businesses) == 1_000
  # 960 names, as they are written.
  assert counts["items"]["noted"]["name shared with an earlier item"] == 40
  places = {b["business_id"]: b for b in businesses}
  items = tables["items"].rows(named=True)
  for item in items:
    row = places[item["item_id"]]
    assert item["title"] == " ".join(row["name"].split())
    assert item["place"] == f"{row['city'].strip()}, {row['state']}"
    assert ", ".join(item["categories"]) == row["categories"]
  users = tables["users"]["user_id"]
  want = {
    (r["user_id"], r["business_id"]): r
    for r in reviews
    if r["business_id"] in places
  }
  found = tables["interactions"].rows(named=True)
  assert len(found) == len(want)
  for row in found:
    theirs = want[users[row["user"]], items[row["item"]]["item_id"]]
    time = datetime.datetime.fromisoformat(theirs["date"] + "+00:00")
    assert row["timestamp"] == time.timestamp() * 1_000_000
    assert row["rating"] == theirs["stars"]
    assert row["review"].split() == theirs["text"].split()
