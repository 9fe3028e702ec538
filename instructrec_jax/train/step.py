"""One training step: gradients of the model's loss, and the update."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import optax
from clu import metrics as clu_metrics
from flax import struct
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from instructrec_jax.errors import InputError
from instructrec_jax.model import sharding
from instructrec_jax.optim import optimizers as optimizer_lib

Metrics = dict[str, clu_metrics.Metric]


class Model(Protocol):
  """What is trained: `RankingModel`, `ItemModel`, or another of this form.

  A model may have a method `constants`, which returns arrays by name that its
  `loss_fn` takes as `constants`. Training does not change them, and they are no
  part of a checkpoint.

  Attributes:
    config: It has `scan_layers`, whether the network scans over its layers, see
      model/stacking.py.
  """

  config: Any

  def get_initial_variables(self, rng: jax.Array, /) -> Mapping[str, Any]:
    """Returns {"params"}, the initial parameters, by name."""

  def parameter_shapes(self) -> Any:
    """Returns the shapes of the parameters."""

  def loss_fn(
    self,
    params: Any,
    batch: Mapping[str, jax.Array],
    dropout_rng: jax.Array | None,
    /,
  ) -> tuple[jax.Array, Metrics]:
    """Returns the loss, and metrics.

    They have "loss" and "accuracy", means over what is predicted, and
    "input_fill" and "target_fill", the shares of positions that are used.
    """


@struct.dataclass
class TrainState:
  """The state that a step updates.

  Attributes:
    step: int32, the number of steps done.
    params: The model's parameters.
    opt_state: The optimizer's state.
  """

  step: jax.Array
  params: Any
  opt_state: Any


TrainStep = Callable[
  [TrainState, Mapping[str, jax.Array]],
  tuple[TrainState, Metrics],
]


def state_shapes(
  model: Model, optimizer: optax.GradientTransformation
) -> TrainState:
  """Returns the shapes and dtypes of a state, without making one."""
  return jax.eval_shape(lambda: _initial_state(model, optimizer, 0))


def make_state(
  model: Model,
  optimizer: optax.GradientTransformation,
  seed: int,
  shardings: TrainState,
) -> TrainState:
  """Returns the state before the first step.

  Arrays are made on their own devices, so no device holds a whole sharded
  model. The values do not depend on the mesh.

  Args:
    model: The model to train.
    optimizer: Its optimizer.
    seed: Seed of the parameters.
    shardings: Shardings of the state, from `sharding.tree_shardings`.
  """
  init = jax.jit(
    lambda: _initial_state(model, optimizer, seed), out_shardings=shardings
  )
  return init()


def make_train_step(
  model: Model,
  optimizer: optax.GradientTransformation,
  seed: int,
  mesh: Mesh,
  shardings: TrainState,
  *,
  num_microbatches: int | None = None,
  parameter_partitioning_dims: int = 1,
) -> TrainStep:
  """Returns the compiled step, which donates the state that it gets.

  Args:
    model: The model to train.
    optimizer: Its optimizer.
    seed: Seed of dropout. It is folded with the step, so a resumed run draws
      the same numbers as an uninterrupted one.
    mesh: The devices.
    shardings: Shardings of the state on the mesh.
    num_microbatches: The number of parts that a batch is processed in, to save
      memory. Their gradients are added up. (As in T5X, a
      loss_normalizing_factor that is a name is computed in each part.)
    parameter_partitioning_dims: See `sharding.rules`.

  Returns:
    A function of a state and a batch on the devices. It returns the next state
    and the metrics of `Model.loss_fn` with "grad_norm" and
    "learning_rate". It raises InputError if a batch does not divide into the
    parts.
  """
  constants = _constants(model, mesh, parameter_partitioning_dims)

  def train_step(
    state: TrainState, batch: Mapping[str, jax.Array], *constants: Any
  ) -> tuple[TrainState, Metrics]:
    dropout_rng = jax.random.fold_in(jax.random.key(seed), state.step)
    loss_fn: Callable[..., tuple[jax.Array, Metrics]] = model.loss_fn
    if constants:
      loss_fn = functools.partial(loss_fn, constants=constants[0])
    with sharding.on_mesh(mesh, parameter_partitioning_dims):
      grads, metrics = _gradients(
        loss_fn, state.params, batch, dropout_rng, num_microbatches or 1, mesh
      )
      updates, opt_state = optimizer.update(
        grads, state.opt_state, state.params
      )
      norm = _norm(grads)
    params = optax.apply_updates(state.params, updates)
    one = jnp.float32(1)
    metrics |= {
      "grad_norm": clu_metrics.Average(norm, one),
      "learning_rate": clu_metrics.Average(
        jnp.float32(optimizer_lib.learning_rate(opt_state)), one
      ),
    }
    return TrainState(state.step + 1, params, opt_state), metrics

  places = [jax.tree.map(lambda x: x.sharding, each) for each in constants]
  compiled = jax.jit(
    train_step,
    in_shardings=(shardings, sharding.batch_sharding(mesh), *places),
    out_shardings=(shardings, NamedSharding(mesh, PartitionSpec())),
    donate_argnums=0,
  )
  if not constants:
    return compiled
  return lambda state, batch: compiled(state, batch, *constants)


def put_constants(
  model: Model, mesh: Mesh, parameter_partitioning_dims: int = 1
) -> dict[str, jax.Array]:
  """Returns a model's constants on the devices; {} if it has none.

  Args:
    model: The model.
    mesh: The devices. Constants are sharded as parameters are.
    parameter_partitioning_dims: See `sharding.rules`.
  """
  made = getattr(model, "constants", dict)()
  places = sharding.tree_shardings(
    mesh, made, made, parameter_partitioning_dims
  )
  return {
    name: jax.make_array_from_callback(
      array.shape, places[name], array.__getitem__
    )
    for name, array in made.items()
  }


def _constants(
  model: Model, mesh: Mesh, parameter_partitioning_dims: int
) -> list[dict[str, jax.Array]]:
  """Returns a further argument of the step; none if there are no constants."""
  found = put_constants(model, mesh, parameter_partitioning_dims)
  return [found] if found else []


def _norm(grads: Any) -> jax.Array:
  if sharding.on_one_cpu():
    # Otherwise XLA shares the squares with the optimizer, and writes them to
    # memory.
    grads = jax.lax.optimization_barrier(grads)
  return optax.tree.norm(grads)


def _gradients(
  loss_fn: Callable[..., tuple[jax.Array, Metrics]],
  params: Any,
  batch: Mapping[str, jax.Array],
  dropout_rng: jax.Array,
  parts: int,
  mesh: Mesh,
) -> tuple[Any, Metrics]:
  """Returns the gradients and the metrics of a batch, processed in parts."""
  gradient = jax.grad(loss_fn, has_aux=True)
  if parts == 1:
    return gradient(params, batch, dropout_rng)
  batch = {name: _split(rows, parts, mesh) for name, rows in batch.items()}

  def of_part(part: jax.Array) -> tuple[Any, Metrics]:
    rows = {name: array[part] for name, array in batch.items()}
    return gradient(params, rows, jax.random.fold_in(dropout_rng, part))

  def add(part: jax.Array, total: Any) -> Any:
    grads, metrics = of_part(part)
    merged = {name: metrics[name].merge(total[1][name]) for name in metrics}
    return jax.tree.map(jnp.add, total[0], grads), merged

  return jax.lax.fori_loop(1, parts, add, of_part(jnp.int32(0)))


def _split(rows: jax.Array, parts: int, mesh: Mesh) -> jax.Array:
  """Returns a batch's rows [B, ...] as [parts, B / parts, ...].

  Every device's rows are spread over all parts, so no row moves.
  """
  devices = mesh.shape["data"]
  if len(rows) % (parts * devices):
    raise InputError(
      f"num_microbatches = {parts} does not divide the {len(rows)} rows of a "
      f"batch over {devices} devices: use a multiple of {parts * devices} rows"
    )
  split = rows.reshape(devices, parts, -1, *rows.shape[1:])
  split = jnp.swapaxes(split, 0, 1).reshape(parts, -1, *rows.shape[1:])
  place = NamedSharding(mesh, PartitionSpec(None, "data"))
  return jax.lax.with_sharding_constraint(split, place)


def _initial_state(
  model: Model,
  optimizer: optax.GradientTransformation,
  seed: int,
) -> TrainState:
  params = model.get_initial_variables(jax.random.key(seed))["params"]
  return TrainState(jnp.int32(0), params, optimizer.init(params))
