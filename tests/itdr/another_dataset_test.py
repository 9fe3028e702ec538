"""A dataset that is not ITDR's is asked about in its ways."""

import pytest
import seqio

from instructrec_jax import tasks
from instructrec_jax.errors import InputError
from instructrec_jax.itdr import build, command, domains, pairs
from tests import made_up_itdr
from tests.itdr import small_tables

_GAMES = domains.Domain(
  ("board_games",),
  kind="game",
  thing="board game",
  things="board games",
  person="player",
  had="played",
  have="play",
  facts={"categories": "Kinds", "brand": "Maker"},
  scale=domains.Scale(1, 10),
)


def test_a_row_of_words_and_one_of_the_table_are_enough(
  built, tmp_path, monkeypatch
):
  monkeypatch.setitem(domains.DOMAINS, "board_games", _GAMES)
  made_up_itdr.write_one(tmp_path, "board_games", users=80, items=40)
  for pair in (
    pairs.Pair("rating_prediction", "board_games", 50),
    pairs.Pair("target_users", "board_games", 30),
  ):
    manifest = build.build(pair, tmp_path)
    assert sum(manifest["counts"]["records"].values()) == pair.size
    seqio.set_tfds_data_dir_override(str(tmp_path / "records"))
    tasks.itdr.add(pair)
    try:
      task = seqio.get_mixture_or_task(pair.task)
      examples = task.get_dataset(None, "test", shuffle=False, num_epochs=1)
      texts = [
        e["inputs_pretokenized"].decode() for e in examples.as_numpy_iterator()
      ]
    finally:
      seqio.TaskRegistry.remove(pair.task)
    assert texts
    assert all("board game" in text for text in texts)


def test_a_pair_of_which_nobody_can_be_asked_is_named(tmp_path):
  made_up_itdr.write_one(tmp_path, "ml_32m", users=80, items=40)
  rows = {"user": range(20), "item": range(20), "rating": [99.0] * 20}
  small_tables.tables(tmp_path, "anime_2023", rows)
  names = ["rating_prediction_ml_32m", "rating_prediction_anime_2023"]
  done = command.itdr(names, tmp_path, 40)
  assert [*done.manifests] == names[:1]
  assert [*done.absent] == names[1:]
  said = [line for line in command.summary(done) if names[1] in line]
  assert "no user or item of anime_2023 is eligible" in said[0]
  assert "rating is not a number from 1 to 10 (20)" in said[0]
  with pytest.raises(InputError, match="no pair was built: rating_prediction"):
    command.itdr(names[1:], tmp_path, 40)


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"pairs": ["top_kk"]}, "unknown pair, subtask or root task of ITDR"),
    ({"pairs": ["top_k_mind"], "tables": ["mind"]}, "expected DATASET=OTHER"),
    ({"tables": ["minds=x"]}, "unknown dataset of ITDR in --tables"),
    ({"pairs": ["top_k_mind"], "size": 2}, "size is 2: expected at least 3"),
    (
      {"pairs": ["top_k_mind"], "tables": ["mind_small=nowhere"]},
      "holds no finished output of `normalize`",
    ),
    ({"teacher": "nobody"}, "unknown teacher"),
    (
      {"pairs": ["rating_prediction_yelp"], "tables": ["yelp=mind_small"]},
      "dataset 'mind_small' has no ratings; the columns of its interactions",
    ),
    (
      {"pairs": ["user_attributes_ml_1m"], "tables": ["ml_1m=mind_small"]},
      "users of dataset 'mind_small' have none of",
    ),
  ],
)
def test_what_cannot_be_asked_for_is_named(itdr_data, options, message):
  with pytest.raises(InputError, match=message):
    command.itdr(data_dir=itdr_data[0], **options)


def test_without_tables_nothing_is_built(tmp_path):
  with pytest.raises(InputError, match="no pair has tables"):
    command.itdr(data_dir=tmp_path)


def test_who_cannot_be_asked_about_is_told_of(tmp_path):
  made_up_itdr.write_one(tmp_path, "mind_small", users=3, items=40)
  with pytest.raises(InputError, match="no user or item is left for val"):
    command.itdr(["top_k_mind"], data_dir=tmp_path, size=30)


def test_what_is_there_is_not_built_again(itdr_data):
  folder, done = itdr_data
  again = command.itdr(["top_k_mind"], data_dir=folder, size=40)
  assert again.manifests["top_k_mind"]["reused"]
  lines = list(command.summary(done))
  assert len([line for line in lines if line.split()[0] in pairs.PAIRS]) == 33
  assert any(line.startswith("vocabulary: ") for line in lines)
  with pytest.raises(InputError, match="made from other inputs"):
    command.itdr(["top_k_mind"], data_dir=folder, size=50)


def test_the_same_seed_makes_the_same_records(itdr_data, tmp_path):
  folder, _ = itdr_data
  made_up_itdr.write_one(tmp_path, "mind_small", users=90, items=60)
  command.itdr(["top_k_mind"], data_dir=tmp_path, size=40)

  def shards(data_dir):
    where = build.folder_of(data_dir, pairs.PAIRS["top_k_mind"])
    return {p.name: p.read_bytes() for p in where.glob("*.tfrecord-*")}

  assert shards(folder) == shards(tmp_path)
