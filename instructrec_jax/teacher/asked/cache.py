"""Answers on disk, by content: what was paid for once is never asked again.

A key is the hash of all that decides an answer: the model, the prompts'
version, the messages, how it is sampled. Answers that could not be used are
kept as well, each by the number of its try, so that a run that goes on finds
out what the run before it had found out. Neither prompts nor API keys are in
the file.
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

# Short enough for every provider's `custom_id`, too long to collide.
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
  """What came back for one try of a request.

  Attributes:
    content: as the model wrote it.
    input_tokens: that it read, by the server's count; 0 where it did not say.
    output_tokens: that it wrote.
  """

  content: str
  input_tokens: int = 0
  output_tokens: int = 0


def key(**parts: Any) -> str:
  """Returns the name of a request: a hash of what its answer depends on."""
  text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
  return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]


class Cache:
  """Answers of all teachers and datasets, in one SQLite file.

  Each answer is committed as it comes. What a killed process had committed
  stays; what it was writing is rolled back when the file is next opened.
  """

  def __init__(self, path: str | Path):
    """Opens the file, or makes it.

    Raises:
      InputError: it is damaged or cannot be written. It is left as it is.
    """
    self._path = Path(path)
    self._path.parent.mkdir(parents=True, exist_ok=True)
    self._check()
    try:
      # A client asks from a thread of its own, one at a time.
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
    """Raises unless the file is whole, or not there yet.

    It is only read: what a killed process has left beside a damaged file would
    be written into it, and be lost with it.
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
    """Keeps an answer; one that is there already stays."""
    self._run(
      f"insert or ignore into answers ({_COLUMNS}) values (?, ?, ?, ?, ?)",
      (name, attempt, *dataclasses.astuple(answer)),
    )

  def put_all(self, rows: Iterable[tuple[str, int, Answer]]) -> int:
    """Keeps answers, all or none of them; returns how many were new."""
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
    """Lets go of the file."""
    self._db.close()

  def _run(self, statement: str, values: tuple = ()) -> sqlite3.Cursor:
    try:
      return self._db.execute(statement, values)
    except sqlite3.Error as error:
      raise self._unusable(str(error)) from None

  def _unusable(self, why: str) -> InputError:
    return InputError(
      f"{self._path}: the kept answers cannot be used ({why}). Nothing in the "
      "file was changed. Give it room and rights, or move it away (its answers "
      "will then be asked for again), or take another with --cache"
    )


_COLUMNS = "key, try, content, input_tokens, output_tokens"
