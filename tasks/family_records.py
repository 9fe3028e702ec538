"""A dataset's records, for a family that may need texts which they lack."""

from collections.abc import Sequence

import seqio

from instructrec_jax.errors import InputError
from instructrec_jax.instructions.catalogue import Catalogue
from instructrec_jax.instructions.families import Family

# Records lie in random order, so a split's first ones are a sample of it.
SPLITS = {
  "train": "train",
  "validation": "validation",
  "test": "test",
  "validation_2k": "validation[:2000]",
  "test_2k": "test[:2000]",
}


class FamilyRecords(seqio.TfdsDataSource):
  """Records that have no split where the family's texts were never written.

  A mixture leaves out the tasks that have not the split asked for, so that one
  mixture serves datasets with reviews and without.

  Attributes:
    family: what the records are told as.
  """

  def __init__(
    self, catalogue: Catalogue, family: Family, fields: Sequence[str]
  ):
    """Remembers what to read; nothing is read yet.

    Args:
      catalogue: of the records.
      family: see above.
      fields: of a record, that have its texts.
    """
    super().__init__(catalogue.records, catalogue.data_dir, splits=SPLITS)
    self.family = family
    self._catalogue = catalogue
    self._fields = tuple(fields)

  @property
  def absent(self) -> tuple[str, ...]:
    """The family's texts that the records lack.

    Raises:
      InputError: if there are no records.
    """
    have = self._catalogue.features
    return tuple(name for name in self._fields if name not in have)

  @property
  def splits(self) -> tuple[str, ...]:
    """The splits; one that nobody can ask for where texts are absent."""
    try:
      absent = self.absent
    except InputError:  # Said when they are read.
      absent = ()
    if absent:
      return (f"none: no {' and no '.join(absent)}",)
    return tuple(super().splits)
