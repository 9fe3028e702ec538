"""Which candidates an input asks about, against itertools."""

import itertools

import numpy as np
import pytest

from instructrec_jax.instructions import questions


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_all_one_or_two_are_asked_about(count):
  assert questions.whole(count).numpy().tolist() == [[*range(count)]]
  assert questions.each(count).numpy().tolist() == [[n] for n in range(count)]
  pairs = questions.pairs(count).numpy()
  found = sorted(tuple(sorted(pair)) for pair in pairs.tolist())
  assert found == [*itertools.combinations(range(count), 2)]
  firsts = np.bincount(pairs[:, 0], minlength=count)
  # Each is named first in half of its pairs, give or take half of one.
  assert (abs(firsts - (count - 1) / 2) <= 0.5).all()


def test_a_task_s_name_tells_its_form():
  for form in ("t0", "t1", "t2", "t3"):
    assert questions.form_name(f"instructrec_games_hard_p1_i0_{form}") == form
    assert questions.FORMS[form].ranks
