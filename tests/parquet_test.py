"""Parquet files: their names are no patterns, and damage is told of."""

import os
import re
from pathlib import Path

import polars as pl
import pytest

from instructrec_jax import parquet
from instructrec_jax.errors import InputError

_PACKAGE = Path(parquet.__file__).parent


@pytest.mark.parametrize("name", ["[2023] a", "what?", "a*b", "x{1}", "a b"])
def test_a_path_is_no_pattern(name, tmp_path):
  for folder, value in ((name, 1), ("whats", 2), ("2", 3), ("aXb", 4)):
    (tmp_path / folder).mkdir(exist_ok=True)
    pl.DataFrame({"a": [value]}).write_parquet(tmp_path / folder / "x.parquet")
  path = tmp_path / name / "x.parquet"
  assert parquet.read(path)["a"].to_list() == [1]
  assert parquet.scan(path).collect()["a"].to_list() == [1]
  assert parquet.schema(path) == {"a": pl.Int64()}


def test_what_cannot_be_read_is_named(tmp_path):
  path = tmp_path / "x.parquet"
  with pytest.raises(InputError, match=r"x\.parquet: no such file"):
    parquet.read(path)
  path.write_bytes(b"PAR1 nothing of the kind PAR1")
  for read in (parquet.read, parquet.schema):
    with pytest.raises(InputError, match=r"x\.parquet \(size: 29 bytes\) cann"):
      read(path)


def test_a_panic_is_an_error_and_writes_nothing(capfd, tmp_path):
  def panics():
    os.write(2, b"thread '<unnamed>' panicked at src/lib.rs:1:1:\n")
    raise pl.exceptions.PanicException("thread panics")

  path = tmp_path / "x"
  with (
    pytest.raises(InputError, match="x cannot be read: thread panics"),
    parquet.reading(path),
  ):
    panics()
  with parquet.reading(tmp_path / "x"):
    os.write(2, b"said by another\n")
  assert capfd.readouterr().err == "said by another\n"


def test_no_other_module_gives_a_path_to_polars():
  calls = re.compile(r"\bpl\.(?:read|scan)_parquet\w*\(")
  for path in sorted(_PACKAGE.rglob("*.py")):
    name = path.relative_to(_PACKAGE).as_posix()
    if name != "parquet.py":
      assert not calls.search(path.read_text()), f"{name}: use parquet.read"
