"""Sequences become examples without loss, and batches resume anywhere."""

import dataclasses

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from instructrec_jax.batches import items as items_lib
from instructrec_jax.batches import sequences
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.errors import InputError

HISTORIES = st.lists(
  st.lists(st.integers(0, 30), max_size=9), min_size=1, max_size=40
)


def made(histories, objective="next", length=5):
  offsets = np.concatenate([[0], np.cumsum([len(h) for h in histories])])
  flat = np.array([i for h in histories for i in h], np.int64)
  return sequences.Sequences(flat, offsets, objective, length)


def examples(found):
  """Returns each example's inputs and targets, as item codes."""
  parts = np.split(found.tokens - 1, found.starts[1:-1])
  return [
    (part[:n].tolist(), part[n:].tolist())
    for part, (n, _) in zip(parts, found.lengths_Ex2.tolist(), strict=True)
  ]


@hypothesis.given(HISTORIES, st.sampled_from(["next", "masked"]))
def test_examples_are_the_newest_items(histories, objective):
  hypothesis.assume(any(len(h) > 1 for h in histories))
  found = made(histories, objective)
  moved = int(objective == "next")
  expected = [
    (h[:-1][-5:], h[1:][-5:]) if moved else (h[-5:], h[-5:])
    for h in histories
    if len(h) > moved
  ]
  assert examples(found) == expected
  assert found.too_short == sum(len(h) <= moved for h in histories)
  assert found.cut == sum(len(h) > 5 + moved for h in histories)


@hypothesis.settings(max_examples=20)
@hypothesis.given(HISTORIES, st.integers(0, 3))
def test_an_epoch_has_each_example_once(histories, seed):
  hypothesis.assume(any(len(h) > 1 for h in histories))
  found = made(histories)
  batches = sequences.sequence_batches(found, 1, seed, shard=(0, 1))
  seen = []
  while len(seen) < len(found.lengths_Ex2):
    batch = next(batches)
    segment = batch["encoder_segment_ids"][0]
    seen += [
      tuple(
        tuple((batch[name][0][segment == number] - 1).tolist())
        for name in ("encoder_input_tokens", "decoder_target_tokens")
      )
      for number in range(1, segment.max() + 1)
    ]
    np.testing.assert_array_equal(
      batch["encoder_segment_ids"], batch["decoder_segment_ids"]
    )
  expected = [(tuple(a), tuple(b)) for a, b in examples(found)]
  assert sorted(seen) == sorted(expected)


def test_batches_resume_and_are_shared_out():
  rng = np.random.default_rng(0)
  found = made([rng.integers(0, 30, rng.integers(2, 9)) for _ in range(60)])
  whole = sequences.sequence_batches(found, 4, shard=(0, 1))
  halves = [sequences.sequence_batches(found, 4, shard=(i, 2)) for i in (0, 1)]
  for _ in range(30):
    state = whole.get_state()
    expected = next(whole)
    parts = [next(half) for half in halves]
    for name, array in expected.items():
      np.testing.assert_array_equal(
        np.concatenate([part[name] for part in parts]), array
      )
  again = sequences.sequence_batches(found, 4, shard=(0, 1))
  again.set_state(state)
  for name, array in next(again).items():
    np.testing.assert_array_equal(array, expected[name])


def test_another_dataset_s_position_is_refused():
  one, other = made([[1, 2, 3]]), made([[1, 2, 4]])
  batches = sequences.sequence_batches(one, 1, shard=(0, 1))
  with pytest.raises(InputError, match=r"position.*is for tokens"):
    sequences.sequence_batches(other, 1, shard=(0, 1)).set_state(
      batches.get_state()
    )


def test_nobody_has_enough_items():
  with pytest.raises(InputError, match="none of 2 users has 2 or more items"):
    made([[1], []])


def test_steps_of_epochs():
  found = made([[1, 2, 3, 4, 5, 6]] * 40)  # 40 full rows.
  assert sequences.steps_of_epochs(found, 3, 4) == 30
  with pytest.raises(InputError, match=r"EPOCHS.*more than 0"):
    sequences.steps_of_epochs(found, 0, 4)


@pytest.fixture(scope="module")
def catalogue(small_data):
  return items_lib.item_catalogue("small", str(small_data / "records"))


def test_sequences_are_a_user_s_training_part(catalogue):
  items, offsets = catalogue.sequences()
  requests = Requests.read(catalogue.folder, "validation")
  histories = dict(zip(requests.user.tolist(), requests.histories, strict=True))
  for user, history in histories.items():
    own = items[offsets[user] : offsets[user + 1]]
    np.testing.assert_array_equal(own[-len(history) :], history)


def test_validation_s_targets_follow(catalogue):
  before = sequences.sequence_data(catalogue)
  after = sequences.sequence_data(catalogue, train_on_validation=True)
  requests = Requests.read(catalogue.folder, "validation")
  grown = len(after.tokens) - len(before.tokens)
  assert grown == 2 * len(requests)
  last = [targets[-1] for _, targets in examples(after)]
  assert last == requests.target[np.argsort(requests.user)].tolist()
  assert before.fingerprint != after.fingerprint


def test_a_dataset_without_an_order_is_refused(catalogue, monkeypatch):
  monkeypatch.setattr(items_lib.read, "is_ordered", lambda folder: False)
  with pytest.raises(InputError, match="DATASET = 'small' has no times"):
    catalogue.sequences()


def test_fewer_rows_than_items_are_refused(catalogue):
  few = dataclasses.replace(catalogue, rows=3)
  with pytest.raises(InputError, match=r"NUM_ITEMS = 3.* has 48 items"):
    _ = few.train_count
