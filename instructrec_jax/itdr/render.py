"""Renders ITDR's records as text and tokens, in the tf.data graph.

If an input is too long, the oldest entries of its lists are dropped, evenly of
both lists, until it fits. The newest entry of each list is kept. A record that
still does not fit is dropped and counted, as InstructRec's are.

Dimension letters: P parts of an input, C candidates.
"""

import functools
import re
from collections.abc import Mapping

import seqio
import tensorflow as tf

from instructrec_jax.errors import InputError
from instructrec_jax.instructions import render as instructions
from instructrec_jax.itdr import wordings
from instructrec_jax.itdr.pairs import Pair

# A list and the punctuation after it.
_LIST = re.compile(r"\{(" + "|".join(wordings.LISTS) + r")\}([.,?]?)")
_SLOT = re.compile(r"\{(\w+)\}")


# There is no Python control flow here, and autograph is slow to look for it.
@tf.autograph.experimental.do_not_convert
def render(
  record: Mapping[str, tf.Tensor],
  seed: tf.Tensor,
  *,
  sequence_length: Mapping[str, int] | None,
  output_features: Mapping[str, seqio.Feature],
  pair: Pair,
) -> dict[str, tf.Tensor]:
  """Renders the example of one record.

  A record of validation or test has the same wording each time; in train `seed`
  draws it, so every epoch differs.

  Args:
    record: one record, see features.FEATURES.
    seed: int [2].
    sequence_length: the most tokens of "inputs" and "targets", EOS included;
      None for no limit.
    output_features: the task's features.
    pair: the pair of the record.

  Returns:
    inputs and targets: int32 [tokens]; candidates: int32 [C, tokens], the
    allowed answers (titles, the ratings of the scale, or none). All end with
    EOS; candidates are padded with 0. The same as text: inputs_pretokenized,
    which joins description_pretokenized (if shown) and question_pretokenized;
    targets_pretokenized; candidates_pretokenized. Also instance, user and
    template (the wording's name). If candidates are ranked, also
    candidate_items, relevant_items, target_item (the best of them),
    history_items (none) and asked (all columns): int64.
  """
  description = (
    wordings.description(pair) if wordings.task_description() else ""
  )
  before = [description] if description else []
  asked = wordings.asked(pair)
  identity = tf.stack([record["user"], record["instance"]])
  seed = tf.where(record["fixed"] > 0, identity, tf.cast(seed, tf.int64))
  choice = tf.random.stateless_uniform([], seed, 0, len(asked), tf.int32)
  parts_P, ages_P = _parts(record, asked, choice, before)

  budget = (sequence_length or {}).get("inputs")
  vocabulary = output_features["inputs"].vocabulary
  kept_P, tokens_L = _shortened(
    parts_P, ages_P, budget - 1 if budget else None, vocabulary
  )
  question_P = kept_P[len(before) :]
  eos = tf.constant([vocabulary.eos_id], tf.int32)

  def encoded(text: tf.Tensor) -> tf.Tensor:
    tokens = output_features["targets"].vocabulary.encode_tf(text)
    return tf.concat([tf.cast(tokens, tf.int32), eos], 0)

  answers_C = _answers(record, pair)
  candidates = output_features["candidates"].vocabulary.encode_tf(answers_C)
  example = {
    "inputs": tf.concat([tokens_L, eos], 0),
    "targets": encoded(record["answer"]),
    "candidates": instructions.with_eos(candidates, vocabulary.eos_id),
    "inputs_pretokenized": _joined(kept_P),
    "description_pretokenized": tf.constant(description),
    "question_pretokenized": _joined(question_P),
    "targets_pretokenized": record["answer"],
    "candidates_pretokenized": answers_C,
    "template": tf.gather(
      [f"{pair.name}.{number}" for number in range(len(asked))], choice
    ),
    "instance": record["instance"],
    "user": record["user"],
  }  # fmt: skip
  if pair.kind.candidates:
    example |= {
      "candidate_items": record["candidate_items"],
      "relevant_items": record["relevant_items"],
      "target_item": record["relevant_items"][0],
      "history_items": tf.zeros([0], tf.int64),
      "asked": tf.range(tf.size(answers_C, tf.int64)),
    }
  return example


_joined = functools.partial(tf.strings.reduce_join, separator=" ")


