"""Damaged files of candidates: read, or refused in one clear message."""

import io
import json

import numpy as np
import polars as pl

from instructrec_jax.data.candidates import files
from tests import fuzz

_USERS = pl.Series([f"u{u}" for u in range(12)])
_ITEMS = pl.Series([f"i{i}" for i in range(20)])
_ROWS = [
  {
    "user_id": user,
    "items": [f"i{(3 * n + k) % 20}" for k in range(5)],
    "split": "test",
    "relevant": [f"i{3 * n % 20}"],
  }
  for n, user in enumerate(_USERS)
]


def _table(path):
  table = files.Table(path, _USERS, _ITEMS)
  lists = table.lists("test", np.arange(len(_USERS)))
  return table.has_relevant, lists.rows(), table.count("test")


def test_damaged_json_lines(tmp_path):
  whole = "".join(json.dumps(row) + "\n" for row in _ROWS).encode()
  fuzz.check("candidates .jsonl", whole, _table, tmp_path / "mine.jsonl")


def test_damaged_parquet(tmp_path):
  stream = io.BytesIO()
  pl.DataFrame(_ROWS).write_parquet(stream)
  whole = stream.getvalue()
  fuzz.check("candidates .parquet", whole, _table, tmp_path / "mine.parquet")


def test_a_damaged_matrix(tmp_path):
  stream = io.BytesIO()
  np.save(stream, np.arange(240, dtype=np.float32).reshape(12, 20))

  class Met:
    """Nobody has met anything."""

    def of(self, users):
      return np.zeros((users.size, 20), bool)

  def ranked(path):
    return files.Scores(path, 12, 20).lists(np.arange(12), Met(), 5)

  fuzz.check("candidates .npy", stream.getvalue(), ranked, tmp_path / "s.npy")
