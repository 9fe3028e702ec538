"""Makes instructions of raw files, with one command.

It runs normalize, annotate, build, and build --variant search. Each is also a
command, with more options. Finished stages are skipped.
"""

from pathlib import Path
from typing import Any, cast

from instructrec_jax import artifacts
from instructrec_jax.data import names, normalize
from instructrec_jax.data.records import build
from instructrec_jax.runs.clock import Clock
from instructrec_jax.teacher.annotation import command
from instructrec_jax.vocabulary.training import build_extras


def prepare(
  source: str,
  raw: str | Path,
  data_dir: str | Path = "data",
  dataset: str | None = None,
  per_user: int = 1,
  vocabulary_size: int | None = None,
  max_history: int = 50,
  seed: int = 0,
  overwrite: bool = False,
  **options: Any,
) -> dict[str, artifacts.Manifest]:
  """Makes everything that a dataset's tasks need.

  Args:
    source: A key of sources.SOURCES.
    raw: The folder of the raw files.
    data_dir: The folder of all datasets.
    dataset: The dataset's short name. By default the source's, if it has one.
    per_user: The number of each user's training targets that the extractive
      teacher annotates. Existing annotations of the same tables are kept.
    vocabulary_size: The number of pieces of a vocabulary to train. By default
      none is trained.
    max_history: The number of newest items in a history.
    seed: Seed of all stages.
    overwrite: Whether to replace the results of other options, except for
      annotations.
    **options: Arguments of `normalize.normalize`.

  Returns:
    The manifest of each stage that ran or was finished.

  Raises:
    InputError: As the stages.
  """
  clock = Clock()
  done: dict[str, artifacts.Manifest] = {}

  clock.start("normalize")
  tables = normalize.normalize(
    source, raw, data_dir, dataset, overwrite=overwrite, **options
  )
  done["normalize"] = tables
  dataset = cast(str, tables["options"]["dataset"])

  clock.start("annotate")
  texts = names.annotations_dir(data_dir, dataset)
  if _made_of(texts, tables):  # A paid teacher may have written them.
    there = artifacts.read_manifest(texts, "annotate")
    there["reused"] = True
    done["annotate"] = there
  else:
    annotated = command.annotate(
      dataset,
      data_dir=data_dir,
      per_user=per_user,
      seed=seed,
      overwrite=overwrite,
    )
    done["annotate"] = cast(artifacts.Manifest, annotated)

  clock.start("build")
  extras = {} if vocabulary_size is None else build_extras(vocabulary_size)
  done["build"] = build.build(
    data_dir,
    dataset,
    seed=seed,
    max_history=max_history,
    overwrite=overwrite,
    **extras,
  )
  counts = done["annotate"]["counts"]
  if any(counts[f]["written"] for f in ("labels_of_items", "vague_intention")):
    clock.start("build --variant search")
    done["build --variant search"] = build.build(
      data_dir,
      dataset,
      seed=seed,
      max_history=max_history,
      overwrite=overwrite,
      variant="search",
    )
  clock.stop()
  print(clock)
  return done


def _made_of(texts: Path, tables: artifacts.Manifest) -> bool:
  """Returns whether there are annotations of these tables."""
  if not (texts / artifacts.MANIFEST).exists():
    return False
  inputs = artifacts.read_manifest(texts, "annotate")["inputs"]
  return inputs["tables"] == tables["fingerprint"]
