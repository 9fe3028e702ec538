"""The weights of a run's scores: chosen on validation, kept beside the run."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from etils import epath

from instructrec_jax import paths
from instructrec_jax.artifacts import atomic_write_text
from instructrec_jax.data.records import sampling
from instructrec_jax.errors import InputError
from instructrec_jax.eval.tuning import PLAIN, Weights, choose
from instructrec_jax.files import json_lines
from instructrec_jax.model import exchange
from instructrec_jax.settings import macros

FILE = "score_weights.json"
# What the weights are chosen by, and what is shown beside.
_CHOSEN_BY, _SHOWN = "ndcg@10", ("hr@1", "ndcg@10")
_MACROS = ("PRIOR_WEIGHT", "POPULARITY_WEIGHT")


def are_bound(bindings: Sequence[str]) -> bool:
  """Returns whether single gin bindings set a weight."""
  names = (binding.partition("=")[0].strip() for binding in bindings)
  return any(name in _MACROS for name in names)


def read(folder: epath.Path) -> tuple[int | None, dict[str, Weights]]:
  """Returns the number of other users and the weights by task.

  None and no weights if nothing was chosen for the run.

  Raises:
    InputError: The file is damaged.
  """
  path = folder / FILE
  with paths.reading(folder):
    if not path.exists():
      return None, {}
  row = json_lines.document(path)
  try:
    requests = row["prior_requests"]
    macros.check_value("PRIOR_REQUESTS", requests)
    found = {}
    for task, chosen in row["tasks"].items():
      found[task] = Weights(chosen["prior_weight"], chosen["popularity_weight"])
      for name, value in zip(_MACROS, found[task], strict=True):
        macros.check_value(name, value)
  except (KeyError, TypeError, AttributeError, InputError) as error:
    raise InputError(
      f"{path}: expected what `instructrec evaluate --tune_scores` writes, got "
      f"{error!s:.200}; run it again, or remove the file"
    ) from None
  return requests, found


def tune(
  folder: epath.Path, tasks: Sequence[str], evaluation: Any
) -> epath.Path:
  """Chooses the weights of each task, and writes them beside the run.

  Args:
    folder: The run's folder.
    tasks: Tasks that rank.
    evaluation: A `seqio_evaluation.Evaluation` of a validation split.

  Returns:
    The file. Tasks that it had before, with as many other users, stay.

  Raises:
    InputError: No request of a task fits.
  """
  from instructrec_jax.eval.recording import evaluator

  chosen = {}
  for task in tasks:
    targets, parts = evaluation.measure_parts(task)

    def figures(
      weights: Weights, targets: Any = targets, parts: Any = parts
    ) -> Mapping[str, float]:
      scores = exchange.exchanged(
        parts["log_likelihood"],
        parts["prior"],
        parts["log_popularity"],
        *weights,
      )
      return evaluator.ranking_metric_fn(targets, scores)

    with evaluation.clock.during("metrics"):
      best = choose(lambda weights: figures(weights)[_CHOSEN_BY])
      before, after = figures(PLAIN), figures(best)
    chosen[task] = {
      **best._asdict(),
      "chosen_by": _CHOSEN_BY,
      "split": evaluation.split,
      "n": int(before["n"]),
      "sample": sampling.request_sample(),
      "step": evaluation.step,
      "plain": {name: before[name] for name in _SHOWN},
      "chosen": {name: after[name] for name in _SHOWN},
    }
    if jax.process_index() == 0:
      shown = ", ".join(
        f"{name} {before[name]:.4f} -> {after[name]:.4f}" for name in _SHOWN
      )
      print(
        f"{task}: PRIOR_WEIGHT = {best.prior_weight}, POPULARITY_WEIGHT = "
        f"{best.popularity_weight}, chosen by {_CHOSEN_BY} on "
        f"{int(before['n']):,} requests of {evaluation.split!r}: {shown}",
        file=sys.stderr,
      )
  path = folder / FILE
  if jax.process_index() == 0:
    kept = {}
    if read(folder)[0] == evaluation.prior_requests:
      kept = json.loads(path.read_text())["tasks"]
    found = {
      "prior_requests": evaluation.prior_requests,
      "tasks": kept | chosen,
    }
    atomic_write_text(path, json.dumps(found, indent=2) + "\n")
  return path


def exchangeable(tasks: Sequence[str], weights: Mapping[str, Weights]) -> None:
  """Raises InputError if a task with weights has no parts to weigh."""
  import seqio

  from instructrec_jax.tasks.family_records import FamilyRecords

  for task in tasks:
    source = seqio.TaskRegistry.get(task).source
    if weights.get(task, PLAIN) != PLAIN and not isinstance(
      source, FamilyRecords
    ):
      raise InputError(
        f"task {task!r}: PRIOR_WEIGHT and POPULARITY_WEIGHT apply to "
        "InstructRec's families only: expected 0 and 0, got "
        f"{tuple(weights[task])}"
      )


def tunable(tasks: Sequence[str], split: str) -> list[str]:
  """Returns the tasks whose scores have parts to weigh.

  Raises:
    InputError: There is none, or the split is not for choices.
  """
  import seqio

  from instructrec_jax.instructions.questions import FORMS
  from instructrec_jax.tasks.family_records import FamilyRecords

  if not split.startswith("validation"):
    raise InputError(
      f"--tune_scores chooses on validation: expected split 'validation' or "
      f"'validation_2k', got {split!r}"
    )
  sources = {task: seqio.TaskRegistry.get(task).source for task in tasks}
  found = [
    task
    for task, source in sources.items()
    if isinstance(source, FamilyRecords) and FORMS[source.family.form].ranks
  ]
  if not found:
    raise InputError(
      "--tune_scores: expected a task of InstructRec's families that rank, got "
      f"{list(tasks)}"
    )
  return found


def parts(
  scorer: Any, rows: Mapping[str, np.ndarray], weights: Weights
) -> dict[str, Any]:
  """Returns the parts of rows' scores, [N, C]; None for a weight of 0."""
  return {
    "log_likelihood": scorer.score(rows),
    "prior": scorer.prior(rows) if weights.prior_weight else None,
    "log_popularity": rows["log_popularity"]
    if weights.popularity_weight
    else None,
  }