def _parts(
  record: Mapping[str, tf.Tensor],
  asked: tuple[str, ...],
  choice: tf.Tensor,
  before: list[str],
) -> tuple[tf.Tensor, tf.Tensor]:
  """Returns an input in parts that are tokenized one by one.

  Args:
    record: one record.
    asked: its wordings, all with the same lists in the same order.
    choice: the number of the wording.
    before: the texts before the wording.

  Returns:
    Strings [P], and their ages, int32 [P]: entries of lists count from 1, the
    newest; parts that are always kept have 0.
  """
  split = [_LIST.split(text) for text in asked]
  lists, *others = {tuple(pieces[1::3]) for pieces in split}
  if others:
    raise InputError(
      f"wordings have different lists, {lists} and {others}: {asked}"
    )
  values = {
    name: record[name]
    for name in ("item", "source", "market")
    if name in record
  }
  if "candidates" in record:
    values["candidates"] = _numbered(record["candidates"])
  words = tf.stack(
    [
      tf.stack([_filled(text.strip(), values) for text in pieces[::3]])
      for pieces in split
    ]
  )
  chosen = tf.gather(words, choice)
  stops = tf.gather([pieces[2::3] or [""] for pieces in split], choice)
  parts = [tf.constant(before, tf.string), chosen[:1]]
  ages = [tf.zeros([len(before) + 1], tf.int32)]
  for number, name in enumerate(lists):
    entries = _listed(record[name], stops[number])
    parts += [entries, chosen[number + 1 : number + 2]]
    ages += [tf.range(tf.size(entries), 0, -1), tf.zeros([1], tf.int32)]
  return tf.concat(parts, 0), tf.concat(ages, 0)


def _listed(texts: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
  """Returns entries with their separators; see `instructions.listed`.

  No stop is added after a last entry that ends with one, also in quotes.
  """
  entries = instructions.listed(texts, stop)
  shorter = tf.strings.regex_replace(entries, r'([.!?…]"?)\.$', r"\1")
  return tf.where(stop == ".", shorter, entries)


def _filled(text: str, values: Mapping[str, tf.Tensor]) -> tf.Tensor:
  """Returns a text with its slots filled."""
  pieces = _SLOT.split(text)
  pieces[1::2] = [values[slot] for slot in pieces[1::2]]
  return tf.strings.join(pieces)


def _numbered(titles: tf.Tensor) -> tf.Tensor:
  """Returns titles as one numbered list: "1. A; 2. B"."""
  numbers = tf.strings.as_string(tf.range(1, tf.size(titles) + 1))
  return tf.strings.reduce_join(numbers + ". " + titles, separator="; ")


def _shortened(
  parts_P: tf.Tensor,
  ages_P: tf.Tensor,
  budget: int | None,
  vocabulary: seqio.Vocabulary,
) -> tuple[tf.Tensor, tf.Tensor]:
  """Drops the oldest parts until the rest fits, and tokenizes it.

  Args:
    parts_P: strings; SentencePiece's pieces do not cross the spaces between.
    ages_P: see `_parts`.
    budget: the most tokens, EOS not counted; None for no limit.
    vocabulary: tokenizes the parts.

  Returns:
    The kept parts as strings and as int32 [tokens]. The tokens exceed the
    budget if the parts that are always kept are too long.
  """
  kept_P = tf.strings.length(parts_P) > 0
  tokens = vocabulary.encode_tf(parts_P)
  lengths_P = tokens.row_lengths()
  if budget is not None:
    order = tf.argsort(ages_P, stable=True)
    total_P = tf.cumsum(tf.gather(lengths_P, order))
    fits_P = tf.gather(total_P <= budget, tf.argsort(order))
    kept_P &= fits_P | (ages_P <= 1)
  # tf.boolean_mask takes dozens of operations.
  kept_K = tf.where(kept_P)[:, 0]
  tokens_L = tf.gather(tokens, kept_K).values
  return tf.gather(parts_P, kept_K), tf.cast(tokens_L, tf.int32)


def _answers(record: Mapping[str, tf.Tensor], pair: Pair) -> tf.Tensor:
  """Returns the allowed answers, strings [C]; none for free text."""
  if pair.kind.candidates:
    return record["candidates"]
  if pair.subtask == "rating_prediction":
    scale = pair.domain.rated
    return tf.constant([scale.text(rating) for rating in scale.ratings])
  return tf.zeros([0], tf.string)
