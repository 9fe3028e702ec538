"""The teacher behind an OpenAI-compatible server."""

import asyncio
import collections
import contextlib
import dataclasses
import datetime
import functools
import itertools
import os
import random
import time
from collections.abc import (
  AsyncGenerator,
  Coroutine,
  Iterable,
  Iterator,
  Mapping,
)
from typing import Any, NoReturn

import httpx2
import polars as pl

from instructrec_jax.errors import InputError
from instructrec_jax.teacher.asked import (
  answer,
  chat,
  crowd,
  exchange,
  keys,
  trial,
)
from instructrec_jax.teacher.asked.cache import Answer, Cache
from instructrec_jax.teacher.asked.claims import LOOK_S, Claims
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
# A server that asks for a longer pause ends the run, which says until when.
_LONGEST_PAUSE_S = 900.0
# Some servers write a year's number of seconds, or more, and mean never.
_NEVER_S = 3600.0 * 24 * 366
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


@dataclasses.dataclass
class _Session:
  """The state that requests of one kind share.

  Attributes:
    http: the connections.
    kind: the kind of the requests.
    claims: the requests that no other process may send meanwhile.
    room: whether there is known to be room for answers.
    flying: the tasks that are sent and not yet stored.
    asked: the answers to come by key, so that equal requests are sent once.
  """

  http: httpx2.AsyncClient
  kind: Kind
  claims: Claims
  room: bool = False
  flying: set[asyncio.Task] = dataclasses.field(default_factory=set)
  asked: dict[str, asyncio.Future] = dataclasses.field(default_factory=dict)

  def fly(self, post: Coroutine[Any, Any, Answer]) -> asyncio.Task[Answer]:
    """Starts to send a request, which goes on if nobody waits for it."""
    task = asyncio.create_task(post)
    self.flying.add(task)
    task.add_done_callback(self._land)
    return task

  def _land(self, task: asyncio.Task) -> None:
    self.flying.discard(task)
    # asyncio prints an error that nobody has looked at.
    if not task.cancelled():
      task.exception()


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
    allow_http: bool = False,
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
      allow_http: whether the key may be sent over http beyond this machine.
      concurrency: number of requests at a time.
      limits: limits requests and tokens per minute.
      max_tries: the most tries if the server or the network fails.
      timeout_s: seconds before a try fails, from its start to the last byte.
      prices: prices of tokens, for `counts`.

    Raises:
      InputError: the address or a number is invalid.
    """
    self._questions, self._kept = questions, kept
    keys.check_name(key_variable)
    address = keys.check_address(
      base_url, sends_key=key_variable is not None, allow_http=allow_http
    )
    self._url = f"{address}/{chat.PATH}"
    self._key_variable = key_variable
    for name, value in (("concurrency", concurrency), ("max_tries", max_tries)):
      if value < 1:
        raise InputError(f"{name} is {value}: expected at least 1")
    if not 0 < timeout_s < float("inf"):
      raise InputError(f"timeout_s is {timeout_s}: expected more than 0")
    self._concurrency, self._max_tries = concurrency, max_tries
    self._limits = limits or Limits()
    self._timeout_s = timeout_s
    self._prices = prices or Prices()
    self._counts: collections.Counter = collections.Counter()
    self._again: collections.Counter = collections.Counter()
    self._failed_in_a_row = 0
    self._trial = trial.Trial(f"{questions.model} at {self._shown_url()}")
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
    self._trial.end()

  @contextlib.asynccontextmanager
  async def _session(self, kind: Kind) -> AsyncGenerator[crowd.Ask]:
    with self._kept.claiming() as claims:
      async with httpx2.AsyncClient(
        timeout=self._timeout_s,
        limits=httpx2.Limits(max_connections=self._concurrency),
      ) as http:
        session = _Session(http, kind, claims)
        beating = asyncio.create_task(claims.beating())
        try:
          yield functools.partial(self._ask, session)
        finally:
          # Requests already sent will be billed, so their answers are stored.
          if session.flying:
            await asyncio.wait(session.flying)
          beating.cancel()
          await asyncio.wait([beating])

  async def _ask(self, session: _Session, request: Mapping[str, Any]) -> _Found:
    """Returns the texts of one request, or None and the reason."""
    body = self._questions.body(session.kind, request)
    name = self._questions.key(session.kind, body)
    if name in session.asked:
      return await asyncio.shield(session.asked[name])
    shared = asyncio.get_running_loop().create_future()
    session.asked[name] = shared
    try:
      found = await self._answered(session, name, body, request)
    except BaseException:
      shared.cancel()
      raise
    finally:
      del session.asked[name]
    shared.set_result(found)
    return found

  async def _answered(
    self,
    session: _Session,
    name: str,
    body: Mapping[str, Any],
    request: Mapping[str, Any],
  ) -> _Found:
    fault = None
    for attempt in range(answer.TRIES):
      try:
        found = await self._found(session, name, attempt, body)
      except _NoAnswerError as error:
        return None, f"{NO_ANSWER} ({error})"
      except exchange.RefusedError as error:
        self._trial.note(str(error), error.said)
        return None, f"{NO_ANSWER} ({error})"
      texts, fault = self._questions.manner.parse(session.kind, request, found)
      self._trial.note(fault, found.content)
      if texts is not None:
        return texts, None
      self._again[fault] += 1
      if fault in answer.FINAL:
        break
    return None, fault

  async def _found(
    self, session: _Session, name: str, attempt: int, body: Mapping[str, Any]
  ) -> Answer:
    """Returns a try's answer, which is kept, another process's, or new."""
    while True:
      found = self._kept.get(name, attempt)
      if found is not None:
        self._count("kept_before", found)
        return found
      if session.claims.take(name, attempt):
        break
      await asyncio.sleep(LOOK_S)
    # The other process may have got its answer after the look above.
    found = self._kept.get(name, attempt)
    if found is not None:
      self._count("kept_before", found)
    else:
      if not session.room:
        self._kept.check_room()
        session.room = True
      try:
        found = await self._send(session, name, attempt, body)
      except (_NoAnswerError, exchange.RefusedError):
        session.claims.drop(name, attempt)
        raise
      self._failed_in_a_row = 0
    session.claims.drop(name, attempt)
    return found

  def _count(self, how: str, found: Answer) -> None:
    self._counts[f"answers_{how}"] += 1
    self._counts[f"input_tokens_{how}"] += found.input_tokens
    self._counts[f"output_tokens_{how}"] += found.output_tokens

  async def _send(
    self, session: _Session, name: str, attempt: int, body: Mapping[str, Any]
  ) -> Answer:
    """Returns the server's answer after as many tries as it takes.

    Raises:
      _NoAnswerError: all tries failed.
      RefusedError: the server refuses this request.
      InputError: the server would refuse any request.
    """
    tokens = chat.about_tokens(body) + int(body.get("max_tokens", 0))
    for tries in itertools.count(1):
      await self._limits.wait(tokens)
      post = session.fly(self._post(session.http, name, attempt, body))
      try:
        return await asyncio.shield(post)
      except exchange.FailedError as error:
        failed = error
      self._again[str(failed)] += 1
      self._check_pause(failed)
      # The address may be wrong.
      nobody = failed.nobody and not self._counts["answers_sent"]
      if tries == (_FIRST_TRIES if nobody else self._max_tries):
        self._give_up(failed, nobody)
      await asyncio.sleep(self._wait_s(tries, failed.pause_s))
    raise AssertionError("unreachable")

  async def _post(
    self,
    http: httpx2.AsyncClient,
    name: str,
    attempt: int,
    body: Mapping[str, Any],
  ) -> Answer:
    """Sends a request once, and stores and returns the answer.

    Raises:
      FailedError: there is none, and the request may be repeated.
      RefusedError: the server refuses this request.
      InputError: the server would refuse any request.
    """
    key = keys.read(self._key_variable, self._url)
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    response = await exchange.post(
      http, self._url, body, headers, self._timeout_s
    )
    found = self._read(response)
    self._kept.put(name, attempt, found)
    self._count("sent", found)
    return found

  def _give_up(self, failed: exchange.FailedError, nobody: bool) -> NoReturn:
    self._failed_in_a_row += 1
    if nobody or self._failed_in_a_row >= _GIVE_UP:
      raise InputError(
        f"{self._shown_url()} does not answer ({failed})"
        f"{_sentence(self._clean(failed.said))}. The answers so far are kept; "
        "run the same command again to continue"
      )
    raise _NoAnswerError(str(failed))

  def _check_pause(self, failed: exchange.FailedError) -> None:
    """Raises InputError if the server asks to come back much later."""
    if failed.pause_s <= _LONGEST_PAUSE_S:
      return
    pause_s = min(failed.pause_s, _NEVER_S)
    until = datetime.datetime.fromtimestamp(time.time() + pause_s)
    raise InputError(
      f"{self._shown_url()} asks to wait {pause_s / 3600:,.1f} hours, until "
      f"{until:%Y-%m-%d %H:%M} local time ({failed})"
      f"{_sentence(self._clean(failed.said))}. The answers so far are kept; "
      "run the same command again then to continue"
    )

  def _wait_s(self, tries: int, pause_s: float) -> float:
    longest = min(_FIRST_WAIT_S * 2 ** (tries - 1), _LONGEST_WAIT_S)
    wait_s = longest * self._random.uniform(0.5, 1)
    if pause_s:
      wait_s = pause_s + wait_s * 0.1
      # The wait applies to all requests that share the key.
      self._limits.hold(pause_s)
    return wait_s

  def _read(self, response: exchange.Response) -> Answer:
    """Returns the answer; see `_post`."""
    body = response.json()
    code, said = chat.fault(body)
    said = said or " ".join(response.text.split())[:_SHOWN]
    status = response.status
    if status == 200:
      try:
        return chat.read(body)
      except ValueError:
        pass
      # Some servers report what went wrong with this status.
      status = code or status
    if status == 200:
      raise exchange.FailedError("not a chat completion", said, nobody=True)
    quota = "insufficient_quota" in response.text
    if status >= 500 or (status in _TRY_AGAIN and not quota):
      raise exchange.FailedError(f"HTTP {status}", said, response.pause_s())
    if status in _REFUSED and (
      self._counts["answers_sent"] or response.of_this_request()
    ):
      raise exchange.RefusedError(f"HTTP {status}", self._clean(said))
    hint = _FATAL.get(status, _OTHERWISE).format(
      model=self._questions.model, key=self._key_variable or "that it got"
    )
    words = f", {self._clean(said)}" if said else ""
    refused = exchange.UnsupportedError if status in _REFUSED else InputError
    raise refused(f"{self._shown_url()} (HTTP {status}{words}): {hint}")

  def _clean(self, said: str) -> str:
    """Returns a server's words without the key."""
    return keys.masked(said[: 10 * _SHOWN], self._key())[:_SHOWN]

  def _shown_url(self) -> str:
    return keys.shown(self._url, self._key())

  def _key(self) -> str:
    return os.environ.get(self._key_variable or "", "").strip()


def _sentence(said: str) -> str:
  return f". It says: {said.rstrip('.')}" if said else ""
