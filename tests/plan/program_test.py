"""What compiled programs move, against what can be worked out by hand."""

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from instructrec_jax.model import sharding
from instructrec_jax.plan import program

N = 256
SIZE = 4 * N * N  # Bytes of a float32 [N, N].
X = jax.ShapeDtypeStruct((N, N), jnp.float32)
STACK = jax.ShapeDtypeStruct((6, N, N), jnp.float32)


def traffic(function, *arguments):
  return program.traffic(
    jax.jit(function).lower(*arguments).compile().as_text()
  )


def test_an_addition_reads_two_arrays_and_writes_one():
  moved = traffic(lambda x, y: x + y, X, X)
  assert (moved.hbm, moved.ici) == (3 * SIZE, 0)


def test_of_a_slice_only_the_slice_is_read():
  moved = traffic(
    lambda stack, i: (
      jax.lax.dynamic_index_in_dim(stack, i, keepdims=False) + 1.0
    ),
    STACK,
    jax.ShapeDtypeStruct((), jnp.int32),
  )
  assert moved.hbm == pytest.approx(2 * SIZE, rel=0.01)


def test_a_loop_moves_as_much_as_its_rounds():
  def function(x, stack):
    return jax.lax.scan(lambda x, y: (jnp.sin(x @ y), None), x, stack)[0]

  one, six = (
    traffic(function, X, jax.ShapeDtypeStruct((n, N, N), jnp.float32)).hbm
    for n in (1, 6)
  )
  # A round reads a row of the stack and x, and writes x; how often a sine of it
  # is read and written in between is the compiler's choice, of few arrays.
  assert 15 * SIZE <= six - one <= 45 * SIZE


@pytest.mark.parametrize("partitions", [2, 4, 8])
def test_a_sum_over_devices_is_sent_by_a_ring(partitions):
  """[N, N / n] times [N / n, N] is summed: 2 (n - 1) / n of it is sent."""
  mesh = sharding.make_mesh(partitions)

  def place(*axes):
    return jax.ShapeDtypeStruct(
      (N, N), jnp.float32,
      sharding=NamedSharding(mesh, PartitionSpec(*axes)),
    )  # fmt: skip

  def function(x, y):
    out = NamedSharding(mesh, PartitionSpec())
    return jax.lax.with_sharding_constraint(x @ y, out)

  moved = traffic(function, place(None, "model"), place("model", None))
  assert moved.ici == 2 * (partitions - 1) / partitions * SIZE


@pytest.mark.parametrize(
  ("attributes", "chips"),
  [
    ("replica_groups=[2,8]<=[16], to_apply=%add", 8),
    ("replica_groups={{0,1,2},{3,4,5}}, to_apply=%add", 3),
    ("replica_groups=mesh['a'=4,'b'=2] {'a'}, to_apply=%add", 4),
    ("replica_groups=mesh['a'=4,'b'=2], device_ids=([2,4]T(1,0)) {'a','b'}", 8),
    ("replica_groups=mesh['a'=4,'b'=2] {'a':(1)2}", 2),
    ("source_target_pairs={{0,1},{1,0}}", 2),
  ],
)
def test_every_way_to_write_a_group(attributes, chips):
  assert program._group(attributes) == chips


def test_an_unknown_group_is_an_error():
  with pytest.raises(ValueError, match="unknown group"):
    program._group("replica_groups=new")


TPU = """
HloModule m, is_scheduled=true

%go (p: (s32[], bf16[8,128])) -> (s32[], bf16[8,128]) {
  %p = (s32[]{:T(128)}, bf16[8,128]{1,0:T(8,128)(2,1)S(1)}) parameter(0)
  %i = s32[]{:T(128)S(6)} get-tuple-element(%p), index=0
  %x = bf16[8,128]{1,0:T(8,128)(2,1)S(1)} get-tuple-element(%p), index=1
  %y = bf16[8,128]{1,0:T(8,128)(2,1)S(1)} add(%x, %x)
  %s = (bf16[8,128]{1,0}, bf16[8,128]{1,0:S(1)}, u32[]{:S(2)}) copy-start(%y)
  %d = bf16[8,128]{1,0} copy-done(%s)
  ROOT %t = (s32[]{:T(128)}, bf16[8,128]{1,0:S(1)}) tuple(%i, %y)
}

%limit (p.1: (s32[], bf16[8,128])) -> pred[] {
  %p.1 = (s32[]{:T(128)}, bf16[8,128]{1,0:T(8,128)(2,1)S(1)}) parameter(0)
  %n = s32[]{:T(128)} constant(7)
  %j = s32[]{:T(128)} get-tuple-element(%p.1), index=0
  ROOT %c = pred[]{:T(512)} compare(%j, %n), direction=LT
}

ENTRY %main (a: (s32[], bf16[8,128])) -> (s32[], bf16[8,128]) {
  %a = (s32[]{:T(128)}, bf16[8,128]{1,0:T(8,128)(2,1)S(1)}) parameter(0)
  ROOT %w = (s32[], bf16[8,128]{1,0:S(1)}) while(%a), condition=%limit, body=%go
}
"""


def test_what_stays_in_a_chips_fast_memory_is_not_moved():
  """Seven rounds; each writes y to HBM once, and adds it up beside."""
  assert program.traffic(TPU).hbm == 7 * 2 * 8 * 128


def test_a_loop_that_does_not_say_how_often_is_an_error():
  with pytest.raises(ValueError, match="w: expected one constant"):
    program.traffic(TPU.replace("constant(7)", "parameter(1)"))
