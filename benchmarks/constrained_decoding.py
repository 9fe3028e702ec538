"""Generating titles out of a catalogue: ours and Hugging Face's, on CPU.

    python benchmarks/constrained_decoding.py [--rounds 7]

One request of 512 tokens, ten beams, a catalogue of 10,000 made-up titles of
up to 30 tokens, the T5.1.1-small shape in float32. All sides have the same
random weights and, but for the last, the same titles to choose from:

  ours           `beam.recommend`: a trie on the device
  hugging_face   `generate` with `prefix_allowed_tokens_fn`, a dict for each
                 start of a title; scores not divided by a length, as ours
  unconstrained  our beam search of any text, as long as the longest title found

Each side is a process of its own, which warms up first; then they decode in
turns, so that noise of the machine falls on all alike. Medians count. It is
checked that titles have the same scores, and that ours finds no worse ones.
Then a process of its own builds the trie of 1,000,000 such titles: seconds of
the building alone, and the most memory that the process ever had.
"""

import argparse
import dataclasses
import importlib.metadata
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import turns
from small_t5 import VOCABULARY, make_params

INPUTS, TITLES, LONGEST, BEAMS = 512, 10_000, 30, 10

# Decodes once.
Decode = Callable[[], object]


def make_titles(count: int):
  """Returns the tokens and lengths of titles, as `trie.build` takes them."""
  import numpy as np

  rng = np.random.default_rng(0)
  lengths = np.clip(rng.lognormal(np.log(11), 0.35, count), 2, LONGEST - 1)
  lengths = lengths.astype(np.int64)
  # Words as they are in a language: few of them often, most of them seldom.
  tokens = rng.zipf(1.25, lengths.sum()) + 1
  rare = tokens >= 32100
  tokens[rare] = rng.integers(2, 32100, rare.sum())
  return tokens.astype(np.int32), lengths


def make_inputs():
  """Returns one request, int32 [1, INPUTS]."""
  import numpy as np

  return np.random.default_rng(1).integers(2, 32100, (1, INPUTS), np.int32)


def make_trie(count: int):
  """Returns the trie; of titles that are the same the first one counts."""
  from instructrec_jax.model import trie

  return trie.build(*make_titles(count), VOCABULARY, same_title="first")


def ours() -> tuple[Decode, dict]:
  """Our beam search in the catalogue."""
  import jax
  import numpy as np

  from instructrec_jax.model import beam

  model, params = make_params()
  arguments = jax.device_put((params, make_inputs()))
  titles = jax.device_put(make_trie(TITLES))
  recommend = jax.jit(
    lambda params, inputs, titles: beam.recommend(
      model.module, params, inputs, BEAMS, titles
    )
  )

  def decode():
    return jax.block_until_ready(recommend(*arguments, titles))

  found = decode()
  return decode, {
    "nodes": len(titles.token),
    "titles": len(titles.item),
    "steps": int((np.asarray(found.tokens) > 0).sum(axis=-1).max()),
    "tokens": np.asarray(found.tokens[0]).tolist(),
    "scores": np.asarray(found.scores[0]).tolist(),
  }


def unconstrained(steps: int) -> tuple[Decode, dict]:
  """Our beam search of any text that does not end."""
  import jax
  import jax.numpy as jnp

  from instructrec_jax.model import beam, choices

  class Endless(choices.AnyText):
    def ends(self, node_BxW):
      return jnp.zeros(node_BxW.shape, bool), node_BxW

  model, params = make_params()
  arguments = jax.device_put((params, make_inputs()))
  search = jax.jit(
    lambda params, inputs: beam.search(
      model.module, params, inputs, BEAMS, steps, Endless()
    )
  )
  return lambda: jax.block_until_ready(search(*arguments)), {}


def hugging_face() -> tuple[Decode, dict]:
  """Hugging Face's beam search, which asks a function what may come next."""
  import numpy as np
  import small_t5
  import torch

  model = small_t5.hugging_face(make_params()[1]).eval()
  tokens, lengths = make_titles(TITLES)
  following: dict[tuple[int, ...], set[int]] = {}
  for title in np.split(tokens, np.cumsum(lengths)[:-1]):
    title = (0, *title.tolist(), 1)
    for end in range(1, len(title)):
      following.setdefault(title[:end], set()).add(title[end])
  allowed = {start: sorted(after) for start, after in following.items()}
  inputs = torch.from_numpy(make_inputs()).long()
  steps = []

  def may_follow(_, start):
    if not steps or steps[-1] != len(start):
      steps.append(len(start))
    # A beam that has ended is asked as well.
    return allowed.get(tuple(start.tolist()), [0])

  def decode():
    with torch.inference_mode():
      return model.generate(
        inputs,
        num_beams=BEAMS,
        num_return_sequences=BEAMS,
        max_new_tokens=LONGEST,
        length_penalty=0.0,
        prefix_allowed_tokens_fn=may_follow,
        return_dict_in_generate=True,
        output_scores=True,
      )

  found = decode()
  return decode, {
    "steps": len(steps),
    "tokens": found.sequences[:, 1:].tolist(),
    "scores": found.sequences_scores.tolist(),
  }


def serve(decode: Decode, said: dict) -> None:
  """Decodes once for each line of the input, and answers with its seconds."""
  decode()
  print(json.dumps(said), flush=True)
  for _ in sys.stdin:
    start = time.perf_counter()
    decode()
    print(json.dumps(time.perf_counter() - start), flush=True)


