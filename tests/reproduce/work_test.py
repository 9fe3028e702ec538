"""Rows of the paper's tables, made on a small dataset.

Training and scoring have tests of their own. Here a stand-in answers in their
place, so that what is made, and how often, can be counted.
"""

import dataclasses
import json
import re

import pytest

from instructrec_jax.baselines import rank as baselines
from instructrec_jax.errors import InputError
from instructrec_jax.eval import metrics
from instructrec_jax.eval.recording import results
from instructrec_jax.instructions.asked_wording import names_of
from instructrec_jax.instructions.families import FAMILIES
from instructrec_jax.reproduce import command, page, paper, plan, rows, systems
from instructrec_jax.runs import evaluate, train

_BEST = names_of("p1_i0_t3")[1]


@pytest.fixture
def calls(monkeypatch, small_data):
  """What was trained and asked; popularity answers, or chance."""
  made = []

  def trained(files, bindings, tfds_data_dir):
    made.append(("train", files[1], bindings))
    return {"step": 3}

  def answered(model_dir, out, **options):
    task = options.get("mixture_or_task_name")
    made.append(("ask", task, options))
    is_best = options.get("template") in (None, _BEST)
    name = "popularity" if is_best else "random"
    dataset = "small_of_100" if "of_100" in (task or "") else "small"
    if "search" in (task or ""):
      dataset = "small_search"
    baselines.evaluate_baseline(
      small_data, dataset, options["split"], name, out
    )
    result = results.read_result(out)
    result = dataclasses.replace(result, system=options.get("system", "x"))
    results.write(out, result, results.read_predictions(out))
    return [out]

  monkeypatch.setattr(train, "train", trained)
  monkeypatch.setattr(evaluate, "evaluate", answered)
  return made


def _reproduce(small_data, out, **options):
  options = {"table": ["sequential"], "systems": ["popularity", "t5"]} | options
  return command.reproduce(
    "small", small_data, out=out, wording_requests=20, **options
  )


def test_a_row_is_made_once(small_data, tmp_path, calls, capsys):
  told = _reproduce(small_data, tmp_path)
  # The mixture that hides the items of search was trained on, once.
  [(_, gin_file, bindings)] = [c for c in calls if c[0] == "train"]
  assert gin_file == systems.TINY
  assert "MIXTURE_OR_TASK_NAME = 'instructrec_small_all_rows'" in bindings
  asked = [c[2] for c in calls if c[0] == "ask"]
  on_validation = [a for a in asked if a["split"] == "validation"]
  assert [a["template"] for a in on_validation] == names_of("p1_i0_t3")
  assert {a["num_requests"] for a in on_validation} == {20}
  # Test was asked once, in the wording that is best on validation.
  [on_test] = [a for a in asked if a["split"] == "test"]
  assert on_test["template"] == _BEST
  for line in ("Sequential recommendation <P1,I0,T3>", "paper: SASRec"):
    assert line in told
  assert re.search(r"paper: InstructRec +0\.6947 0\.8793 0\.9429", told)
  assert "p of HR@1 against popularity: t5 1.0000." in told
  assert f"wording {_BEST}" in (tmp_path / "report.md").read_text()
  csv = (tmp_path / "report.csv").read_text()
  assert csv.startswith("row,dataset,n,system,hr@1")
  assert "<h2>Sequential" in (tmp_path / "report.html").read_text()

  before = len(calls)
  assert (
    _reproduce(small_data, tmp_path).splitlines()[:-1]
    == (told.splitlines()[:-1])
  )
  assert len(calls) == before
  assert "parts were there already" in capsys.readouterr().err


def test_what_was_killed_is_made_again(
  small_data, tmp_path, calls, monkeypatch
):
  answered, asked = evaluate.evaluate, []

  def killed(model_dir, out, **options):
    asked.append(options["template"])
    if len(asked) == 3:
      raise KeyboardInterrupt
    return answered(model_dir, out, **options)

  monkeypatch.setattr(evaluate, "evaluate", killed)
  with pytest.raises(KeyboardInterrupt):
    _reproduce(small_data, tmp_path)
  _reproduce(small_data, tmp_path)
  names = names_of("p1_i0_t3")
  assert asked == [*names[:3], *names[2:], _BEST]
  assert len([c for c in calls if c[0] == "train"]) == 1


