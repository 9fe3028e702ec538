"""ITDR's table: 33 rows, whoever answered what."""

import csv
import dataclasses
import io
import re

import numpy as np
import pytest

from instructrec_jax import cli
from instructrec_jax.errors import InputError
from instructrec_jax.eval import resampling
from instructrec_jax.eval.predictions import Predictions
from instructrec_jax.eval.recording import results
from instructrec_jax.itdr.pairs import PAIRS
from instructrec_jax.report import command


def _estimate(value):
  return resampling.Estimate(value, value - 0.01, value + 0.01)


def _texts(folder, task, system, figures, requests="same", **more):
  result = results.Result(
    system=system, dataset=task, task=task, split="test", n=more.pop("n", 40),
    seed=0, requests=requests, metrics={}, chance={},
    further={name: _estimate(value) for name, value in figures.items()}, **more,
  )  # fmt: skip
  results.write(folder, result, None)
  return folder


def _ranking(folder, task, system, scores, procedure, relevant=((3, 4), (5,))):
  n = len(relevant)
  predictions = Predictions.of(
    range(n), range(n), relevant, [[3, 4, 5, 6, 7]] * n, np.array(scores)
  )
  result = results.Result.of(
    predictions, system=system, dataset=task, task=task, split="test", seed=0,
    procedure=procedure,
  )  # fmt: skip
  results.write(folder, result, predictions)
  return folder


@pytest.fixture
def folders(tmp_path):
  first = [[5.0, 4, 3, 2, 1], [5, 4, 3, 2, 1]]
  second = [[1.0, 2, 3, 4, 5], [1, 2, 5, 3, 4]]
  top_k, alone = "itdr_top_k_ml_32m", "itdr_next_item_pixelrec"
  return [
    _ranking(tmp_path / "a/k", top_k, "ours", first, "likelihood"),
    _ranking(tmp_path / "a/k/generated", top_k, "ours", second, "generated"),
    _ranking(tmp_path / "b/k", top_k, "GLM", first, "generated"),
    _ranking(
      tmp_path / "b/n", alone, "GLM", first, "generated", ((3,), (4,))
    ),
    _texts(
      tmp_path / "a/r", "itdr_rating_prediction_ml_32m", "ours",
      {"rmse": 1.25, "mae": 1.0, "parse_failure_rate": 0.125,
       "expected_rmse": 0.75, "expected_mae": 0.5},
    ),
    _texts(
      tmp_path / "a/u", "itdr_user_attributes_anime_2023", "ours",
      {"accuracy of location": 0.25, "n of location": 9,
       "accuracy of gender": 0.5, "n of gender": 40,
       "rmse of birth year": 7.5, "parse_failure_rate of birth year": 0,
       "n of birth year": 20}, skipped={"no prediction": 3},
    ),
    _texts(
      tmp_path / "o", "instructrec_games_item_to_i2", "ours", {"bleu-1": 0.1}
    ),
  ]  # fmt: skip


def _rows(table):
  """Reads the Markdown, as anybody would."""
  lines = [x for x in table.splitlines() if x.startswith("|")]
  rows = [[c.strip() for c in re.split(r"(?<!\\)\|", x)[1:-1]] for x in lines]
  header = [x.replace("\\", "") for x in rows[0]]
  return {
    row[0].replace("\\", ""): dict(zip(header, row, strict=True))
    for row in rows[2:]
  }


def test_a_row_for_each_pair(folders, tmp_path):
  out = tmp_path / "itdr.md"
  shown = command.report(folders, [out], form="itdr")
  rows = _rows(out.read_text())
  assert list(rows) == list(PAIRS)
  assert len(rows) == 33
  rated = rows["rating_prediction_ml_32m"]
  assert rated["figures"] == "RMSE / MAE / unreadable"
  assert rated["ours"] == "1.2500 / 1.0000 / 0.1250"
  assert rated["ours, by likelihood"] == "0.7500 / 0.5000 / -"
  assert (rated["GLM"], rated["n"]) == ("-", "40")
  assert rated["paper: untuned"] == "1.1469"
  told = rows["user_attributes_anime_2023"]
  assert told["figures"] == "location / gender / birth year RMSE"
  assert told["ours"] == "0.2500 / 0.5000 / 7.5000"
  empty = rows["interests_steam"]
  assert {empty[name] for name in ("n", "ours", "GLM", "paper: tuned")} == {"-"}
  for note in (
    "arXiv 2508.05667", "1 results of other tasks",
    "ours, user_attributes_anime_2023: 3 requests left out (no prediction).",
  ):  # fmt: skip
    assert note in shown
    assert note in out.read_text()
  assert "different requests" not in shown.replace("on the same requests", "")


