"""Renders records as instructions: text and tokens, in the tf.data graph.

If an input is too long, its oldest history items are dropped, one whole item at
a time, until it fits. The instruction, the candidates and the target are never
cut. A record that still does not fit is dropped (see `fits`) and counted (see
batches/from_records.py). If a record has several inputs and one of them does
not fit, the whole record is dropped.

Dimension letters: n history items, C candidates, Q inputs of one record, W
candidates that an input asks about.
"""

import math
import string
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import seqio
import tensorflow as tf

from instructrec_jax.data.records.catalogue import Catalogue
from instructrec_jax.instructions import asked_wording
from instructrec_jax.instructions.families import Family
from instructrec_jax.instructions.order import order_seed
from instructrec_jax.instructions.questions import FORMS, YES_NO, Form
from instructrec_jax.instructions.templates import Template

# Splits a text into pieces: words and the slot after them.
_FORMAT = string.Formatter().parse
# The fewest draws per example, enough for 9 negatives.
_DRAWS = 256


def draw_negatives(
  exclude: tf.Tensor, num_items: int, count: int, seed: tf.Tensor
) -> tf.Tensor:
  """Draws `count` distinct items uniformly from those not in `exclude`.

  Args:
    exclude: int64 [n], item codes that must not be drawn; repeats are allowed.
    num_items: items are 0 … num_items - 1.
    count: number of items to draw.
    seed: int32 or int64 [2].

  Returns:
    int64 [count].

  Raises:
    tf.errors.InvalidArgumentError: if fewer than `count` items are left.
  """
  exclude = tf.sort(tf.unique(exclude).y)
  left = num_items - tf.size(exclude, tf.int64)
  with tf.control_dependencies(
    [
      tf.debugging.assert_greater_equal(
        left,
        tf.constant(count, tf.int64),
        f"fewer than {count} items are left to draw negatives from",
      )
    ]
  ):
    # Even if just `count` items are left, the chance that one of them is never
    # drawn is below count * exp(-number / count), 1e-10.
    number = max(_DRAWS, math.ceil(count * (math.log(max(count, 1)) + 25)))
    draws = tf.random.stateless_uniform([number], seed, 0, left, tf.int64)
  draws = tf.unique(draws).y[:count]
  # The k-th item that is not excluded is k plus the number of excluded items at
  # or below it.
  gaps = exclude - tf.range(tf.size(exclude, tf.int64))
  above = tf.searchsorted(gaps, draws, side="right", out_type=tf.int64)
  return tf.ensure_shape(draws + above, [count])


def listed(titles: tf.Tensor, stop: tf.Tensor | str = "") -> tf.Tensor:
  """Returns each title with its separator: "A;", "B;", "C".

  Args:
    titles: string [..., n].
    stop: follows the last title.

  Returns:
    string [..., n]. Joined with spaces they are the text of a {history} or
    {candidates} slot, and each part has the same tokens as in the whole text.
  """
  count = tf.shape(titles)[-1]
  return titles + tf.where(tf.range(count) == count - 1, stop, ";")


