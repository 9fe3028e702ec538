import collections
import functools
import itertools
import re

import gin
import numpy as np
import pytest
import scipy.stats
import seqio
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instructrec_jax.batches import from_records
from instructrec_jax.data.records import read
from instructrec_jax.instructions import render
from instructrec_jax.instructions.families import FAMILIES
from instructrec_jax.instructions.templates import TEMPLATES, templates_of
from instructrec_jax.vocabulary.run_vocabulary import RUN_VOCABULARY


def _rendered(family, split, lengths=None, seed=0, num_epochs=1):
  task = seqio.get_mixture_or_task(f"instructrec_small_{family}")
  ds = task.get_dataset(
    lengths, split=split, shuffle=False, seed=seed, num_epochs=num_epochs
  )
  return list(ds.as_numpy_iterator())


# To build a family's graph takes longest.
_examples = functools.cache(_rendered)


def _told(part, fields):
  """Returns which of a split's records have all of some texts, bool [n]."""
  told = np.ones(len(part["instance"]), bool)
  for field in fields:
    told &= part[field] != b""
  return told


def _check_tokens(examples):
  for example in examples[:50]:
    for feature in ("inputs", "targets"):
      text = example[f"{feature}_pretokenized"].decode()
      assert example[feature].tolist() == [*RUN_VOCABULARY.encode(text), 1]
      assert 2 not in example[feature]  # Nothing is unknown.


def _wordings(family, **values):
  """Fills every template of a family in plain Python."""
  return {
    t.inputs.format(**values): t.output.format(**values)
    for t in templates_of(family)
  }


_BY_NAME = {t.name: t for t in TEMPLATES}


