"""Requests to answer, also a program for several processes to answer them.

  python tests/train/scored.py CHECKPOINT OUT COUNT [PORT INDEX]

writes the scores and the items that process INDEX has in the end to OUT.
"""

import sys

import jax
import numpy as np

from instructrec_jax.model import ranking_model, trie
from instructrec_jax.scoring import buckets
from instructrec_jax.scoring.scorer import Scorer
from instructrec_jax.train import checkpoint, distributed, step
from tests import programs
from tests.train import toy

MODEL = ranking_model.RankingModel(toy.CONFIG, num_beams=3)
ITEMS = 20
TOTAL, MOST, LONGEST = 43, 5, 12


def requests():
  """Returns requests of all lengths, with 1 to MOST candidates.

  The last one is the largest, so that it has no place in most buckets.
  """
  rng = np.random.default_rng(0)
  inputs = rng.integers(2, 64, (TOTAL, 70)).astype(np.int32)
  length = rng.integers(1, 71, TOTAL)
  length[-1] = 70
  inputs[np.arange(70) >= length[:, None]] = 0
  candidates = rng.integers(2, 64, (TOTAL, MOST, LONGEST)).astype(np.int32)
  lengths = rng.integers(1, LONGEST + 1, (TOTAL, MOST))
  lengths[-1] = LONGEST
  place = np.arange(LONGEST)
  candidates[place == lengths[..., None] - 1] = 1
  candidates[place >= lengths[..., None]] = 0
  count = rng.integers(1, MOST + 1, TOTAL)
  count[-1] = MOST
  candidates[np.arange(MOST) >= count[:, None]] = 0
  return {"encoder_input_tokens": inputs, "candidate_tokens": candidates}


def catalogue():
  """Returns titles of four or five tokens, the first two in common."""
  rng = np.random.default_rng(1)
  tokens = [
    [5, 6, *rng.integers(2, 64, 1 + n % 2), 8 + n] for n in range(ITEMS)
  ]
  return trie.from_titles(tokens, list, 64)


def excluded():
  """Returns requests, and up to five items that each must not get."""
  rng = np.random.default_rng(2)
  return {
    "encoder_input_tokens": requests()["encoder_input_tokens"],
    "excluded_items": rng.integers(-1, ITEMS, (TOTAL, 5)).astype(np.int32),
  }


def write_checkpoint(folder):
  """Writes random parameters, and returns where."""
  made = MODEL, toy.adafactor()
  places = jax.tree.map(
    lambda _: jax.sharding.SingleDeviceSharding(jax.devices()[0]),
    step.state_shapes(*made),
  )
  state = step.make_state(*made, 0, places)
  with checkpoint.Checkpoints(folder, keep=None) as checkpoints:
    checkpoints.save(state, toy.Batches())
  return folder


def run(path, out, count):
  """Returns what each of so many processes has, which answer together."""
  out.mkdir()
  port = programs.free_port()
  started = [
    programs.start(
      __file__, path, out / f"{index}.npz", count, port, index, devices=1
    )
    for index in range(count)
  ]
  try:
    outputs = [process.communicate(timeout=240) for process in started]
  finally:
    for process in started:
      process.kill()
  assert [p.returncode for p in started] == [0] * count, outputs
  return [dict(np.load(out / f"{index}.npz")) for index in range(count)]


def main(path, out, count, port, index):
  buckets._WORTH_BATCHES = 0.01
  cluster = (f"localhost:{port}", int(count), int(index))
  with distributed.processes(*(cluster if int(count) > 1 else ())):
    scorer = Scorer(MODEL, path, batch_size=4)
    found = scorer.recommend(excluded(), catalogue())
    np.savez(out, **found._asdict(), likelihoods=scorer.score(requests()))


if __name__ == "__main__":
  main(*sys.argv[1:])
