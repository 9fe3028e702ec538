"""MovieLens, in the forms of its releases."""

import csv
import gzip
import re

import pandas as pd
import pytest

from instructrec_jax.data.formats.raw import Bad
from instructrec_jax.data.sources import finding
from instructrec_jax.errors import InputError


def _read(name, folder, **options):
  _, read = finding.locate(name, folder, options)
  return read()


def test_movielens_100k(ml_100k):
  raw = _read("movielens/100k", ml_100k)
  assert raw.interactions.height == 35
  assert raw.interactions.row(0) == (7, 1, 4.0, 880_000_010)
  assert raw.items["title"].to_list() == [
    "The Usual Suspects (1995)",
    None,
    "La Cité des enfants perdus (1995)",
    "Cry, the Beloved Country (1995)",
    "L'Avventura (The Adventure) (1960)",
  ]
  assert raw.items["categories"].to_list() == [
    ["Action", "Comedy"],
    [],
    ["Children's"],
    [],
    ["Action", "Children's", "Comedy"],
  ]
  assert raw.items["year"].to_list() == [1995, None, 1995, 1995, 1960]
  assert raw.users.row(0, named=True) == {
    "user_id": 1,
    "age": 21,
    "gender": "female",
    "occupation": "writer",
    "zip": "01067",
    "age_group": "18-24",
  }
  assert [(b.reason, b.rows, b.first) for b in raw.bad["interactions"]] == [
    ("not 4 fields", 1, "u.data:36"),
    ("movieId is not a number", 1, "u.data:37"),
  ]


def test_movielens_1m(ml_1m):
  raw = _read("movielens/1m", ml_1m)
  assert raw.interactions.height == 12
  assert raw.items["title"].to_list() == [
    "Toy Story (1995)",
    "Les Misérables (1995)",
    "Ran: A Film (1985)",
  ]
  assert raw.items["categories"][0].to_list() == [
    "Animation",
    "Children's",
    "Comedy",
  ]
  assert raw.users.rows() == [
    (1, "male", "under 18", "executive/managerial", "55455"),
    (2, "male", "18-24", "executive/managerial", "55455"),
    (3, "male", "25-34", "executive/managerial", "55455"),
    (4, "female", "under 18", "k-12 student", "55455-1234"),
  ]


def test_attributes_that_nobody_can_have_are_counted(ml_100k, ml_1m):
  with (ml_100k / "u.user").open("a") as f:
    f.write("11|3|F|writer|1\n12|40|X|writer|1\n13|old|F|writer|1\n")
  raw = _read("movielens/100k", ml_100k)
  assert raw.users.rows()[-3:] == [
    (11, None, "female", "writer", "1", None),
    (12, 40, None, "writer", "1", "35-44"),
    (13, None, "female", "writer", "1", None),
  ]
  assert raw.noted["user_attributes"] == {
    "age is not from 5 to 110": 1,
    "gender is not a code of this edition": 1,
  }
  assert raw.bad["user_attributes"] == [
    Bad("age is not a number, so unknown", 1, "'old' at u.user:12", kept=True)
  ]
  with (ml_1m / "users.dat").open("a") as f:
    f.write("5::F::20::21::1\n")
  raw = _read("movielens/1m", ml_1m)
  assert raw.users.row(-1) == (5, "female", None, None, "1")


def test_movielens_csv(ml_csv):
  raw = _read("movielens/32m", ml_csv)
  assert raw.interactions.height == 12
  assert raw.interactions["rating"].to_list()[:2] == [4.0, 0.5]
  assert raw.items["title"].to_list() == [
    "Toy Story (1995)",
    "The American President (1995)",
    'Say "When" (2010)',
    "Moonlight",
  ]
  assert raw.items["categories"][2].to_list() == []
  assert raw.items["year"].to_list() == [1995, 1995, 2010, None]


def test_a_csv_row_with_a_stray_comma_is_counted_or_found(ml_csv):
  with (ml_csv / "movies.csv").open("ab") as f:
    f.write(b"31,Bad, unquoted (1999),Drama\r\n")
    f.write(b'32,"Worse (1999),Drama\r\n33,"Good, again (1999)",Drama\r\n')
  raw = _read("movielens/32m", ml_csv)
  assert raw.items["title"][-1] == "Good, again (1999)"
  assert [(b.reason, b.rows, b.first) for b in raw.bad["items"]] == [
    ("not 3 fields", 1, "movies.csv:6"),
    ("quotes that do not match up", 1, "movies.csv:7"),
  ]
  with (ml_csv / "ratings.csv").open("ab") as f:
    f.write(b"31,1,4,5,6\r\n")
  raw = _read("movielens/32m", ml_csv)
  assert raw.bad["interactions"] == [Bad("not 4 fields", 1, "ratings.csv:14")]


@pytest.mark.parametrize(
  ("name", "file"),
  [
    ("movielens/32m", "ratings.csv"),
    ("movielens/32m", "movies.csv"),
    ("movielens/1m", "ratings.dat"),
  ],
)
def test_a_truncated_gzip_is_named(name, file, ml_csv, ml_1m):
  folder = ml_1m if name.endswith("1m") else ml_csv
  plain = (folder / file).read_bytes()
  (folder / file).unlink()
  packed = gzip.compress(plain * 3)
  (folder / f"{file}.gz").write_bytes(packed[: len(packed) - 20])
  with pytest.raises(InputError, match=rf"{file}\.gz is cut off or damaged"):
    _read(name, folder)


def test_real_movielens_100k_has_its_official_size(real_data):
  raw = _read("movielens/100k", real_data / "ml-100k")
  assert not any(raw.bad.values())
  assert raw.interactions.height == 100_000
  assert raw.items.height == 1_682
  assert raw.users.height == 943
  theirs = pd.read_csv(
    real_data / "ml-100k/u.data", sep="\t", header=None
  ).to_numpy()
  assert (raw.interactions.to_numpy() == theirs).all()


def test_real_movielens_csv_agrees_with_the_csv_module(real_data):
  folder = real_data / "ml-latest-small"
  raw = _read("movielens/latest-small", folder)
  assert raw.interactions.height == 100_836
  with (folder / "movies.csv").open(newline="", encoding="utf-8") as f:
    rows = list(csv.DictReader(f))
  assert raw.items.height == len(rows)
  moved = 0
  for title, row in zip(raw.items["title"], rows, strict=True):
    moved += title != row["title"]
    # Turned round, a title is made of the same letters.
    letters, theirs = (
      sorted(re.sub("[ ,]", "", t)) for t in (title, row["title"])
    )
    assert letters == theirs
  assert 500 < moved < 2500
  no_genre = sum(r["genres"] == "(no genres listed)" for r in rows)
  assert (raw.items["categories"].list.len() == 0).sum() == no_genre


def test_real_movielens_1m(real_data):
  raw = _read(
    "movielens/1m", real_data / "ml-1m", interactions_file="ratings_head.dat"
  )
  assert not any(raw.bad.values())
  assert raw.items.height == 3_883
  assert raw.users.height == 6_040
  # As its README says them.
  said = re.findall(
    r'\*\s+(\d+):  "([^"]+)"', (real_data / "ml-1m/README").read_text()
  )
  words = {*raw.users["age_group"], *raw.users["occupation"]}
  assert words == {word.lower() for _, word in said}
  assert not raw.noted["user_attributes"]
  assert raw.interactions["user"].n_unique() == 74
