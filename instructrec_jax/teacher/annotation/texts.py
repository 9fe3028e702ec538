"""Asks a teacher for the texts of instances, and checks them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import tqdm

from instructrec_jax import artifacts
from instructrec_jax.teacher.checks import (
  cleaning,
  injected,
  personal,
  validate,
)
from instructrec_jax.teacher.protocol import (
  FAULT,
  INSTANCE,
  NO_ANSWER,
  Kind,
  Teacher,
  schema,
)

# The number of requests or texts handled at a time.
BATCH = 20_000
# Columns of free text, which is cleaned before a teacher reads it.
_SAID = ("review", "reviews", "description")


def write(teacher: Teacher, kind: Kind, requests: pl.DataFrame) -> pl.DataFrame:
  """Returns the text of each request, or the reason why there is none.

  Args:
    teacher: writes the texts.
    kind: a kind with one output, such as INTEREST and AUDIENCE.
    requests: INSTANCE and `kind.inputs`, as in the dataset. Reviews and
      descriptions are cleaned, and personal data and orders to a model are
      removed, before the teacher sees them.

  Returns:
    INSTANCE, in the order of requests; `text`; `absent`, why there is no text;
    `reason`, why the text is rejected. A valid text has neither.
  """
  [field] = kind.outputs
  texts = ask(teacher, kind, batches(kind, requests), requests[INSTANCE])
  return check(texts[field], field, lambda part: _beside(kind, part, requests))


def batches(kind: Kind, requests: pl.DataFrame) -> Iterator[pl.DataFrame]:
  """Yields the requests in batches, as a teacher sees them."""
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
  """Returns INSTANCE, `text` and `absent` for each output.

  Args:
    teacher: writes the texts.
    kind: the kind of the requests.
    requests: see `protocol.Teacher.answer`.
    every: all instances, with or without a request.
    otherwise: the reason of an instance without a request.
  """
  answered = []
  # disable=None shows no progress bar unless stderr is a terminal.
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
  """Returns texts with `reason`, which is set if a validator rejects the text.

  Args:
    texts: INSTANCE, `text`, `absent`, and the columns that `beside` needs.
    field: see `validate.check`.
    beside: adds the columns that validators compare the texts with.

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
  """Returns how often unanswered requests were repeated, this run included.

  The texts' options contain this number. Without it, records built from fewer
  texts would seem up to date.

  Args:
    stage: the stage that writes texts into the folder.
    folder: the folder of texts; its manifest counts each field's absent ones.
    options: the stage's options without `asked_again`, which is this number.
    fields: the fields that a teacher writes.
    overwrite: whether this run repeats the requests.
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
    return pl.col(name).list.eval(_harmless(pl.element()))
  return _harmless(pl.col(name))


def _harmless(text: pl.Expr) -> pl.Expr:
  return injected.clean(personal.mask(cleaning.plain(text)))


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
    # The separator keeps the words of two reviews apart.
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
