import itertools
import re

import gin
import numpy as np
import pytest
import scipy.stats
import seqio
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from instructrec_jax import pipeline
from instructrec_jax.data import records
from instructrec_jax.instructions import render
from instructrec_jax.instructions.families import FAMILIES
from instructrec_jax.instructions.templates import TEMPLATES, templates_of
from instructrec_jax.vocabulary import RUN_VOCABULARY

_LENGTHS = {"inputs": 512, "targets": 32}


def _examples(family, split, lengths=_LENGTHS, seed=0, num_epochs=1):
  task = seqio.get_mixture_or_task(f"instructrec_small_{family}")
  ds = task.get_dataset(
    lengths, split=split, shuffle=False, seed=seed, num_epochs=num_epochs
  )
  return list(ds.as_numpy_iterator())


def _wordings(family, **values):
  """Fills every template of a family in plain Python."""
  return {
    t.inputs.format(**values): t.output.format(**values)
    for t in templates_of(family)
  }


def _slots(example):
  """Returns what an example's template was filled with, read off the text."""
  [template] = [t for t in TEMPLATES if t.name == example["template"].decode()]
  parts = re.split(r"\{(\w+)\}", template.inputs)
  pattern = "".join(
    f"(?P<{part}>.+?)" if i % 2 else re.escape(part)
    for i, part in enumerate(parts)
  )
  text = example["inputs_pretokenized"].decode()
  return re.fullmatch(pattern, text).groupdict()


def _sentence(titles):
  return "; ".join(titles) + "."


@pytest.mark.parametrize("family", FAMILIES)
def test_the_graph_renders_what_python_does(small, family):
  requests = records.load_split(small, "small", "test")
  titles = records.load_catalogue(small, "small")["title"].to_numpy()
  examples = _examples(family, "test")
  fields = FAMILIES[family].fields
  told = [
    all(texts) for texts in zip(*(requests[f] for f in fields), strict=True)
  ]
  expected = sum(told) if fields else len(requests["instance"])
  assert expected > 10
  inputs = {"t0": 10, "t1": 45}.get(FAMILIES[family].form, 1)
  assert len(examples) == inputs * expected
  rows = {instance: i for i, instance in enumerate(requests["instance"])}
  for example in examples:
    row = rows[example["instance"]]
    start, end = requests["history_offsets"][row : row + 2]
    shown = titles[example["candidate_items"][example["asked"]]]
    target = titles[requests["target"][row]]
    wordings = _wordings(
      family,
      history=_sentence(titles[requests["history"][start:end]]),
      candidates=_sentence(shown),
      item=shown[0],
      other=shown[-1],
      target=target,
      answer="yes" if shown[0] == target else "no",
      **{name: requests[name][row].decode() for name in fields},
    )
    text = example["inputs_pretokenized"].decode()
    assert text in wordings
    assert example["targets_pretokenized"].decode() == wordings[text]
    # The same candidates, in an order of the evaluation's own.
    assert sorted(example["candidate_items"]) == sorted(
      requests["candidates"][row]
    )
    np.testing.assert_array_equal(
      [title.decode() for title in example["candidates_pretokenized"]],
      titles[example["candidate_items"]],
    )


def test_an_input_a_candidate_and_a_pair(small):
  for family, width in (("p1_i0_t0", 1), ("p1_i0_t1", 2)):
    asked = {}
    for example in _examples(family, "test"):
      assert len(example["asked"]) == width
      asked.setdefault(example["instance"], []).append(example["asked"])
      decoded = [
        RUN_VOCABULARY.decode(tokens[tokens > 0].tolist())
        for tokens in example["candidates"]
      ]
      shown = example["candidates_pretokenized"][example["asked"]]
      expected = ["yes", "no"] if width == 1 else [t.decode() for t in shown]
      assert decoded == expected
    for columns in asked.values():
      found = sorted(tuple(sorted(c)) for c in columns)
      assert found == list(itertools.combinations(range(10), width))
      # Named first in half of its pairs, give or take half of one.
      firsts = np.bincount([c[0] for c in columns], minlength=10)
      assert set(firsts) <= ({1} if width == 1 else {4, 5})