def build_million(count: int) -> None:
  """Builds a trie; prints its seconds, and this process's gigabytes."""
  from instructrec_jax.model import trie

  titles = make_titles(count)
  start = time.perf_counter()
  built = trie.build(*titles, VOCABULARY, same_title="first")
  seconds = time.perf_counter() - start
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
  sizes = {"nodes": len(built.token), "length": built.length}
  print(json.dumps({"seconds": seconds, "gb": peak / 1e9, **sizes}))


@dataclasses.dataclass
class Side:
  """A process that decodes on demand.

  Attributes:
    process: the process.
    said: what it had to say of itself.
    seconds: of each decoding.
  """

  process: subprocess.Popen
  said: dict
  seconds: list[float] = dataclasses.field(default_factory=list)

  def take(self) -> None:
    """Decodes once."""
    self.seconds.append(turns.take(self.process))


def begin(name: str, *arguments: str) -> Side | None:
  """Starts a side; None, said aloud, if what it needs is not installed."""
  process = turns.start(__file__, "--side", name, *arguments)
  said = turns.answer(process)
  if "absent" in said:
    print(f"{name}: {said['absent']} is not installed")
    return None
  return Side(process, said)


def check(ours: dict, theirs: dict) -> None:
  """Ends if a title has another score than Hugging Face's, or ours are worse.

  Ours may be better: Hugging Face drops a title whose end is none of the ten
  likeliest ways to go on when it comes to it.
  """
  by_title = {
    tuple(token for token in title if token): score
    for title, score in zip(ours["tokens"], ours["scores"], strict=True)
  }
  both = 0
  for title, score in zip(theirs["tokens"], theirs["scores"], strict=True):
    same = by_title.get(tuple(title[: title.index(1) + 1]))
    both += same is not None
    if same is not None and abs(same - score) > 1e-3:
      sys.exit(f"{title} is worth {same} to ours, {score} to Hugging Face")
  for one, other in zip(ours["scores"], theirs["scores"], strict=True):
    if one < other - 1e-3:
      sys.exit(f"ours found {ours['scores']}, worse than {theirs['scores']}")
  print(f"both found {both} of {len(by_title)} titles, with the same scores")


def ratio(one: float | None, other: float | None) -> float | None:
  """Returns one / other, None where a side is absent."""
  return None if one is None or other is None else round(one / other, 3)


def parse() -> argparse.Namespace:
  """Returns the command line's options."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--rounds", type=int, default=7)
  parser.add_argument("--side", help=argparse.SUPPRESS)
  parser.add_argument("--steps", type=int, help=argparse.SUPPRESS)
  return parser.parse_args()


def run_side(args: argparse.Namespace) -> None:
  """Runs what a process of its own is for."""
  try:
    if args.side == "million":
      build_million(1_000_000)
    elif args.side == "unconstrained":
      serve(*unconstrained(args.steps))
    else:
      serve(*{"ours": ours, "hugging_face": hugging_face}[args.side]())
  except ModuleNotFoundError as error:
    if error.name not in ("torch", "transformers"):
      raise
    print(json.dumps({"absent": error.name}), flush=True)


def main() -> None:
  """Runs the rounds and prints the table and the line of figures."""
  args = parse()
  if args.side:
    run_side(args)
    return
  sides = {"ours": begin("ours")}
  said = sides["ours"].said
  print(
    f"{len(os.sched_getaffinity(0))} cores, Python "
    f"{platform.python_version()}, jax {importlib.metadata.version('jax')}; "
    f"T5.1.1-small, float32, one request of {INPUTS} tokens, {BEAMS} beams, "
    f"{said['titles']:,} titles in {said['nodes']:,} nodes, up to {LONGEST} "
    f"tokens; {args.rounds} rounds after two of warming up"
  )
  sides["unconstrained"] = begin("unconstrained", f"--steps={said['steps']}")
  sides["unconstrained"].said["steps"] = said["steps"]
  sides["hugging_face"] = begin("hugging_face")
  sides = {name: side for name, side in sides.items() if side is not None}
  if "hugging_face" in sides:
    check(said, sides["hugging_face"].said)
  for _ in range(args.rounds):
    for side in sides.values():
      side.take()
  for side in sides.values():
    side.process.communicate()

  print(
    f"\n{'':14}{'median ms':>10}{'min':>8}{'max':>8}{'steps':>7}{'/ ours':>8}"
  )
  medians = {name: statistics.median(s.seconds) for name, s in sides.items()}
  for name, side in sides.items():
    milliseconds = [1e3 * s for s in side.seconds]
    print(
      f"{name:14}{1e3 * medians[name]:10.0f}{min(milliseconds):8.0f}"
      f"{max(milliseconds):8.0f}{side.said['steps']:7}"
      f"{medians[name] / medians['ours']:8.2f}"
    )
  million = turns.answer(turns.start(__file__, "--side=million"))
  print(
    f"trie of 1,000,000 titles: {million['nodes']:,} nodes in "
    f"{million['seconds']:.1f} s, {million['gb']:.2f} GB at most"
  )
  print(
    json.dumps(
      {
        "hf_over_ours": ratio(medians.get("hugging_face"), medians["ours"]),
        "constrained_over_unconstrained": ratio(
          medians["ours"], medians["unconstrained"]
        ),
        "trie_million_s": round(million["seconds"], 1),
        "trie_million_gb": round(million["gb"], 2),
      }
    )
  )


if __name__ == "__main__":
  main()
