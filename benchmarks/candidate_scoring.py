"""Ranking a request's candidates by likelihood: ours and the peers', on CPU.

    python benchmarks/candidate_scoring.py [--rounds 7]

One request of 512 tokens and 20 candidates of 16 tokens, the T5.1.1-small shape
in float32, the same random weights on all sides:

  ours           `RankingModel.score_batch`
  t5x            T5X's `score_batch` with T5X's network as shipped, one row a
                 candidate, as SeqIO's rank_classification lays them out
  row_each       where T5X cannot be imported: our network, one row a candidate
  hugging_face   PyTorch and transformers: the input encoded once, and the
                 keys and values of the attention to it projected once
  encoder        our encoder alone
  ours_100       ours with 100 candidates

Each side is a process of its own, which compiles and warms up first; then they
score in turns, so that noise of the machine falls on all alike. Medians count.
It is checked that the scores are the same. What temporaries a side needs is the
compiler's count.
"""

import argparse
import dataclasses
import importlib.metadata
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable

import turns
from small_t5 import SIZES, VOCABULARY, make_params

INPUTS, CANDIDATES, MORE, TOKENS = 512, 20, 100, 16

# Scores once, and returns the scores.
Score = Callable[[], object]


def make_batch(count: int):
  """Returns one request and so many candidates, all of full length."""
  import numpy as np

  rng = np.random.default_rng(0)
  inputs = rng.integers(2, 32100, (1, INPUTS), np.int32)
  candidates = rng.integers(2, 32100, (1, count, TOKENS), np.int32)
  candidates[..., -1] = 1
  return {"encoder_input_tokens": inputs, "candidate_tokens": candidates}


def row_each_batch():
  """Returns the batch as rows of one candidate, each with the input."""
  import numpy as np

  batch = make_batch(CANDIDATES)
  targets = batch["candidate_tokens"][0]
  return {
    "encoder_input_tokens": np.repeat(
      batch["encoder_input_tokens"], CANDIDATES, axis=0
    ),
    "decoder_input_tokens": np.pad(targets[:, :-1], ((0, 0), (1, 0))),
    "decoder_target_tokens": targets,
    "decoder_loss_weights": np.ones_like(targets),
  }


def _ready(function: Callable, *arguments) -> tuple[Score, dict]:
  """Returns what runs the compiled function, and its megabytes."""
  import jax

  arguments = jax.device_put(arguments)
  compiled = jax.jit(function).lower(*arguments).compile()
  temporaries = compiled.memory_analysis().temp_size_in_bytes / 1e6
  return (
    lambda: jax.block_until_ready(compiled(*arguments)),
    {"temporaries_mb": temporaries},
  )


def ours(count: int = CANDIDATES) -> tuple[Score, dict]:
  """Our scores of one request."""
  model, params = make_params()
  return _ready(model.score_batch, params, make_batch(count))


def encoder() -> tuple[Score, dict]:
  """Our encoder, as it runs inside our scoring."""
  from instructrec_jax.model import decoding, network

  def encode(network_, tokens):
    segments = network.one_segment(tokens)
    return network_.encoder(network_.token_embedder(tokens), segments, False)

  model, params = make_params()
  module = decoding.unrolled(model.module)

  def run(params, tokens):
    return module.apply({"params": params}, tokens, method=encode)

  return _ready(run, params, make_batch(1)["encoder_input_tokens"])


def row_each() -> tuple[Score, dict]:
  """Our network, the input encoded once a candidate."""
  from instructrec_jax.model import decoding, likelihood

  model, params = make_params()
  module = decoding.unrolled(model.module)

  def run(params, batch):
    logits = module.apply(
      {"params": params},
      batch["encoder_input_tokens"],
      batch["decoder_input_tokens"][:, None],
    )
    targets = batch["decoder_target_tokens"][:, None]
    return likelihood.token_log_likelihood(logits, targets)[0].sum(axis=-1)

  return _ready(run, params, row_each_batch())


def t5x() -> tuple[Score, dict]:
  """T5X's score_batch and network."""
  from t5x import adafactor, models
  from t5x.examples.t5 import network

  config = network.T5Config(
    VOCABULARY,
    mlp_activations=("gelu", "linear"),
    logits_via_embedding=False,
    dropout_rate=0.0,
    **SIZES,
  )
  model = models.EncoderDecoderModel(
    network.Transformer(config),
    input_vocabulary=None,
    output_vocabulary=None,
    optimizer_def=adafactor.Adafactor(decay_rate=0.8),
  )
  return _ready(model.score_batch, make_params()[1], row_each_batch())


