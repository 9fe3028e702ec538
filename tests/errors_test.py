"""What a person at the keyboard reads of a name that is not known."""

import errno
import gzip

import pytest

from instructrec_jax import errors


@pytest.mark.parametrize(
  ("name", "choices", "message"),
  [
    ("gmaes", ["games", "books"],
     "unknown source 'gmaes'. Did you mean 'games'? (known: books, games)"),
    ("xyz", ["games"], "unknown source 'xyz'. (known: games)"),
    ("xyz", [], "unknown source 'xyz'. (known: none)"),
    ("name_3", [f"name_{n}" for n in range(10, 23)] + ["name_3x"],
     "unknown source 'name_3'. Did you mean 'name_3x' or 'name_13' or "
     "'name_22'? (14 are known)"),
  ],
)  # fmt: skip
def test_near_names_come_first(name, choices, message):
  found = str(errors.unknown("source", name, choices))
  if len(choices) > 12:  # Which of equally near ones come is difflib's choice.
    assert found.startswith("unknown source 'name_3'. Did you mean 'name_3x'")
    assert found.endswith("(14 are known)")
  else:
    assert found == message


def test_it_is_a_value_error():
  assert isinstance(errors.unknown("a", "b", []), errors.InputError)
  assert issubclass(errors.InputError, ValueError)


def test_values_of_any_length_are_cut():
  path = "/a" * 400
  assert str(errors.InputError(f"{path}: no file")) == f"{path}: no file"
  said = str(errors.InputError(f"x.csv:3: {'[' * 5000} is no number"))
  assert said == f"x.csv:3: {'[' * 500}… is no number"


@pytest.mark.parametrize(
  ("error", "refused"),
  [
    (PermissionError(errno.EACCES, "denied"), True),
    (OSError(errno.ENOSPC, "full"), True),
    (MemoryError(), True),
    (OSError(errno.EINVAL, "before the begin of a file"), False),
    (gzip.BadGzipFile("no gzip"), False),
    (ValueError(), False),
  ],
)
def test_what_the_system_refuses_is_told_from_damage(error, refused):
  assert errors.is_refusal(error) is refused


def test_a_message_is_short_whatever_the_names_are():
  names = [f"{n}{'x' * 200}" for n in range(1000)]
  said = str(errors.unknown("column", "a", names))
  assert len(said) < 6000
  assert said.endswith("and 940 more)")
