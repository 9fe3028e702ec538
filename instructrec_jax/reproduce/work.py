"""Makes the parts of a plan, each once, in a folder that a later call reads.

  <out>/reproduce.json            the settings that all parts share
  <out>/models/<name>/            a run of `instructrec train`
  <out>/wordings/<task>/<name>/   a wording's result on validation
  <out>/rows/<row>/<system>/      a system's result on test
  <out>/**/done.json              written when that part is finished

A part without done.json is made again; a training goes on from its newest
checkpoint.
"""

import dataclasses
import functools
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from instructrec_jax import artifacts
from instructrec_jax.baselines import rank as baselines
from instructrec_jax.data import variants
from instructrec_jax.data.names import records_name
from instructrec_jax.data.records import build
from instructrec_jax.errors import InputError
from instructrec_jax.eval.recording import results
from instructrec_jax.instructions.asked_wording import names_of
from instructrec_jax.reproduce.plan import Data, Part
from instructrec_jax.reproduce.rows import ROWS, Row
from instructrec_jax.reproduce.systems import (
  BASELINE,
  ITEMS,
  RETRIEVER,
  SYSTEMS,
  TEXTS,
  TINY,
)
from instructrec_jax.runs import evaluate, retrieve, train
from instructrec_jax.runs.clock import Clock
from instructrec_jax.vectors import stage as vectors

SETTINGS = "reproduce.json"
_DONE = "done.json"
# A wording is chosen by this metric on validation.
_CHOSEN_BY = "ndcg@5"
_RUN = "runs/native_finetune.gin"
# The split of all figures, and that of all choices.
_TOLD, _CHOSEN_ON = "test", "validation"


@dataclasses.dataclass(frozen=True)
class Settings:
  """What all parts of a folder share.

  Attributes:
    experiment: The gin file of the model of texts.
    bindings: Bindings for its training.
    train_steps: Steps of every training; None for its own number.
    max_seconds: Seconds of every training; None for no limit.
    wording_requests: Requests of validation that each wording is asked on.
    num_requests: Requests of test to draw; None for all.
    seed: Seed of trainings, draws and intervals.
  """

  experiment: str
  bindings: tuple[str, ...] = ()
  train_steps: int | None = None
  max_seconds: float | None = None
  wording_requests: int = 500
  num_requests: int | None = None
  seed: int = 0


@dataclasses.dataclass(frozen=True)
class Made:
  """A part's result.

  Attributes:
    part: The part.
    folder: The folder of its result; None if it could not be made.
    reason: Why it could not be made, or None.
    wording: The wording that the model of texts was asked in, if it was.
  """

  part: Part
  folder: str | None = None
  reason: str | None = None
  wording: str | None = None


