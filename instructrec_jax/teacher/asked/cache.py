"""A cache of answers on disk, so that no answer is paid for twice.

A key is the hash of everything that determines an answer: the model, the
prompt's version, the messages and the sampling options. Unusable answers are
kept too, by the number of their try, so that a resumed run makes the same
decisions. The file contains neither prompts nor API keys.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import sqlite3
import tempfile
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

from instructrec_jax.errors import InputError
from instructrec_jax.teacher.asked.claims import Claims

# Short enough for every provider's `custom_id`, and long enough not to collide.
KEY_DIGITS = 40
_TABLE = """
create table if not exists answers (
  key text not null,
  try integer not null,
  content text not null,
  input_tokens integer not null,
  output_tokens integer not null,
  finish text not null default '',
  primary key (key, try)
) without rowid
"""
# What a file of an earlier version lacks.
_FINISH = "alter table answers add column finish text not null default ''"
_COLUMNS = "key, try, content, input_tokens, output_tokens, finish"
# So much room must be left before a request is sent. It is far more than the
# answers that are on their way at a time.
_ROOM = 1 << 20


@dataclasses.dataclass(frozen=True)
class Answer:
  """The answer to one try of a request.

  Attributes:
    content: the model's text.
    input_tokens: tokens read, by the server's count; 0 if it sent none.
    output_tokens: tokens written, counted likewise.
    finish: why the model stopped, if it did not end by itself: "length",
      "refusal" or "content_filter".
  """

  content: str
  input_tokens: int = 0
  output_tokens: int = 0
  finish: str = ""


def key(**parts: Any) -> str:
  """Returns a request's name: a hash of all that its answer depends on."""
  text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
  return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]


class Cache:
  """Answers of all teachers and datasets, in one SQLite file.

  Each answer is committed when it arrives. If the process is killed, committed
  answers are kept, and an unfinished write is rolled back at the next opening.
  """

  def __init__(self, path: str | Path):
    """Opens the file, or creates it so that only its owner can read it.

    Raises:
      InputError: it is damaged or cannot be written. It is not changed.
    """
    self._path = Path(path)
    with self._using():
      self._path.parent.mkdir(parents=True, exist_ok=True)
      self._check()
      # SQLite's other files get the permissions of this one.
      os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
      # A client uses the file from its own thread, one thread at a time.
      self._db = sqlite3.connect(
        self._path, timeout=60, check_same_thread=False, isolation_level=None
      )
    try:
      with self._using():
        self._prepare()
    except InputError:
      self.close()
      raise

  def _prepare(self) -> None:
    self._db.execute("pragma journal_mode=wal")
    self._db.execute("pragma synchronous=normal")
    with self._writing():
      self._db.execute(_TABLE)
      names = {row[1] for row in self._db.execute("pragma table_info(answers)")}
      if "finish" not in names:
        self._db.execute(_FINISH)
      self._claims = Claims(self._db, self._writing)
    list(self._db.execute(f"select {_COLUMNS} from answers limit 0"))

  def _check(self) -> None:
    """Raises InputError if the file exists and is damaged.

    The file is opened read-only. Otherwise SQLite would write a killed
    process's log into the damaged file, and the log would be lost with it. A
    process that was killed while it made the file leaves a journal instead.
    SQLite must take back what that journal says before it can read the file.
    """
    log, journal = (
      self._path.with_name(f"{self._path.name}-{end}")
      for end in ("wal", "journal")
    )
    if not self._path.exists() or not self._path.stat().st_size:
      if log.exists() and log.stat().st_size:
        raise self._unusable(f"it is empty, and {log.name} is not")
      return
    mode = "rw" if journal.exists() else "ro"
    address = f"{self._path.absolute().as_uri()}?mode={mode}"
    with contextlib.closing(
      sqlite3.connect(address, timeout=60, uri=True)
    ) as db:
      [state] = db.execute("pragma quick_check(1)").fetchone()
    if state != "ok":
      raise self._unusable(state)

  def get(self, name: str, attempt: int) -> Answer | None:
    """Returns the answer to one try, or None."""
    with self._using():
      row = self._db.execute(
        "select content, input_tokens, output_tokens, finish from answers "
        "where key = ? and try = ?",
        (name, attempt),
      ).fetchone()
    if row is None:
      return None
    # A flipped bit may have made a text a number.
    if tuple(map(type, row)) != (str, int, int, str):
      raise self._unusable("an answer in it is damaged")
    return Answer(*row)

  def put(self, name: str, attempt: int, answer: Answer) -> None:
    """Stores an answer unless the cache has one."""
    self.put_all([(name, attempt, answer)])

  def put_all(self, rows: Iterable[tuple[str, int, Answer]]) -> int:
    """Stores all answers or none; returns how many were new."""
    with self._writing():
      before = self._db.total_changes
      for name, attempt, answer in rows:
        self._db.execute(
          f"insert or ignore into answers ({_COLUMNS}) "
          "values (?, ?, ?, ?, ?, ?)",
          (name, attempt, *dataclasses.astuple(answer)),
        )
      return self._db.total_changes - before

  def check_room(self) -> None:
    """Raises InputError unless there is room for more answers.

    It is called before requests are sent, because an answer that cannot be kept
    is paid for and lost.
    """
    with (
      self._using(),
      tempfile.TemporaryFile(dir=self._path.parent, buffering=0) as file,
    ):
      left = _ROOM
      while left:
        # A full disk may take a part before it takes nothing.
        left -= file.write(b"\1" * left)
      os.fsync(file.fileno())

  @contextlib.contextmanager
  def claiming(self) -> Generator[Claims]:
    """Gives requests to this process for a while; see `Claims`."""
    self._claims.begin()
    try:
      yield self._claims
    finally:
      # Without a disk, claims lapse by themselves.
      with contextlib.suppress(InputError):
        self._claims.end()

  def close(self) -> None:
    """Closes the file."""
    self._db.close()

  @contextlib.contextmanager
  def _writing(self) -> Generator[None]:
    """Commits what is written inside as a whole, or nothing of it."""
    with self._using():
      self._db.execute("begin immediate")
      try:
        yield
        self._db.execute("commit")
      except BaseException:
        # SQLite has done so itself after some errors.
        if self._db.in_transaction:
          self._db.execute("rollback")
        raise

  @contextlib.contextmanager
  def _using(self) -> Generator[None]:
    """Turns what SQLite and the disk raise into an InputError.

    A damaged file can make SQLite return text that is not UTF-8, or numbers
    that do not fit.
    """
    try:
      yield
    except InputError:
      raise
    except (sqlite3.Error, OSError, UnicodeError, OverflowError) as error:
      raise self._unusable(str(error)) from None

  def _unusable(self, why: str) -> InputError:
    return InputError(
      f"{self._path}: cannot use this cache of answers "
      f"({' '.join(why.split()):.200}). The file was "
      "not changed. Check disk space and permissions, name another file with "
      "--cache, or move this one away; its answers are then requested again"
    )
