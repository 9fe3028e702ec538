"""The steps to plan: training, and scoring candidates."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from instructrec_jax.model import ranking_model, sharding, stacking
from instructrec_jax.plan import chips, counting
from instructrec_jax.train import step as step_lib


@dataclasses.dataclass(frozen=True)
class Layout:
  """How a step is spread over chips.

  Attributes:
    num_partitions: The number of chips that share a copy of the parameters.
    parameter_partitioning_dims: See `sharding.rules`.
    num_microbatches: The number of parts of a training batch, or None.
  """

  num_partitions: int = 1
  parameter_partitioning_dims: int = 1
  num_microbatches: int | None = None


@dataclasses.dataclass(frozen=True)
class Step:
  """A step to compile.

  Attributes:
    function: The jitted function, with its shardings.
    arguments: The shapes of its arguments.
    bytes_a_chip: Bytes of each part of the arguments.
    useful_flops: Flops of its matrix products over all chips, without
      recomputation.
  """

  function: Any
  arguments: tuple[Any, ...]
  bytes_a_chip: Mapping[str, int]
  useful_flops: int


def layouts(
  num_chips: int, num_microbatches: int | None = None
) -> list[Layout]:
  """Returns all layouts of a step over chips."""
  return [
    Layout(partitions, dims, num_microbatches)
    for partitions in range(1, num_chips + 1)
    for dims in sharding.RULES
    # If the data axis has one chip, both rules are the same.
    if num_chips % partitions == 0 and (dims == 1 or partitions < num_chips)
  ]


def training_step(
  model: ranking_model.RankingModel,
  optimizer: optax.GradientTransformation,
  topology: chips.Topology,
  layout: Layout,
  task_feature_lengths: Mapping[str, int],
  batch_size: int,
) -> Step:
  """Returns the runner's step, with packed rows.

  Args:
    model: The model to train.
    optimizer: Its optimizer.
    topology: The chips.
    layout: How the step is spread over them.
    task_feature_lengths: Tokens of "inputs" and "targets" in a row.
    batch_size: Rows over all chips.

  Raises:
    InputError: The model or the batch does not divide over the chips.
  """
  mesh = sharding.make_mesh(layout.num_partitions, topology.devices)
  dims = layout.parameter_partitioning_dims
  shapes = step_lib.state_shapes(model, optimizer)
  shardings = sharding.tree_shardings(mesh, shapes.params, shapes, dims)
  if model.config.scan_layers:  # As the runner has them.
    shapes = jax.eval_shape(stacking.stack, shapes)
    shardings = stacking.shardings(shardings)
  state = sharding.placed(shapes, shardings)
  L, T = (task_feature_lengths[name] for name in ("inputs", "targets"))
  batch = _batch(
    mesh,
    {
      "encoder_input_tokens": (batch_size, L),
      "encoder_segment_ids": (batch_size, L),
      "decoder_input_tokens": (batch_size, T),
      "decoder_target_tokens": (batch_size, T),
      "decoder_loss_weights": (batch_size, T),
      "decoder_segment_ids": (batch_size, T),
    },
  )
  function = step_lib.make_train_step(
    model,
    optimizer,
    0,
    mesh,
    shardings,
    num_microbatches=layout.num_microbatches,
    parameter_partitioning_dims=dims,
  )
  forward = sharding.jit_on_mesh(mesh, model.loss_fn, dims).trace(
    state.params, batch, jax.eval_shape(lambda: jax.random.key(0))
  )
  return Step(
    function,
    (state, batch),
    {
      "parameters": _bytes_a_chip(state.params),
      "optimizer": _bytes_a_chip((state.step, state.opt_state)),
      "batch": _bytes_a_chip(batch),
    },
    # The gradient of a product takes one more product for each factor.
    3 * counting.product_flops(forward.jaxpr),
  )


def scoring_step(
  model: ranking_model.RankingModel,
  topology: chips.Topology,
  layout: Layout,
  task_feature_lengths: Mapping[str, int],
  batch_size: int,
  num_candidates: int,
) -> Step:
  """Returns the step of an evaluation that scores candidates.

  Args:
    model: The model.
    topology: The chips.
    layout: How the step is spread over them.
    task_feature_lengths: Tokens of "inputs", and of a candidate ("targets").
    batch_size: Requests over all chips.
    num_candidates: The candidates of a request.

  Raises:
    InputError: The model or the batch does not divide over the chips.
  """
  mesh = sharding.make_mesh(layout.num_partitions, topology.devices)
  shapes = model.parameter_shapes()
  params = sharding.placed(
    shapes,
    sharding.tree_shardings(
      mesh, shapes, shapes, layout.parameter_partitioning_dims
    ),
  )
  L, T = (task_feature_lengths[name] for name in ("inputs", "targets"))
  batch = _batch(
    mesh,
    {
      "encoder_input_tokens": (batch_size, L),
      "candidate_tokens": (batch_size, num_candidates, T),
    },
  )
  function = sharding.jit_on_mesh(
    mesh, model.score_batch, layout.parameter_partitioning_dims
  )
  return Step(
    function,
    (params, batch),
    {"parameters": _bytes_a_chip(params), "batch": _bytes_a_chip(batch)},
    counting.product_flops(function.trace(params, batch).jaxpr),
  )


def _batch(
  mesh: jax.sharding.Mesh, shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, jax.ShapeDtypeStruct]:
  sharding.check_rows(mesh, next(iter(shapes.values()))[0])
  place = sharding.batch_sharding(mesh)
  return {
    name: jax.ShapeDtypeStruct(shape, jnp.int32, sharding=place)
    for name, shape in shapes.items()
  }


def _bytes_a_chip(tree: Any) -> int:
  return sum(
    math.prod(leaf.sharding.shard_shape(leaf.shape)) * leaf.dtype.itemsize
    for leaf in jax.tree.leaves(tree)
  )
