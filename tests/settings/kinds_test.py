"""A kind takes what it says it takes, and says so in a line."""

import math

import numpy as np
import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.settings import kinds

_LENGTHS = kinds.ByName(kinds.Whole(), '{"a": 1}', ("a", "b"))
# A kind, values that it takes, and values that it refuses.
_CASES = (
  (kinds.Whole(), (1, 2**40, np.int64(3)), (0, -1, 1.5, 2.0, True, "1", None)),
  (kinds.Whole(0, 5), (0, 5), (-1, 6)),
  (kinds.Number(), (0, 0.5, 7), (-1, math.nan, math.inf, "1", True, None)),
  (kinds.Number(above=True), (1e-9,), (0, 0.0)),
  (kinds.Number(0, 1, below=True), (0, 0.99), (1, 1.0, 2)),
  (kinds.Text(), ("x",), ("", 3, None, b"x")),
  (kinds.Choice((1, 2)), (1, 2), (True, 3, "1", 1.0)),
  (kinds.YES_OR_NO, (True, False), (1, 0, "True")),
  (kinds.OrNone(kinds.Whole()), (None, 1), (0, "None")),
  (kinds.Either(kinds.Number(), kinds.Text()), (1, "x"), (-1, None)),
  (_LENGTHS, ({"a": 1, "b": 2},), ({"a": 1}, {"a": 1, "b": 0}, {}, 3, [1])),
  (_LENGTHS, (), ({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 2.0})),
  (kinds.Made(("adamw",)), (), ("@adamw()", 3, None)),
)


@pytest.mark.parametrize(("kind", "right", "wrong"), _CASES)
def test_a_kind_takes_its_values_and_no_others(kind, right, wrong):
  for value in right:
    kinds.check("NAME", kind, value)
  for value in wrong:
    with pytest.raises(InputError) as error:
      kinds.check("NAME", kind, value)
    told = str(error.value)
    assert told.startswith(f"NAME = {value!r}: expected {kind.words}")
    assert "\n" not in told


def test_a_whole_number_with_a_point_is_told_how_to_write_it():
  with pytest.raises(InputError, match=r"= 1000\.0: .* \(write 1000\)$"):
    kinds.check("TRAIN_STEPS", kinds.Whole(), 1e3)


def test_the_field_that_is_wrong_is_named():
  with pytest.raises(InputError, match=r"\('b' is missing\)$"):
    kinds.check("LENGTHS", _LENGTHS, {"a": 1})
  with pytest.raises(InputError, match=r"\('b' is 2.0: write 2\)$"):
    kinds.check("LENGTHS", _LENGTHS, {"a": 1, "b": 2.0})


def test_a_long_value_is_shown_in_part():
  with pytest.raises(InputError) as error:
    kinds.check("NAME", kinds.Whole(), "x" * 10_000)
  assert len(str(error.value)) < 200
