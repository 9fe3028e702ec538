"""Registers a dataset's tasks and mixtures."""

import functools
import itertools
import sys
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any

import seqio
import tensorflow as tf

from instructrec_jax import paths
from instructrec_jax.data import variants
from instructrec_jax.data.names import PREFIX, records_name
from instructrec_jax.data.records.catalogue import Catalogue, tfds_name
from instructrec_jax.errors import InputError
from instructrec_jax.eval.answers import answer_metrics
from instructrec_jax.eval.recording import evaluator
from instructrec_jax.instructions import mixing, prior, render, wordings
from instructrec_jax.instructions.families import FAMILIES, Family, family_of
from instructrec_jax.instructions.questions import FORMS
from instructrec_jax.instructions.templates import (
  TEMPLATES,
  Template,
  templates_of,
)
from instructrec_jax.tasks import itdr, parts
from instructrec_jax.tasks.editions import (
  ALL_ROWS,
  EDITIONS,
  EVALUATION,
  Edition,
  task_name,
  with_search,
)
from instructrec_jax.tasks.family_records import FamilyRecords
from instructrec_jax.vocabulary.run_vocabulary import RUN_VOCABULARY


def _is_pairwise(family: str) -> bool:
  """Returns whether a family is pairwise, a form without a paper's template."""
  return FAMILIES[family].form == "t1"


def _plain(families: Iterable[str]) -> list[tuple[str, str]]:
  return [("", name) for name in dict.fromkeys(families)]


# The tasks (edition, family) of each mixture, by name without the dataset's.
MIXTURES: Mapping[str, Sequence[tuple[str, str]]] = {
  "": _plain(itertools.filterfalse(_is_pairwise, FAMILIES)),
  "all_forms": _plain(FAMILIES),
  # These families need no text except titles.
  "history": _plain(
    name
    for name, family in FAMILIES.items()
    if family.inputs == ("p1",) and not family.fields and not _is_pairwise(name)
  ),
  **{
    group: _plain(itertools.chain(*(row.families for row in rows)))
    for group, rows in wordings.GROUPS.items()
  },
  **{
    name: [(name, f.name) for f in FAMILIES.values() if edition.has(f)]
    for name, edition in EDITIONS.items()
    if name
  },
  "evaluation": EVALUATION,
  ALL_ROWS: with_search(),
}


# The arguments of `register` for each mixture.
_registered: dict[str, tuple[Any, ...]] = {}


def register(
  dataset: str,
  *,
  records: str | None = None,
  tfds_data_dir: str | None = None,
  families: Sequence[str] = tuple(FAMILIES),
  templates: Sequence[Template] = TEMPLATES,
  num_negatives: int | None = None,
  vocabulary: seqio.Vocabulary = RUN_VOCABULARY,
) -> str:
  """Registers a task for each instruction family, and mixtures of them.

  A second call with the same arguments changes nothing.

  Args:
    dataset: short name, e.g. "games".
    records: the records' name in TFDS without a variant's suffix; by default
      the name that `instructrec build` gives the records of `dataset`. Your own
      records need the features of schema.RECORD, and catalogue.parquet and
      train_items.parquet beside them.
    tfds_data_dir: where the records are; by default the run's --tfds_data_dir.
    families: which families, see instructions/families.py.
    templates: the table's templates, your own, or both.
    num_negatives: negatives drawn per training instance, anew each epoch,
      unless the task form sets their number. None for as many as the records'
      requests have, 9 at most.
    vocabulary: by default the run's, see vocabulary/run_vocabulary.py.

  Returns:
    The name of the mixture of the paper's families, `instructrec_<dataset>`.
    `MIXTURES` has the other mixtures.

  Raises:
    InputError: for an unknown family, an invalid dataset name, or a name that
      is registered already with other arguments.
  """
  mixture = records_name(dataset)
  arguments = (
    records, tfds_data_dir, tuple(families), tuple(templates), num_negatives,
    vocabulary,
  )  # fmt: skip
  if mixture in seqio.MixtureRegistry.names():
    if _registered.get(mixture) == arguments:
      return mixture
    raise InputError(
      f"{mixture!r} is registered already, with other arguments. To import "
      "instructrec_jax.tasks registers every dataset that `instructrec "
      "sources` lists. Choose another dataset name; records= may name the same "
      "records"
    )
  catalogues = {
    variant: Catalogue(
      dataset,
      tfds_name(records or mixture, variant),
      tfds_data_dir,
      variant,
    )
    for variant in variants.VARIANTS
  }
  there = [family_of(name) for name in families]
  for edition_name, edition in EDITIONS.items():
    for family in filter(edition.has, there):
      worded = templates_of(family.name, templates, edition.held_out)
      if worded:  # Your own templates need not have held-out wordings.
        _add_task(
          task_name(mixture, edition_name, family.name),
          family,
          worded,
          edition,
          catalogue=catalogues[edition.variant],
          searched=catalogues[edition.hides] if edition.hides else None,
          num_negatives=num_negatives,
          vocabulary=vocabulary,
        )
  for name, chosen in MIXTURES.items():
    rated = [
      (task, functools.partial(mixing.rate, family=family))
      for edition, family in chosen
      if (task := task_name(mixture, edition, family))
      in seqio.TaskRegistry.names()
    ]
    if rated:
      seqio.MixtureRegistry.add("_".join(filter(None, (mixture, name))), rated)
  _registered[mixture] = arguments
  return mixture


