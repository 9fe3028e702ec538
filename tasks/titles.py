"""Tells of the titles that a run's vocabulary cannot write."""

from collections.abc import Iterable, Iterator

import seqio

from instructrec_jax.data.records.catalogue import Catalogue
from instructrec_jax.instructions.questions import FORMS
from instructrec_jax.tasks.family_records import FamilyRecords
from instructrec_jax.vocabulary import file, titles
from instructrec_jax.vocabulary.run_vocabulary import RUN_VOCABULARY


def told(tasks: Iterable[seqio.Task]) -> Iterator[str]:
  """Yields a line for each kind of titles that cannot be told apart.

  Args:
    tasks: tasks of datasets; others have no catalogue of titles.

  Raises:
    InputError: most titles of a dataset cannot be written, and a task ranks.
  """
  ranks = {}
  for task in tasks:
    if isinstance(task.source, FamilyRecords):
      of = task.source.catalogue
      # Read again, because one process can use several folders of records.
      catalogue = Catalogue(of.dataset, of.records, of.data_dir)
      asked = FORMS[task.source.family.form].ranks
      before = ranks.get(catalogue.folder, (catalogue, False))
      ranks[catalogue.folder] = catalogue, before[1] or asked
  for catalogue, ranked in ranks.values():
    found = titles.unwritable(
      catalogue.items["title"].to_list(), RUN_VOCABULARY.sp_model
    )
    if ranked:
      found.check(catalogue.dataset, file.setting())
    yield from (f"{catalogue.dataset}: {line}" for line in found.lines())
