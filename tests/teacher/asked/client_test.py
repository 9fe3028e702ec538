import asyncio
import email.utils
import gc
import json
import resource
import threading
import time

import polars as pl
import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.teacher.asked import chat, exchange, prompts
from instructrec_jax.teacher.asked import client as sessions
from instructrec_jax.teacher.asked.cache import Cache
from instructrec_jax.teacher.asked.chat import Chat
from instructrec_jax.teacher.asked.client import Client
from instructrec_jax.teacher.protocol import (
  FAULT,
  INSTANCE,
  INTENTION,
)
from tests.teacher.asked.chat_server import (
  KEY,
  ChatServer,
  completion,
  some_faults,
  text,
)

_CHAT = Chat("toy", {"temperature": 0.5})


def _batches(n, of=100):
  reviews = [f"Bought as gift number {i} for my sister." for i in range(n)]
  frame = pl.DataFrame({INSTANCE: range(n), "review": reviews}).cast(
    {INSTANCE: pl.UInt32}
  )
  return frame.iter_slices(of)


def _client(server, path, **options):
  url = server if isinstance(server, str) else server.url
  return Client(_CHAT, Cache(path), base_url=url, **options)


def _all(client, batches, kind=INTENTION):
  return pl.concat(client.answer(kind, batches)).sort(INSTANCE)


def _check_whole(frame, n):
  """Each instance has the answer to its own request."""
  assert frame[INSTANCE].to_list() == list(range(n))
  assert frame[FAULT].null_count() == n
  for i, row in enumerate(_rows(n)):
    for name in INTENTION.outputs:
      assert frame[name][i] == text(row, name)


def _rows(n):
  for batch in _batches(n):
    for row in batch.iter_rows(named=True):
      yield prompts.messages(INTENTION, row)[-1]["content"]


def test_texts_arrive_whole_though_one_request_in_five_fails(tmp_path, quick):
  n = 200
  with ChatServer(some_faults(0.2, 0)) as server:
    client = _client(server, tmp_path / "a.db", concurrency=16)
    _check_whole(_all(client, _batches(n)), n)
    # An answer that cannot be used costs too, and is asked for again.
    paid_again = sum(server.answered.values()) - n
    again = client.counts()["asked_again"]
    assert paid_again == again["malformed answer"] > 0
    assert again["HTTP 500"]
    assert again["HTTP 429"]
    assert again["not a chat completion"]
    assert client.counts()["api"]["answers_sent"] == n + paid_again
    assert client.counts()["api"]["input_tokens_sent"] == 100 * (n + paid_again)

    before = len(server.requests)
    second = _client(server, tmp_path / "a.db")
    _check_whole(_all(second, _batches(n)), n)
    assert len(server.requests) == before
    assert second.counts()["api"]["answers_kept_before"] == n + paid_again


def test_equal_requests_are_sent_once(tmp_path, quick):
  batch = pl.DataFrame(
    {INSTANCE: range(50), "review": ["Great gift."] * 50}
  ).cast({INSTANCE: pl.UInt32})
  with ChatServer(delay_s=0.01) as server:
    frame = _all(_client(server, tmp_path / "a.db"), [batch])
    assert frame["vague_intention"].n_unique() == 1
    assert len(frame) == 50
    assert len(server.requests) == 1


def test_what_was_paid_for_before_it_was_cut_off_is_not_paid_again(
  tmp_path, quick
):
  n = 150
  with ChatServer(delay_s=0.01) as server:
    client = _client(server, tmp_path / "a.db", concurrency=8)
    answers = client.answer(INTENTION, _batches(n))
    got = 0
    while got <= 50:
      got += len(next(answers))
    # What an exception in the caller's loop does.
    answers.close()
    assert 50 < sum(server.answered.values()) < n
    _check_whole(_all(_client(server, tmp_path / "a.db"), _batches(n)), n)
    assert set(server.answered.values()) == {1}
    assert len(server.answered) == n


@pytest.mark.parametrize(
  "value",
  ["0.4", lambda: email.utils.formatdate(time.time() + 1.5, usegmt=True)],
)
def test_retry_after_holds_everybody(value, tmp_path, quick):
  value = value if isinstance(value, str) else value()
  least = 0.4

  def fault(n, body):
    return (429, "slow down", [("Retry-After", value)]) if n == 0 else None

  with ChatServer(fault) as server:
    _check_whole(
      _all(_client(server, tmp_path / "a.db", concurrency=1), _batches(3)), 3
    )
    assert server.times[1] - server.times[0] >= least


