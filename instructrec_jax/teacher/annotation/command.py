"""`instructrec annotate`: chooses instances and has a teacher annotate them."""

from pathlib import Path
from typing import Any

from instructrec_jax import artifacts, parquet
from instructrec_jax.data.names import tables_dir
from instructrec_jax.teacher.annotation import annotate as stage
from instructrec_jax.teacher.annotation import choosing, instances


def annotate(
  dataset: str,
  teacher: str = "extractive",
  data_dir: str | Path = "data",
  per_user: int = 1,
  num_users: int | None = None,
  seed: int = 0,
  overwrite: bool = False,
  **given: Any,
) -> artifacts.Manifest | choosing.Instead:
  """Writes preferences and intentions, or does what an option asks instead.

  Args:
    dataset: short name of normalized tables.
    teacher: a key of choosing.TEACHERS.
    data_dir: the folder of all datasets.
    per_user: training targets of each user, beside validation and test.
    num_users: how many users to draw; None for all.
    seed: of draws and wordings.
    overwrite: replace texts made with other options; with the same options,
      repeat the requests that got no answer.
    **given: options of the teacher; None uses the default.

  Returns:
    The manifest; or what `estimate`, `write_requests` or `read_answers` did.

  Raises:
    InputError: an option is unknown or invalid, the tables are missing, or the
      teacher cannot be used.
  """
  choice = choosing.Choice(teacher, data_dir, given)
  chosen = _chosen(dataset, data_dir, per_user, num_users, seed)
  done = choice.instead(
    (kind, chosen.requests(kind))
    for kind in stage.KINDS
    if instances.never(chosen, kind.outputs[0]) is None
  )
  if done is not None:
    return done
  return stage.annotate(
    dataset,
    chosen,
    choice.teacher(dataset, seed, chosen.keys),
    data_dir=data_dir,
    options={
      "per_user": per_user,
      "num_users": num_users,
      "judge": choice.judged,
    },
    seed=seed,
    judged=choice.judged,
    overwrite=overwrite,
  )


def _chosen(
  dataset: str,
  data_dir: str | Path,
  per_user: int,
  num_users: int | None,
  seed: int,
) -> instances.Chosen:
  tables = tables_dir(data_dir, dataset)
  order = artifacts.read_manifest(tables, "normalize")["counts"].get("order")
  return instances.choose(
    parquet.scan(tables / "interactions.parquet"),
    parquet.read(tables / "items.parquet"),
    per_user,
    num_users,
    instances.drawing(seed, dataset),
    ordered=order is None or order["by"] != "none",
  )
