"""Each part is made once.

Training and scoring have tests of their own. Here a stand-in answers in their
place, so that what is made, and how often, can be counted.
"""

import pytest

from instructrec_jax.baselines import rank as baselines
from instructrec_jax.data.records import build
from instructrec_jax.errors import InputError
from instructrec_jax.instructions.asked_wording import names_of
from instructrec_jax.reproduce import plan
from instructrec_jax.runs import evaluate, retrieve, train
from tests.reproduce.small import BEST, reproduce


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
    reproduce(small_data, tmp_path)
  reproduce(small_data, tmp_path)
  names = names_of("p1_i0_t3")
  assert asked == [*names[:3], *names[2:], BEST]
  assert len([c for c in calls if c[0] == "train"]) == 1


def test_a_folder_of_other_settings_is_refused(small_data, tmp_path, calls):
  reproduce(small_data, tmp_path, systems=["popularity"])
  with pytest.raises(InputError, match=r"made with seed 0, but got 1: choose"):
    reproduce(small_data, tmp_path, systems=["popularity"], seed=1)
  assert calls == []


def test_a_system_that_cannot_answer_costs_no_other(
  small_data, tmp_path, calls, monkeypatch
):
  def refused(*_, **__):
    raise InputError("no labels here")

  monkeypatch.setitem(baselines.BASELINES, "repeat_label", refused)
  told = reproduce(small_data, tmp_path, systems=["popularity", "repeat_label"])
  assert "Left out: sequential (repeat_label): no labels here" in told
  assert "popularity" in told


def test_a_refused_training_ends_the_command(
  small_data, tmp_path, calls, monkeypatch
):
  def refused(*_, **__):
    raise InputError("TRAIN_STEPS is nonsense")

  monkeypatch.setattr(train, "train", refused)
  with pytest.raises(InputError, match="TRAIN_STEPS is nonsense"):
    reproduce(small_data, tmp_path)


def test_search_is_built_before_the_model_of_texts_is_trained(
  small_data, tmp_path, calls, monkeypatch
):
  built = []
  monkeypatch.setattr(plan.Data, "has", lambda *_: bool(built))
  monkeypatch.setattr(
    build, "build", lambda *_, variant, **__: built.append(variant)
  )
  reproduce(small_data, tmp_path, systems=["t5"])
  assert built == ["search"]
  [(_, _, bindings)] = [c for c in calls if c[0] == "train"]
  assert "MIXTURE_OR_TASK_NAME = 'instructrec_small_all_rows'" in bindings


def test_hard_negatives_are_retrieved_where_there_are_none(
  small_data, tmp_path, calls, monkeypatch
):
  done = []
  monkeypatch.setattr(
    retrieve,
    "retrieve",
    lambda dataset, model, file, data_dir: done.append((dataset, model, file)),
  )
  monkeypatch.setattr(
    build, "build", lambda *_, **options: done.append(options)
  )
  told = reproduce(
    small_data, tmp_path, table=["hard_negatives"], systems=["popularity"]
  )
  assert "Left out: hard_negatives" in told  # Nothing was built in truth.
  (dataset, model, file), options = done
  assert dataset == "small"
  assert model == str(tmp_path / "models" / "two_towers_small" / "run")
  assert (options["variant"], options["candidates_file"]) == ("hard", file)
  [(_, gin_file, _)] = calls
  assert gin_file == "models/two_towers.gin"


def test_what_answers_queries_is_trained_for_each(small_data, tmp_path, calls):
  reproduce(
    small_data,
    tmp_path,
    table=["personalized_search", "product_search"],
    systems=["tem", "dssm"],
  )
  bindings = [b for what, _, b in calls if what == "train"]
  queries = [
    line for lines in bindings for line in lines if line.startswith("QUERY")
  ]
  assert queries == [
    f"QUERY = '{name}'"
    for name in (
      "preference", "vague_intention", "specific_intention",
      "specific_intention",
    )
  ]  # fmt: skip
  assert "DATASET = 'small_search'" in bindings[-1]
