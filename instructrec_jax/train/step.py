"""One training step: gradients of the model's loss, and the update."""

from collections.abc import Callable, Mapping
from typing import Any

import flax
import jax
import jax.numpy as jnp
import optax
from clu import metrics as clu_metrics
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from instructrec_jax.model import ranking_model, sharding
from instructrec_jax.train import optimizer as optimizer_lib


@flax.struct.dataclass
class TrainState:
  """Everything a step changes.

  Attributes:
    step: int32, steps done.
    params: the model's parameters.
    opt_state: the optimizer's state.
  """

  step: jax.Array
  params: Any
  opt_state: Any


TrainStep = Callable[
  [TrainState, Mapping[str, jax.Array]],
  tuple[TrainState, dict[str, clu_metrics.Metric]],
]


def state_shapes(
  model: ranking_model.RankingModel, optimizer: optax.GradientTransformation
) -> TrainState:
  """Returns the shapes and dtypes of a state, without making one."""
  return jax.eval_shape(lambda: _initial_state(model, optimizer, 0))


def make_state(
  model: ranking_model.RankingModel,
  optimizer: optax.GradientTransformation,
  seed: int,
  shardings: TrainState,
) -> TrainState:
  """Returns the state before the first step.

  Every array is made where it belongs: no device ever holds all of a sharded
  model. The values do not depend on the mesh.

  Args:
    model: what to train.
    optimizer: what to update it with.
    seed: for the parameters.
    shardings: of the state, from `sharding.tree_shardings`.
  """
  init = jax.jit(
    lambda: _initial_state(model, optimizer, seed), out_shardings=shardings
  )
  return init()


def make_train_step(
  model: ranking_model.RankingModel,
  optimizer: optax.GradientTransformation,
  seed: int,
  mesh: Mesh,
  shardings: TrainState,
) -> TrainStep:
  """Returns the compiled step, which consumes the state that it is given.

  Args:
    model: what to train.
    optimizer: what to update it with.
    seed: for dropout, folded with the step, so that a resumed run draws what an
      uninterrupted one would.
    mesh: the devices.
    shardings: of the state on the mesh.

  Returns:
    A function of a state and a batch on the devices, which returns the next
    state and the metrics of `RankingModel.loss_fn` with "grad_norm" and
    "learning_rate".
  """

  def train_step(
    state: TrainState, batch: Mapping[str, jax.Array]
  ) -> tuple[TrainState, dict[str, clu_metrics.Metric]]:
    dropout_rng = jax.random.fold_in(jax.random.key(seed), state.step)
    gradient = jax.grad(model.loss_fn, has_aux=True)
    grads, metrics = gradient(state.params, batch, dropout_rng)
    updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    one = jnp.float32(1)
    metrics |= {
      "grad_norm": clu_metrics.Average(optax.tree.norm(grads), one),
      "learning_rate": clu_metrics.Average(
        jnp.float32(optimizer_lib.learning_rate(opt_state)), one
      ),
    }
    return TrainState(state.step + 1, params, opt_state), metrics

  return jax.jit(
    train_step,
    in_shardings=(shardings, sharding.batch_sharding(mesh)),
    out_shardings=(shardings, NamedSharding(mesh, PartitionSpec())),
    donate_argnums=0,
  )


def _initial_state(
  model: ranking_model.RankingModel,
  optimizer: optax.GradientTransformation,
  seed: int,
) -> TrainState:
  params = model.get_initial_variables(jax.random.key(seed))["params"]
  return TrainState(jnp.int32(0), params, optimizer.init(params))
