"""Arrays that are read when they are asked for."""

import jax
import numpy as np

from instructrec_jax.weights import tensor


def _counted(array):
  read = []

  def slices(index):
    read.append(index)
    return array[index]

  return tensor.Tensor(array.shape, array.dtype, slices), read


def test_nothing_is_read_before_it_is_asked_for():
  array = np.arange(12, dtype=np.float32).reshape(3, 4)
  made, read = _counted(array)
  turned = made.T.astype(tensor.DTYPES["bfloat16"])
  assert (turned.shape, turned.size, turned.nbytes) == ((4, 3), 12, 24)
  assert not read
  np.testing.assert_array_equal(turned.read().astype(np.float32), array.T)
  assert len(read) == 1
  found = tensor.Tensor.of(array).T.slices((slice(1, 2), slice(0, 2)))
  np.testing.assert_array_equal(found, [[1, 5]])


def test_each_part_is_read_once_and_stands_where_it_belongs():
  array = np.arange(32, dtype=np.float32).reshape(4, 8)
  made, read = _counted(array)
  mesh = jax.make_mesh((4, 2), ("data", "model"))
  spec = jax.sharding.PartitionSpec("model", None)
  place = jax.sharding.NamedSharding(mesh, spec)
  like = jax.ShapeDtypeStruct(array.shape, np.float32, sharding=place)
  placed = tensor.place_all({"a/b": made}, {"a": {"b": like}})["a"]["b"]
  assert placed.sharding == place
  np.testing.assert_array_equal(placed, array)
  assert len(read) == 2
