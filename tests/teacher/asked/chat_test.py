"""What comes back from a server that judges."""

import polars as pl

from instructrec_jax.teacher.asked.cache import Answer, Cache
from instructrec_jax.teacher.asked.chat import Chat
from instructrec_jax.teacher.asked.client import Client
from instructrec_jax.teacher.protocol import (
  INSTANCE,
  INTENTION,
  JUDGEMENT,
)

_CHAT = Chat("toy", {"temperature": 0.5})


def _client(server, path, **options):
  url = server if isinstance(server, str) else server.url
  return Client(_CHAT, Cache(path), base_url=url, **options)


def _all(client, batches, kind=INTENTION):
  return pl.concat(client.answer(kind, batches)).sort(INSTANCE)


def test_a_judge_answers_with_yes_or_no(tmp_path, quick):
  kept = Cache(tmp_path / "a.db")
  request = {"text": "I like it.", "information": "a", "target": "b"}
  name = _CHAT.key(JUDGEMENT, _CHAT.body(JUDGEMENT, request))
  kept.put(name, 0, Answer('{"comes_from_information": "maybe"}'))
  answer = dict.fromkeys(JUDGEMENT.outputs, "Yes.")
  kept.put(name, 1, Answer(str(answer).replace("'", '"')))
  batch = pl.DataFrame({INSTANCE: [0], **{k: [v] for k, v in request.items()}})
  frame = _all(_client("http://127.0.0.1:1", tmp_path / "a.db"), [batch],
               JUDGEMENT)  # fmt: skip
  assert frame.row(0)[1:] == ("yes", "yes", "yes", "yes", None)
