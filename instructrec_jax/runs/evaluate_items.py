"""Evaluates a checkpoint of a model of items on the requests of records."""

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import gin
import numpy as np
from etils import epath

from instructrec_jax import paths
from instructrec_jax.baselines import rank as rank_lib
from instructrec_jax.batches.items import ItemCatalogue
from instructrec_jax.batches.queries import Queries
from instructrec_jax.data import splits
from instructrec_jax.data.records import read, sampling
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.data.records.seen import Seen
from instructrec_jax.errors import InputError, unknown
from instructrec_jax.eval.predictions import RANKED, Predictions
from instructrec_jax.model.items.item_model import ItemModel
from instructrec_jax.runs.clock import Clock
from instructrec_jax.scoring.items import ItemScorer


def check_items(
  made_of: Mapping[str, Any], catalogue: ItemCatalogue, model: ItemModel
) -> None:
  """Raises InputError if a model was trained on other items.

  A model whose items are texts alone takes any items.

  Args:
    made_of: What the run was made of, of its manifest.
    catalogue: The items to rank.
    model: The model.
  """
  if not model.config.item_ids or "items" not in made_of:
    return
  if made_of["items"] != catalogue.digest:
    raise InputError(
      f"the run was trained on the items of {made_of.get('dataset')!r}, but "
      f"DATASET = {catalogue.dataset!r} has other items: evaluate on the "
      "dataset of the training or a variant of it, or train a model of texts "
      "alone (ItemConfig.item_ids = False)"
    )


@gin.configurable("evaluate_items", module="instructrec_jax")
def evaluate(
  model: ItemModel = gin.REQUIRED,
  catalogue: ItemCatalogue = gin.REQUIRED,
  checkpoint: str | os.PathLike = gin.REQUIRED,
  out: str | os.PathLike = gin.REQUIRED,
  made_of: Mapping[str, Any] | None = None,
  split: str = "test",
  batch_size: int = 1024,
  num_partitions: int = 1,
  system: str = "model",
  seed: int = 0,
  rank: str = "candidates",
  exclude_history: bool = True,
  procedure: str | None = None,
  query: str | None = None,
  clock: Clock | None = None,
) -> list[epath.Path]:
  """Ranks the candidates, or the whole catalogue, of every request.

  Args:
    model: The model.
    catalogue: The items, with the records of the requests.
    checkpoint: A run's folder, for its newest checkpoint, or that of one step.
    out: The folder of the results, which go to <out>/<dataset>/<step>, and
      those of the catalogue to <out>/catalogue/<dataset>/<step>.
    made_of: What the run was made of, to compare the items with.
    split: "validation", "test", or a sample of them, e.g. "test_2k".
    batch_size: Requests of a batch, over all devices.
    num_partitions: The number of devices that share a copy of the parameters.
    system: The model's name in tables.
    seed: Seed of the bootstrap.
    rank: What to rank, one of `RANKED`.
    exclude_history: Whether a ranking of the catalogue excludes the items of
      the user's history.
    procedure: None, as scores rank directly.
    query: The text that is the query, for a model that answers queries; a key
      of `queries.QUERIES`. Requests without it are left out.
    clock: Measures the stages "loading", "requests", "model" and "metrics".

  Returns:
    The folder of the results.

  Raises:
    InputError: A name is unknown, or the checkpoint or the records do not match
      the model.
  """
  if rank not in RANKED:
    raise unknown("choice of what to rank", rank, RANKED)
  if procedure is not None:
    raise InputError(
      f"procedure {procedure!r} asks a model of texts: a model of items ranks "
      "by its scores"
    )
  whole, first = splits.sample(split)
  if whole not in rank_lib.SPLITS:
    raise unknown(
      "split with candidates", split, (*rank_lib.SPLITS, *splits.SAMPLES)
    )
  made_of = made_of or {}
  check_items(made_of, catalogue, model)
  if made_of.get("train_on_validation") and whole == "validation":
    raise InputError(
      f"split {split!r}: the run has learned from the targets of validation "
      "(TRAIN_ON_VALIDATION): evaluate it on test"
    )
  clock = clock or Clock()
  with clock.during("requests"):
    requests, queries = read_requests(model, catalogue, whole, first, query)
  with clock.during("loading"):
    scorer = ItemScorer(model, checkpoint, batch_size, num_partitions, queries)
  with clock.during("model"):
    if rank == "candidates":
      predictions = rank_lib.of_candidates(
        requests, scorer.candidates(requests)
      )
    else:
      predictions = _of_catalogue(
        scorer, requests, catalogue, whole, exclude_history
      )
  folder = paths.anywhere(out) / ("catalogue" if rank == "catalogue" else "")
  folder = folder / catalogue.dataset / scorer.checkpoint.name
  with clock.during("metrics"):
    rank_lib.write(
      predictions,
      folder,
      system=system,
      dataset=catalogue.dataset,
      split=split,
      seed=seed,
      step=int(scorer.checkpoint.name),
      ordered=requests.ordered,
      sample=sampling.request_sample(),
      trained_on_validation=bool(made_of.get("train_on_validation")),
    )
  clock.stop()
  print(clock, file=sys.stderr)
  return [folder]


def read_requests(
  model: ItemModel,
  catalogue: ItemCatalogue,
  split: str,
  first: int | None = None,
  query: str | None = None,
) -> tuple[Requests, Callable[[np.ndarray], np.ndarray] | None]:
  """Reads requests, and their queries if the model answers queries.

  Args:
    model: The model.
    catalogue: The items, with the records of the requests.
    split: "validation" or "test".
    first: The number of records to read; None for all. Of these those that the
      run's settings draw are taken.
    query: See `evaluate`.

  Returns:
    The requests, without those that have no query; and their queries, by their
    numbers, or None.

  Raises:
    InputError: The records cannot be used, or have no such query.
  """
  columns = read.read_split(catalogue.folder, split, first)
  requests = _drawn(Requests.of(columns, read.is_ordered(catalogue.folder)))
  if model.config.objective != "query":
    return requests, None
  queries = Queries.of(columns, query, catalogue.dataset, model.config)
  there = np.isin(requests.instance, queries.instance[queries.there])
  if not there.all():
    print(
      f"{np.sum(~there):,} of {len(there):,} requests of split {split!r} have "
      f"no {query!r} and are left out",
      file=sys.stderr,
    )
  return requests.take(there), queries.rows


def _drawn(requests: Requests) -> Requests:
  """Returns the requests that the run's settings draw; by default all."""
  sample = sampling.request_sample()
  if sample is None:
    return requests
  return requests.take(
    np.isin(requests.instance, sampling.drawn(requests.instance, **sample))
  )


def _of_catalogue(
  scorer: ItemScorer,
  requests: Requests,
  catalogue: ItemCatalogue,
  split: str,
  exclude_history: bool,
) -> Predictions:
  num_items = catalogue.train_count.size
  seen = Seen.nothing(len(requests))
  if exclude_history:
    seen = Seen.of(
      catalogue.folder, split, requests.instance, requests.relevant_items
    )
  return rank_lib.rank_catalogue(
    lambda some, _: scorer.catalogue(some, num_items), requests, seen, num_items
  )
