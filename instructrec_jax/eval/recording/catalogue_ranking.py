"""Ranking a whole catalogue: the model generates the titles.

Instructions of the form T2 show no candidates, so any item can answer them. A
beam search that can write only titles finds the most likely ones. All other
items rank last.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import seqio
import tensorflow as tf

from instructrec_jax.data.ragged import places
from instructrec_jax.data.records.catalogue import Catalogue
from instructrec_jax.data.records.seen import Seen
from instructrec_jax.errors import InputError
from instructrec_jax.eval.recording import evaluator
from instructrec_jax.model import trie
from instructrec_jax.vocabulary import title_trie

# The result of SeqIO's predict_with_aux_fn: tokens by index, and what
# `RankingModel.predict_batch_with_aux` returns besides, by name.
Predicted = tuple[Sequence[tuple[int, Any]], Mapping[str, Any]]
# The result of SeqIO's score_fn: scores by index, and more by name.
Answers = tuple[list[tuple[int, np.ndarray]], dict[str, list]]


def matching(tasks: Sequence[str]) -> list[str]:
  """Returns the tasks that any item can answer, those of the form T2.

  Raises:
    InputError: There is none.
  """
  found = [task for task in tasks if task.endswith("_t2")]
  if not found:
    raise InputError(
      f"cannot rank the whole catalogue with {', '.join(tasks)}: expected a "
      "task of the form T2, such as instructrec_games_p1_i0_t2"
    )
  return found


def catalogue_of(tasks: Sequence[seqio.Task]) -> Catalogue:
  """Returns the catalogue of tasks of one dataset.

  Raises:
    InputError: A task does not read records, or there are several datasets.
  """
  records = {}
  for task in tasks:
    dataset = evaluator.dataset_of(task.source)
    if dataset is None:
      raise InputError(
        f"{task.name} does not read records, so it has no catalogue"
      )
    records[dataset] = cast(seqio.TfdsDataSource, task.source).tfds_dataset
  if len(records) > 1:
    raise InputError(
      f"the tasks are of several datasets, {', '.join(records)}, which have no "
      "catalogue in common: evaluate one dataset at a time"
    )
  [(dataset, tfds)] = records.items()
  return Catalogue(dataset, tfds.name, tfds.data_dir)


class CatalogueEvaluator(seqio.Evaluator):
  """SeqIO's evaluator, for tasks that any item can answer.

  T5X and our own runner use it in place of SeqIO's. The model's
  predict_with_aux_fn generates titles, and the evaluator measures them as
  scores of items. Results are in <log_dir>/catalogue, apart from results over
  candidates.
  """

  def __init__(
    self,
    mixture_or_task_name: str,
    feature_converter: seqio.FeatureConverter,
    eval_split: str = "validation",
    exclude_history: bool = True,
    log_dir: str | None = None,
    **settings: Any,
  ):
    """Reads the requests and the titles.

    Args:
      mixture_or_task_name: Tasks of one dataset, all of the form T2.
      feature_converter: As SeqIO's.
      eval_split: The split of the requests.
      exclude_history: Whether to exclude the items of the user's history.
      log_dir: Where results go. None writes no results.
      **settings: As SeqIO's.

    Raises:
      InputError: There are no tasks, they have no catalogue in common, or no
        trie can be made of its titles.
    """
    super().__init__(
      mixture_or_task_name,
      feature_converter,
      eval_split,
      log_dir=log_dir and os.path.join(log_dir, "catalogue"),
      **settings,
    )
    if not self.eval_tasks:
      raise InputError(
        f"{mixture_or_task_name} has no task that ranks and has a split "
        f"{eval_split!r}"
      )
    self._split = eval_split.partition("_")[0]
    self._exclude_history = exclude_history
    self._catalogue = catalogue_of(self.eval_tasks)
    self.titles = title_trie.title_trie(self._catalogue)

  def evaluate(  # pyrefly: ignore[bad-override] - one function of the model.
    self,
    *,
    predict_with_aux_fn: Callable[[tf.data.Dataset], Predicted],
    **settings: Any,
  ) -> tuple[Any, Any]:
    """Measures the tasks.

    Args:
      predict_with_aux_fn: Generates titles for requests, which may have the
        feature excluded_items; see `RankingModel.predict_batch_with_aux`.
      **settings: As SeqIO's. Other functions of the model are not called.

    Returns:
      As SeqIO's.
    """

    def score_fn(requests: tf.data.Dataset) -> Answers:
      [seen] = [
        self._seen(self.cached_task_datasets[name])
        for name, known in self.cached_model_datasets.items()
        if known is requests
      ]
      if self._exclude_history:
        requests = _excluding(requests, seen)
      pairs, more = predict_with_aux_fn(requests)
      order = np.argsort([index for index, _ in pairs])
      found, scores = (np.asarray(more[x])[order] for x in ("items", "scores"))
      items, scores = listed(found, scores, self.titles, seen)
      sizes = len(self._catalogue.items) - seen.counts()
      return list(enumerate(scores)), {
        "items": list(items), "sizes": sizes.tolist()
      }  # fmt: skip

    return super().evaluate(**settings | {"score_fn": score_fn})

  def _seen(self, examples: tf.data.Dataset) -> Seen:
    """Returns the items that each example excludes, in order."""
    if not self._exclude_history:
      return Seen.nothing(int(examples.cardinality()))
    asked: list[dict[str, Any]] = list(
      examples.map(
        lambda e: {name: e[name] for name in ("instance", "relevant_items")}
      ).as_numpy_iterator()
    )
    return Seen.of(
      self._catalogue.folder,
      self._split,
      np.array([request["instance"] for request in asked]),
      [request["relevant_items"] for request in asked],
    )


def _excluding(requests: tf.data.Dataset, seen: Seen) -> tf.data.Dataset:
  """Adds excluded_items to numbered requests."""
  return tf.data.Dataset.zip(
    requests, tf.data.Dataset.from_tensor_slices(seen.matrix())
  ).map(
    lambda numbered, items: (
      numbered[0],
      {**numbered[1], "excluded_items": items},
    )
  )


def listed(
  found: np.ndarray, worth: np.ndarray, titles: trie.Trie, seen: Seen
) -> tuple[np.ndarray, np.ndarray]:
  """Returns the items of generated titles.

  If several items share a title, all of them get its score.

  Args:
    found: Integers [n, W], an item of each title, -1 for none.
    worth: [n, W], the scores of the titles.
    titles: The catalogue's titles.
    seen: The items that each request excludes.

  Returns:
    int64 [n, C] item codes padded with -1, and their scores padded with -inf.
  """
  of_item = np.asarray(titles.title)
  by_title = np.argsort(of_item, kind="stable")
  counts_S = np.bincount(of_item)
  starts_S = np.cumsum(counts_S) - counts_S
  rows, columns = np.nonzero(found >= 0)
  title = of_item[found[rows, columns]]
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
  scores[rows, place] = worth[rows, columns]
  return codes, scores
