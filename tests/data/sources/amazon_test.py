import collections
import gzip
import html
import json
import shutil

import pyarrow as pa
import pytest

from instructrec_jax.data import normalize, sources
from instructrec_jax.data.records import build
from instructrec_jax.errors import InputError
from tests.data.raw_files import read_tables
from tests.data.sources.amazon_files import (
  DAY,
  ITEMS_2018,
  ITEMS_2023,
  REVIEWS_2018,
  review_2018,
  write_2014,
  write_2018,
  write_2023,
  write_lines,
)

_TOLD = ("timestamp", "review", "summary")
_DAY = DAY * 1_000_000  # In microseconds.
_DESCRIPTION = "Not a toy. One\ntwo\n• three"


def _normalize(source, raw, tmp_path, **options):
  manifest = normalize.normalize(source, raw, tmp_path / "data", **options)
  return manifest, read_tables(
    tmp_path / "data", manifest["options"]["dataset"]
  )


def _by_name(tables):
  """Returns (user, item, time, review, summary) of each row."""
  events = tables["interactions"]
  users, items = tables["users"]["user_id"], tables["items"]["item_id"]
  return [
    (users[row["user"]], items[row["item"]], *(row[name] for name in _TOLD))
    for row in events.iter_rows(named=True)
  ]


def test_2018(tmp_path):
  manifest, tables = _normalize(
    "amazon_2018/Gift_Cards", write_2018(tmp_path), tmp_path, k_core=2
  )
  assert manifest["options"]["dataset"] == "gift_cards_2018"
  assert _by_name(tables) == [
    ("ann", "A2", _DAY, "Text of ann on A2.", "Five Stars"),
    ("ann", "A3", 2 * _DAY, 'A "gift"\nI <3 it & more', "Five Stars"),
    ("ann", "A1", 3 * _DAY, "Text of ann on A1.", "Five Stars"),
    # Of one day, in an order that is drawn.
    ("bob", "A1", _DAY, "Text of bob on A1.", "Five Stars"),
    ("bob", "A2", _DAY, None, "Five Stars"),
    ("bob", "A3", 5 * _DAY, "Text of bob on A3.", None),
  ]
  items = tables["items"].drop("item", "price")
  assert items.rows() == [
    ("A1", "Card & Box", ["Gift Cards"], "Acme", _DESCRIPTION),
    ("A2", "Mug", ["Gift Cards"], "Acme", "Good."),
    ("A3", "Pen", ["Gift Cards"], None, None),
  ]
  assert tables["items"]["price"].to_list() == [pytest.approx(12.99), 5, None]
  counts = manifest["counts"]
  assert counts["interactions"] == {
    "read": 15,
    "dropped": {
      "not a JSON object": 1,
      "reviewerID is missing": 1,
      "item not listed": 1,
      "item without a title": 1,
      "exact repeat": 1,
      "2-core": 4,
    },
    "kept": 6,
    "noted": {
      "without review": 1,
      "without summary": 1,
      "HTML in reviewText removed": 1,
      "overall is not a number, so unknown": 1,
    },
  }
  assert counts["items"] == {
    "read": 8,
    "dropped": {
      "not a JSON object": 1,
      "repeated id": 1,
      "title missing": 1,
      "without usable interaction": 1,
      "2-core": 1,
    },
    "kept": 3,
    "noted": {
      "without brand": 1,
      "without description": 1,
      "without price": 2,
      "HTML in description removed": 1,
      "price is a range, its lower end used": 1,
      "price is not a number": 1,
    },
  }
  assert counts["users"]["dropped"] == {
    "without usable interaction": 1,
    "2-core": 3,
  }
  assert counts["first_bad"] == {
    "interactions: not a JSON object": "Gift_Cards_5.json:7",
    "interactions: reviewerID is missing": "Gift_Cards_5.json:14",
    "items: not a JSON object": "meta_Gift_Cards.json:6",
  }
  assert counts["first_noted"] == {
    "interactions: overall is not a number, so unknown": (
      "'five' at Gift_Cards_5.json:15"
    )
  }
  assert not {"rating", *_TOLD} & {*counts["absent"]["interactions"]}
  assert "year" in counts["absent"]["items"]


