"""The metric function and the logger, through SeqIO's own evaluator."""

import functools
import json

import numpy as np
import pytest
import seqio
import tensorflow as tf
from etils import epath

from instructrec_jax.batches import feature_converter
from instructrec_jax.data.records import read
from instructrec_jax.errors import InputError
from instructrec_jax.eval.recording import evaluator, examples, results
from instructrec_jax.instructions.templates import templates_of

TASK = "evaluator_test_task"

# Ragged on purpose; the target stands at another place each time.
ROWS = [
  {"instance": 10, "user": 0, "target": 5, "candidates": [5, 6, 7]},
  {"instance": 11, "user": 1, "target": 8, "candidates": [1, 8]},
  {"instance": 12, "user": 2, "target": 3, "candidates": [4, 2, 3]},
]
SCORES = np.array(
  [
    [-1.0, -2.0, -3.0],  # rank 1
    [-2.0, -2.0, -np.inf],  # a tie: rank 2
    [-1.0, np.nan, -2.0],  # beaten by one, and by a NaN: rank 3
  ],
  np.float32,
)


def postprocess(decoded, example=None, is_target=False):
  del decoded
  assert is_target
  return {name: example[name] for name in evaluator.TARGET_FIELDS}


@pytest.fixture
def task():
  def dataset(split, shuffle_files, seed=None):
    del split, shuffle_files, seed
    signature = {
      name: tf.TensorSpec((), tf.int64)
      for name in ("instance", "user", "target")
    }
    signature["candidates"] = tf.TensorSpec((None,), tf.int64)
    rows = tf.data.Dataset.from_generator(
      lambda: iter(ROWS), output_signature=signature
    )
    return rows.map(lambda row: {**row, "inputs": [2, 3], "targets": [4]})

  feature = seqio.Feature(seqio.PassThroughVocabulary(100), add_eos=False)
  seqio.TaskRegistry.add(
    TASK,
    source=seqio.FunctionDataSource(
      dataset, splits=["test"], num_input_examples={"test": 5}
    ),
    preprocessors=[],
    output_features={"inputs": feature, "targets": feature},
    postprocess_fn=postprocess,
    metric_fns=[evaluator.ranking_metric_fn],
  )
  yield TASK
  seqio.TaskRegistry.remove(TASK)


def evaluate(task, score_fn, tmp_path, step=None):
  logger = functools.partial(
    evaluator.ResultLogger,
    system="ours",
    split="test",
  )
  judge = seqio.Evaluator(
    task,
    seqio.EncDecFeatureConverter(pack=False),
    eval_split="test",
    logger_cls=[logger],
    log_dir=str(tmp_path),
  )
  metrics, _ = judge.evaluate(
    compute_metrics=True, step=step, score_fn=score_fn
  )
  return metrics.result()[task]


@pytest.mark.parametrize("aux", [False, True])
def test_through_seqios_evaluator(task, tmp_path, aux):
  def score_fn(dataset):
    # A pod hands examples back in any order.
    scored = [(int(i), SCORES[int(i)]) for i, _ in dataset][::-1]
    return (scored, {"length": [1, 2, 3]}) if aux else scored

  found = evaluate(task, score_fn, tmp_path, step=40)
  assert found["n"] == 3
  assert found["hr@1"] == pytest.approx(1 / 3)
  assert found["mrr"] == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
  assert found["ndcg@3"] == pytest.approx((1 + 1 / np.log2(3) + 1 / 2) / 3)

  folder = tmp_path / task / "40"
  lines = (folder / "predictions.jsonl").read_text().splitlines()
  assert [json.loads(line)["rank"] for line in lines] == [1, 2, 3]
  assert json.loads(lines[1]) == {
    "instance": 11,
    "user": 1,
    "candidates": [1, 8],
    "target": 8,
    "scores": [-2.0, -2.0],
    "rank": 2,
  }
  written = json.loads((folder / "metrics.json").read_text())
  assert written["metrics"]["hr@1"]["value"] == pytest.approx(1 / 3)
  assert list(written["skipped"].values()) == [5 - 3]
  assert (written["dataset"], written["task"]) == (TASK, TASK)
  assert (written["system"], written["step"], written["n"]) == ("ours", 40, 3)
  assert results.read_predictions(folder).outcomes.ranks.tolist() == [1, 2, 3]


def test_without_a_step_there_is_no_folder_for_it(task, tmp_path):
  evaluate(task, lambda ds: [(int(i), SCORES[i]) for i, _ in ds], tmp_path)
  assert results.read_result(tmp_path / task).step is None


