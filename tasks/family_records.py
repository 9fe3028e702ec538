"""The records of a dataset that one family uses."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import seqio
import tensorflow as tf

from instructrec_jax.data.records.catalogue import Catalogue
from instructrec_jax.errors import InputError
from instructrec_jax.instructions import asked_wording, mixing
from instructrec_jax.instructions.families import Family
from instructrec_jax.instructions.templates import Template
from instructrec_jax.tasks.parts import Records


class FamilyRecords(Records):
  """The records that have a family's texts, up to the family's limit per user.

  The records are unusable if the texts were never written.

  Attributes:
    family: the family that uses the records.
    catalogue: the catalogue of the records.
    fields: the record field of each text that the family needs.
    templates: the wordings that the task asks in.
    searched: the catalogue of the records of product search whose held-out
      items are no targets in training; None if every item may be one.
  """

  def __init__(
    self,
    catalogue: Catalogue,
    family: Family,
    fields: Mapping[str, str],
    templates: Sequence[Template] = (),
    searched: Catalogue | None = None,
  ):
    """Remembers what to read without reading it.

    Args:
      catalogue: the catalogue of the records.
      family: the family that uses the records.
      fields: the record field of each text that the family needs.
      templates: the wordings that the task asks in.
      searched: the catalogue of the records of product search whose held-out
        items are no targets in training; None if every item may be one.
    """
    super().__init__(catalogue.records, catalogue.data_dir)
    self.family = family
    self.catalogue = catalogue
    self.fields = dict(fields)
    self.templates = tuple(templates)
    self.searched = searched

  @property
  def absent(self) -> tuple[str, ...]:
    """The family's texts that the records lack.

    Raises:
      InputError: if there are no records.
    """
    have = self.catalogue.features
    return tuple(name for name in self.fields.values() if name not in have)

  @property
  def unusable(self) -> str | None:
    """Why the task cannot be used, or None if all texts are there.

    Raises:
      InputError: if there are no records.
    """
    texts = " and no ".join(self.absent)
    if not texts:
      return None
    return f"the records have no {texts} (`instructrec annotate` writes it)"

  def usable(self, split: str, *args: Any, **kwargs: Any) -> tf.data.Dataset:
    """Returns a split's records that the family can use."""
    records = super().usable(split, *args, **kwargs)
    if self.fields:
      records = records.filter(self._has_texts)
    if self.searched is not None and split.startswith("train"):
      held_out = tf.constant(self.searched.held_out_items)
      records = records.filter(lambda record: ~held_out[record["target"]])
    # Each stage costs time, so an unneeded one is skipped.
    if any(name != field for name, field in self.fields.items()):
      records = records.map(self._named)
    limit = mixing.instances_per_user().get(self.family.name)
    if limit is None:
      return records
    return records.filter(lambda record: record["newer_targets"] < limit)

  def others(self, count: int) -> dict[str, tf.Tensor | tf.RaggedTensor]:
    """Returns the history and the texts of other users, a row for each.

    They are those of the first training records that have a history. Records
    are in an order drawn by seed, so they are a sample, the same for all
    requests of a dataset. A user's newest record has the longest history.

    Args:
      count: the number of other users; there may be fewer.

    Raises:
      InputError: there is none.
    """
    with tf.init_scope():  # Not of the graph being traced.
      found = []
      for record in self.usable("train", shuffle=False):
        told = len(record["history"]) or "p1" not in self.family.inputs
        if told and not int(record["newer_targets"]):
          found.append(record)
        if len(found) == count:
          break
      if not found:
        raise InputError(
          f"{self.catalogue.records}: no training record has a history, which "
          "PRIOR_WEIGHT needs of other users: bind PRIOR_WEIGHT to 0"
        )
      return {
        "history": tf.ragged.stack([record["history"] for record in found]),
        **{
          name: tf.stack([record[name] for record in found])
          for name in self.family.fields
        },
      }

  def forget(self) -> None:
    """Forgets what was read, as the next reading may be of another folder."""
    self.catalogue.forget()
    if self.searched is not None:
      self.searched.forget()

  def _has_texts(self, record: Mapping[str, tf.Tensor]) -> tf.Tensor:
    texts = tf.stack([record[field] for field in self.fields.values()])
    return tf.reduce_all(tf.strings.length(texts) > 0)

  def _named(self, record: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    texts = {name: record[field] for name, field in self.fields.items()}
    return {**record, **texts}


def check_wording(tasks: Iterable[seqio.Task]) -> None:
  """Raises InputError if a task has no wording of the `asked_wording`."""
  name = asked_wording.asked_wording()
  for task in tasks if name is not None else ():
    if not isinstance(task.source, FamilyRecords):
      raise InputError(
        f"template {name!r}: expected one of InstructRec's tasks, got "
        f"{task.name}"
      )
    asked_wording.chosen(task.source.templates)
