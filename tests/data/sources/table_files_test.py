"""Tables in files of any form, and in parts."""

import collections
import gzip
import json

import polars as pl
import pytest

from instructrec_jax.data import normalize
from instructrec_jax.data.sources import finding, table_files
from instructrec_jax.errors import InputError
from tests import bucket
from tests.data.raw_files import read_tables

_HEADER = ("user_id", "item_id", "timestamp", "stars")
_DAY = 1_714_521_600  # 2024-05-01 in UTC.
_ROWS = [
  (f"u{n % 5}", f"i{n * 7 % 6}", str(_DAY + 60 * n), str(1 + n % 5))
  for n in range(40)
]
_ITEMS = [{"item_id": f"i{i}", "title": f"Tea, no {i}"} for i in range(6)]


def _csv(rows, header=_HEADER):
  lines = [",".join(row) for row in ([header, *rows] if header else rows)]
  return "".join(line + "\n" for line in lines).encode()


def _jsonl(rows):
  lines = (json.dumps(dict(zip(_HEADER, row, strict=True))) for row in rows)
  return "".join(line + "\n" for line in lines).encode()


def _parquet(rows, path):
  frame = pl.DataFrame(rows, schema=_HEADER, orient="row")
  frame.write_parquet(path)


def _items(folder):
  lines = "".join(json.dumps(item) + "\n" for item in _ITEMS)
  (folder / "items.jsonl").write_text(lines)
  return folder


def _read(folder, **options):
  return finding.locate("table", folder, options)[1]()


def _rows(raw):
  return raw.interactions.with_columns(
    pl.col("user", "item").cast(pl.String)
  ).rows()


_WANT = [(u, i, int(t) * 10**6) for u, i, t, _ in _ROWS]


def _write_parts(folder, form):
  """Writes the rows in four parts, as an export would."""
  for number in range(4):
    rows = _ROWS[number * 10 : number * 10 + 10]
    # No number has zeros before it, so part-10 sorts after part-9.
    path = folder / f"part-{number + 8}.{form}"
    path.parent.mkdir(parents=True, exist_ok=True)
    if form.endswith("parquet"):
      _parquet(rows, path)
    else:
      data = _jsonl(rows) if "json" in form else _csv(rows)
      path.write_bytes(gzip.compress(data) if form.endswith("gz") else data)
  (folder / "_SUCCESS").touch()
  (folder / ".part-8.crc").write_bytes(b"x")


@pytest.mark.parametrize(
  "form", ["csv", "csv.gz", "snappy.parquet", "jsonl", "json.gz"]
)
def test_a_folder_of_parts_is_a_table(tmp_path, form):
  _write_parts(_items(tmp_path) / "interactions", form)
  raw = _read(tmp_path)
  assert _rows(raw) == _WANT
  assert raw.interactions["user"].dtype == pl.Categorical
  assert raw.items["title"].to_list() == [item["title"] for item in _ITEMS]


def test_folders_name_columns(tmp_path):
  _items(tmp_path)
  for month in (1, 2):
    folder = tmp_path / f"orders/month=2024-{month:02}"
    folder.mkdir(parents=True)
    rows = [(f"u{n}", "i1") for n in range(3)]
    (folder / "part-0.csv").write_bytes(_csv(rows, ("user_id", "item_id")))
  raw = _read(tmp_path, interactions_file="orders", time_column="month",
              time_format="%Y-%m")  # fmt: skip
  assert raw.interactions["timestamp"].n_unique() == 2
  with pytest.raises(InputError, match=r"no column 'timestamp'.*month"):
    _read(tmp_path, interactions_file="orders")


def test_faults_of_all_parts_are_counted_together(tmp_path):
  _items(tmp_path)
  folder = tmp_path / "interactions"
  folder.mkdir()
  for number in range(3):
    rows = [*_ROWS[:5], ("", "i1", str(_DAY), "1"), ("u1", "i1")]
    (folder / f"p{number}.csv").write_bytes(_csv(rows))
  found = {
    b.reason: (b.rows, b.first) for b in _read(tmp_path).bad["interactions"]
  }
  assert found["user_id is missing"] == (3, "p0.csv:7")
  assert found["not 4 fields"] == (3, "p0.csv:8")


