"""One request to a server: in limited time, of limited size."""

import asyncio
import dataclasses
import email.utils
import json
import time
from collections.abc import Mapping
from typing import Any

import httpx2

from instructrec_jax.errors import InputError

# No answer is larger. A server that sends more has another purpose.
_MOST_BYTES = 4 << 20


class FailedError(Exception):
  """A request has failed, and may be repeated.

  Attributes:
    said: the words of the server or of the network.
    pause_s: for how long the server asks to wait.
    nobody: whether nothing shows that a server for chats is there.
  """

  def __init__(
    self,
    reason: str,
    said: str = "",
    pause_s: float = 0.0,
    nobody: bool = False,
  ):
    super().__init__(reason)
    self.said, self.pause_s, self.nobody = said, pause_s, nobody


class RefusedError(Exception):
  """A request has failed, and would always fail.

  Attributes:
    said: the server's words.
  """

  def __init__(self, reason: str, said: str = ""):
    super().__init__(reason)
    self.said = said


class UnsupportedError(InputError):
  """The server refuses any request of this form."""


@dataclasses.dataclass(frozen=True)
class Response:
  """What a server has sent."""

  status: int
  text: str
  retry_after: str = ""

  def json(self) -> Any:
    """Returns what the text says as JSON, or None if it is none."""
    try:
      return json.loads(self.text)
    except (ValueError, RecursionError):
      return None

  def of_this_request(self) -> bool:
    """Returns whether the server refuses the content of this request only."""
    return any(
      code in self.text
      for code in ("content_filter", "content_policy", "context_length")
    )

  def pause_s(self) -> float:
    """Returns the seconds that the server asks to wait, or 0.

    Both forms of RFC 9110, section 10.2.3, are read.
    """
    try:
      return max(0.0, float(self.retry_after))
    except ValueError:
      pass
    try:
      until = email.utils.parsedate_to_datetime(self.retry_after)
      return max(0.0, until.timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
      return 0.0


async def post(
  http: httpx2.AsyncClient,
  url: str,
  body: Mapping[str, Any],
  headers: Mapping[str, str],
  timeout_s: float,
) -> Response:
  """Sends a request and returns the whole response.

  Args:
    http: the connections.
    url: the address.
    body: sent as JSON.
    headers: beside those of every request.
    timeout_s: seconds for all of it. A server that sends a byte now and then
      does not get more.

  Raises:
    FailedError: there is no response, or not in time.
    RefusedError: it is larger than any answer.
  """
  try:
    async with asyncio.timeout(timeout_s):
      return await _whole(http, url, body, headers)
  except TimeoutError as error:
    why, said = "timeout", f"no whole answer within {timeout_s:g} s"
    cause: Exception = error
  except httpx2.TimeoutException as error:
    why, said, cause = "timeout", str(error), error
  except httpx2.RequestError as error:
    why, said, cause = type(error).__name__, str(error), error
  raise FailedError(why, said, nobody=True) from cause


async def _whole(
  http: httpx2.AsyncClient,
  url: str,
  body: Mapping[str, Any],
  headers: Mapping[str, str],
) -> Response:
  data = bytearray()
  async with http.stream("POST", url, json=body, headers=headers) as response:
    async for part in response.aiter_bytes():
      data += part
      if len(data) > _MOST_BYTES:
        raise RefusedError(f"an answer of more than {_MOST_BYTES >> 20} MB")
    retry_after = response.headers.get("retry-after", "").strip()
    text = data.decode(errors="replace")
    return Response(response.status_code, text, retry_after)
