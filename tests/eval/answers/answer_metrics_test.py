"""Texts that a model writes, measured through SeqIO's own evaluator."""

import functools
import json

import numpy as np
import pytest
import seqio
import sklearn.metrics
import tensorflow as tf

from instructrec_jax.errors import InputError
from instructrec_jax.eval import metrics
from instructrec_jax.eval.answers import answer_metrics
from instructrec_jax.eval.recording import evaluator, results
from instructrec_jax.report import command

TITLES = ["Halo", "Tetris", "Chess", "7 Wonders", "Zelda, the Awakening", "Go"]


class _Bytes(seqio.ByteVocabulary):
  """Any text, so that what is predicted is what is decoded."""


VOCABULARY = _Bytes()


def _dataset(rows, split, shuffle_files, seed=None):
  del split, shuffle_files, seed

  def row(number, fields):
    return {
      "instance": np.int64(100 + number),
      "user": np.int64(number),
      "targets_pretokenized": fields.pop("target"),
      "inputs": np.array([5], np.int32),
      "targets": np.array([5], np.int32),
    } | {k: np.asarray(v) for k, v in fields.items()}

  made = [row(n, dict(fields)) for n, fields in enumerate(rows)]
  specs = {
    k: tf.TensorSpec([None] * np.ndim(v), tf.as_dtype(np.asarray(v).dtype))
    if not isinstance(v, str)
    else tf.TensorSpec([], tf.string)
    for k, v in made[0].items()
  }
  return tf.data.Dataset.from_generator(
    lambda: iter(made), output_signature=specs
  )


@pytest.fixture
def run(tmp_path, request):
  """Evaluates made-up answers; returns SeqIO's figures and the folder."""
  name = "answer_metrics_test_task"

  def evaluate(
    rows, metric_fns, texts=None, scores=None, system="ours", postprocess=None
  ):
    feature = seqio.Feature(VOCABULARY, add_eos=False)
    seqio.TaskRegistry.remove(name)
    seqio.TaskRegistry.add(
      name,
      source=seqio.FunctionDataSource(
        functools.partial(_dataset, rows), splits=["test"]
      ),
      preprocessors=[],
      output_features={"inputs": feature, "targets": feature},
      postprocess_fn=postprocess or metric_fns[0].postprocess,
      metric_fns=metric_fns,
    )

    def predict_fn(dataset):
      width = max(len(text.encode()) for text in texts) + 1
      out = []
      for index, _ in dataset:
        tokens = VOCABULARY.encode(texts[int(index)])
        out.append((int(index), tokens + [0] * (width - len(tokens))))
      return out[::-1]

    def score_fn(dataset):
      return [(int(i), scores[int(i)]) for i, _ in dataset]

    judge = seqio.Evaluator(
      name,
      seqio.EncDecFeatureConverter(pack=False),
      eval_split="test",
      logger_cls=[
        functools.partial(evaluator.ResultLogger, system=system, split="test")
      ],
      log_dir=str(tmp_path / system),
    )
    found, _ = judge.evaluate(
      compute_metrics=True, predict_fn=predict_fn, score_fn=score_fn
    )
    return found.result()[name], tmp_path / system / name

  seqio.TaskRegistry.remove(name)
  yield evaluate
  seqio.TaskRegistry.remove(name)


def _lines(folder):
  text = (folder / results.ANSWERS_FILE).read_text()
  return [json.loads(line) for line in text.splitlines()]


def test_ratings(run):
  rows = [
    {"target": "4", "rating": np.float32(4)},
    {"target": "1", "rating": np.float32(1)},
    {"target": "5", "rating": np.float32(5)},
  ]
  found, folder = run(
    rows,
    [
      answer_metrics.Ratings(1, 5),
      answer_metrics.ExpectedRatings((1, 2, 3, 4, 5)),
    ],
    ["I would say 3 stars", "no idea", "5"],
    np.log([[1, 1, 1, 1, 1], [6, 1, 1, 1, 1], [1, 1, 1, 1, 16]], dtype=float),
  )
  assert found["n"] == 3
  assert found["rmse"] == pytest.approx(0.5**0.5)  # Of 3 for 4, and 5 for 5.
  assert found["mae"] == pytest.approx(0.5)
  assert found["parse_failure_rate"] == pytest.approx(1 / 3)
  errors = np.array([3.0 - 4, 2.0 - 1, 4.5 - 5])
  assert found["expected_rmse"] == pytest.approx((errors**2).mean() ** 0.5)
  assert found["expected_mae"] == pytest.approx(np.abs(errors).mean())
  result = results.read_result(folder)
  assert result.metrics == {}
  assert {k: e.value for k, e in result.further.items()} == pytest.approx(
    {k: v for k, v in found.items() if k != "n"}
  )
  interval = result.further["expected_mae"]
  assert interval.low <= found["expected_mae"] <= interval.high
  assert _lines(folder)[:2] == [
    {"instance": 100, "user": 0, "answer": "I would say 3 stars", "read": 3.0,
     "truth": 4.0},
    {"instance": 101, "user": 1, "answer": "no idea", "read": None,
     "truth": 1.0},
  ]  # fmt: skip
  assert not (folder / results.PREDICTIONS_FILE).exists()


