"""Whether a run of texts also trains on the targets of validation."""

import gin

from instructrec_jax.errors import InputError


@gin.configurable(module="instructrec_jax")
def train_on_validation(on: bool = False) -> bool:
  """Returns whether training also uses the records of validation.

  Args:
    on: choose all settings first, then train once more with it. Validation
      measures nothing afterwards.
  """
  return on


def check_split(split: str) -> str:
  """Returns the name of a split that a run may be evaluated on.

  Raises:
    InputError: the run has trained on its targets.
  """
  if train_on_validation() and split.partition("_")[0] == "validation":
    raise InputError(
      f"split {split!r}: the run trains on the targets of validation "
      "(TRAIN_ON_VALIDATION): evaluate it on test"
    )
  return split