def test_2014(tmp_path):
  manifest, tables = _normalize(
    "amazon_2014/Beauty", write_2014(tmp_path), tmp_path, k_core=1
  )
  assert manifest["options"]["dataset"] == "beauty_2014"
  assert {row[:2] + row[3:] for row in _by_name(tables)} == {
    ("ann", "B1", 'It is "nice".', "Good & cheap"),
    ("ann", "B2", None, "Good & cheap"),
    ("bob", "B1", "xé \\/ 😀", "Good & cheap"),
    ("bob", "B2", None, "Good & cheap"),
  }
  items = tables["items"].drop("item", "price")
  assert items.rows() == [
    (
      "B1",
      "Dr. Foo's Cream & Oil",
      ["Beauty", "Skin Care", "Face", "Bath & Body"],
      "Foo",
      'Isn\'t "it" fine?',
    ),
    ("B2", "Müsli \\ Bar", ["Beauty"], None, None),
  ]
  assert tables["items"]["price"].to_list() == [pytest.approx(12.99), None]
  counts = manifest["counts"]
  assert counts["interactions"]["read"] == 5
  assert counts["items"]["dropped"] == {
    "not a Python dict": 1,
    "title missing": 1,
  }
  assert counts["first_bad"] == {
    "items: not a Python dict": "meta_Beauty.json:4"
  }


def test_labels_and_authors(tmp_path):
  _, tables = _normalize(
    "amazon_2018/Gift_Cards",
    write_2018(
      tmp_path, [*REVIEWS_2018, review_2018("ann", "A6", 9)], ITEMS_2018
    ),
    tmp_path,
    k_core=1,
  )
  items = {row["item_id"]: row for row in tables["items"].iter_rows(named=True)}
  assert items["A6"]["categories"] == ["Gift Cards", "Toys"]
  assert items["A4"]["brand"] == "Ann Lee"
  assert items["A4"]["description"] == "no list"


def test_2023(tmp_path):
  manifest, tables = _normalize(
    "amazon_2023/All_Beauty", write_2023(tmp_path), tmp_path, k_core=2
  )
  assert manifest["options"]["dataset"] == "all_beauty_2023"
  assert _by_name(tables) == [
    ("ann", "B2", _DAY + 999_000, "Text of ann on B2.", "Fine"),
    ("ann", "B1", 2 * _DAY + 999_000, "Nice\nI'd buy it again", "Fine"),
    # Of one millisecond, in an order that is drawn.
    ("bob", "B1", _DAY + 999_000, "Text of bob on B1.", "Fine"),
    ("bob", "B2", _DAY + 999_000, None, "Great"),
  ]
  assert tables["items"].drop("item").rows() == [
    (
      "B1",
      "Brush",
      ["All Beauty", "Hair & Care"],
      None,
      "Soft\nand light",
      None,
    ),
    ("B2", "Comb", [], "Howard Products", None, None),
  ]
  counts = manifest["counts"]
  assert counts["interactions"] == {
    "read": 7,
    "dropped": {
      "timestamp is not a time": 1,
      "item not listed": 1,
      "repeated (user, item)": 1,
    },
    "kept": 4,
    "noted": {"without review": 1, "HTML in text removed": 1},
  }
  assert counts["items"]["noted"] == {
    "without categories": 1,
    "without brand": 1,
    "without description": 1,
    "without price": 2,
    "HTML in description removed": 2,
  }


def _gzip(data, path):
  path.write_bytes(gzip.compress(data))


def _two_members(data, path):
  # What `cat a.gz b.gz` makes.
  path.write_bytes(gzip.compress(data[:99]) + gzip.compress(data[99:]))


def _zstd(data, path):
  with pa.output_stream(str(path), compression="zstd") as f:
    f.write(data)


