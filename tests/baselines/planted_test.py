"""The optimum of a small world, by Bayes' rule worked by hand."""

import types

import numpy as np
import polars as pl
import pytest

from instructrec_jax.baselines import planted, world
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.errors import InputError

# Three items and one user. The world's ids are sorted, the catalogue's are not.
_ARRAYS = {
  "users": np.array(["u0"]),
  "items": np.array(["a", "b", "c"]),
  "theme": np.array(["space", "space", "trains"]),
  "own": np.array([[0.5, 0.2, 0.1]], np.float32),
  "present": np.array([[0.05, 0.05, 0.1]], np.float32),
  "own_told": np.array([3.0, 4.0, 1.0], np.float32),
  "present_told": np.array([1.0, 0.5, 2.0], np.float32),
}
_CATALOGUE = pl.DataFrame(
  {
    "item_id": ["c", "a", "b"],
    "categories": [["trains", "Novel"], ["space", "Novel"], ["space", "Atlas"]],
  }
)


@pytest.fixture
def folder(tmp_path):
  np.savez(tmp_path / "optimum.npz", **_ARRAYS)
  return tmp_path


def _scores(folder, query, history=(), named="vague_intention"):
  made = world.World("nowhere", "demo", "test", named, None, folder)
  made.__dict__["items"] = _CATALOGUE
  made.__dict__["_texts"] = np.arange(1), np.array([query.encode()], object)
  zero = np.zeros(1, np.int64)
  length = np.array([len(history)])
  requests = Requests(
    zero, zero, zero, np.array([[0, 1, 2]]), np.array(history, np.int64),
    np.array([0, len(history)]), length,
  )  # fmt: skip
  return np.exp(planted.optimum(made, requests, 0))[0]


@pytest.fixture(autouse=True)
def users(monkeypatch):
  monkeypatch.setattr(planted, "_users", lambda *_: np.zeros(1, int))


# Candidates are c, a, b.
@pytest.mark.parametrize(
  ("query", "expected"),
  [
    ("I need something about space.", [0, 0.5, 0.2]),
    ("What could I give my son as a present?", [0.1, 0.05, 0.05]),
    ("A gift: something with trains", [0.1, 0, 0]),
    ("space, Atlas", [0, 0, 0.25]),
  ],
)
def test_personalised_search(folder, query, expected):
  found = _scores(folder, query, history=[1])
  np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
  ("query", "expected"),
  [
    ("I need something about space.", [0, 3, 4]),
    ("What could I give my son as a present?", [2, 1, 0.5]),
    ("trains, Novel", [1, 0, 0]),
  ],
)
def test_product_search_has_no_user(folder, query, expected):
  found = _scores(folder, query, named=None)
  np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)


def test_recommendation_takes_no_query(folder):
  found = _scores(folder, "space, Atlas", history=[1], named=None)
  np.testing.assert_allclose(found, [0.2, 0.55, 0.25], rtol=1e-5)


def test_what_is_missing_is_told(folder, tmp_path):
  nothing = types.SimpleNamespace(planted=None)
  with pytest.raises(InputError, match="simulated data only"):
    planted.optimum(nothing, None, 0)
  with pytest.raises(InputError, match=r"no .*optimum\.npz: expected the"):
    _scores(tmp_path / "absent", "space")
  np.savez(folder / "optimum.npz", users=_ARRAYS["users"])
  with pytest.raises(InputError, match="is not of this version"):
    _scores(folder, "space")
  np.savez(folder / "optimum.npz", **_ARRAYS | {"items": np.array(["x"])})
  with pytest.raises(InputError, match="'c' is not among the items"):
    _scores(folder, "space")
