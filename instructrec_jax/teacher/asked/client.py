"""The teacher behind an OpenAI-compatible server."""

import asyncio
import collections
import contextlib
import dataclasses
import email.utils
import functools
import os
import random
import time
import urllib.parse
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from typing import Any, NoReturn

import httpx2
import polars as pl

from instructrec_jax.errors import InputError
from instructrec_jax.teacher.asked import answer, chat, crowd
from instructrec_jax.teacher.asked.cache import Answer, Cache
from instructrec_jax.teacher.asked.cost import Prices, taken
from instructrec_jax.teacher.asked.limits import Limits
from instructrec_jax.teacher.protocol import (
  INSTANCE,
  NO_ANSWER,
  Kind,
  answers,
)

_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0
# Fewer tries before the first answer, since the address may be wrong.
_FIRST_TRIES = 3
# The run stops after this many requests in a row without an answer.
_GIVE_UP = 20
_TRY_AGAIN = {408, 409, 425, 429}
# The statuses with which a server may refuse a single request.
_REFUSED = {400, 413, 422}
_SHOWN = 300
# The statuses that end the run, and what the user can do about each.
_FATAL = {
  401: "the server refuses the key {key}",
  402: "the server demands a payment",
  403: "the server refuses the key {key}",
  404: "check that {model!r} is a model of this server, and that --base_url is "
  "the address before /chat/completions, such as https://api.openai.com/v1",
  429: "the quota is used up",
}
_OTHERWISE = (
  "the server refuses the request; try another --response_format or other "
  "--sampling"
)


_Found = tuple[dict[str, str] | None, str | None]


class _NoAnswerError(Exception):
  """All tries of a request have failed; the text is the reason."""


class _GarbageError(Exception):
  """A server's answer is not a chat completion."""


@dataclasses.dataclass
class _Session:
  """The state that requests of one kind share.

  Attributes:
    http: the connections.
    kind: the kind of the requests.
    flying: the tasks that are sent and not yet stored.
    asked: the answers to come by key, so that equal requests are sent once.
  """

  http: httpx2.AsyncClient
  kind: Kind
  flying: set[asyncio.Task] = dataclasses.field(default_factory=set)
  asked: dict[str, asyncio.Future] = dataclasses.field(default_factory=dict)


