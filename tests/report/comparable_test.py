"""The table: what it says, and what it refuses to say."""

import json
import re

import numpy as np
import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.eval.predictions import Predictions
from instructrec_jax.eval.recording import results
from instructrec_jax.report import command, comparable, tables
from tests.report.toy_results import N, evaluated, row_of


def test_table(systems):
  table = command.report(systems)
  assert table.isascii()
  assert "demo, test: 60 requests of 10 candidates" in table
  # The optimum first, then by HR@1, chance last.
  labels = re.findall(r"^(\w+) .*\d\.\d", table, flags=re.MULTILINE)
  assert labels == ["optimum", "ours", "popularity", "random", "chance"]
  assert row_of(table, "chance").split()[1:8] == [
    "0.1000",
    "0.3000",
    "0.5000",
    "0.2131",
    "0.2948",
    "0.4544",
    "0.2929",
  ]
  ours = results.read_result(systems[2]).metrics["hr@1"]
  interval = f"{ours.low:.4f}-{ours.high:.4f}".replace("0.", ".")
  assert row_of(table, "ours").split()[2] == interval
  assert row_of(table, "ours").count("*") == 7
  assert "*" not in row_of(table, "optimum")
  assert "HR@10 not shown: always 1" in table


def test_share_of_the_optimum(systems):
  table = command.report(systems)
  value = {
    path.name: results.read_result(path).metrics["hr@1"].value
    for path in systems
  }
  share = f"{value['ours'] / value['optimum']:.1%}"
  assert row_of(table, "ours").split()[-1] == share
  assert not row_of(table, "optimum").endswith("%")
  assert "of optimum" not in command.report(systems[2:])


def test_one_system_is_no_comparison(systems):
  assert "*" not in command.report(systems[:1])
  assert "*" not in command.report(systems[:2])  # It and the optimum.
  assert "*" in command.report([systems[0], systems[3]])


def test_the_same_system_at_two_steps(tmp_path):
  table = command.report(
    [
      evaluated(tmp_path / "a", "ours", 2, step=500),
      evaluated(tmp_path / "b", "ours", 3, step=900),
    ]
  )
  assert row_of(table, "ours, step 900")
  assert row_of(table, "ours, step 500")


def test_a_score_s_weights_are_told(tmp_path):
  weights = {"prior_weight": 1, "popularity_weight": 2.5, "prior_requests": 4}
  folders = [
    evaluated(tmp_path / "a", "ours", 2, weights=weights),
    evaluated(tmp_path / "b", "ours", 3, procedure="plain"),
  ]
  for metrics in (None, ["ndcg@3"]):
    table = command.report(folders, metrics=metrics)
    assert (
      "less 1 times the log of its mean likelihood after 4 other users' "
      "requests, plus 2.5 times log(1 + popularity)."
    ) in table


def test_intentions_made_from_the_target_are_named(tmp_path):
  folder = evaluated(tmp_path, "ours", 2, task="instructrec_demo_p1_i2_t3")
  assert "_p1_i2_t3: the intention was written from the target" in (
    command.report([folder])
  )
  folder = evaluated(tmp_path, "ours", 2, task="instructrec_demo_p1_i0_t3")
  assert "intention" not in command.report([folder])


@pytest.mark.parametrize(
  "other",
  [{"shift": 5}, {"width": 9}, {"dataset": "games"}, {"split": "validation"}],
)
def test_other_candidates_are_never_in_one_table(systems, tmp_path, other):
  systems = [*systems, evaluated(tmp_path / "other", "other", 9, **other)]
  loaded = comparable.load(systems)
  assert sorted(len(group.systems) for group in loaded) == [1, 4]
  assert tables.NOT_COMPARABLE in command.report(systems)
  assert tables.NOT_COMPARABLE not in command.report(systems[:4])


