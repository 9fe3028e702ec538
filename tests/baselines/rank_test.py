"""Baselines by hand, by another tool, and from records to result files."""

import json
import subprocess
import sys
import types

import numpy as np
import polars as pl
import pytest
import scipy.stats

from instructrec_jax import artifacts
from instructrec_jax.baselines import rank, systems
from instructrec_jax.data import names
from instructrec_jax.data.records import build
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.errors import InputError
from instructrec_jax.eval.recording import results

WORLD = types.SimpleNamespace(train_count=np.array([5.0, 0, 2, 2, 9]))
# Those that need nothing but the items' titles and counts.
PLAIN = sorted(systems.BASELINES.keys() - {"bm25", "repeat_label"})


def requests_of(target, candidates):
  """Returns requests of users without a history."""
  rows, nothing = np.arange(len(target)), np.zeros(len(target), np.int64)
  offsets = np.zeros(len(target) + 1, np.int64)
  return Requests(rows, rows, target, candidates, nothing[:0], offsets, nothing)


def test_popularity_by_hand(tmp_path):
  requests = requests_of(
    np.array([0, 2, 1]), np.array([[0, 1, 2], [3, 1, 2], [4, 3, 1]])
  )
  scores = systems.popularity(WORLD, requests, seed=0)
  assert scores.tolist() == [[5, 0, 2], [2, 0, 2], [9, 2, 0]]
  result = rank.write(
    rank.of_candidates(requests, scores),
    tmp_path,
    system="popularity",
    dataset="demo",
    split="test",
    seed=0,
  )
  # The second target ties with item 3, which goes before it.
  assert results.read_predictions(tmp_path).outcomes.ranks.tolist() == [1, 2, 3]
  assert result.metrics["hr@1"].value == pytest.approx(1 / 3)
  assert (result.task, result.step) == (None, None)


def test_random_is_chance():
  n, width = 20_000, 10
  requests = requests_of(np.zeros(n, int), np.zeros((n, width), np.int64))
  scores = systems.random(WORLD, requests, seed=1)
  np.testing.assert_array_equal(scores, systems.random(WORLD, requests, seed=1))
  assert not np.array_equal(scores, systems.random(WORLD, requests, seed=2))
  ranks = scipy.stats.rankdata(-scores, axis=1)[:, 0]
  observed = np.bincount(ranks.astype(int), minlength=width + 1)[1:]
  assert scipy.stats.chisquare(observed).pvalue > 1e-3


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
  """Records of 40 users over 30 items, made by the project's own stages."""
  folder = tmp_path_factory.mktemp("data")
  rng = np.random.default_rng(0)
  weights = 1 / np.arange(1, 31)
  rows = [
    (user, item)
    for user in range(40)
    for item in rng.choice(30, 6, replace=False, p=weights / weights.sum())
  ]
  tables = {
    "interactions": pl.DataFrame(
      rows, schema={"user": pl.UInt32, "item": pl.UInt32}, orient="row"
    ),
    "items": pl.DataFrame(
      {
        "item": pl.Series(range(30), dtype=pl.UInt32),
        "item_id": [f"id{i}" for i in range(30)],
        "title": [f"Title {i}" for i in range(30)],
      }
    ),
    "users": pl.DataFrame(
      {
        "user": pl.Series(range(40), dtype=pl.UInt32),
        "user_id": [f"u{i}" for i in range(40)],
      }
    ),
  }

  def write(staging):
    for name, df in tables.items():
      df.write_parquet(staging / f"{name}.parquet")
    return {name: df.height for name, df in tables.items()}

  artifacts.run_stage(
    "normalize", names.tables_dir(folder, "tiny"), write, inputs={}, options={}
  )
  build.build(folder, "tiny", seed=3)
  return folder


def test_popularity_from_records(data_dir, tmp_path):
  result = rank.evaluate_baseline(
    data_dir, "tiny", "test", "popularity", tmp_path, seed=5
  )
  # The same figure from the tables, by Polars alone: a user's last but two
  # and earlier items train, and whoever is as popular goes before the target.
  log = pl.read_parquet(names.tables_dir(data_dir, "tiny") / "interactions.*")
  train = log.filter(pl.int_range(pl.len()).over("user") < 4)
  count = dict(train["item"].value_counts().iter_rows())
  lines = (tmp_path / "predictions.jsonl").read_text().splitlines()
  asked = [json.loads(line) for line in lines]
  last = log.group_by("user", maintain_order=True).last()
  assert [(a["user"], a["target"]) for a in asked] == list(last.iter_rows())
  hits = [
    all(
      count.get(other, 0) < count.get(a["target"], 0)
      for other in a["candidates"]
      if other != a["target"]
    )
    for a in asked
  ]
  assert result.n == 40
  assert 0 < sum(hits) < 40
  assert result.metrics["hr@1"].value == pytest.approx(sum(hits) / 40)
  assert results.read_result(tmp_path) == result


@pytest.mark.parametrize("baseline", PLAIN)
@pytest.mark.parametrize("split", rank.SPLITS)
def test_every_baseline_on_every_split(data_dir, tmp_path, baseline, split):
  first = rank.evaluate_baseline(
    data_dir, "tiny", split, baseline, tmp_path / "a"
  )
  again = rank.evaluate_baseline(
    data_dir, "tiny", split, baseline, tmp_path / "b"
  )
  assert first == again
  for name in (results.METRICS_FILE, results.PREDICTIONS_FILE):
    assert (tmp_path / "a" / name).read_bytes() == (
      tmp_path / "b" / name
    ).read_bytes()
  assert first.system == baseline
  assert np.isfinite(results.read_predictions(tmp_path / "a").scores).all()


@pytest.mark.parametrize(
  ("split", "baseline", "message"),
  [
    ("test", "popularty", "unknown baseline 'popularty'. Did you mean 'popul"),
    ("train", "random", r"unknown split with candidates .*test, validation"),
  ],
)
def test_unknown_names(tmp_path, split, baseline, message):
  with pytest.raises(InputError, match=message):
    rank.evaluate_baseline(tmp_path, "tiny", split, baseline, tmp_path)


def test_needs_no_tensorflow_to_import():
  script = (
    "import sys; import instructrec_jax.baselines.rank;"
    "bad = {'tensorflow', 'seqio'} & set(sys.modules); assert not bad, bad"
  )
  subprocess.run([sys.executable, "-c", script], check=True)
