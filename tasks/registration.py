"""One function that declares a dataset's tasks and its mixture."""

import functools
from collections.abc import Sequence

import seqio
import tensorflow as tf
from etils import epath

from instructrec_jax.data.names import PREFIX, records_name
from instructrec_jax.eval import evaluator
from instructrec_jax.instructions import render
from instructrec_jax.instructions.catalogue import Catalogue, tfds_name
from instructrec_jax.instructions.questions import FORMS, form_name
from instructrec_jax.instructions.templates import (
  FAMILIES,
  PAPER,
  templates_of,
)
from instructrec_jax.vocabulary import RUN_VOCABULARY

# Records lie in random order, so a split's first ones are a sample of it.
SPLITS = {
  "train": "train",
  "validation": "validation",
  "test": "test",
  "validation_2k": "validation[:2000]",
  "test_2k": "test[:2000]",
}


def register(
  dataset: str,
  *,
  records: str | None = None,
  tfds_data_dir: str | None = None,
  families: Sequence[str] = FAMILIES,
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
    families: which families, see instructions/templates.py.
    num_negatives: negatives drawn per training instance, afresh each epoch,
      where the task form does not say how many.
    vocabulary: by default the run's, see vocabulary.py.

  Returns:
    The name of the mixture of those families that are the paper's,
    `instructrec_<dataset>`. All of them are `instructrec_<dataset>_all_forms`.

  Raises:
    InputError: for an unknown family, or a name that tasks cannot carry.
    ValueError: if the name is registered already.
  """
  records = records or tfds_name(dataset)
  mixture = records_name(dataset)
  catalogue = Catalogue(dataset, records, tfds_data_dir)
  feature = functools.partial(seqio.Feature, vocabulary, add_eos=True)
  tasks = [
    seqio.TaskRegistry.add(
      f"{mixture}_{family}",
      source=seqio.TfdsDataSource(records, tfds_data_dir, splits=SPLITS),
      preprocessors=[
        functools.partial(
          _instructions,
          family=family,
          catalogue=catalogue,
          num_negatives=num_negatives,
        ),
        _drop_unfit,
        _one_by_one,
      ],
      postprocess_fn=functools.partial(_ranking_target, form=form_name(family)),
      metric_fns=[evaluator.ranking_metric_fn],
      output_features={
        "inputs": feature(),
        "targets": feature(),
        "candidates": feature(rank=2),
      },
      # Small, as records lie in random order; its content is saved with the
      # place in the data at each checkpoint.
      shuffle_buffer_size=1000,
    ).name
    for family in families
  ]
  for name, of in ((mixture, PAPER), (f"{mixture}_all_forms", FAMILIES)):
    chosen = [
      task for task, family in zip(tasks, families, strict=True) if family in of
    ]
    seqio.MixtureRegistry.add(name, chosen, default_rate=1.0)
  return mixture


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
  family: str,
  catalogue: Catalogue,
  num_negatives: int,
  sequence_length=None,
) -> tf.data.Dataset:
  step = functools.partial(
    render.render,
    sequence_length=sequence_length,
    output_features=output_features,
    templates=templates_of(family),
    form=FORMS[form_name(family)],
    catalogue=catalogue,
    num_negatives=num_negatives,
  )
  return seqio.map_over_dataset(step, num_seeds=1)(records)


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