@pytest.mark.parametrize(
  ("change", "message"),
  [
    (lambda t, s: (t, s[:2]), "instance 12 has no scores: expected 3 rows"),
    (lambda t, s: (t[:2], s), "scores: expected 2 rows, .* got 3"),
    (lambda t, s: (t, s[:, :2]), "instance 10: expected 3 scores, .* got 2"),
    (lambda t, s: (t, s[:, 0]), r"expected the shape .* = \[3, 3\], got \[3\]"),
    (
      lambda t, s: ([t[0], t[0], t[2]], np.zeros((3, 3))),
      "instance 10: expected once, got 2 times",
    ),
    (
      lambda t, s: ([t[0], {**t[1], "target": 9}, t[2]], s),
      "instance 11: expected the target 9 once .* got it 0 times",
    ),
    (
      lambda t, s: ([{**t[0], "candidates": [5, 5, 6]}, *t[1:]], s),
      "instance 10: expected the target 5 once .* got it 2 times",
    ),
    (
      lambda t, s: ([{**t[0], "candidates": [5, -1, 6]}, *t[1:]], s),
      "instance 10, candidate 1: expected an item code, .* got -1",
    ),
    (
      lambda t, s: (t, np.nan_to_num(s, neginf=0.0)),
      "instance 11: expected -inf in column 2 .* 2 candidates, got 0",
    ),
    (
      lambda t, s: ([{"instance": 1}, *t[1:]], s),
      "target 0: expected the fields",
    ),
  ],
)
def test_misfits_name_the_instance(change, message):
  with pytest.raises(InputError, match=message):
    evaluator.ranking_metric_fn(*change(ROWS, SCORES))


def test_several_targets_of_unequal_worth():
  targets = [
    {"instance": 1, "user": 0, "target": [5, 9], "candidates": [5, 6],
     "gains": [1.0, 2.0], "size": 100, "attributes": {"template": "a"}},
    {"instance": 2, "user": 0, "target": [5], "candidates": [6, 5],
     "gains": [1.0], "size": 100, "attributes": {"template": "b"}},
  ]  # fmt: skip
  scores = np.array([[-1.0, -2.0], [-1.0, -2.0]])
  found = evaluator.predictions_from(targets, scores)
  assert found.outcomes.ranks.tolist() == [1, 100, 2]
  assert found.outcomes.gains.tolist() == [1, 2, 1]
  assert found.attributes["template"].tolist() == ["a", "b"]
  measured = evaluator.ranking_metric_fn(targets, scores)
  assert measured["n"] == 2
  assert measured["hr@1"] == 0.5
  assert measured["recall@5"] == pytest.approx((1 / 2 + 1) / 2)


def test_requests_in_words_are_kept(small, tmp_path):
  task = "instructrec_small_p1_i0_t3"

  def score_fn(dataset):
    return [
      (int(i), np.arange(10.0) - 20) for i, _ in dataset.as_numpy_iterator()
    ]

  seqio.Evaluator(
    task,
    feature_converter.RankingFeatureConverter(
      pack=False, apply_length_check=False
    ),
    eval_split="test",
    sequence_length={"inputs": 256, "targets": 32},
    logger_cls=[
      functools.partial(evaluator.ResultLogger, system="ours", split="test")
    ],
    log_dir=str(tmp_path),
  ).evaluate(compute_metrics=True, score_fn=score_fn)[0].result()
  predictions = results.read_predictions(tmp_path / task)
  texts = examples.read(tmp_path / task)
  assert set(texts) == set(predictions.instances.tolist())
  titles = read.load_catalogue(small, "small")["title"].to_list()
  templates = {t.name: t.inputs for t in templates_of("p1_i0_t3")}
  for row, instance in enumerate(predictions.instances.tolist()):
    text = texts[instance]
    assert text.candidates == [titles[c] for c in predictions.candidates[row]]
    assert all(title in text.inputs for title in text.candidates)
    # The template is the one whose wording was used.
    wording = templates[predictions.attributes["template"][row]]
    assert text.inputs.startswith(wording.partition("{")[0])


def test_an_exchanged_score_leaves_the_plain_one_beside_it(task, tmp_path):
  weights = evaluator.weights_of(1.0, 0.5, 4)
  evaluator.write_all(
    epath.Path(tmp_path),
    seqio.TaskRegistry.get(task),
    ROWS,
    {"score": (np.sort(SCORES, axis=1)[:, ::-1], {"log_likelihood": SCORES})},
    tf.data.Dataset.from_tensors({"instance": 1}),
    system="ours",
    split="test",
    seed=0,
    step=3,
    weights=weights,
  )
  own, plain = (
    results.read_result(folder) for folder in (tmp_path, tmp_path / "plain")
  )
  assert (own.procedure, own.weights) == ("exchanged", weights)
  assert (plain.procedure, plain.weights) == ("plain", None)
  np.testing.assert_array_equal(
    results.read_predictions(tmp_path / "plain").scores, SCORES
  )
  assert evaluator.weights_of(0.0, 0.0, 4) is None


def test_logger_needs_scores(tmp_path):
  logger = evaluator.ResultLogger(str(tmp_path), system="s", split="test")
  with pytest.raises(InputError, match="'some_task': expected scores"):
    logger(
      task_name="some_task",
      step=1,
      metrics={},
      dataset=None,
      inferences={"output": ["text"]},
      targets=ROWS,
    )


def test_dataset_of_records_that_tfds_knows():
  source = seqio.TfdsDataSource("instructrec_ml_1m:1.0.0", splits=["test"])
  assert evaluator.dataset_of(source) == "ml_1m"
