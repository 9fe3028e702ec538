"""`instructrec baseline llm`: a language model ranks without any training."""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from etils import epath

from instructrec_jax import errors, paths, quiet_tensorflow
from instructrec_jax.artifacts import atomic_write_text
from instructrec_jax.baselines import rank as on_records
from instructrec_jax.baselines.asked import asking, measuring, wordings
from instructrec_jax.data.records import read, sampling
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.eval.predictions import Predictions
from instructrec_jax.eval.procedures import orders
from instructrec_jax.eval.recording import results
from instructrec_jax.teacher.annotation.choosing import Choice, Instead
from instructrec_jax.teacher.asked import local
from instructrec_jax.teacher.asked.exchange import UnsupportedError

# Who may be asked: keys of `choosing.TEACHERS`.
RANKERS = ("api", "local")
# All that determines the answers, and what they took.
ASKED_FILE = "asked.json"
_FLAG = "ranker"


def rank(
  dataset: str,
  data_dir: str | Path = "data",
  split: str = "test",
  ranker: str = "api",
  out: str | Path | None = None,
  shuffles: int = 1,
  history_length: int = 50,
  num_requests: int | None = None,
  sample_seed: int = 0,
  seed: int = 0,
  **given: Any,
) -> epath.Path | Instead:
  """Ranks a split's candidates by a language model's answers.

  Args:
    dataset: the short name of a built dataset.
    data_dir: the folder of all datasets.
    split: one of `baselines.rank.SPLITS`.
    ranker: one of RANKERS.
    out: the folder for the results; by default one in data_dir/baselines.
    shuffles: 1 for the records' order of candidates; else the number of drawn
      orders, whose ranks are summed.
    history_length: the most items of a history that are shown.
    num_requests: how many requests are asked, as in `evaluate`; None for all.
    sample_seed: of that draw.
    seed: of orders and intervals.
    **given: options of the server or of the model, see `choosing.TEACHERS`.

  Returns:
    The folder of the results; or what was done instead of asking.

  Raises:
    InputError: an option is wrong, there are no records, or the model cannot
      be used.
  """
  if split not in on_records.SPLITS:
    raise errors.unknown("split with candidates", split, on_records.SPLITS)
  if ranker not in RANKERS:
    raise errors.unknown(_FLAG, ranker, RANKERS)
  if ranker == "local":
    local.before_tensorflow()
  quiet_tensorflow.load()
  requests = Requests.load(data_dir, dataset, split)
  sample = sampling.request_sample(num_requests, sample_seed)
  questions = _questions(
    requests,
    read.load_catalogue(data_dir, dataset)["title"].to_list(),
    shuffles,
    history_length,
    sample,
    seed,
  )
  asked = _ask(questions, dataset, data_dir, ranker, given)
  if isinstance(asked, Instead):
    return asked
  answered, reading, made_of = asked
  system = _system(given["model"], shuffles)
  folder = paths.anywhere(
    out or _folder(data_dir, dataset, split, system, sample)
  )
  predictions, scores_PxBxC = _predictions(questions, answered)
  result = results.Result.of(
    predictions,
    system=system,
    dataset=dataset,
    task=None,
    split=split,
    seed=seed,
    ordered=requests.ordered,
    sample=sample,
    further=measuring.further(reading, scores_PxBxC, predictions.gains, seed),
  )
  results.write(folder, result, predictions)
  made_of |= {"shuffles": shuffles, "history_length": history_length}
  text = json.dumps(made_of, indent=2, ensure_ascii=False)
  atomic_write_text(folder / ASKED_FILE, text + "\n")
  return folder


def _questions(
  requests: Requests,
  titles: list[str],
  shuffles: int,
  history_length: int,
  sample: Mapping[str, int] | None,
  seed: int,
) -> asking.Questions:
  """Returns what is asked."""
  rows = np.arange(len(requests))
  if sample is not None:
    rows = np.flatnonzero(
      np.isin(requests.instance, sampling.drawn(requests.instance, **sample))
    )
  here_BxC = requests.candidates[rows] != read.ABSENT
  counts_B = here_BxC.sum(axis=1)
  if shuffles == 1:
    # Builders put the target at a random place, so this order tells nothing.
    shown = np.where(here_BxC, np.arange(here_BxC.shape[1]), -1)[None]
  else:
    shown = orders.permutations(
      requests.instance[rows].tolist(), counts_B, shuffles, seed
    )
  return asking.Questions(requests, rows, shown, titles, history_length)


def _ask(
  questions: asking.Questions,
  dataset: str,
  data_dir: str | Path,
  ranker: str,
  given: Mapping[str, Any],
) -> Instead | tuple[pl.DataFrame, asking.Reading, dict[str, Any]]:
  """Returns the answers, what has read them, and what they are made of."""
  try:
    return _ask_in_form(questions, dataset, data_dir, ranker, given)
  except UnsupportedError as error:
    if given.get("response_format") or ranker != "api":
      raise
    refused = error
  print(
    f"{refused}. Asking again without a JSON schema (--response_format=text)",
    file=sys.stderr,
  )
  text = {**given, "response_format": "text"}
  return _ask_in_form(questions, dataset, data_dir, ranker, text)


def _ask_in_form(
  questions: asking.Questions,
  dataset: str,
  data_dir: str | Path,
  ranker: str,
  given: Mapping[str, Any],
) -> Instead | tuple[pl.DataFrame, asking.Reading, dict[str, Any]]:
  reading = asking.Reading()
  manner = asking.manner(
    wordings.words(dataset), questions.orders.shape[2], reading
  )
  choice = Choice(ranker, data_dir, given, manner, _FLAG)
  done = choice.instead([(asking.RANKING, questions.batches())])
  if done is not None:
    return done
  teacher = choice.teacher(dataset, 0, pl.DataFrame())
  answered = pl.concat(teacher.answer(asking.RANKING, questions.batches()))
  for reason, count in measuring.without_answer(answered).items():
    print(
      f"{count:,} of {answered.height:,} questions: {reason}; their candidates "
      "tie. Run the same command again to ask only them",
      file=sys.stderr,
    )
  kinds = (asking.RANKING,)
  return answered, reading, {**teacher.made_of(kinds), **teacher.counts()}


def _predictions(
  questions: asking.Questions, answered: pl.DataFrame
) -> tuple[Predictions, np.ndarray]:
  """Returns the requests with summed points, and the points of each order."""
  requests, rows = questions.requests, questions.rows
  points_PxBxC = measuring.points(answered, questions.orders)
  candidates_BxC = requests.candidates[rows]
  relevant = requests.relevant_items
  predictions = Predictions.of(
    requests.instance[rows],
    requests.user[rows],
    [relevant[row] for row in rows.tolist()],
    [codes[codes != read.ABSENT] for codes in candidates_BxC],
    points_PxBxC.sum(axis=0),
  )
  return predictions, points_PxBxC


def _system(model: str, shuffles: int) -> str:
  """Returns the name that tables show."""
  name = Path(model).name or model
  return f"llm {name}" + (f", {shuffles} orders" if shuffles > 1 else "")


def _folder(
  data_dir: str | Path,
  dataset: str,
  split: str,
  system: str,
  sample: Mapping[str, int] | None,
) -> epath.Path:
  """Returns a folder for the results that no other options share."""
  plain = re.sub(r"[^\w.-]+", "_", system)
  name = f"{dataset}_{split}_{plain}"
  if sample is not None:
    name += f"_{sample['num_requests']}_of_seed_{sample['seed']}"
  return paths.anywhere(data_dir) / "baselines" / name
