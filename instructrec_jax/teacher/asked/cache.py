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
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from instructrec_jax.errors import InputError

# Short enough for every provider's `custom_id`, and long enough not to collide.
KEY_DIGITS = 40
_TABLE = """
create table if not exists answers (
  key text not null,
  try integer not null,
  content text not null,
  input_tokens integer not null,
  output_tokens integer not null,
  primary key (key, try)
) without rowid
"""


@dataclasses.dataclass(frozen=True)
class Answer:
  """The answer to one try of a request.

  Attributes:
    content: the model's text, unchanged.
    input_tokens: tokens read, by the server's count; 0 if it sent none.
    output_tokens: tokens written, counted likewise.
  """

  content: str
  input_tokens: int = 0
  output_tokens: int = 0


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
    """Opens the file, or creates it.

    Raises:
      InputError: it is damaged or cannot be written. It is not changed.
    """
    self._path = Path(path)
    self._path.parent.mkdir(parents=True, exist_ok=True)
    self._check()
    try:
      # A client uses the file from its own thread, one thread at a time.
      self._db = sqlite3.connect(
        self._path, timeout=60, check_same_thread=False, isolation_level=None
      )
    except sqlite3.Error as error:
      raise self._unusable(str(error)) from None
    try:
      self._db.execute("pragma journal_mode=wal")
      self._db.execute("pragma synchronous=normal")
      self._db.execute(_TABLE)
      list(self._db.execute(f"select {_COLUMNS} from answers limit 0"))
    except sqlite3.Error as error:
      self.close()
      raise self._unusable(str(error)) from None

  def _check(self) -> None:
    """Raises InputError if the file exists and is damaged.

    The file is opened read-only. Otherwise SQLite would write a killed
    process's log into the damaged file, and the log would be lost with it.
    """
    log = self._path.with_name(f"{self._path.name}-wal")
    if not self._path.exists() or not self._path.stat().st_size:
      if log.exists() and log.stat().st_size:
        raise self._unusable(f"it is empty, and {log.name} is not")
      return
    address = f"{self._path.absolute().as_uri()}?mode=ro"
    try:
      with contextlib.closing(
        sqlite3.connect(address, timeout=60, uri=True)
      ) as db:
        [state] = db.execute("pragma quick_check(1)").fetchone()
    except sqlite3.Error as error:
      state = str(error)
    if state != "ok":
      raise self._unusable(" ".join(state.split()))

  def get(self, name: str, attempt: int) -> Answer | None:
    """Returns the answer to one try, or None."""
    row = self._run(
      "select content, input_tokens, output_tokens from answers "
      "where key = ? and try = ?",
      (name, attempt),
    ).fetchone()
    return None if row is None else Answer(*row)

  def put(self, name: str, attempt: int, answer: Answer) -> None:
    """Stores an answer unless the cache has one."""
    self._run(
      f"insert or ignore into answers ({_COLUMNS}) values (?, ?, ?, ?, ?)",
      (name, attempt, *dataclasses.astuple(answer)),
    )

  def put_all(self, rows: Iterable[tuple[str, int, Answer]]) -> int:
    """Stores all answers or none; returns how many were new."""
    before = self._db.total_changes
    self._run("begin")
    try:
      for name, attempt, answer in rows:
        self.put(name, attempt, answer)
    except BaseException:
      self._run("rollback")
      raise
    self._run("commit")
    return self._db.total_changes - before

  def close(self) -> None:
    """Closes the file."""
    self._db.close()

  def _run(self, statement: str, values: tuple = ()) -> sqlite3.Cursor:
    try:
      return self._db.execute(statement, values)
    except sqlite3.Error as error:
      raise self._unusable(str(error)) from None

  def _unusable(self, why: str) -> InputError:
    return InputError(
      f"{self._path}: cannot use this cache of answers ({why}). The file was "
      "not changed. Check disk space and permissions, name another file with "
      "--cache, or move this one away; its answers are then requested again"
    )


_COLUMNS = "key, try, content, input_tokens, output_tokens"