class Client:
  """Sends many requests at a time and stores the answers, as a Teacher.

  The wait doubles with each try, with jitter, unless the server sets it. A
  request that keeps failing is counted by reason and repeated in a later run.
  If many fail in a row, the run stops. Whenever a run ends, the answers to
  requests already sent are awaited and stored.
  """

  def __init__(
    self,
    questions: chat.Chat,
    kept: Cache,
    *,
    base_url: str,
    key_variable: str | None = "OPENAI_API_KEY",
    concurrency: int = 8,
    limits: Limits | None = None,
    max_tries: int = 6,
    timeout_s: float = 60,
    prices: Prices | None = None,
  ):
    """Makes a client without sending anything.

    Args:
      questions: makes the requests.
      kept: the cache of answers.
      base_url: the address before `/chat/completions`.
      key_variable: the environment variable that holds the key; None for a
        server that needs no key.
      concurrency: number of requests at a time.
      limits: limits requests and tokens per minute.
      max_tries: the most tries if the server or the network fails.
      timeout_s: seconds without data from the server before a try fails.
      prices: prices of tokens, for `counts`.

    Raises:
      InputError: the address or a number is invalid.
    """
    self._questions, self._kept = questions, kept
    self._url = _checked(base_url).rstrip("/") + f"/{chat.PATH}"
    self._key_variable = key_variable
    for name, value in (("concurrency", concurrency), ("max_tries", max_tries)):
      if value < 1:
        raise InputError(f"{name} is {value}: expected at least 1")
    self._concurrency, self._max_tries = concurrency, max_tries
    self._limits = limits or Limits()
    self._timeout_s = timeout_s
    self._prices = prices or Prices()
    self._counts: collections.Counter = collections.Counter()
    self._again: collections.Counter = collections.Counter()
    self._failed_in_a_row = 0
    # Waiting times need not be reproducible.
    self._random = random.Random()

  def made_of(self, kinds: Iterable[Kind]) -> Mapping[str, Any]:
    """See `protocol.Teacher`."""
    return {"teacher": "api", **self._questions.made_of(kinds)}

  def counts(self) -> Mapping[str, Any]:
    """See `protocol.Teacher`."""
    return {
      "api": taken(self._counts, self._prices),
      "asked_again": dict(self._again),
    }

  def answer(
    self, kind: Kind, batches: Iterable[pl.DataFrame]
  ) -> Iterator[pl.DataFrame]:
    """See `protocol.Teacher`."""
    pairs = crowd.each(
      functools.partial(self._session, kind),
      chat.rows(batches),
      self._concurrency,
    )
    with contextlib.closing(pairs):
      for some in pairs:
        yield answers(
          kind,
          (request[INSTANCE] for request, _ in some),
          (texts for _, (texts, _) in some),
          (fault for _, (_, fault) in some),
        )

  @contextlib.asynccontextmanager
  async def _session(self, kind: Kind) -> AsyncGenerator[crowd.Ask]:
    async with httpx2.AsyncClient(
      timeout=self._timeout_s,
      limits=httpx2.Limits(max_connections=self._concurrency),
    ) as http:
      session = _Session(http, kind)
      try:
        yield functools.partial(self._ask, session)
      finally:
        # Requests already sent will be billed, so their answers are stored.
        if session.flying:
          ended, _ = await asyncio.wait(session.flying)
          for task in ended:
            task.exception()

  async def _ask(self, session: _Session, request: Mapping[str, Any]) -> _Found:
    """Returns the texts of one request, or None and the reason."""
    body = self._questions.body(session.kind, request)
    name = self._questions.key(session.kind, body)
    if name in session.asked:
      return await asyncio.shield(session.asked[name])
    shared = asyncio.get_running_loop().create_future()
    session.asked[name] = shared
    try:
      found = await self._answered(session, name, body)
    except BaseException:
      shared.cancel()
      raise
    finally:
      del session.asked[name]
    shared.set_result(found)
    return found

  async def _answered(
    self, session: _Session, name: str, body: Mapping[str, Any]
  ) -> _Found:
    fault = None
    for attempt in range(answer.TRIES):
      found = self._kept.get(name, attempt)
      if found is not None:
        self._count("kept_before", found)
      else:
        try:
          found = await self._send(session, name, attempt, body)
        except _NoAnswerError as error:
          return None, f"{NO_ANSWER} ({error})"
        self._failed_in_a_row = 0
      texts, fault = answer.parse(session.kind, found.content)
      if texts is not None:
        return texts, None
      self._again[fault] += 1
    return None, fault

  def _count(self, how: str, found: Answer) -> None:
    self._counts[f"answers_{how}"] += 1
    self._counts[f"input_tokens_{how}"] += found.input_tokens
    self._counts[f"output_tokens_{how}"] += found.output_tokens

  async def _send(
    self, session: _Session, name: str, attempt: int, body: Mapping[str, Any]
  ) -> Answer:
    """Returns the server's answer after as many tries as it takes.

    Raises:
      _NoAnswerError: all tries failed, or the server refuses this request.
      InputError: the server would refuse any request.
    """
    tokens = chat.about_tokens(body) + int(body.get("max_tokens", 0))
    tries = 0
    while True:
      tries += 1
      await self._limits.wait(tokens)
      response, reason = None, "not a chat completion"
      try:
        post = asyncio.create_task(
          self._post(session.http, name, attempt, body)
        )
        session.flying.add(post)
        post.add_done_callback(session.flying.discard)
        response, found = await asyncio.shield(post)
        if found is not None:
          return found
        reason = f"HTTP {response.status_code}"
      except httpx2.TransportError as error:
        reason = type(error).__name__
      except _GarbageError:
        pass
      self._again[reason] += 1
      unreachable = response is None and not self._counts["answers_sent"]
      if tries == (_FIRST_TRIES if unreachable else self._max_tries):
        self._give_up(reason, unreachable)
      await asyncio.sleep(self._wait_s(tries, response))

  async def _post(
    self,
    http: httpx2.AsyncClient,
    name: str,
    attempt: int,
    body: Mapping[str, Any],
  ) -> tuple[httpx2.Response, Answer | None]:
    """Sends a request once and stores the answer, if there is one."""
    response = await http.post(
      self._url, json=body, headers=self._authorization()
    )
    found = self._read(response)
    if found is not None:
      self._kept.put(name, attempt, found)
      self._count("sent", found)
    return response, found

  def _give_up(self, reason: str, unreachable: bool) -> NoReturn:
    self._failed_in_a_row += 1
    if unreachable or self._failed_in_a_row >= _GIVE_UP:
      raise InputError(
        f"{self._url} does not answer ({reason}). The answers so far are kept; "
        "run the same command again to continue"
      )
    raise _NoAnswerError(reason)

  def _wait_s(self, tries: int, response: httpx2.Response | None) -> float:
    longest = min(_FIRST_WAIT_S * 2 ** (tries - 1), _LONGEST_WAIT_S)
    wait_s = longest * self._random.uniform(0.5, 1)
    if response is not None:
      asked = _retry_after_s(response)
      if asked:
        wait_s = asked + wait_s * 0.1
        # The wait applies to all requests that share the key.
        self._limits.hold(asked)
    return wait_s

  def _read(self, response: httpx2.Response) -> Answer | None:
    """Returns the answer, or None if the request may be repeated.

    Raises:
      _NoAnswerError: the server refuses this request.
      InputError: the server would refuse any request.
      _GarbageError: the answer is not a chat completion.
    """
    status = response.status_code
    if status == 200:
      try:
        return chat.read(response.json())
      except ValueError as error:
        raise _GarbageError(str(error)) from None
    said = self._said(response)
    quota = "insufficient_quota" in response.text
    if status >= 500 or (status in _TRY_AGAIN and not quota):
      return None
    if status in _REFUSED and (
      self._counts["answers_sent"] or _of_one(response)
    ):
      raise _NoAnswerError(f"HTTP {status}")
    hint = _FATAL.get(status, _OTHERWISE).format(
      model=self._questions.model, key=self._key_variable or "that it got"
    )
    raise InputError(f"{self._url} (HTTP {status}{said}): {hint}")

  def _said(self, response: httpx2.Response) -> str:
    """Returns the server's message on a fault, without the key."""
    try:
      text = str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
      text = response.text
    key = os.environ.get(self._key_variable or "", "").strip()
    if key:
      text = text.replace(key, "***")
    text = " ".join(text.split())[:_SHOWN]
    return f", {text}" if text else ""

  def _authorization(self) -> dict[str, str]:
    if self._key_variable is None:
      return {}
    key = os.environ.get(self._key_variable, "").strip()
    if not key:
      raise InputError(
        f"the environment has no {self._key_variable}. Set it to the key of "
        f"{self._url}, name another variable with --key_variable, or give "
        "--key_variable=none for a server that needs no key"
      )
    if not (key.isascii() and key.isprintable()):
      raise InputError(
        f"{self._key_variable} does not hold a key; its characters are not "
        "allowed in an HTTP header"
      )
    return {"Authorization": f"Bearer {key}"}


