"""The table and the page: what they say, and what they refuse to say."""

import csv
import dataclasses
import html.parser
import io
import json
import re

import numpy as np
import polars as pl
import pytest

from instructrec_jax.data import records
from instructrec_jax.errors import InputError
from instructrec_jax.eval import groups, page, report, results, tables
from instructrec_jax.eval.predictions import Predictions

N = 60


def evaluated(folder, system, skill, n=N, width=10, shift=0, **description):
  """Writes a result of `n` requests; more skill ranks the positive higher."""
  rng = np.random.default_rng(0)
  candidates = np.argsort(rng.random((N, 30)), axis=1)[:n, :width] + shift
  scores = np.random.default_rng(len(system)).standard_normal((N, width))[:n]
  place = rng.integers(0, width, N)[:n]
  rows = np.arange(n)
  scores[rows, place] += skill
  predictions = Predictions.of(
    rows, rows, candidates[rows, place], candidates, scores
  )
  description = {
    "dataset": "demo",
    "task": None,
    "split": "test",
    "seed": 0,
  } | description
  result = results.Result.of(predictions, system=system, **description)
  results.write(folder, result, predictions)
  return folder


@pytest.fixture
def systems(tmp_path):
  return [
    evaluated(tmp_path / "random", "random", 0),
    evaluated(tmp_path / "optimum", "optimum", 4),
    evaluated(tmp_path / "ours", "ours", 2, step=500),
    evaluated(tmp_path / "popularity", "popularity", 1),
  ]


def row_of(table, label):
  lines = table.splitlines()
  return next(line for line in lines if re.match(rf"{label}\b", line))


def test_table(systems):
  table = report.report(systems)
  assert table.isascii()
  assert "demo, test: 60 requests of 10 candidates" in table
  # The optimum first, then by HR@1, chance last.
  labels = re.findall(r"^(\w+) .*\d\.\d", table, flags=re.MULTILINE)
  assert labels == ["optimum", "ours", "popularity", "random", "chance"]
  assert row_of(table, "chance").split()[1:] == [
    "0.1000",
    "0.3000",
    "0.5000",
    "0.2131",
    "0.2948",
    "0.4544",
    "0.2929",
  ]
  assert row_of(table, "ours").count("*") == 7
  assert "*" not in row_of(table, "optimum")
  assert "HR@10 not shown: 1 for any scorer" in table


def test_share_of_the_optimum(systems):
  table = report.report(systems)
  value = {
    path.name: results.read_result(path).metrics["hr@1"].value
    for path in systems
  }
  lines = table.splitlines()
  at = lines.index(row_of(table, "ours"))
  assert lines[at + 2].split()[2] == f"{value['ours'] / value['optimum']:.1%}"
  assert "of optimum" not in report.report(systems[2:])


def test_one_system_is_no_comparison(systems):
  assert "*" not in report.report(systems[:1])
  assert "*" not in report.report(systems[:2])  # It and the optimum.
  assert "*" in report.report([systems[0], systems[3]])


def test_the_same_system_at_two_steps(tmp_path):
  table = report.report(
    [
      evaluated(tmp_path / "a", "ours", 2, step=500),
      evaluated(tmp_path / "b", "ours", 3, step=900),
    ]
  )
  assert row_of(table, "ours, step 900")
  assert row_of(table, "ours, step 500")


def test_intentions_made_from_the_target_are_named(tmp_path):
  folder = evaluated(tmp_path, "ours", 2, task="instructrec_demo_p1_i2_t3")
  assert "_p1_i2_t3: its intention was written from the target" in (
    report.report([folder])
  )
  folder = evaluated(tmp_path, "ours", 2, task="instructrec_demo_p1_i0_t3")
  assert "intention" not in report.report([folder])


@pytest.mark.parametrize(
  "other",
  [{"shift": 5}, {"width": 9}, {"dataset": "games"}, {"split": "validation"}],
)
def test_other_candidates_are_never_in_one_table(systems, tmp_path, other):
  systems = [*systems, evaluated(tmp_path / "other", "other", 9, **other)]
  loaded = groups.load(systems)
  assert sorted(len(group.systems) for group in loaded) == [1, 4]
  assert tables.NOT_COMPARABLE in report.report(systems)
  assert tables.NOT_COMPARABLE not in report.report(systems[:4])


