"""Rendering in tf.data against plain Python, and what gives way."""

import functools

import gin
import numpy as np
import pytest
import seqio
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from instructrec_jax import tasks
from instructrec_jax.itdr import render, wordings
from instructrec_jax.itdr.features import FEATURES, features_of
from instructrec_jax.itdr.pairs import PAIRS
from instructrec_jax.vocabulary.run_vocabulary import RUN_VOCABULARY

del tasks  # Registers.
_LENGTHS = {"inputs": 400, "targets": 200}
_FEATURE = seqio.Feature(RUN_VOCABULARY, add_eos=True)
_OUTPUT = dict.fromkeys(("inputs", "targets", "candidates"), _FEATURE)


def _plain(record, pair, wording):
  """Renders as wordings.py says, in plain Python."""
  text = wording
  for name in wordings.LISTS:
    if name in record:
      entries = "; ".join(entry.decode() for entry in record[name])
      if entries.rstrip('"')[-1] in ".!?…":
        text = text.replace("{" + name + "}.", entries)
      text = text.replace("{" + name + "}", entries)
  if "candidates" in record:
    titles = [title.decode() for title in record["candidates"]]
    numbered = [f"{n}. {title}" for n, title in enumerate(titles, 1)]
    text = text.replace("{candidates}", "; ".join(numbered))
  for name in ("item", "source", "market"):
    if name in record:
      text = text.replace("{" + name + "}", record[name].decode())
  return " ".join([wordings.description(pair), text])


@pytest.mark.parametrize("name", PAIRS)
def test_every_task_is_rendered_as_plain_python_does(built, name):
  pair = PAIRS[name]
  task = seqio.get_mixture_or_task(pair.task)
  records = {
    int(record["instance"]): record
    for record in task.source.get_dataset("train").as_numpy_iterator()
  }
  examples = task.get_dataset(
    _LENGTHS, split="train", shuffle=False, num_epochs=1, seed=1
  )
  seen, said = 0, wordings.asked(pair)
  for example in examples.take(12).as_numpy_iterator():
    record = records[int(example["instance"])]
    number = int(example["template"].decode().rpartition(".")[2])
    text = example["inputs_pretokenized"].decode()
    assert text == _plain(record, pair, said[number])
    answer = example["targets_pretokenized"].decode()
    assert answer == record["answer"].decode()
    for feature, words in (("inputs", text), ("targets", answer)):
      tokens = [*RUN_VOCABULARY.encode(words), RUN_VOCABULARY.eos_id]
      assert example[feature].tolist() == tokens
    if pair.kind.candidates:
      titles = [t.decode() for t in example["candidates_pretokenized"]]
      assert titles[0] in text
      assert {*example["relevant_items"]} < {*example["candidate_items"]}
      first = RUN_VOCABULARY.encode(titles[0])
      assert example["candidates"][0, : len(first)].tolist() == first
    seen += 1
  assert seen == 12


def _record(pair, entries, rng):
  made = {
    "instance": np.int64(rng.integers(1000)),
    "user": np.int64(3),
    "fixed": np.int64(0),
    "answer": "4.0",
    "item": "Golden Comet 9",
    "history": np.array(entries[0], object),
    "beside": np.array(entries[1], object),
  }
  there = features_of(pair)
  return {name: made[name] for name in FEATURES if name in there}


def _rendered(record, pair, budget, seed=(1, 2)):
  render_one = functools.partial(
    render.render,
    sequence_length={"inputs": budget, "targets": 99} if budget else None,
    output_features=_OUTPUT,
    pair=pair,
  )
  record = {name: tf.constant(value) for name, value in record.items()}
  example = render_one(record, tf.constant(seed, tf.int32))
  return {name: value.numpy() for name, value in example.items()}


_ENTRIES = st.lists(
  st.sampled_from(
    ["Silent River 4", "Last Comet", "A Garden of Hidden Things"]
  ),
  min_size=1,
  max_size=12,
)


@settings(max_examples=20, deadline=None)
@given(history=_ENTRIES, beside=_ENTRIES, budget=st.integers(60, 220))
def test_the_oldest_entries_give_way_and_nothing_else(
  built_once, history, beside, budget
):
  del built_once
  pair = PAIRS["interests_anime_2023"]
  named = [f"No{n:02} {title}" for n, title in enumerate(history)]
  others = [f"Not{n:02} {title}" for n, title in enumerate(beside)]
  record = _record(pair, (named, others), np.random.default_rng(0))
  whole = _rendered(record, pair, None)
  short = _rendered(record, pair, budget)
  least = _rendered(
    _record(pair, (named[-1:], others[-1:]), np.random.default_rng(0)),
    pair,
    None,
  )
  fits = len(short["inputs"]) <= budget
  assert fits or len(least["inputs"]) > budget
  text = short["inputs_pretokenized"].decode()
  assert len(short["inputs"]) == len(RUN_VOCABULARY.encode(text)) + 1
  # What stays is the end of each list, and the words are all there.
  kept = [
    [entry for entry in entries if entry in text] for entries in (named, others)
  ]
  assert kept == [named[-len(kept[0]) :], others[-len(kept[1]) :]]
  assert abs(len(kept[0]) - len(kept[1])) <= 1 or (len(named) != len(others))
  again = _rendered(_record(pair, kept, np.random.default_rng(0)), pair, None)
  assert again["inputs_pretokenized"] == short["inputs_pretokenized"]
  if len(whole["inputs"]) <= budget:
    assert text == whole["inputs_pretokenized"].decode()


def test_descriptions_can_be_left_out(built):
  pair = PAIRS["rating_prediction_yelp"]
  record = _record(pair, (["Joe's (4)"], []), np.random.default_rng(0))
  with_it = _rendered(record, pair, None)
  gin.bind_parameter("task_description.shown", False)
  without = _rendered(record, pair, None)
  assert without["description_pretokenized"] == b""
  assert without["inputs_pretokenized"] == with_it["question_pretokenized"]
  assert with_it["inputs_pretokenized"].decode() == " ".join(
    [
      with_it["description_pretokenized"].decode(),
      with_it["question_pretokenized"].decode(),
    ]
  )


def test_wording_is_fixed_in_test_and_changes_in_train(built):
  task = seqio.get_mixture_or_task(PAIRS["top_k_mind"].task)

  def templates(split, seed):
    examples = task.get_dataset(
      _LENGTHS, split=split, shuffle=False, num_epochs=1, seed=seed
    )
    return [e["template"] for e in examples.as_numpy_iterator()]

  assert templates("test", 1) == templates("test", 2)
  assert templates("train", 1) != templates("train", 2)
  assert len({*templates("train", 1)}) == len(
    wordings.asked(PAIRS["top_k_mind"])
  )


def test_what_does_not_fit_is_dropped(built):
  task = seqio.get_mixture_or_task(PAIRS["top_k_mind"].task)
  short = {"inputs": 400, "targets": 20}
  examples = task.get_dataset(short, split="train", shuffle=False, num_epochs=1)
  assert not list(examples.as_numpy_iterator())