def _add_task(
  name: str,
  family: Family,
  templates: Sequence[Template],
  edition: Edition,
  *,
  catalogue: Catalogue,
  searched: Catalogue | None,
  num_negatives: int | None,
  vocabulary: seqio.Vocabulary,
) -> None:
  """Registers an edition's task of one family."""
  texts = answer_metrics.Texts()
  ranks = FORMS[family.form].ranks
  source = FamilyRecords(
    catalogue, family, edition.fields(family), templates, searched
  )
  seqio.TaskRegistry.add(
    name,
    source=source,
    preprocessors=[
      parts.rendering(
        prior.render_with_prior,
        others=source.others,
        family=family,
        templates=tuple(templates),
        catalogue=catalogue,
        num_negatives=num_negatives,
      ),
      parts.drop_unfit,
      _one_by_one,
    ],
    postprocess_fn=functools.partial(parts.ranking_target, form=family.form)
    if ranks
    else texts.postprocess,
    metric_fns=[evaluator.ranking_metric_fn if ranks else texts],
    output_features=parts.features(vocabulary),
    shuffle_buffer_size=parts.SHUFFLE_BUFFER_SIZE,
  )


def register_found(data_dir: str | PathLike[str]) -> list[str]:
  """Registers every dataset built under `data_dir` that has no tasks yet.

  The tasks of the others forget what they have read, as it may have been in
  another folder.

  `itdr.EVERYTHING` is registered again with the mixtures of all datasets found.
  Records whose name is that of another task or mixture are left out, and a line
  on standard error names them.

  Returns:
    The names of the added mixtures.
  """
  records = paths.anywhere(data_dir)
  folders = paths.matching(records, f"{PREFIX}*")
  names = (folder.name.removeprefix(PREFIX) for folder in folders)
  datasets = sorted({variants.dataset_of(name) for name in names})
  datasets = [*filter(_is_free, datasets)]
  new = []
  for dataset in datasets:
    if records_name(dataset) not in seqio.MixtureRegistry.names():
      new.append(register(dataset))
      continue
    mixture = seqio.MixtureRegistry.get(records_name(dataset))
    sources = (task.source for task in mixture.tasks)
    for source in sources:
      if isinstance(source, FamilyRecords):
        source.forget()
  itdr.register_everything(records, [*map(records_name, datasets)])
  return new


def _is_free(dataset: str) -> bool:
  """Returns whether a dataset's tasks can be registered beside all others."""
  try:
    variants.check_free(dataset)
  except InputError as error:
    print(f"left out: {error}", file=sys.stderr)
    return False
  return True


def use_records(tfds_data_dir: str | PathLike[str]) -> None:
  """Registers the tasks of a folder's records, after gin is parsed.

  Args:
    tfds_data_dir: the folder of the records.
  """
  seqio.set_tfds_data_dir_override(str(tfds_data_dir))
  register_found(tfds_data_dir)
  RUN_VOCABULARY.forget()


def _one_by_one(records: tf.data.Dataset) -> tf.data.Dataset:
  """Splits each record's inputs into one example each."""
  return records.flat_map(tf.data.Dataset.from_tensor_slices).map(
    render.without_padding, num_parallel_calls=tf.data.AUTOTUNE
  )
