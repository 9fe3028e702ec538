"""Asking a teacher for the texts of instances, and checking what it writes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import tqdm

from instructrec_jax import artifacts
from instructrec_jax.teacher.checks import cleaning, personal, validate
from instructrec_jax.teacher.protocol import (
  FAULT,
  INSTANCE,
  NO_ANSWER,
  Kind,
  Teacher,
  schema,
)

# Requests, and texts that are checked, at a time.
BATCH = 20_000
# What a dataset says in its own words: it is cleaned before anybody reads it.
_SAID = ("review", "reviews", "description")


def write(teacher: Teacher, kind: Kind, requests: pl.DataFrame) -> pl.DataFrame:
  """Returns the text of each request, or why there is none.

  Args:
    teacher: who writes.
    kind: with one output, such as INTEREST and AUDIENCE.
    requests: INSTANCE and `kind.inputs`, as a dataset has them: reviews and
      descriptions are cleaned, and personal data is taken out, before the
      teacher sees them.

  Returns:
    INSTANCE, in the order of requests; `text`; `absent`, why none was written;
    `reason`, why the text is not to be used. A good text has neither.
  """
  [field] = kind.outputs
  texts = ask(teacher, kind, batches(kind, requests), requests[INSTANCE])
  return check(texts[field], field, lambda part: _beside(kind, part, requests))


def batches(kind: Kind, requests: pl.DataFrame) -> Iterator[pl.DataFrame]:
  """Yields the same requests as a teacher sees them, some at a time."""
  told = [name for name in kind.inputs if name in requests.columns]
  rows = requests.select(pl.col(INSTANCE).cast(pl.UInt32), *told)
  for part in rows.iter_slices(BATCH):
    yield part.with_columns(
      _cleaned(name, part.schema[name]) for name in _SAID if name in told
    )


def ask(
  teacher: Teacher,
  kind: Kind,
  requests: Iterable[pl.DataFrame],
  every: pl.Series,
  otherwise: str = NO_ANSWER,
) -> dict[str, pl.DataFrame]:
  """Returns for each output INSTANCE, `text` and `absent`.

  Args:
    teacher: who writes.
    kind: of the requests.
    requests: see `protocol.Teacher.answer`.
    every: all instances, with or without a request.
    otherwise: why there is no text where nothing was asked.
  """
  answered = []
  # No bar where nobody watches.
  with tqdm.tqdm(total=len(every), desc=kind.name, disable=None) as bar:
    for answers in teacher.answer(kind, requests):
      answered.append(answers)
      bar.update(answers.height)
  frame = pl.concat([pl.DataFrame(schema=schema(kind)), *answered])
  rows = (
    every.alias(INSTANCE)
    .cast(pl.UInt32)
    .to_frame()
    .join(frame, INSTANCE, "left", maintain_order="left")
  )
  absent = pl.coalesce(FAULT, pl.lit(otherwise))
  return {
    name: rows.select(
      INSTANCE,
      text=name,
      absent=pl.when(pl.col(name).is_null()).then(absent),
    )
    for name in kind.outputs
  }


def check(
  texts: pl.DataFrame,
  field: str,
  beside: Callable[[pl.DataFrame], pl.DataFrame],
) -> pl.DataFrame:
  """Returns texts with `reason` where the validators turn one down.

  Args:
    texts: INSTANCE, `text`, `absent`, and more that `beside` takes.
    field: see `validate.check`.
    beside: adds to some texts what validators hold against them.

  Returns:
    INSTANCE, `text`, `absent`, `reason`.
  """
  parts = []
  for part in texts.iter_slices(BATCH):
    checked = validate.check(beside(part.drop_nulls("text")), field)
    parts.append(
      part.select(INSTANCE, "text", "absent").join(
        checked.select(INSTANCE, "reason"),
        INSTANCE,
        "left",
        maintain_order="left",
      )
    )
  empty = dict.fromkeys(("text", "absent", "reason"), pl.String)
  return pl.concat([pl.DataFrame(schema={INSTANCE: pl.UInt32} | empty), *parts])


def times_asked_again(
  stage: str,
  folder: Path,
  options: Mapping[str, Any],
  fields: Iterable[str],
  overwrite: bool,
) -> int:
  """Returns how often, this time included, unanswered requests were repeated.

  It is among the options of the texts, or what was built of fewer of them
  would be taken for current.

  Args:
    stage: that writes texts into the folder.
    folder: of texts, whose manifest counts `absent` ones of each field.
    options: of the stage, without these times, which it has as `asked_again`.
    fields: that a teacher writes.
    overwrite: whether it is to repeat them.
  """
  if not (folder / artifacts.MANIFEST).exists():
    return 0
  found = artifacts.read_manifest(folder, stage)
  times = found["options"].get("asked_again", 0)
  if found["options"] != {**options, "asked_again": times}:
    return 0
  unanswered = any(
    reason.startswith(NO_ANSWER)
    for field in fields
    for reason in found["counts"][field]["absent"]
  )
  return times + (overwrite and unanswered)


def _cleaned(name: str, dtype: pl.DataType) -> pl.Expr:
  if isinstance(dtype, pl.List):
    said = personal.mask(cleaning.plain(pl.element()))
    return pl.col(name).list.eval(said)
  return personal.mask(cleaning.plain(pl.col(name)))


def _beside(
  kind: Kind, texts: pl.DataFrame, requests: pl.DataFrame
) -> pl.DataFrame:
  """Returns texts with the `titles` and the `review` of their requests."""
  [reviews] = [n for n in ("review", "reviews") if n in kind.inputs]
  titles = pl.col("title")
  if not isinstance(kind.inputs["title"], pl.List):
    titles = pl.concat_list(titles)
  columns = [titles.alias("titles")]
  if reviews in requests.columns:
    # A break, or the last words of one would go on in the next.
    said = _cleaned(reviews, kind.inputs[reviews]).list.join(
      " | ", ignore_nulls=True
    )
    columns.append(said.alias("review"))
  there = requests.with_columns(pl.col(INSTANCE).cast(pl.UInt32))
  return texts.join(
    there.join(texts, INSTANCE, "semi").select(INSTANCE, *columns),
    INSTANCE,
    "left",
    maintain_order="left",
  )
