"""Names are looked up, and near ones are offered."""

import pytest

from instructrec_jax.batches import from_records
from instructrec_jax.errors import InputError

_LENGTHS = {"inputs": 160, "targets": 16}


def test_an_unknown_mixture_gets_near_names(small):
  with pytest.raises(InputError) as error:
    from_records.train_batches("instructrec_smal", _LENGTHS, batch_size=4)
  assert "Did you mean 'instructrec_small'" in str(error.value)
