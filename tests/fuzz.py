"""Damaged files: whatever a file holds, it is read, or refused in a message.

`check` writes a whole file, damages it in many ways that a seed decides, and
calls a reader each time. Only two ends are right: the reader returns, or it
raises an InputError in one clear line. `make test` tries some dozens of damages
of each format, and INSTRUCTREC_THOROUGH=1 tries 2,000.
"""

import collections
import contextlib
import dataclasses
import os
import random
import signal
import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path

import hypothesis
from hypothesis import strategies as st

from instructrec_jax.errors import InputError

THOROUGH = bool(os.environ.get("INSTRUCTREC_THOROUGH"))
# Damaged files of a format.
COUNT = 2000 if THOROUGH else 40
# A reader of a small file that takes longer hangs.
_MOST_SECONDS = 20
_LONGEST_MESSAGE = 2000
# What people, editors and other programs put into files.
_PIECES = (
  b"\xff\xfe", b"\x80", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
  "\u2028".encode(), "\u0085".encode(), b"\xef\xbb\xbf", b"\0", b"\r", b"\n",
  b"\r\n", b'"', b"'", b",", b"\t", b"{", b"}", b"[", b"]", b"null", b"NaN",
  b"Infinity", b"-1", b"1e999", b"99999999999999999999", b"0" * 5000,
  b"[" * 2000, b'"\\ud800"', b"\x1b[31m", b"x" * 3000, b"true", b"1.5", b"{}",
)  # fmt: skip


def _flip(data: bytearray, at: int, rng: random.Random) -> None:
  if data:
    data[at % len(data)] ^= 1 << rng.randrange(8)


def _change(data: bytearray, at: int, rng: random.Random) -> None:
  if data:
    data[at % len(data)] = rng.randrange(256)


def _cut_off(data: bytearray, at: int, rng: random.Random) -> None:
  del rng
  del data[at:]


def _take_out(data: bytearray, at: int, rng: random.Random) -> None:
  del data[at : at + rng.choice((1, 2, 8, 64, 512))]


def _put_in(data: bytearray, at: int, rng: random.Random) -> None:
  data[at:at] = rng.choice(_PIECES)


def _put_bytes(data: bytearray, at: int, rng: random.Random) -> None:
  data[at:at] = rng.randbytes(rng.choice((1, 4, 40)))


def _write_over(data: bytearray, at: int, rng: random.Random) -> None:
  piece = rng.choice(_PIECES)[:64]
  data[at : at + len(piece)] = piece


def _swap(data: bytearray, at: int, rng: random.Random) -> None:
  size = rng.choice((1, 4, 32, 256))
  other = rng.randrange(len(data) + 1)
  first, second = sorted((at, other))
  one, two = data[first : first + size], data[second : second + size]
  if first + size <= second:
    data[second : second + size], data[first : first + size] = one, two


def _repeat(data: bytearray, at: int, rng: random.Random) -> None:
  data[at:at] = data[at : at + rng.choice((1, 16, 200))] * rng.choice((1, 3))


_DAMAGES = (
  _flip, _change, _cut_off, _take_out, _put_in, _put_bytes, _write_over, _swap,
  _repeat,
)  # fmt: skip


def damaged(whole: bytes, seed: int) -> bytes:
  """Returns a file with one to four damages, which the seed decides."""
  rng = random.Random(seed)
  data = bytearray(whole)
  for _ in range(rng.choice((1, 1, 1, 2, 4))):
    rng.choice(_DAMAGES)(data, rng.randrange(len(data) + 1), rng)
  return bytes(data)


@dataclasses.dataclass
class Row:
  """What became of the damaged files of a format.

  Attributes:
    format: the name of the format.
    read: the number of files that were read.
    refused: the number of files that were refused in a message.
    wrong: the seeds of the others, by what was raised and where.
  """

  format: str
  read: int = 0
  refused: int = 0
  wrong: dict[str, list[int]] = dataclasses.field(
    default_factory=lambda: collections.defaultdict(list)
  )

  def __str__(self) -> str:
    tracebacks = sum(map(len, self.wrong.values()))
    count = self.read + self.refused + tracebacks
    return (
      f"{self.format:<32} n {count:>5}  read {self.read:>5}  "
      f"refused {self.refused:>5}  traceback {tracebacks:>5}"
    )


def survey(
  name: str,
  whole: bytes,
  read: Callable[[Path], object],
  path: Path,
  count: int = COUNT,
) -> Row:
  """Damages a file in many ways, and counts what a reader does each time.

  Args:
    name: the name of the format, for the table.
    whole: the file's bytes before any damage. The reader must read them.
    read: reads the file; it must use all of what it read.
    path: where the file is written. It need not exist.
    count: the number of damaged files.
  """
  path.write_bytes(whole)
  read(path)
  row = Row(name)

  # Hypothesis draws the seeds, and leads with the small ones.
  @hypothesis.settings(
    max_examples=count,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
  )
  @hypothesis.given(seed=st.integers(0, 2**40))
  def each(seed: int) -> None:
    data = damaged(whole, seed)
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    try:
      with _in_time():
        read(path)
      row.read += 1
    except InputError as error:
      fault = _fault_of(str(error))
      if fault:
        row.wrong[fault].append(seed)
      else:
        row.refused += 1
    except (KeyboardInterrupt, SystemExit):
      raise
    except BaseException as error:  # Polars' panics are none of Exception.
      row.wrong[_place(error)].append(seed)

  each()
  print(row)
  return row


def check(
  name: str,
  whole: bytes,
  read: Callable[[Path], object],
  path: Path,
  count: int = COUNT,
) -> None:
  """Fails if a damaged file ends in anything but a value or a clear message.

  See `survey` for the arguments.
  """
  row = survey(name, whole, read, path, count)
  assert not row.wrong, f"{row}\n{_shown(row.wrong)}"


def _shown(wrong: Mapping[str, Sequence[int]]) -> str:
  return "\n".join(
    f"{len(seeds)} x {what}; fuzz.damaged(whole, {seeds[0]})"
    for what, seeds in wrong.items()
  )


class _Hangs(BaseException):
  """The reader took too long."""


@contextlib.contextmanager
def _in_time() -> Generator[None]:
  def stop(*_: object) -> None:
    raise _Hangs

  before = signal.signal(signal.SIGALRM, stop)
  signal.alarm(_MOST_SECONDS)
  try:
    yield
  finally:
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def _fault_of(said: str) -> str | None:
  """Returns what is wrong with a message, if anything."""
  if not said.strip():
    return "an empty message"
  if len(said) > _LONGEST_MESSAGE:
    return f"a message of {len(said)} characters: {said[:200]!r}"
  return None


def _place(error: BaseException) -> str:
  """Returns what was raised, and the innermost line of ours."""
  frames = traceback.extract_tb(error.__traceback__)
  ours = [f for f in frames if "instructrec_jax" in f.filename] or frames
  where = f"{ours[-1].filename.rpartition('instructrec_jax/')[2]}"
  said = " ".join(str(error).split())[:150]
  return f"{type(error).__name__} at {where}:{ours[-1].lineno}: {said}"
