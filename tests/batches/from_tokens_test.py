import json
import os
import subprocess
import sys
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import seqio
import tensorflow as tf
from hypothesis import strategies as st

from instructrec_jax.batches import from_tokens, rows, token_cache
from instructrec_jax.errors import InputError
from instructrec_jax.model import packing
from tests.batches import toy_tokens

_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
  folder = tmp_path_factory.mktemp("tokens") / "cache"
  return toy_tokens.make(folder, {"a": 300, "b": 300})


@pytest.fixture(autouse=True)
def _many_windows(monkeypatch):
  monkeypatch.setattr(from_tokens, "_WINDOW", 70)


def _equal(one, other):
  assert one.keys() == other.keys()
  return all(np.array_equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("pack", [True, False])
def test_batches_are_those_of_seqio_for_the_same_rows(tokens, pack):
  max_lengths = dict(zip(token_cache.FEATURES, tokens.max_lengths, strict=True))
  examples = []
  for example in range(200):
    start = tokens.starts[example]
    both = tokens.tokens[start : tokens.starts[example + 1]].copy()
    both[1::3] = 7 + np.arange(len(both[1::3]))  # Tokens that differ.
    inputs = tokens.lengths_Ex2[example, 0]
    examples.append({"inputs": both[:inputs], "targets": both[inputs:]})
  spec = {
    name: tf.TensorSpec([None], tf.int32) for name in ("inputs", "targets")
  }
  ds = tf.data.Dataset.from_generator(lambda: examples, output_signature=spec)
  ds = seqio.EncDecFeatureConverter(pack=pack)(ds, max_lengths)
  expected = next(ds.batch(1000).as_numpy_iterator())

  flat = [np.concatenate([e["inputs"], e["targets"]]) for e in examples]
  same = _Tokens(tokens, np.concatenate(flat))
  if pack:
    counts = expected["encoder_segment_ids"].max(axis=1)
  else:
    counts = np.ones(200, np.int64)
  begin = np.concatenate([[0], np.cumsum(counts)])
  assert begin[-1] == 200
  batch = rows.Rows(np.arange(200), begin).batch(same, pack)
  assert batch.keys() == expected.keys()
  for name, array in batch.items():
    np.testing.assert_array_equal(array, expected[name], name)
    assert array.dtype == expected[name].dtype == np.int32


class _Tokens:
  """A cache's lengths, with other tokens."""

  def __init__(self, like, tokens):
    self.tokens = tokens
    self.starts, self.lengths_Ex2 = like.starts, like.lengths_Ex2
    self.max_lengths = like.max_lengths


@hypothesis.given(
  st.integers(1, 60),
  st.integers(1, 60),
  st.integers(1, 5),
  st.integers(1, 7),
  st.integers(0, 2**32 - 1),
)
@hypothesis.settings(
  deadline=None,
  max_examples=15,
  suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
def test_nothing_is_lost_and_nothing_comes_twice(
  tmp_path_factory, one, other, shards, share, seed
):
  folder = tmp_path_factory.mktemp("any") / "cache"
  made = toy_tokens.make(folder, {"a": one, "b": other}, rates={
    "a": one, "b": other})  # fmt: skip
  batch_size = shards * share
  parts = [
    from_tokens.CachedBatches(made, batch_size, seed, shard=(index, shards))
    for index in range(shards)
  ]
  whole = from_tokens.CachedBatches(made, batch_size, seed)
  seen = []
  while len(seen) < 3 * (one + other):
    batch = next(whole)
    seen += toy_tokens.examples_of(batch)
    pieces = [next(part) for part in parts]
    assert all(len(p["encoder_positions"]) == share for p in pieces)
    joined = {k: np.concatenate([p[k] for p in pieces]) for k in batch}
    assert _equal(batch, joined)
  # One epoch after the other, though batches do not end where epochs do.
  for epoch in range(3):
    part = seen[epoch * (one + other) : (epoch + 1) * (one + other)]
    assert sorted(part) == list(range(one + other))


@pytest.mark.parametrize("pack", [True, False])
def test_seeking_is_the_same_as_reading_on(tokens, pack):
  read = from_tokens.CachedBatches(tokens, 8, seed=3, pack=pack)
  for step in range(120):  # Past the first epoch, and over several windows.
    if step % 13 == 0:
      sought = from_tokens.CachedBatches(tokens, 8, seed=3, pack=pack)
      sought.seek(step)
      restored = from_tokens.CachedBatches(tokens, 8, seed=3, pack=pack)
      restored.set_state(read.get_state())
      assert sought.get_state() == restored.get_state() == read.get_state()
      expected = next(read)
      assert _equal(next(sought), expected)
      assert _equal(next(restored), expected)
    else:
      next(read)
  assert json.loads(read.get_state())["place"]["epoch"] > 0


def test_going_to_a_saved_place_packs_one_window_at_most(tokens, monkeypatch):
  read = from_tokens.CachedBatches(tokens, 4)
  for _ in range(500):
    next(read)
  state = read.get_state()
  assert len(state) < 300
  packed = []

  def count(lengths_Ex2, row_lengths):
    packed.append(len(lengths_Ex2))
    return pack(lengths_Ex2, row_lengths)

  pack = packing.pack
  monkeypatch.setattr(packing, "pack", count)
  restored = from_tokens.CachedBatches(tokens, 4)
  restored.set_state(state)
  assert not packed
  batch = next(restored)
  assert len(packed) <= 2  # A batch may lie in two.
  assert _equal(batch, next(read))


def test_seeds_give_other_orders_and_the_state_is_any_process_s(tokens):
  one, other = (from_tokens.CachedBatches(tokens, 8, seed=s) for s in (0, 1))
  assert not _equal(next(one), next(other))
  parts = [from_tokens.CachedBatches(tokens, 8, shard=(i, 4)) for i in range(4)]
  for part in parts:
    next(part)
  [state] = {part.get_state() for part in parts}
  alone = from_tokens.CachedBatches(tokens, 8)
  alone.set_state(state)
  assert _equal(next(alone), next(one))


def test_a_batch_larger_than_an_epoch(tmp_path):
  made = toy_tokens.make(tmp_path / "c", {"a": 5})
  batch = next(from_tokens.CachedBatches(made, 40))
  seen = toy_tokens.examples_of(batch)
  assert len(seen) >= 40
  assert set(seen) == set(range(5))


def test_batches_that_cannot_be_shared_and_places_elsewhere(tokens, tmp_path):
  with pytest.raises(
    InputError, match="batch size 9: expected a multiple of 2"
  ):
    from_tokens.CachedBatches(tokens, 9, shard=(0, 2))
  state = from_tokens.CachedBatches(tokens, 8).get_state()
  with pytest.raises(InputError, match="for seed 0, got seed 5"):
    from_tokens.CachedBatches(tokens, 8, seed=5).set_state(state)
  other = toy_tokens.make(tmp_path / "other", {"a": 9})
  with pytest.raises(InputError, match="is for tokens"):
    from_tokens.CachedBatches(other, 8).set_state(state)
  for foreign in (b"\x1f\x8b\x00tar", b"17", b"{}", b"[]"):
    with pytest.raises(InputError, match="started without CACHED_TOKENS"):
      from_tokens.CachedBatches(tokens, 8).set_state(foreign)


def test_it_takes_no_tensorflow(tokens):
  script = (
    "import sys\n"
    "sys.modules['tensorflow'] = sys.modules['seqio'] = None\n"
    "from instructrec_jax.batches import from_tokens, token_cache\n"
    "tokens = token_cache.TokenCache(sys.argv[1])\n"
    "batches = from_tokens.CachedBatches(tokens, 8)\n"
    "print(next(batches)['encoder_input_tokens'].sum())"
  )
  done = subprocess.run(
    [sys.executable, "-c", script, str(tokens.folder)],
    env=os.environ | {"PYTHONPATH": str(_ROOT)},
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  assert int(done.stdout) > 0
