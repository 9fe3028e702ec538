import collections
import csv
import datetime
import gzip

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructrec_jax.data import normalize
from instructrec_jax.data.formats import blocks
from instructrec_jax.data.sources import finding
from instructrec_jax.errors import InputError
from tests.data.raw_files import read_tables

_PLAYS_1K = "userid-timestamp-artid-artname-traid-traname.tsv"
_PLAYS_360K = "usersha1-artmbid-artname-plays.tsv"
_MBID = "ba2f4f3b-0293-4bc8-bb94-2f73b5207343"
_START = datetime.datetime(2009, 5, 1, tzinfo=datetime.UTC)


def _play(user, minute, artist, mbid="", track="A song"):
  """A line of the 1K file."""
  time = _START + datetime.timedelta(minutes=minute)
  return "\t".join(
    (user, time.strftime("%Y-%m-%dT%H:%M:%SZ"), mbid, artist, "", track)
  )


def _write_1k(folder, lines, profiles=None):
  folder.mkdir(exist_ok=True)
  (folder / _PLAYS_1K).write_bytes(
    "".join(line + "\n" for line in lines).encode()
  )
  if profiles is not None:
    (folder / "userid-profile.tsv").write_text(
      "#id\tgender\tage\tcountry\tregistered\n"
      + "".join("\t".join(p) + "\n" for p in profiles)
    )
  return folder


def _read(name, folder, **options):
  _, read = finding.locate(name, folder, options)
  return read()


def _first_bad(raw, table="interactions"):
  return [(b.reason, b.rows, b.first) for b in raw.bad[table]]


_LINES_1K = [
  "user\ttimestamp\tartist_id\tartist\tsong_id\tsong",
  _play("user_000002", 9, "Björk", _MBID),
  # Newest first, and of one second the line below is the earlier play.
  _play("user_000002", 7, "Can"),
  _play("user_000002", 7, 'The "Who'),
  _play("user_000002", 3, "Björk", track="Say \r so"),
  _play("user_000002", 2, "Bj\rörk"),
  _play("user_000001", 8, " Björk"),
  _play("user_000001", 6, "Stray", track="a tab\there"),
  # A line break within a name.
  _play("user_000001", 5, "Two")[:-9],
  "lines\t\tA song",
  "",
  _play("user_000001", 4, " "),
  _play("user_000001", 1, "Can"),
  _play("", 1, "Can"),
]
_PROFILES = [
  ("user_000001", "m", "", "Japan", "Aug 13, 2006"),
  ("user_000002", "f", "103", "", "Feb 24, 2006"),
  ("user_000003", "", "3", "Peru", ""),
  ("user_000004", "", "-1337", "Peru", ""),
  ("user_000005", "", "old", "Peru"),
]


def test_1k(tmp_path):
  raw = _read("lastfm/1k", _write_1k(tmp_path, _LINES_1K, _PROFILES))
  second = int(_START.timestamp())
  assert raw.interactions.select("user", "item", "plays", "timestamp").rows() \
    == [
      ("user_000002", "Bj örk", 1, second + 2 * 60),
      ("user_000002", "Björk", 2, second + 3 * 60),
      ("user_000002", 'The "Who', 1, second + 7 * 60),
      ("user_000002", "Can", 1, second + 7 * 60),
      ("user_000001", "Can", 1, second + 60),
      ("user_000001", "Björk", 1, second + 8 * 60),
    ]  # fmt: skip
  assert raw.items.rows() == [
    (name, name) for name in ("Bj örk", "Björk", 'The "Who', "Can")
  ]
  assert _first_bad(raw) == [
    ("not 6 fields", 3, f"{_PLAYS_1K}:8"),
    ("userid is missing", 1, f"{_PLAYS_1K}:14"),
    ("artname is not a name", 1, f"{_PLAYS_1K}:12"),
    ("timestamp is not a time", 1, f"{_PLAYS_1K}:1"),
  ]
  assert raw.noted["interactions"] == {
    "lines merged with others of the same user and artist": 1
  }
  assert raw.users.rows() == [
    ("user_000001", "male", None, "Japan"),
    ("user_000002", "female", 103, None),
    ("user_000003", None, None, "Peru"),
    ("user_000004", None, None, "Peru"),
  ]
  assert raw.noted["user_attributes"] == {"age is not from 5 to 110": 2}
  assert _first_bad(raw, "user_attributes") == [
    ("not 5 fields", 1, "userid-profile.tsv:6")
  ]


def test_1k_tables(tmp_path):
  manifest = normalize.normalize(
    "lastfm/1k",
    _write_1k(tmp_path / "raw", _LINES_1K, _PROFILES),
    tmp_path,
    k_core=1,
  )
  tables = read_tables(tmp_path, "lastfm_1k")
  assert tables["interactions"].columns == [
    "user",
    "item",
    "timestamp",
    "plays",
  ]
  assert tables["users"].rows() == [
    (0, "user_000002", "female", 103, None),
    (1, "user_000001", "male", None, "Japan"),
  ]
  first = tables["interactions"].filter(pl.col("user") == 0)
  titles = tables["items"]["title"].gather(first["item"])
  assert titles.to_list() == ["Bj örk", "Björk", 'The "Who', "Can"]
  for counts in manifest["counts"].values():
    if "read" in counts:
      assert counts["read"] == counts["kept"] + sum(counts["dropped"].values())