def test_the_order_of_candidates_is_the_seed_s(small):
  def orders(seed):
    with gin.unlock_config():
      gin.bind_parameter("instructrec_jax.order_seed.seed", seed)
    return [
      (e["candidate_items"].tolist(), e["target_item"])
      for e in _examples("p1_i0_t3", "test")
    ]

  one, again, other = orders(1), orders(1), orders(2)
  assert one == again
  assert sum(a == b for a, b in zip(one, other, strict=True)) < 3
  places = [items.index(target) for items, target in one]
  counts = np.bincount(places, minlength=10)
  assert scipy.stats.chisquare(counts).pvalue > 1e-3


def test_pairs_in_training_are_balanced_and_of_the_target(small):
  first = []
  for example in _examples("p1_i0_t1", "train"):
    target = example["targets_pretokenized"].decode()
    slots = _slots(example)
    pair = slots["item"], slots["other"]
    assert target in pair
    assert pair[0] != pair[1]
    first.append(pair[0] == target)
  assert abs(np.mean(first) - 0.5) < 4 * 0.5 / np.sqrt(len(first))


@pytest.mark.parametrize("family", FAMILIES)
def test_all_wordings_are_used(small, family):
  used = [e["template"].decode() for e in _examples(family, "train")]
  counts = [used.count(t.name) for t in templates_of(family)]
  assert sum(counts) == len(used)
  # Each about as often as the others: five standard deviations.
  mean = len(used) / len(counts)
  assert min(counts) > mean - 5 * mean**0.5


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("split", ["train", "validation"])
def test_tokens_are_those_of_the_whole_text(small, family, split):
  for example in _examples(family, split, {"inputs": 90, "targets": 32})[:200]:
    for feature in ("inputs", "targets"):
      text = example[f"{feature}_pretokenized"].decode()
      assert example[feature].tolist() == [*RUN_VOCABULARY.encode(text), 1]
      assert 2 not in example[feature]  # Nothing is unknown.


def test_candidate_tokens_are_their_titles(small):
  titles = records.load_catalogue(small, "small")["title"]
  for example in _examples("p1_i0_t3", "test")[:20]:
    for tokens, item in zip(
      example["candidates"], example["candidate_items"], strict=True
    ):
      real = tokens[tokens > 0].tolist()
      assert real == [*RUN_VOCABULARY.encode(titles[int(item)]), 1]


def test_training_has_no_stored_candidates(small):
  example = _examples("p1_i0_t3", "train")[0]
  assert example["candidates"].shape == (0, 0)


def test_training_negatives_are_drawn_anew_each_epoch_and_by_seed(small):
  first = _examples("p1_i0_t3", "train", num_epochs=2)
  again = _examples("p1_i0_t3", "train", num_epochs=2)
  other = _examples("p1_i0_t3", "train", seed=1)
  texts = [e["inputs_pretokenized"] for e in first]
  assert texts == [e["inputs_pretokenized"] for e in again]
  half = len(first) // 2
  assert [e["instance"] for e in first[:half]] == [
    e["instance"] for e in first[half:]
  ]
  same = sum(a == b for a, b in zip(texts[:half], texts[half:], strict=True))
  assert same == 0
  assert texts[:half] != [e["inputs_pretokenized"] for e in other]


def test_evaluation_is_the_same_whatever_the_seed(small):
  one, two = (_examples("p1_i0_t3", "test", seed=seed) for seed in (1, 2))
  for a, b in zip(one, two, strict=True):
    assert a["inputs_pretokenized"] == b["inputs_pretokenized"]


def test_training_never_offers_what_the_user_had_or_leaks_the_future(small):
  requests = records.load_split(small, "small", "train")
  titles = records.load_catalogue(small, "small")["title"].to_list()
  had = [
    {titles[item] for item in items}
    for items in records.load_train_items(small, "small")
  ]
  seen = 0
  for example in _examples("p1_i0_t3", "train"):
    offered = [
      title
      for title in titles
      if title in example["inputs_pretokenized"].decode()
    ]
    target = titles[example["target_item"]]
    row = np.searchsorted(requests["instance"], example["instance"])
    start, end = requests["history_offsets"][row : row + 2]
    history = {titles[i] for i in requests["history"][start:end]}
    negatives = set(offered) - history - {target}
    assert target in offered
    assert len(negatives) == 9
    assert not negatives & had[example["user"]]
    seen += 1
  assert seen == len(requests["instance"])


def test_pointwise_answers_are_balanced_and_true(small):
  titles = records.load_catalogue(small, "small")["title"].to_list()
  answers = []
  for example in _examples("p1_i0_t0", "train"):
    item = _slots(example)["item"]
    answer = example["targets_pretokenized"].decode()
    assert (answer == "yes") == (item == titles[example["target_item"]])
    answers.append(answer)
  share = np.mean(np.array(answers) == "yes")
  assert abs(share - 0.5) < 4 * 0.5 / np.sqrt(len(answers))


