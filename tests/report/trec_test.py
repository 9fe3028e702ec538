"""TREC's files, read and measured by pytrec-eval."""

import numpy as np
import pytest
import pytrec_eval

from instructrec_jax.errors import InputError
from instructrec_jax.eval import metrics, resampling
from instructrec_jax.eval.predictions import Predictions
from instructrec_jax.report import trec

NAMES = {
  "ndcg@5": "ndcg_cut_5",
  "recall@5": "recall_5",
  "precision@5": "P_5",
  "mrr": "recip_rank",
  "map": "map",
  "hr@1": "success_1",
}


def asked(n=80, **more):
  rng = np.random.default_rng(0)
  candidates = [
    rng.choice(100, rng.integers(3, 9), replace=False) for _ in range(n)
  ]
  targets = [row[: rng.integers(1, 4)] for row in candidates]
  scores = rng.integers(0, 3, (n, 8)).astype(float)  # Full of ties.
  for row, codes in zip(scores, candidates, strict=True):
    row[len(codes) :] = -np.inf
  gains = [rng.integers(1, 4, len(row)) for row in targets]
  return Predictions.of(
    np.arange(n), np.zeros(n), targets, candidates, scores, gains, **more
  )


def test_others_measure_the_same(tmp_path):
  predictions = asked()
  trec.write(tmp_path, "demo.test", {"ours, step 5": predictions})
  with (tmp_path / "demo.test.qrels").open() as f:
    qrels = pytrec_eval.parse_qrel(f)
  with (tmp_path / "demo.test.ours_step_5.run").open() as f:
    run = pytrec_eval.parse_run(f)
  measures = {"ndcg_cut.5", "recall.5", "P.5", "success.1", "recip_rank", "map"}
  found = pytrec_eval.RelevanceEvaluator(qrels, measures).evaluate(run)
  means = resampling.means(metrics.measure(predictions.outcomes, list(NAMES)))
  for name, theirs in NAMES.items():
    mean = np.mean([row[theirs] for row in found.values()])
    assert means[name] == pytest.approx(mean), name


def test_what_was_not_listed_is_not_written():
  predictions = Predictions.of(
    [3], [0], [[9]], [[5, 6]], np.array([[1.0, 2]]), sizes=[50]
  )
  assert trec.qrels(predictions) == "3 0 9 1\n"
  assert trec.run(predictions, "x") == "3 Q0 6 1 2 x\n3 Q0 5 2 1 x\n"


def test_gains_that_trec_does_not_know():
  predictions = Predictions.of(
    [3], [0], [[5]], [[5, 6]], np.zeros((1, 2)), gains=[[0.5]]
  )
  with pytest.raises(
    InputError, match=r"instance 3: TREC's .* got the gain 0.5"
  ):
    trec.qrels(predictions)


def test_names_that_would_be_one_file(tmp_path):
  with pytest.raises(InputError, match="expected different file names"):
    trec.write(tmp_path, "x", {"a b": asked(), "a  b": asked()})
  assert not list(tmp_path.iterdir())
