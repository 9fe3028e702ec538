"""Training on the targets of validation too, and what then measures nothing."""

import gin
import pytest
import seqio

from instructrec_jax.batches import contents, training_data
from instructrec_jax.data.records import read, trained
from instructrec_jax.errors import InputError

_TASK = "instructrec_small_p1_i0_t3"


def _bind(on):
  with gin.unlock_config():
    gin.bind_parameter("train_on_validation.on", on)
  seqio.TaskRegistry.get(_TASK).source.forget()


def _pairs(split):
  ds = seqio.get_mixture_or_task(_TASK).get_dataset(
    None, split=split, shuffle=False, seed=0
  )
  return list(ds.as_numpy_iterator())


def _targets(examples):
  return sorted((int(e["user"]), int(e["target_item"])) for e in examples)


def test_the_records_of_validation_become_training_s(small):
  plain, held_out = _pairs("train"), _pairs("validation")
  _bind(True)
  try:
    both = _pairs("train")
    assert _targets(both) == sorted(_targets(plain) + _targets(held_out))
    # Their stored candidates are not shown: negatives are drawn as in training.
    assert not any(e["candidates"].size for e in both)
    words = [e["inputs_pretokenized"] for e in both]
    other = seqio.get_mixture_or_task(_TASK).get_dataset(
      None, split="train", shuffle=False, seed=1
    )
    assert words != [
      e["inputs_pretokenized"] for e in other.as_numpy_iterator()
    ]
    # No negative is an item that the user is trained to want.
    catalogue = seqio.TaskRegistry.get(_TASK).source.catalogue
    excluded = catalogue.excluded.to_list()
    for user, item in _targets(held_out):
      assert item in excluded[user]
    reader = contents.Reader()
    assert reader.count(seqio.TaskRegistry.get(_TASK), "train") == len(both)
    assert training_data.made_of_records(_TASK)["train_on_validation"] is True
  finally:
    _bind(False)
  assert "train_on_validation" not in training_data.made_of_records(_TASK)


def test_validation_then_measures_nothing(small):
  _bind(True)
  try:
    assert trained.check_split("test_2k") == "test_2k"
    for split in ("validation", "validation_2k"):
      with pytest.raises(InputError, match=f"split '{split}'.*on test"):
        trained.check_split(split)
  finally:
    _bind(False)
  assert trained.check_split("validation") == "validation"


def test_training_s_own_lists_stay_what_they_are(small):
  catalogue = seqio.TaskRegistry.get(_TASK).source.catalogue
  own = read.load_train_items(small, "small")
  before = catalogue.excluded.to_list()
  for user, items in enumerate(own.to_list()):
    assert set(items) <= set(before[user])
