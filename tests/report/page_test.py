"""What a report writes: the page, CSV, Markdown, LaTeX and TREC files."""

import dataclasses
import html.parser
import json
import re

import numpy as np
import polars as pl
import pytest

from instructrec_jax.data.records import read
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.errors import InputError
from instructrec_jax.eval.recording import examples, results
from instructrec_jax.report import command, comparable, page
from tests.report.toy_results import N, evaluated


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
  command.report(systems, [out], training_log=log)
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
  command.report(systems, [out], training_log=log)
  assert out.read_text() == source


def requests_of(history_length):
  """Returns N requests of users who had items 1 and 2 last."""
  rows = np.arange(N)
  return Requests(
    rows,
    rows,
    rows,
    rows[:, None],
    np.tile([1, 2], N),
    np.arange(0, 2 * N + 1, 2),
    history_length,
  )


def test_examples_show_titles_and_history(systems, tmp_path, monkeypatch):
  def load(data_dir, dataset, split):
    assert (str(data_dir), dataset, split) == ("d", "demo", "test")
    return requests_of(np.full(N, 7))

  titles = pl.DataFrame(
    {"title": [f"The <{i}>" for i in range(40)], "train_count": range(40)}
  )
  monkeypatch.setattr(Requests, "load", load)
  monkeypatch.setattr(read, "load_catalogue", lambda *_: titles)
  command.report(systems, [tmp_path / "r.html"], data_dir="d")
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
  system = comparable.System("ours", folder, result, predictions)
  for row in range(predictions.n):
    example = page._example(system, row, None, None, [])
    (positive,) = [c for c in example.candidates if c.positive]
    assert positive.place == example.rank
    assert len(example.candidates) + example.hidden == 20


def test_examples_in_words(systems, tmp_path):
  ours = next(path for path in systems if path.name == "ours")
  predictions = results.read_predictions(ours)
  examples.write(
    ours,
    [
      examples.Text(
        instance,
        f"Instruction <{instance}>.",
        [f"Title {code} & co" for code in codes],
      )
      for instance, codes in zip(
        predictions.instances[10:40].tolist(),
        predictions.candidates[10:40].tolist(),
        strict=True,
      )
    ],
  )
  command.report(systems, [tmp_path / "r.html"])
  source = (tmp_path / "r.html").read_text()
  shown = re.findall(r"Instruction &lt;(\d+)&gt;", source)
  assert len(shown) == 4
  assert all(10 <= int(instance) < 40 for instance in shown)
  assert "&amp; co <em>✓ chosen next</em>" in source
  assert "item " not in source


def test_examples_that_cannot_be_read(systems, tmp_path):
  (systems[2] / examples.EXAMPLES_FILE).write_text('{"instance": 1}\n')
  with pytest.raises(InputError, match=r"examples.jsonl, line 1: expected"):
    command.report(systems, [tmp_path / "r.html"])


def test_calibration_is_drawn_of_likelihoods(tmp_path):
  folder = evaluated(tmp_path / "a", "ours", 2)
  predictions = results.read_predictions(folder)
  likely = dataclasses.replace(predictions, scores=predictions.scores - 50)
  result = results.Result.of(
    likely, system="likely", dataset="demo", task=None, split="test", seed=0
  )
  results.write(tmp_path / "b", result, likely)
  command.report([folder, tmp_path / "b"], [tmp_path / "r.html"])
  source = (tmp_path / "r.html").read_text()
  assert re.search(r"</i>likely: off by 0\.\d{3}</li>", source)
  assert "</i>ours: off by" not in source
  assert 'aria-label="Calibration by system. likely is off by' in source


def rows_of(path):
  return pl.read_csv(path, infer_schema_length=None)


def test_templates_and_families_are_slices(tmp_path):
  for family in ("p1_i0_t2", "p1_i0_t3"):
    task = f"instructrec_demo_{family}"
    folder = evaluated(tmp_path / family, "ours", 2, task=task)
    predictions = dataclasses.replace(
      results.read_predictions(folder),
      attributes={
        "template": np.array([f"{family}/{i % 2}" for i in range(N)])
      },
    )
    results.write(folder, results.read_result(folder), predictions)
  command.report([tmp_path], [tmp_path / "r.csv", tmp_path / "r.html"])
  rows = rows_of(tmp_path / "r.csv").filter(metric="mrr")
  found = {(r["slice"], r["of"], r["n"]) for r in rows.iter_rows(named=True)}
  assert found >= {
    ("family", "p1_i0_t2", N),
    ("template", "p1_i0_t3/0", N // 2),
    ("template", "p1_i0_t2/1", N // 2),
  }
  assert "By template" in (tmp_path / "r.html").read_text()


def test_trec_files(systems, tmp_path):
  command.report(systems, trec_dir=tmp_path / "trec")
  names = sorted(path.name for path in (tmp_path / "trec").iterdir())
  assert len(names) == 5
  assert sum(name.endswith(".qrels") for name in names) == 1
