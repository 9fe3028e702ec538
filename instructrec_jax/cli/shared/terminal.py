"""Standard output and standard error, whatever a text holds.

Texts of data are printed: titles, names of systems, answers of models. On the
way to a terminal their control characters are shown as escapes, here and
nowhere else.
"""

import contextlib
import io
import re
import sys
from collections.abc import Generator, Iterable
from typing import Any

# Characters with which a text could command a terminal, or show its words in
# another order: controls but tabs and line ends, and overrides of direction.
_CONTROLS = re.compile(
  r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)


class ReaderGone(BaseException):
  """Whoever read standard output has seen enough (`instructrec … | head`)."""


def visible(text: str) -> str:
  r"""Returns a text with its control characters shown, such as \x1b."""
  return _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)


def complain(text: str) -> None:
  """Prints a message to standard error."""
  print(visible(text), file=sys.stderr)


@contextlib.contextmanager
def safe_output() -> Generator[None]:
  """Lets everything be printed in this block, on whatever terminal there is.

  What a terminal cannot write is shown as an escape too.

  Raises:
    ReaderGone: whoever read standard output has ended.
  """
  for stream in (sys.stdout, sys.stderr):
    if isinstance(stream, io.TextIOWrapper):
      stream.reconfigure(errors="backslashreplace")
  with contextlib.redirect_stdout(_Output(sys.stdout)):
    try:
      yield
    except SystemExit:
      sys.stdout.flush()
      raise
    sys.stdout.flush()


class _Output:
  """Standard output, on which no text commands the terminal."""

  def __init__(self, stream: Any):
    self._stream = stream

  def write(self, text: str) -> int:
    with _reader_gone():
      self._stream.write(visible(text))
    return len(text)

  def writelines(self, lines: Iterable[str]) -> None:
    for line in lines:
      self.write(line)

  def flush(self) -> None:
    with _reader_gone():
      self._stream.flush()

  def __getattr__(self, name: str) -> Any:
    return getattr(self._stream, name)


@contextlib.contextmanager
def _reader_gone() -> Generator[None]:
  try:
    yield
  except BrokenPipeError:
    raise ReaderGone from None
