import numpy as np
import polars as pl
import pytest
import tensorflow as tf

from instructrec_jax.data.names import records_dir
from instructrec_jax.data.records import read
from instructrec_jax.data.records.catalogue import Catalogue
from instructrec_jax.errors import InputError


def _catalogue(small):
  return Catalogue("small", data_dir=str(small / "records"))


def _reading(monkeypatch, catalogue, lists, titles):
  """Lets a catalogue read these lists of items, and these titles."""
  frame = pl.DataFrame({"items": lists}, schema={"items": pl.List(pl.UInt32)})
  tables = {
    read.TRAIN_ITEMS: frame,
    read.CATALOGUE: pl.DataFrame({"title": titles}),
  }
  monkeypatch.setattr(catalogue, "_read", tables.get)


def test_excluded_are_the_train_items_beside_the_records(small):
  got = _catalogue(small).excluded
  assert got.dtype == tf.int32
  expected = read.load_train_items(small, "small").to_list()
  assert got.to_list() == expected


def test_negatives_are_as_many_as_are_left_to_every_user(small, monkeypatch):
  assert _catalogue(small).num_negatives == 9
  lists = [[0, 1], [0, 1, 2, 3, 4], []]
  for titles, left in (("abcdefgh", 3), ("abcdefga", 2), ("aaaaaaaa", 0)):
    catalogue = _catalogue(small)
    _reading(monkeypatch, catalogue, lists, [*titles])
    assert catalogue.num_negatives == left


def test_other_items_of_a_title_that_a_user_had_are_excluded(
  small, monkeypatch
):
  catalogue = _catalogue(small)
  lists = [[0, 1], [], [3], [2, 5], [4], [5, 2, 0]]
  _reading(monkeypatch, catalogue, lists, ["a", "b", "c", "a", "d", "c"])
  assert [sorted(items) for items in catalogue.excluded.to_list()] == [
    [0, 1, 3], [], [0, 3], [2, 5], [4], [0, 2, 3, 5],
  ]  # fmt: skip


def test_users_without_training_part_have_no_items(small, monkeypatch):
  lists = [[], [3, 1], [], [], [2**24 + 1], []]
  catalogue = _catalogue(small)
  _reading(monkeypatch, catalogue, lists, [*"abc"])
  assert catalogue.excluded.to_list() == lists


def test_graphs_capture_excluded_items_and_do_not_hold_them(small, monkeypatch):
  catalogue = _catalogue(small)
  # Small tensors are copied into graphs whatever one does.
  _reading(monkeypatch, catalogue, [[1, 2, 3]] * 1000, [*"abcd"])

  def read(user):
    # Asked for first inside the graph, as in a task.
    return [catalogue.excluded[user + k] for k in range(20)]

  graph = tf.data.Dataset.range(2).map(read)._map_func.function.graph
  captured = [outer.shape.num_elements() for outer, _ in graph.captures]
  assert sorted(captured) == [1001, 3000]
  constants = [
    np.size(tf.make_ndarray(op.get_attr("value")))
    for op in graph.get_operations()
    if op.type == "Const"
  ]
  assert max(constants) < 10


def test_records_without_what_they_refer_to_say_so(small, monkeypatch):
  monkeypatch.setattr(
    "instructrec_jax.data.records.catalogue.TRAIN_ITEMS", "gone.parquet"
  )
  with pytest.raises(InputError) as error:
    _ = _catalogue(small).excluded
  folder = records_dir(small, "small")
  assert f"no gone.parquet in {folder}" in str(error.value)
  assert "instructrec build small --overwrite" in str(error.value)
