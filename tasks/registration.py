"""One function that declares a dataset's tasks and its mixture."""

import functools
import itertools
from collections.abc import Mapping, Sequence

import seqio
import tensorflow as tf
from etils import epath

from instructrec_jax.data.names import PREFIX, records_name
from instructrec_jax.eval import answer_metrics, evaluator
from instructrec_jax.instructions import mixing, render, wordings
from instructrec_jax.instructions.catalogue import Catalogue, tfds_name
from instructrec_jax.instructions.families import FAMILIES, Family, family_of
from instructrec_jax.instructions.questions import FORMS
from instructrec_jax.instructions.templates import (
  TEMPLATES,
  Template,
  templates_of,
)
from instructrec_jax.tasks.family_records import FamilyRecords
from instructrec_jax.vocabulary import RUN_VOCABULARY

# What the name of a task with held-out wordings ends in.
HELD_OUT = "_held_out"
# The name of a mixture, less the dataset's, and its families.
MIXTURES: Mapping[str, Sequence[str]] = {
  "": [name for name in FAMILIES if not name.endswith("_t1")],
  "_all_forms": list(FAMILIES),
  "_history": [name for name in FAMILIES if name.startswith("p1_i0_")],
  **{
    f"_{group}": list(
      dict.fromkeys(itertools.chain(*(r.families for r in rows)))
    )
    for group, rows in wordings.GROUPS.items()
  },
}


def register(
  dataset: str,
  *,
  records: str | None = None,
  tfds_data_dir: str | None = None,
  families: Sequence[str] = tuple(FAMILIES),
  templates: Sequence[Template] = TEMPLATES,
  num_negatives: int = 9,
  vocabulary: seqio.Vocabulary = RUN_VOCABULARY,
) -> str:
  """Registers a task per instruction family, and mixtures of them.

  Args:
    dataset: short name, e.g. "games".
    records: their name in TFDS; by default that of those `instructrec build`
      makes for `dataset`. Records of your own need the features of
      schema.RECORD, and catalogue.parquet and train_items.parquet beside
      them.
    tfds_data_dir: where the records are; by default what the run's
      --tfds_data_dir says.
    families: which families, see instructions/families.py.
    templates: of these families: the table's, or with some of your own.
    num_negatives: negatives drawn per training instance, afresh each epoch,
      where the task form does not say how many.
    vocabulary: by default the run's, see vocabulary.py.

  Returns:
    The name of the mixture of those families that are the paper's,
    `instructrec_<dataset>`; the others are in `MIXTURES`.

  Raises:
    InputError: for an unknown family, or a name that tasks cannot carry.
    ValueError: if the name is registered already.
  """
  mixture = records_name(dataset)
  catalogue = Catalogue(dataset, records or tfds_name(dataset), tfds_data_dir)
  of = functools.partial(
    _add_task,
    catalogue=catalogue,
    num_negatives=num_negatives,
    vocabulary=vocabulary,
  )
  for name in families:
    family = family_of(name)
    seen = templates_of(name, templates)
    of(f"{mixture}_{name}", family, seen)
    if family.form != "text":
      unseen = templates_of(name, templates, held_out=True)
      of(f"{mixture}_{name}{HELD_OUT}", family, unseen)
  for suffix, chosen in MIXTURES.items():
    rated = [
      (f"{mixture}_{name}", functools.partial(mixing.rate, family=name))
      for name in families
      if name in chosen
    ]
    if rated:
      seqio.MixtureRegistry.add(mixture + suffix, rated)
  return mixture


def _add_task(
  name: str,
  family: Family,
  templates: Sequence[Template],
  *,
  catalogue: Catalogue,
  num_negatives: int,
  vocabulary: seqio.Vocabulary,
) -> None:
  """Registers the task of one family."""
  feature = functools.partial(seqio.Feature, vocabulary, add_eos=True)
  texts = answer_metrics.Texts()
  ranks = FORMS[family.form].ranks
  seqio.TaskRegistry.add(
    name,
    source=FamilyRecords(catalogue, family),
    preprocessors=[
      functools.partial(_with_texts, fields=family.fields),
      functools.partial(
        _instructions,
        family=family,
        templates=templates,
        catalogue=catalogue,
        num_negatives=num_negatives,
      ),
      _drop_unfit,
      _one_by_one,
    ],
    postprocess_fn=functools.partial(_ranking_target, form=family.form)
    if ranks
    else texts.postprocess,
    metric_fns=[evaluator.ranking_metric_fn if ranks else texts],
    output_features={
      "inputs": feature(),
      "targets": feature(),
      "candidates": feature(rank=2),
    },
    # Small, as records lie in random order; its content is saved with the
    # place in the data at each checkpoint.
    shuffle_buffer_size=1000,
  )


def register_found(data_dir: str) -> list[str]:
  """Registers every dataset built under `data_dir` that has no tasks yet.

  Returns:
    The names of the mixtures added.
  """
  folders = epath.Path(data_dir).glob(f"{PREFIX}*")
  return [
    register(folder.name.removeprefix(PREFIX))
    for folder in sorted(folders)
    if folder.name not in seqio.MixtureRegistry.names()
  ]


def _instructions(
  records: tf.data.Dataset,
  *,
  output_features,
  family: Family,
  templates: Sequence[Template],
  catalogue: Catalogue,
  num_negatives: int,
  sequence_length=None,
) -> tf.data.Dataset:
  step = functools.partial(
    render.render,
    sequence_length=sequence_length,
    output_features=output_features,
    templates=tuple(templates),
    family=family,
    catalogue=catalogue,
    num_negatives=num_negatives,
  )
  return seqio.map_over_dataset(step, num_seeds=1)(records)


def _with_texts(
  records: tf.data.Dataset, fields: Sequence[str]
) -> tf.data.Dataset:
  """Leaves out the records that lack one of the texts."""
  if not fields:
    return records

  def has_all(record: Mapping[str, tf.Tensor]) -> tf.Tensor:
    lengths = tf.strings.length(tf.stack([record[name] for name in fields]))
    return tf.reduce_all(lengths > 0)

  return records.filter(has_all)


def _drop_unfit(
  records: tf.data.Dataset, sequence_length=None
) -> tf.data.Dataset:
  return records.filter(
    functools.partial(render.fits, sequence_length=sequence_length)
  )


def _one_by_one(records: tf.data.Dataset) -> tf.data.Dataset:
  """Makes an example of each input of a record."""
  return records.flat_map(tf.data.Dataset.from_tensor_slices).map(
    render.without_padding, num_parallel_calls=tf.data.AUTOTUNE
  )


def _ranking_target(output, example, is_target: bool, form: str):
  """What the metric needs of an input; a score needs no postprocessing."""
  if not is_target:
    return output
  return {
    "instance": int(example["instance"]),
    "user": int(example["user"]),
    "target": example["relevant_items"],
    "candidates": example["candidate_items"],
    "asked": example["asked"],
    "form": form,
    "attributes": {"template": example["template"].decode()},
  }
