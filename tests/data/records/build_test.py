import os
import shutil
import signal
import subprocess
import sys
import textwrap

import numpy as np
import polars as pl
import pytest
import seqio
import tensorflow_datasets as tfds

from instructrec_jax import schema
from instructrec_jax.data import normalize, splits
from instructrec_jax.data.candidates import draw
from instructrec_jax.data.names import generator, records_dir, tables_dir
from instructrec_jax.data.records import build, read
from instructrec_jax.errors import InputError
from tests.data.raw_files import (
  read_tables,
  small_world,
  write_log,
  write_recbole,
)
from tests.unsealed import unseal


def _rows(data_dir, split, dataset="games"):
  """Reads a split as TFDS does, by instance."""
  builder = tfds.builder(
    f"instructrec_{dataset}", data_dir=data_dir / "records"
  )
  rows = tfds.as_numpy(builder.as_dataset(split=split))
  return sorted(rows, key=lambda row: row["instance"])


def _ids(data_dir, dataset="games"):
  tables = read_tables(data_dir, dataset)
  return tables["users"]["user_id"].to_list(), tables["items"][
    "item_id"
  ].to_list()


def _content(folder):
  return {
    p.name: p.read_bytes()
    for p in folder.iterdir()
    if p.name != "manifest.json"
  }


def test_records_follow_from_the_raw_histories(data_dir):
  manifest = build.build(data_dir, "games", seed=3)
  users, items = _ids(data_dir)
  code = {item: i for i, item in enumerate(items)}
  histories = {
    user: [code[i] for i in raw] for user, raw in small_world()[0].items()
  }
  count = 0
  for split, held_out in (("train", None), ("validation", 2), ("test", 1)):
    rows = _rows(data_dir, split)
    assert manifest["counts"]["records"][split] == len(rows)
    expected = [
      (user, place)
      for user, history in histories.items()
      for place in (
        range(1, len(history) - 2)
        if held_out is None
        else [len(history) - held_out]
      )
    ]
    assert len(rows) == len(expected)
    for row, (user, place) in zip(rows, expected, strict=True):
      history = histories[user]
      assert row["instance"] == count
      count += 1
      assert users[row["user"]] == user
      assert row["target"] == history[place]
      assert row["history"].tolist() == history[:place]
      assert row["history_length"] == place
      if held_out is None:
        assert row["candidates"].size == 0
      else:
        assert len(set(row["candidates"])) == 10
        assert set(row["candidates"]) & set(history) == {row["target"]}
        assert row["candidates"].max() < len(items)
  assert count == sum(manifest["counts"]["records"].values())


def test_seqio_reads_them_by_name_and_version(data_dir):
  manifest = build.build(data_dir, "games")
  source = seqio.TfdsDataSource(
    "instructrec_games:1.0.0", tfds_data_dir=str(data_dir / "records")
  )
  for split, number in manifest["counts"]["records"].items():
    assert source.num_input_examples(split) == number
  first = next(iter(tfds.as_numpy(source.get_dataset("test"))))
  assert first["candidates"].shape == (10,)


def test_load_split_is_what_tfds_reads(data_dir):
  build.build(data_dir, "games")
  for split in ("train", "validation", "test"):
    rows = _rows(data_dir, split)
    arrays = read.load_split(data_dir, "games", split)
    for name in ("instance", "user", "target", "history_length"):
      assert arrays[name].tolist() == [row[name] for row in rows]
    offsets = arrays["history_offsets"]
    for r, row in enumerate(rows):
      got = arrays["history"][offsets[r] : offsets[r + 1]]
      assert got.tolist() == row["history"].tolist()
    if split != "train":
      want = np.stack([row["candidates"] for row in rows])
      assert (arrays["candidates"] == want).all()
  with pytest.raises(InputError, match="one of train, validation, test"):
    read.load_split(data_dir, "games", "dev")


