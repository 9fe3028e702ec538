"""Which records each edition's tasks are of, and in which words."""

import collections
import importlib
import pathlib
import sys

import gin
import numpy as np
import polars as pl
import pytest
import seqio
import tensorflow as tf

from instructrec_jax import tasks
from instructrec_jax.data import normalize, simulate, variants
from instructrec_jax.data.records import build, read
from instructrec_jax.errors import InputError
from instructrec_jax.export.untokenized import untokenized
from instructrec_jax.instructions.families import FAMILIES
from instructrec_jax.instructions.templates import Template
from instructrec_jax.tasks import editions, lookup
from instructrec_jax.tasks.registration import MIXTURES

ROOT = pathlib.Path(__file__).parents[2]


def _examples(task, split="test", **options):
  ds = seqio.get_mixture_or_task(f"instructrec_small_{task}").get_dataset(
    None, split=split, shuffle=False, seed=0, **options
  )
  return list(ds.as_numpy_iterator())


def test_every_row_of_the_paper_s_tables_has_a_task(small):
  evaluated = seqio.get_subtasks(
    seqio.get_mixture_or_task("instructrec_small_evaluation")
  )
  names = {t.name.removeprefix("instructrec_small_") for t in evaluated}
  assert names == {
    "p1_i0_t3",
    "p1p2_i0_t3",
    "p1_i1_t3",
    "p1_i2_t3",
    "search_p0_i2_t3",
  }
  for task in evaluated:
    assert "test" in task.splits
  # Hard negatives, a hundred candidates, other words of intentions.
  for name in ("hard_p1_i0_t3", "of_100_p1_i0_t3", "reworded_p1_i1_t3"):
    assert f"instructrec_small_{name}" in seqio.TaskRegistry.names()


@pytest.mark.parametrize("edition", editions.EDITIONS)
def test_a_task_s_name_ends_in_its_family_s(small, edition):
  has = editions.EDITIONS[edition].has
  families = [*filter(has, FAMILIES.values())]
  assert families
  for family in families:
    name = editions.task_name("instructrec_small", edition, family.name)
    assert seqio.TaskRegistry.get(name).source.family is family
    assert name.endswith(f"_{family.name}")


def test_held_out_wordings_are_all_new(small):
  for family in ("p1_i0_t3", "p1_i2_t3"):
    seen = {e["template"] for e in _examples(family)}
    unseen = {e["template"] for e in _examples(f"held_out_{family}")}
    assert seen
    assert unseen
    assert all(name.endswith(b".held_out") for name in unseen)
    assert not any(name.endswith(b".held_out") for name in seen)


def test_the_other_wording_of_an_intention_replaces_the_first(small):
  part = read.load_split(small, "small", "test")
  texts = {
    row: (part["vague_intention"][i], part["vague_intention_2"][i])
    for i, row in enumerate(part["instance"])
  }
  rows = _examples("reworded_p1_i1_t3")
  assert len(rows) == (part["vague_intention_2"] != b"").sum() > 5
  for example in rows:
    first, second = texts[example["instance"]]
    assert second in example["inputs_pretokenized"]
    assert first == second or first not in example["inputs_pretokenized"]


def test_product_search_is_told_without_a_user(small):
  part = read.load_split(small, "small_search", "test")
  titles = read.load_catalogue(small, "small_search")["title"]
  rows = _examples("search_p0_i2_t3")
  assert len(rows) == (part["specific_intention"] != b"").sum() > 2
  query = dict(zip(part["instance"], part["specific_intention"], strict=True))
  for example in rows:
    assert query[example["instance"]] in example["inputs_pretokenized"]
    target = titles[int(example["target_item"])]
    assert example["targets_pretokenized"].decode() == target
    assert len(example["history_items"]) == 0


def test_a_user_yields_as_many_instances_as_the_limit_says(small):
  everything = collections.Counter(
    e["user"] for e in _examples("p1_i0_t2", "train")
  )
  with gin.unlock_config():
    gin.bind_parameter(
      "instructrec_jax.instances_per_user.limits", {"p1_i0_t2": 3}
    )
  limited = _examples("p1_i0_t2", "train")
  counts = collections.Counter(e["user"] for e in limited)
  assert counts == {user: min(n, 3) for user, n in everything.items()}
  assert max(everything.values()) > 3
  # The newest: no target of the user has a longer history.
  part = read.load_split(small, "small", "train")
  length = dict(zip(part["instance"], part["history_length"], strict=True))
  longest = pl.DataFrame({k: part[k] for k in ("user", "history_length")})
  newest = dict(
    longest.group_by("user").agg(pl.max("history_length")).iter_rows()
  )
  assert all(length[e["instance"]] > newest[e["user"]] - 3 for e in limited)