def test_a_sample_is_compared_on_what_all_answered(systems, tmp_path):
  sample = evaluated(tmp_path / "s", "sampled", 3, n=40, split="test_2k")
  (group,) = groups.load([*systems, sample])
  assert {s.result.n for s in group.systems} == {40}
  assert tables.NOT_COMPARABLE not in report.report([*systems, sample])
  assert "ours: 20 requests left out: only some systems answered them." in (
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
    report.report(systems)


def test_nothing_to_report():
  with pytest.raises(InputError, match="no result folder"):
    report.report([])


class Checker(html.parser.HTMLParser):
  """Collects what must hold of any page."""

  VOID = {"meta", "br", "path", "use", "rect"}  # noqa: RUF012

  def __init__(self):
    super().__init__()
    self.open, self.ids, self.images, self.text = [], [], [], []

  def handle_starttag(self, tag, attrs):
    attrs = dict(attrs)
    self.ids += [attrs["id"]] if "id" in attrs else []
    for name in ("src", "href", "xlink:href", "data"):
      # Nothing comes from elsewhere.
      assert attrs.get(name, "#").startswith("#"), (tag, attrs)
    if tag == "svg":
      self.images.append(attrs)
    if tag not in self.VOID:
      self.open.append(tag)

  def handle_startendtag(self, tag, attrs):
    self.handle_starttag(tag, attrs)
    if tag not in self.VOID:
      self.open.pop()

  def handle_endtag(self, tag):
    if tag not in self.VOID:
      assert self.open.pop() == tag

  def handle_data(self, data):
    self.text.append(data)


def test_page(systems, tmp_path):
  log = tmp_path / "metrics.jsonl"
  lines = [{"step": s, "loss": 3 / s} for s in range(1, 101)]
  lines += [{"step": 100, "accuracy": 0.5}, {"step": 101, "loss": float("nan")}]
  log.write_text("\n".join(map(json.dumps, lines)))
  systems.append(evaluated(tmp_path / "x", "<b>$x_1$</b> & co", 1))
  out = tmp_path / "new" / "report.html"
  report.report(systems, [out], training_log=log)
  source = out.read_text()
  assert "<b>$x" not in source
  checker = Checker()
  checker.feed(source)
  assert not checker.open
  assert len(checker.ids) == len(set(checker.ids))
  referred = re.findall(r'(?:url\(|href=")#([^")]*)', source)
  assert set(referred) <= set(checker.ids)
  # Figures take every colour from the page, so that they are read in the dark.
  drawn = "".join(re.findall(r"<svg.*?</svg>", source, flags=re.DOTALL))
  assert not re.findall(r"(?:fill|stroke): #", drawn)
  assert set(re.findall(r"var\((--\w+)\)", drawn)) <= set(
    re.findall(r"(--\w+):", source)
  )
  # Four metrics, the ranks, and the loss; each told in words. The scores are
  # no log-likelihoods, so they have no calibration.
  assert len(checker.images) == 6
  for image in checker.images:
    assert image["role"] == "img"
    assert image["aria-label"].endswith(".")
  assert "<b>$x_1$</b> & co" in "".join(checker.text)
  assert "1 losses were not finite" in source
  assert "http" not in re.sub(r'xmlns(:xlink)?="[^"]*"', "", source)
  # The same input gives the same page, to the byte.
  report.report(systems, [out], training_log=log)
  assert out.read_text() == source


def test_examples_show_titles_and_history(systems, tmp_path, monkeypatch):
  def load_split(data_dir, dataset, split):
    assert (str(data_dir), dataset, split) == ("d", "demo", "test")
    return {
      "instance": np.arange(N),
      "history": np.tile([1, 2], N),
      "history_offsets": np.arange(0, 2 * N + 1, 2),
      "history_length": np.full(N, 7),
    }

  titles = pl.DataFrame(
    {"title": [f"The <{i}>" for i in range(40)], "train_count": range(40)}
  )
  monkeypatch.setattr(records, "load_split", load_split)
  monkeypatch.setattr(records, "load_catalogue", lambda *_: titles)
  report.report(systems, [tmp_path / "r.html"], data_dir="d")
  source = (tmp_path / "r.html").read_text()
  assert "Before (5 earlier not shown):" in source
  assert "<li>The &lt;1&gt;</li><li>The &lt;2&gt;</li>" in source
  assert source.count("✓ chosen next") == 4
  assert "item 3" not in source


def test_examples_agree_with_the_ranks(tmp_path):
  folder = evaluated(tmp_path, "ours", 0, width=20)
  predictions = results.read_predictions(folder)
  # Ties, NaN and infinities, on both sides.
  scores = np.round(predictions.scores)
  scores[::3, 0] = np.nan
  scores[1::3, 1] = np.inf
  predictions = dataclasses.replace(predictions, scores=scores)
  result = results.read_result(folder)
  system = groups.System("ours", folder, result, predictions)
  for row in range(predictions.n):
    example = page._example(system, row, None, None, [])
    (positive,) = [c for c in example.candidates if c.positive]
    assert positive.place == example.rank
    assert len(example.candidates) + example.hidden == 20


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("", "no line has a loss"),
    ('{"step": 1, "accuracy": 1}', "no line has a loss"),
    ('{"step": 1, "loss": 2}\nnonsense', "line 2: expected"),
    ('{"loss": 2}', "line 1: expected"),
    ('{"step": 1, "loss": "low"}', "line 1: expected"),
  ],
)
def test_losses_that_cannot_be_read(tmp_path, text, message):
  path = tmp_path / "metrics.jsonl"
  path.write_text(text)
  with pytest.raises(InputError, match=message):
    report.read_losses(path)
  with pytest.raises(InputError, match="expected a file"):
    report.read_losses(tmp_path / "none.jsonl")


def test_a_resumed_run_overwrites_its_steps(tmp_path):
  path = tmp_path / "metrics.jsonl"
  rows = [(1, 9.0), (2, 8.0), (3, 7.0), (2, 6.0)]
  path.write_text(
    "\n".join(json.dumps({"step": s, "loss": x}) for s, x in rows)
  )
  steps, losses = report.read_losses(path)
  assert steps.tolist() == [1, 2, 3]
  assert losses.tolist() == [9.0, 6.0, 7.0]