def test_long_histories_keep_their_newest_items(data_dir):
  build.build(data_dir, "games", max_history=3)
  arrays = read.load_split(data_dir, "games", "test")
  lengths = np.diff(arrays["history_offsets"])
  assert (lengths == np.minimum(arrays["history_length"], 3)).all()
  histories, _ = small_world()
  users, items = _ids(data_dir)
  end = arrays["history_offsets"][-1]
  user = users[int(arrays["user"][-1])]
  got = [items[int(i)] for i in arrays["history"][end - lengths[-1] : end]]
  assert got == histories[user][:-1][-3:]


def _order(data_dir, split):
  """Instances in the order in which they lie on disk."""
  builder = tfds.builder("instructrec_games", data_dir=data_dir / "records")
  rows = tfds.as_numpy(builder.as_dataset(split=split))
  return [int(row["instance"]) for row in rows]


def test_the_seed_decides_draws_and_order_only(data_dir):
  folder = records_dir(data_dir, "games")
  content, targets, orders = [], [], []
  for seed in (0, 0, 1):
    shutil.rmtree(folder, ignore_errors=True)
    build.build(data_dir, "games", seed=seed)
    content.append(_content(folder))
    targets.append(read.load_split(data_dir, "games", "test")["target"])
    orders.append({split: _order(data_dir, split) for split in splits.SPLITS})
  assert content[0] == content[1]
  assert content[0] != content[2]
  assert (targets[0] == targets[2]).all()
  for split in splits.SPLITS:
    assert orders[0][split] != orders[2][split]
    assert sorted(orders[0][split]) == sorted(orders[2][split])


def test_the_first_records_of_a_split_are_a_sample_of_it(tmp_path):
  raw = write_recbole(tmp_path / "raw", *small_world(num_users=400))
  normalize.normalize("instructrec/games", raw, tmp_path)
  build.build(tmp_path, "games")
  for split in splits.SPLITS:
    order = np.array(_order(tmp_path, split))
    first = (order[:100] - order.min()) / len(order)
    assert (np.diff(order) < 0).any()
    # Instances are numbered user by user. Uniform draws have their mean here
    # but for four standard errors, the first hundred users have not.
    assert abs(first.mean() - 0.5) < 4 / (12 * 100) ** 0.5


def test_candidates_are_drawn_user_by_user_whatever_the_order(data_dir):
  build.build(data_dir, "games", seed=2)
  tables = read_tables(data_dir, "games")
  user, item = (tables["interactions"][c].to_numpy() for c in ("user", "item"))
  for split in ("validation", "test"):
    target = splits.leave_one_out(user)[split].target
    expected, _ = draw.draw(
      generator(2, "instructrec_games", split),
      user[target],
      item[target],
      (user, item),
      tables["items"].height,
      9,
    )
    got = read.load_split(data_dir, "games", split)["candidates"]
    np.testing.assert_array_equal(got, expected)


def test_train_items_are_everything_but_what_is_held_out(tmp_path):
  histories, titles = small_world()
  histories = {"single": ["i3"], "short": ["i1", "i2"]} | histories
  raw = write_recbole(tmp_path / "raw", histories, titles)
  normalize.normalize("instructrec/games", raw, tmp_path)
  # A table of users may know some who met nothing.
  path = unseal(tables_dir(tmp_path, "games")) / "users.parquet"
  users = pl.read_parquet(path)
  nobody = pl.DataFrame({"user": users.height, "user_id": "nobody"})
  pl.concat([users, nobody.cast(users.schema)]).write_parquet(path)
  build.build(tmp_path, "games")
  users, items = _ids(tmp_path)
  train_items = read.load_train_items(tmp_path, "games")
  assert train_items.dtype == schema.TRAIN_ITEMS["items"].dtype
  got = {
    user: [items[item] for item in codes]
    for user, codes in zip(users, train_items.to_list(), strict=True)
  }
  assert got == {"nobody": []} | {
    user: history if len(history) < 3 else history[:-2]
    for user, history in histories.items()
  }


