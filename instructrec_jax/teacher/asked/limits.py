"""No more requests and tokens a minute than a provider allows."""

import asyncio


class Limits:
  """Lets requests through at two rates, and holds all of them on demand.

  Requests are spaced evenly, so that what a provider counts over a minute, or
  over less, is never above it.

  Attributes:
    rates: requests and tokens a second; infinite where there is no limit.
  """

  def __init__(
    self,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
  ):
    self.rates = tuple(
      float("inf") if per_minute is None else per_minute / 60
      for per_minute in (requests_per_minute, tokens_per_minute)
    )
    # Loop times: before which the next request, and any request, is not sent.
    self._next = self._held = 0.0

  async def wait(self, tokens: int) -> None:
    """Returns when a request of so many tokens may be sent."""
    requests_rate, tokens_rate = self.rates
    now = asyncio.get_running_loop().time()
    starts = max(now, self._next)
    # Whoever comes next waits until this one's share has been refilled.
    self._next = starts + max(1 / requests_rate, tokens / tokens_rate)
    while (left := starts - asyncio.get_running_loop().time()) > 0:
      await asyncio.sleep(left)
      # A server may have asked for silence meanwhile.
      starts = max(starts, self._held)

  def hold(self, seconds: float) -> None:
    """Lets nothing through for so long."""
    until = asyncio.get_running_loop().time() + seconds
    self._held = max(self._held, until)
    self._next = max(self._next, until)
