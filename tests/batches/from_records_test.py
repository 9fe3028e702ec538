import numpy as np
import seqio

from instructrec_jax.batches import from_records

_LENGTHS = {"inputs": 160, "targets": 16}


def _batches(seed=0, pack=True):
  return from_records.train_batches(
    "instructrec_small_history", _LENGTHS, batch_size=4, seed=seed, pack=pack
  )


def _equal(one, other):
  return all(np.array_equal(one[key], other[key]) for key in one)


def test_batches_are_packed_and_hold_whole_examples(small):
  stream = _batches()
  batches = [next(stream) for _ in range(25)]
  assert batches[0]["encoder_input_tokens"].shape == (4, 160)
  assert batches[0]["decoder_target_tokens"].shape == (4, 16)
  batch = {key: np.concatenate([b[key] for b in batches]) for key in batches[0]}
  examples = batch["encoder_segment_ids"].max()
  assert examples > 1
  # Each example ends: as many EOS as segments, in inputs and in targets.
  for feature, segments in (
    ("encoder_input_tokens", "encoder_segment_ids"),
    ("decoder_target_tokens", "decoder_segment_ids"),
  ):
    ends = (batch[feature] == 1).sum(axis=1)
    np.testing.assert_array_equal(ends, batch[segments].max(axis=1))


def test_a_seed_gives_the_same_batches_and_another_seed_others(small):
  one, same, other = _batches(0), _batches(0), _batches(1)
  for _ in range(3):
    batch = next(one)
    assert _equal(batch, next(same))
    assert not _equal(batch, next(other))


def test_a_step_of_the_data_can_be_gone_to(small):
  batches, there = _batches(), _batches()
  for _ in range(7):
    next(batches)
  there.seek(7)
  assert _equal(next(there), next(batches))


def test_the_place_in_the_data_can_be_saved_across_epochs(small):
  batches = _batches()
  for _ in range(40):  # Well past the first epoch of 60 users.
    next(batches)
  state = batches.get_state()
  expected = [next(batches) for _ in range(5)]
  resumed = _batches()
  next(resumed)
  resumed.set_state(state)
  for batch in expected:
    assert _equal(batch, next(resumed))


def test_processes_share_the_data_without_overlap(small):
  task = seqio.get_mixture_or_task("instructrec_small_p1_i0_t2")
  shards = [
    {
      int(example["instance"])
      for example in task.get_dataset(
        _LENGTHS,
        "train",
        shuffle=False,
        seed=0,
        shard_info=seqio.ShardInfo(index, 2),
      ).as_numpy_iterator()
    }
    for index in range(2)
  ]
  assert not shards[0] & shards[1]
  whole = task.get_dataset(_LENGTHS, "train", shuffle=False, seed=0)
  assert len(shards[0] | shards[1]) == sum(1 for _ in whole)
