"""`instructrec evaluate`: measures the answers of a checkpoint."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import gin
import jax
from etils import epath

from instructrec_jax import gin_files, paths
from instructrec_jax.data.records import sampling, trained
from instructrec_jax.errors import InputError, unknown
from instructrec_jax.eval import tuning
from instructrec_jax.eval.predictions import RANKED
from instructrec_jax.gin_files import macro
from instructrec_jax.model import ranking_model
from instructrec_jax.model.items.item_model import ItemModel
from instructrec_jax.runs import evaluate_items, score_weights
from instructrec_jax.runs import model_dir as model_dirs
from instructrec_jax.runs.clock import Clock
from instructrec_jax.train import checkpoint as checkpoints

# Requests that weights are chosen on if their number is not given.
_TUNED_ON = 500


def evaluate(
  model_dir: str,
  gin_file: Sequence[str] = (),
  gin_bindings: Sequence[str] = (),
  gin_search_paths: Sequence[str] = (),
  tfds_data_dir: str | None = None,
  step: int | None = None,
  num_requests: int | None = None,
  sample_seed: int = 0,
  tune_scores: bool = False,
  template: str | None = None,
  **settings: Any,
) -> list[epath.Path]:
  """Evaluates a run's checkpoint with the settings of its training.

  Args:
    model_dir: The run's folder.
    gin_file: Gin files to use in place of the run's config.gin, which
      `instructrec train` writes.
    gin_bindings: Single bindings, which override the files.
    gin_search_paths: More folders with gin files.
    tfds_data_dir: The folder of the records. The run's own by default.
    step: The step of the checkpoint. The newest by default.
    num_requests: Requests of each task to draw from the split. All by default.
    sample_seed: Draws them.
    tune_scores: Whether to choose the weights of the scores' parts on the
      validation split, and to write them beside the run instead of results.
    template: The wording to ask all requests in, see `asked_wording`. By
      default each request has its own.
    **settings: Arguments of `evaluate_checkpoint`. Gin sets the others.

  Returns:
    The folder of each task's results.

  Raises:
    InputError: A setting, a file or the data cannot be used.
  """
  folder = paths.anywhere(model_dir)
  config = folder / model_dirs.CONFIG_FILE
  with paths.reading(folder):
    has_config = config.exists()
  if not gin_file and not has_config:
    raise InputError(
      f"{folder} has no {model_dirs.CONFIG_FILE}: give the folder of a run of "
      "`instructrec train`, or the model's settings with --gin_file"
    )
  manifest = model_dirs.manifest(folder)
  tfds_data_dir = tfds_data_dir or manifest.get("tfds_data_dir")
  if tune_scores:
    settings = {"split": "validation", "tuned": folder} | settings
    num_requests = num_requests or _TUNED_ON
    model_dirs.check_writable(folder, "--model_dir")
  bindings, weights = [], None
  if not (tune_scores or gin_file or score_weights.are_bound(gin_bindings)):
    bindings, weights = _chosen(folder)
  out = settings.get("out", folder / "evaluation")
  model_dirs.check_writable(out, "--out")
  gin_files.parse(
    ["runs/native_evaluate.gin", *gin_file],
    [
      *bindings,
      *gin_bindings,
      *(["score_features.measured = True"] if tune_scores else []),
      f"MODEL_DIR = {str(folder)!r}",
      f"item_catalogue.tfds_data_dir = {tfds_data_dir or 'data/records'!r}",
      *sampling.bindings(num_requests, sample_seed),
      *([] if template is None else [f"asked_wording.name = {template!r}"]),
    ],
    gin_search_paths,
    run="evaluate",
    # The run may be anybody's.
    values=None if gin_file else str(config),
  )
  defaults = {
    "out": out,
    "system": paths.absolute(folder).name,
  }
  if step is not None:
    defaults["checkpoint"] = checkpoints.find(folder, step)
  if isinstance(macro("MODEL"), ItemModel):
    if tune_scores:
      raise InputError(
        "--tune_scores is for models of texts: the score of a model of items "
        "has no title's prior in it"
      )
    if template is not None:
      raise InputError(
        f"template {template!r}: {folder} holds a model of items, which reads "
        "no wording"
      )
    made_of = manifest.get("made_of")
    return evaluate_items.evaluate(**defaults | settings, made_of=made_of)
  from instructrec_jax import tasks
  from instructrec_jax.vocabulary import file as vocabulary_file
  from instructrec_jax.vocabulary import run_vocabulary

  tasks.use_records(tfds_data_dir or "data/records")
  vocabulary_file.use_kept(manifest.get("vocabulary", {}).get("file"))
  vocabulary = run_vocabulary.describe()
  model_dirs.check_rows(macro("MODEL"), vocabulary)
  if manifest:
    model_dirs.check_same(folder, {"vocabulary": vocabulary["sha256"]})
  defaults |= {
    "weights": weights,
    "prior_requests": macro("PRIOR_REQUESTS"),
  }
  return evaluate_checkpoint(**defaults | settings)


def _chosen(
  folder: epath.Path,
) -> tuple[list[str], dict[str, tuning.Weights] | None]:
  """Returns gin bindings and weights that were chosen for a run, if any."""
  requests, weights = score_weights.read(folder)
  if requests is None:
    return [], None
  bindings = [f"PRIOR_REQUESTS = {requests}"]
  if any(chosen != tuning.PLAIN for chosen in weights.values()):
    bindings.append("score_features.measured = True")
  if jax.process_index() == 0:
    print(
      f"scores have the weights of {folder / score_weights.FILE}; bind "
      "PRIOR_WEIGHT or POPULARITY_WEIGHT for others",
      file=sys.stderr,
    )
  return bindings, weights


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
  weights: Mapping[str, tuning.Weights] | None = None,
  prior_requests: int = 4,
  tuned: epath.Path | None = None,
) -> list[epath.Path]:
  """Answers every request, and measures the answers.

  The model produces what a task's metrics need: scores of the candidates, a
  text, or both. Texts are decoded greedily, up to the length of "targets".

  With several processes, each scores its share of the requests and the first
  writes the results. They equal those of one process to the last digit.

  Args:
    model: The model.
    checkpoint: Its parameters: a run's folder, for the newest checkpoint, or
      the folder of one step.
    mixture_or_task_name: The tasks to evaluate. Of InstructRec's families,
      those that rank, or else those that write.
    task_feature_lengths: The most tokens of "inputs" and of "targets", which
      are candidates' titles or written texts.
    out: The folder of the results, which go to <out>/<task>/<step>, with
      folders for further rankings. Those of the catalogue go to
      <out>/catalogue/<task>/<step>.
    split: "validation", "test", or a sample of them, e.g. "test_2k".
    batch_size: Requests of a batch, over all devices of a process.
    num_partitions: The number of devices that share a copy of the parameters.
    system: The model's name in tables.
    seed: Seed of the bootstrap.
    rank: "candidates" ranks a request's candidates. "catalogue" generates as
      many items as the model has beams (`RankingModel.num_beams`), for tasks
      that show no candidates.
    exclude_history: Whether a ranking of the catalogue excludes the items of
      the user's history.
    procedure: A key of `adaptive.PROCEDURES`, for the tasks of its forms. By
      default each task's own; see eval/procedures/.
    clock: Measures the stages: "loading" of the parameters, and those of
      `Evaluation.clock`. The times are printed at the end.
    weights: The weights of the parts of the scores, by task. By default those
      of the model, for all tasks. A task that is not named has the plain
      likelihood.
    prior_requests: The number of other users whose requests make the prior.
    tuned: The run's folder, to choose weights on the split and to keep them
      there. Nothing is then evaluated.

  Returns:
    The folder of each task's results; of weights, their file.

  Raises:
    InputError: A name or the split is unknown, no request fits, the checkpoint
      does not match the model, or processes see different requests.
  """
  import seqio

  from instructrec_jax.eval.recording import catalogue_ranking
  from instructrec_jax.runs import asking, seqio_evaluation
  from instructrec_jax.scoring.scorer import Scorer
  from instructrec_jax.tasks import family_records, lookup, titles

  if rank not in RANKED:
    raise unknown("choice of what to rank", rank, RANKED)
  if procedure is not None and rank != "candidates":
    raise InputError(
      f"procedure {procedure!r} ranks candidates: expected rank 'candidates', "
      f"got {rank!r}"
    )
  trained.check_split(split)
  tasks = lookup.measured_tasks(mixture_or_task_name, split)
  if rank == "catalogue":
    tasks = catalogue_ranking.matching(tasks)
  family_records.check_wording(map(seqio.TaskRegistry.get, tasks))
  sample = sampling.request_sample()
  if sample is not None and jax.process_index() == 0:
    print(
      f"asking at most {sample['num_requests']:,} requests of split {split!r}, "
      f"drawn by seed {sample['seed']}",
      file=sys.stderr,
    )
  for line in titles.told(map(seqio.TaskRegistry.get, tasks)):
    if jax.process_index() == 0:
      print(line, file=sys.stderr)
  own = tuning.Weights(model.prior_weight, model.popularity_weight)
  if weights is None:
    weights = dict.fromkeys(tasks, own)
    if rank == "catalogue" and own != tuning.PLAIN:
      raise InputError(
        f"PRIOR_WEIGHT is {own.prior_weight} and POPULARITY_WEIGHT is "
        f"{own.popularity_weight}: expected 0 and 0 with rank 'catalogue', "
        "whose beams are ranked by the likelihood alone"
      )
  score_weights.exchangeable(tasks, weights)
  if tuned is not None:
    tasks = score_weights.tunable(tasks, split)
  clock = clock or Clock()
  with clock.during("loading"):
    scorer = Scorer(model, checkpoint, batch_size, num_partitions)
  # Both runners name a checkpoint's folder by its step.
  digits = re.search(r"\d+$", scorer.checkpoint.name)
  evaluation = seqio_evaluation.Evaluation(
    scorer=scorer,
    split=split,
    lengths=dict(task_feature_lengths),
    out=paths.anywhere(out),
    step=int(digits[0]) if digits else None,
    system=system,
    seed=seed,
    weights=weights,
    prior_requests=prior_requests,
    clock=clock,
  )
  if tuned is not None:
    return [score_weights.tune(tuned, tasks, evaluation)]
  if procedure is not None:
    folders = asking.ask(procedure, tasks, evaluation)
  elif rank == "catalogue":
    folders = evaluation.rank_catalogue(tasks, exclude_history)
  else:
    folders = evaluation.answer(tasks)
  if jax.process_index() == 0:
    shapes = len(scorer.shapes)
    print(f"compiled {shapes} shapes of batches", file=sys.stderr)
    share = clock.share("model")
    print(f"{clock}, {share:.0%} of it in the model", file=sys.stderr)
  return folders