class Work:
  """Makes parts, and remembers which are done.

  Attributes:
    clock: The time of each kind of part.
    reused: The number of parts that were done before.
  """

  def __init__(self, data: Data, settings: Settings, out: Path):
    """Opens the folder.

    Raises:
      InputError: It was made with other data or settings.
    """
    self._data, self._settings, self._out = data, settings, out
    self.clock = Clock()
    self.reused = 0
    check_same(
      out,
      {
        "dataset": data.dataset,
        "records": data.manifest(data.dataset)["fingerprint"],
        **dataclasses.asdict(settings),
      },
    )

  def make(self, parts: Sequence[Part]) -> list[Made]:
    """Makes what is not skipped, and returns a result for each part."""
    todo = [part for part in parts if part.reason is None]
    self._build_search(todo)
    done = []
    for number, part in enumerate(todo, 1):
      _say(f"[{number}/{len(todo)}] {part.row}: {part.system}")
      done.append(self._part(part))
    self.clock.stop()
    return done

  def _part(self, part: Part) -> Made:
    row, system = ROWS[part.row], SYSTEMS[part.system]
    try:
      self._build(part.dataset, row)
      wording, model = None, ""
      if system.kind != BASELINE:
        model = self._trained(part)
      if system.kind not in (BASELINE, ITEMS):
        wording = self._wording(model, row)
      folder = self._out / "rows" / part.row / part.system
      if part.dataset != self._data.dataset:
        folder /= part.dataset
      ask = functools.partial(self._ask, part, model, wording, folder)
      made_of = {
        "records": self._data.manifest(part.dataset, row.variant)[
          "fingerprint"
        ],
        "wording": wording,
      }
      done = self._once(f"rank {part.system}", folder, made_of, ask)
    except _TrainingError as error:
      raise error.cause from None
    except InputError as error:
      # The others can be made; the summary says why this one is not there.
      _say(f"left out: {error}")
      return Made(part, reason=str(error))
    return Made(part, done["folder"], wording=wording)

  def _build_search(self, parts: Sequence[Part]) -> None:
    """Builds the records of search, which the training of texts depends on.

    A model is trained once, for rows that are asked for later too.
    """
    needs = any(SYSTEMS[part.system].kind == TEXTS for part in parts)
    features = self._data.manifest(self._data.dataset)["counts"]["features"]
    if needs and {"specific_intention", "vague_intention"} & {*features}:
      try:
        self._build(self._data.dataset, ROWS["product_search"])
      except InputError as error:  # Few items give no split of them.
        _say(f"no records of product search: {error}")

  def _build(self, dataset: str, row: Row) -> None:
    """Builds a variant of records as the plain ones were built.

    Hard negatives are what a retriever ranks highest.
    """
    if not row.variant or self._data.has(dataset, row.variant):
      return
    plain = self._data.manifest(dataset)
    file = None
    if "hard" in variants.named(row.variant).candidates:
      file = self._out / "retrieved" / f"{dataset}.parquet"
      model = self._trained(Part("sequential", RETRIEVER, dataset, None))
      self.clock.start("retrieve")
      retrieve.retrieve(dataset, model, file, str(self._data.data_dir))
    self.clock.start(f"build --variant {row.variant}")
    build.build(
      self._data.data_dir,
      dataset,
      seed=plain["seed"] or 0,
      max_history=plain["options"]["max_history"],
      variant=row.variant,
      candidates_file=file,
    )

  def _trained(self, part: Part) -> str:
    """Trains a part's model, unless it is trained, and returns its folder."""
    system, settings = SYSTEMS[part.system], self._settings
    # A model of items knows only its own items, so it is trained on them.
    dataset = part.dataset if system.kind == ITEMS else self._data.dataset
    name, query = part.system, None
    if system.reads_query:
      row = ROWS[part.row]
      query = row.query
      name = f"{name}_{query}"
      # Queries of product search are those of items that were held out.
      if variants.named(row.variant).by_item:
        dataset += variants.suffix(row.variant)
    folder = self._out / "models" / f"{name}_{dataset}"
    own = (
      self._bindings_of_items(dataset, system.reads_vectors, query)
      if system.kind == ITEMS
      else self._bindings_of_texts()
    )
    bindings = [
      f"MODEL_DIR = {str(folder / 'run')!r}",
      f"RANDOM_SEED = {settings.seed}",
      *own,
    ]
    if settings.train_steps is not None:
      bindings.append(f"TRAIN_STEPS = {settings.train_steps}")
      if system.kind == ITEMS or settings.experiment == TINY:
        warmup = max(1, min(100, settings.train_steps // 10))
        bindings.append(f"WARMUP_STEPS = {warmup}")
    if settings.max_seconds is not None:
      bindings.append(f"MAX_SECONDS = {settings.max_seconds}")
    gin_file = system.gin_file or settings.experiment
    made_of = {
      "gin_file": gin_file,
      "bindings": bindings[1:],
      "records": self._data.manifest(dataset)["fingerprint"],
    }

    def run() -> dict[str, Any]:
      try:
        manifest = train.train(
          [_RUN, gin_file],
          bindings,
          tfds_data_dir=str(self._data.data_dir / "records"),
        )
      except InputError as error:
        raise _TrainingError(error) from None
      return {"step": manifest["step"]}

    self._once(f"train {part.system}", folder, made_of, run)
    return str(folder / "run")

  def _bindings_of_items(
    self, dataset: str, reads_vectors: bool, query: str | None
  ) -> list[str]:
    bindings = [f"DATASET = {dataset!r}"]
    if query is not None:
      bindings.append(f"QUERY = {query!r}")
    if reads_vectors:
      folder = vectors.default_folder(self._data.data_dir, dataset)
      bindings.append(f"TEXT_VECTORS = {str(folder)!r}")
    return bindings

  def _bindings_of_texts(self) -> list[str]:
    mixture = records_name(self._data.dataset)
    # With records of search, no query for one of its test items is trained on.
    if self._data.has(self._data.dataset, "search"):
      mixture += "_all_rows"
    return [f"MIXTURE_OR_TASK_NAME = {mixture!r}", *self._settings.bindings]

  def _wording(self, model: str, row: Row) -> str:
    """Returns the wording of a family that ranks best on validation."""
    # Other candidates and other data are asked in the words chosen on these.
    variant = row.variant if variants.named(row.variant).by_item else ""
    task = _task(self._data.dataset, variant, row.family)
    found = {}
    for name in names_of(row.family):
      folder = self._out / "wordings" / task / name
      ask = functools.partial(
        self._answer,
        model,
        task,
        folder,
        split=_CHOSEN_ON,
        template=name,
        num_requests=self._settings.wording_requests,
      )
      made_of = {
        "records": self._data.manifest(self._data.dataset, variant)[
          "fingerprint"
        ]
      }
      done = self._once("choose a wording", folder, made_of, ask)
      result = results.read_result(done["folder"])
      found[name] = result.metrics[_CHOSEN_BY].value
    return max(found, key=lambda name: found[name])

  def _ask(
    self, part: Part, model: str, wording: str | None, folder: Path
  ) -> dict[str, Any]:
    """Ranks a part's requests of test."""
    row, kind = ROWS[part.row], SYSTEMS[part.system].kind
    dataset = part.dataset + variants.suffix(row.variant)
    settings = self._settings
    if kind == BASELINE:
      baselines.evaluate_baseline(
        self._data.data_dir,
        dataset,
        _TOLD,
        part.system,
        folder,
        settings.seed,
        query=row.query,
        num_requests=settings.num_requests,
        sample_seed=settings.seed,
      )
      return {"folder": str(folder)}
    if kind == ITEMS:
      return self._answer(
        model,
        None,
        folder,
        split=_TOLD,
        system=part.system,
        gin_bindings=[f"DATASET = {dataset!r}"],
        num_requests=settings.num_requests,
      )
    return self._answer(
      model,
      _task(part.dataset, row.variant, row.family),
      folder,
      split=_TOLD,
      system=part.system,
      template=wording,
      num_requests=settings.num_requests,
      **({"procedure": row.procedure} if row.procedure else {}),
    )

  def _answer(
    self, model: str, task: str | None, folder: Path, **options: Any
  ) -> dict[str, Any]:
    """Evaluates a trained model, and returns where its result is."""
    if task is not None:
      options["mixture_or_task_name"] = task
    [found] = evaluate.evaluate(
      model,
      tfds_data_dir=str(self._data.data_dir / "records"),
      out=str(folder),
      seed=self._settings.seed,
      sample_seed=self._settings.seed,
      **options,
    )
    return {"folder": str(found)}

  def _once(
    self,
    kind: str,
    folder: Path,
    made_of: Mapping[str, Any],
    make: Callable[[], dict[str, Any]],
  ) -> dict[str, Any]:
    """Makes something in a folder, or returns what is done there.

    Raises:
      InputError: What is done there was made of something else.
    """
    file = folder / _DONE
    made_of = json.loads(json.dumps(made_of))
    if file.exists():
      done = json.loads(file.read_text())
      if done["made_of"] != made_of:
        raise InputError(
          f"{folder} was made of {done['made_of']}, but now it would be made "
          f"of {made_of}: choose another --out"
        )
      self.reused += 1
      return done
    self.clock.start(kind)
    done = {"made_of": made_of} | make()
    artifacts.atomic_write_text(file, json.dumps(done, indent=2) + "\n")
    return done


class _TrainingError(Exception):
  """A training was refused, which the user must settle first."""

  def __init__(self, cause: InputError):
    super().__init__(str(cause))
    self.cause = cause


def check_same(out: Path, settings: Mapping[str, Any]) -> None:
  """Writes the settings of a folder, or compares those that are there.

  Raises:
    InputError: The folder was made with other settings.
  """
  file = out / SETTINGS
  now = json.loads(json.dumps(settings))
  if not file.exists():
    artifacts.atomic_write_text(file, json.dumps(now, indent=2) + "\n")
    return
  try:
    before = json.loads(file.read_text())
  except ValueError as error:
    raise InputError(f"{file} is not JSON ({error}): remove it") from None
  for name, value in now.items():
    if before.get(name) != value:
      raise InputError(
        f"{out} was made with {name} {before.get(name)!r}, but got {value!r}: "
        "choose another --out, or the settings that it was made with"
      )


def vocabulary_pieces(data: Data) -> int | None:
  """Returns the number of pieces of a dataset's own vocabulary, if any."""
  extras = data.manifest(data.dataset)["counts"].get("extras", {})
  pieces = extras.get("vocabulary_pieces")
  return None if pieces is None else int(pieces)


def _task(dataset: str, variant: str, family: str) -> str:
  return f"{records_name(dataset, variant)}_{family}"


def _say(line: str) -> None:
  print(line, file=sys.stderr, flush=True)