_ARTISTS = ('"Q', 'a "b"', "#1", "N/A", "null", "Möwe, die", "'", "7", "\\N")


@settings(deadline=None, max_examples=30)
@given(
  plays=st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 5), st.sampled_from(_ARTISTS)),
    min_size=1,
    max_size=60,
  ),
  block=st.sampled_from([100, 1000, 1 << 20]),
)
def test_1k_is_the_same_whatever_the_blocks(plays, block, tmp_path_factory):
  plays = sorted(plays, key=lambda p: (p[0], -p[1]))
  lines = [_play(f"u{u}", minute, name) for u, minute, name in plays]
  folder = _write_1k(tmp_path_factory.mktemp("lastfm"), lines)
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(blocks, "_BLOCK", block)
    patch.setattr(blocks, "_READ", block)
    raw = _read("lastfm/1k", folder)
  # The file from its end tells what happened as it happened.
  with (folder / _PLAYS_1K).open(newline="") as f:
    rows = list(csv.reader(f, delimiter="\t", quoting=csv.QUOTE_NONE))
  count = collections.Counter((row[0], row[3]) for row in rows)
  want = collections.defaultdict(list)
  for user, artist in dict.fromkeys((r[0], r[3]) for r in reversed(rows)):
    want[user].append((artist, count[user, artist]))
  got = collections.defaultdict(list)
  for row in raw.interactions.iter_rows(named=True):
    got[row["user"]].append((row["item"], row["plays"]))
  assert got == want
  assert [*got] == [*dict.fromkeys(row[0] for row in rows)]


def _sha1(n):
  return f"{n:040x}"


_LINES_360K = [
  f"{_sha1(1)}\t{_MBID}\tcan\t90",
  f"{_sha1(1)}\t\tneu!\t7",
  # Another id, the same name.
  f"{_sha1(1)}\t{_MBID[::-1]}\tcan\t5",
  f"{_sha1(1)}\t\tfaust\t0",
  f"{_sha1(2)}\t\tfaust\t3\r",
  f"{_sha1(2)}\t\t\t3",
  "sep 20, 2008\t\tfaust\t2",
  f"{_sha1(2)}\t\tcan\tmany",
  f"{_sha1(2)}\t\tcan",
  f"{_sha1(2)}\t\tcan\t1",
]


@pytest.mark.parametrize("packed", [False, True])
def test_360k(tmp_path, packed):
  data = "".join(line + "\n" for line in _LINES_360K).encode()
  # Some names are in another encoding than the file.
  data += f"{_sha1(2)}\t\tbj".encode() + b"\xf6rk\t1\n"
  path = tmp_path / (_PLAYS_360K + ".gz" * packed)
  path.write_bytes(gzip.compress(data) if packed else data)
  (tmp_path / "usersha1-profile.tsv").write_text(
    f"{_sha1(2)}\tf\t22\tGermany\tFeb 1, 2007\n"
    f"{_sha1(1)}\t\t1002\tPapua New Guinea\tFeb 1, 2007\n"
  )
  raw = _read("lastfm/360k", tmp_path, interactions_file=path.name)
  assert raw.interactions.rows() == [
    (_sha1(1), "can", 95),
    (_sha1(1), "neu!", 7),
    (_sha1(2), "faust", 3),
    (_sha1(2), "can", 1),
    (_sha1(2), "björk", 1),
  ]
  assert _first_bad(raw) == [
    ("not 4 fields", 1, f"{path.name}:9"),
    ("usersha1 is not an id", 1, f"{path.name}:7"),
    ("artname is missing", 1, f"{path.name}:6"),
    ("plays is not a number above 0", 2, f"{path.name}:4"),
  ]
  assert raw.users.rows() == [
    (_sha1(2), "female", 22, "Germany"),
    (_sha1(1), None, None, "Papua New Guinea"),
  ]
  assert raw.noted["user_attributes"] == {"age is not from 5 to 110": 1}


def test_a_file_without_plays(tmp_path):
  folder = _write_1k(tmp_path, _LINES_1K[:1])
  with pytest.raises(
    InputError, match=r"no usable row. 1 left out: timestamp is no"
  ):
    _read("lastfm/1k", folder)
  _write_1k(folder, [])
  with pytest.raises(InputError, match=r"no usable row\. It has no rows"):
    _read("lastfm/1k", folder)


def test_real_profiles_and_sample(real_data):
  folder = real_data / "lastfm-1k"
  raw = _read(
    "lastfm/1k", folder, interactions_file="plays-sample-with-header.tsv"
  )
  with (folder / "userid-profile.tsv").open(newline="") as f:
    reader = csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE)
    people = {row["#id"]: row for row in reader}
  assert raw.users.height == len(people) == 992
  odd = 0
  for user in raw.users.iter_rows(named=True):
    person = people[user["user_id"]]
    assert (user["country"] or "") == person["country"]
    assert (user["gender"] or "")[:1] == person["gender"]
    if user["age"] is None and person["age"]:
      odd += 1
    else:
      assert str(user["age"] or "") == person["age"]
  assert raw.noted["user_attributes"] == {"age is not from 5 to 110": odd}
  assert odd == 2
  sample = (folder / "plays-sample-with-header.tsv").read_text()
  assert raw.interactions["plays"].sum() == len(sample.splitlines()) - 1
  assert [reason for reason, *_ in _first_bad(raw)] == [
    "timestamp is not a time"
  ]
