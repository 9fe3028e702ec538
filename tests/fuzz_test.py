"""The kit that damages files."""

import json

import pytest

from instructrec_jax.errors import InputError
from tests import fuzz

_WHOLE = b'{"name": "one", "numbers": [1, 2, 3]}\n' * 20


def _careful(path):
  try:
    return json.loads(path.read_text().split("\n")[0])
  except (ValueError, RecursionError) as error:
    raise InputError(f"{path}: {error}") from None


def test_a_seed_decides_the_damage():
  found = [fuzz.damaged(_WHOLE, seed) for seed in range(200)]
  assert found == [fuzz.damaged(_WHOLE, seed) for seed in range(200)]
  assert len(set(found)) > 150
  assert sum(data == _WHOLE for data in found) < 20


def test_files_are_read_refused_or_counted_as_wrong(tmp_path):
  path = tmp_path / "x.json"
  row = fuzz.survey("careful", _WHOLE, _careful, path, 60)
  assert row.read > 10
  assert row.refused > 2
  assert not row.wrong
  row = fuzz.survey(
    "careless", _WHOLE, lambda p: p.read_bytes().decode("ascii"), path, 60
  )
  assert "UnicodeDecodeError" in next(iter(row.wrong))
  with pytest.raises(AssertionError, match="UnicodeDecodeError"):
    fuzz.check("careless", _WHOLE, lambda p: p.read_text("ascii"), path, 60)


def test_a_message_without_words_is_wrong(tmp_path):
  def read(path):
    if path.read_bytes() != _WHOLE:
      raise InputError("")

  row = fuzz.survey("mute", _WHOLE, read, tmp_path / "x", 20)
  assert "an empty message" in row.wrong