def test_ratings_of_which_none_can_be_read(run):
  rows = [{"target": "4"}, {"target": "2"}]
  found, folder = run(rows, [answer_metrics.Ratings(1, 5)], ["x", "y"])
  assert found["parse_failure_rate"] == 1.0
  again = results.read_result(folder)
  assert np.isnan(again.further["rmse"].value)
  assert "nan" in command.report([folder])


def test_attributes(run):
  rows = [
    {"target": "age group: 18-24, gender: F"},
    {"target": "age group: 25-34, gender: M"},
  ]
  found, folder = run(
    rows,
    [answer_metrics.Attributes(("age group", "gender"))],
    ["Gender: f; age group: 18-24", "gender: F"],
  )
  assert found == {
    "accuracy of age group": 0.5, "n of age group": 2,
    "accuracy of gender": 0.5, "n of gender": 2, "n": 2
  }  # fmt: skip
  assert _lines(folder)[1]["read"] == {"gender": "F"}


def test_attributes_that_some_users_lack(run):
  rows = [
    {"target": "country: France, age: 30"},
    {"target": "age: 40"},
    {"target": "country: Japan"},
  ]
  found, folder = run(
    rows,
    [answer_metrics.Attributes(("country", "age"), numbers=("age",))],
    ["age: 33, country: france", "age: forty", "country: Spain, age: 9"],
  )
  assert found == {
    "accuracy of country": 0.5, "n of country": 2, "rmse of age": 3,
    "parse_failure_rate of age": 0.5, "n of age": 2, "n": 3,
  }  # fmt: skip
  assert _lines(folder)[2]["truth"] == {"country": "Japan"}
  assert results.read_result(folder).further["n of age"].value == 2


def test_texts(run):
  rows = [{"target": "likes old board games"}, {"target": "fans of chess"}]
  found, folder = run(
    rows, [answer_metrics.Texts()], ["likes old board games", "all of chess"]
  )
  assert found["rouge-1"] == pytest.approx((1 + 2 / 3) / 2)
  assert found["bleu-1"] == pytest.approx(6 / 7)
  assert _lines(folder)[0]["truth"] == "likes old board games"
  assert list(results.read_result(folder).further) == [
    "bleu-1", "bleu-2", "rouge-1", "rouge-2", "rouge-l"
  ]  # fmt: skip


_LISTS = [
  # Relevant: Tetris and Go, found at 2 and nowhere.
  {"target": "-", "relevant_items": [1, 5], "candidate_items": [0, 1, 2, 5],
   "history_items": [3]},
  {"target": "-", "relevant_items": [2], "candidate_items": [2, 4, 0, 1],
   "history_items": [5]},
]  # fmt: skip
_WRITTEN = [
  "1. Halo\n2. Tetris\n3. 7 Wonders\n4. Halo",
  "1. Chess\n2. Zelda, the Awakening\n3. Doom\n4. Tetris",
]


def test_lists_are_rankings_with_their_validity(run):
  found, folder = run(_LISTS, [answer_metrics.Lists(lambda: TITLES)], _WRITTEN)
  predictions = results.read_predictions(folder)
  # Go is behind all that was listed, and ties with Chess, which was not.
  assert predictions.outcomes.ranks.tolist() == [2, 4, 1]
  assert found["hr@1"] == 0.5
  assert found["recall@5"] == 1.0
  assert found["out_of_candidates"] == pytest.approx(1 / 8)
  assert found["out_of_catalogue"] == pytest.approx(1 / 8)
  assert found["duplicate"] == pytest.approx(1 / 8)
  assert found["missing"] == pytest.approx((2 + 1) / 8)
  result = results.read_result(folder)
  assert result.further["missing"].value == pytest.approx(3 / 8)
  ranking = metrics.measure(predictions.outcomes)
  assert {m: e.value for m, e in result.metrics.items()} == pytest.approx(
    {m: v.mean() for m, v in ranking.items()}
  )
  assert _lines(folder)[0]["read"] == [[0], [1]]


