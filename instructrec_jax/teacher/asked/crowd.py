"""Sends many requests at a time from code that is not asynchronous."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator
from typing import Any

Ask = Callable[[Any], Awaitable[Any]]
Session = Callable[[], contextlib.AbstractAsyncContextManager[Ask]]


def each(
  session: Session, requests: Iterable[Any], concurrency: int
) -> Generator[list[tuple[Any, Any]]]:
  """Yields lists of requests with the answers that arrived since the last list.

  An event loop in its own thread sends the requests, so that Ctrl-C reaches the
  caller. If Ctrl-C or an error ends the loop early, no more requests are sent,
  waiting ones are cancelled, and the session is closed.

  Args:
    session: opens the sender; closing it waits for what must not be cut off.
    requests: read one by one in the event loop's thread.
    concurrency: number of requests at a time.

  Raises:
    Exception: the first exception of sending or of reading requests.
  """
  crowd = _Crowd(session, iter(requests), concurrency)
  crowd.start()
  try:
    while some := crowd.next():
      yield some
  finally:
    crowd.stop()
  if crowd.error is not None:
    raise crowd.error


class _Crowd(threading.Thread):
  """The event loop's thread, and the answers that it hands over."""

  def __init__(
    self, session: Session, requests: Iterator[Any], concurrency: int
  ):
    # A daemon thread lets a second Ctrl-C end the program at once.
    super().__init__(daemon=True)
    self._answered: queue.SimpleQueue = queue.SimpleQueue()
    self.error: BaseException | None = None
    self._session, self._requests = session, requests
    self._concurrency = concurrency
    self._loop = asyncio.new_event_loop()
    self._all: asyncio.Task | None = None

  def run(self) -> None:
    try:
      self._all = self._loop.create_task(self._ask_all())
      self._loop.run_until_complete(self._all)
    except asyncio.CancelledError:
      pass
    except BaseExceptionGroup as group:
      self.error = group.exceptions[0]
    except BaseException as error:
      self.error = error
    finally:
      self._loop.close()
      self._answered.put(None)

  def next(self) -> list[tuple[Any, Any]]:
    """Waits for answers; returns an empty list when there are no more."""
    some = [self._answered.get()]
    while some[-1] is not None and not self._answered.empty():
      some.append(self._answered.get())
    if some[-1] is None and len(some) > 1:
      self._answered.put(some.pop())
    return [pair for pair in some if pair is not None]

  def stop(self) -> None:
    """Cancels the remaining requests and waits for the thread to end."""
    # There is nothing to stop if the loop is already closed.
    with contextlib.suppress(RuntimeError):
      self._loop.call_soon_threadsafe(
        lambda: self._all and not self._all.done() and self._all.cancel()
      )
    self.join()

  async def _ask_all(self) -> None:
    async with self._session() as ask, asyncio.TaskGroup() as workers:
      for _ in range(self._concurrency):
        workers.create_task(self._work(ask))

  async def _work(self, ask: Ask) -> None:
    for request in self._requests:
      self._answered.put((request, await ask(request)))
