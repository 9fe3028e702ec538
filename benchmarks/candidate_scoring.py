"""Ranking a request's candidates by likelihood: ours and the peers', on CPU.

    python benchmarks/candidate_scoring.py [--rounds 7]

One request of 512 tokens and 20 candidates of 16 tokens, the T5.1.1-small shape
in float32, the same random weights on all sides:

  ours           `RankingModel.score_batch`
  t5x            T5X's `score_batch` with T5X's network as shipped, one row a
                 candidate, as SeqIO's rank_classification lays them out
  row_each       our network, one row a candidate
  hugging_face   PyTorch and transformers: the input is encoded once, and the
                 keys and values of the attention to it are projected once
  encoder        our encoder alone
  ours_100       ours with 100 candidates

Each side is a process of its own, which compiles and warms up first. Then the
sides score in turns, so that noise of the machine falls on all alike. The
benchmark fails if a peer's scores are not ours. Temporaries are the compiler's
count.

The last line is a JSON object. Of the medians: time_over_t5x,
time_over_row_each, time_over_hf_shared and time_over_encoder are ours over the
other's (null where the peer is absent), time_100_over_20 is that of 100
candidates over that of 20; temporaries_mb is ours.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence

import figures
import small_t5
import turns


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
  """Returns the command line's options."""
  flags = figures.parser(__doc__, rounds=7)
  turns.add_flags(flags)
  flags.add_argument("--inputs", type=int, default=512, help="tokens (512)")
  flags.add_argument("--candidates", type=int, default=20, help="of ours (20)")
  flags.add_argument("--more", type=int, default=100, help="of ours_100 (100)")
  flags.add_argument("--tokens", type=int, default=16, help="a candidate (16)")
  toy = {"inputs": 32, "candidates": 4, "more": 8, "tokens": 4}
  return figures.parse(flags, arguments, **toy)


def make_batch(args: argparse.Namespace, count: int | None = None):
  """Returns one request and so many candidates, all of full length."""
  import numpy as np

  rng = np.random.default_rng(0)
  inputs = rng.integers(2, 32100, (1, args.inputs), np.int32)
  shape = 1, count or args.candidates, args.tokens
  candidates = rng.integers(2, 32100, shape, np.int32)
  candidates[..., -1] = 1
  return {"encoder_input_tokens": inputs, "candidate_tokens": candidates}


def row_each_batch(args: argparse.Namespace):
  """Returns the batch as rows of one candidate, each with the input."""
  import numpy as np

  batch = make_batch(args)
  targets = batch["candidate_tokens"][0]
  return {
    "encoder_input_tokens": np.repeat(
      batch["encoder_input_tokens"], args.candidates, axis=0
    ),
    "decoder_input_tokens": np.pad(targets[:, :-1], ((0, 0), (1, 0))),
    "decoder_target_tokens": targets,
    "decoder_loss_weights": np.ones_like(targets),
  }


def _ready(
  function: Callable, *arguments, scores: bool = True
) -> tuple[turns.Take, dict]:
  """Returns what runs the compiled function, its megabytes and its scores."""
  import jax
  import numpy as np

  arguments = jax.device_put(arguments)
  compiled = jax.jit(function).lower(*arguments).compile()
  said = {"temporaries_mb": compiled.memory_analysis().temp_size_in_bytes / 1e6}

  def take():
    return jax.block_until_ready(compiled(*arguments))

  if scores:
    said["scores"] = np.asarray(take()).reshape(-1).tolist()
  return take, said


def ours(args: argparse.Namespace) -> tuple[turns.Take, dict]:
  """Our scores of one request."""
  model, params = small_t5.make_params(args)
  return _ready(model.score_batch, params, make_batch(args))


def ours_100(args: argparse.Namespace) -> tuple[turns.Take, dict]:
  """Our scores of a request with more candidates."""
  model, params = small_t5.make_params(args)
  batch = make_batch(args, args.more)
  return _ready(model.score_batch, params, batch, scores=False)


def encoder(args: argparse.Namespace) -> tuple[turns.Take, dict]:
  """Our encoder, as it runs inside our scoring."""
  from instructrec_jax.model import decoding, network

  def encode(network_, tokens):
    segments = network.one_segment(tokens)
    return network_.encoder(network_.token_embedder(tokens), segments, False)

  model, params = small_t5.make_params(args)
  module = decoding.unrolled(model.module)

  def run(params, tokens):
    return module.apply({"params": params}, tokens, method=encode)

  tokens = make_batch(args)["encoder_input_tokens"]
  return _ready(run, params, tokens, scores=False)


