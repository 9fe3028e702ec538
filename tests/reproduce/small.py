"""`reproduce` on the small dataset that all tests share."""

from instructrec_jax.instructions.asked_wording import names_of
from instructrec_jax.reproduce import command

# The wording that stands out on validation, see conftest.py.
BEST = names_of("p1_i0_t3")[1]


def reproduce(small_data, out, **options):
  options = {"table": ["sequential"], "systems": ["popularity", "t5"]} | options
  return command.reproduce(
    "small", small_data, out=out, wording_requests=20, **options
  )
