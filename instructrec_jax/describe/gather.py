"""Computes a dataset's statistics from records, annotations and templates."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import seqio
import tqdm

from instructrec_jax import artifacts, schema
from instructrec_jax.batches import contents
from instructrec_jax.data import ordering, splits
from instructrec_jax.data.names import annotations_dir, records_dir
from instructrec_jax.data.records import read
from instructrec_jax.describe import rendered
from instructrec_jax.describe.numbers import (
  FamilyNumbers,
  Numbers,
  Records,
  Spread,
  Templates,
  Text,
)
from instructrec_jax.instructions import wordings
from instructrec_jax.instructions.families import FIELDS
from instructrec_jax.instructions.templates import templates_of
from instructrec_jax.tasks.family_records import FamilyRecords
from instructrec_jax.vocabulary import file as vocabulary_file
from instructrec_jax.vocabulary import run_vocabulary, titles

# The split that is rendered: its wordings and negatives are drawn at random.
_RENDERED = "train"


def gather(
  dataset: str,
  tasks: Mapping[str, seqio.Task],
  data_dir: str | Path,
  lengths: Mapping[str, int],
  sample: int,
  seed: int,
) -> Numbers:
  """Counts all records and measures a sample of rendered instructions.

  Args:
    dataset: short name of built records.
    tasks: the families' tasks, by the name to show.
    data_dir: the folder of all datasets.
    lengths: the most tokens of inputs and targets.
    sample: how many records of each family are rendered; may be 0.
    seed: draws their wordings and negatives.

  Raises:
    InputError: there are no records, or the vocabulary cannot be read.
  """
  catalogue = read.load_catalogue(data_dir, dataset)
  trained = read.load_train_items(data_dir, dataset)
  counts, notes = _annotated(dataset, data_dir)
  vocabulary = None
  if sample:
    vocabulary = run_vocabulary.describe()
    vocabulary["setting"] = vocabulary_file.setting()
    model = run_vocabulary.RUN_VOCABULARY.sp_model
    notes += _sentences(titles.unwritable(catalogue["title"].to_list(), model))
  reader = contents.Reader()
  # The first task reads the plain records, which the totals describe.
  first = next(iter(tasks.values())).source
  whole = {split: reader.read(first, split) for split in splits.SPLITS}
  held_out = sum(len(whole[split]) for split in ("validation", "test"))
  # disable=None shows no progress bar unless stderr is a terminal.
  bar = tqdm.tqdm(tasks.items(), desc="families", disable=None)
  return Numbers(
    dataset=dataset,
    users=len(trained),
    items=catalogue.height,
    interactions=int(trained.list.len().sum()) + held_out,
    records={split: _records(part) for split, part in whole.items()},
    texts=_texts(whole, counts),
    families=tuple(
      _family(name, task, reader, lengths, sample, seed) for name, task in bar
    ),
    templates=_templates(),
    lengths=dict(lengths),
    vocabulary=vocabulary,
    notes=(*_order(dataset, data_dir), *notes),
  )


def _order(dataset: str, data_dir: str | Path) -> Iterator[str]:
  """Yields a note on the order of a user's items, if it is known."""
  built = artifacts.read_manifest(records_dir(data_dir, dataset), "build")
  order = built["counts"].get("order")
  if order is not None:
    yield f"{ordering.in_words(order)}."


def _sentences(found: titles.Unwritable) -> list[str]:
  return [f"{line}." for line in found.lines()]


def _records(part: contents.Contents) -> Records:
  cut = part.shown < part.history_length
  per_user = np.bincount(part.user)
  return Records(
    len(part),
    Spread.of(part.history_length),
    float(cut.mean()),
    Spread.of(per_user[per_user > 0]),
  )


def _annotated(
  dataset: str, data_dir: str | Path
) -> tuple[Mapping[str, Any], list[str]]:
  """Returns the counts of the annotations in the records, and notes on them."""
  built = artifacts.read_manifest(records_dir(data_dir, dataset), "build")
  folder = annotations_dir(data_dir, dataset)
  if "annotations" not in built["inputs"]:
    return {}, [
      "The records contain no teacher texts. `instructrec annotate` writes "
      "them and `instructrec build` adds them to the records."
    ]
  if not (folder / artifacts.MANIFEST).exists():
    return {}, [f"{folder} does not exist, so absent texts have no reasons."]
  made = artifacts.read_manifest(folder, "annotate")
  if made["fingerprint"] != built["inputs"]["annotations"]:
    return {}, [
      f"{folder} has changed since the records were built, so absent texts "
      "have no reasons. `instructrec build --overwrite` adds the new texts."
    ]
  return made["counts"], [
    f"The teacher {made['options']['teacher']!r} wrote the texts."
  ]


def _texts(
  whole: Mapping[str, contents.Contents], counts: Mapping[str, Any]
) -> tuple[Text, ...]:
  texts = []
  for field, column in schema.ANNOTATIONS.items():
    if field not in schema.RECORD or schema.RECORD[field].dtype != "string":
      continue
    words = {
      split: part.words[field][part.words[field] > 0]
      for split, part in whole.items()
      if field in part.words
    }
    every = np.concatenate([np.zeros(0), *words.values()])
    texts.append(
      Text(
        field,
        {split: words[split].size if split in words else 0 for split in whole},
        float(every.mean()) if every.size else None,
        column.looks_at_target,
        counts.get(field, {}).get("rejected", {}),
        counts.get(field, {}).get("absent", {}),
      )
    )
  return tuple(texts)


def _family(
  name: str,
  task: seqio.Task,
  reader: contents.Reader,
  lengths: Mapping[str, int],
  sample: int,
  seed: int,
) -> FamilyNumbers:
  source = cast(FamilyRecords, task.source)
  family = source.family
  instances = dict.fromkeys(splits.SPLITS, 0)
  measured = None
  if not source.absent:
    for split in instances:
      _, told = reader.read(source, split).told(source)
      instances[split] = int(told.sum())
    if sample:
      measured = rendered.measure(task, _RENDERED, lengths, sample, seed)
  seen = templates_of(family.name)
  return FamilyNumbers(
    name=name,
    tells=family.inputs,
    asks=" + ".join(family.outputs) or family.form,
    from_target=tuple(p for p in family.inputs if _looks_at_target(p)),
    lacks=source.absent,
    instances=instances,
    templates=sum(family.name in row.families for row in wordings.ROWS),
    wordings=len(seen),
    held_out=len(templates_of(family.name, held_out=True)),
    rendered=measured,
  )


def _looks_at_target(part: str) -> bool:
  """Returns whether a part of a family's input is made from the target."""
  if part in FIELDS:
    return schema.ANNOTATIONS[FIELDS[part]].looks_at_target
  # In a family that does not rank, the item asked about is the target.
  return part == "item"


def _templates() -> Templates:
  texts = [text for row in wordings.PAPER for text in row.wordings]
  plain = [re.sub(r"[\[\]]", "", text) for text in texts]
  return Templates(
    {group: len(rows) for group, rows in wordings.GROUPS.items()},
    _mean_words(plain),
    len(texts),
    len(wordings.ROWS) - len(wordings.PAPER),
  )


def _mean_words(texts: Sequence[str]) -> float:
  return sum(len(text.split()) for text in texts) / len(texts)