def test_lists_by_hand(folders, tmp_path):
  out = tmp_path / "itdr.md"
  command.report(folders, [out], form="itdr")
  rows = _rows(out.read_text())
  ranked = rows["top_k_ml_32m"]
  # Of two requests: relevant at 1 and 2, and at 3.
  ndcg = (1 + 1 / np.log2(4)) / 2
  assert ranked["ours, by likelihood"] == ranked["GLM"]
  assert ranked["GLM"] == f"{ndcg:.4f} / 0.5000 / {(2 + 1) / 10:.4f}"
  # At 4 and 5 of five, and at 1.
  ideal = 1 + 1 / np.log2(3)
  ndcg = ((1 / np.log2(5) + 1 / np.log2(6)) / ideal + 1) / 2
  assert ranked["ours"] == f"{ndcg:.4f} / 0.5000 / 0.3000"
  assert ranked["paper: tuned"] == "0.9890 / 0.9880"
  assert rows["next_item_pixelrec"]["GLM"] == "0.5000"


def test_every_kind_of_file(folders, tmp_path, capsys):
  outs = [tmp_path / f"t{kind}" for kind in (".md", ".csv", ".tex", ".html")]
  flags = [f"--out={out}" for out in outs]
  assert cli.main(["report", str(tmp_path), "--form=itdr", *flags]) == 0
  shown = capsys.readouterr().out
  for text in (shown, *(out.read_text() for out in outs)):
    assert "1.2500" in text or "1.25" in text
    assert "2508.05667" in text or "paper: untuned GLM-4-9B" in text
  lines = list(csv.DictReader(io.StringIO(outs[1].read_text())))
  [line] = [
    x for x in lines
    if (x["figure"], x["system"]) == ("RMSE", "ours")
  ]  # fmt: skip
  assert line["dataset"] == "ml_32m"
  assert (float(line["value"]), float(line["low"])) == (1.25, 1.24)
  paper = [x for x in lines if x["system"].startswith("paper: ")]
  assert len(paper) == 2 * (1 + 3 + 2 + 3 + 4 + 3)
  assert {x["n"] for x in paper} == {""}


def test_several_results_of_one_pair_and_other_requests(tmp_path):
  task = "itdr_interests_steam"
  folders = [
    _texts(tmp_path / str(n), task, "ours", {"bleu-1": n / 10}, step=n)
    for n in (1, 2)
  ]
  other = _texts(
    tmp_path / "3", task, "GLM", {"bleu-1": 0.3}, "others", n=39
  )  # fmt: skip
  shown = command.report([*folders, other], form="itdr")
  for text in (
    "ours, step 1", "ours, step 2", "39 to 40",
    "different requests of interests_steam",
  ):  # fmt: skip
    assert text in shown
  again = dataclasses.replace(results.read_result(other), system="ours", step=2)
  results.write(tmp_path / "4", again, None)
  shown = command.report([*folders, tmp_path / "4"], form="itdr")
  assert f"ours, step 2, {tmp_path / '4'}" in shown


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"form": "itdd"}, "unknown form of report 'itdd'. Did you mean 'itdr'"),
    ({"form": "itdr", "baseline": "x"}, "baseline cannot be used with"),
  ],
)
def test_what_does_not_go_together(folders, options, message):
  with pytest.raises(InputError, match=message):
    command.report(folders, **options)


def test_nothing_of_itdr(folders):
  with pytest.raises(InputError, match="none of 1 results has one"):
    command.report(folders[-1:], form="itdr")
