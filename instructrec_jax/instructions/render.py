"""Records to instructions: text and tokens, inside the tf.data graph.

What is too long gives way in one place only: the oldest items of the history
are left out, whole, until the input fits. Instruction, candidates and target
are never cut; a record that still does not fit is dropped by `fits`, and
whoever drives the pipeline counts it (see pipeline.py).
"""

import functools
from collections.abc import Mapping

import seqio
import tensorflow as tf

from instructrec_jax.instructions.catalogue import Catalogue
from instructrec_jax.instructions.templates import Template

# Draws per example: enough that `count` distinct ones are among them with a
# chance of failure below 1e-11 for any catalogue with twice `count` items left.
_DRAWS = 256

ANSWERS = ("no", "yes")


def draw_negatives(
  exclude: tf.Tensor, num_items: int, count: int, seed: tf.Tensor
) -> tf.Tensor:
  """Draws `count` distinct items uniformly from those not in `exclude`.

  Args:
    exclude: int64 [n], item codes that must not be drawn; repeats are allowed.
    num_items: items are 0 … num_items - 1.
    count: how many.
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
    draws = tf.random.stateless_uniform([_DRAWS], seed, 0, left, tf.int64)
  draws = tf.unique(draws).y[:count]
  # The k-th item that is not excluded: k, moved up by each excluded item that
  # stands at or below it.
  gaps = exclude - tf.range(tf.size(exclude, tf.int64))
  above = tf.searchsorted(gaps, draws, side="right", out_type=tf.int64)
  return tf.ensure_shape(draws + above, [count])


def sentence(titles: tf.Tensor) -> tf.Tensor:
  """Returns each title with its separator: "A;", "B;", "C.".

  Args:
    titles: string [n].

  Returns:
    string [n]; joined with blanks it is the text of a {history} or
    {candidates} slot, and each part is tokenized as it would be in the whole.
  """
  count = tf.size(titles)
  ends = tf.where(tf.range(count) == count - 1, ".", ";")
  return titles + ends


def fill(text: str, values: Mapping[str, tf.Tensor]) -> tf.Tensor:
  """Fills the {slots} of `text` with scalar strings, in the graph."""
  parts = [text]
  for slot, value in values.items():
    parts = [
      piece
      for part in parts
      for piece in (
        _interleave(part.split(f"{{{slot}}}"), value)
        if isinstance(part, str)
        else [part]
      )
    ]
  return tf.strings.join(parts)


def _interleave(texts: list[str], value: tf.Tensor) -> list[str | tf.Tensor]:
  pieces = [texts[0]]
  for text in texts[1:]:
    pieces += [value, text]
  return pieces


def frame(
  templates: tuple[Template, ...],
  choice: tf.Tensor,
  values: Mapping[str, tf.Tensor],
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
  """Renders template number `choice`, all but its history.

  Args:
    templates: of one family.
    choice: integer scalar.
    values: scalar strings by slot.

  Returns:
    Scalar strings: what stands before the history, what after, the output.
  """

  def render(template: Template):
    before, after = template.inputs.split("{history}")
    return (
      tf.strings.strip(fill(before, values)),
      tf.strings.strip(fill(after, values)),
      fill(template.output, values),
    )

  return tf.switch_case(
    tf.cast(choice, tf.int32),
    [functools.partial(render, template) for template in templates],
  )


def shorten(
  before: tf.Tensor,
  history: tf.Tensor,
  after: tf.Tensor,
  budget: int | None,
  vocabulary: seqio.Vocabulary,
) -> tuple[tf.Tensor, tf.Tensor]:
  """Drops the oldest history items until the input fits, and tokenizes it.

  SentencePiece's pieces do not cross blanks, so the parts can be tokenized one
  by one: the result equals the tokens of the whole text.

  Args:
    before: string scalar, the instruction before the history.
    history: string [n], each title with its separator, oldest first.
    after: string scalar, the instruction after the history.
    budget: tokens that the input may have, EOS not counted; None for any.
    vocabulary: what to tokenize with.

  Returns:
    The input as a string scalar and as int32 [tokens] without EOS. The newest
    item always stays, so the tokens may exceed the budget.
  """
  parts = tf.concat([[before], history, [after]], 0)
  tokens = tf.cast(vocabulary.encode_tf(parts), tf.int32)
  lengths = tf.cast(tokens.row_lengths(), tf.int64)
  if budget is None:
    keep = tf.ones_like(lengths, tf.bool)
  else:
    from_newest = tf.cumsum(lengths[1:-1], reverse=True)
    room = tf.cast(budget, tf.int64) - lengths[0] - lengths[-1]
    newest = tf.range(tf.size(history)) == tf.size(history) - 1
    keep = tf.concat([[True], (from_newest <= room) | newest, [True]], 0)
  kept = tf.boolean_mask(parts, keep & (tf.strings.length(parts) > 0))
  text = tf.strings.reduce_join(kept, separator=" ")
  return text, tf.ragged.boolean_mask(tokens, keep).flat_values


def render(
  record: Mapping[str, tf.Tensor],
  seed: tf.Tensor,
  *,
  sequence_length: Mapping[str, int] | None,
  output_features: Mapping[str, seqio.Feature],
  templates: tuple[Template, ...],
  catalogue: Catalogue,
  num_negatives: int,
) -> dict[str, tf.Tensor]:
  """Makes one instruction out of one record.

  A record with candidates of its own (validation, test) is rendered the same
  way each time: the wording is a function of user and target. Without them
  (train), `seed` decides on the wording and draws negatives, so that every
  epoch differs.

  Args:
    record: one record, see schema.RECORD.
    seed: int [2].
    sequence_length: tokens at most in "inputs", EOS included; None for any.
    output_features: the task's.
    templates: of one family.
    catalogue: of the record's dataset.
    num_negatives: drawn for training.

  Returns:
    inputs, targets: int32 [tokens], with EOS; candidates: int32 [C, tokens],
    every title with EOS, padded with 0 (none in train); inputs_pretokenized,
    targets_pretokenized: the same as text; template, its name; and the record's
    instance, user, target_item, history_items, candidate_items and
    relevant_items, which are the target where the record does not say.
  """
  stored = tf.size(record["candidates"]) > 0
  identity = tf.stack([record["user"], record["target"]])
  seeds = tf.random.experimental.stateless_split(
    tf.where(stored, identity, tf.cast(seed, tf.int64)), 4
  )

  def draw() -> tf.Tensor:
    had = tf.cast(catalogue.train_items[record["user"]], tf.int64)
    negatives = draw_negatives(
      had, len(catalogue.items), num_negatives, seeds[0]
    )
    both = tf.concat([record["target"][None], negatives], 0)
    return tf.random.experimental.stateless_shuffle(both, seeds[1])

  candidates = tf.cond(stored, lambda: record["candidates"], draw)
  # Pointwise: the target, or as often one of the others.
  positive = stored | (tf.random.stateless_uniform([], seeds[2]) < 0.5)
  others = tf.boolean_mask(candidates, candidates != record["target"])
  item = tf.where(positive, record["target"], others[0])

  titles = catalogue.titles
  title = functools.partial(tf.gather, titles)
  choice = tf.random.stateless_uniform(
    [], seeds[3], 0, len(templates), tf.int32
  )
  before, after, output = frame(
    templates,
    choice,
    {
      "candidates": tf.strings.reduce_join(
        sentence(title(candidates)), separator=" "
      ),
      "item": title(item),
      "target": title(record["target"]),
      "answer": tf.gather(ANSWERS, tf.cast(positive, tf.int32)),
    },
  )
  vocabulary = output_features["inputs"].vocabulary
  budget = sequence_length and sequence_length.get("inputs")
  text, tokens = shorten(
    before,
    sentence(title(record["history"])),
    after,
    budget - 1 if budget else None,
    vocabulary,
  )
  eos = tf.constant([vocabulary.eos_id], tf.int32)

  def encode(strings: tf.Tensor) -> tf.Tensor:
    pieces = output_features["targets"].vocabulary.encode_tf(strings)
    return tf.cast(pieces, tf.int32)

  candidate_tokens = encode(title(record["candidates"]))
  ends = tf.fill([tf.size(record["candidates"]), 1], eos[0])
  return {
    "inputs": tf.concat([tokens, eos], 0),
    "targets": tf.concat([encode(output), eos], 0),
    "candidates": tf.concat([candidate_tokens, ends], 1).to_tensor(),
    "inputs_pretokenized": text,
    "targets_pretokenized": output,
    "template": tf.gather([template.name for template in templates], choice),
    "instance": record["instance"],
    "user": record["user"],
    "target_item": record["target"],
    "relevant_items": record.get("relevant", record["target"][None]),
    "history_items": record["history"],
    "candidate_items": record["candidates"],
  }


def fits(
  example: Mapping[str, tf.Tensor], sequence_length: Mapping[str, int] | None
) -> tf.Tensor:
  """Returns whether nothing of a rendered example would have to be cut.

  Candidates are held against the length of the targets: both are titles that
  the decoder reads.
  """
  lengths = sequence_length or {}
  result = tf.constant(True)
  for feature, limit in (
    ("inputs", lengths.get("inputs")),
    ("targets", lengths.get("targets")),
    ("candidates", lengths.get("targets")),
  ):
    if limit is not None:
      result &= tf.shape(example[feature])[-1] <= limit
  return result
