"""What is made, and what is skipped and why."""

import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.reproduce import plan
from tests.reproduce.small import reproduce


def test_what_the_data_lacks_is_skipped_with_a_reason(small_data, tmp_path):
  told = reproduce(
    small_data, tmp_path, table=["all"], systems=None, dry_run=True
  )
  assert "hard_negatives, small: random, popularity" in told
  assert "skipped, transfer: there is no second dataset" in told
  assert "(sasrec_text)" in told
  assert not any(tmp_path.iterdir())
  data = plan.Data(small_data, "small")
  with pytest.raises(InputError, match="nothing of transfer can be made: "):
    plan.parts(data, ["transfer"], None)
  for tables, some, message in (
    (["sequentail"], None, "Did you mean 'sequential'"),
    (["all"], ["sasrek"], "Did you mean 'sasrec'"),
  ):
    with pytest.raises(InputError, match=message):
      plan.parts(data, tables, some)