def row_each(args: argparse.Namespace) -> tuple[turns.Take, dict]:
  """Our network, the input encoded once a candidate."""
  from instructrec_jax.model import decoding, likelihood

  model, params = small_t5.make_params(args)
  module = decoding.unrolled(model.module)

  def run(params, batch):
    logits = module.apply(
      {"params": params},
      batch["encoder_input_tokens"],
      batch["decoder_input_tokens"][:, None],
    )
    targets = batch["decoder_target_tokens"][:, None]
    return likelihood.token_log_likelihood(logits, targets)[0].sum(axis=-1)

  return _ready(run, params, row_each_batch(args))


def t5x(args: argparse.Namespace) -> tuple[turns.Take, dict]:
  """T5X's score_batch and network."""
  model, params = small_t5.t5x(args), small_t5.make_params(args)[1]
  return _ready(model.score_batch, params, row_each_batch(args))


def hugging_face(args: argparse.Namespace) -> tuple[turns.Take, dict]:
  """PyTorch, transformers' T5 and its cache of what was attended to."""
  import torch
  from transformers import modeling_outputs

  model = small_t5.hugging_face(args).eval()
  batch = make_batch(args)
  inputs = torch.from_numpy(batch["encoder_input_tokens"]).long()
  labels = torch.from_numpy(batch["candidate_tokens"][0]).long()
  shifted = torch.nn.functional.pad(labels[:, :-1], (1, 0))

  def score():
    with torch.inference_mode():
      encoded = model.encoder(inputs).last_hidden_state
      logits = model(
        encoder_outputs=modeling_outputs.BaseModelOutput(
          encoded.expand(args.candidates, -1, -1)
        ),
        decoder_input_ids=shifted,
        past_key_values=_shared_attention(model, encoded, args),
      ).logits
      at_label = logits.gather(-1, labels[..., None])[..., 0]
      return (at_label - logits.logsumexp(dim=-1)).sum(dim=-1)

  return score, {"scores": score().tolist()}


def _shared_attention(model, encoded, args: argparse.Namespace):
  """Returns a cache in which all candidates' attention to the input is one."""
  from transformers import cache_utils

  network = small_t5.sizes(args)
  shape = 1, args.inputs, network["num_heads"], network["head_dim"]
  cache = cache_utils.EncoderDecoderCache(
    cache_utils.DynamicCache(), cache_utils.DynamicCache()
  )
  for number, block in enumerate(model.decoder.block):
    attention = block.layer[1].EncDecAttention
    # One projection; the candidates' copies of it are views.
    keys, values = (
      kernel(encoded)
      .view(shape)
      .transpose(1, 2)
      .expand(args.candidates, -1, -1, -1)
      for kernel in (attention.k, attention.v)
    )
    cache.cross_attention_cache.update(keys, values, number)
    cache.is_updated[number] = True
  return cache


SIDES = {
  "ours": turns.Recipe(ours),
  "t5x": turns.Recipe(t5x, ("t5x", "airio", "jestimator")),
  "row_each": turns.Recipe(row_each),
  "hugging_face": turns.Recipe(hugging_face, ("torch", "transformers")),
  "encoder": turns.Recipe(encoder),
  "ours_100": turns.Recipe(ours_100),
}


def check(sides: Mapping[str, turns.Side]) -> None:
  """Ends if a side's scores are not ours."""
  ours = sides["ours"].said["scores"]
  for name, side in sides.items():
    theirs = side.said.get("scores")
    if name == "ours" or theirs is None:
      continue
    most = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
    print(f"{name}: scores differ by {most:.1e} nats at most")
    if most > 1e-4:
      sys.exit(f"ours {ours}, {name} {theirs}")


def main(arguments: Sequence[str] | None = None) -> None:
  """Runs the rounds and prints the table and the line of figures."""
  args = parse(arguments)
  if args.side:
    turns.serve(SIDES, args)
    return
  figures.introduce(
    ("jax", "t5x", "torch", "transformers"),
    f"T5.1.1-{'toy' if args.toy else 'small'}, float32, one request of "
    f"{args.inputs} tokens, {args.candidates} candidates of {args.tokens}; "
    f"{args.rounds} rounds after two turns of warming up",
  )
  sides = turns.begin(__file__, SIDES, list(SIDES), args)
  check(sides)
  seconds = turns.play(sides, args.rounds)
  memory = {
    name: f"{side.said['temporaries_mb']:.1f}"
    for name, side in sides.items()
    if "temporaries_mb" in side.said
  }
  medians = figures.table(
    "seconds", seconds, "ours", digits=4, temporaries_MB=memory
  )

  def ours_over(name: str) -> float | None:
    return figures.ratio(medians["ours"], medians.get(name))

  figures.finish(
    {
      "time_over_t5x": ours_over("t5x"),
      "time_over_row_each": ours_over("row_each"),
      "time_over_hf_shared": ours_over("hugging_face"),
      "time_over_encoder": ours_over("encoder"),
      "temporaries_mb": round(sides["ours"].said["temporaries_mb"], 1),
      "time_100_over_20": figures.ratio(medians["ours_100"], medians["ours"]),
    }
  )


if __name__ == "__main__":
  main()
