"""Stages that are killed go on by the same command, and leave nothing wrong."""

import json

import pytest

from tests import kills, programs

# Without TensorFlow, a stage takes less than a second.
_CHEAP = ("simulate", "normalize", "normalize --overwrite")


def _rows(*arguments):
  process = programs.start("-m", "tests.kills", *arguments, devices=1)
  out, err = process.communicate()
  assert process.returncode == 0, err
  print(out)
  return json.loads(out.splitlines()[-1]), err


def _nothing(kills):
  return {"kills": kills, "wrong": 0, "go_on": 0, "other": 0, "left": 0}


def test_cheap_stages_killed_at_random_moments():
  rows, said = _rows("--kills", 6, "--stages", *_CHEAP)
  assert rows == dict.fromkeys(_CHEAP, _nothing(2)), said


@pytest.mark.thorough
def test_all_stages_killed_at_random_moments():
  rows, said = _rows("--kills", 200)
  assert {*rows} == {*kills.STAGES}
  assert sum(row["kills"] for row in rows.values()) == 200
  for name, row in rows.items():
    assert row == _nothing(row["kills"]), f"{name}: {said}"