def test_parts_of_another_form_are_named(tmp_path):
  folder = _items(tmp_path) / "interactions"
  folder.mkdir()
  (folder / "p0.csv").write_bytes(_csv(_ROWS))
  (folder / "p1.csv").write_bytes(_csv([("a", "b")], ("who", "what")))
  with pytest.raises(InputError, match=r"column of .*p1\.csv 'user_id'"):
    _read(tmp_path)


def test_parts_in_a_bucket(tmp_path, monkeypatch):
  bucket.make(tmp_path / "buckets", monkeypatch)
  folder = tmp_path / "buckets/b/shop"
  folder.mkdir(parents=True)
  _write_parts(_items(folder) / "interactions", "csv.gz")
  manifest = normalize.normalize("table", "gs://b/shop", tmp_path / "data", "s")
  assert manifest["counts"]["interactions"]["read"] == 40
  inputs = manifest["inputs"]
  assert {*inputs["interactions"]["parts"]} == {
    f"part-{n}.csv.gz" for n in range(8, 12)
  }
  assert inputs["items"]["name"] == "items.jsonl"
  with pytest.raises(InputError, match=r"gs://b/gone is not a folder"):
    normalize.normalize("table", "gs://b/gone", tmp_path / "data", "t")
  (folder / "items.jsonl").write_text("[\n")
  with pytest.raises(InputError, match=r"^gs://b/shop/items\.jsonl: expected"):
    normalize.normalize("table", "gs://b/shop", tmp_path / "data", "t")


def test_json_lines(tmp_path):
  rows = [
    {"user": {"id": 1}, "user_id": 7, "item_id": "a", "timestamp": _DAY},
    {"user_id": 8, "item_id": "b", "timestamp": str(_DAY + 1)},
    {"user_id": None, "item_id": "b", "timestamp": _DAY},
  ]
  lines = [json.dumps(row) for row in rows]
  lines[1:1] = ["{not json", "[1, 2]", ""]
  (tmp_path / "interactions.jsonl").write_text("\n".join(lines))
  items = [
    {"item_id": "a", "title": 'Tea "green"\n', "tags": ["Food", "Tea"]},
    {"item_id": "b", "title": "Mug", "tags": None, "price": 12.5},
  ]
  (tmp_path / "items.jsonl.gz").write_bytes(
    gzip.compress("\n".join(json.dumps(i) for i in items).encode())
  )
  raw = _read(tmp_path, category_column="tags", price_column="price")
  assert _rows(raw) == [
    ("7", "a", _DAY * 10**6),
    ("8", "b", (_DAY + 1) * 10**6),
  ]
  assert {b.reason: (b.rows, b.first) for b in raw.bad["interactions"]} == {
    "not a JSON object": (2, "interactions.jsonl:2"),
    "user_id is missing": (1, "interactions.jsonl:6"),
  }
  assert raw.items["categories"].to_list() == [["Food", "Tea"], None]
  assert raw.items["price"].to_list() == [None, 12.5]
  with pytest.raises(
    InputError, match=r"unknown column of .*'userid'.*user_id"
  ):
    _read(tmp_path, user_column="userid")


def test_a_file_without_a_header_line(tmp_path):
  folder = _items(tmp_path)
  (folder / "interactions.csv").write_bytes(_csv(_ROWS, None))
  names = ",".join(_HEADER)
  assert _rows(_read(folder, columns=names)) == _WANT
  with pytest.raises(InputError, match=r"csv:1: 2 columns are named.*4 fields"):
    _read(folder, columns="user_id,item_id")
  (folder / "interactions.csv").write_bytes(_csv(_ROWS))
  with pytest.raises(InputError, match=r"csv:1 is a header line"):
    _read(folder, columns=names)
  (folder / "items.tsv").write_text('i1\tTea "green"\ni2\tMug\n')
  (folder / "interactions.csv").write_bytes(_csv(_ROWS, None))
  raw = _read(folder, columns=names, items_file="items.tsv",
              items_columns="item_id,title")  # fmt: skip
  assert raw.items["title"].to_list() == ['Tea "green"', "Mug"]