def hugging_face() -> tuple[Score, dict]:
  """PyTorch, transformers' T5 and its cache of what was attended to."""
  import small_t5
  import torch
  from transformers import cache_utils, modeling_outputs

  model = small_t5.hugging_face(make_params()[1]).eval()
  batch = make_batch(CANDIDATES)
  inputs = torch.from_numpy(batch["encoder_input_tokens"]).long()
  labels = torch.from_numpy(batch["candidate_tokens"][0]).long()
  shifted = torch.nn.functional.pad(labels[:, :-1], (1, 0))

  def score():
    with torch.inference_mode():
      encoded = model.encoder(inputs).last_hidden_state
      cache = cache_utils.EncoderDecoderCache(
        cache_utils.DynamicCache(), cache_utils.DynamicCache()
      )
      for number, block in enumerate(model.decoder.block):
        attention = block.layer[1].EncDecAttention
        shape = 1, INPUTS, SIZES["num_heads"], SIZES["head_dim"]
        # One projection; the candidates' copies of it are views.
        keys, values = (
          kernel(encoded)
          .view(shape)
          .transpose(1, 2)
          .expand(CANDIDATES, -1, -1, -1)
          for kernel in (attention.k, attention.v)
        )
        cache.cross_attention_cache.update(keys, values, number)
        cache.is_updated[number] = True
      logits = model(
        encoder_outputs=modeling_outputs.BaseModelOutput(
          encoded.expand(CANDIDATES, -1, -1)
        ),
        decoder_input_ids=shifted,
        past_key_values=cache,
      ).logits
      at_label = logits.gather(-1, labels[..., None])[..., 0]
      return (at_label - logits.logsumexp(dim=-1)).sum(dim=-1)

  return score, {"temporaries_mb": None}


# Side: what it is, and the modules that it needs beside ours.
SIDES = {
  "ours": (ours, ()),
  "t5x": (t5x, ("t5x", "airio", "jestimator")),
  "row_each": (row_each, ()),
  "hugging_face": (hugging_face, ("torch", "transformers")),
  "encoder": (encoder, ()),
  "ours_100": (lambda: ours(MORE), ()),
}
# Those whose scores are compared.
SCORERS = "ours", "t5x", "row_each", "hugging_face"


def serve(side: str) -> None:
  """Scores once for each line of the input, and answers with its seconds."""
  import numpy as np

  try:
    score, said = SIDES[side][0]()
  except ModuleNotFoundError as error:
    if error.name.partition(".")[0] not in SIDES[side][1]:
      raise
    print(json.dumps({"absent": error.name}), flush=True)
    return
  scores = np.asarray(score())
  if side in SCORERS:
    said["scores"] = scores.reshape(-1).tolist()
  score()
  print(json.dumps(said), flush=True)
  for _ in sys.stdin:
    start = time.perf_counter()
    score()
    print(json.dumps(time.perf_counter() - start), flush=True)


@dataclasses.dataclass
class Side:
  """A process that scores on demand.

  Attributes:
    said: what it had to say of itself.
    seconds: of each turn.
  """

  said: dict
  seconds: list[float] = dataclasses.field(default_factory=list)

  @property
  def median(self) -> float:
    """Seconds."""
    return statistics.median(self.seconds)


def run(rounds: int) -> dict[str, Side]:
  """Returns every side that could be had, after so many rounds."""
  running, sides = {}, {}
  for name in SIDES:
    if name == "row_each" and "t5x" in sides:
      continue
    process = turns.start(__file__, "--side", name)
    said = turns.answer(process)
    if "absent" in said:
      print(f"{name}: {said['absent']} is not installed")
      continue
    running[name], sides[name] = process, Side(said)
  for _ in range(rounds):
    for name, process in running.items():
      sides[name].seconds.append(turns.take(process))
  for process in running.values():
    process.communicate()
  return sides


def check(sides: dict[str, Side]) -> None:
  """Ends if a side's scores are not ours."""
  ours = sides["ours"].said["scores"]
  for name in SCORERS[1:]:
    if name in sides:
      theirs = sides[name].said["scores"]
      most = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
      print(f"{name}: scores differ by {most:.1e} nats at most")
      if most > 1e-4:
        sys.exit(f"ours {ours}, {name} {theirs}")


def main() -> None:
  """Runs the rounds and prints the table and the line of figures."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--rounds", type=int, default=7)
  parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
  args = parser.parse_args()
  if args.side:
    serve(args.side)
    return
  print(
    f"{len(os.sched_getaffinity(0))} cores, Python "
    f"{platform.python_version()}, jax {importlib.metadata.version('jax')}; "
    f"T5.1.1-small, float32, one request of {INPUTS} tokens, {CANDIDATES} "
    f"candidates of {TOKENS}; {args.rounds} rounds after two of warming up"
  )
  sides = run(args.rounds)
  check(sides)
  ours = sides["ours"]
  print(
    f"\n{'':14}{'median ms':>10}{'min':>8}{'max':>8}{'temporaries MB':>16}"
    f"{'ours / it':>11}"
  )
  for name, side in sides.items():
    memory = side.said["temporaries_mb"]
    memory = "" if memory is None else f"{memory:.1f}"
    print(
      f"{name:14}{1e3 * side.median:10.0f}{1e3 * min(side.seconds):8.0f}"
      f"{1e3 * max(side.seconds):8.0f}{memory:>16}"
      f"{ours.median / side.median:11.3f}"
    )

  def ours_over(name: str) -> float | None:
    if name not in sides:
      return None
    return round(ours.median / sides[name].median, 4)

  print(
    json.dumps(
      {
        "time_over_t5x": ours_over("t5x"),
        **(
          {}
          if "t5x" in sides
          else {"time_over_row_each": ours_over("row_each")}
        ),
        "time_over_hf_shared": ours_over("hugging_face"),
        "time_over_encoder": ours_over("encoder"),
        "temporaries_mb": round(ours.said["temporaries_mb"], 1),
        "time_100_over_20": round(sides["ours_100"].median / ours.median, 3),
      }
    )
  )


if __name__ == "__main__":
  main()
