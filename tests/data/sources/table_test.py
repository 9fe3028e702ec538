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


def _shop(folder, **files):
  """Writes a small shop, with other files in place of some of its own."""
  texts = {
    "interactions.csv": "user_id,item_id,timestamp\nu0,i0,1500000000\n"
    "u1,i1,1500000001\n",
    "items.csv": "item_id,title\ni0,Alpha\ni1,Beta\n",
  } | {name.replace("__", "."): given for name, given in files.items()}
  for name, given in texts.items():
    data = given if isinstance(given, bytes) else given.encode()
    (folder / name).write_bytes(data)
  return folder


def test_an_optional_value_that_cannot_be_read_is_unknown(tmp_path):
  items = (
    "item_id,title,cost,made,maker\n"
    "i0,Alpha,$12.99,1999.0,Acme\n"
    'i1,Beta,"1,299.00",1999.5,NULL\n'
    "i2,Gamma,-,soon,\\N\n"
    "i3,Delta,nan,,\n"
  )
  raw = _read(
    "table",
    _shop(tmp_path, items__csv=items),
    price_column="cost",
    year_column="made",
    brand_column="maker",
  )
  assert raw.items.drop("title").rows() == [
    ("i0", "Acme", pytest.approx(12.99), 1999),
    ("i1", None, 1299, None),
    ("i2", None, None, None),
    ("i3", None, None, None),
  ]
  assert [(b.reason, b.rows, b.first) for b in raw.bad["items"]] == [
    ("maker is not a text, so unknown", 2, "'NULL' at items.csv:3"),
    ("cost is not a number, so unknown", 2, "'-' at items.csv:4"),
    ("made is not a number, so unknown", 2, "'1999.5' at items.csv:3"),
  ]
  assert all(b.kept for b in raw.bad["items"])


def test_words_for_no_id_are_no_id(tmp_path):
  log = "user_id,item_id,timestamp\nNULL,i0,1500000000\nu1,i1,1500000001\n"
  raw = _read("table", _shop(tmp_path, interactions__csv=log))
  assert raw.interactions["user"].to_list() == ["u1"]
  (bad,) = raw.bad["interactions"]
  assert (bad.reason, bad.rows, bad.kept) == ("user_id is not an id", 1, False)


def test_each_file_may_have_its_own_delimiter(tmp_path):
  folder = _shop(
    tmp_path,
    items__csv="item_id;title\ni0;Al, pha\ni1;Beta\n",
    users__csv="user_id|city\nu0|Rome\n",
  )
  raw = _read("table", folder, items_delimiter=";", users_delimiter="|")
  assert raw.items["title"].to_list() == ["Al, pha", "Beta"]
  assert raw.users.rows() == [("u0", "Rome")]
  with pytest.raises(InputError, match="delimiter '\"' cannot stand between"):
    _read("table", folder, delimiter='"')


def test_an_encoding_is_named_or_told(tmp_path):
  items = "item_id,title\ni0,Caf\u00e9\ni1,\u041c\u0438\u0440\n"
  folder = _shop(tmp_path, items__csv=items.encode("utf-16"))
  assert _read("table", folder).items["title"].to_list() == ["Café", "Мир"]
  _shop(tmp_path, items__csv="item_id,title\ni0,Café\n".encode("cp1252"))
  raw = _read("table", folder)
  assert raw.items["title"].to_list() == ["Café"]
  assert raw.bad["items"][0].reason == "not UTF-8, read as Windows-1252"
  _shop(tmp_path, items__csv="item_id,title\ni1,Мир\n".encode("cp1251"))
  raw = _read("table", folder, encoding="cp1251")
  assert raw.items["title"].to_list() == ["Мир"]
  with pytest.raises(InputError, match="encoding 'x' is unknown"):
    _read("table", folder, encoding="x")


@pytest.mark.parametrize(
  ("text", "separator", "labels"),
  [
    ("a|b & c| ", "|", ["a", "b & c"]),
    ("['a', \"b's\"]", "|", ["a", "b's"]),
    ('["a", "b"]', "|", ["a", "b"]),
    ("a &amp; b;c", ";", ["a & b", "c"]),
    ("a :: b", "::", ["a", "b"]),
    ("NULL", "|", []),
    ("", "|", []),
  ],
)
def test_labels(text, separator, labels, tmp_path):
  items = pl.DataFrame({"item_id": ["i0"], "title": ["Alpha"], "kind": [text]})
  folder = _shop(tmp_path, items__csv=items.write_csv())
  raw = _read(
    "table", folder, category_column="kind", category_separator=separator
  )
  assert raw.items["categories"].to_list() == [labels]


def test_lists_and_numbers_of_parquet(tmp_path):
  folder = _shop(tmp_path)
  items = pl.DataFrame(
    {
      "item_id": [0.0, 1.0],
      "title": ["Alpha", "Beta"],
      "kind": [["a", "b"], None],
      "price": [float("nan"), 5.0],
    }
  )
  items.write_parquet(folder / "items.parquet")
  (folder / "items.csv").unlink()
  raw = _read("table", folder, category_column="kind", price_column="price")
  assert raw.items["item_id"].to_list() == ["0", "1"]
  assert raw.items["categories"].to_list() == [["a", "b"], None]
  assert raw.items["price"].to_list() == [None, 5]
  with pytest.raises(InputError, match="column 'kind' has values of the type"):
    _read("table", folder, title_column="kind")
  (folder / "items.parquet").write_bytes(b"PAR1 no more")
  with pytest.raises(InputError, match=r"items.parquet .* cannot be read"):
    _read("table", folder)


def test_users_are_joined_by_the_named_column(tmp_path):
  folder = _shop(
    tmp_path,
    interactions__csv="customer,item_id,timestamp\nc1,i0,1500000000\n",
    users__csv="customer,user_id,user,city\nc1,c2,7,Rome\nc2,c1,8,Oslo\n",
  )
  raw = _read("table", folder, user_column="customer")
  assert raw.users.columns == [
    "user_id",
    "user_id_in_file",
    "user_in_file",
    "city",
  ]
  assert raw.users.row(0) == ("c1", "c2", "7", "Rome")
  other = _read(
    "table", folder, user_column="customer", user_id_column="user_id"
  )
  assert other.users.select("user_id", "city").row(0) == ("c2", "Rome")
  (folder / "users.csv").write_text("user_id,city\nc1,Rome\n")
  with pytest.raises(
    InputError, match=r"users.csv has no column 'customer' to"
  ):
    _read("table", folder, user_column="customer")


def test_files_without_rows_are_named(tmp_path):
  folder = _shop(tmp_path, items__csv="item_id,title\n")
  with pytest.raises(InputError, match=r"items.csv has no usable row. It has"):
    _read("table", folder)
  _shop(tmp_path, items__csv="item_id,title\ni0,Al,pha\n")
  with pytest.raises(InputError, match=r"not 2 fields \(first at items.csv:2"):
    _read("table", folder)