def test_a_folder_of_other_settings_is_refused(small_data, tmp_path, calls):
  _reproduce(small_data, tmp_path, systems=["popularity"])
  with pytest.raises(InputError, match=r"made with seed 0, but got 1: choose"):
    _reproduce(small_data, tmp_path, systems=["popularity"], seed=1)
  assert calls == []


def test_what_the_data_lacks_is_skipped_with_a_reason(small_data, tmp_path):
  told = _reproduce(
    small_data, tmp_path, table=["all"], systems=None, dry_run=True
  )
  assert "skipped, hard_negatives: there are no hard negatives" in told
  assert "skipped, transfer: there is no second dataset" in told
  assert "(sasrec_text)" in told
  assert not any(tmp_path.iterdir())
  data = plan.Data(small_data, "small")
  with pytest.raises(InputError, match="nothing of transfer can be made: "):
    plan.parts(data, ["transfer"], None)
  for tables, some, message in (
    (["sequentail"], None, "Did you mean 'sequential'"),
    (["all"], ["sasrek"], "Did you mean 'sasrec'"),
  ):
    with pytest.raises(InputError, match=message):
      plan.parts(data, tables, some)


def test_a_system_that_cannot_answer_costs_no_other(
  small_data, tmp_path, calls, monkeypatch
):
  def refused(*_, **__):
    raise InputError("no labels here")

  monkeypatch.setitem(baselines.BASELINES, "repeat_label", refused)
  told = _reproduce(
    small_data, tmp_path, systems=["popularity", "repeat_label"]
  )
  assert "Left out: sequential (repeat_label): no labels here" in told
  assert "popularity" in told


def test_a_refused_training_ends_the_command(
  small_data, tmp_path, calls, monkeypatch
):
  def refused(*_, **__):
    raise InputError("TRAIN_STEPS is nonsense")

  monkeypatch.setattr(train, "train", refused)
  with pytest.raises(InputError, match="TRAIN_STEPS is nonsense"):
    _reproduce(small_data, tmp_path)


@pytest.mark.parametrize("name", rows.ROWS)
def test_a_row_names_what_there_is(name):
  row = rows.ROWS[name]
  assert set(row.systems) <= set(systems.SYSTEMS)
  assert row.family in FAMILIES
  assert row.table in rows.TABLES
  assert paper.PAPER[name]
  assert row.sees_target == bool({"i1", "i2"} & {*FAMILIES[row.family].inputs})


def test_systems_are_those_of_the_tree():
  for name, system in systems.SYSTEMS.items():
    assert system.kind in systems.KINDS
    if system.kind == systems.BASELINE:
      assert name in baselines.BASELINES


def test_the_paper_s_figures_can_be_of_ten_candidates():
  """A rank's HR grows with K, and NDCG lies between HR@1 and HR@K."""
  for figures in paper.PAPER.values():
    for hr1, hr3, hr5, ndcg3, ndcg5 in figures.values():
      assert hr1 < hr3 < hr5 <= 1
      assert hr1 <= ndcg3 <= hr3
      assert ndcg3 <= ndcg5 <= hr5
  assert set(paper.METRICS) <= set(metrics.ONE_RELEVANT)


def test_a_report_reads_what_is_there(small_data, tmp_path, calls):
  _reproduce(small_data, tmp_path, table=["sequential", "product_search"])
  done = json.loads((tmp_path / "rows/sequential/t5/done.json").read_text())
  part = plan.Part("sequential", "t5", "small", None)
  from instructrec_jax.reproduce.work import Made

  [section] = page.sections([Made(part, done["folder"], wording=_BEST)])
  assert section.group.baseline is None
  assert any("query" in n for n in section.notes) is False
