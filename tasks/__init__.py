"""SeqIO tasks and mixtures, registered when this module is imported.

Each dataset of the SOURCES table has the tasks `instructrec_<dataset>_<family>`
and the mixture `instructrec_<dataset>`. `register_found` registers the other
datasets in a folder of records, such as a category of Amazon Reviews.
`itdr.register` registers ITDR's 33 tasks.
Registering reads nothing. The records (`instructrec build`) and the vocabulary
are looked up when a task is first used.

Another project registers the same families over its own records with one call:

  from instructrec_jax import tasks
  tasks.register("my_shop")

It then trains on the mixture `instructrec_my_shop`.
"""

from instructrec_jax.data.sources import SOURCES
from instructrec_jax.tasks import itdr
from instructrec_jax.tasks.registration import (
  register,
  register_found,
  use_records,
)

__all__ = ["register", "register_found", "use_records"]

for _dataset in sorted(
  {s.dataset for s in SOURCES.values() if s.dataset and not s.categories}
):
  register(_dataset)
itdr.register()
