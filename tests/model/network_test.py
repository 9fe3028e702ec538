"""The network computes what Hugging Face's and T5X's T5 compute."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util
from jax.extend import core

from instructrec_jax.model import network
from tests.model import golden as golden_file
from tests.model.golden import shifted

CONFIG = golden_file.load("tiny")["config"]


@pytest.fixture(scope="module", params=golden_file.NAMES)
def golden(request):
  return golden_file.load(request.param)


def apply(golden, *args, **changes):
  config = dataclasses.replace(golden["config"], **changes)
  call = jax.jit(network.Transformer(config).apply)
  return np.asarray(call({"params": golden["params"]}, *args))


def test_parameters_have_t5x_names_and_shapes(golden):
  tokens = jnp.ones((1, 4), jnp.int32)
  ours = jax.eval_shape(
    network.Transformer(golden["config"]).init,
    jax.random.key(0),
    tokens,
    tokens[None],
  )["params"]
  shapes = {
    name: (leaf.shape, leaf.dtype)
    for name, leaf in traverse_util.flatten_dict(ours, sep="/").items()
  }
  expected = {
    name: (leaf.shape, leaf.dtype)
    for name, leaf in traverse_util.flatten_dict(
      golden["params"], sep="/"
    ).items()
  }
  assert shapes == expected


def test_logits_equal_hugging_face(golden):
  candidates = golden["candidates"]
  logits = apply(golden, golden["inputs"], shifted(candidates))
  real = candidates[:, 0] > 0
  np.testing.assert_allclose(
    logits[:, 0][real], golden["logits"][real], rtol=1e-4, atol=2e-5
  )


def test_long_target_equals_hugging_face(golden):
  """Distances beyond 128 reach the decoder's last bucket."""
  target = golden["long_target"][None]
  logits = apply(golden, golden["inputs"][:1], shifted(target))
  logp = jax.nn.log_softmax(logits[0, 0])
  ours = np.take_along_axis(np.asarray(logp), target[0, 0, :, None], -1)
  np.testing.assert_allclose(
    ours[:, 0], golden["long_log_likelihood"], rtol=1e-4, atol=3e-5
  )


def test_packed_equals_unpacked(golden):
  """Two requests in one row see nothing of each other, nor padding."""
  inputs, targets = golden["inputs"], golden["candidates"][:, 0]
  alone = apply(golden, inputs, shifted(targets)[:, None])
  packed = {"inputs": [], "segments": [], "targets": [], "target_segments": []}
  for segment, row in enumerate((1, 2), start=1):
    given = inputs[row][inputs[row] > 0]
    target = targets[row][targets[row] > 0]
    packed["inputs"].append(given)
    packed["segments"].append(np.full(len(given), segment))
    packed["targets"].append(shifted(target[None])[0])
    packed["target_segments"].append(np.full(len(target), segment))

  def pad(parts, length):
    row = np.concatenate(parts).astype(np.int32)
    return np.pad(row, (0, length - len(row)))[None]

  lengths = [len(target) for target in packed["targets"]]
  logits = apply(
    golden,
    pad(packed["inputs"], 150),
    pad(packed["targets"], 20)[:, None],
    pad(packed["segments"], 150),
    pad(packed["target_segments"], 20)[:, None],
  )[0, 0]
  expected = np.concatenate(
    [alone[row, 0, :n] for row, n in zip((1, 2), lengths, strict=True)]
  )
  np.testing.assert_allclose(
    logits[: sum(lengths)], expected, rtol=1e-4, atol=2e-5
  )


