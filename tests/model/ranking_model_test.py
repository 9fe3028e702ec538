"""Losses, metrics and scores of the model, against optax, T5X and HF."""

import dataclasses

import clu.metrics
import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import traverse_util

from instructrec_jax.errors import InputError
from instructrec_jax.model import (
  candidate_rows,
  likelihood,
  ranking_model,
  sharding,
)
from tests.model import golden as golden_file

GOLDEN = golden_file.load("tiny")


CONFIG = GOLDEN["config"]


MODEL = ranking_model.RankingModel(CONFIG)


SCORE = jax.jit(MODEL.score_batch)


EVAL = jax.jit(MODEL.eval_fn)


@jax.jit
def logits_of(params, batch):
  segments = batch.get("decoder_segment_ids")
  return MODEL.module.apply(
    {"params": params},
    batch["encoder_input_tokens"],
    batch["decoder_input_tokens"][:, None],
    batch.get("encoder_segment_ids"),
    None if segments is None else segments[:, None],
  )[:, 0]


@pytest.fixture(scope="module")
def golden():
  return GOLDEN


def random_batch(seed=0, packed=False):
  rng = np.random.default_rng(seed)
  targets = rng.integers(2, 60, (3, 8)).astype(np.int32)
  targets[1, 5:] = 0
  inputs = rng.integers(2, 60, (3, 12)).astype(np.int32)
  inputs[0, 9:] = 0
  batch = {
    "encoder_input_tokens": inputs,
    "decoder_target_tokens": targets,
    "decoder_input_tokens": np.pad(targets[:, :-1], ((0, 0), (1, 0))),
    "decoder_loss_weights": (targets > 0).astype(np.int32),
  }
  if packed:
    batch["encoder_segment_ids"] = (inputs > 0) * np.repeat([1, 2], 6)
    batch["decoder_segment_ids"] = (targets > 0) * np.repeat([1, 2], 4)
  return {name: np.asarray(x, np.int32) for name, x in batch.items()}


def test_scores_equal_hugging_face(golden):
  scores = SCORE(
    golden["params"],
    {
      "encoder_input_tokens": golden["inputs"],
      "candidate_tokens": golden["candidates"],
    },
  )
  np.testing.assert_allclose(scores, golden["scores"], rtol=2e-5)
  assert (np.argsort(scores) == np.argsort(golden["scores"])).all()


@pytest.mark.parametrize("devices", [1, 4])
@pytest.mark.parametrize("width", [None, 16, 40])
def test_scores_depend_neither_on_devices_nor_on_rows(
  monkeypatch, golden, devices, width
):
  """One CPU goes through the vocabulary, others through the positions."""
  monkeypatch.setattr(likelihood, "_CPU_LOGITS", 4 * 17)
  monkeypatch.setattr(likelihood, "_DEVICE_LOGITS", 4 * 60 * 5)
  monkeypatch.setattr(likelihood, "_FEWEST_COLUMNS", 13)
  again = np.arange(4) % 3  # Rows that divide over the devices.
  tokens = golden["candidates"][again]
  batch = {"encoder_input_tokens": golden["inputs"][again]}
  if width is None:
    batch["candidate_tokens"] = tokens
  else:
    places = candidate_rows.places(tokens, width)
    batch["candidate_rows"] = candidate_rows.fill(tokens, places, 5, width)
  mesh = sharding.make_mesh(1, jax.devices()[:devices])
  params = jax.device_put(
    golden["params"],
    sharding.tree_shardings(mesh, golden["params"], golden["params"]),
  )
  scores = sharding.jit_on_mesh(mesh, MODEL.score_batch)(
    params, sharding.put_batch(mesh, batch)
  )
  expected = golden["scores"][again]
  np.testing.assert_allclose(scores, expected, rtol=2e-5)


def test_loss_and_gradients_equal_optax():
  """The loss is optax's cross-entropy of the logits, plus the z-loss."""
  config = dataclasses.replace(
    CONFIG, num_encoder_layers=1, num_decoder_layers=1
  )
  model = ranking_model.RankingModel(config)
  params = model.get_initial_variables(jax.random.key(0))["params"]
  batch = random_batch(packed=True)

  def by_optax(params):
    logits = model.module.apply(
      {"params": params},
      batch["encoder_input_tokens"],
      batch["decoder_input_tokens"][:, None],
      batch["encoder_segment_ids"],
      batch["decoder_segment_ids"][:, None],
    )[:, 0]
    labels = jax.nn.one_hot(batch["decoder_target_tokens"], 60)
    loss = optax.softmax_cross_entropy(logits, labels)
    log_z = jnp.log(jnp.exp(logits).sum(-1))
    loss += 1e-4 * log_z**2
    return (loss * batch["decoder_loss_weights"]).sum()

  ours = jax.jit(jax.value_and_grad(model.eval_fn, has_aux=True))
  (loss, _), grads = ours(params, batch)
  expected, expected_grads = jax.jit(jax.value_and_grad(by_optax))(params)
  np.testing.assert_allclose(loss, expected, rtol=1e-5)
  jax.tree.map(
    lambda ours, theirs: np.testing.assert_allclose(
      ours, theirs, rtol=1e-3, atol=2e-4
    ),
    grads,
    expected_grads,
  )