def _carriage_returns(data, path):
  path.write_bytes(b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"))


@pytest.mark.parametrize(
  ("name", "pack"),
  [
    ("Gift_Cards_5.json.gz", _gzip),
    ("Gift_Cards_5.json.gz", _two_members),
    ("Gift_Cards_5.json.zst", _zstd),
    # A browser has unpacked it, and kept the name.
    ("Gift_Cards_5.json.gz", lambda data, path: path.write_bytes(data)),
    ("Gift_Cards_5.json", _carriage_returns),
  ],
)
def test_packed_files_are_the_same(tmp_path, name, pack):
  want_manifest, want = _normalize(
    "amazon_2018/Gift_Cards", write_2018(tmp_path), tmp_path, k_core=2
  )
  plain = tmp_path / "Gift_Cards_5.json"
  data = plain.read_bytes()
  plain.unlink()
  pack(data, tmp_path / name)
  manifest, got = _normalize(
    "amazon_2018/Gift_Cards",
    tmp_path,
    tmp_path,
    k_core=2,
    dataset="packed",
  )
  for table, df in want.items():
    assert df.equals(got[table])
  assert [*manifest["counts"]["first_bad"].values()] == [
    place.replace("Gift_Cards_5.json:", f"{name}:")
    for place in want_manifest["counts"]["first_bad"].values()
  ]


def test_reviewers_names_are_not_kept(tmp_path):
  _normalize("amazon_2018/Gift_Cards", write_2018(tmp_path), tmp_path, k_core=2)
  tables = tmp_path / "data/tables/gift_cards_2018"
  assert {p.name for p in tables.iterdir()} == {
    "interactions.parquet",
    "items.parquet",
    "users.parquet",
    "manifest.json",
  }
  for table in read_tables(tmp_path / "data", "gift_cards_2018").values():
    assert "Name of" not in str(table.rows())


def test_reviews_without_any_text(tmp_path):
  bare = [
    review_2018(f"u{u}", f"A{item}", 1, reviewText=None, summary=None)
    for u, without in enumerate((1, 2, 3, 4, 6))
    for item in (1, 2, 3, 4, 6)
    if item != without
  ]
  manifest, tables = _normalize(
    "amazon_2018/Gift_Cards", write_2018(tmp_path, bare), tmp_path, k_core=2
  )
  assert manifest["counts"]["interactions"]["noted"] == {
    "without review": 20,
    "without summary": 20,
  }
  absent = manifest["counts"]["absent"]["interactions"]
  assert {"review", "summary"} <= {*absent}
  assert tables["interactions"].columns == [
    "user",
    "item",
    "rating",
    "timestamp",
  ]
  built = build.build(tmp_path / "data", "gift_cards_2018", num_negatives=1)
  assert built["counts"]["records"]["test"] == 5


@pytest.mark.parametrize("cut", [0.3, 0.999])
def test_a_file_that_was_cut_off(tmp_path, cut):
  write_2018(tmp_path)
  plain = tmp_path / "Gift_Cards_5.json"
  packed = gzip.compress(plain.read_bytes() * 50)
  plain.unlink()
  path = tmp_path / "Gift_Cards_5.json.gz"
  path.write_bytes(packed[: int(len(packed) * cut)])
  with pytest.raises(InputError, match=r"json.gz is cut off.* line .*again"):
    _normalize("amazon_2018/Gift_Cards", tmp_path, tmp_path)
  assert not [*(tmp_path / "data/tables").iterdir()]


def test_a_damaged_file(tmp_path):
  write_2018(tmp_path)
  plain = tmp_path / "Gift_Cards_5.json"
  packed = bytearray(gzip.compress(plain.read_bytes()))
  plain.unlink()
  packed[len(packed) // 2] ^= 0xFF
  (tmp_path / "Gift_Cards_5.json.gz").write_bytes(packed)
  with pytest.raises(InputError, match="cut off or damaged"):
    _normalize("amazon_2018/Gift_Cards", tmp_path, tmp_path)


def _swap(folder):
  a, b = folder / "Gift_Cards_5.json", folder / "meta_Gift_Cards.json"
  kept = a.read_bytes()
  shutil.copy(b, a)
  b.write_bytes(kept)


@pytest.mark.parametrize(
  ("spoil", "said"),
  [
    (
      lambda f: write_lines(f / "Gift_Cards_5.json", _lines_2023(f)),
      "reviews of amazon_2023/…, not reviews of amazon_2018/…: normalize it as "
      "amazon_2023/…",
    ),
    (
      lambda f: write_lines(f / "meta_Gift_Cards.json", ITEMS_2023),
      "metadata of amazon_2023/…, not metadata of amazon_2018",
    ),
    (_swap, "holds metadata of amazon_2018/…, not reviews.* as items_file"),
    (
      lambda f: write_lines(
        f / "meta_Gift_Cards.json", ["{'asin': 'A1', 'title': 'x'}"]
      ),
      r"_Cards.json: expected one JSON object per line, found b\"{'asin",
    ),
    (
      lambda f: write_lines(f / "Gift_Cards_5.json", []),
      "Cards_5.json: expected one JSON object per line, found an empty file",
    ),
    (
      lambda f: write_lines(f / "Gift_Cards_5.json", ['{"user": "a"}']),
      r"unknown key of the first object of .*_5.json 'reviewerID'.*user",
    ),
    (
      lambda f: write_lines(
        f / "Gift_Cards_5.json",
        [review_2018("ann", "A1", 1, unixReviewTime="soon")] * 2,
      ),
      r"no usable row. 2 left out: unixReviewTime is not a time \(first at G",
    ),
    (
      lambda f: (f / "meta_Gift_Cards.json").unlink(),
      r"has no meta_Gift_Cards.json\* \(the items of amazon_2018/Gift_Cards\)",
    ),
    (
      lambda f: write_lines(f / "Gift_Cards_5.json.gz", []),
      "2 files could be the interactions",
    ),
  ],
)
def test_what_cannot_be_read_is_named(tmp_path, spoil, said):
  spoil(write_2018(tmp_path))
  with pytest.raises(InputError, match=said):
    _normalize("amazon_2018/Gift_Cards", tmp_path, tmp_path)


def _lines_2023(folder):
  write_2023(folder)
  path = folder / "review_categories/All_Beauty.jsonl"
  return path.read_text().splitlines()


@pytest.mark.parametrize(
  ("name", "said"),
  [
    ("amazon_2018/Giftcards", "category of amazon_2018 .*Did you mean .Gift_C"),
    ("amazon_2023/video_games", "Did you mean 'Video_Games'"),
    ("amazon_2023/Prime_Pantry", "unknown category of amazon_2023"),
    ("amazon_2018", "known: AMAZON_FASHION, All_Beauty"),
    ("amazon_2019/Books", "unknown source"),
  ],
)
def test_unknown_categories_show_near_names(name, said):
  with pytest.raises(InputError, match=said):
    sources.find(name)


def test_families_are_as_large_as_their_editions():
  # As their homepages list them.
  sizes = {
    "amazon_2014/<Category>": 24,
    "amazon_2018/<Category>": 29,
    "amazon_2023/<Category>": 34,
  }
  for name, size in sizes.items():
    assert len(set(sources.SOURCES[name].categories)) == size


_EXPECTED = {  # Reviews, without text, repeats of (user, time, item).
  "Gift_Cards": (2_972, 6, 3),
  "Magazine_Subscriptions": (2_375, 1, 47),
}


@pytest.mark.parametrize("category", _EXPECTED)
def test_real_files_agree_with_plain_python(real_data, tmp_path, category):
  raw = real_data / "amazon-2018"
  k_core = 5 if category == "Gift_Cards" else 2
  manifest, tables = _normalize(
    f"amazon_2018/{category}", raw, tmp_path, k_core=k_core
  )
  with gzip.open(raw / f"{category}_5.json.gz") as f:
    reviews = [json.loads(line) for line in f]
  with gzip.open(raw / f"meta_{category}.json.gz") as f:
    items = [json.loads(line) for line in f]
  titles = {}
  for item in items:
    title = item.get("title", "").strip()
    if title and "<" not in title and "getTime" not in title:
      titles.setdefault(item["asin"], html.unescape(title))
  first, repeats = {}, 0
  for review in sorted(reviews, key=lambda r: r["unixReviewTime"]):
    pair = (review["reviewerID"], review["asin"])
    same = first.setdefault(pair, review)
    repeats += same is not review and (
      same["unixReviewTime"] == review["unixReviewTime"]
    )
  left = {pair: r for pair, r in first.items() if pair[1] in titles}
  while True:
    ends = collections.Counter(end for pair in left for end in pair)
    rare = {pair for pair in left if min(ends[e] for e in pair) < k_core}
    if not rare:
      break
    left = {pair: r for pair, r in left.items() if pair not in rare}
  counts = manifest["counts"]["interactions"]
  dropped = counts["dropped"]
  number, textless, exact = _EXPECTED[category]
  assert counts["read"] == len(reviews) == number
  assert counts["noted"]["without review"] == textless
  assert repeats == exact
  assert counts["kept"] == len(left)
  assert counts["read"] == counts["kept"] + sum(dropped.values())
  got = {}
  for user, item, time, review, _ in _by_name(tables):
    got[user, item] = (time, review)
  assert got.keys() == left.keys()
  for pair, review in left.items():
    text = review.get("reviewText") or ""
    assert got[pair][0] == review["unixReviewTime"] * 1_000_000
    if not set("<&[") & set(text):
      assert " ".join((got[pair][1] or "").split()) == " ".join(text.split())
  for item, title in tables["items"].select("item_id", "title").rows():
    assert title == " ".join(titles[item].split())
