"""The types of flags: what each value may be, checked before any work.

Each of these takes the text of a flag, and returns its value. A text that is no
such value is refused with what is expected, which argparse prints after the
name of the flag.
"""

import argparse
import json
import math
import re
import urllib.parse
from collections.abc import Callable

from instructrec_jax import paths
from instructrec_jax.errors import InputError

# Larger numbers of anything are a slip of the hand.
_MOST = 2**53
_SHOWN = 60


def whole(least: int = 1, most: int | None = None) -> Callable[[str], int]:
  """Returns the type of whole numbers in a range.

  Args:
    least: the smallest.
    most: the largest; None if only what a computer counts to is one.
  """

  def value(text: str) -> int:
    try:
      number = int(text)
    except ValueError:
      number = None
    last = _MOST if most is None else most
    if number is None or not least <= number <= last:
      beyond = most is not None or (number is not None and number > last)
      span = f"from {least} to {last}" if beyond else f"of at least {least}"
      raise _expected(f"a whole number {span}", text)
    return number

  return value


SEED = whole(0, 2**32 - 1)
COUNT = whole(1)
PORT = whole(1, 65535)


def number(
  least: float | None = None, above: float | None = None
) -> Callable[[str], float]:
  """Returns the type of numbers in a range.

  Args:
    least: the smallest.
    above: what every number is larger than, instead.
  """

  def value(text: str) -> float:
    try:
      found = float(text)
    except ValueError:
      found = math.nan
    fits = math.isfinite(found)
    span = ""
    if least is not None:
      fits, span = fits and found >= least, f" of at least {least:g}"
    if above is not None:
      fits, span = fits and found > above, f" above {above:g}"
    if not fits:
      raise _expected(f"a number{span}", text)
    return found

  return value


def number_text(text: str) -> str:
  """Returns the text of a number."""
  number()(text)
  return text


def names(text: str) -> list[str]:
  """Returns the names in a text, which has commas between them."""
  found = [name.strip() for name in text.split(",")]
  if not all(found):
    raise _expected("names with commas between them", text)
  return found


def some(text: str) -> str:
  """Returns a text that is not empty."""
  if not text:
    raise _expected("a text", text)
  return text


def json_object(text: str) -> str:
  """Returns a text that is a JSON object."""
  try:
    found = json.loads(text)
  except (ValueError, RecursionError):
    found = None
  if not isinstance(found, dict):
    example = '\'{"temperature": 0, "max_tokens": 200}\''
    raise _expected(f"a JSON object such as {example}", text)
  return text


def variable(text: str) -> str:
  """Returns the name of a variable of the environment.

  What is no name is not shown, because it may be a key.
  """
  if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text):
    raise argparse.ArgumentTypeError(
      "expected the name of an environment variable, such as OPENAI_API_KEY, "
      "and no key"
    )
  return text


def url(text: str) -> str:
  """Returns an address whose port, if any, can be one.

  The address is not shown, because it may contain a key.
  """
  try:
    port = urllib.parse.urlsplit(text).port
  except ValueError:
    port = 0
  if port == 0:
    raise argparse.ArgumentTypeError(
      "expected an address whose port is a whole number from 1 to 65535"
    )
  return text


def host_and_port(text: str) -> str:
  """Returns the address of a process, HOST:PORT."""
  host, _, port = text.rpartition(":")
  if not host:
    raise _expected("HOST:PORT, such as 10.0.0.1:1234", text)
  try:
    PORT(port)
  except argparse.ArgumentTypeError as error:
    raise argparse.ArgumentTypeError(f"the port of {text!r}: {error}") from None
  return text


def pair(text: str) -> str:
  """Returns a text NAME=OTHER."""
  name, _, other = text.partition("=")
  if not (name and other):
    raise _expected("NAME=OTHER, such as ml_32m=ml_latest_small", text)
  return text


def path(text: str) -> str:
  """Returns a path, with the home folder in place of a `~`."""
  return _checked(text, lambda _: None)


def paths_with_commas(text: str) -> list[str]:
  """Returns the paths in a text, which has commas between them."""
  return [path(each) for each in names(text)]


def folder_to_write(text: str) -> str:
  """Returns the path of a folder that can be written."""
  return _checked(text, paths.check_writable)


def file_to_write(text: str) -> str:
  """Returns the path of a file that can be written."""
  return _checked(text, lambda p: paths.check_writable(p, is_file=True))


def _checked(text: str, check: Callable[[str], None]) -> str:
  if not text:
    raise _expected("a path", text)
  try:
    found = paths.expanded(text)
    check(found)
  except InputError as error:
    raise argparse.ArgumentTypeError(str(error)) from None
  return found


def _expected(what: str, came: str) -> argparse.ArgumentTypeError:
  shown = came if len(came) <= _SHOWN else f"{came[:_SHOWN]}…"
  return argparse.ArgumentTypeError(f"expected {what}, got {shown!r}")
