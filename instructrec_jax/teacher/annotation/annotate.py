"""The stage `annotate`: makes preferences and intentions from tables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from instructrec_jax import artifacts, schema
from instructrec_jax.data import queries
from instructrec_jax.data.names import annotations_dir, generator, tables_dir
from instructrec_jax.teacher.annotation import instances, texts
from instructrec_jax.teacher.checks import injected, personal, quality, validate
from instructrec_jax.teacher.protocol import (
  INSTANCE,
  INTENTION,
  PREFERENCE,
  Kind,
  Teacher,
)

STAGE = "annotate"
# The kinds of requests to the teacher.
KINDS = (PREFERENCE, INTENTION)
REJECTED = "rejected.parquet"
# The number of texts of each field that the quality rules check.
_SAMPLE = 1000


def annotate(
  dataset: str,
  chosen: instances.Chosen,
  teacher: Teacher,
  *,
  data_dir: str | Path,
  options: Mapping[str, Any],
  seed: int = 0,
  judged: int = 0,
  overwrite: bool = False,
) -> artifacts.Manifest:
  """Writes a dataset's teacher texts to data_dir/annotations/<dataset>.

  queries.ANNOTATIONS has a row for each instance, see schema.ANNOTATIONS;
  REJECTED has the texts that failed validation; queries.LABELS has the specific
  intention of every item, for product search. In each field's counts, written +
  rejected + absent equals the number of instances.

  Args:
    dataset: its short name.
    chosen: the instances to annotate.
    teacher: writes the texts.
    data_dir: the folder of all datasets.
    options: the options that chose the instances, for the manifest.
    seed: of wordings and samples.
    judged: how many texts of each field the teacher is asked to judge.
    overwrite: replace texts made with other options; with the same options,
      repeat the requests that got no answer.

  Returns:
    The manifest.

  Raises:
    InputError: the teacher cannot be used, or the folder cannot be written.
  """
  source = artifacts.read_manifest(tables_dir(data_dir, dataset), "normalize")
  folder = annotations_dir(data_dir, dataset)
  made_of = {"dataset": dataset, **options, **teacher.made_of(KINDS)}
  again = texts.times_asked_again(
    STAGE, folder, made_of, validate.SENTENCES, overwrite
  )

  def write(folder: Path) -> dict[str, Any]:
    written = {"specific_intention": _labels(chosen)}
    for kind in KINDS:
      written |= _ask(teacher, kind, chosen)
    checked = {
      field: _checked(chosen, field, written) for field in validate.FIELDS
    }
    _annotations(chosen, checked).write_parquet(folder / queries.ANNOTATIONS)
    _rejected(chosen, checked).write_parquet(folder / REJECTED)
    labels = _checked_labels(chosen)
    _accepted(labels).write_parquet(folder / queries.LABELS)
    return (
      _counts(chosen, checked)
      | _counts_of_labels(labels)
      | _quality(chosen, checked, teacher, judged, seed, dataset)
      | dict(teacher.counts())
    )

  return artifacts.run_stage(
    STAGE,
    folder,
    write,
    inputs={"tables": source["fingerprint"]},
    options=made_of | {"asked_again": again},
    seed=seed,
    libraries=("polars", "numpy", "rapidfuzz"),
    overwrite=overwrite,
  )


def _ask(
  teacher: Teacher, kind: Kind, chosen: instances.Chosen
) -> dict[str, pl.DataFrame]:
  """Returns the texts of all instances, see `texts.ask`."""
  never = instances.never(chosen, kind.outputs[0])
  requests = chosen.requests(kind) if never is None else ()
  return texts.ask(
    teacher,
    kind,
    requests,
    chosen.frame[INSTANCE],
    never or "no review of the target",
  )


def _labels(chosen: instances.Chosen) -> pl.DataFrame:
  """Returns specific intentions, which need no teacher."""
  never = instances.never(chosen, "specific_intention")
  frame = chosen.frame.select(INSTANCE)
  if never is not None:
    return frame.with_columns(
      text=pl.lit(None, pl.String), absent=pl.lit(never)
    )
  joined = chosen.target_items.select(
    text=pl.col("categories").list.join(", ").replace("", None)
  )
  return frame.hstack(joined).with_columns(
    absent=pl.when(pl.col("text").is_null()).then(
      pl.lit("the target has no category")
    )
  )


def _checked(
  chosen: instances.Chosen, field: str, written: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
  """Returns INSTANCE, `text`, `absent`, and `reason`, why it is rejected."""
  frame = written[field]
  if field == "vague_intention_2":
    first = written["vague_intention"]["text"]
    frame = frame.with_columns(first=first)
  return texts.check(frame, field, lambda part: chosen.beside(field, part))


def _checked_labels(chosen: instances.Chosen) -> pl.DataFrame:
  """Returns `text` (null if there is none) and `reason` for each item."""
  items = chosen.items.select("item", "title")
  if "categories" not in chosen.items.columns:
    return items.select(
      "item", text=pl.lit(None, pl.String), reason=pl.lit(None, pl.String)
    )
  items = items.with_columns(
    text=chosen.items["categories"].list.join(", ").replace("", None),
    titles=pl.concat_list("title"),
  )
  checked = validate.check(items.drop_nulls("text"), "specific_intention")
  return items.select("item").join(
    checked.select("item", "text", "reason"),
    "item",
    "left",
    maintain_order="left",
  )


def _accepted(labels: pl.DataFrame) -> pl.DataFrame:
  fine = pl.when(pl.col("reason").is_null()).then("text")
  return labels.select("item", specific_intention=fine)


def _counts_of_labels(labels: pl.DataFrame) -> dict[str, Any]:
  fine = _accepted(labels)["specific_intention"]
  return {
    "labels_of_items": {
      "written": fine.len() - fine.null_count(),
      "rejected": _by_reason(labels["reason"]),
      "absent": labels["text"].null_count(),
    }
  }


def _annotations(
  chosen: instances.Chosen, checked: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
  columns = {
    field: pl.select(
      pl.when(frame["reason"].is_null()).then(frame["text"])
    ).to_series()
    for field, frame in checked.items()
  }
  return _typed(
    chosen.frame.select("user", "position").with_columns(**columns),
    schema.ANNOTATIONS,
  )


def _rejected(
  chosen: instances.Chosen, checked: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
  parts = []
  for field, frame in checked.items():
    bad = frame.filter(pl.col("reason").is_not_null())
    keys = chosen.frame.select("user", "position")[bad[INSTANCE]]
    parts.append(
      keys.with_columns(
        bad["text"], bad["reason"], field=pl.lit(field, pl.String)
      )
    )
  return _typed(pl.concat(parts), schema.REJECTED)


def _typed(
  df: pl.DataFrame, columns: Mapping[str, schema.Column]
) -> pl.DataFrame:
  return df.select(pl.col(name).cast(c.dtype) for name, c in columns.items())


def _counts(
  chosen: instances.Chosen, checked: Mapping[str, pl.DataFrame]
) -> dict[str, Any]:
  splits = chosen.frame["split"].value_counts(sort=True)
  counts: dict[str, Any] = {
    "instances": dict(splits.iter_rows()),
    "users": chosen.frame["user"].n_unique(),
  }
  for field, frame in checked.items():
    written = frame.filter(
      pl.col("text").is_not_null() & pl.col("reason").is_null()
    )
    counts[field] = {
      "written": written.height,
      "rejected": _by_reason(frame["reason"]),
      "absent": _by_reason(frame["absent"]),
      **validate.repeated(
        written.with_columns(chosen.frame["user"].gather(written[INSTANCE]))
      ),
    }
    if not schema.ANNOTATIONS[field].looks_at_target:
      counts[field]["names_target_by_chance"] = _by_chance(chosen, written)
  if chosen.reviews is not None:
    counts["personal_data_taken_out"] = personal.count(chosen.reviews)
    if orders := injected.count(chosen.reviews):
      counts["reviews_with_orders_to_a_model"] = orders
  if "title" in chosen.items.columns:
    of_items = personal.count(chosen.items["title"], of_item=True)
    if found := {kind: n for kind, n in of_items.items() if n}:
      counts["personal_data_taken_out_of_titles"] = found
  return counts


def _by_reason(reasons: pl.Series) -> dict[str, int]:
  return dict(reasons.drop_nulls().value_counts(sort=True).iter_rows())


def _by_chance(chosen: instances.Chosen, written: pl.DataFrame) -> int:
  """Counts texts that name the target although their writer did not know it.

  They are kept; `validate` explains why.
  """
  titles = chosen.target_items.select(titles=pl.concat_list("title"))
  named = validate.named(
    written.select("text").hstack(titles[written[INSTANCE]])
  )
  return int(named.sum())


def _quality(
  chosen: instances.Chosen,
  checked: Mapping[str, pl.DataFrame],
  teacher: Teacher,
  judged: int,
  seed: int,
  dataset: str,
) -> dict[str, Any]:
  found = {}
  for field in validate.SENTENCES:
    texts = checked[field].filter(
      pl.col("text").is_not_null() & pl.col("reason").is_null()
    )
    if texts.is_empty():
      continue
    rng = generator(seed, dataset, STAGE, "quality", field)
    rows = rng.choice(texts.height, min(_SAMPLE, texts.height), replace=False)
    sample = chosen.informed(field, texts[rows])
    found[field] = {
      "texts": sample.height,
      "by_rules": quality.proxies(sample),
      "in_the_paper": quality.in_the_paper(field),
    }
    if judged:
      found[field]["by_judge"] = quality.judge(teacher, sample.head(judged))
  return {"quality": found}