class Frames:
  """The templates of one family as a table from which the graph takes a row.

  A row holds the pieces of four texts: those before and after the history, in
  the instruction and in the output. A piece is words followed by a slot's
  value, so rendering takes the same few operations for all templates.
  """

  _NONE = ""  # The slot name of a piece without a slot.

  def __init__(self, templates: Sequence[Template]):
    """Splits the templates of one family into pieces."""
    texts, stops = [], []
    for template in templates:
      for text in (template.inputs, template.output):
        before, _, after = text.partition("{history}")
        stop = "." if after.startswith(".") else ""
        texts += [before, after.removeprefix(stop)]
        stops.append(stop)
    pieces = [
      [(words, slot or self._NONE) for words, slot, _, _ in _FORMAT(text)]
      for text in texts
    ]
    most = max(map(len, pieces))
    padded = [row + [("", self._NONE)] * (most - len(row)) for row in pieces]
    self._slots = sorted({slot for row in padded for _, slot in row})
    shape = (len(templates), 4, most)
    self._words = np.array([[w for w, _ in row] for row in padded], object)
    self._words = self._words.reshape(shape)
    index = [[self._slots.index(slot) for _, slot in row] for row in padded]
    self._index = np.array(index, np.int32).reshape(shape)
    self._stops = np.array(stops, object).reshape(len(templates), 2)

  def fill(
    self, choice: tf.Tensor, values: Mapping[str, tf.Tensor]
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """Renders template number `choice` except for its history.

    Args:
      choice: integer scalar.
      values: strings [Q] by slot.

    Returns:
      Strings [4, Q], the texts before and after the history, in the instruction
      and in the output (a text without a history counts as before it); and
      strings [2], which follow the last title of each history.
    """
    blank_Q = tf.zeros_like(next(iter(values.values())))
    values_SxQ = tf.stack([values.get(slot, blank_Q) for slot in self._slots])
    words_4xP = tf.gather(tf.constant(self._words), choice)
    index_4xP = tf.gather(tf.constant(self._index), choice)
    pieces_4xPxQ = words_4xP[..., None] + tf.gather(values_SxQ, index_4xP)
    texts_4xQ = tf.strings.strip(tf.strings.reduce_join(pieces_4xPxQ, axis=1))
    return texts_4xQ, tf.gather(tf.constant(self._stops), choice)


def shorten(
  before_Q: tf.Tensor,
  history_n: tf.Tensor,
  after_Q: tf.Tensor,
  budget: int | None,
  vocabulary: seqio.Vocabulary,
) -> tuple[tf.Tensor, tf.RaggedTensor]:
  """Drops the oldest history items until each text fits, and tokenizes it.

  SentencePiece's pieces do not cross spaces, so the parts can be tokenized one
  by one, and the history only once for all inputs. The result equals the tokens
  of the whole text.

  Args:
    before_Q: strings, the text before the history.
    history_n: strings, each title with its separator, oldest first; empty for
      texts without a history.
    after_Q: strings, the text after the history.
    budget: the most tokens of a text, EOS not counted; None for no limit.
    vocabulary: tokenizes the texts.

  Returns:
    The texts as strings [Q] and as int32 [Q, (tokens)] without EOS. The newest
    item is always kept, so the tokens may exceed the budget.
  """
  count, length = tf.size(before_Q), tf.size(history_n)
  parts = tf.concat([before_Q, history_n, after_Q], 0)
  tokens = tf.cast(vocabulary.encode_tf(parts), tf.int32)
  lengths = tf.cast(tokens.row_lengths(), tf.int64)
  before, history, after = tf.split(lengths, [count, length, count])
  if budget is None:
    keep_Qxn = tf.ones([count, length], tf.bool)
  else:
    from_newest_n = tf.cumsum(history, reverse=True)
    room_Q = tf.cast(budget, tf.int64) - before - after
    newest_n = tf.range(length) == length - 1
    keep_Qxn = (from_newest_n[None] <= room_Q[:, None]) | newest_n[None]
  always_Qx1 = tf.ones([count, 1], tf.bool)
  keep_QxP = tf.concat([always_Qx1, keep_Qxn, always_Qx1], 1)
  input_Qx1 = tf.range(count)[:, None]
  history_Qxn = tf.tile(tf.range(count, count + length)[None], [count, 1])
  part_QxP = tf.concat([input_Qx1, history_Qxn, count + length + input_Qx1], 1)
  # The parts are flat because a ragged operation takes dozens of plain ones.
  kept_Kx2 = tf.where(keep_QxP)
  input_K, part_K = kept_Kx2[:, 0], tf.gather_nd(part_QxP, kept_Kx2)
  count = tf.cast(count, tf.int64)
  inputs_QxL = tf.RaggedTensor.from_row_lengths(
    tf.gather(tokens, part_K).values,
    tf.math.unsorted_segment_sum(tf.gather(lengths, part_K), input_K, count),
    validate=False,
  )
  # Empty parts go to a text of their own: joined, they would add a space.
  words_K = tf.gather(parts, part_K)
  text_K = tf.where(tf.strings.length(words_K) > 0, input_K, count)
  texts = tf.strings.unsorted_segment_join(words_K, text_K, count + 1, " ")
  return texts[:-1], inputs_QxL


# There is no Python control flow here, and autograph is slow to look for it.
@tf.autograph.experimental.do_not_convert
def render(
  record: Mapping[str, tf.Tensor],
  seed: tf.Tensor,
  *,
  sequence_length: Mapping[str, int] | None,
  output_features: Mapping[str, seqio.Feature],
  templates: tuple[Template, ...],
  family: Family,
  catalogue: Catalogue,
  num_negatives: int | None,
) -> dict[str, tf.Tensor]:
  """Renders the inputs of one record: one in training, maybe more otherwise.

  A record that has candidates (validation, test) is rendered the same way each
  time. Its wording is a function of user and target, and so is the order of its
  candidates with `order_seed`; the order in the record is never shown. For a
  record without candidates (train), `seed` draws the wording and the negatives,
  so every epoch differs.

  Args:
    record: one record, see schema.RECORD, with the family's fields; also
      "asked", int64 [Q, W], to replace the form's questions.
    seed: int [2].
    sequence_length: the most tokens of "inputs" and "targets", EOS included;
      None for no limit.
    output_features: the task's features.
    templates: the family's templates. `asked_wording` may name one of them.
    family: the family to render.
    catalogue: the catalogue of the record's dataset.
    num_negatives: drawn for training, unless the form sets a number; None for
      as many as the records of validation and test have, 9 at most.

  Returns:
    For Q inputs: inputs and targets, int32 [Q, tokens], and candidates, int32
    [Q, A, tokens], the allowed answers (none in train), all with EOS and padded
    with 0; inputs_pretokenized and targets_pretokenized, the same as text;
    asked, int64 [Q, W], the columns of candidate_items that an input asks
    about. Repeated for each input: template, its name; candidate_items in the
    order shown, and candidates_pretokenized, their titles; instance, user,
    target_item, history_items, and relevant_items (the target, unless the
    record has the field).
  """
  form = FORMS[family.form]
  templates = asked_wording.chosen(templates)
  templates = tuple(t.worded(catalogue.ordered) for t in templates)
  counts = (form.num_negatives, num_negatives, catalogue.num_negatives)
  count = next(count for count in counts if count is not None)
  drawn = _draw(record, seed, form, len(templates), catalogue, count)
  shown_QxW = tf.gather(drawn.candidates, drawn.asked)
  texts_4xQ, stops = Frames(templates).fill(
    drawn.template, _values(record, family, catalogue, shown_QxW)
  )
  history_n = tf.gather(catalogue.titles, record["history"])
  texts, tokens = {}, {}
  for side, (feature, told) in enumerate(
    {"inputs": family.inputs, "targets": family.outputs}.items()
  ):
    budget = sequence_length and sequence_length.get(feature)
    texts[feature], tokens[feature] = shorten(
      texts_4xQ[2 * side],
      listed(history_n if "p1" in told else history_n[:0], stops[side]),
      texts_4xQ[2 * side + 1],
      budget - 1 if budget else None,
      output_features[feature].vocabulary,
    )
  vocabulary = output_features["candidates"].vocabulary
  answers_QxA = tf.cond(
    drawn.stored,
    lambda: _answers(form, tf.gather(catalogue.titles, shown_QxW)),
    lambda: tf.zeros([1, 0], tf.string),
  )
  tokens["candidates"] = vocabulary.encode_tf(tf.reshape(answers_QxA, [-1]))
  padded = {
    feature: with_eos(of_feature, vocabulary.eos_id)
    for feature, of_feature in tokens.items()
  }
  padded["candidates"] = tf.reshape(
    padded["candidates"],
    tf.concat([tf.shape(answers_QxA), tf.shape(padded["candidates"])[1:]], 0),
  )
  return {
    **padded,
    **{f"{feature}_pretokenized": text for feature, text in texts.items()},
    "asked": drawn.asked,
    **_repeated(record, drawn, templates, catalogue),
  }


class _Drawn(NamedTuple):
  """A record's random choices and the candidates that its inputs ask about.

  Attributes:
    stored: bool scalar, whether the record has candidates.
    template: int32 scalar, the number of the wording.
    candidates: int64 [C], in the order in which they are shown.
    asked: int64 [Q, W], the columns that each input asks about.
  """

  stored: tf.Tensor
  template: tf.Tensor
  candidates: tf.Tensor
  asked: tf.Tensor


_shuffled = tf.random.experimental.stateless_shuffle


def _draw(
  record: Mapping[str, tf.Tensor],
  seed: tf.Tensor,
  form: Form,
  num_templates: int,
  catalogue: Catalogue,
  num_negatives: int,
) -> _Drawn:
  """Draws the wording, the negatives in training, and the candidates' order."""
  stored = tf.size(record["candidates"]) > 0
  identity = tf.stack([record["user"], record["target"]])
  seeds = tf.random.experimental.stateless_split(
    tf.where(stored, identity, tf.cast(seed, tf.int64)), 4
  )
  candidates_C = tf.cond(
    stored,
    lambda: _shuffled(
      record["candidates"],
      tf.random.experimental.stateless_fold_in(seeds[2], order_seed()),
    ),
    lambda: _with_negatives(record, catalogue, num_negatives, seeds),
  )
  template = tf.random.stateless_uniform(
    [], seeds[3], 0, num_templates, tf.int32
  )
  asked_QxW = _asked(record, form, stored, candidates_C)
  return _Drawn(stored, template, candidates_C, asked_QxW)


def _with_negatives(
  record: Mapping[str, tf.Tensor],
  catalogue: Catalogue,
  num_negatives: int,
  seeds: tf.Tensor,
) -> tf.Tensor:
  """Returns the target and negatives of a training record, int64 [C]."""
  excluded = tf.cast(catalogue.excluded[record["user"]], tf.int64)
  negatives = draw_negatives(
    excluded, len(catalogue.items), num_negatives, seeds[0]
  )
  both = tf.concat([record["target"][None], negatives], 0)
  return _shuffled(both, seeds[1])


def _asked(
  record: Mapping[str, tf.Tensor],
  form: Form,
  stored: tf.Tensor,
  candidates_C: tf.Tensor,
) -> tf.Tensor:
  """Returns the columns that each input asks about, int64 [Q, W]."""
  if "asked" in record:
    return record["asked"]
  if not form.ranks:  # The only question is about the target.
    return tf.where(candidates_C == record["target"])[:1]
  count = tf.size(candidates_C, tf.int64)
  return tf.cond(
    stored,
    lambda: form.questions(count),
    lambda: tf.range(count)[None, : form.width],
  )


def _values(
  record: Mapping[str, tf.Tensor],
  family: Family,
  catalogue: Catalogue,
  shown_QxW: tf.Tensor,
) -> dict[str, tf.Tensor]:
  """Returns the values of a template's slots, strings [Q] by slot."""
  titles_QxW = tf.gather(catalogue.titles, shown_QxW)
  right_Q = shown_QxW[:, 0] == record["target"]
  shape = tf.shape(right_Q)
  target = tf.gather(catalogue.titles, record["target"])
  return {
    "candidates": tf.strings.reduce_join(
      listed(titles_QxW), axis=1, separator=" "
    ),
    "item": titles_QxW[:, 0],
    "other": titles_QxW[:, -1],
    "target": tf.fill(shape, target),
    "answer": tf.where(right_Q, *YES_NO),
    **{name: tf.fill(shape, record[name]) for name in family.fields},
  }


def _answers(form: Form, titles_QxW: tf.Tensor) -> tf.Tensor:
  """Returns the allowed answers to each input, strings [Q, A]."""
  if not form.ranks:
    return titles_QxW[:, :0]
  if not form.answers:
    return titles_QxW
  return tf.tile(tf.constant([form.answers]), [tf.shape(titles_QxW)[0], 1])


def _repeated(
  record: Mapping[str, tf.Tensor],
  drawn: _Drawn,
  templates: Sequence[Template],
  catalogue: Catalogue,
) -> dict[str, tf.Tensor]:
  """Returns the values that all inputs of a record share, once per input."""
  items_C = drawn.candidates[: tf.size(record["candidates"])]
  names = [template.name for template in templates]
  values = {
    "template": tf.gather(names, drawn.template),
    "instance": record["instance"],
    "user": record["user"],
    "target_item": record["target"],
    "relevant_items": record.get("relevant", record["target"][None]),
    "history_items": record["history"],
    "candidate_items": items_C,
    "candidates_pretokenized": tf.gather(catalogue.titles, items_C),
  }
  count = tf.shape(drawn.asked)[0]
  once = {name: tf.expand_dims(value, 0) for name, value in values.items()}
  return {
    name: tf.tile(value, [count] + [1] * (value.shape.rank - 1))
    for name, value in once.items()
  }


def with_eos(tokens: tf.RaggedTensor, eos: int) -> tf.Tensor:
  """Returns each row's tokens with EOS, padded with 0.

  Args:
    tokens: int32 [N, (tokens)].
    eos: the token of EOS.

  Returns:
    int32 [N, T], where T is the most tokens of a row and one more; [0, 0] if
    there are no rows.
  """
  # A ragged operation takes dozens of plain ones.
  lengths_N = tokens.row_lengths()
  more = tf.minimum(tf.size(lengths_N), 1)
  padded_NxT = tf.pad(tokens.to_tensor(), [[0, 0], [0, more]])
  place_T = tf.range(tf.shape(padded_NxT, tf.int64)[1])
  is_end_NxT = place_T == lengths_N[:, None]
  return tf.where(is_end_NxT, eos, tf.cast(padded_NxT, tf.int32))


def fits(
  inputs: Mapping[str, tf.Tensor],
  sequence_length: Mapping[str, int] | None,
) -> tf.Tensor:
  """Returns whether a rendered record fits the lengths without being cut.

  Candidates are compared with the length of targets, because the decoder reads
  both.
  """
  lengths = sequence_length or {}
  result = tf.constant(True)
  for feature, limit in (
    ("inputs", lengths.get("inputs")),
    ("targets", lengths.get("targets")),
    ("candidates", lengths.get("targets")),
    ("prior_inputs", lengths.get("inputs")),
  ):
    if limit is not None and feature in inputs:
      result &= tf.shape(inputs[feature])[-1] <= limit
  return result


def without_padding(example: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
  """Removes the padding of an input that was rendered beside others."""
  return {
    **example,
    **{
      name: tf.boolean_mask(example[name], example[name] > 0)
      for name in ("inputs", "targets")
    },
  }
