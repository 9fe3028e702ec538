"""The whole catalogue ranked, held against scoring every title of it."""

import functools
import re
import shutil
import types

import gin
import jax
import numpy as np
import polars as pl
import pytest
import seqio

from instructrec_jax.baselines import rank as baselines
from instructrec_jax.batches import feature_converter
from instructrec_jax.data.names import tables_dir
from instructrec_jax.data.records import read
from instructrec_jax.data.records.catalogue import Catalogue
from instructrec_jax.data.records.seen import Seen
from instructrec_jax.errors import InputError
from instructrec_jax.eval.recording import catalogue_ranking, evaluator, results
from instructrec_jax.model import ranking_model, trie
from instructrec_jax.report import command
from instructrec_jax.runs import evaluate
from instructrec_jax.scoring.scorer import Scorer
from tests import tiny
from tests.unsealed import unseal

TASK = "instructrec_small_p1_i0_t2"

ITEMS = 48


@pytest.fixture(scope="module")
def model_dir(small_data, tmp_path_factory):
  """A model of one step, whose scores are as good as random."""
  folder = tmp_path_factory.mktemp("catalogue") / "model"
  tiny.train(
    small_data,
    folder,
    2,
    "TASK_FEATURE_LENGTHS = {'inputs': 192, 'targets': 24}",
    "LENGTH_POWER = 0.0",  # As beams score.
  )
  return folder


def _evaluate(model_dir, out, beams, **settings):
  [folder] = evaluate.evaluate(
    str(model_dir),
    gin_bindings=[f"NUM_BEAMS = {beams}"],
    rank="catalogue",
    out=out,
    batch_size=16,
    **settings,
  )
  return folder


def _had(small_data):
  """Returns what each user met before the test target, out of the log."""
  log = pl.read_parquet(
    tables_dir(small_data, "small") / "interactions.parquet"
  )
  items = log.group_by("user", maintain_order=True).agg("item")
  return [set(codes[:-1]) for codes in items["item"].to_list()]


@pytest.fixture(scope="module")
def everything(model_dir, tmp_path_factory):
  """What a beam as wide as the catalogue finds."""
  out = tmp_path_factory.mktemp("wide")
  folder = _evaluate(model_dir, out, ITEMS, split="test", system="wide")
  return folder, results.read_predictions(folder)


def test_a_beam_as_wide_as_the_catalogue_ranks_as_scoring_it_does(
  small_data, model_dir, everything
):
  _, found = everything
  titles = Catalogue("small").items["title"].to_list()
  tokens = [[*seqio_vocabulary().encode(title), 1] for title in titles]
  width = max(map(len, tokens))
  candidates = np.array([row + [0] * (width - len(row)) for row in tokens])
  ds = seqio.get_mixture_or_task(TASK).get_dataset(
    {"inputs": 192, "targets": 24}, split="test", shuffle=False
  )
  examples = {int(e["instance"]): e for e in ds.as_numpy_iterator()}
  assert sorted(examples) == sorted(found.instances)
  inputs = np.zeros((found.n, 192), np.int32)
  for row, instance in enumerate(found.instances):
    given = examples[int(instance)]["inputs"]
    inputs[row, : len(given)] = given
  scorer = Scorer(gin_model(), model_dir, batch_size=16)
  scores = scorer.score(
    {
      "encoder_input_tokens": inputs,
      "candidate_tokens": np.broadcast_to(
        candidates, (found.n, *candidates.shape)
      ).astype(np.int32),
    }
  )
  had = _had(small_data)
  for row, user in enumerate(found.users):
    left = [item for item in range(ITEMS) if item not in had[user]]
    assert found.sizes[row] == len(left)
    listed = found.candidates[row][found.mask[row]]
    assert sorted(listed) == left
    np.testing.assert_allclose(
      found.scores[row][: len(left)], scores[row][listed], rtol=1e-4
    )
    [target] = listed[found.gains[row][: len(left)] > 0]
    rank = (scores[row][left] >= scores[row][target]).sum()
    assert found.outcomes.ranks[row] == rank


