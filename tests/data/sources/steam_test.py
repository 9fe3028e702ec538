import ast
import gzip
import html
import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructrec_jax.data import normalize
from instructrec_jax.data.sources import finding
from instructrec_jax.errors import InputError
from tests.data.raw_files import read_tables
from tests.data.sources.steam_files import (
  DAY,
  GAMES,
  REVIEWS,
  python_2,
  review,
  write,
)

_FIRST = 1_483_228_800_000_000  # 2017-01-01 in UTC.
_DAY = DAY * 1_000_000
_TOLD = ("timestamp", "hours", "review")


def _normalize(raw, tmp_path, **options):
  manifest = normalize.normalize("steam", raw, tmp_path / "data", **options)
  return manifest["counts"], read_tables(tmp_path / "data", "steam")


def test_steam(tmp_path):
  counts, tables = _normalize(write(tmp_path), tmp_path, k_core=2)
  ids = tables["items"]["item_id"]
  events = tables["interactions"]
  assert [
    (row["user"], ids[row["item"]], *(row[name] for name in _TOLD))
    for row in events.iter_rows(named=True)
  ] == [
    (0, "20", _FIRST, 1.5, "Text on 20."),
    (0, "30", _FIRST + _DAY, None, "Text on 30."),
    (0, "10", _FIRST + 2 * _DAY, 1.5, 'It\'s "so" good\n♥ 😀 C:\\n'),
    # Of one day, in an order that is drawn.
    (1, "20", _FIRST, 1234.5, "Text on 20."),
    (1, "10", _FIRST, 1.5, "don't"),
    (1, "30", _FIRST + 4 * _DAY, 1.5, None),
  ]
  labels = ["Action", "Design & Illustration", "Indie", "Beat 'em up"]
  maker = "Sakari & GriN"
  assert tables["items"].drop("item").rows() == [
    ("10", "Half & Life", labels, maker, 0.0, 2017),
    ("20", "Don't Die", [*labels[2:0:-1], labels[3]], maker, None, 2017),
    ("30", "Late", labels, maker, None, None),
  ]
  assert counts["interactions"] == {
    "read": 13,
    "dropped": {
      "not a Python dict": 1,
      "username is missing": 1,
      "date is not a time": 1,
      "item not listed": 1,
      "exact repeat": 1,
      "repeated (user, item)": 1,
      "2-core": 1,
    },
    "kept": 6,
    "noted": {
      "without review": 1,
      "without hours": 1,
      "hours is not a number, so unknown": 1,
    },
  }
  assert counts["items"] == {
    "read": 7,
    "dropped": {
      "id is missing": 1,
      "repeated id": 1,
      "title missing": 1,
      "without usable interaction": 1,
    },
    "kept": 3,
    "noted": {
      "without categories": 1,
      "without brand": 1,
      "without price": 2,
      "without year": 1,
      "title is missing, app_name used": 1,
      "price says free, 0 used": 1,
      "price is not a number": 1,
      "release_date is not a date": 1,
    },
  }
  assert counts["first_bad"] == {
    "interactions: not a Python dict": "steam_reviews.json.gz:9",
    "interactions: username is missing": "steam_reviews.json.gz:11",
    "interactions: date is not a time": "steam_reviews.json.gz:12",
    "items: id is missing": "steam_games.json.gz:6",
  }
  assert counts["first_noted"] == {
    "interactions: hours is not a number, so unknown": (
      "'many' at steam_reviews.json.gz:13"
    )
  }
  assert {"rating", "summary"} <= {*counts["absent"]["interactions"]}
  assert "description" in counts["absent"]["items"]


def test_reviewers_names_are_not_kept(tmp_path):
  _, tables = _normalize(write(tmp_path), tmp_path, k_core=2)
  users = tables["users"]["user_id"]
  # blake2b of the name, 8 bytes, by coreutils' b2sum.
  assert users.to_list() == ["1db84f4a2eef7f08", "7b51a298eea49458"]
  for file in (tmp_path / "data/tables/steam").iterdir():
    assert b"Name of" not in file.read_bytes()
  for table in tables.values():
    assert "Name of" not in str(table.rows())


_TEXTS = st.text("aé😀'\\\"\n{}: ,u", min_size=1)