def test_a_killed_build_is_made_again_the_same(data_dir, tmp_path):
  build.build(data_dir, "games", seed=5)
  folder = records_dir(data_dir, "games")
  whole = _content(folder)
  shutil.rmtree(folder)
  script = textwrap.dedent("""
    import os, signal, sys
    from instructrec_jax.data.records import build, files
    # All shards of train are written, and none of the others.
    write = files.write_shards
    def die(path, *args):
      if not path.name.endswith("train"):
        os.kill(os.getpid(), signal.SIGKILL)
      return write(path, *args)
    files.write_shards = die
    build.build(sys.argv[1], "games", seed=5)
  """)
  done = subprocess.run(
    [sys.executable, "-c", script, str(data_dir)],
    env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    check=False,
    capture_output=True,
  )
  assert done.returncode == -signal.SIGKILL, done.stderr.decode()
  left = folder.with_name(".1.0.0.partial")
  # Another process writes the same bytes.
  shards = list(left.glob("*-train.tfrecord-*"))
  assert shards
  assert all(p.read_bytes() == whole[p.name] for p in shards)
  assert not folder.exists()
  with pytest.raises(InputError, match="run `instructrec build` first"):
    read.load_catalogue(data_dir, "games")
  with pytest.raises(tfds.core.registered.DatasetNotFoundError):
    tfds.builder("instructrec_games", data_dir=data_dir / "records")
  assert not build.build(data_dir, "games", seed=5)["reused"]
  assert _content(folder) == whole
  assert not left.exists()


def test_ratings_and_times_are_the_targets(tmp_path):
  # User u meets items u to u + 3, item i at 10 * i.
  rows = [(u, u + i, 10 * (u + i)) for u in range(30) for i in range(4)]
  raw = write_log(tmp_path / "raw", rows, [(i, f"T{i}") for i in range(33)])
  log = pl.read_csv(raw / "interactions.csv")
  log.with_columns(stars=pl.col("item_id") % 9 / 2).write_csv(
    raw / "interactions.csv"
  )
  normalize.normalize(
    "table",
    raw,
    tmp_path,
    dataset="shop",
    k_core=1,
    rating_column="stars",
  )
  build.build(tmp_path, "shop")
  _, items = _ids(tmp_path, "shop")
  for split in ("train", "validation", "test"):
    arrays = read.load_split(tmp_path, "shop", split)
    ids = np.array([int(items[int(t)]) for t in arrays["target"]])
    assert arrays["rating"].dtype == np.float32
    assert (arrays["rating"] == ids % 9 / 2).all()
    assert (arrays["timestamp"] == 10_000_000 * ids).all()


def test_too_few_items_to_draw_from(tmp_path):
  rows = [(u, i, 10 * i) for u in range(6) for i in range(1, 6)]
  raw = write_log(tmp_path / "raw", rows, [(i, f"T{i}") for i in range(1, 40)])
  normalize.normalize("table", raw, tmp_path, dataset="shop")
  with pytest.raises(InputError, match="has met 5 of 5 items"):
    build.build(tmp_path, "shop")


def test_short_users_are_trained_on_and_counted(tmp_path):
  histories, titles = small_world()
  histories |= {"short": ["i1", "i2"], "single": ["i3"]}
  raw = write_recbole(tmp_path / "raw", histories, titles)
  normalize.normalize("instructrec/games", raw, tmp_path)
  manifest = build.build(tmp_path, "games")
  assert manifest["counts"]["users_not_evaluated"] == 2
  users, _ = _ids(tmp_path)
  names = {users[int(r["user"])] for r in _rows(tmp_path, "test")}
  assert names == set(small_world()[0])
  train = [r for r in _rows(tmp_path, "train") if users[r["user"]] == "short"]
  assert len(train) == 1


def test_catalogue_counts_the_training_part_only(data_dir):
  build.build(data_dir, "games")
  catalogue = read.load_catalogue(data_dir, "games")
  times = dict.fromkeys(catalogue["item_id"], 0)
  for history in small_world()[0].values():
    for item in history[:-2]:
      times[item] += 1
  assert catalogue["train_count"].to_list() == list(times.values())
  assert catalogue["train_count"].dtype == pl.UInt32
  assert catalogue["item"].to_list() == list(range(catalogue.height))