def test_a_server_that_drips_has_no_more_time_than_others(tmp_path, quick):
  with ChatServer(lambda n, body: "drip" if n == 0 else None) as server:
    client = _client(server, tmp_path / "a.db", timeout_s=0.3, concurrency=1)
    began = time.monotonic()
    _check_whole(_all(client, _batches(2)), 2)
    assert time.monotonic() - began < server.slow_s
    assert client.counts()["asked_again"] == {"timeout": 1}


@pytest.mark.parametrize(
  ("fault", "said", "most"),
  [
    (completion(None, "length"), r"20 x cut at max_tokens.*Raise max_tokens",
     30),
    (completion("I would rather not say."),
     r"20 x malformed answer.*--response_format.*'I would rather not say\.'",
     30),
    (completion("I'm sorry, I cannot."), r"20 x refusal.*--model.*I'm sorry",
     30),
    ((400, "content_filter", ()), "20 x HTTP 400.*'content_filter'", 30),
    (b'{"error": {"message": "Insufficient credits", "code": 402}}',
     r"HTTP 402, Insufficient credits\): the server demands a payment", 8),
    (b'{"error": {"message": "Overloaded"}}',
     r"\(not a chat completion\)\. It says: Overloaded\. ", 24),
  ],
)  # fmt: skip
def test_a_run_in_which_nothing_can_be_used_ends_soon(
  fault, said, most, tmp_path, quick
):
  with ChatServer(lambda n, body: fault) as server:
    with pytest.raises(InputError, match=said):
      _all(_client(server, tmp_path / "a.db"), _batches(100))
    assert len(server.requests) <= most


def test_what_was_paid_for_in_vain_says_so_again(tmp_path, quick):
  with ChatServer(lambda n, body: completion(None, "length")) as server:
    for _ in range(2):
      with pytest.raises(InputError, match="20 x cut at max_tokens"):
        _all(_client(server, tmp_path / "a.db"), _batches(100))
    assert 20 <= len(server.requests) <= 28


def test_a_short_run_in_which_nothing_can_be_used_ends_too(tmp_path, quick):
  with ChatServer(lambda n, body: completion(None, "length")) as server:
    with pytest.raises(InputError, match=r"first 3 answers.*Raise max_tokens"):
      _all(_client(server, tmp_path / "a.db"), _batches(3))
    assert len(server.requests) == 3


@pytest.mark.parametrize(
  "content",
  [
    [{"type": "text", "text": "{}"}],
    [{"type": "reasoning", "text": "{"}, "{", {"type": "text", "text": "}"}],
    [{"type": "output_text", "text": {"value": "{}"}}],
  ],
)
def test_content_in_parts_is_those_parts_together(content):
  body = json.loads(completion(content))
  assert chat.read(body).content == "{}"


@pytest.mark.parametrize(
  ("value", "hours"), [("86400", "24.0"), ("7200", "2.0"), ("1e999", "8,784")]
)
def test_a_server_that_asks_for_hours_ends_the_run(
  value, hours, tmp_path, quick
):
  def fault(n, body):
    return 429, "daily quota", [("Retry-After", value)]

  with ChatServer(fault) as server:
    with pytest.raises(
      InputError,
      match=rf"wait {hours}.* hours, until 20\d\d-.* local.*: daily quota\.",
    ):
      _all(_client(server, tmp_path / "a.db"), _batches(50))
    assert len(server.requests) <= 8


def test_a_request_that_fails_after_the_run_has_ended_is_no_news(caplog):
  async def fail():
    raise exchange.FailedError("HTTP 429")

  async def run():
    session.fly(fail())
    await asyncio.sleep(0.01)

  session = sessions._Session(None, INTENTION, None)
  asyncio.run(run())
  gc.collect()
  assert not session.flying
  # asyncio tells of errors that nobody has looked at.
  assert not caplog.records


def test_half_of_a_character_is_asked_for_again(tmp_path, quick):
  def fault(n, body):
    if n != 1:
      return None
    texts = dict.fromkeys(INTENTION.outputs, "It is \ud83d")
    return completion(json.dumps(texts, ensure_ascii=n == 0))

  with ChatServer(fault) as server:
    client = _client(server, tmp_path / "a.db", concurrency=1)
    _check_whole(_all(client, _batches(3)), 3)
    assert client.counts()["asked_again"] == {"malformed answer": 1}


def test_a_slow_answer_is_asked_for_again(tmp_path, quick):
  with ChatServer(lambda n, body: "slow" if n == 0 else None) as server:
    client = _client(server, tmp_path / "a.db", timeout_s=0.3, concurrency=1)
    _check_whole(_all(client, _batches(2)), 2)
    assert client.counts()["asked_again"] == {"timeout": 1}


