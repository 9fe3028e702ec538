"""A table of anybody's own."""

import gzip

import polars as pl
import pytest

from instructrec_jax.data.formats import text
from instructrec_jax.data.sources import finding
from instructrec_jax.errors import InputError


def _read(name, folder, **options):
  _, read = finding.locate(name, folder, options)
  return read()


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
    ("ann", "p1", 5.0, 1_714_557_600_000_000),
    ("ann", "p2", 4.0, 1_714_608_000_000_000),
    ("bob", "p1", None, 1_714_557_600_000_000),
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
  assert raw.interactions.rows() == [
    ("1", "p2", 86_400_000_000),
    ("1", "p1", 0),
  ]
  raw = _read("table", log, **_LOG | {"time_column": "none"})
  assert raw.interactions.columns == ["user", "item"]
  assert raw.interactions.height == 4
  assert raw.order == "none"
  assert _read("table", log, **_LOG | {"time_column": "rows"}).order == (
    "sequence"
  )


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
  said = message(interactions_file="ms.csv", time_unit="s")
  assert "Give time_unit=ms" in said
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
    assert all(b.kept for b in bad)
    assert len(bad) == (encoding == "latin-1")
