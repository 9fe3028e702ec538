"""Ctrl-C and SIGTERM, at every moment of a command."""

import contextlib
import os
import signal
from collections.abc import Generator, Iterator

# What is said of a signal. A shell's status for it is 128 and its number.
_SAID = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


class Terminated(BaseException):
  """SIGTERM came, which says no more than Ctrl-C that something is wrong."""


@contextlib.contextmanager
def at_once(program: str) -> Generator[None]:
  """Ends the program at once if a signal comes in this block.

  It is for imports. Nothing is being written yet, and an exception in the
  middle of an import is often caught or changed by a library.

  Args:
    program: the name of the program, for the message.
  """
  # Standard error may be turned off while TensorFlow is imported.
  stderr = os.dup(2)

  def end(number: int, _: object) -> None:
    os.write(stderr, f"{program}: {_SAID[signal.Signals(number)]}\n".encode())
    os._exit(128 + number)

  with _handled(dict.fromkeys(_SAID, end)):
    try:
      yield
    finally:
      os.close(stderr)


@contextlib.contextmanager
def raised() -> Generator[None]:
  """Raises `Terminated` on SIGTERM, as Python raises KeyboardInterrupt."""
  # Left to itself, a program that is a container's first would not even end.
  with _handled({signal.SIGTERM: _terminate}):
    yield


def behind(error: BaseException) -> tuple[int, str] | None:
  """Returns the exit status and the word for the signal that led to an error.

  A library may have turned the signal's exception into one of its own.
  """
  for each in _chain(error):
    for kind, number in (
      (KeyboardInterrupt, signal.SIGINT),
      (Terminated, signal.SIGTERM),
    ):
      if isinstance(each, kind):
        return 128 + number, _SAID[number]
  return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
  seen = []
  while error is not None and error not in seen:
    seen.append(error)
    yield error
    error = error.__cause__ or error.__context__


@contextlib.contextmanager
def _handled(handlers: dict) -> Generator[None]:
  before = {}
  for number, handler in handlers.items():
    # A program that was started to ignore Ctrl-C goes on ignoring it.
    if number != signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN:
      before[number] = signal.signal(number, handler)
  try:
    yield
  finally:
    for number, handler in before.items():
      signal.signal(number, handler)


def _terminate(*_: object) -> None:
  raise Terminated
