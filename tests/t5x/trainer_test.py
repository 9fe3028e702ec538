"""T5X's Trainer and our step, on the same batches and parameters."""

import flax
import jax
import numpy as np
import pytest

from instructrec_jax.model import network, ranking_model, sharding
from instructrec_jax.optim import optimizers as optimizer
from instructrec_jax.train import step as step_lib

trainer = pytest.importorskip("t5x.trainer", reason="T5X is not installed")

# Large enough that Adafactor factors the second moments. As many heads as there
# are devices, over which T5X splits the model if they are CPUs.
_CONFIG = network.T5Config(
  vocab_size=136,
  emb_dim=128,
  num_heads=8,
  num_encoder_layers=1,
  num_decoder_layers=1,
  head_dim=16,
  mlp_dim=128,
)
_STEPS = 20
_SCHEDULE = optimizer.warmup_linear(0.01, 5, train_steps=_STEPS)


def _batches():
  """Packed rows of random tokens, two examples in each."""
  for step in range(_STEPS):
    rng = np.random.default_rng(step)
    inputs = rng.integers(2, 136, (8, 12))
    inputs[:, 10:] = 0
    targets = rng.integers(2, 136, (8, 8))
    targets[::2, 6:] = 0
    batch = {
      "encoder_input_tokens": inputs,
      "encoder_segment_ids": (inputs > 0) * np.repeat([1, 2], 6),
      "decoder_target_tokens": targets,
      "decoder_input_tokens": np.roll(targets, 1, 1) * (np.arange(8) % 4 > 0),
      "decoder_segment_ids": (targets > 0) * np.repeat([1, 2], 4),
      "decoder_loss_weights": targets > 0,
    }
    yield {name: np.asarray(x, np.int32) for name, x in batch.items()}


def _t5x(model):
  """Returns T5X's losses, and the parameters that it began with."""
  from t5x import partitioning, utils

  shapes = {name: x.shape for name, x in next(_batches()).items()}
  partitioner = partitioning.PjitPartitioner(num_partitions=8)
  initializer = utils.TrainStateInitializer(
    optimizer_def=model.optimizer_def,
    init_fn=model.get_initial_variables,
    input_shapes=shapes,
    partitioner=partitioner,
  )
  state = initializer.from_scratch(jax.random.PRNGKey(0))
  first = flax.core.unfreeze(jax.device_get(state.params))
  with trainer.Trainer(
    model=model,
    train_state=state,
    partitioner=partitioner,
    eval_names=[],
    summary_dir=None,
    train_state_axes=initializer.train_state_axes,
    rng=jax.random.PRNGKey(0),
    learning_rate_fn=_SCHEDULE,
    num_microbatches=None,
  ) as theirs:
    losses = [
      float(theirs.train(iter([batch]), 1).result()["loss"].value)
      for batch in _batches()
    ]
  return losses, first


def _ours(model, transform, params):
  mesh = sharding.make_mesh(2)
  shapes = step_lib.state_shapes(model, transform)
  shardings = sharding.tree_shardings(mesh, shapes.params, shapes)
  state = step_lib.make_state(model, transform, 0, shardings)
  state = state.replace(params=jax.device_put(params, shardings.params))
  step = step_lib.make_train_step(model, transform, 0, mesh, shardings)
  losses = []
  for batch in _batches():
    state, metrics = step(state, sharding.put_batch(mesh, batch))
    losses.append(float(metrics["loss"].compute()))
  return losses


@pytest.mark.parametrize("make", [optimizer.adafactor, optimizer.adamw])
def test_t5x_s_trainer_has_the_losses_of_our_step(make):
  from t5x import adafactor, optimizers

  definition = {
    optimizer.adafactor: {"t5x_adafactor": adafactor.Adafactor},
    optimizer.adamw: {"t5x_wrapper": optimizers.OptaxWrapper},
  }[make]
  model = ranking_model.RankingModel(
    _CONFIG, optimizer_def=make(_SCHEDULE, **definition)
  )
  with jax.numpy_rank_promotion("allow"):
    expected, first = _t5x(model)
  losses = _ours(model, make(_SCHEDULE), first)
  np.testing.assert_allclose(losses, expected, rtol=1e-5)
  assert abs(losses[-1] - losses[0]) > 0.01