def test_a_carriage_return_in_the_first_line_without_a_header(tmp_path):
  folder = _items(tmp_path)
  first = ("u\r1", *_ROWS[0][1:])
  (folder / "interactions.csv").write_bytes(_csv([first, *_ROWS], None))
  raw = _read(folder, columns=",".join(_HEADER))
  assert raw.interactions.height == len(_ROWS) + 1
  assert _rows(raw)[0][0] == "u\r1"


def test_a_minimum_rating(tmp_path):
  rows = [*_ROWS, ("u9", "i1", str(_DAY), "")]
  (_items(tmp_path) / "interactions.csv").write_bytes(_csv(rows))
  raw = _read(tmp_path, rating_column="stars", min_rating="4")
  assert raw.interactions["rating"].min() == 4
  assert raw.interactions.height == 16
  assert {b.reason: (b.rows, b.first) for b in raw.bad["interactions"]} == {
    "stars is below 4": (24, "interactions.csv:2"),
    "stars is unknown, and min_rating is given": (1, "interactions.csv:42"),
  }
  with pytest.raises(InputError, match="give rating_column"):
    _read(tmp_path, min_rating="4")
  with pytest.raises(InputError, match="min_rating is 'high'"):
    _read(tmp_path, rating_column="stars", min_rating="high")


def test_users_of_a_table_in_parts(tmp_path):
  _write_parts(_items(tmp_path) / "interactions", "csv")
  users = [(f"u{n}", f"City {n}") for n in range(9)]
  (tmp_path / "users.csv").write_bytes(_csv(users, ("user_id", "city")))
  normalize.normalize("table", tmp_path, tmp_path / "data", "shop", k_core=1)
  found = read_tables(tmp_path / "data", "shop")["users"]
  assert dict(found.select("user_id", "city").rows()) == dict(users[:5])


def test_an_export_of_orders_has_baskets(tmp_path):
  # A line per product; all of an order have one time.
  lines = ["Name,Email,Created at,Lineitem name,Lineitem sku"]
  lines += [
    f"#{order},{order % 3}@x.org,2024-05-{1 + order:02} 10:00:00 -0400,"
    f'"Mug, no {(order + k) % 9}",M-{(order + k) % 9}'
    for order in range(9)
    for k in range(3)
  ]
  (tmp_path / "orders_export.csv").write_text("\n".join(lines) + "\n")
  manifest = normalize.normalize(
    "table", tmp_path, tmp_path / "data", "shop", k_core=1,
    interactions_file="orders_export.csv", items_file="orders_export.csv",
    user_column="Email", item_column="Lineitem sku", time_column="Created at",
    title_column="Lineitem name",
  )  # fmt: skip
  events = read_tables(tmp_path / "data", "shop")["interactions"]
  assert events["timestamp"].min() == (_DAY + 14 * 3600) * 10**6
  sizes = collections.Counter(events.select("user", "timestamp").rows())
  assert max(sizes.values()) == 3
  order = manifest["counts"]["order"]
  assert (order["by"], order["seed"]) == ("time", 0)
  assert order["tied_neighbours"] > 0.5


def test_pieces_of_a_parquet_file_are_the_file(tmp_path, monkeypatch):
  monkeypatch.setattr(table_files, "_PIECE", 7)
  _parquet(_ROWS, _items(tmp_path) / "interactions.parquet")
  assert _rows(_read(tmp_path)) == _WANT


def test_integers_that_are_floats_in_some_parts(tmp_path):
  folder = _items(tmp_path) / "interactions"
  folder.mkdir()
  for number, users in enumerate(([1, 2], [2.0, None])):
    pl.DataFrame(
      {"user_id": users, "item_id": ["i1", "i2"], "timestamp": [_DAY] * 2}
    ).write_parquet(folder / f"p{number}.parquet")
  assert [row[0] for row in _rows(_read(tmp_path))] == ["1", "2", "2"]
