"""The table of ranking procedures whose questions depend on earlier answers."""

from collections.abc import Callable, Mapping

from instructrec_jax.eval.procedures import orders, rounds, sorting
from instructrec_jax.eval.procedures.asking import Asker
from instructrec_jax.eval.procedures.rankings import Ranked

# The function of each procedure, by the form of its tasks.
PROCEDURES: Mapping[str, Mapping[str, Callable[[Asker], Ranked]]] = {
  "sorting": {"t1": sorting.sort},
  "rounds": {"t3": rounds.groups},
  "orders": {"t1": orders.turn, "t3": orders.permute},
}
