"""`instructrec retrieve`: the items that a model of items ranks highest."""

import os
from collections.abc import Sequence

import gin
import numpy as np
import polars as pl

from instructrec_jax import artifacts, gin_files, parquet, paths
from instructrec_jax.batches.items import ItemCatalogue
from instructrec_jax.data import names, variants
from instructrec_jax.data.candidates import files
from instructrec_jax.data.records import read
from instructrec_jax.data.records.seen import Seen
from instructrec_jax.errors import InputError
from instructrec_jax.gin_files import macro
from instructrec_jax.model.items.item_model import ItemModel
from instructrec_jax.runs import evaluate_items
from instructrec_jax.runs import model_dir as model_dirs
from instructrec_jax.scoring.items import ItemScorer
from instructrec_jax.train import checkpoint as checkpoints


def retrieve(
  dataset: str,
  model_dir: str,
  out: str | os.PathLike[str],
  data_dir: str = "data",
  count: int = 100,
  step: int | None = None,
  gin_bindings: Sequence[str] = (),
) -> dict[str, int]:
  """Writes the items of highest score for each request of a dataset.

  The file is one that `instructrec build --candidates_file` takes. The items of
  a user's training part and history are left out. The target is not looked at:
  it may or may not be among the items.

  Args:
    dataset: The dataset's short name. Its plain records must exist.
    model_dir: The run's folder.
    out: The Parquet file to write.
    data_dir: The folder of all datasets.
    count: The most items of a request.
    step: The step of the checkpoint. The newest by default.
    gin_bindings: Single bindings, which override the run's settings.

  Returns:
    The number of requests by split, and "fewest", the least number of items of
    a request.

  Raises:
    InputError: A setting, a file or the data cannot be used.
  """
  folder = paths.anywhere(model_dir)
  config = folder / model_dirs.CONFIG_FILE
  with paths.reading(folder):
    if not config.exists():
      raise InputError(
        f"{folder} has no {model_dirs.CONFIG_FILE}: give the folder of a run "
        "of `instructrec train`"
      )
  if variants.dataset_of(dataset) != dataset:
    raise InputError(
      f"dataset {dataset!r} is a variant: retrieve for "
      f"{variants.dataset_of(dataset)!r}, and build the variant from the file"
    )
  records = paths.anywhere(data_dir) / "records"
  gin_files.parse(
    ["runs/native_evaluate.gin"],
    [
      *gin_bindings,
      f"MODEL_DIR = {str(folder)!r}",
      f"DATASET = {dataset!r}",
      f"item_catalogue.tfds_data_dir = {str(records)!r}",
    ],
    run="evaluate",
    values=str(config),
  )
  model = macro("MODEL")
  if not isinstance(model, ItemModel):
    raise InputError(
      f"{folder} is the run of a model of texts: a model of items retrieves, "
      "such as that of gin/models/two_towers.gin"
    )
  catalogue = gin.get_configurable("item_catalogue")()
  made_of = model_dirs.manifest(folder).get("made_of", {})
  evaluate_items.check_items(made_of, catalogue, model)
  users = parquet.read(names.tables_dir(data_dir, dataset) / "users.parquet")
  tables, counts = [], {}
  scorer, query = None, macro("QUERY")
  for split in files.SPLITS:
    requests, queries = evaluate_items.read_requests(
      model, catalogue, split, query=query
    )
    if scorer is None:
      scorer = ItemScorer(
        model,
        folder if step is None else checkpoints.find(folder, step),
        num_partitions=macro("NUM_PARTITIONS"),
        queries=queries,
      )
    scorer.queries = queries
    # Without targets nothing of the target is known: it may be retrieved.
    no_targets = [np.zeros(0, np.int64)] * len(requests)
    seen = Seen.of(catalogue.folder, split, requests.instance, no_targets)
    num_items = catalogue.train_count.size
    best = scorer.best(requests, seen, num_items, min(count, num_items))
    tables.append(
      _table(best, users["user_id"][requests.user], catalogue).with_columns(
        split=pl.lit(split)
      )
    )
    counts[split] = len(requests)
  table = pl.concat(tables)
  with artifacts.atomic_open(out) as file:
    table.write_parquet(file)
  return counts | {"fewest": int(table["items"].list.len().min())}


def _table(
  best_NxK: np.ndarray, user_ids: pl.Series, catalogue: ItemCatalogue
) -> pl.DataFrame:
  """Returns `user_id` and `items`, the ids of the items of each request."""
  item_ids = read.read_table(catalogue.folder / read.CATALOGUE)["item_id"]
  here = best_NxK >= 0
  return (
    pl.DataFrame(
      {
        "row": np.repeat(np.arange(len(here)), here.sum(axis=1)),
        "items": item_ids[best_NxK[here]],
      }
    )
    .group_by("row", maintain_order=True)
    .agg("items")
    .select(
      user_id=user_ids[pl.Series("row", np.flatnonzero(here.any(axis=1)))],
      items="items",
    )
  )
