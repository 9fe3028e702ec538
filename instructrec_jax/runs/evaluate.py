"""`instructrec evaluate`: a checkpoint answers, and answers are measured."""

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import gin
import jax
from etils import epath

from instructrec_jax import artifacts, gin_files, paths
from instructrec_jax.errors import InputError, unknown
from instructrec_jax.eval.predictions import RANKED
from instructrec_jax.gin_files import macro
from instructrec_jax.model import ranking_model
from instructrec_jax.runs import model_dir as model_dirs
from instructrec_jax.runs.clock import Clock
from instructrec_jax.train import checkpoint as checkpoints


def evaluate(
  model_dir: str,
  gin_file: Sequence[str] = (),
  gin_bindings: Sequence[str] = (),
  gin_search_paths: Sequence[str] = (),
  tfds_data_dir: str | None = None,
  step: int | None = None,
  **settings: Any,
) -> list[epath.Path]:
  """Evaluates a run's checkpoint with the settings it was trained with.

  Args:
    model_dir: the run's folder.
    gin_file: instead of the run's config.gin, which it has if
      `instructrec train` made it.
    gin_bindings: single bindings, which win over the files.
    gin_search_paths: where else to look for gin files.
    tfds_data_dir: the folder of the records; the run's own by default.
    step: which of the run's checkpoints; the newest by default.
    **settings: of `evaluate_checkpoint`; gin decides on those not given.

  Returns:
    The folder of each task's results.

  Raises:
    InputError: if something of this cannot be used.
  """
  folder = paths.anywhere(model_dir)
  config = folder / model_dirs.CONFIG_FILE
  with paths.reading(folder):
    has_config = config.exists()
  if not gin_file and not has_config:
    raise InputError(
      f"{folder} has no {model_dirs.CONFIG_FILE}: expected the folder of a run "
      "of `instructrec train`, or --gin_file with the model's settings"
    )
  manifest = folder / artifacts.MANIFEST
  if tfds_data_dir is None and manifest.exists():
    tfds_data_dir = json.loads(manifest.read_text())["tfds_data_dir"]
  gin_files.parse(
    ["runs/native_evaluate.gin", *(gin_file or [str(config)])],
    [*gin_bindings, f"MODEL_DIR = {str(folder)!r}"],
    gin_search_paths,
  )
  from instructrec_jax import tasks
  from instructrec_jax.vocabulary import run_vocabulary

  tasks.use_records(tfds_data_dir or "data/records")
  vocabulary = run_vocabulary.describe()
  model_dirs.check_rows(macro("MODEL"), vocabulary)
  if manifest.exists():
    model_dirs.check_same(folder, {"vocabulary": vocabulary["sha256"]})
  defaults = {
    "out": folder / "evaluation",
    "system": paths.absolute(folder).name,
  }
  if step is not None:
    defaults["checkpoint"] = checkpoints.find(folder, step)
  return evaluate_checkpoint(**defaults | settings)


@gin.configurable("evaluate", module="instructrec_jax")
def evaluate_checkpoint(
  model: ranking_model.RankingModel = gin.REQUIRED,
  checkpoint: str | os.PathLike = gin.REQUIRED,
  mixture_or_task_name: str = gin.REQUIRED,
  task_feature_lengths: Mapping[str, int] = gin.REQUIRED,
  out: str | os.PathLike = gin.REQUIRED,
  split: str = "test",
  batch_size: int = 32,
  num_partitions: int = 1,
  system: str = "model",
  seed: int = 0,
  rank: str = "candidates",
  exclude_history: bool = True,
  procedure: str | None = None,
  clock: Clock | None = None,
) -> list[epath.Path]:
  """Answers every request, and measures the answers.

  What is asked of the model is what a task's metrics want: scores of its
  candidates, a text, or both. Texts are the likeliest token each time, and have
  the targets' length at the most.

  Of several processes each scores its share of the requests, and the first
  writes the results: those of one process, to the last digit.

  Args:
    model: what scores.
    checkpoint: of its parameters: a run's folder, for the newest, or one step's
      folder.
    mixture_or_task_name: what to evaluate. Of InstructRec's families those that
      rank, or where there is none those that write.
    task_feature_lengths: tokens of "inputs", and of "targets", which a
      candidate's title or a text may have.
    out: folder for results, <out>/<task>/<step>, where further rankings have
      folders of their names; of the catalogue, <out>/catalogue/<task>/<step>.
    split: "validation", "test", or one of their samples, e.g. "test_2k".
    batch_size: requests at a time, over all devices of a process.
    num_partitions: devices that one copy of the parameters is split over.
    system: the model's name in tables.
    seed: of the bootstrap.
    rank: the request's "candidates", or the whole "catalogue", out of which the
      model generates as many items as it has beams (`RankingModel.num_beams`);
      of tasks that show no candidates.
    exclude_history: of the catalogue, whether to leave out what a request's
      user has had before.
    procedure: a key of `adaptive.PROCEDURES`, for the tasks of its form; None
      for what each task declares, see eval/procedures/.
    clock: keeps how long each stage takes, "loading" of the parameters and
      those of `Evaluation.clock`; they are printed at the end.

  Returns:
    The folder of each task's results.

  Raises:
    InputError: for an unknown name or split, no request that fits, a
      checkpoint that does not fit the model, or processes that do not see the
      same requests.
  """
  from instructrec_jax.eval.recording import catalogue_ranking
  from instructrec_jax.runs import asking, seqio_evaluation
  from instructrec_jax.scoring.scorer import Scorer
  from instructrec_jax.tasks import lookup

  if rank not in RANKED:
    raise unknown("choice of what to rank", rank, RANKED)
  if procedure is not None and rank != "candidates":
    raise InputError(
      f"procedure {procedure!r} asks about candidates: expected rank "
      f"'candidates', got {rank!r}"
    )
  tasks = lookup.measured_tasks(mixture_or_task_name, split)
  if rank == "catalogue":
    tasks = catalogue_ranking.matching(tasks)
  clock = clock or Clock()
  with clock.during("loading"):
    scorer = Scorer(model, checkpoint, batch_size, num_partitions)
  # Checkpoints of either runner are in folders named by their steps.
  digits = re.search(r"\d+$", scorer.checkpoint.name)
  evaluation = seqio_evaluation.Evaluation(
    scorer=scorer,
    split=split,
    lengths=dict(task_feature_lengths),
    out=paths.anywhere(out),
    step=int(digits[0]) if digits else None,
    system=system,
    seed=seed,
    clock=clock,
  )
  if procedure is not None:
    folders = asking.ask(procedure, tasks, evaluation)
  elif rank == "catalogue":
    folders = evaluation.rank_catalogue(tasks, exclude_history)
  else:
    folders = evaluation.answer(tasks)
  if jax.process_index() == 0:
    shapes = len(scorer.shapes)
    print(f"{shapes} shapes of batches were compiled", file=sys.stderr)
    share = clock.share("model")
    print(f"{clock}, of which the model {share:.0%}", file=sys.stderr)
  return folders
