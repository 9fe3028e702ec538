"""Any model's outputs, scored by the command line without a checkpoint."""

import json

import pytest

from instructrec_jax import cli
from instructrec_jax.data.records import read
from instructrec_jax.eval.recording import results
from tests import toy_itdr

_TOP_K = "itdr_top_k_toy"
_ANSWERS = [
  {"task": _TOP_K, "instance": 11, "user": 1, "prediction": "1. 7 Wonders"},
  {"task": _TOP_K, "instance": 10, "user": 0, "prediction": "1. Catan; 2. Go"},
]


@pytest.fixture
def evaluate(small, tmp_path, capsys):
  """Runs the command on lines; returns its status and what it said."""
  toy_itdr.register()

  def run(lines, *flags, name=_TOP_K, file="p.jsonl"):
    path = tmp_path / file
    path.write_text(
      "\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines)
    )
    argv = [
      "evaluate", f"--predictions={path}", f"--mixture_or_task_name={name}",
      f"--tfds_data_dir={small / 'records'}", "--system=GLM", *flags,
      f"--out={tmp_path / 'out'}",
    ]  # fmt: skip
    status = cli.main(argv)
    shown = capsys.readouterr()
    return status, shown.out if status == 0 else shown.err

  return run


def test_a_file_is_measured_as_an_evaluation_is(evaluate, tmp_path):
  status, shown = evaluate(_ANSWERS)
  assert status == 0, shown
  result = results.read_result(tmp_path / "out" / _TOP_K)
  assert (result.system, result.n, result.step) == ("GLM", 2, None)
  assert (result.procedure, result.split) == ("generated", "test")
  # Of the one Go is at 2, and Risk not listed; of the other 7 Wonders at 1.
  predictions = results.read_predictions(tmp_path / "out" / _TOP_K)
  assert sorted(predictions.outcomes.ranks.tolist()) == [1, 2, 4, 5]
  assert result.metrics["hr@1"].value == 0.5
  assert "GLM" in shown


def test_all_kinds_of_tasks_in_one_file(evaluate, tmp_path):
  lines = [
    {"task": name, "instance": int(row["instance"]), "prediction": said}
    for name, (rows, *_) in toy_itdr.TASKS.items()
    for row in rows
    for said in [row["targets_pretokenized"]]
  ]
  status, shown = evaluate(lines, name=toy_itdr.MIXTURE)
  assert status == 0, shown

  def further(task):
    found = results.read_result(tmp_path / "out" / task).further
    return {name: e.value for name, e in found.items()}

  assert further("itdr_rating_prediction_toy") == {
    "rmse": 0, "mae": 0, "parse_failure_rate": 0
  }  # fmt: skip
  assert further("itdr_user_attributes_toy") == {
    "accuracy of gender": 1, "n of gender": 2, "rmse of age": 0,
    "parse_failure_rate of age": 0, "n of age": 1,
  }  # fmt: skip
  assert further("itdr_interests_toy")["rouge-l"] == 1
  assert further(_TOP_K)["duplicate"] == 0
  assert len(lines) == 9


def test_llama_factory_s_lines_by_number(evaluate, tmp_path):
  exported = tmp_path / "exported.json"
  asked = [
    {"instruction": "?", "output": f"right {n}", "task": _TOP_K, "instance": n}
    for n in (10, 11)
  ]
  exported.write_text(json.dumps(asked))
  lines = [
    {"prompt": "?", "predict": "1. Go", "label": "right 10"},
    {"prompt": "?", "predict": "1. 7 Wonders", "label": "right 11"},
  ]
  assert evaluate(lines, f"--exported={exported}")[0] == 0
  result = results.read_result(tmp_path / "out" / _TOP_K)
  assert result.metrics["hr@1"].value == 1
  status, shown = evaluate(lines[::-1], f"--exported={exported}")
  assert status == 1
  assert "p.jsonl, line 1: its label is 'right 11'" in shown
  assert "has 1 predictions" in evaluate(lines[:1], f"--exported={exported}")[1]


