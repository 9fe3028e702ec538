"""Proposals for a folder of somebody's own tables."""

import gzip
import json
import random
import shlex

import polars as pl
import pytest

from instructrec_jax.cli import program
from instructrec_jax.data.sources import proposing

_DRAW = random.Random(0)
_ROWS = [
  (
    n,
    f"c{_DRAW.randrange(12)}",
    f"p-{_DRAW.randrange(9)}",
    f"2024-05-{1 + n % 28:02} 10:{n % 60:02}:00",
  )
  for n in range(120)
]
_PRODUCTS = [
  (f"p-{i}", f"Green tea, no {i}", f"{i}.50", "Food;Tea") for i in range(9)
]


def _csv(path, header, rows, mark=","):
  lines = [
    mark.join(f'"{v}"' if mark in str(v) else str(v) for v in row)
    for row in [header.split(","), *rows]
  ]
  path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def shop(tmp_path):
  folder = tmp_path / "My shop"
  folder.mkdir()
  _csv(folder / "orders.csv", "order_id,customer,sku,bought_at", _ROWS)
  _csv(folder / "products.csv", "sku,name,price,tags", _PRODUCTS)
  # Tables and files that are neither.
  _csv(folder / "customers.csv", "customer,city", [("c1", "Rome, IT")] * 3)
  (folder / "notes.txt").write_text("one line\n")
  (folder / "image.png").write_bytes(b"\x89PNG\r\n")
  return folder


def _options(proposal):
  words = shlex.split(proposal.command)
  assert words[:3] == ["instructrec", "normalize", "table"]
  return dict(zip(words[3::2], words[4::2], strict=True))


def test_columns_are_found_by_name_and_content(shop):
  proposal = proposing.propose(shop)
  assert _options(proposal) == {
    "--raw": str(shop),
    "--dataset": "my_shop",
    "--interactions_file": "orders.csv",
    "--items_file": "products.csv",
    "--user_column": "customer",
    "--item_column": "sku",
    "--time_column": "bought_at",
    "--item_id_column": "sku",
    "--title_column": "name",
    "--category_column": "tags",
    "--category_separator": ";",
    "--price_column": "price",
  }
  shown = {line.split()[0]: line for line in proposal.lines()}
  first = list(dict.fromkeys(row[1] for row in _ROWS))[:3]
  assert shown["--user_column"].endswith(", ".join(map(repr, first)))
  assert "orders.csv: bought_at" in shown["--time_column"]
  assert "'Green tea, no 0', 'Green tea, no 1'" in shown["--title_column"]


def test_the_command_prints_it_and_writes_nothing(shop, tmp_path, capsys):
  data = tmp_path / "data"
  command = ["normalize", "table", "--raw", str(shop), "--data_dir", str(data)]
  assert program.main(command) == 1
  said = capsys.readouterr()
  assert "products.csv: name" in said.out
  assert len(said.err.strip().split("\n")) == 2
  assert not data.exists()
  words = shlex.split(said.err.strip().split("\n")[1])
  assert words[0] == "instructrec"
  assert program.main([*words[1:], "--data_dir", str(data)]) == 0
  items = pl.read_parquet(data / "tables/my_shop/items.parquet")
  assert items["title"].to_list() == [f"Green tea, no {i}" for i in range(9)]
  assert items["categories"].to_list() == [["Food", "Tea"]] * 9


def test_no_proposal_where_columns_are_named_or_the_default(shop):
  given = {"user_column": "customer", "time_unit": None}
  assert proposing.if_needed("table", shop, given) is None
  assert proposing.if_needed("recbole", shop, {}) is None
  assert proposing.if_needed("table", shop, {"time_unit": None}) is not None
  _csv(shop / "interactions.csv", "user_id,item_id,timestamp", [_ROWS[0][1:]])
  _csv(shop / "items.csv", "item_id,title", [("p-1", "Tea")])
  assert proposing.if_needed("table", shop, {}) is None


