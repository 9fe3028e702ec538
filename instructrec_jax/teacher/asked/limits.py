"""Limits requests and tokens per minute to what a provider allows."""

import asyncio

from instructrec_jax.errors import InputError


class Limits:
  """Lets requests through at two rates, and holds all of them on demand.

  Requests are spaced evenly, so a provider that counts over a minute or a
  shorter time never counts more than the limit.

  Attributes:
    rates: requests and tokens per second; infinite without a limit.
  """

  def __init__(
    self,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
  ):
    """Sets the rates.

    Raises:
      InputError: a rate is not above 0.
    """
    for name, rate in (
      ("requests_per_minute", requests_per_minute),
      ("tokens_per_minute", tokens_per_minute),
    ):
      if rate is not None and not rate > 0:
        raise InputError(f"{name} is {rate:g}: expected more than 0")
    self.rates = tuple(
      float("inf") if per_minute is None else per_minute / 60
      for per_minute in (requests_per_minute, tokens_per_minute)
    )
    # The earliest loop times of the next request and of any request.
    self._next = self._held = 0.0

  async def wait(self, tokens: int) -> None:
    """Waits until a request of this many tokens may be sent."""
    requests_rate, tokens_rate = self.rates
    now = asyncio.get_running_loop().time()
    starts = max(now, self._next)
    # The next request waits until this one's share is refilled.
    self._next = starts + max(1 / requests_rate, tokens / tokens_rate)
    while (left := starts - asyncio.get_running_loop().time()) > 0:
      await asyncio.sleep(left)
      # A server may have asked for a pause meanwhile.
      starts = max(starts, self._held)

  def hold(self, seconds: float) -> None:
    """Lets no request through for this many seconds."""
    until = asyncio.get_running_loop().time() + seconds
    self._held = max(self._held, until)
    self._next = max(self._next, until)
