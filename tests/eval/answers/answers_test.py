"""Texts beside their truths."""

import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.eval.answers.answers import Answers


def test_rows_are_the_lines_of_the_file():
  found = Answers.of([4, 2], [1, 0], ["a", None], [3.0, 1.0], [None, 1.0])
  assert found.n == 2
  assert [*found.rows()] == [
    {"instance": 4, "user": 1, "answer": "a", "truth": 3.0, "read": None},
    {"instance": 2, "user": 0, "answer": None, "truth": 1.0, "read": 1.0},
  ]
  [row, _] = Answers.of([4, 2], [1, 0], ["a", "b"], [3, 1], None).rows()
  assert "read" not in row


def test_a_fingerprint_is_of_the_requests():
  one = Answers.of([4, 2], [1, 0], ["a", "b"], [3.0, 1.0], None)
  turned = Answers.of([2, 4], [0, 1], ["x", "y"], [1.0, 3.0], None)
  other = Answers.of([2, 4], [0, 1], ["x", "y"], [1.0, 2.0], None)
  assert one.fingerprint() == turned.fingerprint() != other.fingerprint()


@pytest.mark.parametrize(
  ("columns", "message"),
  [
    (([1], [1], ["a", "b"], ["c"], None), "expected 1 texts, .* got 2"),
    (([1, 1], [1, 2], ["a", "b"], ["c", "d"], None),
     "instance 1: expected once, got 2 times"),
  ],
)  # fmt: skip
def test_columns_that_do_not_fit(columns, message):
  with pytest.raises(InputError, match=message):
    Answers.of(*columns)
