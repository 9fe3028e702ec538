import json

import pytest

from instructrec_jax.audit import measure, tables
from tests.audit import made_up


@pytest.fixture(scope="module")
def audit():
  """An audit of requests whose first candidate is the target."""
  facts = made_up.random_world(0, n=60)
  facts.requests.target[:] = facts.items[:, 0]
  order = {"by": "time", "tied_neighbours": 0.689, "seed": 0, "shares": None}
  return measure.audit(facts, "shop", "of_100", "validation", order, 0)


def _cells(markdown):
  """Returns the rows of all tables, by their first cell."""
  rows = (line for line in markdown.splitlines() if line.startswith("|"))
  split = [[c.strip() for c in row.strip("|").split(" | ")] for row in rows]
  return {cells[0]: cells[1:] for cells in split}


def test_every_rule_has_a_row(audit):
  markdown = tables.markdown(audit)
  cells = _cells(markdown)
  assert markdown.startswith("# Audit of shop_of_100, validation\n")
  for score in audit.scores:
    row = cells[score.rule]
    value = f"{score.metrics['hr@1'].value:.3f}".removeprefix("0")
    assert row[4].startswith(f"{value} (")
    assert (row[-1] == "**leak**") == score.leak
  assert cells["first candidate"][:4] == [
    "place in the list", "yes", "guessing", "60",
  ]  # fmt: skip
  assert cells["lowest id"][1:3] == ["no", "popularity"]
  # Its taste is no leak, and nothing that it is held against.
  assert cells["words of the history"][2] == "-"
  assert cells["words of the history"][-1] == "-"
  assert cells["guessing"][4:7] == [".100", ".500", ".295"]
  assert "not asked" in markdown
  assert ", has a year, lacks a year" in markdown
  for row in cells.values():
    assert all(row)


def test_a_leak_is_named_with_its_figures_and_a_remedy(audit):
  (line,) = tables.warnings(audit)
  assert line.startswith(
    "'first candidate' ranks at HR@1 1.000 (1.000-1.000) (guessing .100). "
  )
  assert "shuffle the lists" in line
  assert f"- **Leak: {line}**" in tables.markdown(audit)


def test_without_a_leak_it_is_said():
  facts = made_up.random_world(0, n=60)
  audit = measure.audit(facts, "shop", "", "test", {}, 0)
  assert tables.warnings(audit) == []
  assert "No rule is a leak." in tables.markdown(audit)


def test_the_order_of_events_is_said(audit):
  markdown = tables.markdown(audit)
  assert "- by: time\n- tied_neighbours: .689\n- seed: 0\n" in markdown
  assert "- shares: not known\n" in markdown


def test_the_json_has_every_figure(audit):
  told = json.loads(tables.as_json(audit))
  assert told["chance"]["hr@1"] == pytest.approx(0.1)
  by_rule = {score["rule"]: score for score in told["scores"]}
  assert by_rule["first candidate"]["leak"] is True
  assert by_rule["first candidate"]["metrics"]["hr@1"] == {
    "value": 1, "low": 1, "high": 1,
  }  # fmt: skip
  assert told["given_away"][0]["text"] == "preference"