def _checked(base_url: str) -> str:
  """Returns the address if it contains nothing that must stay secret."""
  try:
    url = urllib.parse.urlsplit(base_url)
  except ValueError:
    url = urllib.parse.urlsplit("")
  if url.scheme not in ("http", "https") or not url.hostname:
    raise InputError(
      f"base_url {base_url!r}: expected an address such as "
      "https://api.openai.com/v1 or http://localhost:8000/v1"
    )
  if url.username or url.password or url.query or url.fragment:
    # The address is not shown because it may contain a key.
    raise InputError(
      f"base_url of {url.hostname}: expected no user name, password, ? or #. "
      "Put the key in an environment variable, see --key_variable"
    )
  return base_url


def _of_one(response: httpx2.Response) -> bool:
  """Returns whether the server refuses the content of this request only."""
  return any(
    code in response.text
    for code in ("content_filter", "content_policy", "context_length")
  )


def _retry_after_s(response: httpx2.Response) -> float:
  """Returns the seconds that a server asks to wait, or 0 without a request.

  Both forms of RFC 9110, section 10.2.3, are read.
  """
  value = response.headers.get("retry-after", "").strip()
  if not value:
    return 0.0
  try:
    return max(0.0, float(value))
  except ValueError:
    pass
  try:
    until = email.utils.parsedate_to_datetime(value)
  except ValueError:
    return 0.0
  return max(0.0, until.timestamp() - time.time())