def seqio_vocabulary():
  return seqio.get_mixture_or_task(TASK).output_features["targets"].vocabulary


def gin_model():
  return gin.get_configurable("MODEL/gin.macro")()


def test_a_narrow_beam_and_a_history_that_stays(
  small_data, model_dir, everything, tmp_path
):
  folder = _evaluate(
    model_dir, tmp_path, 3, split="test", exclude_history=False
  )
  found = results.read_predictions(folder)
  assert set(found.sizes) == {ITEMS}
  assert (np.isfinite(found.scores).sum(axis=1) == 3).all()
  ranks = found.outcomes.ranks
  assert set(ranks) <= {1, 2, 3, ITEMS}
  # Something was found that the user has had.
  had = _had(small_data)
  assert any(
    set(row[:3]) & had[user]
    for user, row in zip(found.users, found.candidates, strict=True)
  )
  result = results.read_result(folder)
  assert result.metrics["hr@3"].value == pytest.approx((ranks <= 3).mean())
  assert result.chance["hr@3"] == pytest.approx(3 / ITEMS)


def test_another_runner_s_answers_are_measured_alike(
  model_dir, everything, tmp_path
):
  """A predict_with_aux_fn as T5X makes it: jitted, lists, in no order."""
  runs_of = catalogue_ranking.CatalogueEvaluator(
    TASK,
    feature_converter.RankingFeatureConverter(pack=False),
    eval_split="test",
    sequence_length={"inputs": 192, "targets": 24},
    logger_cls=[
      functools.partial(evaluator.ResultLogger, system="other", split="test")
    ],
    log_dir=str(tmp_path),
  )
  params = Scorer(gin_model(), model_dir, batch_size=8)._params
  model = ranking_model.RankingModel(
    gin_model().config, num_beams=ITEMS, catalogue=runs_of.titles
  )
  predict = jax.jit(model.predict_batch_with_aux)

  def predict_with_aux_fn(requests):
    indices, rows = next(requests.batch(len(requests)).as_numpy_iterator())
    tokens, more = predict(jax.device_get(params), rows)
    mixed = np.random.default_rng(0).permutation(len(indices))
    return list(zip(indices[mixed], tokens[mixed].tolist(), strict=True)), {
      name: array[mixed].tolist() for name, array in more.items()
    }

  done, _ = runs_of.evaluate(
    compute_metrics=True,
    step=3,
    predict_with_aux_fn=predict_with_aux_fn,
    score_fn=None,
    predict_fn=None,
  )
  done.result()
  folder, expected = everything
  other = tmp_path / "catalogue" / TASK / "3"
  assert (
    results.read_result(other).metrics == results.read_result(folder).metrics
  )
  found = results.read_predictions(other)
  np.testing.assert_array_equal(found.candidates, expected.candidates)
  np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-4)


def test_tasks_without_a_catalogue_in_common():
  def task(name, source):
    return types.SimpleNamespace(name=name, source=source)

  a, b = (
    task(name, seqio.TfdsDataSource(f"instructrec_{name}:1.0.0"))
    for name in ("a", "b")
  )
  other = task("c", seqio.TextLineDataSource({"test": "c.txt"}))
  with pytest.raises(InputError, match="several datasets, a, b, which have no"):
    catalogue_ranking.catalogue_of([a, a, b])
  with pytest.raises(InputError, match="c does not read records"):
    catalogue_ranking.catalogue_of([other])


