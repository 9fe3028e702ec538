"""Claims on requests, so that two processes do not pay for the same answer.

Processes that share a cache say in it which requests they are sending. Another
process waits for these answers instead of sending the requests too. A process
shows every few seconds that it is alive; if it was killed, its claims lapse.
"""

import asyncio
import contextlib
import os
import socket
import sqlite3
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager

from instructrec_jax.errors import InputError

# A process says that it is alive this often.
_BEAT_S = 5.0
# It is dead if it has not said so for this long. A machine may sleep, or be so
# busy that some beats are late.
_DEAD_S = 60.0
# How often to look whether another process has got an answer.
LOOK_S = 0.1
_TABLES = (
  "create table if not exists owners (owner text primary key, host text, "
  "process integer, seen real)",
  "create table if not exists claims (key text, try integer, owner text, "
  "primary key (key, try)) without rowid",
)


class Claims:
  """The requests that this process is sending, and those of other processes."""

  def __init__(
    self,
    db: sqlite3.Connection,
    writing: Callable[[], AbstractContextManager[None]],
  ):
    """Makes the tables.

    Args:
      db: the cache's connection.
      writing: makes a transaction of what is done inside; raises InputError.
    """
    self._db, self._writing = db, writing
    self._owner = uuid.uuid4().hex
    self._host = socket.gethostname()
    for table in _TABLES:
      self._db.execute(table)

  def begin(self) -> None:
    """Says that this process is alive, and removes what lapsed."""
    with self._writing():
      self._beat()
      owners = self._db.execute(
        "select owner, host, process, seen from owners"
      ).fetchall()
      for owner, *rest in owners:
        if not self._alive(*rest):
          self._remove(owner)

  async def beating(self) -> None:
    """Says that this process is alive until this is cancelled."""
    while True:
      await asyncio.sleep(_BEAT_S)
      # Without a disk, it will be known for dead.
      with contextlib.suppress(InputError), self._writing():
        self._beat()

  def _beat(self) -> None:
    self._db.execute(
      "insert or replace into owners values (?, ?, ?, ?)",
      (self._owner, self._host, os.getpid(), time.time()),
    )

  def take(self, name: str, attempt: int) -> bool:
    """Returns whether this process is the one to send a request.

    It is not if another process that is alive has claimed it.
    """
    with self._writing():
      row = self._db.execute(
        "select owner, host, process, seen from claims join owners "
        "using (owner) where key = ? and try = ?",
        (name, attempt),
      ).fetchone()
      if row and row[0] != self._owner and self._alive(*row[1:]):
        return False
      self._db.execute(
        "insert or replace into claims values (?, ?, ?)",
        (name, attempt, self._owner),
      )
    return True

  def drop(self, name: str, attempt: int) -> None:
    """Gives a claim back."""
    with self._writing():
      self._db.execute(
        "delete from claims where key = ? and try = ? and owner = ?",
        (name, attempt, self._owner),
      )

  def end(self) -> None:
    """Gives all claims of this process back."""
    with self._writing():
      self._remove(self._owner)

  def _remove(self, owner: str) -> None:
    for table in ("claims", "owners"):
      self._db.execute(f"delete from {table} where owner = ?", (owner,))

  def _alive(self, host: str, process: int, seen: float) -> bool:
    # A damaged file may hold anything.
    if not (isinstance(process, int) and isinstance(seen, float)):
      return False
    if not abs(time.time() - seen) < _DEAD_S:
      return False
    if host != self._host:
      return True
    try:
      os.kill(process, 0)
    except ProcessLookupError:
      return False
    except (OSError, OverflowError):
      pass  # It runs, as another user.
    return True
