"""Weights beside a run: what is read, and when they are used."""

import json

import pytest
from etils import epath

from instructrec_jax.errors import InputError
from instructrec_jax.eval.tuning import Weights
from instructrec_jax.runs import score_weights


def test_weights_are_read_by_task(tmp_path):
  folder = epath.Path(tmp_path)
  assert score_weights.read(folder) == (None, {})
  row = {
    "prior_requests": 2,
    "tasks": {"a": {"prior_weight": 1.0, "popularity_weight": 0.25}},
  }
  (tmp_path / score_weights.FILE).write_text(json.dumps(row))
  assert score_weights.read(folder) == (2, {"a": Weights(1.0, 0.25)})


@pytest.mark.parametrize(
  "row",
  [
    [],
    {"tasks": {}},
    {"prior_requests": 0, "tasks": {}},
    {"prior_requests": 2, "tasks": {"a": {"prior_weight": 1.0}}},
    {
      "prior_requests": 2,
      "tasks": {"a": {"prior_weight": -1, "popularity_weight": 0}},
    },
  ],
)
def test_a_damaged_file_is_named(tmp_path, row):
  (tmp_path / score_weights.FILE).write_text(json.dumps(row))
  with pytest.raises(InputError, match=r"score_weights\.json: expected what"):
    score_weights.read(epath.Path(tmp_path))


@pytest.mark.parametrize(
  ("bindings", "expected"),
  [
    ([], False),
    (["PRIOR_REQUESTS = 2"], False),
    (["PRIOR_WEIGHT = 0"], True),
    (["POPULARITY_WEIGHT=0.5"], True),
  ],
)
def test_weights_of_the_command_line_win(bindings, expected):
  assert score_weights.are_bound(bindings) == expected


def test_test_is_for_no_choice():
  with pytest.raises(InputError, match=r"chooses on validation.*'test'"):
    score_weights.tunable([], "test")
