"""The records of a dataset that one family uses."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from instructrec_jax.data.records.catalogue import Catalogue
from instructrec_jax.errors import InputError
from instructrec_jax.instructions import mixing
from instructrec_jax.instructions.families import Family
from instructrec_jax.tasks.parts import Records


class FamilyRecords(Records):
  """The records that have a family's texts, up to the family's limit per user.

  The records are unusable if the texts were never written.

  Attributes:
    family: the family that uses the records.
    catalogue: the catalogue of the records.
    fields: the record field of each text that the family needs.
  """

  def __init__(
    self, catalogue: Catalogue, family: Family, fields: Mapping[str, str]
  ):
    """Remembers what to read without reading it.

    Args:
      catalogue: the catalogue of the records.
      family: the family that uses the records.
      fields: the record field of each text that the family needs.
    """
    super().__init__(catalogue.records, catalogue.data_dir)
    self.family = family
    self.catalogue = catalogue
    self.fields = dict(fields)

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

  def _has_texts(self, record: Mapping[str, tf.Tensor]) -> tf.Tensor:
    texts = tf.stack([record[field] for field in self.fields.values()])
    return tf.reduce_all(tf.strings.length(texts) > 0)

  def _named(self, record: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    texts = {name: record[field] for name, field in self.fields.items()}
    return {**record, **texts}