def test_popularity_ranks_the_same_catalogue(small_data, model_dir, tmp_path):
  folder = _evaluate(model_dir, tmp_path / "m", 12, split="test", system="wide")
  out = tmp_path / "popularity"
  result = baselines.evaluate_baseline(
    small_data, "small", "test", "popularity", out, rank="catalogue"
  )
  assert result.requests == results.read_result(folder).requests
  count = read.load_catalogue(small_data, "small")["train_count"].to_numpy()
  had = _had(small_data)
  requests = read.load_split(small_data, "small", "test")
  ranks = []
  for user, target in zip(requests["user"], requests["target"], strict=True):
    left = np.setdiff1d(np.arange(ITEMS), list(had[user]))
    ranks.append((count[left] >= count[target]).sum())
  for k in (1, 3, 5, 10):
    expected = (np.array(ranks) <= k).mean()
    assert result.metrics[f"hr@{k}"].value == pytest.approx(expected)
  page = tmp_path / "page.html"
  table = command.report([folder, out], [page], data_dir=small_data)
  text = page.read_text()
  assert "gini@10" in text
  assert re.search(r"rank among up to \d+ items", text)
  assert "popularity" in table
  assert "wide" in table
  assert "coverage@10" in table
  assert "The whole catalogue was ranked" in table
  # Of the twelve that each beam found.
  command.report([folder], [page], data_dir=small_data)
  assert "further items not shown" in page.read_text()


def test_random_ranks_at_chance(small_data, tmp_path, monkeypatch):
  monkeypatch.setattr(baselines, "BLOCK", 7 * ITEMS)
  result = baselines.evaluate_baseline(
    small_data, "small", "test", "random", tmp_path, rank="catalogue"
  )
  found = results.read_predictions(tmp_path)
  assert len(np.unique(found.scores[:, 0])) == found.n
  low, high = result.metrics["hr@10"].low, result.metrics["hr@10"].high
  assert low <= result.chance["hr@10"] <= high


def test_items_of_one_title_tie():
  titles = trie.from_titles(
    [[5, 6], [7], [5, 6], [8]], list, 10, same_title="first"
  )
  found = np.array([[0, 3, 1], [3, 0, -1]])
  worth = np.array([[-1.0, -2.0, -3.0], [-1.0, -4.0, -np.inf]])
  seen = Seen(np.array([0, 1]), np.array([2, 1]), 2)
  items, scores = catalogue_ranking.listed(found, worth, titles, seen)
  assert items.tolist() == [[0, 3, 1], [3, 0, 2]]
  assert scores.tolist() == [[-1.0, -2.0, -3.0], [-1.0, -4.0, -4.0]]


def test_what_cannot_be_ranked(model_dir, tmp_path):
  with pytest.raises(InputError, match="expected a task of the form T2"):
    _evaluate(
      model_dir, tmp_path, 3, mixture_or_task_name=TASK.replace("t2", "t3")
    )
  with pytest.raises(InputError, match="Did you mean 'catalogue'"):
    evaluate.evaluate(str(model_dir), rank="catalog", out=tmp_path)
  assert not list(tmp_path.iterdir())


@pytest.fixture
def retitled(small_data, tmp_path):
  """A function that changes titles in a copy of the records."""

  def change(titles):
    copy = tmp_path / "records"
    shutil.copytree(small_data / "records", copy)
    # The plain records, not those of product search.
    [path] = copy.glob(f"instructrec_small/*/{read.CATALOGUE}")
    unseal(path.parent)
    items = pl.read_parquet(path)
    changed = pl.Series(titles(items["title"].to_list()))
    items.with_columns(title=changed).write_parquet(path)
    return str(copy)

  return change


def test_a_title_that_says_nothing_is_refused(retitled, model_dir, tmp_path):
  records = retitled(lambda t: [t[0], " ", *t[2:]])
  with pytest.raises(InputError, match=r"the title of item 1 .*has no token"):
    _evaluate(
      model_dir, tmp_path / "out", 3, split="test", tfds_data_dir=records
    )
  assert not (tmp_path / "out").exists()


def test_items_of_one_title_tie_and_are_told_of(
  retitled, model_dir, tmp_path, capsys
):
  records = retitled(lambda t: [t[1], *t[1:]])
  folder = _evaluate(
    model_dir, tmp_path / "out", 48, split="test", tfds_data_dir=records
  )
  said = capsys.readouterr().err
  assert "small: 2 of 48 items have the title of another item" in said
  found = results.read_predictions(folder)
  both = 0
  for items, scores in zip(found.candidates, found.scores, strict=True):
    same = np.isin(items, [0, 1])
    both += same.sum() == 2
    assert len({*scores[same].tolist()}) <= 1
  assert both
