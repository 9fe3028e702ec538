import csv
import datetime
import gzip
import zipfile

import pytest

from instructrec_jax.data import normalize
from instructrec_jax.errors import InputError
from tests.data.raw_files import read_tables

_TRAIN = [
  # Two impressions of ann, the newer one first; nine comes before ten.
  ("1", "ann", "11/10/2019 12:05:00 AM", "N1 N2 N1", "N5-0 N6-1 N3-1"),
  ("2", "ann", "11/9/2019 9:15:00 PM", "N1 N2 N1", "N4-1 N5-0"),
  ("3", "bob", "11/9/2019 10:00:00 AM", "", "N1-1 N2-0"),
  ("4", "bob", "11/9/2019 12:30:00 AM", "", "N3-1"),
  ("5", "eve", "yesterday", "N1 N2", "N3-1"),
  ("6", "", "11/9/2019 1:00:00 PM", "N1", "N2-1"),
  ("7", "eve", "11/9/2019 1:00:00 PM"),
  ("8", "cyd", "11/9/2019 1:00:00 PM", "N2 N9", "N1-0"),
]
_DEV = [
  # Told again with what was clicked since.
  ("1", "ann", "11/15/2019 8:00:00 AM", "N1 N2 N4 N6 N3", "N7-1"),
  # As in a test set.
  ("2", "bob", "11/15/2019 8:00:00 PM", "", "N4 N5 N6"),
]
_ENTITIES = '[{"Label": "Graz", "SurfaceForms": ["Graz"]}]'


def _news(number, title=None, abstract="What happened."):
  title = f'"News {number}' if title is None else title
  url = f"https://assets.msn.com/labs/mind/{number}.html"
  return (
    *(f"N{number}", "sports", "football_nfl", title, abstract, url),
    *(_ENTITIES, "[]"),
  )


_NEWS = [
  *(_news(n) for n in range(1, 6)),
  _news(6, "Quotes \"in\" & 'out' at Ben &amp; Jerry", ""),
]
_DEV_NEWS = [_news(1), _news(7)]


def _write(folder, behaviors=_TRAIN, news=_NEWS, name="MINDsmall_train"):
  folder = folder / name
  folder.mkdir(parents=True, exist_ok=True)
  for file, rows in {"behaviors": behaviors, "news": news}.items():
    text = "".join("\t".join(row) + "\n" for row in rows)
    (folder / f"{file}.tsv").write_text(text, encoding="utf-8")
  return folder.parent


def _normalize(raw, tmp_path, **options):
  options = {"k_core": 1, "source": "mind/small"} | options
  manifest = normalize.normalize(
    raw_dir=raw, data_dir=tmp_path / "data", **options
  )
  return manifest["counts"], read_tables(
    tmp_path / "data", manifest["options"]["dataset"]
  )


def _read(tables):
  users, items = tables["users"]["user_id"], tables["items"]["item_id"]
  news = {user: [] for user in users}
  for user, item in tables["interactions"].select("user", "item").rows():
    news[users[user]].append(items[item])
  return news


def test_what_was_read_comes_in_order(tmp_path):
  counts, tables = _normalize(_write(tmp_path), tmp_path)
  assert _read(tables) == {
    "ann": ["N1", "N2", "N4", "N6", "N3"],
    "bob": ["N3", "N1"],
    "cyd": ["N2"],
  }
  assert tables["interactions"].columns == ["user", "item"]
  labels = ["sports", "football_nfl"]
  assert tables["items"].drop("item").rows()[2:] == [
    ("N3", '"News 3', labels, "What happened."),
    ("N4", '"News 4', labels, "What happened."),
    ("N6", "Quotes \"in\" & 'out' at Ben & Jerry", labels, None),
  ]
  assert counts["interactions"] == {
    "read": 13,
    "dropped": {
      "not 5 fields": 1,
      "Time is not a time": 1,
      "UserID is missing": 1,
      "item not listed": 1,
      "repeated (user, item)": 1,
    },
    "kept": 8,
    "noted": {
      "history repeated": 1,
      "impressions without a history": 2,
      "shown and not clicked": 4,
    },
  }
  assert counts["first_bad"] == {
    "interactions: not 5 fields": "behaviors.tsv:7",
    "interactions: Time is not a time": "behaviors.tsv:5",
    "interactions: UserID is missing": "behaviors.tsv:6",
  }


def test_validation_follows_training(tmp_path):
  _write(tmp_path)
  _write(tmp_path, _DEV, _DEV_NEWS, "MINDsmall_dev")
  counts, tables = _normalize(tmp_path, tmp_path)
  assert _read(tables) == {
    "ann": ["N1", "N2", "N4", "N6", "N3", "N7"],
    "bob": ["N3", "N1"],
    "cyd": ["N2"],
  }
  assert counts["items"]["dropped"] == {
    "repeated id": 1,
    "without usable interaction": 1,
  }
  noted = counts["interactions"]["noted"]
  assert noted["shown, but clicks are not given"] == 3


