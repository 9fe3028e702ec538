"""Whatever a folder of results holds, it is read, or refused in one line."""

import json
import random

import numpy as np
import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.eval.recording import examples, fields, results
from instructrec_jax.report import command
from tests import fuzz
from tests.eval.recording import results_test

# A page takes a tenth of a second to draw.
_PAGE = (".html",) if fuzz.THOROUGH else ()


@pytest.fixture
def folder(tmp_path):
  """A whole folder of results with rankings, attributes and examples."""
  predictions = results_test.several()
  result = results.Result.of(
    predictions,
    **results_test.DESCRIPTION,
    skipped={"too long": 3},
    step=20,
    further={"rmse": results.resampling.Estimate(1.0, 0.5, 1.5)},
  )
  results.write(tmp_path / "whole", result, predictions)
  examples.write(
    tmp_path / "whole",
    [
      examples.Text(
        number, "Which one?\nThis one.", [f"Game {n}" for n in "ab"]
      )
      for number in range(3)
    ],
  )
  return tmp_path / "whole"


@pytest.mark.parametrize(
  "name", [results.METRICS_FILE, results.PREDICTIONS_FILE]
)
def test_damaged_results_are_reported_or_refused(folder, name):
  path = folder / name
  outs = [folder / f"r{end}" for end in (".md", ".tex", ".csv", *_PAGE)]
  fuzz.check(
    name, path.read_bytes(), lambda _: command.report([folder], outs), path
  )


# Values that stand in place of others, of a type that is wrong more often than
# not. Damaged bytes are mostly no JSON at all.
_ODD = (
  None, True, 0, -1, 1.5, 2**31, 2**64, 10**400, float("inf"), float("nan"), "",
  "x", "nan", "../../x", [], [[]], [1], ["x"], {}, {"x": 1}, {"x": {}},
)  # fmt: skip


def _replaced(value, rng):
  """Returns a JSON value with another one somewhere in it."""
  if not isinstance(value, dict | list) or not value or rng.random() < 0.2:
    return rng.choice(_ODD)
  keys = [*value] if isinstance(value, dict) else [*range(len(value))]
  key = rng.choice(keys)
  value = value.copy()
  value[key] = _replaced(value[key], rng)
  return value


@pytest.mark.parametrize(
  "name",
  [results.METRICS_FILE, results.PREDICTIONS_FILE, examples.EXAMPLES_FILE],
)
def test_odd_values_are_reported_or_refused(folder, name):
  path = folder / name
  separator = "" if name == results.METRICS_FILE else "\n"
  whole = path.read_text().split("\n") if separator else [path.read_text()]
  rng = random.Random(3)
  read, refusals = 0, []
  for _ in range(fuzz.COUNT):
    lines = [*whole]
    at = rng.randrange(sum(map(bool, lines)))
    row = json.loads(lines[at])
    lines[at] = json.dumps(
      {**row, (key := rng.choice([*row])): _replaced(row[key], rng)}
    )
    path.write_text("\n".join(lines))
    try:
      command.report([folder], [folder / f"r{end}" for end in (".csv", *_PAGE)])
      examples.read(folder)  # Of the reports, only the page reads them.
      read += 1
    except InputError as error:
      refusals.append(str(error))
  assert refusals
  for refusal in refusals:
    assert str(folder) in refusal
    assert len(refusal) < 1000


def test_damaged_examples_are_read_or_refused(folder):
  path = folder / examples.EXAMPLES_FILE
  fuzz.check(
    path.name, path.read_bytes(), lambda _: examples.read(folder), path
  )


def test_damaged_losses_are_read_or_refused(tmp_path):
  path = tmp_path / "metrics.jsonl"
  lines = [{"step": s, "loss": 3 / s, "accuracy": 0.5} for s in range(1, 30)]
  text = "".join(json.dumps(line) + "\n" for line in lines)
  fuzz.check(path.name, text.encode(), command.read_losses, path)


def test_a_field_is_named_with_what_was_expected():
  with pytest.raises(
    InputError, match=r"here: seed: expected an integer of 0 or more, got -1"
  ):
    fields.checked({"seed": -1}, {"seed": fields.count}, "here")


@pytest.mark.parametrize(
  ("check", "value"),
  [
    (fields.name, 3),
    (fields.name, "x" * 5000),
    (fields.names, ["a", 1]),
    (fields.integer, True),
    (fields.integer, 2**63),
    (fields.size, 0),
    (fields.size, fields.MOST_ITEMS + 1),
    (fields.codes, []),
    (fields.codes, [1, -1]),
    (fields.codes, [1, 2.0]),
    (fields.codes, [2**63]),
    (fields.code_or_codes, "1"),
    (fields.number, 10**400),
    (fields.number, float("nan")),
    (fields.scores, [1.0, "many"]),
    (fields.scores, [10**400]),
    (fields.gains, [1.0, 0.0]),
    (fields.gains, [1e300]),
    (fields.flag, 1),
    (fields.estimate, {"value": 1.0, "low": 1.0, "high": None}),
    (fields.estimate, {"value": 1.0}),
    (fields.by_name(fields.count), []),
    (fields.property_of_request, [1]),
  ],
)
def test_what_no_field_may_be(check, value):
  with pytest.raises(ValueError, match=r"\w"):
    check(value)


def test_one_long_line_makes_no_huge_matrix(folder, monkeypatch):
  path = folder / results.PREDICTIONS_FILE
  monkeypatch.setattr(results, "_MANY_CELLS", 1000)
  first, *rest = path.read_text().splitlines()
  row = json.loads(first)
  codes = [*range(1000, 3000)]
  row["candidates"] += codes
  row["scores"] += [0.0] * len(codes)
  assert results.read_predictions(folder).n == 6
  path.write_text("\n".join([json.dumps(row), *(rest * 20)]))
  with pytest.raises(InputError, match="of about one length, got one of 2,00"):
    results.read_predictions(folder)


def test_texts_become_plain_where_they_are_read(folder):
  path = folder / results.METRICS_FILE
  row = json.loads(path.read_text())
  row["system"] = "a\x1b[31mb\n\\input{x}"
  row["skipped"] = {"no\u2028title": 1}
  path.write_text(json.dumps(row))
  result = results.read_result(folder)
  assert result.system == r"a\x1b[31mb\x0a\input{x}"
  assert result.skipped == {r"no\u2028title": 1}
  assert np.isfinite(result.metrics["map"].value)