@settings(max_examples=60, deadline=None)
@given(
  num_items=st.integers(10, 40),
  exclude=st.lists(st.integers(0, 39), max_size=25),
  count=st.integers(1, 9),
  seed=st.integers(0, 2**31 - 1),
)
def test_negatives_are_distinct_and_allowed(num_items, exclude, count, seed):
  exclude = [x for x in exclude if x < num_items]
  args = tf.constant(exclude, tf.int64), num_items, count, [seed, 0]
  if num_items - len(set(exclude)) < count:
    with pytest.raises(tf.errors.InvalidArgumentError, match="are left"):
      render.draw_negatives(*args)
    return
  drawn = render.draw_negatives(*args).numpy()
  assert len(set(drawn)) == count
  assert not set(drawn) & set(exclude)
  assert ((drawn >= 0) & (drawn < num_items)).all()


def test_negatives_are_uniform():
  exclude = tf.constant([3, 4, 9], tf.int64)
  draw = tf.function(
    lambda seed: render.draw_negatives(exclude, 12, 2, tf.stack([seed, 7]))
  )
  drawn = np.concatenate([draw(tf.constant(s)).numpy() for s in range(2000)])
  counts = np.bincount(drawn, minlength=12)
  assert counts[[3, 4, 9]].sum() == 0
  assert scipy.stats.chisquare(np.delete(counts, [3, 4, 9])).pvalue > 1e-4


@pytest.fixture
def encode(small):
  """Tokens of a text, counted without the code under test."""
  tokenizer = RUN_VOCABULARY.tokenizer
  return lambda text: tokenizer.encode(text)


def test_the_history_gives_way_oldest_first_and_whole(small, encode):
  words = ["Iron", "Castle", "Lair", "Ocean Reef: The Deep Card Game", "Oasis"]
  rng = np.random.default_rng(0)
  for _ in range(60):
    history = rng.choice(words, rng.integers(1, 12)).tolist()
    budget = int(rng.integers(1, 80))
    units = [f"{t};" for t in history[:-1]] + [f"{history[-1]}."]
    # Two inputs of one record, of which the second has the longer end.
    ends = ["Select the next.", "Select what comes next, by its title."]
    text, tokens = render.shorten(
      tf.constant(["A user's picks until now:"] * 2),
      render.sentence(tf.constant(history)),
      tf.constant(ends),
      budget,
      RUN_VOCABULARY,
    )
    for row, end in enumerate(ends):

      def whole(kept, end=end):
        return " ".join(["A user's picks until now:", *kept, end])

      # The longest ending of the history that fits, counted on the whole text.
      fitting = [
        k
        for k in range(1, len(units) + 1)
        if len(encode(whole(units[-k:]))) <= budget
      ]
      keep = max(fitting, default=1)
      assert text[row].numpy().decode() == whole(units[-keep:])
      assert tokens[row].numpy().tolist() == encode(whole(units[-keep:]))


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_but_the_history_is_cut_and_all_that_is_left_out_counted(
  small, family
):
  lengths = {"inputs": 64, "targets": 6}
  task = f"instructrec_small_{family}"
  examples = _examples(family, "train", lengths)
  of = len(records.load_split(small, "small", "train")["instance"])
  counted = pipeline.count_unfit(task, "train", lengths, sample=10_000)
  assert counted == {"skipped": of - len(examples), "of": of}
  # Ten candidates do not fit; one title and its history mostly do.
  assert (len(examples) > 0) == (family != "p1_i0_t3")
  # "yes" and "no" always fit; some titles have seven pieces.
  assert (len(examples) < of) == (family != "p1_i0_t0")
  for example in examples:
    assert len(example["inputs"]) <= 64
    assert len(example["targets"]) <= 6
    assert example["inputs"][-1] == example["targets"][-1] == 1


def test_a_request_is_left_out_whole(small):
  """Some of the titles asked about fit, others do not."""
  for family, inputs in (("p1_i0_t0", 10), ("p1_i0_t1", 45)):
    counts = {}
    for example in _examples(family, "test", {"inputs": 56, "targets": 32}):
      counts[example["instance"]] = counts.get(example["instance"], 0) + 1
    assert 0 < len(counts) < 60
    assert set(counts.values()) == {inputs}