def _one_folder(raw):
  for path in (raw / "MINDsmall_train").iterdir():
    path.rename(raw / path.name)


def _zipped(raw):
  with zipfile.ZipFile(raw / "MINDsmall_train.zip", "w") as archive:
    for path in (raw / "MINDsmall_train").iterdir():
      archive.write(path, path.name)
      path.unlink()
  _write(raw, _DEV, _DEV_NEWS, "MINDsmall_dev")
  with zipfile.ZipFile(raw / "MINDsmall_dev.zip", "w") as archive:
    for path in (raw / "MINDsmall_dev").iterdir():
      archive.write(path, path.name)
      path.unlink()


def _gzipped(raw):
  for path in [*(raw / "MINDsmall_train").iterdir()]:
    path.with_name(path.name + ".gz").write_bytes(
      gzip.compress(path.read_bytes())
    )
    path.unlink()


@pytest.mark.parametrize("pack", [_one_folder, _zipped, _gzipped])
def test_wherever_the_files_lie(tmp_path, pack):
  pack(_write(tmp_path))
  _, tables = _normalize(tmp_path, tmp_path)
  last = ["N7"] if pack is _zipped else []
  assert _read(tables)["ann"] == ["N1", "N2", "N4", "N6", "N3", *last]


def _swap(raw):
  _write(raw, _NEWS, _TRAIN)


def _broken(raw):
  rows = [(str(n), "ann", "11/9/2019 1:00:00 PM", "N1") for n in range(3)]
  _write(raw, rows)


def _cut(raw):
  _gzipped(raw)
  path = raw / "MINDsmall_train/behaviors.tsv.gz"
  path.write_bytes(path.read_bytes()[:-12])


@pytest.mark.parametrize(
  ("spoil", "said"),
  [
    (
      _swap,
      r"behaviors.tsv:1 has 8 fields split at tabs, like news.tsv. Expected "
      "5: ImpressionID, UserID",
    ),
    (
      lambda f: _write(f, _TRAIN, _TRAIN),
      "news.tsv:1 has 5 fields split at tabs, like behaviors.tsv. Expected 8",
    ),
    (
      _broken,
      r"no usable row. 3 left out: not 5 fields \(first at behaviors.tsv:1\)",
    ),
    (_cut, r"behaviors.tsv.gz is cut off .*after line .*Fetch it again"),
    (
      lambda f: (f / "MINDsmall_train/news.tsv").unlink(),
      "has no MINDsmall_train/news.tsv or news.tsv .*the items of mind/small",
    ),
  ],
)
def test_what_cannot_be_read_is_named(tmp_path, spoil, said):
  spoil(_write(tmp_path))
  with pytest.raises(InputError, match=said):
    _normalize(tmp_path, tmp_path)


def test_real_files_agree_with_the_csv_module(real_data, tmp_path):
  def rows(name):
    with (real_data / "mind" / name).open(newline="", encoding="utf-8") as f:
      return [*csv.reader(f, delimiter="\t", quoting=csv.QUOTE_NONE)]

  counts, tables = _normalize(real_data / "mind", tmp_path)
  behaviors, news = rows("behaviors.tsv"), rows("news.tsv")
  assert (len(behaviors), len(news)) == (5_000, 2_000)
  noted = counts["interactions"]["noted"]
  assert noted["impressions without a history"] == 107
  assert noted["shown and not clicked"] == 181_817
  assert not counts["first_bad"]
  titles = {row[0]: row[3] for row in news}
  behaviors.sort(
    key=lambda r: datetime.datetime.strptime(r[2], "%m/%d/%Y %I:%M:%S %p")
  )
  want, told, clicks = {}, set(), 0
  for number, (_, user, _, history, shown) in enumerate(behaviors):
    told.add((user, history))
    clicked = [s[:-2] for s in shown.split() if s.endswith("-1")]
    clicks += len(clicked)
    steps = [*enumerate(history.split())]
    steps += [(len(steps), item) for item in clicked]
    for step, item in steps:
      if item in titles:
        want.setdefault(user, {}).setdefault(item, (number, step))
  got = _read(tables)
  # Clicks of one impression are in an order of our own.
  assert got.keys() == want.keys()
  for user, items in got.items():
    assert sorted(items) == sorted(want[user])
    assert [want[user][i] for i in items] == sorted(want[user].values())
  assert clicks == 7_542
  lengths = sum(len(history.split()) for _, history in told)
  assert counts["interactions"]["read"] == lengths + clicks
  for row in tables["items"].rows(named=True):
    assert row["title"].split() == titles[row["item_id"]].split()
