import csv
import gzip
import re

import pandas as pd
import polars as pl
import pytest

from instructrec_jax.data import sources
from instructrec_jax.data.formats import text
from instructrec_jax.data.sources import finding
from instructrec_jax.errors import InputError


def _read(name, folder, **options):
  _, read = finding.locate(name, folder, options)
  return read()


_NAMES = [name.replace(sources.CATEGORY, "Books") for name in sources.SOURCES]


@pytest.mark.parametrize("name", _NAMES)
def test_every_source_says_where_it_is_from_and_what_it_needs(name, tmp_path):
  source = sources.find(name)
  assert source.homepage
  assert source.licence
  assert "interactions" in source.files
  with pytest.raises(InputError) as error:
    finding.locate(name, tmp_path, {})
  for file in source.files.values():
    assert file in str(error.value)
  assert "Found: nothing" in str(error.value)


def test_unknown_source_and_option_show_near_names(tmp_path):
  with pytest.raises(InputError, match="Did you mean 'movielens/100k'"):
    sources.find("movielens/10k")
  with pytest.raises(InputError, match="Did you mean 'user_column'"):
    finding.locate("table", tmp_path, {"user_colum": "u"})


def test_missing_files_show_what_is_there_and_near(ml_1m):
  with pytest.raises(InputError) as error:
    finding.locate("movielens/1m", ml_1m.parent, {})
  assert "Found: ml-1m/" in str(error.value)
  assert f"Did you mean {ml_1m}?" in str(error.value)
  with pytest.raises(InputError, match="is not a folder"):
    finding.locate("movielens/1m", ml_1m / "movies.dat", {})


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
  assert raw.users.rows()[-2:] == [
    (11, None, "female", "writer", "1", None),
    (12, 40, None, "writer", "1", "35-44"),
  ]
  assert raw.noted["user_attributes"] == {
    "age is not from 5 to 110": 1,
    "gender is not a code of this edition": 1,
  }
  assert [(b.reason, b.first) for b in raw.bad["user_attributes"]] == [
    ("age is not a number", "u.user:12")
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
  with pytest.raises(InputError, match=r"ratings.csv:14: expected 4 fields"):
    _read("movielens/32m", ml_csv)


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
    "\"2\t\"Heat\" wave\t1995\t'Video Games', 'PC'\n"
  )
  raw = _read("recbole", tmp_path)
  assert raw.interactions.rows() == [
    ("a", "1", 3.0, 1500),
    ("a", '"2', 4.0, 1600),
  ]
  assert raw.items["title"].to_list() == ["Toy Story", '"Heat" wave']
  assert raw.items["year"].to_list() == [1995, 1995]
  assert raw.items["categories"].to_list() == [
    ["Animation", "Children's"],
    ["Video Games", "PC"],
  ]
  assert [(b.reason, b.rows, b.first) for b in raw.bad["interactions"]] == [
    ("user_id is missing", 1, "x.inter:4"),
    ("rating is not a number", 1, "x.inter:5"),
  ]


def test_recbole_prefixes_of_one_history_count_once(tmp_path):
  (tmp_path / "x.train.inter").write_text(
    "user_id:token\titem_id_list:token_seq\titem_id:token\n"
    "a\t1\t2\na\t1 2\t3\nb\t5\t1\n"
  )
  (tmp_path / "x.item").write_text("item_id:token\ttitle:token_seq\n1\tOne\n")
  raw = _read("recbole", tmp_path)
  assert raw.interactions.rows() == [
    ("a", "1"),
    ("a", "2"),
    ("a", "3"),
    ("b", "5"),
    ("b", "1"),
  ]
  (bad,) = raw.bad["interactions"]
  assert (bad.rows, bad.first) == (1, "x.train.inter:2")


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


@pytest.fixture
def log(tmp_path):
  """A log of one's own, with columns of one's own."""
  (tmp_path / "interactions.csv").write_text(
    "who,what,when,stars\n"
    "ann,p1,2024-05-01T10:00:00Z,5\n"
    "ann,p2,2024-05-02,4\n"
    "bob,p1,1714557600,\n"
    "bob,p2,soon,3\n"
  )
  (tmp_path / "items.csv").write_text(
    'sku,name,tags\np1,"Tea, green",Food > Tea\np2,Cup,\n'
  )
  return tmp_path