@pytest.fixture(scope="module")
def untold(tmp_path_factory):
  """A dataset of histories alone."""
  folder = tmp_path_factory.mktemp("untold")
  simulate.write(folder / "raw", num_users=30, num_items=30)
  normalize.normalize(
    "table", folder / "raw" / "board_games", folder, "untold", k_core=1
  )
  build.build(folder, "untold", num_negatives=4)
  tasks.register_found(folder / "records")
  return folder


def test_families_whose_texts_were_never_written_are_left_out(untold, capsys):
  seqio.set_tfds_data_dir_override(str(untold / "records"))
  try:
    found = lookup.tasks_with("instructrec_untold", "train")
    said = capsys.readouterr().err
    mixture = seqio.get_mixture_or_task("instructrec_untold")
    names = {task.name for task in found}
    assert names == {f"instructrec_untold_p1_i0_t{n}" for n in (0, 2, 3)}
    assert {t.name for t in mixture.tasks if "train" in t.splits} == names
    for text, task in (
      ("no preference (`instructrec annotate` writes it); ", "p1_to_p2"),
      ("no vague_intention (", "p1_i1_t3"),
      ("no specific_intention (", "item_to_i2"),
      ("no preference and no specific_intention (", "p1p2_i2_t3"),
    ):
      [line] = [
        row for row in said.splitlines() if f"records have {text}" in row
      ]
      assert f"instructrec_untold_{task}" in line
      assert "; left out: instructrec_untold_" in line
    with pytest.raises(InputError, match="has no task to use: the records"):
      lookup.tasks_with("instructrec_untold_intention", "train")
    with pytest.raises(InputError, match="build untold --variant search`"):
      lookup.tasks_with("instructrec_untold_search", "train")
    with pytest.raises(InputError, match="run `instructrec annotate untold`"):
      build.build(untold, "untold", variant="search")
  finally:
    seqio.set_tfds_data_dir_override(None)


def test_training_shows_as_many_candidates_as_the_requests_have(untold):
  seqio.set_tfds_data_dir_override(str(untold / "records"))
  try:
    task = untokenized(seqio.TaskRegistry.get("instructrec_untold_p1_i0_t3"))
    asked = {
      split: task.get_dataset(None, split=split, shuffle=False).map(
        lambda example: tf.size(example["asked"])
      )
      for split in ("train", "test")
    }
    for sizes in asked.values():
      assert {*sizes.as_numpy_iterator()} == {5}
  finally:
    seqio.set_tfds_data_dir_override(None)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_sample_of_any_split_is_the_same_for_all_families(untold, split):
  seqio.set_tfds_data_dir_override(str(untold / "records"))
  found = {}
  try:
    for seed in (0, 1):
      with gin.unlock_config():
        gin.bind_parameter("request_sample.num_requests", 7)
        gin.bind_parameter("request_sample.seed", seed)
      for form in ("t0", "t3"):
        source = seqio.TaskRegistry.get(
          f"instructrec_untold_p1_i0_{form}"
        ).source
        records = source.get_dataset(split, shuffle=False)
        found[seed, form] = {int(r["instance"]) for r in records}
      train = source.get_dataset("train", shuffle=False)
      assert len([*train]) == source.num_input_examples("train")
  finally:
    gin.clear_config()
    seqio.set_tfds_data_dir_override(None)
  assert len(found[0, "t0"]) == 7
  assert found[0, "t0"] == found[0, "t3"] != found[1, "t0"]
  assert len(found[1, "t0"]) == 7


def test_records_with_the_name_of_a_mixture_break_no_others(tmp_path, capsys):
  for name in ("all", "first_history", "second"):
    (tmp_path / f"instructrec_{name}").mkdir()
  assert tasks.register_found(tmp_path) == ["instructrec_second"]
  first, second = capsys.readouterr().err.splitlines()
  assert first.startswith("left out: dataset 'all': expected another name")
  assert second.startswith("left out: dataset 'first_history': expected a name")