@settings(deadline=None, max_examples=15)
@given(
  texts=st.lists(_TEXTS, min_size=1, max_size=5),
  hours=st.floats(0, 1e6, width=32),
  write_line=st.sampled_from([repr, python_2]),
)
def test_values_come_back(texts, hours, write_line, tmp_path_factory):
  raw = write(tmp_path_factory.mktemp("steam"), [], GAMES)
  rows = [
    {"username": t, "product_id": t, "date": "2017-01-01", "hours": hours}
    for t in texts
  ]
  data = "".join(write_line(row) + "\n" for row in rows).encode()
  (raw / "steam_reviews.json.gz").write_bytes(data)
  _, read = finding.locate("steam", raw, {})
  found = read(scratch=raw / "scratch").interactions
  assert found["item"].cast(pl.String).to_list() == texts
  assert set(found["hours"]) == {hours}
  same = dict(zip(texts, found["user"], strict=True))
  assert len(set(same.values())) == len(set(texts))


def _cut(folder):
  path = folder / "steam_reviews.json.gz"
  path.write_bytes(path.read_bytes()[:-20])


def _broken(folder):
  lines = [review(f"u{n}", "10", 1) for n in range(1500)]
  lines[1202] = "{u'username': u'x', oops"
  write(folder, lines)


def test_one_broken_line_of_many_is_named(tmp_path):
  write(tmp_path)
  _broken(tmp_path)
  counts, _ = _normalize(tmp_path, tmp_path, k_core=1)
  assert counts["interactions"]["kept"] == 1499
  assert counts["first_bad"]["interactions: not a Python dict"] == (
    "steam_reviews.json.gz:1203"
  )


@pytest.mark.parametrize(
  ("spoil", "said"),
  [
    (_cut, r"steam_reviews.json.gz is cut off .*after line .*Fetch it again"),
    (
      lambda f: write(f, GAMES, REVIEWS),
      "holds metadata of steam, not reviews of steam: give it as items_file",
    ),
    (
      lambda f: write(f, ["{'reviewerID': 'a', 'asin': 'b'}"]),
      r"key of the first object of .*reviews.json.gz 'username'.*reviewerID",
    ),
    (
      lambda f: write(f, ["username,product_id", "a,b"]),
      "steam_reviews.json.gz: expected one Python dict per line, found b'usern",
    ),
    (
      lambda f: write(f, [review("a", "10", 1, date="today")] * 3),
      r"no usable row. 3 left out: date is not a time \(first at steam_reviews",
    ),
    (
      lambda f: (f / "steam_games.json.gz").unlink(),
      "has no steam_games.json.*the items of steam",
    ),
  ],
)
def test_what_cannot_be_read_is_named(tmp_path, spoil, said):
  spoil(write(tmp_path))
  with pytest.raises(InputError, match=said):
    _normalize(tmp_path, tmp_path)
  assert not [*tmp_path.glob("data/tables/*")]


def test_real_games_agree_with_literal_eval(real_data, tmp_path):
  path = real_data / "steam/steam_games.json.gz"
  with gzip.open(path, "rt", encoding="utf-8") as f:
    lines = f.readlines()
  assert len(lines) == 32_135
  # Python takes its time for all of them.
  rows = map(ast.literal_eval, lines[::20])
  games = {r["id"]: r for r in rows if "id" in r and "app_name" in r}
  write(tmp_path, [review("ann", i, 1, text=None) for i in games])
  counts, tables = _normalize(
    tmp_path, tmp_path, k_core=1, items_file=str(path)
  )
  dropped = counts["items"]["dropped"]
  assert dropped.pop("without usable interaction") > 30_000
  assert dropped == {"id is missing": 2, "repeated id": 1, "title missing": 1}
  noted = counts["items"]["noted"]
  # 2,050 without title, of which 2 have no app_name either.
  assert noted["title is missing, app_name used"] == 2_048
  assert noted["price says free, 0 used"] == 1_900
  items = tables["items"].rows(named=True)
  assert [item["item_id"] for item in items] == list(games)
  for item, row in zip(items, games.values(), strict=True):
    name = row.get("title") or row["app_name"]
    assert item["title"] == " ".join(html.unescape(html.unescape(name)).split())
    labels = row.get("genres", []) + row.get("tags", [])
    assert item["categories"] == [
      *dict.fromkeys(html.unescape(label) for label in labels)
    ]
    year = re.match(r"(\d{4})-\d\d-\d\d$", row.get("release_date", ""))
    assert item["year"] == (int(year[1]) if year else None)
    price = row.get("price")
    if isinstance(price, float):
      assert item["price"] == pytest.approx(price)
    else:
      assert item["price"] == (0 if price and "ree" in price else None)
    assert (item["brand"] is None) == ("developer" not in row)
