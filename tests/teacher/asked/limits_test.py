"""Rates that a server allows."""

import time

import polars as pl

from instructrec_jax.teacher.asked.cache import Cache
from instructrec_jax.teacher.asked.chat import Chat
from instructrec_jax.teacher.asked.client import Client
from instructrec_jax.teacher.asked.limits import Limits
from instructrec_jax.teacher.protocol import (
  INSTANCE,
  INTENTION,
)
from tests.teacher.asked.chat_server import ChatServer

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


def test_rates_are_kept(tmp_path, quick):
  with ChatServer() as server:
    limits = Limits(requests_per_minute=60 * 50)
    client = _client(server, tmp_path / "a.db", limits=limits)
    began = time.monotonic()
    _all(client, _batches(11))
    assert server.times[-1] - began >= 10 / 50 * 0.9

  with ChatServer() as server:
    # About 500 tokens each.
    limits = Limits(tokens_per_minute=60 * 50_000)
    client = _client(server, tmp_path / "b.db", limits=limits)
    began = time.monotonic()
    _all(client, _batches(11))
    [size] = {len(str(r["messages"])) // 4 for r in server.requests[:1]}
    assert server.times[-1] - began >= 10 * size / 50_000 * 0.8