_LOG = {
  "user_column": "who",
  "item_column": "what",
  "time_column": "when",
  "item_id_column": "sku",
  "title_column": "name",
}


def test_table_with_named_columns(log):
  raw = _read(
    "table",
    log,
    rating_column="stars",
    category_column="tags",
    category_separator=">",
    **_LOG,
  )
  assert raw.interactions.rows() == [
    ("ann", "p1", 5.0, 1714557600),
    ("ann", "p2", 4.0, 1714608000),
    ("bob", "p1", None, 1714557600),
  ]
  (bad,) = raw.bad["interactions"]
  assert (bad.reason, bad.first) == ("when is not a time", "interactions.csv:5")
  assert raw.items.rows() == [
    ("p1", "Tea, green", ["Food", "Tea"]),
    ("p2", "Cup", []),
  ]


def test_table_reads_the_same_from_parquet_gzip_and_tsv(log, tmp_path):
  want = _read("table", log, **_LOG)
  plain = (log / "interactions.csv").read_text()
  other = {
    "log.parquet": lambda p: pl.read_csv(
      log / "interactions.csv", infer_schema=False
    ).write_parquet(p),
    "log.csv.gz": lambda p: p.write_bytes(gzip.compress(plain.encode())),
    "log.tsv": lambda p: p.write_text(plain.replace(",", "\t")),
  }
  for name, write in other.items():
    write(tmp_path / name)
    raw = _read("table", log, interactions_file=name, **_LOG)
    assert raw.interactions.equals(want.interactions), name


def test_table_takes_dates_and_row_order(log):
  frame = pl.DataFrame(
    {
      "who": [1, 1],
      "what": ["p2", "p1"],
      "when": pl.Series([86_400_000, 0]).cast(pl.Datetime("ms")),
    }
  )
  frame.write_parquet(log / "log.parquet")
  raw = _read("table", log, interactions_file="log.parquet", **_LOG)
  assert raw.interactions.rows() == [("1", "p2", 86_400), ("1", "p1", 0)]
  raw = _read("table", log, **_LOG | {"time_column": "none"})
  assert raw.interactions.columns == ["user", "item"]
  assert raw.interactions.height == 4


def test_table_with_users(log):
  (log / "users.csv").write_text("who,age,city\nann,40,Graz\n")
  raw = _read("table", log, **_LOG)
  assert raw.users.rows() == [("ann", "40", "Graz")]


def test_table_errors_name_file_column_and_choices(log):
  def message(**options):
    with pytest.raises(InputError) as error:
      _read("table", log, **_LOG | options)
    return str(error.value)

  said = message(user_column="whom")
  assert "interactions.csv 'whom'" in said
  assert "Did you mean 'who'" in said
  assert "stars, what, when, who" in said
  assert "time_column=none" in message(time_column="date")
  assert "one of s, ms, us" in message(time_unit="h")
  text = (log / "interactions.csv").read_text()
  (log / "semicolons.csv").write_text(text.replace(",", ";"))
  said = message(interactions_file="semicolons.csv")
  assert "one column when split at ','" in said
  assert "give delimiter=';'" in said
  (log / "log.dat").write_text(text)
  assert "give delimiter" in message(interactions_file="log.dat")
  (log / "ms.csv").write_text("who,what,when\nann,p1,1714557600000\n")
  assert "time_unit=ms" in message(interactions_file="ms.csv")
  (log / "none.csv").write_text("who,what,when\n,p1,5\nann,,5\n,p1,6\n")
  said = message(interactions_file="none.csv")
  assert "2 left out: who is missing (first at none.csv:2)" in said
  (log / "empty.csv").write_text("")
  assert "is empty" in message(interactions_file="empty.csv")


def test_a_file_in_utf8_is_not_read_as_latin1(tmp_path):
  path = tmp_path / "f"
  for encoding in ("utf-8", "latin-1"):
    path.write_bytes("1::Amélie\n".encode(encoding))
    rows, bad = text.read_unquoted(path, "::", ("id", "title"))
    assert rows["title"].to_list() == ["Amélie"]
    assert not bad


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