def test_extras_join_the_stage(data_dir):
  def vocabulary(folder, titles, texts):
    (folder / "vocab.txt").write_text("\n".join(titles))
    return {"pieces": len(titles), "texts": len(texts)}

  def run(size):
    return build.build(
      data_dir,
      "games",
      extras=vocabulary,
      extra_options={"vocabulary": size},
    )

  manifest = run(10)
  assert manifest["counts"]["extras"] == {"pieces": 60, "texts": 0}
  assert (records_dir(data_dir, "games") / "vocab.txt").exists()
  assert run(10)["reused"]
  with pytest.raises(
    InputError, match=r"options.vocabulary: was 10, is now 20"
  ):
    run(20)


def test_records_of_another_version(data_dir):
  build.build(data_dir, "games")
  path = records_dir(data_dir, "games") / "manifest.json"
  text = path.read_text()
  for old in ('"timestamp"', '"no_such_feature"'):
    path.write_text(text.replace('"history_length"', old))
    with pytest.raises(InputError) as error:
      read.load_split(data_dir, "games", "test")
    message = str(error.value)
    assert "records of another version: expected the features" in message
    assert "`instructrec build games --overwrite`" in message


@pytest.mark.parametrize("option", ["num_negatives", "max_history"])
def test_bad_options(data_dir, option):
  with pytest.raises(InputError, match=f"{option} is 0: expected at least 1"):
    build.build(data_dir, "games", **{option: 0})


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, "1"])
def test_what_is_no_seed_is_named(data_dir, seed):
  with pytest.raises(
    InputError, match=r"seed is .*: expected a whole number fro"
  ):
    build.build(data_dir, "games", seed=seed)
  assert not records_dir(data_dir, "games").exists()


def test_a_data_dir_s_name_is_no_pattern(games, tmp_path, monkeypatch):
  monkeypatch.setenv("HOME", str(tmp_path))
  normalize.normalize("instructrec/games", games, tmp_path / "d 1")
  for data_dir in ("~/d[ 1]*", "~/d"):
    normalize.normalize("instructrec/games", games, data_dir)
    build.build(data_dir, "games")
    rows = read.load_split(data_dir, "games", "test")
    assert rows["user"].size == 40
    assert read.load_catalogue(data_dir, "games").height
  made = {path.name for path in tmp_path.iterdir()}
  assert {"d[ 1]*", "d", "d 1"} <= made
  assert not (tmp_path / "d 1" / "records").exists()


def test_tables_must_be_there_and_suffice(tmp_path):
  with pytest.raises(InputError, match="run `instructrec normalize` first"):
    build.build(tmp_path, "games")
  histories = {f"u{i}": ["a", "b", "c"] for i in range(3)}
  raw = write_recbole(
    tmp_path / "raw", histories, {"a": "A", "b": "B", "c": "C"}
  )
  normalize.normalize("instructrec/games", raw, tmp_path)
  with pytest.raises(
    InputError, match="9 interactions give no records for train"
  ):
    build.build(tmp_path, "games")


def test_popularity_on_real_games_is_as_published(real_data, tmp_path):
  normalize.normalize(
    "instructrec/games", real_data / "amazon-games-2018", tmp_path
  )
  manifest = build.build(tmp_path, "games")
  assert manifest["counts"]["records"]["test"] == 50_546
  arrays = read.load_split(tmp_path, "games", "test")
  popularity = read.load_catalogue(tmp_path, "games")["train_count"]
  scores = popularity.to_numpy()[arrays["candidates"]]
  is_target = arrays["candidates"] == arrays["target"][:, None]
  own = scores[is_target][:, None]
  rank = ((scores >= own) & ~is_target).sum(axis=1)
  # Measured by others on these files: 9 uniform negatives, ties against.
  for k, expected in ((1, 0.393), (3, 0.670), (5, 0.801)):
    assert abs((rank < k).mean() - expected) < 0.007
