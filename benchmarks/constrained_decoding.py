"""Generating titles out of a catalogue: ours and Hugging Face's, on CPU.

    python benchmarks/constrained_decoding.py [--rounds 7]

One request of 512 tokens, ten beams, a catalogue of 10,000 made-up titles of
up to 30 tokens, the T5.1.1-small shape in float32. All sides have the same
random weights and, but for the last, the same titles to choose from:

  ours           `beam.recommend`: a trie on the device
  hugging_face   `generate` with `prefix_allowed_tokens_fn`, a dict for each
                 start of a title; scores not divided by a length, as ours
  unconstrained  our beam search of any text, as long as the longest title found

Each side is a process of its own, which warms up first. Then the sides decode
in turns, so that noise of the machine falls on all alike. The benchmark fails
if a title has another score than Hugging Face's, or if ours finds worse ones.
Then a process of its own builds the trie of 1,000,000 such titles.

The last line is a JSON object: hf_over_ours (null where Hugging Face is absent)
and constrained_over_unconstrained are ratios of medians; trie_million_s is the
seconds of building the large trie alone, trie_million_gb the most memory that
its process ever had.
"""

import argparse
import resource
import sys
import time
from collections.abc import Sequence

import figures
import small_t5
import turns

LONGEST = 30


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
  """Returns the command line's options."""
  flags = figures.parser(__doc__, rounds=7)
  turns.add_flags(flags)
  flags.add_argument("--inputs", type=int, default=512, help="tokens (512)")
  flags.add_argument("--titles", type=int, default=10_000, help="(10000)")
  flags.add_argument(
    "--million", type=int, default=1_000_000, help="of the trie (1000000)"
  )
  flags.add_argument("--beams", type=int, default=10, help="(10)")
  flags.add_argument("--steps", type=int, help=argparse.SUPPRESS)
  toy = {"inputs": 32, "titles": 50, "million": 1000, "beams": 2}
  return figures.parse(flags, arguments, **toy)


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


def make_inputs(args: argparse.Namespace):
  """Returns one request, int32 [1, inputs]."""
  import numpy as np

  rng = np.random.default_rng(1)
  return rng.integers(2, 32100, (1, args.inputs), np.int32)


def make_trie(count: int):
  """Returns the trie; of titles that are the same the first one counts."""
  from instructrec_jax.model import trie

  titles = make_titles(count)
  return trie.build(*titles, small_t5.VOCABULARY, same_title="first")


def ours(args: argparse.Namespace) -> tuple[turns.Take, dict]:
  """Our beam search in the catalogue."""
  import jax
  import numpy as np

  from instructrec_jax.model import beam

  model, params = small_t5.make_params(args)
  arguments = jax.device_put((params, make_inputs(args)))
  titles = jax.device_put(make_trie(args.titles))
  recommend = jax.jit(
    lambda params, inputs, titles: beam.recommend(
      model.module, params, inputs, args.beams, titles
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


def unconstrained(args: argparse.Namespace) -> tuple[turns.Take, dict]:
  """Our beam search of any text that does not end."""
  import jax
  import jax.numpy as jnp

  from instructrec_jax.model import beam, choices

  class Endless(choices.AnyText):
    def ends(self, node_BxW):
      return jnp.zeros(node_BxW.shape, bool), node_BxW

  model, params = small_t5.make_params(args)
  arguments = jax.device_put((params, make_inputs(args)))
  search = jax.jit(
    lambda params, inputs: beam.search(
      model.module, params, inputs, args.beams, args.steps, Endless()
    )
  )
  said = {"steps": args.steps}
  return lambda: jax.block_until_ready(search(*arguments)), said


def hugging_face(args: argparse.Namespace) -> tuple[turns.Take, dict]:
  """Hugging Face's beam search, which asks a function what may come next."""
  import torch

  model = small_t5.hugging_face(args).eval()
  allowed = _allowed(args.titles)
  inputs = torch.from_numpy(make_inputs(args)).long()
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
        num_beams=args.beams,
        num_return_sequences=args.beams,
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


def _allowed(count: int) -> dict[tuple[int, ...], list[int]]:
  """Returns what may follow each start of a title, decoder's start included."""
  import numpy as np

  tokens, lengths = make_titles(count)
  following: dict[tuple[int, ...], set[int]] = {}
  for title in np.split(tokens, np.cumsum(lengths)[:-1]):
    title = (0, *title.tolist(), 1)
    for end in range(1, len(title)):
      following.setdefault(title[:end], set()).add(title[end])
  return {start: sorted(after) for start, after in following.items()}


def million(args: argparse.Namespace) -> tuple[turns.Take, dict]:
  """Builds a trie once; it has nothing to do in its turns."""
  from instructrec_jax.model import trie

  titles = make_titles(args.million)
  start = time.perf_counter()
  built = trie.build(*titles, small_t5.VOCABULARY, same_title="first")
  seconds = time.perf_counter() - start
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
  said = {"seconds": seconds, "gb": peak / 1e9, "nodes": len(built.token)}
  return lambda: None, said


SIDES = {
  "ours": turns.Recipe(ours),
  "unconstrained": turns.Recipe(unconstrained),
  "hugging_face": turns.Recipe(hugging_face, ("torch", "transformers")),
  "million": turns.Recipe(million),
}


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


def race(args: argparse.Namespace) -> dict[str, float]:
  """Lets the sides decode in turns; returns their medians."""
  sides = turns.begin(__file__, SIDES, ["ours"], args)
  said = sides["ours"].said
  args.steps = said["steps"]
  peers = ["unconstrained", "hugging_face"]
  sides |= turns.begin(__file__, SIDES, peers, args)
  if "hugging_face" in sides:
    check(said, sides["hugging_face"].said)
  print(f"{said['titles']:,} titles in {said['nodes']:,} nodes")
  return figures.table(
    "seconds",
    turns.play(sides, args.rounds),
    "ours",
    digits=4,
    steps={name: str(side.said["steps"]) for name, side in sides.items()},
  )


def main(arguments: Sequence[str] | None = None) -> None:
  """Runs the rounds and prints the table and the line of figures."""
  args = parse(arguments)
  if args.side:
    turns.serve(SIDES, args)
    return
  figures.introduce(
    ("jax", "torch", "transformers"),
    f"T5.1.1-{'toy' if args.toy else 'small'}, float32, one request of "
    f"{args.inputs} tokens, {args.beams} beams, titles of up to {LONGEST} "
    f"tokens; {args.rounds} rounds after two turns of warming up",
  )
  medians = race(args)
  [large] = turns.begin(__file__, SIDES, ["million"], args).values()
  large.answers.close()
  print(
    f"trie of {args.million:,} titles: {large.said['nodes']:,} nodes in "
    f"{large.said['seconds']:.1f} s, {large.said['gb']:.2f} GB at most"
  )
  figures.finish(
    {
      "hf_over_ours": figures.ratio(
        medians.get("hugging_face"), medians["ours"]
      ),
      "constrained_over_unconstrained": figures.ratio(
        medians["ours"], medians["unconstrained"]
      ),
      "trie_million_s": round(large.said["seconds"], 3),
      "trie_million_gb": round(large.said["gb"], 2),
    }
  )


if __name__ == "__main__":
  main()
