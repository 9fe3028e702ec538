"""Procedures that ask anew, with a scorer whose taste is known."""

import copy
import functools
import types

import gin
import numpy as np
import pytest
import seqio

from instructrec_jax.batches import feature_converter
from instructrec_jax.data.records import read
from instructrec_jax.errors import InputError
from instructrec_jax.eval import metrics
from instructrec_jax.eval.recording import evaluator, results
from instructrec_jax.runs import asking
from instructrec_jax.runs.seqio_evaluation import Evaluation
from instructrec_jax.vocabulary.run_vocabulary import RUN_VOCABULARY

_LENGTHS = {"inputs": 256, "targets": 32}


def worth(tokens):
  """A score for each title, whatever it stands among; -inf for padding."""
  weights = np.random.default_rng(0).random(tokens.shape[-1] * 512)
  places = np.arange(tokens.shape[-1]) * 512 + tokens
  scores = np.where(tokens > 0, weights[places], 0.0).sum(axis=-1) - 40
  return np.where(tokens.any(axis=-1), scores, -np.inf)


def taste(rows):
  # Width differs from call to call, what is padding must not matter.
  tokens = rows["candidate_tokens"]
  widened = np.pad(tokens, ((0, 0), (0, 0), (0, 32 - tokens.shape[-1])))
  return worth(widened)


def level(rows):
  return np.zeros(rows["candidate_tokens"].shape[:2])


def liking_first(rows):
  """Prefers what stands first in the prompt to all else."""
  scores = level(rows)
  scores[:, 0] = 1
  return scores


@pytest.fixture(scope="module")
def askers():
  return {}


@pytest.fixture(autouse=True)
def traced_once(monkeypatch, askers):
  """Lets tests share what takes long: a task's preprocessors, traced."""
  make = asking.Asker

  def asker(task, split, lengths, score):
    key = task.name, split, *lengths.values()
    if key not in askers:
      askers[key] = make(task, split, lengths, score)
    one = copy.copy(askers[key])
    one._score, one._unfit = score, np.zeros_like(one._unfit)
    return one

  monkeypatch.setattr(asking, "Asker", asker)


@pytest.fixture
def expected(small):
  """Rank of each request's target by worth."""
  titles = read.load_catalogue(small, "small")["title"].to_list()
  tokens = np.zeros((len(titles), 32), np.int64)
  for row, title in enumerate(titles):
    pieces = [*RUN_VOCABULARY.encode(title), 1]
    tokens[row, : len(pieces)] = pieces
  values = worth(tokens)
  requests = read.load_split(small, "small", "test")
  found = values[requests["candidates"]]
  rank = (found >= values[requests["target"]][:, None]).sum(axis=1)
  return dict(zip(requests["instance"].tolist(), rank.tolist(), strict=True))


def evaluated(tmp_path, procedure, form, score, lengths=_LENGTHS):
  evaluation = Evaluation(
    scorer=types.SimpleNamespace(score=score),
    split="test",
    lengths=lengths,
    out=tmp_path,
    step=3,
    system="taste",
    seed=0,
  )
  [folder] = asking.ask(
    procedure,
    [f"instructrec_small_p1_i0_{f}" for f in ("t0", form)],
    evaluation,
  )
  assert folder == tmp_path / f"instructrec_small_p1_i0_{form}/3/{procedure}"
  return results.read_result(folder), results.read_predictions(folder)


def ranks(predictions):
  return dict(
    zip(
      predictions.instances.tolist(),
      predictions.outcomes.ranks.tolist(),
      strict=True,
    )
  )


@pytest.mark.parametrize(
  ("procedure", "form"),
  [("sorting", "t1"), ("rounds", "t3"), ("orders", "t1"), ("orders", "t3")],
)
def test_a_steady_taste_is_found_and_none_comes_last(
  small, tmp_path, expected, procedure, form
):
  result, predictions = evaluated(tmp_path, procedure, form, taste)
  assert (result.n, result.step, result.procedure) == (60, 3, procedure)
  assert ranks(predictions) == expected
  _, unable = evaluated(tmp_path, procedure, form, level)
  assert set(ranks(unable).values()) == {10}