@pytest.mark.parametrize(
  ("fault", "reason", "sent"),
  [
    ("malformed", "malformed answer", 3),
    ((500, "oops", ()), "no answer (HTTP 500)", 2),
    # These say why, so that the same is not bought again.
    ("refusal", "refusal", 1),
    ((400, "content_filter", ()), "no answer (HTTP 400)", 1),
    ((400, "context_length_exceeded", ()), "no answer (HTTP 400)", 1),
    (completion(None, "length"), "cut at max_tokens", 1),
    (completion("", "content_filter"), "content filter", 1),
    (completion(None, "stop", refusal="No."), "refusal", 1),
    (b" " * (5 << 20), "no answer (an answer of more than 4 MB)", 1),
  ],
)
def test_what_never_comes_is_counted_and_is_no_data(
  fault, reason, sent, tmp_path, quick
):
  def only_the_second(n, body):
    return fault if "number 1 " in body["messages"][-1]["content"] else None

  with ChatServer(only_the_second) as server:
    client = _client(server, tmp_path / "a.db", max_tries=2)
    frame = _all(client, _batches(3))
    assert frame[FAULT].to_list() == [None, reason, None]
    assert frame["vague_intention"].null_count() == 1
    assert len(server.requests) == 2 + sent


@pytest.mark.parametrize(
  ("fault", "said"),
  [
    ((404, "no such model", ()), r"404, no such model.*that 'toy' is a model"),
    (
      (401, f"bad key {KEY}", ()),
      r"bad key \*\*\*.*refuses the key OPENAI_API_KEY",
    ),
    ((400, "unknown field", ()), r"unknown field.*--response_format"),
    ((429, "insufficient_quota", ()), "the quota is used up"),
  ],
)
def test_what_no_request_survives_ends_the_run(fault, said, tmp_path, quick):
  with ChatServer(lambda n, body: fault) as server:
    with pytest.raises(InputError, match=said) as error:
      _all(_client(server, tmp_path / "a.db", concurrency=2), _batches(9))
    assert KEY not in str(error.value)
    assert len(server.requests) <= 2


def test_a_server_that_fails_everything_is_given_up(tmp_path, quick):
  with ChatServer(lambda n, body: (500, "oops", ()) if n > 20 else None) as s:
    client = _client(s, tmp_path / "a.db", max_tries=2, concurrency=4)
    with pytest.raises(InputError, match=r"does not answer \(HTTP 500\).*kept"):
      _all(client, _batches(150))
    assert len(s.requests) < 100
    s.fault = lambda n, body: None
    _check_whole(_all(_client(s, tmp_path / "a.db"), _batches(150)), 150)
    assert set(s.answered.values()) == {1}


def test_nobody_there(tmp_path, quick):
  with ChatServer() as server:
    url = server.url
  with pytest.raises(InputError, match=r"does not answer \(ConnectError\)"):
    _all(_client(url, tmp_path / "a.db"), _batches(5))


def test_no_key_is_said_before_anything_is_sent(tmp_path, quick, monkeypatch):
  monkeypatch.delenv("OPENAI_API_KEY")
  with ChatServer() as server:
    with pytest.raises(InputError, match=r"no OPENAI_API_KEY.*--key_variable"):
      _all(_client(server, tmp_path / "a.db"), _batches(5))
    assert not server.requests
    client = _client(server, tmp_path / "a.db", key_variable=None)
    _check_whole(_all(client, _batches(5)), 5)
    assert server.keys == {None}


def test_the_key_is_in_the_header_and_nowhere_else(tmp_path, quick, capfd):
  with ChatServer(lambda n, body: (500, KEY, ()) if n == 0 else None) as server:
    client = _client(server, tmp_path / "a.db", concurrency=2)
    _all(client, _batches(20))
    assert server.keys == {f"Bearer {KEY}"}
  assert KEY not in str(client.made_of([INTENTION])) + str(client.counts())
  for path in tmp_path.iterdir():
    assert KEY.encode() not in path.read_bytes()
  assert KEY not in "".join(capfd.readouterr())


def test_two_processes_with_one_cache_pay_once(tmp_path, quick):
  n, frames = 100, {}
  with ChatServer(delay_s=0.005) as server:

    def run(which):
      client = _client(server, tmp_path / "a.db")
      frames[which] = _all(client, _batches(n))

    threads = [threading.Thread(target=run, args=(w,)) for w in range(2)]
    for thread in threads:
      thread.start()
    for thread in threads:
      thread.join()
    assert len(server.requests) == n
  for frame in frames.values():
    _check_whole(frame, n)


def test_without_room_for_answers_nothing_is_asked(
  tmp_path, quick, monkeypatch
):
  with ChatServer() as server:
    client = _client(server, tmp_path / "a.db")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
      with pytest.raises(InputError, match=r"a\.db: cannot use this cache"):
        _all(client, _batches(50))
    finally:
      resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not server.requests
    _check_whole(_all(client, _batches(50)), 50)