def test_t5x_network_agrees(golden):
  """The same parameters in T5X's own network give the same packed logits."""
  t5x_network = pytest.importorskip(
    "t5x.examples.t5.network", reason="T5X is not installed"
  )
  config = dataclasses.asdict(golden["config"]) | {"dtype": jnp.float32}
  del config["scan_layers"], config["remat"]
  rng = np.random.default_rng(3)
  segments = np.repeat([[1, 2, 3, 0]], 2, 0).repeat([60, 40, 30, 20], 1)
  target_segments = np.repeat([[1, 2, 3, 0]], 2, 0).repeat([5, 8, 4, 3], 1)
  tokens = rng.integers(2, 44, segments.shape) * (segments > 0)
  targets = rng.integers(2, 44, target_segments.shape) * (target_segments > 0)
  theirs = t5x_network.Transformer(
    t5x_network.T5Config(**config, mlp_activations=("gelu", "linear"))
  )
  with jax.numpy_rank_promotion("allow"):
    expected = theirs.apply(
      {"params": golden["params"]},
      tokens,
      shifted(targets),
      targets,
      encoder_segment_ids=segments,
      decoder_segment_ids=target_segments,
      enable_dropout=False,
    )
  logits = apply(
    golden,
    tokens,
    shifted(targets)[:, None],
    segments,
    target_segments[:, None],
  )[:, 0]
  real = target_segments > 0
  np.testing.assert_allclose(logits[real], expected[real], rtol=1e-4, atol=3e-5)


def programs_in(jaxpr):
  """Yields a program, and those inside it: loops, checkpoints, calls."""
  yield jaxpr
  for inner in core.subjaxprs(jaxpr):
    yield from programs_in(inner)


def test_no_temporary_holds_the_input_once_per_candidate():
  """Only attention weights may have C, T and L; nothing else as large."""
  B, C, T, L = 2, 7, 5, 64
  tokens = jnp.ones((B, L), jnp.int32)
  candidates = jnp.ones((B, C, T), jnp.int32)
  model = network.Transformer(CONFIG)
  params = jax.eval_shape(model.init, jax.random.key(0), tokens, candidates)
  program = jax.make_jaxpr(model.apply)(params, tokens, candidates)
  shapes = {
    var.aval.shape
    for jaxpr in programs_in(program.jaxpr)
    for eqn in jaxpr.eqns
    for var in eqn.outvars
  }
  weights = {(B, CONFIG.num_heads, C * T, L), (B, 1, C * T, L), (B, C * T, L)}
  both = {s for s in shapes if L in s and (C in s or C * T in s)}
  assert (B, CONFIG.num_heads, C * T, L) in both
  assert both <= weights


def test_bfloat16_is_close_and_logits_stay_float32(golden):
  args = golden, golden["inputs"], shifted(golden["candidates"])
  exact, rough = apply(*args), apply(*args, dtype="bfloat16")
  assert rough.dtype == np.float32
  assert 0 < np.abs(exact - rough).max() < 0.4


def test_initial_kernels_have_t5s_spread():
  """The query's kernel makes up for the missing 1 / sqrt(head_dim)."""
  config = dataclasses.replace(
    CONFIG, emb_dim=256, num_heads=8, head_dim=16, mlp_dim=128, vocab_size=300
  )
  tokens = jnp.ones((1, 1), jnp.int32)
  init = jax.jit(network.Transformer(config).init)
  params = init(jax.random.key(0), tokens, tokens[None])["params"]
  layer = params["encoder"]["layers_0"]
  expected = {
    "query": (layer["attention"]["query"]["kernel"], (256 * 16) ** -0.5),
    "key": (layer["attention"]["key"]["kernel"], 256**-0.5),
    "value": (layer["attention"]["value"]["kernel"], 256**-0.5),
    "out": (layer["attention"]["out"]["kernel"], 128**-0.5),
    "wi_0": (layer["mlp"]["wi_0"]["kernel"], 256**-0.5),
    "wo": (layer["mlp"]["wo"]["kernel"], 128**-0.5),
    "embedding": (params["token_embedder"]["embedding"], 1.0),
    "logits": (params["decoder"]["logits_dense"]["kernel"], 256**-0.5),
  }
  for name, (kernel, std) in expected.items():
    assert float(kernel.std()) == pytest.approx(std, rel=0.03), name
