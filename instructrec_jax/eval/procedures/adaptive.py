"""Rankings for which the questions follow from earlier answers: the table."""

from collections.abc import Callable, Mapping

from instructrec_jax.eval.procedures import orders, rounds, sorting
from instructrec_jax.eval.procedures.asking import Asker
from instructrec_jax.eval.procedures.rankings import Ranked

# What each does, by the form of the tasks that it is for.
PROCEDURES: Mapping[str, Mapping[str, Callable[[Asker], Ranked]]] = {
  "sorting": {"t1": sorting.sort},
  "rounds": {"t3": rounds.groups},
  "orders": {"t1": orders.turn, "t3": orders.permute},
}
