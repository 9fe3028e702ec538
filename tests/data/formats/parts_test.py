"""Folders of parts."""

from pathlib import Path

import pytest

from instructrec_jax.data.formats import parts
from instructrec_jax.errors import InputError


def _touch(folder, *names):
  for name in names:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
  return folder


def _names(folder):
  return [str(path.relative_to(folder)) for path in parts.of(folder)]


@pytest.mark.parametrize(
  "names",
  [
    # Spark.
    ("part-00000-1f.c000.snappy.parquet", "part-00001-1f.c000.snappy.parquet"),
    # BigQuery.
    ("orders-000000000009.csv.gz", "orders-000000000010.csv.gz"),
    # Snowflake.
    ("data_0_0_0.csv.gz", "data_0_9_0.csv.gz", "data_0_10_0.csv.gz"),
    # Hive's folders.
    ("month=2024-01/part-0.parquet", "month=2024-02/part-0.parquet"),
    ("part-9.jsonl.zst", "part-10.jsonl.zst"),
  ],
)
def test_parts_are_in_the_order_of_their_numbers(tmp_path, names):
  _touch(tmp_path, *reversed(names))
  _touch(
    tmp_path, "_SUCCESS", ".part-0.crc", "_delta_log/0.json", "month=1/_x.csv"
  )
  assert _names(tmp_path) == list(names)


def test_what_is_no_folder_of_parts_has_none(tmp_path):
  assert _names(_touch(tmp_path, "readme.md", "image.png")) == []
  assert parts.of(tmp_path / "readme.md") == []
  assert parts.of(tmp_path / "gone") == []


def test_several_forms_are_refused(tmp_path):
  _touch(tmp_path, "a.csv", "b.parquet")
  with pytest.raises(InputError, match=r"found \.\w+ and \.\w+ \(such as"):
    parts.of(tmp_path)


def test_columns_of_folders():
  path = "day=2024-01-02/shop%20id=a%2Fb/z=__HIVE_DEFAULT_PARTITION__/new/p"
  of = parts.keys(Path("x"), Path("x", path))
  assert of == {"day": "2024-01-02", "shop id": "a/b", "z": None}


@pytest.mark.parametrize(
  ("name", "ending"),
  [
    ("x.csv", ".csv"),
    ("x.CSV.GZ", ".csv"),
    ("p.snappy.parquet", ".parquet"),
    ("p.gz.parquet", ".parquet"),
    ("x", ""),
  ],
)
def test_ending(name, ending):
  assert parts.ending(Path(name)) == ending
