"""Small caches whose examples tell from their tokens which ones they are."""

import numpy as np

from instructrec_jax import artifacts
from instructrec_jax.batches import token_cache

PIECES = 1 << 20


def make(folder, tasks, max_lengths=(16, 6), rates=None, epochs=1, seed=0):
  """Writes a cache; returns it opened.

  Args:
    tasks: number of examples by task. Example number i has tokens i + 2 only.
  """
  rng = np.random.default_rng(seed)

  def write(staging):
    counts = {}
    with token_cache.Writer(staging, max_lengths, PIECES) as writer:
      for name, examples in sorted(tasks.items()):
        lengths_Ex2 = rng.integers(1, np.array(max_lengths) + 1, (examples, 2))
        number_E = np.arange(examples) + writer.examples + 2
        tokens = np.repeat(number_E, lengths_Ex2.sum(axis=1))
        assert writer.add(tokens, lengths_Ex2) == 0
        counts[name] = {"records": examples, "examples": examples}
    return {
      "examples": writer.examples,
      "tokens": writer.tokens,
      "tasks": counts,
    }

  artifacts.run_stage(
    token_cache.STAGE,
    folder,
    write,
    inputs={},
    options={
      "task_feature_lengths": dict(
        zip(token_cache.FEATURES, max_lengths, strict=True)
      ),
      "epochs": epochs,
      "rates": rates or dict.fromkeys(tasks, 1.0),
      "pieces": PIECES,
      "tasks": tasks,
    },
    seed=seed,
  )
  return token_cache.TokenCache(folder)


def examples_of(batch):
  """Returns the examples of packed rows, by number, and checks the arrays."""
  numbers = []
  for row in range(len(batch["encoder_input_tokens"])):
    sides = []
    for tokens, side in (
      ("encoder_input_tokens", "encoder"),
      ("decoder_target_tokens", "decoder"),
    ):
      segments = batch[f"{side}_segment_ids"][row]
      used = segments > 0
      assert (np.diff(segments[used]) >= 0).all()
      assert not batch[tokens][row][~used].any()
      side_numbers = []
      for segment in range(1, segments.max() + 1):
        [number] = set(batch[tokens][row][segments == segment].tolist())
        side_numbers.append(number - 2)
        positions = batch[f"{side}_positions"][row][segments == segment]
        assert positions.tolist() == list(range(len(positions)))
      sides.append(side_numbers)
    assert sides[0] == sides[1]
    numbers += sides[0]
  return numbers
