"""The whole pipeline on a simulated world, on a laptop, in minutes.

The stages are simulate, normalize, build, train, evaluate and report; real data
uses the same ones. Data and models that exist are not made again.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from instructrec_jax import parquet, paths
from instructrec_jax.baselines import rank as baselines
from instructrec_jax.data import names, normalize, simulate
from instructrec_jax.data.records import build, read
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.report import command as reports
from instructrec_jax.runs import evaluate, train
from instructrec_jax.runs.clock import Clock
from instructrec_jax.train.writers import METRICS_FILE
from instructrec_jax.vocabulary.training import build_extras

DATASET = "demo"
_DOMAIN = "board_games"
_SPLIT = "test"
# What the report compares with.
_BASELINES = ("popularity", "random")
_VOCABULARY_SIZE = 512


def demo(
  out: str | Path = "demo",
  seed: int = 0,
  num_users: int = 2000,
  num_items: int = 300,
  gin_bindings: Sequence[str] = (),
) -> None:
  """Runs all stages, and prints a table of the results.

  Args:
    out: The folder for all files.
    seed: Seed of the world, the records, and training.
    num_users: The number of customers of the world.
    num_items: The number of items in each of its domains.
    gin_bindings: Bindings for training, such as "TRAIN_STEPS = 100".

  Raises:
    InputError: `out` holds a demo that was made with other settings.
  """
  out = paths.local(out, "write to a local one and copy it")
  data_dir, raw = out / "data", out / "raw"
  clock = Clock()

  clock.start("simulate")
  simulate.simulate(raw, num_users, num_items, seed)
  clock.start("normalize")
  # In the same way as a user's own files.
  normalize.normalize(
    "table", raw / _DOMAIN, data_dir, DATASET, **simulate.COLUMNS
  )
  clock.start("build")
  build.build(data_dir, DATASET, seed=seed, **build_extras(_VOCABULARY_SIZE))
  clock.start("train")
  model_dir = out / "model"
  train.train(
    ["runs/native_finetune.gin", "experiments/demo.gin"],
    [f"MODEL_DIR = {str(model_dir)!r}", f"RANDOM_SEED = {seed}", *gin_bindings],
    tfds_data_dir=str(data_dir / "records"),
  )
  clock.start("evaluate")
  results = evaluate.evaluate(
    str(model_dir), out=out / "results" / "model", split=_SPLIT
  )
  for baseline in _BASELINES:
    folder = out / "results" / baseline
    baselines.evaluate_baseline(
      data_dir, DATASET, _SPLIT, baseline, folder, seed
    )
    results.append(folder)
  results.append(_optimum(raw / _DOMAIN, data_dir, out / "results"))
  clock.start("report")
  page = out / "report.html"
  table = reports.report(
    results, [page], data_dir, training_log=model_dir / METRICS_FILE
  )
  clock.stop()
  print(f"\n{table}\n{clock}\n\nPage with plots and examples: {page}")


def _optimum(raw: Path, data_dir: Path, results: Path) -> Path:
  """Ranks by the probabilities with which the world drew each purchase."""
  planted = np.load(raw / "optimum.npz")
  requests = Requests.load(data_dir, DATASET, _SPLIT)
  users = parquet.read(names.tables_dir(data_dir, DATASET) / "users.parquet")[
    "user_id"
  ]
  items = read.load_catalogue(data_dir, DATASET)["item_id"]
  # The world's row of each code of the tables. The world sorts its ids.
  world_user = np.searchsorted(planted["users"], users.to_numpy().astype(str))
  world_item = np.searchsorted(planted["items"], items.to_numpy().astype(str))
  scores = planted["log_p"][
    world_user[requests.user][:, None], world_item[requests.candidates]
  ]
  folder = results / "optimum"
  baselines.write(
    baselines.of_candidates(requests, scores),
    folder,
    system="optimum",
    dataset=DATASET,
    split=_SPLIT,
    seed=0,
  )
  return folder
