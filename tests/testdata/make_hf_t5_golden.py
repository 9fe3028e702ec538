"""Makes hf_t5_*.npz: what Hugging Face's T5 computes from random weights.

Each file holds a tiny T5.1.1 under T5X's parameter names, inputs, and the
logits, log-likelihoods, losses and greedy decodes that Hugging Face's PyTorch
implementation gives for them, so that the network is proved right where PyTorch
is not installed. Needs torch and transformers:

  python tests/testdata/make_hf_t5_golden.py
"""

import pathlib

import numpy as np
import torch
import transformers

CONFIGS = {
  "tiny": {
    "vocab_size": 60,
    "emb_dim": 24,
    "num_heads": 3,
    "num_encoder_layers": 2,
    "num_decoder_layers": 2,
    "head_dim": 6,
    "mlp_dim": 40,
  },
  # Heads together wider than the residual stream, stacks of other depths.
  "uneven": {
    "vocab_size": 44,
    "emb_dim": 16,
    "num_heads": 4,
    "num_encoder_layers": 3,
    "num_decoder_layers": 1,
    "head_dim": 8,
    "mlp_dim": 20,
  },
}
DECODED = 12  # Tokens at most.
# Hugging Face's name, ours. Matrices of torch.nn.Linear are transposed.
ATTENTION = {"q": "query", "k": "key", "v": "value", "o": "out"}


def hf_model(config: dict[str, int]) -> transformers.T5ForConditionalGeneration:
  """Returns an untied T5.1.1 without dropout, in evaluation mode."""
  hf_config = transformers.T5Config(
    vocab_size=config["vocab_size"],
    d_model=config["emb_dim"],
    d_kv=config["head_dim"],
    d_ff=config["mlp_dim"],
    num_layers=config["num_encoder_layers"],
    num_decoder_layers=config["num_decoder_layers"],
    num_heads=config["num_heads"],
    feed_forward_proj="gated-gelu",
    tie_word_embeddings=False,
    dropout_rate=0.0,
    pad_token_id=0,
    eos_token_id=1,
    decoder_start_token_id=0,
  )
  # transformers 5 ties a T5 built from a config whatever the config was given.
  hf_config.tie_word_embeddings = False
  model = transformers.T5ForConditionalGeneration(hf_config)
  assert model.lm_head.weight is not model.shared.weight, "tied"
  assert not hf_config.scale_decoder_outputs, "scaled as if tied"
  return model.eval()


def names(config: dict[str, int]) -> dict[str, tuple[str, bool]]:
  """Returns Hugging Face's name: (T5X's name, whether to transpose)."""
  out = {
    "shared.weight": ("token_embedder/embedding", False),
    "lm_head.weight": ("decoder/logits_dense/kernel", True),
  }
  for stack in ("encoder", "decoder"):
    out[f"{stack}.final_layer_norm.weight"] = (
      f"{stack}/{stack}_norm/scale",
      False,
    )
    first = f"{stack}.block.0.layer.0.SelfAttention"
    out[f"{first}.relative_attention_bias.weight"] = (
      f"{stack}/relpos_bias/rel_embedding",
      True,
    )
    blocks = {
      "encoder": [("SelfAttention", "attention", "pre_attention")],
      "decoder": [
        ("SelfAttention", "self_attention", "pre_self_attention"),
        ("EncDecAttention", "encoder_decoder_attention", "pre_cross_attention"),
      ],
    }[stack]
    for n in range(config[f"num_{stack}_layers"]):
      theirs, ours = f"{stack}.block.{n}.layer", f"{stack}/layers_{n}"
      for i, (hf_name, name, norm) in enumerate(blocks):
        out[f"{theirs}.{i}.layer_norm.weight"] = (
          f"{ours}/{norm}_layer_norm/scale",
          False,
        )
        for short, long in ATTENTION.items():
          out[f"{theirs}.{i}.{hf_name}.{short}.weight"] = (
            f"{ours}/{name}/{long}/kernel",
            True,
          )
      i = len(blocks)
      out[f"{theirs}.{i}.layer_norm.weight"] = (
        f"{ours}/pre_mlp_layer_norm/scale",
        False,
      )
      for name in ("wi_0", "wi_1", "wo"):
        out[f"{theirs}.{i}.DenseReluDense.{name}.weight"] = (
          f"{ours}/mlp/{name}/kernel",
          True,
        )
  return out


def randomize(
  model: transformers.T5ForConditionalGeneration,
  config: dict[str, int],
  seed: int,
) -> dict[str, np.ndarray]:
  """Gives the model random weights; returns them under T5X's names.

  Norms get scales other than one, and the relative position biases are large,
  so that a mistake in either shows.
  """
  rng = np.random.default_rng(seed)
  state, params = {}, {}
  for hf_name, (name, transpose) in names(config).items():
    shape = model.get_parameter(hf_name).shape
    if name.endswith("scale"):
      value = rng.uniform(0.5, 1.5, shape)
    elif name.endswith("rel_embedding"):
      value = rng.normal(0, 1.5, shape)
    else:
      value = rng.normal(0, shape[-1] ** -0.5, shape)
    value = value.astype(np.float32)
    state[hf_name] = torch.from_numpy(value)
    params[name] = value.T.copy() if transpose else value
  state["encoder.embed_tokens.weight"] = state["shared.weight"]
  state["decoder.embed_tokens.weight"] = state["shared.weight"]
  model.load_state_dict(state, strict=True)
  return params