@pytest.mark.parametrize("form", ["parquet", "tsv", "semicolon", "jsonl.gz"])
def test_other_forms_of_files(tmp_path, form):
  tables = {
    "ratings": ("userId,movieId,rating,timestamp", [
      (str(k % 9), str(k % 7), str(1 + k % 5), 964_982_703_000 + 7_000 * k)
      for k in range(60)
    ]),
    "movies": ("movieId,title,genres", [
      (str(k), f"Film {k} (1995)", "Comedy|Drama") for k in range(7)
    ]),
  }  # fmt: skip
  for name, (header, rows) in tables.items():
    path = tmp_path / f"{name}.{'csv' if form == 'semicolon' else form}"
    if form == "parquet":
      schema = header.split(",")
      pl.DataFrame(rows, schema, orient="row").write_parquet(path)
    elif form == "jsonl.gz":
      keys = header.split(",")
      lines = [json.dumps(dict(zip(keys, row, strict=True))) for row in rows]
      path.write_bytes(gzip.compress("\n".join(lines).encode()))
    else:
      _csv(path, header, rows, {"tsv": "\t", "semicolon": ";"}[form])
  options = _options(proposing.propose(tmp_path))
  assert options["--user_column"] == "userId"
  assert options["--item_column"] == options["--item_id_column"] == "movieId"
  assert options["--time_column"] == "timestamp"
  assert options["--time_unit"] == "ms"
  assert options["--rating_column"] == "rating"
  assert options["--title_column"] == "title"
  assert options["--category_column"] == "genres"
  assert "--category_separator" not in options
  assert options.get("--delimiter") == (";" if form == "semicolon" else None)


def test_one_file_that_has_the_names_of_the_items(tmp_path):
  rows = [
    (f"#{k}", f"{k % 7}@example.org", f"2024-05-{1 + k % 28:02} 10:00:00 -0400",
     f"Mug no {k % 5}", f"MUG-{k % 5}")
    for k in range(60)
  ]  # fmt: skip
  header = "Name,Email,Created at,Lineitem name,Lineitem sku"
  _csv(tmp_path / "orders_export.csv", header, rows)
  options = _options(proposing.propose(tmp_path))
  assert options["--interactions_file"] == options["--items_file"]
  assert options["--user_column"] == "Email"
  assert options["--item_column"] == "Lineitem sku"
  assert options["--title_column"] == "Lineitem name"
  assert options["--time_column"] == "Created at"


def test_a_table_in_parts_and_files_without_a_header_line(tmp_path, capsys):
  for part in range(3):
    folder = tmp_path / f"clicks/day=2024-05-0{part + 1}"
    folder.mkdir(parents=True)
    rows = [
      (f"{k % 9}", f"{100 + k % 7}", 1_714_521_600 + 60 * k) for k in range(60)
    ]
    lines = "".join(",".join(map(str, row)) + "\n" for row in rows)
    (folder / "part-0.csv").write_text(lines)
  lines = "".join(f"{100 + k}\tSong no {k}\n" for k in range(7))
  (tmp_path / "songs.tsv").write_text(lines)
  proposal = proposing.propose(tmp_path)
  options = _options(proposal)
  assert options["--interactions_file"] == "clicks"
  assert options["--columns"] == "column_1,column_2,column_3"
  assert options["--items_columns"] == "column_1,column_2"
  words = shlex.split(proposal.command)[1:]
  data = ["--data_dir", str(tmp_path / "data"), "--k_core", "1"]
  assert program.main([*words, *data]) == 0
  said = capsys.readouterr().out.split("\n")
  read = next(line for line in said if "interactions / read" in line)
  assert read.split()[-1] == "180"


def test_a_log_without_times_says_so(tmp_path):
  _csv(tmp_path / "a.csv", "user,item", [(k % 5, k % 7) for k in range(50)])
  _csv(tmp_path / "b.csv", "item,title", [(k, f"Song {k}") for k in range(7)])
  assert _options(proposing.propose(tmp_path))["--time_column"] == "none"


def test_nothing_is_proposed_for_other_files(tmp_path):
  assert proposing.propose(tmp_path) is None
  _csv(tmp_path / "a.csv", "x,y", [(1, 2)] * 5)
  assert proposing.propose(tmp_path) is None
  assert proposing.propose(tmp_path / "a.csv") is None