def test_sorting_takes_few_comparisons(small, tmp_path):
  asked = []

  def score(rows):
    asked.append(len(rows["candidate_tokens"]))
    return taste(rows)

  result, _ = evaluated(tmp_path, "sorting", "t1", score)
  comparisons = result.further["comparisons"].value
  assert comparisons * 60 == sum(asked)
  assert comparisons <= 25  # The most that a merge sort of ten takes.
  assert len(asked) <= 16
  # Each is named first about as often as second.
  assert 0.4 < result.further["first_wins"].value < 0.6
  result, _ = evaluated(tmp_path, "sorting", "t1", liking_first)
  assert result.further["first_wins"].value == 1


def test_all_pairs_through_seqio_rank_as_sorting_does(
  small, tmp_path, expected
):
  task = "instructrec_small_p1_i0_t1"

  def score_fn(dataset):
    indices, rows = next(dataset.batch(10_000).as_numpy_iterator())
    return list(zip(indices.tolist(), taste(rows), strict=True))

  seqio.Evaluator(
    task,
    feature_converter.RankingFeatureConverter(
      pack=False, apply_length_check=False
    ),
    eval_split="test",
    sequence_length=_LENGTHS,
    logger_cls=[
      functools.partial(evaluator.ResultLogger, system="s", split="test")
    ],
    log_dir=str(tmp_path),
  ).evaluate(compute_metrics=True, step=3, score_fn=score_fn)[0].result()
  for folder in (tmp_path / task / "3", tmp_path / task / "3" / "copeland"):
    assert ranks(results.read_predictions(folder)) == expected
  figures = results.read_result(tmp_path / task / "3").further
  assert figures["comparisons"].value == 45


def test_rounds_rank_what_no_prompt_could_hold(small, tmp_path, expected):
  with gin.unlock_config():
    gin.bind_parameter("instructrec_jax.groups.group_size", 3)
  short = {"inputs": 64, "targets": 32}
  task = seqio.get_mixture_or_task("instructrec_small_p1_i0_t3")
  whole = task.get_dataset(short, split="test", shuffle=False)
  assert not list(whole)
  result, predictions = evaluated(tmp_path, "rounds", "t3", taste, short)
  assert 0 < result.n <= 60
  assert result.n + sum(result.skipped.values()) == 60
  found = ranks(predictions)
  # Who is best of all wins every group; others may meet better ones early.
  assert {i for i, rank in found.items() if rank == 1} == {
    i for i in found if expected[i] == 1
  }


def test_orders_say_how_much_the_order_matters(small, tmp_path):
  result, _ = evaluated(tmp_path, "orders", "t3", taste)
  assert result.further["rank_sd"].value == 0
  assert result.further["top_changes"].value == 0
  assert result.further["kendall_tau"].value == pytest.approx(1)
  hit = result.metrics["hr@1"].value
  assert result.further["hr@1_lowest_order"].value == hit
  result, predictions = evaluated(tmp_path, "orders", "t3", liking_first)
  assert result.further["top_changes"].value > 0.99
  # By luck each order has the target first in a tenth of the requests.
  assert 0 <= result.further["hr@1_lowest_order"].value < 0.2
  assert metrics.measure(predictions.outcomes)["mrr"].mean() < 0.5


def test_who_is_named_first_cancels_out_of_both_orders(small, tmp_path):
  result, _ = evaluated(tmp_path, "orders", "t1", taste)
  assert result.further["comparisons"].value == 90
  assert result.further["pair_changes"].value == 0
  assert result.further["first_wins"].value == 0.5
  assert result.further["rank_sd"].value == 0
  result, predictions = evaluated(tmp_path, "orders", "t1", liking_first)
  assert result.further["pair_changes"].value == 1
  assert result.further["first_wins"].value == 1
  assert set(ranks(predictions).values()) == {10}


def test_a_model_without_numbers_is_wrong(small, tmp_path):
  def score(rows):
    return np.full(rows["candidate_tokens"].shape[:2], np.nan)

  for procedure, form in (
    ("sorting", "t1"),
    ("rounds", "t3"),
    ("orders", "t1"),
  ):
    _, predictions = evaluated(tmp_path, procedure, form, score)
    assert set(ranks(predictions).values()) == {10}


def test_lengths_for_which_nothing_fits(small, tmp_path):
  with pytest.raises(InputError, match=r"that does not fit .* tokens"):
    evaluated(tmp_path, "rounds", "t3", taste, {"inputs": 64, "targets": 32})
  with pytest.raises(InputError, match=r"fits .* even with one candidate"):
    evaluated(tmp_path, "rounds", "t3", taste, {"inputs": 9, "targets": 32})