def _slots(example, side="inputs"):
  """Returns what an example's template was filled with, read off the text."""
  template = _BY_NAME[example["template"].decode()]
  text = template.inputs if side == "inputs" else template.output
  parts = re.split(r"\{(\w+)\}", text)
  pattern = "".join(
    f"(?P<{part}>.+?)" if i % 2 else re.escape(part)
    for i, part in enumerate(parts)
  )
  found = re.fullmatch(pattern, example[f"{side}_pretokenized"].decode())
  return found.groupdict()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_graph_renders_what_python_does(small, family):
  requests = read.load_split(small, "small", "test")
  titles = read.load_catalogue(small, "small")["title"].to_numpy()
  examples = _examples(family, "test")
  fields = FAMILIES[family].fields
  expected = int(_told(requests, fields).sum())
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
      history="; ".join(titles[requests["history"][start:end]]),
      candidates="; ".join(shown),
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
  _check_tokens(examples)


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
      for e in _rendered("p1_i0_t3", "test")
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
def test_all_wordings_are_used_and_filled_with_the_record(small, family):
  part = read.load_split(small, "small", "train")
  titles = read.load_catalogue(small, "small")["title"].to_numpy()
  told = _told(part, FAMILIES[family].fields)
  wordings = templates_of(family)
  # Of the fewest records there are as many as make each wording likely.
  epochs = -(-40 * len(wordings) // int(told.sum()))
  examples = _examples(family, "train", num_epochs=epochs)
  assert len(examples) == epochs * told.sum()
  used = collections.Counter(e["template"].decode() for e in examples)
  counts = [used.pop(t.name) for t in wordings]
  assert not used
  # Each about as often as the others: five standard deviations.
  mean = len(examples) / len(counts)
  assert min(counts) > mean - 5 * mean**0.5
  rows = {instance: i for i, instance in enumerate(part["instance"])}
  for example in examples:
    row = rows[example["instance"]]
    start, end = part["history_offsets"][row : row + 2]
    known = {
      "history": "; ".join(titles[part["history"][start:end]]),
      "target": titles[part["target"][row]],
      **{name: part[name][row].decode() for name in FAMILIES[family].fields},
    }
    if FAMILIES[family].form == "text":
      known["item"] = known["target"]
    for side in ("inputs", "targets"):
      found = _slots(example, side)
      assert {k: v for k, v in known.items() if k in found}.items() <= (
        found.items()
      )
  _check_tokens(examples)


def test_candidate_tokens_are_their_titles(small):
  titles = read.load_catalogue(small, "small")["title"]
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
  requests = read.load_split(small, "small", "train")
  titles = read.load_catalogue(small, "small")["title"].to_list()
  had = [
    {titles[item] for item in items}
    for items in read.load_train_items(small, "small")
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
  titles = read.load_catalogue(small, "small")["title"].to_list()
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


_WORDS = ["Iron", "Castle", "Lair", "Ocean Reef: The Deep Card Game", "Oasis"]


@settings(
  max_examples=60,
  deadline=None,
  suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
  history=st.lists(st.sampled_from(_WORDS), max_size=60),
  budget=st.integers(1, 300),
  stop=st.sampled_from([".", ""]),
)
def test_the_history_gives_way_oldest_first_and_whole(
  small, encode, history, budget, stop
):
  units = [f"{t};" for t in history[:-1]] + [f"{t}{stop}" for t in history[-1:]]
  # Two inputs of one record, of which the second has the longer end.
  ends = ["Select the next.", "Select what comes next, by its title."]
  text, tokens = render.shorten(
    tf.constant(["A user's picks until now:"] * 2),
    render.listed(tf.constant(history, tf.string), stop),
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
    kept = units[-max(fitting, default=1) :]
    assert text[row].numpy().decode() == whole(kept)
    assert tokens[row].numpy().tolist() == encode(whole(kept))


# Of each task form, with and without histories, on either side, and texts.
@pytest.mark.parametrize(
  "family",
  [
    "p1_i0_t0",
    "p1_i0_t1",
    "p1p2_i0_t2",
    "p1_i2_t3",
    "p0_i2_t3",
    "p1_to_p2",
    "item_to_i2",
    "i2_to_p1_item",
  ],
)
def test_nothing_but_the_history_is_cut_and_all_that_is_left_out_counted(
  small, family
):
  whole = {e["instance"]: e for e in _examples(family, "train", num_epochs=1)}
  # So that some records fit, others without their oldest items, others not.
  lengths = {
    feature: int(np.quantile([len(e[feature]) for e in whole.values()], share))
    for feature, share in (("inputs", 0.3), ("targets", 0.8))
  }
  examples = _rendered(family, "train", lengths)
  part = read.load_split(small, "small", "train")
  of = int(_told(part, FAMILIES[family].fields).sum())
  assert 0 < len(examples) <= of == len(whole)
  counted = from_records.count_unfit(
    f"instructrec_small_{family}", "train", lengths, sample=10_000
  )
  # Records without the family's texts are none of it.
  assert counted == {"skipped": of - len(examples), "of": of}
  shortened = 0
  for example in examples:
    before = whole[example["instance"]]
    assert example["template"] == before["template"]
    for side in ("inputs", "targets"):
      assert len(example[side]) <= lengths[side]
      assert example[side][-1] == 1
      kept, had = _slots(example, side), _slots(before, side)
      if "history" in had:
        shortened += kept["history"] != had["history"]
        items = had.pop("history").split("; ")
        newest = kept.pop("history").split("; ")
        assert newest == items[-len(newest) :]
      assert kept == had
  _check_tokens(examples)
  tells = "p1" in (*FAMILIES[family].inputs, *FAMILIES[family].outputs)
  assert (shortened > 0) <= tells
  if of > 100 and tells:
    assert shortened


def test_a_request_is_left_out_whole(small, encode):
  """Some of the titles asked about fit, others do not."""
  for family, inputs in (("p1_i0_t0", 10), ("p1_i0_t1", 45)):
    # Tokens of each input with the newest item of the history alone.
    least = collections.defaultdict(list)
    for example in _examples(family, "test"):
      slots = _slots(example)
      slots["history"] = slots["history"].rpartition("; ")[2]
      text = _BY_NAME[example["template"].decode()].inputs.format(**slots)
      least[example["instance"]].append(len(encode(text)) + 1)
    # One that some requests keep within, and others with some inputs only.
    limit = next(
      limit
      for limit in range(20, 200)
      if any(max(each) <= limit for each in least.values())
      and any(min(each) <= limit < max(each) for each in least.values())
    )
    counts = collections.Counter(
      example["instance"]
      for example in _rendered(family, "test", {"inputs": limit})
    )
    fit = {i for i, lengths in least.items() if max(lengths) <= limit}
    assert counts == dict.fromkeys(fit, inputs)


@pytest.mark.parametrize("split", ["train", "test"])
def test_data_without_an_order_are_not_told_to_have_one(
  small, monkeypatch, split
):
  task = seqio.get_mixture_or_task("instructrec_small_p1_i0_t2")
  # It is a property that is read once.
  monkeypatch.setitem(vars(task.source.catalogue), "ordered", False)
  plain = {
    template.worded(ordered=False).inputs.partition("{")[0].strip()
    for template in templates_of("p1_i0_t2")
  }
  texts = [
    e["inputs_pretokenized"].decode() for e in _rendered("p1_i0_t2", split)
  ]
  assert texts
  assert not [text for text in texts if not text.startswith(tuple(plain))]
  assert not any("newest" in text for text in texts)