def test_metrics_are_means_over_target_tokens(golden):
  """Worked by hand from the logits; merged batches are one large batch."""
  batches = [random_batch(seed) for seed in (0, 1)]
  logp, correct = [], []
  for batch in batches:
    targets = batch["decoder_target_tokens"]
    logits = logits_of(golden["params"], batch)
    at = np.take_along_axis(
      np.asarray(jax.nn.log_softmax(logits)), targets[..., None], -1
    )[..., 0]
    logp.append(at[targets > 0])
    correct.append((np.argmax(logits, -1) == targets)[targets > 0])
  first, second = (EVAL(golden["params"], b)[1] for b in batches)
  merged = {name: first[name].merge(second[name]) for name in first}
  assert all(isinstance(m, clu.metrics.Metric) for m in merged.values())
  value = {name: float(metric.compute()) for name, metric in merged.items()}
  assert merged["loss"].count == 42
  assert value["loss"] == pytest.approx(-np.concatenate(logp).mean(), rel=1e-5)
  assert value["accuracy"] == pytest.approx(np.concatenate(correct).mean())
  assert value["input_fill"] == pytest.approx(66 / 72)
  assert value["target_fill"] == pytest.approx(42 / 48)
  assert first["z_loss"].total == pytest.approx(
    float(EVAL(golden["params"], batches[0])[0] - first["loss"].total),
    abs=1e-3,
  )


def test_loss_weights_choose_what_counts(golden):
  batch = random_batch()
  batch["decoder_loss_weights"][:] = 0
  batch["decoder_loss_weights"][2, 3] = 1
  _, metrics = EVAL(golden["params"], batch)
  assert metrics["loss"].count == 1
  del batch["decoder_loss_weights"]
  _, metrics = EVAL(golden["params"], batch)
  assert metrics["loss"].count == 21


@pytest.mark.parametrize(
  ("factor", "divisor"),
  [
    (None, 1),
    (7.0, 7),
    ("NUM_REAL_TARGET_TOKENS", 21),
    ("NUM_TOTAL_TARGET_TOKENS", 24),
  ],
)
def test_loss_is_divided_by_the_normalizing_factor(golden, factor, divisor):
  batch = random_batch()
  plain, _ = EVAL(golden["params"], batch)
  model = ranking_model.RankingModel(CONFIG, loss_normalizing_factor=factor)
  loss, _ = jax.jit(model.eval_fn)(golden["params"], batch)
  assert float(loss) == pytest.approx(float(plain) / divisor, rel=1e-5)


@pytest.mark.parametrize("name", golden_file.NAMES)
def test_loss_equals_hugging_face(name):
  golden = golden_file.load(name)
  targets = golden["candidates"][:, 0]
  model = ranking_model.RankingModel(golden["config"])
  _, metrics = jax.jit(model.eval_fn)(
    golden["params"],
    {
      "encoder_input_tokens": golden["inputs"],
      "decoder_input_tokens": golden_file.shifted(targets),
      "decoder_target_tokens": targets,
    },
  )
  loss = float(metrics["loss"].compute())
  assert loss == pytest.approx(float(golden["loss"]), rel=1e-5)


def test_unknown_normalizing_factor_lists_the_choices():
  with pytest.raises(InputError, match="NUM_REAL_TARGET_TOKENS"):
    ranking_model.RankingModel(CONFIG, loss_normalizing_factor="NUM_REAL")


def test_loss_equals_t5x(golden):
  losses = pytest.importorskip("t5x.losses", reason="T5X is not installed")
  batch = random_batch(packed=True)
  logits = logits_of(golden["params"], batch)
  with jax.numpy_rank_promotion("allow"):
    expected, _, _ = losses.compute_weighted_cross_entropy(
      logits,
      batch["decoder_target_tokens"],
      batch["decoder_loss_weights"],
      z_loss=1e-4,
    )
  loss, _ = jax.jit(MODEL.eval_fn)(golden["params"], batch)
  assert float(loss) == pytest.approx(float(expected), rel=1e-5)