def test_the_names_of_mixtures_are_kept_from_datasets():
  for name in [*filter(None, MIXTURES), *FAMILIES]:
    with pytest.raises(InputError, match=f"does not end in '_{name}'"):
      variants.check_free(f"shop_{name}")
  assert variants.check_free("shop_searches") == "shop_searches"


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"variant": "serach"}, "Did you mean 'search'"),
    (
      {"variant": "search", "candidates": "hard"},
      "needs candidates uniform or popularity, not hard",
    ),
    ({"variant": "hard"}, "candidates 'hard' need candidates_file"),
  ],
)
def test_variants_that_cannot_be_built_are_refused(small, options, message):
  with pytest.raises(InputError, match=message):
    build.build(small, "small", **options)


def test_the_variants_differ_in_what_they_say(small):
  """Leave-one-out and search have the same catalogue, but other users."""
  plain = read.load_catalogue(small, "small")
  assert plain.equals(read.load_catalogue(small, "small_search"))
  for split in ("train", "validation", "test"):
    part = read.load_split(small, "small_search", split)
    assert len(np.unique(part["user"])) == len(part["user"])
    assert not part["newer_targets"].any()


def test_another_project_adds_templates_of_its_own(small):
  mine = Template(
    "p1_i0_t2/mine.0", "p1_i0_t2", "Played: {history}. What now?", "{target}"
  )
  name = tasks.register(
    "mine",
    records="instructrec_small:1.0.0",
    tfds_data_dir=str(small / "records"),
    families=["p1_i0_t2"],
    templates=[mine],
  )
  assert name == "instructrec_mine"
  ds = seqio.get_mixture_or_task(f"{name}_p1_i0_t2").get_dataset(
    None, split="test", shuffle=False, num_epochs=1
  )
  examples = [*ds.as_numpy_iterator()]
  assert examples
  for example in examples:
    assert example["template"] == b"p1_i0_t2/mine.0"
    assert example["inputs_pretokenized"].startswith(b"Played: ")
    assert example["inputs_pretokenized"].endswith(b". What now?")
  # Without held-out wordings there is no task of them.
  assert "instructrec_mine_held_out_p1_i0_t2" not in seqio.TaskRegistry.names()


def test_the_same_registration_twice_is_one():
  before = [*seqio.TaskRegistry.names()], [*seqio.MixtureRegistry.names()]
  assert tasks.register("games") == "instructrec_games"
  tasks.itdr.register()
  assert (
    [*seqio.TaskRegistry.names()], [*seqio.MixtureRegistry.names()]
  ) == before  # fmt: skip
  with pytest.raises(
    InputError, match="'instructrec_games' is registered already, with other"
  ):
    tasks.register("games", num_negatives=3)


def test_a_checkout_s_folder_of_tasks_may_be_imported(monkeypatch):
  """`import tasks` at the root of a checkout is the same code again."""
  monkeypatch.syspath_prepend(ROOT)
  again = importlib.import_module("tasks")
  try:
    assert again is not tasks
    assert again.register is tasks.register
  finally:
    del sys.modules["tasks"]


def test_training_for_all_rows_shows_no_intention_for_a_searched_item(small):
  folder = small / "records" / "instructrec_small_search" / "1.0.0"
  held_out = {
    int(item)
    for split in ("validation", "test")
    for item in read.read_split(folder, split)["target"]
  }
  assert held_out
  plain = {e["target_item"] for e in _examples("p1_i2_t3", "train")}
  assert plain & held_out  # So the plain mixture would have told.
  mixture = seqio.MixtureRegistry.get("instructrec_small_all_rows")
  families = {t.source.family.name for t in mixture.tasks}
  assert families == {f for f in FAMILIES if FAMILIES[f].form != "t1"}
  for task in ("unsearched_p1_i2_t3", "unsearched_p1_item_to_i2"):
    targets = {e["target_item"] for e in _examples(task, "train")}
    assert targets == plain - held_out
  for task in mixture.tasks:
    parts = {*task.source.family.inputs, *task.source.family.outputs}
    if not parts & {"i1", "i2"}:
      continue
    # Either the records leave the items out, or they are the search's own.
    assert task.source.searched is not None or "_search_" in task.name
  # Evaluation is that of the plain task.
  hidden, shown = _examples("unsearched_p1_i2_t3"), _examples("p1_i2_t3")
  assert [e["instance"] for e in hidden] == [e["instance"] for e in shown]