def test_a_sample_is_compared_on_what_all_answered(systems, tmp_path):
  sample = evaluated(tmp_path / "s", "sampled", 3, n=40, split="test_2k")
  (group,) = comparable.load([*systems, sample])
  assert {s.result.n for s in group.systems} == {40}
  assert tables.NOT_COMPARABLE not in command.report([*systems, sample])
  assert "ours: 20 requests left out (only some systems answered them)." in (
    group.notes
  )
  assert not any("sampled" in note for note in group.notes)
  ours = next(s for s in group.systems if s.label == "ours")
  first = results.read_predictions(systems[2]).take(np.arange(40))
  mean = (1 / first.outcomes.first_ranks).mean()
  assert ours.result.metrics["mrr"].value == pytest.approx(mean)


@pytest.mark.parametrize(
  "change",
  [
    lambda row: row["metrics"]["mrr"].update(value=0.5),
    lambda row: row["metrics"].pop("hr@1"),
    lambda row: row.update(requests="of others"),
  ],
)
def test_files_of_two_evaluations_are_refused(systems, change):
  path = systems[0] / results.METRICS_FILE
  row = json.loads(path.read_text())
  change(row)
  path.write_text(json.dumps(row))
  with pytest.raises(InputError, match=r"random: metrics\.json does not foll"):
    command.report(systems)


def test_nothing_to_report():
  with pytest.raises(InputError, match="expected result folders"):
    command.report([])


def test_other_metrics_on_request(systems):
  table = command.report(systems, metrics=["ndcg@2", "auc"])
  header = table.splitlines()[2].split()
  assert (header[0], header[4]) == ("NDCG@2", "AUC")
  scores = results.read_predictions(systems[2]).outcomes.first_ranks
  assert float(row_of(table, "ours").split()[3].strip("*")) == pytest.approx(
    1 - (scores - 1).mean() / 9, abs=1e-4
  )
  assert float(row_of(table, "chance").split()[2]) == 0.5


def test_several_relevant_of_a_catalogue(tmp_path):
  rng = np.random.default_rng(0)
  for system, skill in (("ours", 2), ("theirs", 0)):
    candidates = [rng.choice(500, 10, replace=False) for _ in range(N)]
    predictions = Predictions.of(
      np.arange(N),
      np.zeros(N),
      [[instance, 500 + instance] for instance in range(N)],
      candidates,
      np.sort(rng.standard_normal((N, 10)) + skill)[:, ::-1],
      sizes=np.full(N, 1000),
    )
    result = results.Result.of(
      predictions,
      system=system,
      dataset="demo",
      task=None,
      split="test",
      seed=0,
    )
    results.write(tmp_path / system, result, predictions)
  table = command.report([tmp_path], [tmp_path / "r.html"], baseline="theirs")
  assert "60 requests of 1000 items, 2 relevant" in table
  assert "PRECISION@5" in table
  assert "among up to 1,000 items" in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"out": ["r.pdf"]}, r"unknown kind of file: r.pdf: '.pdf'.*\.html"),
    ({"baseline": "popularit"}, "unknown baseline.*Did you mean 'popularity'"),
    ({"metrics": ["ndgc@5"]}, "unknown metric 'ndgc@5'"),
  ],
)
def test_what_cannot_be_reported(systems, options, message):
  with pytest.raises(InputError, match=message):
    command.report(systems, **options)


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("", "expected lines with a loss"),
    ('{"step": 1, "accuracy": 1}', "expected lines with a loss"),
    ('{"step": 1, "loss": 2}\nnonsense', "line 2: not JSON"),
    ('{"loss": 2}', "line 1: expected"),
    ('{"step": 1, "loss": "low"}', "line 1: loss: expected a number"),
  ],
)
def test_losses_that_cannot_be_read(tmp_path, text, message):
  path = tmp_path / "metrics.jsonl"
  path.write_text(text)
  with pytest.raises(InputError, match=message):
    command.read_losses(path)
  with pytest.raises(InputError, match="expected a file"):
    command.read_losses(tmp_path / "none.jsonl")


def test_a_resumed_run_overwrites_its_steps(tmp_path):
  path = tmp_path / "metrics.jsonl"
  rows = [(1, 9.0), (2, 8.0), (3, 7.0), (2, 6.0)]
  path.write_text(
    "\n".join(json.dumps({"step": s, "loss": x}) for s, x in rows)
  )
  steps, losses = command.read_losses(path)
  assert steps.tolist() == [1, 2, 3]
  assert losses.tolist() == [9.0, 6.0, 7.0]