def test_lists_out_of_the_whole_catalogue(run):
  rows = [
    {"target": "-", "relevant_items": [1], "history_items": [0]},
    {"target": "-", "relevant_items": [2], "history_items": [5]},
  ]
  found, folder = run(
    rows,
    [answer_metrics.Lists(lambda: TITLES, wanted=2)],
    ["Halo, Tetris", "nothing that anybody knows"],
  )
  predictions = results.read_predictions(folder)
  assert predictions.sizes.tolist() == [6, 6]
  assert predictions.outcomes.ranks.tolist() == [2, 6]
  assert found["history_repeat"] == pytest.approx(1 / 3)
  assert found["missing"] == pytest.approx(2 / 4)
  assert found["hr@3"] == 0.5


def test_lists_must_know_how_many(run):
  rows = [{"target": "-", "relevant_items": [1], "history_items": [0]}]
  with pytest.raises(ValueError, match="no candidates: give Lists `wanted`"):
    run(rows, [answer_metrics.Lists(lambda: TITLES)], ["Halo"])


@pytest.mark.parametrize(
  ("metric", "row", "message"),
  [
    (answer_metrics.Ratings(1, 5), {"target": "great"},
     "instance 100: expected a rating from 1 to 5, got nan"),
    (answer_metrics.Ratings(1, 5), {"target": "9", "rating": np.float32(9)},
     "instance 100: expected a rating from 1 to 5, got 9.0"),
    (answer_metrics.Attributes(("age",)), {"target": "gender: F"},
     r"instance 100: expected at least one .* \['age'\] .* 'gender: F'"),
  ],
)  # fmt: skip
def test_truths_that_are_none(run, metric, row, message):
  with pytest.raises(ValueError, match=message):
    run([row], [metric], ["1"])


_CANDIDATES = [
  {**row, "asked": [0, 1, 2, 3], "target_item": row["relevant_items"][0],
   "candidates_pretokenized": [TITLES[i] for i in row["candidate_items"]]}
  for row in _LISTS
]  # fmt: skip


def test_a_task_that_is_ranked_by_scores_and_in_writing(run):
  lists = answer_metrics.Lists(procedure="generated")

  def asked(output, example, is_target):
    del output
    assert is_target
    return {
      "instance": int(example["instance"]), "user": int(example["user"]),
      "target": example["relevant_items"],
      "candidates": example["candidate_items"],
    }  # fmt: skip

  scores = np.array([[-4.0, -1, -3, -2], [-1.0, -2, -3, -4]])
  found, folder = run(
    _CANDIDATES,
    [evaluator.ranking_metric_fn, lists],
    _WRITTEN,
    scores,
    postprocess=answer_metrics.together(asked, lists.postprocess),
  )
  by_scores = results.read_predictions(folder)
  assert by_scores.outcomes.ranks.tolist() == [1, 2, 1]
  assert results.read_result(folder).procedure == "likelihood"
  assert not (folder / results.ANSWERS_FILE).exists()
  written = results.read_predictions(folder / "generated")
  assert written.outcomes.ranks.tolist() == [2, 4, 1]
  result = results.read_result(folder / "generated")
  assert (result.procedure, result.n) == ("generated", 2)
  assert result.requests == results.read_result(folder).requests
  # No catalogue is known here: what is no candidate is just that.
  assert result.further["out_of_candidates"].value == pytest.approx(2 / 8)
  assert "out_of_catalogue" not in result.further
  assert _lines(folder / "generated")[1]["read"] == [[2], [4], [1]]
  assert found["hr@1"] == 1.0
  assert found["generated/hr@1"] == 0.5
  assert found["generated/missing"] == pytest.approx(3 / 8)
  assert found["n"] == found["generated/n"] == 2
  # As scikit-learn counts, given the places that were found.
  ndcg = sklearn.metrics.ndcg_score(
    [[0, 1, 0, 1], [1, 0, 0, 0]], [[4, 3, 2, 1], [4, 3, 2, 1]]
  )
  assert found["generated/ndcg@10"] == pytest.approx(ndcg)
  assert found["generated/precision@5"] == pytest.approx((2 / 5 + 1 / 5) / 2)
  assert "generated" in command.report([folder])


