"""Many requests at a time."""

import asyncio
import contextlib
import threading

import pytest

from instructrec_jax.teacher.asked import crowd


class _Session:
  """Doubles numbers, and remembers how many it had at a time."""

  def __init__(self, fails_at=None):
    self.now = self.most = 0
    self.closed = False
    self.fails_at = fails_at

  @contextlib.asynccontextmanager
  async def __call__(self):
    try:
      yield self.ask
    finally:
      self.closed = True

  async def ask(self, number):
    self.now += 1
    self.most = max(self.most, self.now)
    await asyncio.sleep(0.001)
    self.now -= 1
    if number == self.fails_at:
      raise RuntimeError("no answer")
    return 2 * number


def test_all_are_answered_and_so_many_at_a_time():
  session = _Session()
  answers = [x for some in crowd.each(session, range(40), 7) for x in some]
  assert sorted(answers) == [(n, 2 * n) for n in range(40)]
  assert session.most == 7
  assert session.closed


def test_the_first_error_is_raised_and_nothing_more_is_asked():
  session, taken = _Session(fails_at=5), []

  def requests():
    for n in range(1000):
      taken.append(n)
      yield n

  with pytest.raises(RuntimeError, match="no answer"):
    list(crowd.each(session, requests(), 3))
  assert session.closed
  assert len(taken) < 20


def test_who_stops_early_leaves_no_thread():
  session = _Session()
  answers = crowd.each(session, iter(range(10**6)), 2)
  next(answers)
  before = threading.active_count()
  answers.close()
  assert threading.active_count() == before - 1
  assert session.closed
