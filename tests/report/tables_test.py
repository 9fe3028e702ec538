"""Reports as files of tables."""

import re

import numpy as np
import polars as pl
import pytest

from instructrec_jax.data.records import read
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.eval.recording import results
from instructrec_jax.report import command
from tests.report.toy_results import N, evaluated, row_of


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


def with_background(monkeypatch):
  """Stands in for records: ten items of history and a count for each item."""
  catalogue = pl.DataFrame(
    {"title": [f"T{i}" for i in range(40)], "train_count": range(40)}
  )
  requests = requests_of(np.arange(N))
  monkeypatch.setattr(Requests, "load", lambda *_: requests)
  monkeypatch.setattr(read, "load_catalogue", lambda *_: catalogue)


def rows_of(path):
  return pl.read_csv(path, infer_schema_length=None)


def test_csv_has_every_figure(systems, tmp_path, monkeypatch):
  with_background(monkeypatch)
  out = tmp_path / "r.csv"
  command.report(systems, [out], data_dir="d", baseline="popularity")
  rows = rows_of(out)
  result = results.read_result(systems[2])
  whole = rows.filter(
    pl.col("slice").is_null(), system="ours", metric="hr@1"
  ).row(0, named=True)
  estimate = result.metrics["hr@1"]
  assert (whole["value"], whole["low"], whole["high"]) == (
    pytest.approx((estimate.value, estimate.low, estimate.high))
  )
  assert (whole["n"], whole["against"], whole["step"]) == (N, "popularity", 500)
  assert 0 < whole["p"] < 0.05  # Two standard deviations against one.
  chance = rows.filter(system="chance", metric="hr@1")
  assert chance["value"].to_list() == pytest.approx([0.1])
  # Slices add up to the whole.
  for name in ("history length", "popularity of the target"):
    part = rows.filter(pl.col("slice") == name, system="ours", metric="mrr")
    assert part.height == 4
    assert part["n"].sum() == N
    assert (part["n"] * part["value"]).sum() / N == pytest.approx(
      result.metrics["mrr"].value
    )
  for name in ("coverage@1", "popularity@5", "gini@1"):
    assert rows.filter(system="random", metric=name).height == 1


def test_p_values_by_each_way_of_writing(systems, tmp_path):
  outs = [tmp_path / f"r{kind}" for kind in (".md", ".tex", ".html", ".csv")]
  table = command.report(systems, outs, baseline="random")
  said = "p is from a paired randomisation test against random."
  assert said in table
  shown = float(row_of(table, "ours").split()[-1])
  markdown, latex, source, _ = (path.read_text() for path in outs)
  assert said in markdown
  assert f"p {shown:.4f}" in markdown
  assert said in source
  assert "$^{*}$" in latex
  assert rows_of(outs[3]).filter(system="ours", metric="hr@1")["p"].item() == (
    pytest.approx(shown, abs=1e-4)
  )
  assert "p 0." not in "\n".join(
    line for line in markdown.splitlines() if "| random" in line
  )


def test_markdown_is_one_table(systems, tmp_path):
  odd = evaluated(tmp_path / "odd", "a|b_*c*", 1)
  command.report([*systems, odd], [tmp_path / "r.md"])
  lines = (tmp_path / "r.md").read_text().splitlines()
  assert lines[0].startswith("## demo, test: 60 requests of 10 candidates")
  rows = [line for line in lines if line.startswith("|")]
  cells = [re.split(r"(?<!\\)\|", row) for row in rows]
  # A name, seven metrics, and what is outside the first and last bar.
  assert {len(row) for row in cells} == {10}
  assert len(rows) == 2 + 5 + 1
  assert any("a\\|b\\_\\*c\\*" in row for row in rows)
  best = [row for row in rows if "**" in row]
  assert len(best) == 1
  assert best[0].startswith("| ours |")


def test_latex_is_balanced_and_escaped(systems, tmp_path):
  odd = evaluated(tmp_path / "odd", "50% of x_1 & {co}", 1)
  command.report([*systems, odd], [tmp_path / "r.tex"])
  text = (tmp_path / "r.tex").read_text()
  assert r"50\% of x\_1 \& \{co\}" in text
  body = text[text.index(r"\midrule") : text.index(r"\bottomrule")]
  rows = [line for line in body.splitlines() if line.endswith(r"\\")]
  assert len(rows) == 6
  # Seven metrics beside the name, in a row as in the columns' declaration.
  assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {7}
  assert r"\begin{tabular}{lrrrrrrr}" in text
  assert text.count(r"\begin") == text.count(r"\end")