def test_a_title_for_each_candidate():
  example = _CANDIDATES[0] | {
    "instance": 7, "user": 0, "candidates_pretokenized": [b"Halo"]
  }  # fmt: skip
  with pytest.raises(InputError, match="instance 7: expected a title for each"):
    answer_metrics.Lists().postprocess("", example, is_target=True)


def test_reports_show_them_side_by_side(run, tmp_path):
  _, ours = run(_LISTS, [answer_metrics.Lists(lambda: TITLES)], _WRITTEN)
  _, other = run(
    _LISTS,
    [answer_metrics.Lists(lambda: TITLES)],
    ["Halo, Tetris, Chess, Go", "Chess"],
    system="other",
  )
  rows = [{"target": "4"}, {"target": "2"}]
  _, rated = run(
    rows, [answer_metrics.Ratings(1, 5)], ["4", "4"], system="rated"
  )
  outs = [tmp_path / f"r{kind}" for kind in (".md", ".csv", ".tex", ".html")]
  shown = command.report([ours, other, rated], outs)
  assert "out_of_catalogue" in shown
  assert "RECALL@5" in shown
  line = next(x for x in shown.splitlines() if x.startswith("rated, "))
  interval = "0.0000\u20132.0000"
  assert line.split()[2:] == ["1.4142", interval, "1.0000", "0.0000"]
  for out in outs:
    text = out.read_text()
    for name in ("out", "parse", "1.4142"):
      assert name in text
  # Those two answered the same, and stand in one table.
  assert shown.count("out_of_catalogue") == 1


def test_likelihoods_of_another_scale():
  metric = answer_metrics.ExpectedRatings((1, 2, 3))
  targets = [{"instance": 1, "user": 0, "truth": 2.0}]
  with pytest.raises(InputError, match=r"shape \[1, 3\], .* got \[1, 2\]"):
    metric(targets, np.zeros((1, 2)))


_TITLES = ["Halo", "Rock, Paper and Co.", "7 Wonders", "Tetris", "Go (Weiqi)"]
_FEW_LISTS = answer_metrics.Lists(titles=None)


def _target(metric, text=""):
  """Returns what a metric keeps of a request; its candidates are 10 to 14."""
  codes = range(10, 10 + len(_TITLES))
  example = {
    "instance": 1, "user": 2,
    "relevant_items": [10], "candidate_items": list(codes),
    "candidates_pretokenized": [title.encode() for title in _TITLES],
  }  # fmt: skip
  return metric.postprocess(text, example=example, is_target=True)


@pytest.mark.parametrize(
  ("metric", "truth", "text", "understood"),
  [
    (_FEW_LISTS, "", "1. Tetris; 2. Halo; 3. Catan", [[13], [10]]),
    (_FEW_LISTS, "", "I cannot rank these.", []),
    (answer_metrics.Lists(titles=None, wanted=1), "", "Tetris.", [[13]]),
    (answer_metrics.Ratings(0.5, 5.0), "4.0", "four", 4.0),
    (answer_metrics.Ratings(0.5, 5.0), "4.0", "-3", None),
    (answer_metrics.Attributes(("age group", "gender")), "gender: F",
     "Gender: Male; Age Group: 25-34.",
     {"age group": "25-34", "gender": "Male"}),
    (answer_metrics.Attributes(("age group", "gender")), "gender: F",
     "a young man", {}),
  ],
)  # fmt: skip
def test_what_is_understood_is_kept_beside_what_was_written(
  metric, truth, text, understood
):
  found = metric.measured(
    [_target(metric, truth)], {"prediction": [text]}, seed=0
  )
  assert found.answers.read == [understood]


@pytest.mark.parametrize(
  ("text", "figures"),
  [
    ("1. Halo\n2. Catan\n3. Halo\n4. Tetris\n5. Go (Weiqi)",
     {"out_of_candidates": 1 / 5, "duplicate": 1 / 5, "missing": 2 / 5}),
    ("", {"out_of_candidates": 0, "duplicate": 0, "missing": 1}),
    # Told apart from the 7 of a title, and the bracket of another.
    ("7 Wonders; Go (Weiqi); Rock, Paper and Co.; Halo; Tetris",
     {"out_of_candidates": 0, "duplicate": 0, "missing": 0}),
  ],
)  # fmt: skip
def test_how_valid_lists_are(text, figures):
  found = _FEW_LISTS.measured(
    [_target(_FEW_LISTS)], {"prediction": [text]}, seed=0
  )
  values = {name: e.value for name, e in found.further.items()}
  assert values == pytest.approx(figures | {"history_repeat": 0})
