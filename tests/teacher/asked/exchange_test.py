"""What a server says about waiting, and of what it sends."""

import email.utils
import time

import pytest

from instructrec_jax.teacher.asked.exchange import Response


@pytest.mark.parametrize(
  ("value", "seconds"),
  [
    ("", 0), ("3", 3), ("0.5", 0.5), ("-3", 0), ("soon", 0), ("nan", 0),
    ("1e999", float("inf")), ("Mon, 99 Foo 2026 25:61:61 GMT", 0),
    ("Wed, 01 Jan 1992 00:00:00 GMT", 0),
  ],
)  # fmt: skip
def test_seconds_to_wait(value, seconds):
  assert Response(429, "", value).pause_s() == seconds


def test_a_time_to_wait_for():
  value = email.utils.formatdate(time.time() + 3600, usegmt=True)
  assert Response(429, "", value).pause_s() == pytest.approx(3600, abs=5)


@pytest.mark.parametrize("text", ["", "{", "<html>", "[" * 100_000])
def test_what_is_no_json_is_none(text):
  assert Response(200, text).json() is None


def test_a_refusal_of_one_request():
  assert Response(400, '{"code": "context_length_exceeded"}').of_this_request()
  assert not Response(400, "no such field").of_this_request()