def test_what_is_missing_is_counted(evaluate, tmp_path):
  status, shown = evaluate(_ANSWERS[:1])
  assert (status, "1 of 2 requests of itdr_top_k_toy" in shown) == (1, True)
  assert not (tmp_path / "out").exists()
  assert evaluate(_ANSWERS[:1], "--allow_missing")[0] == 0
  result = results.read_result(tmp_path / "out" / _TOP_K)
  assert (result.n, result.skipped) == (1, {"no prediction": 1})


def test_titles_of_instructrec_s_own_tasks(evaluate, small, tmp_path):
  name = "instructrec_small_p1_i0_t3"
  test = read.load_split(small, "small", "test")
  titles = read.load_catalogue(small, "small")["title"].to_list()
  lines = [
    {"task": name, "instance": int(n), "prediction": titles[target]}
    for n, target in zip(test["instance"], test["target"], strict=True)
  ]
  assert evaluate(lines, name=name)[0] == 0
  result = results.read_result(tmp_path / "out" / name)
  assert (result.n, result.metrics["mrr"].value) == (len(lines), 1)
  status, shown = evaluate(lines, name="instructrec_small_p1_i0_t2")
  assert (status, "has only metrics of likelihoods" in shown) == (1, True)


@pytest.mark.parametrize(
  ("lines", "message"),
  [
    ([*_ANSWERS, '{"task": "itdr'], "line 3: not JSON"),
    ([*_ANSWERS, "[1]"], "line 3: expected a JSON object, got [1]"),
    ([*_ANSWERS, _ANSWERS[0]],
     "line 3: instance 11 of itdr_top_k_toy already has a prediction, in"),
    ([*_ANSWERS, _ANSWERS[0] | {"instance": 99}],
     "line 3: itdr_top_k_toy has no instance 99: expected one of its 2"),
    ([*_ANSWERS, _ANSWERS[0] | {"task": "itdr_top_k_toys"}],
     "line 3: 'itdr_top_k_toys'. Did you mean 'itdr_top_k_toy'"),
    ([*_ANSWERS, {"task": _TOP_K, "instance": 12, "output": "x"}],
     "line 3: expected a text in the field 'prediction', got None"),
    ([*_ANSWERS, {"task": _TOP_K, "instance": 12, "prediction": 4}],
     "line 3: expected a text in the field 'prediction', got 4"),
    ([{"predict": "Go"}], "line 1: expected a task (a name) and an instance"),
    ([_ANSWERS[0] | {"instance": "11"}], "an instance (an integer)"),
    ([], "expected predictions, got none"),
  ],
)  # fmt: skip
def test_lines_that_cannot_be_used(evaluate, tmp_path, lines, message):
  status, shown = evaluate(lines)
  assert status == 1
  assert message in shown
  assert "p.jsonl" in shown
  assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
  ("flags", "message"),
  [
    (["--split=tset"], "Did you mean 'test'"),
    (["--exported=nowhere.jsonl"], "nowhere.jsonl: no such file"),
  ],
)
def test_flags_that_do_not_fit(evaluate, flags, message):
  assert message in evaluate(_ANSWERS, *flags)[1]


@pytest.mark.parametrize(
  ("argv", "message"),
  [
    (["evaluate"], "the following arguments are required: --model_dir"),
    (["measure"], "FILE, --mixture_or_task_name, --system, --out"),
    (["evaluate", "--predictions=p.jsonl"], "--mixture_or_task_name, --system"),
    (["measure", "p.jsonl", "--step=3"], "required: --mixture_or_task_name"),
  ],
)
def test_something_to_measure_must_be_given(argv, message, capsys):
  with pytest.raises(SystemExit) as end:
    cli.main(argv)
  assert end.value.code == 2
  assert message in capsys.readouterr().err
