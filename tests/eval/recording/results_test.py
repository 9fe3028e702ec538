"""What is written can be read back, and what was tampered with is named."""

import dataclasses
import json

import numpy as np
import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.eval.predictions import Predictions
from instructrec_jax.eval.recording import results

DESCRIPTION = {
  "system": "ours",
  "dataset": "demo",
  "task": "demo_task",
  "split": "test",
  "seed": 3,
}


def example(n=6, seed=0):
  """Lists of 2 to 5 candidates with scores of every kind."""
  rng = np.random.default_rng(seed)
  sizes = rng.integers(2, 6, n)
  candidates = [rng.choice(100, size, replace=False) for size in sizes]
  scores = np.full((n, max(sizes)), -np.inf, np.float32)
  for row, size in zip(scores, sizes, strict=True):
    row[:size] = rng.standard_normal(size)
  scores[0, :2] = np.nan, -np.inf
  scores[1, 0] = np.inf
  return Predictions.of(
    np.arange(n) * 7,
    np.arange(n),
    [row[-1] for row in candidates],
    candidates,
    scores,
  )


def several(n=6):
  """Requests with several targets, of unequal worth, out of a catalogue."""
  rng = np.random.default_rng(2)
  candidates = [rng.choice(100, 4, replace=False) for _ in range(n)]
  return Predictions.of(
    np.arange(n),
    np.zeros(n),
    [row[:size] for row, size in zip(candidates, [1, 2, 3] * 2, strict=True)],
    # Of each list the last one target was not found.
    [row[1:] for row in candidates],
    rng.standard_normal((n, 3)),
    gains=[[1], [0.5, 2], [1, 1, 1]] * 2,
    sizes=np.full(n, 100),
    attributes={"template": list("aabbab"), "turn": np.arange(n)},
  )


@pytest.mark.parametrize("predictions", [example(), several()])
def test_written_and_read_back_to_the_bit(tmp_path, predictions):
  more = {"step": 5, "skipped": {"too long": 1}}
  result = results.Result.of(predictions, **DESCRIPTION, **more)
  results.write(tmp_path / "new" / "folder", result, predictions)
  assert results.read_result(tmp_path / "new" / "folder") == result
  again = results.read_predictions(tmp_path / "new" / "folder")
  for field in dataclasses.fields(predictions):
    if field.name != "attributes":
      np.testing.assert_array_equal(
        getattr(again, field.name), getattr(predictions, field.name)
      )
  assert again.attributes.keys() == predictions.attributes.keys()
  for name, column in predictions.attributes.items():
    np.testing.assert_array_equal(again.attributes[name], column)
  assert results.Result.of(again, **DESCRIPTION, **more) == result


def test_lines_by_hand(tmp_path):
  predictions = several()
  result = results.Result.of(predictions, **DESCRIPTION)
  results.write(tmp_path, result, predictions)
  text = (tmp_path / results.PREDICTIONS_FILE).read_text()
  line = json.loads(text.splitlines()[1])
  listed = line["candidates"]
  # The target that was not listed stands at the end, and is the last of all.
  assert listed[-1] == line["target"][-1]
  assert line["scores"][-1] == "-inf"
  assert line["rank"][-1] == line["size"] == 100
  assert line["gains"] == [2.0, 0.5]
  assert line["attributes"] == {"template": "a", "turn": 1}
  assert set(result.metrics) >= {"precision@5", "recall@10", "map"}


def test_every_line_is_plain_json(tmp_path):
  predictions = example()
  result = results.Result.of(predictions, **DESCRIPTION)
  results.write(tmp_path, result, predictions)

  def refuse(constant):
    raise AssertionError(f"{constant} is not JSON")

  for name in (results.METRICS_FILE, results.PREDICTIONS_FILE):
    text = (tmp_path / name).read_text()
    for line in text.splitlines() if name.endswith("l") else [text]:
      json.loads(line, parse_constant=refuse)


def test_fingerprint_is_of_the_question_alone():
  base = example()
  order = np.random.default_rng(5).permutation(base.n)
  moved = dataclasses.replace(
    base.take(order),
    candidates=base.candidates[order, ::-1],
    gains=base.gains[order, ::-1],
    scores=-base.scores[order, ::-1],
  )
  assert moved.fingerprint() == base.fingerprint()
  for change in (
    {"instances": base.instances + 1},
    {"gains": np.where(base.mask, 1.0 - base.gains, 0.0)},
    {"gains": 2 * base.gains},
    {"sizes": base.sizes + 1},
    {"candidates": np.where(base.candidates == 1, 200, base.candidates + 1)},
  ):
    other = dataclasses.replace(base, **change)
    assert other.fingerprint() != base.fingerprint(), change


@pytest.mark.parametrize(
  ("change", "message"),
  [
    (lambda row: row | {"rank": row["rank"] + 1}, "line 3: expected rank"),
    (lambda row: row | {"scores": [0.0]}, "line 3: .* scores, .* got 1"),
    (lambda row: {"instance": 1}, r"line 3: expected \['instance'"),
    (lambda row: row | {"instance": 0}, "0: expected once, got 2 times"),
  ],
)
def test_a_changed_line_is_named(tmp_path, change, message):
  predictions = example()
  result = results.Result.of(predictions, **DESCRIPTION)
  results.write(tmp_path, result, predictions)
  path = tmp_path / results.PREDICTIONS_FILE
  lines = path.read_text().splitlines()
  lines[2] = json.dumps(change(json.loads(lines[2])))
  path.write_text("\n".join(lines))
  with pytest.raises(InputError, match=message):
    results.read_predictions(tmp_path)


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("{", "not JSON"),
    ("[]", "got list"),
    ('{"system": "x"}', r"got \['system'\]"),
  ],
)
def test_another_file_is_named(tmp_path, text, message):
  (tmp_path / results.METRICS_FILE).write_text(text)
  with pytest.raises(InputError, match=message):
    results.read_result(tmp_path)


def test_an_absent_file_is_named(tmp_path):
  with pytest.raises(InputError, match=r"metrics\.json: no such file"):
    results.read_result(tmp_path)
