"""What answers in place of trained models, and counts what is asked."""

import dataclasses

import pytest

from instructrec_jax.baselines import rank as baselines
from instructrec_jax.eval.recording import results
from instructrec_jax.runs import evaluate, train
from tests.reproduce.small import BEST


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
    is_best = options.get("template") in (None, BEST)
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