def test_loss_by_hand():
  """With even logits each of the 21 tokens costs log V."""
  model = ranking_model.RankingModel(CONFIG, z_loss=0.0)
  shapes = jax.eval_shape(MODEL.get_initial_variables, jax.random.key(0))
  zeros = jax.tree.map(
    lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes["params"]
  )
  loss, _ = jax.jit(model.eval_fn)(zeros, random_batch())
  assert float(loss) == pytest.approx(21 * np.log(60), rel=1e-5)


def test_axes_are_laid_out_as_t5x_reads_them():
  variables = jax.eval_shape(
    MODEL.get_initial_variables,
    jax.random.key(0),
    {"encoder_input_tokens": (2, 8), "decoder_input_tokens": (2, 4)},
  )
  names = flax.linen.partitioning.get_axis_names(variables["params_axes"])
  axes = traverse_util.flatten_dict(names, sep="/")
  params = traverse_util.flatten_dict(variables["params"], sep="/")
  assert axes.keys() == params.keys()
  assert all(len(axes[name]) == params[name].ndim for name in params)
  assert tuple(axes["encoder/layers_0/mlp/wo/kernel"]) == ("mlp", "embed")


def test_t5x_trainer_takes_the_model():
  """T5X's own step, microbatches and metric summary run with our model."""
  trainer = pytest.importorskip("t5x.trainer", reason="T5X is not installed")
  from t5x import adafactor, metrics, train_state

  model = ranking_model.RankingModel(
    CONFIG,
    optimizer_def=adafactor.Adafactor(
      decay_rate=0.8,
      logical_factor_rules=adafactor.standard_logical_factor_rules(),
    ),
  )
  batch = random_batch()
  batch = {name: np.concatenate([x, x[:1]]) for name, x in batch.items()}
  variables = model.get_initial_variables(jax.random.key(0), {}, {})
  state = train_state.FlaxOptimTrainState.create(model.optimizer_def, variables)
  with jax.numpy_rank_promotion("allow"):
    state, summary = trainer.train_with_lr(
      state,
      batch,
      learning_rate=jnp.float32(1e-3),
      dropout_rng=jax.random.key(1),
      model=model,
      num_microbatches=2,
    )
  summary = metrics.set_time_metrics_duration(summary, 1.0)
  summary = metrics.set_step_metrics_num_steps(summary, 1)
  values = {name: float(m.compute_value().value) for name, m in summary.items()}
  assert int(state.step) == 1
  assert np.isfinite(values["loss"])
  assert values["learning_rate"] == pytest.approx(1e-3)


def _with_weights(prior, popularity, power=0.0):
  return ranking_model.RankingModel(
    CONFIG,
    prior_weight=prior,
    popularity_weight=popularity,
    length_power=power,
  )


def test_exchanged_scores_are_their_formula(golden):
  """Of sums that Hugging Face's T5 gives, for other requests' inputs too."""
  candidates = golden["candidates"]
  others = np.stack([golden["inputs"][[1, 2, 0]], golden["inputs"]], axis=1)
  batch = {
    "encoder_input_tokens": golden["inputs"],
    "candidate_tokens": candidates,
    "prior_input_tokens": others,
    "log_popularity": np.arange(candidates.shape[0] * candidates.shape[1])
    .reshape(candidates.shape[:2])
    .astype(np.float32),
  }
  each = [
    SCORE(
      golden["params"],
      {
        "encoder_input_tokens": others[:, k],
        "candidate_tokens": candidates,
      },
    )
    for k in range(2)
  ]
  prior = np.log(np.mean(np.exp(np.float64(each)), axis=0))
  expected = golden["scores"] - 0.5 * prior + 0.25 * batch["log_popularity"]
  model = _with_weights(0.5, 0.25)
  found = jax.jit(model.score_batch)(golden["params"], batch)
  np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
  # Without weights the parts are not looked at.
  np.testing.assert_array_equal(
    SCORE(golden["params"], batch),
    jax.jit(MODEL.likelihood_batch)(golden["params"], batch),
  )


def test_a_part_that_requests_lack_is_named(golden):
  batch = {
    "encoder_input_tokens": golden["inputs"],
    "candidate_tokens": golden["candidates"],
  }
  for weights, name in ((1.0, 0.0), "PRIOR"), ((0.0, 1.0), "POPULARITY"):
    with pytest.raises(InputError, match=f"{name}_WEIGHT is 1.0, but the"):
      _with_weights(*weights).score_batch(golden["params"], batch)
