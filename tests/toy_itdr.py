"""Small tasks with all that ITDR's have: four subtasks, and their mixture."""

import functools

import numpy as np
import seqio
import tensorflow as tf

from instructrec_jax.eval.answers import answer_metrics
from instructrec_jax.eval.recording import evaluator
from instructrec_jax.vocabulary.run_vocabulary import RUN_VOCABULARY

MIXTURE = "itdr_toy"
_TITLES = ["Catan", "Go", "Chess, for two", "7 Wonders", "Risk"]
_SCALE = (1.0, 2.0, 3.0, 4.0, 5.0)
_LISTS = answer_metrics.Lists(procedure="generated")


def _row(number, question, target, candidates=(), relevant=(), **more):
  description = "You know games." if number else ""
  codes = np.arange(len(candidates), dtype=np.int64) + 20
  return {
    "instance": np.int64(10 + number),
    "user": np.int64(number),
    "template": "toy/A1",
    "description_pretokenized": description,
    "question_pretokenized": question,
    "inputs_pretokenized": f"{description} {question}".strip(),
    "targets_pretokenized": target,
    "candidates_pretokenized": np.array(candidates, dtype=object),
    "candidate_items": codes,
    "relevant_items": np.array(relevant, np.int64) + 20,
    "target_item": np.int64(relevant[0] + 20 if relevant else -1),
    "history_items": np.zeros(0, np.int64),
    "asked": np.arange(len(candidates), dtype=np.int64),
  } | more


def _asked(output, example, is_target):
  del output
  assert is_target
  return {
    "instance": int(example["instance"]),
    "user": int(example["user"]),
    "target": example["relevant_items"],
    "candidates": example["candidate_items"],
    "asked": example["asked"],
    "form": "t3",
    "attributes": {"template": example["template"].decode()},
  }


_PROFILES = answer_metrics.Attributes(("gender", "age"), ("age",))
_RATINGS = answer_metrics.Ratings(1.0, 5.0)
_TEXTS = answer_metrics.Texts()
# Rows, postprocessor and metrics of each task.
TASKS = {
  "itdr_rating_prediction_toy": (
    [
      _row(n, f"Rate game {n}.", f"{rating}", [str(x) for x in _SCALE])
      for n, rating in enumerate((4.0, 2.0, 5.0))
    ],
    _RATINGS.postprocess,
    [_RATINGS, answer_metrics.ExpectedRatings(_SCALE)],
  ),
  "itdr_top_k_toy": (
    [
      _row(0, "Rank them.", "1. Go; 2. Risk; 3. Catan", _TITLES[:5], [1, 4]),
      _row(1, "Rank these.", "1. 7 Wonders; 2. Catan", _TITLES[:4], [3, 0]),
    ],
    answer_metrics.together(_asked, _LISTS.postprocess),
    [evaluator.ranking_metric_fn, _LISTS],
  ),
  "itdr_user_attributes_toy": (
    [
      _row(0, "Who is it?", "gender: female, age: 30"),
      _row(1, "Who was that?", "gender: male"),
    ],
    _PROFILES.postprocess,
    [_PROFILES],
  ),
  "itdr_interests_toy": (
    [
      _row(0, "What is liked?", "likes games of the board"),
      _row(1, "And what now?", "likes games of war"),
    ],
    _TEXTS.postprocess,
    [_TEXTS],
  ),
}  # fmt: skip


def _dataset(rows, split, shuffle_files, seed=None):
  del split, shuffle_files, seed

  def spec(name, value):
    if isinstance(value, str) or name == "candidates_pretokenized":
      return tf.TensorSpec([None] * np.ndim(value), tf.string)
    return tf.TensorSpec([None] * np.ndim(value), value.dtype)

  return tf.data.Dataset.from_generator(
    lambda: iter(rows),
    output_signature={name: spec(name, v) for name, v in rows[0].items()},
  )


@seqio.map_over_dataset
def _tokens(row, output_features):
  def encoded(feature, text):
    return output_features[feature].vocabulary.encode_tf(text)

  candidates = encoded("candidates", row["candidates_pretokenized"])
  return row | {
    "inputs": tf.concat(
      [encoded("inputs", row["inputs_pretokenized"]), [1]], 0
    ),
    "targets": tf.concat(
      [encoded("targets", row["targets_pretokenized"]), [1]], 0
    ),
    "candidates": tf.concat(
      [candidates, tf.ones([tf.shape(candidates)[0], 1], tf.int32)], 1
    ).to_tensor(),
  }


def register():
  """Registers the tasks and their mixture, once; returns the mixture."""
  feature = functools.partial(seqio.Feature, RUN_VOCABULARY, add_eos=True)
  for name, (rows, postprocess, metric_fns) in TASKS.items():
    if name in seqio.TaskRegistry.names():
      continue
    seqio.TaskRegistry.add(
      name,
      source=seqio.FunctionDataSource(
        functools.partial(_dataset, rows),
        splits=["train", "test"],
        num_input_examples={"train": len(rows), "test": len(rows)},
      ),
      preprocessors=[_tokens],
      output_features={
        "inputs": feature(),
        "targets": feature(),
        "candidates": feature(rank=2),
      },
      postprocess_fn=postprocess,
      metric_fns=metric_fns,
    )
  if MIXTURE not in seqio.MixtureRegistry.names():
    seqio.MixtureRegistry.add(MIXTURE, list(TASKS), default_rate=1.0)
  return MIXTURE
