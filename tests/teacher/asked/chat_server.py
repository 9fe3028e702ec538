"""An OpenAI-compatible server on loopback that can behave badly."""

import collections
import hashlib
import json
import random
import select
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "sk-test-0123456789abcdef"
_WORDS = (
  "quiet", "sturdy", "cheerful", "plain", "quick", "gentle", "bright", "small",
)  # fmt: skip


def text(content, salt=""):
  """Returns words that follow from what was asked."""
  digest = hashlib.sha256((salt + content).encode()).digest()
  words = " ".join(_WORDS[byte % len(_WORDS)] for byte in digest[:12])
  return f"I want something {words} for my friend"


def some_faults(share, seed, *more):
  """Returns a `fault` that draws one of all kinds for a share of requests.

  Args:
    share: of 1.
    seed: of the draw.
    *more: further kinds.
  """
  draw = random.Random(seed)
  kinds = [
    "drop", "garbage", "malformed", (500, "oops", ()),
    (503, "busy", ()), (429, "slow down", [("Retry-After", "0.02")]), *more,
  ]  # fmt: skip
  return lambda n, body: draw.choice(kinds) if draw.random() < share else None


class ChatServer:
  """Answers requests; `fault(n, body)` names how the n-th one goes wrong.

  A fault is a name, a status with a message and headers, or the bytes to send.
  What it writes is `write(content, name of the output)`.

  Attributes:
    answered: how often each content got a whole answer, which is what costs.
    abandoned: answers for which nobody waited any longer.
    faults: how often each has happened.
    requests: bodies in the order in which they came.
    keys: what Authorization said.
  """

  def __init__(
    self, fault=lambda n, body: None, delay_s=0.0, slow_s=2, write=text
  ):
    self.fault, self.delay_s, self.slow_s = fault, delay_s, slow_s
    self.write = write
    self.answered = collections.Counter()
    self.abandoned = 0
    self.faults = collections.Counter()
    self.requests, self.keys, self.times = [], set(), []
    self._lock = threading.Lock()
    server = self

    class Handler(BaseHTTPRequestHandler):
      protocol_version = "HTTP/1.1"

      def do_POST(self):
        server._answer(self)

      def log_message(self, *args):
        pass

    self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    self._http.daemon_threads = True
    # Whoever hangs up early is no news.
    self._http.handle_error = lambda *_: None
    self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
    # Otherwise it takes half a second to end.
    threading.Thread(
      target=self._http.serve_forever, args=(0.01,), daemon=True
    ).start()

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self._http.shutdown()
    self._http.server_close()

  def _answer(self, handler):
    body = handler.rfile.read(int(handler.headers["Content-Length"]))
    body = json.loads(body)
    content = body["messages"][-1]["content"]
    with self._lock:
      self.requests.append(body)
      self.times.append(time.monotonic())
      self.keys.add(handler.headers.get("Authorization"))
      fault = self.fault(len(self.requests) - 1, body)
      if fault:
        said = fault[0] if isinstance(fault, tuple) else fault
        self.faults[said] += 1
    time.sleep(self.delay_s)
    if fault == "slow":
      time.sleep(self.slow_s)
    if fault == "drop":
      handler.close_connection = True
      handler.connection.close()
      return
    if fault == "garbage":
      _send(handler, 200, b"<html>busy</html>")
      return
    if fault == "drip":
      _drip(handler, self.slow_s)
      return
    if isinstance(fault, bytes):
      _send(handler, 200, fault)
      return
    if isinstance(fault, tuple):
      status, message, headers = fault
      error = {"error": {"message": message}}
      _send(handler, status, json.dumps(error).encode(), headers)
      return
    names = body["response_format"]["json_schema"]["schema"]["required"]
    answer = {
      "malformed": "Here you are: {",
      "refusal": "I'm sorry, I cannot help with that.",
    }.get(fault) or json.dumps(
      {name: self.write(content, name) for name in names}
    )
    completion = {
      "choices": [{"message": {"content": answer}, "finish_reason": "stop"}],
      "usage": {"prompt_tokens": 100, "completion_tokens": 10},
    }
    # Counted before it is sent: whoever reads it may look at once.
    with self._lock:
      if _hung_up(handler.connection):
        self.abandoned += 1
        handler.close_connection = True
        return
      self.answered[content] += 1
    _send(handler, 200, json.dumps(completion).encode())


def _hung_up(connection):
  readable, _, _ = select.select([connection], [], [], 0)
  try:
    return bool(readable) and not connection.recv(1, socket.MSG_PEEK)
  except ConnectionError:
    return True


def _drip(handler, seconds):
  """Sends a byte now and then."""
  until = time.monotonic() + seconds
  handler.send_response(200)
  handler.send_header("Content-Length", "100000")
  handler.end_headers()
  try:
    while time.monotonic() < until:
      handler.wfile.write(b" ")
      handler.wfile.flush()
      time.sleep(0.05)
  except (BrokenPipeError, ConnectionResetError):
    pass
  handler.close_connection = True


def completion(content, finish="stop", **message):
  """Returns the body of a chat completion, which `fault` may return."""
  message = {"content": content, **message}
  return json.dumps(
    {"choices": [{"message": message, "finish_reason": finish}]}
  ).encode()


def _send(handler, status, data, headers=()):
  try:
    handler.send_response(status)
    for name, value in headers:
      handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)
  except (BrokenPipeError, ConnectionResetError):
    handler.close_connection = True
