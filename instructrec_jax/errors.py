"""The one error a person at the keyboard is meant to read."""

import difflib
import errno
import re
from collections.abc import Iterable

# A message stays short whatever the names are, such as those of a file.
_MOST = 60
_LONGEST = 80
_WORD = re.compile(r"(\S{500})\S{500,}")


class InputError(ValueError):
  """The user's input cannot be used.

  The message names the file, line or field, what was expected, what was found
  and the valid choices. The command line prints it without a traceback.

  A value that came from a file may be of any length, so a word that is longer
  than any name or path is cut.
  """

  def __init__(self, message: str = ""):
    super().__init__(_WORD.sub(r"\1…", message))


def unknown(kind: str, name: str, choices: Iterable[str]) -> InputError:
  """Returns the error for a `name` that is not among `choices`.

  Similar names come first, so that a typing error is easy to see.

  Args:
    kind: what the name stands for, e.g. "source" or "mixture".
    name: what was asked for.
    choices: every valid name.
  """
  choices = sorted(choices)
  near = difflib.get_close_matches(name[:_LONGEST], choices, n=3, cutoff=0.5)
  hint = f" Did you mean {' or '.join(map(_shown, near))}?" if near else ""
  if len(choices) > 12 and near:
    valid = f"{len(choices)} are known"
  else:
    shown = [each[:_LONGEST] for each in choices[:_MOST]]
    more = len(choices) - len(shown)
    valid = f"known: {', '.join(shown) or 'none'}"
    valid += f" and {more} more" if more else ""
  return InputError(f"unknown {kind} {name!r:.{_LONGEST}}.{hint} ({valid})")


def is_refusal(error: BaseException) -> bool:
  """Returns whether the system refused something, such as a file's rights.

  A file of which an error of this kind is raised may be whole. Other errors
  while it is read, such as a place before its begin, say that it is damaged.
  """
  if isinstance(error, MemoryError):
    return True
  return isinstance(error, OSError) and error.errno not in (None, errno.EINVAL)


def _shown(name: str) -> str:
  return f"{name!r:.{_LONGEST}}"
