"""A teacher and its options are chosen."""

import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.teacher.annotation.choosing import Choice


@pytest.mark.parametrize(
  ("teacher", "given", "expected"),
  [
    ("oracle", {}, "extractive"),
    ("api", {}, "--model"),
    ("local", {"model": "m", "estimate": True}, "--estimate is for"),
    ("api", {"model": "m", "price_input": 1.0}, "--price_output"),
    ("api", {"model": "m", "sampling": "[]"}, "JSON object"),
  ],
)
def test_options_are_checked_before_anything_is_opened(
  teacher, given, expected, tmp_path
):
  with pytest.raises(InputError, match=expected):
    Choice(teacher, tmp_path, given)
  assert not list(tmp_path.iterdir())
