"""Many requests at a time, from code that is not asynchronous."""

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
  """Yields requests with their answers: all that came since, again and again.

  An event loop in a thread of its own asks, so that Ctrl-C reaches whoever
  waits for the answers. Where that or an error ends it early, no more is asked,
  what waits is cancelled, and the session is left as it wants to be left.

  Args:
    session: opens what asks; leaving it waits for what must not be cut off.
    requests: taken one by one, by that thread.
    concurrency: requests at a time.

  Raises:
    Exception: the first that asking, or taking requests, has raised.
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
  """The thread, and what it hands over."""

  def __init__(
    self, session: Session, requests: Iterator[Any], concurrency: int
  ):
    # A second Ctrl-C ends the program without waiting any longer.
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
    """Waits for answers; returns none when there will be no more."""
    some = [self._answered.get()]
    while some[-1] is not None and not self._answered.empty():
      some.append(self._answered.get())
    if some[-1] is None and len(some) > 1:
      self._answered.put(some.pop())
    return [pair for pair in some if pair is not None]

  def stop(self) -> None:
    """Cancels what is still to be done, and returns when all has ended."""
    # Where the loop is closed already there is nothing to stop.
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
