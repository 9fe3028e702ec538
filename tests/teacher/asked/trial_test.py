"""The first answers of a model decide whether it goes on."""

import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.teacher.asked import answer, trial


def test_a_model_of_which_nothing_can_be_used_is_stopped():
  judge = trial.Trial("toy")
  for _ in range(trial.FIRST - 1):
    judge.note(answer.REFUSED, "No.")
  with pytest.raises(
    InputError, match=r"toy: .* first 20 .*19 x refusal, 1 x cut.*--model.*'No."
  ):
    judge.note(answer.CUT, "")


def test_one_that_can_be_used_is_enough():
  judge = trial.Trial("toy")
  judge.note(answer.REFUSED, "No.")
  judge.note(None, "{}")
  for _ in range(100):
    judge.note(answer.MALFORMED, "?")
  judge.end()


@pytest.mark.parametrize(
  ("fault", "stops"),
  [(answer.CUT, True), (answer.MALFORMED, True), (answer.REFUSED, False),
   (answer.FILTERED, False), ("HTTP 400", False)],
)  # fmt: skip
def test_a_short_run_ends_in_an_error_if_something_can_be_done(fault, stops):
  judge = trial.Trial("toy")
  judge.end()
  judge.note(fault, "said")
  if stops:
    with pytest.raises(InputError, match="first 1 answers"):
      judge.end()
  else:
    judge.end()