def padded(
  rng: np.random.Generator, lengths: np.ndarray, width: int, vocab_size: int
) -> np.ndarray:
  """Returns random tokens, each ended by EOS (1) and padded with 0."""
  tokens = rng.integers(2, vocab_size, (*lengths.shape, width))
  at = np.broadcast_to(np.arange(width), tokens.shape)
  ends = lengths[..., None] - 1
  return np.where(at < ends, tokens, (at == ends).astype(int)).astype(np.int32)


@torch.no_grad()
def hf_logits(model, inputs_BxL, targets_BxT) -> np.ndarray:
  """Returns the teacher-forced logits [B, T, V]."""
  inputs = torch.from_numpy(inputs_BxL.astype(np.int64))
  targets = torch.from_numpy(targets_BxT.astype(np.int64))
  shifted = torch.nn.functional.pad(targets[:, :-1], (1, 0))
  out = model(
    input_ids=inputs, attention_mask=inputs > 0, decoder_input_ids=shifted
  )
  return out.logits.float().numpy()


@torch.no_grad()
def hf_greedy(model, inputs_BxL) -> np.ndarray:
  """Returns the likeliest tokens [B, DECODED], padded after the end."""
  inputs = torch.from_numpy(inputs_BxL.astype(np.int64))
  out = model.generate(
    inputs,
    attention_mask=(inputs > 0).long(),
    max_new_tokens=DECODED,
    do_sample=False,
    num_beams=1,
  ).numpy()[:, 1:]
  return np.pad(out, ((0, 0), (0, DECODED - out.shape[1]))).astype(np.int32)


@torch.no_grad()
def hf_loss(model, inputs_BxL, targets_BxT) -> float:
  """Returns the loss of training: nats a target token, padding left out."""
  inputs = torch.from_numpy(inputs_BxL.astype(np.int64))
  labels = torch.from_numpy(targets_BxT.astype(np.int64))
  labels = labels.masked_fill(labels == 0, -100)
  return model(
    input_ids=inputs, attention_mask=inputs > 0, labels=labels
  ).loss.item()


def log_likelihood(logits_BxTxV, targets_BxT) -> np.ndarray:
  """Returns the log-likelihood [B, T] of each target token, 0 at padding."""
  logp = torch.log_softmax(torch.from_numpy(logits_BxTxV).double(), -1)
  at = torch.from_numpy(targets_BxT.astype(np.int64))[..., None]
  logp = logp.gather(-1, at)[..., 0].numpy()
  return np.where(targets_BxT > 0, logp, 0.0)


def make(name: str, config: dict[str, int]) -> None:
  """Writes the golden of one shape beside this script."""
  model = hf_model(config)
  params = randomize(model, config, seed=0)
  rng = np.random.default_rng(1)
  vocab_size = config["vocab_size"]
  # Inputs and a target longer than the largest bucket's distance of 128.
  inputs = padded(rng, np.array([150, 77, 5]), 150, vocab_size)
  candidates = padded(rng, rng.integers(2, 9, (3, 4)), 8, vocab_size)
  long_target = padded(rng, np.array([140]), 140, vocab_size)
  logits = np.stack(
    [hf_logits(model, inputs, candidates[:, c]) for c in range(4)], axis=1
  )
  tokens = np.stack(
    [log_likelihood(logits[:, c], candidates[:, c]) for c in range(4)], axis=1
  )
  long_logits = hf_logits(model, inputs[:1], long_target)
  decoded_inputs = padded(rng, rng.integers(3, 30, 64), 30, vocab_size)
  decoded = hf_greedy(model, decoded_inputs)
  ended = (decoded == 1).any(1)
  assert ended.any(), "no row ends: choose other inputs"
  assert not ended.all(), "each row ends: choose other inputs"
  path = pathlib.Path(__file__).with_name(f"hf_t5_{name}.npz")
  np.savez_compressed(
    path,
    config=np.array([[key, str(value)] for key, value in config.items()]),
    inputs=inputs,
    candidates=candidates,
    logits=logits[:, 0],
    loss=hf_loss(model, inputs, candidates[:, 0]),
    scores=tokens.sum(-1),
    long_target=long_target,
    long_log_likelihood=log_likelihood(long_logits, long_target)[0],
    decoded_inputs=decoded_inputs,
    decoded=decoded,
    **{f"params/{name}": value for name, value in params.items()},
  )
  print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
  for each, sizes in CONFIGS.items():
    make(each, sizes)
