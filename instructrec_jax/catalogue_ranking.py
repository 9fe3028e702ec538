"""Ranking out of a whole catalogue: the model writes the titles itself.

Instructions of the form T2 show no candidates, so that they can be answered
with any item. What is found are the likeliest titles, by a beam search that
writes nothing else; whatever is not among them counts as the last of all.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import seqio
import tensorflow as tf

from instructrec_jax import scoring, title_trie
from instructrec_jax.data.ragged import places
from instructrec_jax.data.seen import Seen
from instructrec_jax.errors import InputError
from instructrec_jax.eval import evaluator
from instructrec_jax.instructions.catalogue import Catalogue
from instructrec_jax.model import beam, trie

# What a score_fn of SeqIO's evaluator returns: scores by index, and more.
Answers = tuple[list[tuple[int, np.ndarray]], dict[str, list]]


def matching(tasks: Sequence[str]) -> list[str]:
  """Returns those of some tasks that can be answered with any item.

  Raises:
    InputError: there is none.
  """
  found = [task for task in tasks if task.endswith("_t2")]
  if not found:
    raise InputError(
      f"none of {', '.join(tasks)} can be answered out of the whole catalogue: "
      "expected a task of the form T2, such as instructrec_games_p1_i0_t2"
    )
  return found


def score_fn(
  scorer: scoring.Scorer,
  task: seqio.Task,
  examples: tf.data.Dataset,
  split: str,
  exclude_history: bool,
) -> Callable[[tf.data.Dataset], Answers]:
  """Returns what answers a task's requests, for SeqIO's evaluator.

  Args:
    scorer: the model.
    task: over records.
    examples: the task's, in the order in which the evaluator numbers them.
    split: that they are from.
    exclude_history: whether a request leaves out what its user has had before.

  Raises:
    InputError: the titles make no trie, or there are no records.
  """
  dataset = evaluator.dataset_of(task.source)
  if dataset is None:
    raise InputError(f"{task.name} is not over records, so it has no catalogue")
  records = task.source.tfds_dataset
  catalogue = Catalogue(dataset, records.name, records.data_dir)
  titles = title_trie.title_trie(catalogue)
  num_items = len(catalogue.items)

  def answer(requests: tf.data.Dataset) -> Answers:
    seen = _seen(catalogue, examples, split, exclude_history)
    whole = requests.batch(int(requests.cardinality()))
    indices, rows = next(whole.as_numpy_iterator())
    rows = {"encoder_input_tokens": rows["encoder_input_tokens"]}
    if exclude_history:
      rows["excluded_items"] = seen.matrix()[indices]
    found = scorer.recommend(rows, titles)
    order = np.argsort(indices)
    items, scores = listed(
      beam.Recommendations(*(column[order] for column in found)), titles, seen
    )
    sizes = num_items - seen.counts()
    return list(enumerate(scores)), {
      "items": list(items), "sizes": sizes.tolist()
    }  # fmt: skip

  return answer


def listed(
  found: beam.Recommendations, titles: trie.Trie, seen: Seen
) -> tuple[np.ndarray, np.ndarray]:
  """Returns the items of the titles that were found.

  A title of several items stands for them all with one score, which is a tie.

  Args:
    found: of n requests, W titles each.
    titles: of the catalogue.
    seen: items of each request that are left out.

  Returns:
    int64 [n, C] item codes padded with -1, and their scores, padded with -inf.
  """
  of_item = np.asarray(titles.title)
  by_title = np.argsort(of_item, kind="stable")
  counts_S = np.bincount(of_item)
  starts_S = np.cumsum(counts_S) - counts_S
  rows, columns = np.nonzero(found.items >= 0)
  title = of_item[found.items[rows, columns]]
  entry = np.repeat(np.arange(len(title)), counts_S[title])
  items = by_title[starts_S[title][entry] + places(entry, len(title))]
  rows, columns = rows[entry], columns[entry]
  stride = len(of_item)
  new = ~np.isin(rows * stride + items, seen.rows * stride + seen.items)
  rows, columns, items = rows[new], columns[new], items[new]
  place = places(rows, seen.n)
  shape = seen.n, int(place.max(initial=-1)) + 1
  codes, scores = np.full(shape, -1), np.full(shape, -np.inf)
  codes[rows, place] = items
  scores[rows, place] = found.scores[rows, columns]
  return codes, scores


def _seen(
  catalogue: Catalogue,
  examples: tf.data.Dataset,
  split: str,
  exclude_history: bool,
) -> Seen:
  if not exclude_history:
    return Seen.nothing(int(examples.cardinality()))
  asked: list[dict[str, Any]] = list(
    examples.map(
      lambda e: {name: e[name] for name in ("instance", "relevant_items")}
    ).as_numpy_iterator()
  )
  return Seen.of(
    catalogue.folder,
    split.partition("_")[0],
    np.array([request["instance"] for request in asked]),
    [request["relevant_items"] for request in asked],
  )
