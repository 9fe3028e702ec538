import dataclasses
import json
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.teacher.asked import batch, chat, prompts
from instructrec_jax.teacher.asked.cache import Answer, Cache, key
from instructrec_jax.teacher.protocol import INTENTION
from tests import fuzz

_CHAT = chat.Chat("toy", {"temperature": 0.5})


def test_answers_are_found_again_by_content_and_try(tmp_path):
  kept = Cache(tmp_path / "below" / "a.db")
  name = key(model="m", text="größer")
  assert kept.get(name, 0) is None
  kept.put(name, 0, Answer("{", 3, 4))
  kept.put(name, 1, Answer("{}", 5, 6))
  # What was paid for first stays.
  kept.put(name, 1, Answer("other"))
  again = Cache(tmp_path / "below" / "a.db")
  assert again.get(name, 0) == Answer("{", 3, 4)
  assert again.get(name, 1) == Answer("{}", 5, 6)


def test_keys_follow_all_that_decides_an_answer(monkeypatch):
  def name(model="a", request=None, **sampling):
    request = request or {"review": "x"}
    chats = chat.Chat(model, sampling)
    return chats.key(INTENTION, chats.body(INTENTION, request))

  names = {
    name(), name("b"), name(temperature=1), name(request={"review": "y"}),
  }  # fmt: skip
  assert name() == name()
  other = dataclasses.replace(prompts.PROMPTS[INTENTION.name], version=99)
  monkeypatch.setitem(prompts.PROMPTS, INTENTION.name, other)
  assert len(names | {name()}) == 5


def test_what_was_being_written_is_rolled_back(tmp_path):
  kept = Cache(tmp_path / "a.db")
  kept.put("a", 0, Answer("a"))

  def rows():
    yield "b", 0, Answer("b")
    raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    kept.put_all(rows())
  assert kept.get("b", 0) is None
  assert kept.put_all([("a", 0, Answer("x")), ("b", 0, Answer("b"))]) == 1


@pytest.mark.parametrize("damage", ["other", "cut", "overwritten"])
def test_a_damaged_file_is_said_and_left_as_it_is(damage, tmp_path):
  path = tmp_path / "a.db"
  if damage == "other":
    path.write_bytes(b"not a database " * 100)
  else:
    kept = Cache(path)
    kept.put_all((key(n=n), 0, Answer("long " * 100)) for n in range(200))
    kept.close()
    data = path.read_bytes()
    half = len(data) // 2
    path.write_bytes(
      data[:half] if damage == "cut" else data[:4096] + b"\xff" * 8192
      + data[4096 + 8192 :]
    )  # fmt: skip
  before = path.read_bytes()
  with pytest.raises(
    InputError, match=r"a.db: cannot use this cache of answers"
  ):
    Cache(path)
  assert path.read_bytes() == before


_KILLED = """
import os, sys
from instructrec_jax.teacher.asked.cache import Answer, Cache, key
kept = Cache(sys.argv[1])
for n in range(200, 240):
  kept.put(key(n=n), 0, Answer("long " * 100))
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("damage", ["none", "log cut", "cut", "emptied"])
def test_a_killed_process_leaves_all_that_it_had_kept(damage, tmp_path):
  path, log = tmp_path / "a.db", tmp_path / "a.db-wal"
  kept = Cache(path)
  kept.put_all((key(n=n), 0, Answer("long " * 100)) for n in range(200))
  kept.close()
  path_of_ours = {"PYTHONPATH": os.pathsep.join(["", *sys.path])}
  subprocess.run(
    [sys.executable, "-c", _KILLED, str(path)],
    check=False,
    env=os.environ | path_of_ours,
  )
  hurt = log if damage == "log cut" else path
  share = {"none": 1, "emptied": 0}.get(damage, 0.5)
  hurt.write_bytes(hurt.read_bytes()[: int(hurt.stat().st_size * share)])
  before = path.read_bytes(), log.read_bytes()
  if damage in ("cut", "emptied"):
    with pytest.raises(InputError, match=r"a.db: cannot use this cache of"):
      Cache(path)
    # What was in the log is not put into a damaged file.
    assert (path.read_bytes(), log.read_bytes()) == before
    return
  there = [Cache(path).get(key(n=n), 0) for n in range(240)]
  count = len([answer for answer in there if answer])
  assert count == 240 if damage == "none" else 200 <= count < 240
  # What is there is whole.
  assert set(there[:count]) == {Answer("long " * 100)}


def _made_and_killed(path, after_s):
  """Kills a process that makes a cache and fills it, `after_s` after its start.

  Returns the number of answers that it has said were kept.
  """
  ours, its = os.pipe()
  child = os.fork()
  if not child:
    try:
      kept = Cache(path)
      for n in range(10_000):
        kept.put(key(n=n), 0, Answer("long " * 100))
        os.write(its, b".")
    finally:
      os._exit(0)
  os.close(its)
  time.sleep(after_s)
  os.kill(child, signal.SIGKILL)
  os.waitpid(child, 0)
  with os.fdopen(ours, "rb") as said:
    return len(said.read())


def test_a_kill_at_any_moment_blocks_nothing_and_loses_nothing(tmp_path):
  draw = random.Random(0)
  for n in range(400 if fuzz.THOROUGH else 16):
    path = tmp_path / str(n) / "a.db"
    # Most are killed while the file is made, which takes some milliseconds.
    said = _made_and_killed(path, draw.uniform(0, 0.012 if n % 4 else 0.06))
    kept = Cache(path)
    assert all(kept.get(key(n=i), 0) for i in range(said)), n
    kept.put("later", 0, Answer("later"))
    kept.close()


def test_a_journal_of_a_process_that_was_killed_is_rolled_back(tmp_path):
  path, other = tmp_path / "a.db", tmp_path / "b.db"
  # What a kill between the first page and its commit leaves, made for sure.
  db = sqlite3.connect(path, isolation_level=None)
  db.execute("pragma journal_mode=persist")
  db.execute("create table other (x)")
  db.execute("pragma cache_size=1")
  db.execute("begin")
  db.executemany("insert into other values (?)", [(b"x" * 900,)] * 50)
  for end in ("", "-journal"):
    data = pathlib.Path(f"{path}{end}").read_bytes()
    pathlib.Path(f"{other}{end}").write_bytes(data)
  db.close()
  kept = Cache(other)
  kept.put("a", 0, Answer("a"))
  assert kept.get("a", 0) == Answer("a")


def _filled(path):
  kept = Cache(path)
  rows = [(key(n=n), n % 3, Answer(f"größer {n} " * 30)) for n in range(60)]
  kept.put_all(rows)
  kept.close()
  return rows


def test_damaged_files_are_read_or_refused_in_a_line(tmp_path):
  rows = _filled(tmp_path / "whole.db")

  def read(path):
    for end in ("-wal", "-shm", "-journal"):
      path.with_name(path.name + end).unlink(missing_ok=True)
    kept = Cache(path)
    try:
      for name, attempt, _ in rows:
        found = kept.get(name, attempt)
        assert found is None or isinstance(found.content, str)
      kept.put("new", 0, Answer("new"))
      with kept.claiming() as claims:
        claims.take("newer", 0)
    finally:
      kept.close()

  whole = (tmp_path / "whole.db").read_bytes()
  fuzz.check("answers.sqlite3", whole, read, tmp_path / "a.db")


@pytest.mark.parametrize(
  ("values", "said"),
  [
    ("cast(x'80ff' as text), 1, 1, ''", "UTF-8"),
    ("x'00', 1, 1, ''", "an answer in it is damaged"),
    ("'a', 'many', 1, ''", "an answer in it is damaged"),
  ],
)
def test_a_damaged_answer_is_said(values, said, tmp_path):
  kept = Cache(tmp_path / "a.db")
  with sqlite3.connect(tmp_path / "a.db") as db:
    db.execute(f"insert into answers values ('k', 0, {values})")
  with pytest.raises(InputError, match=rf"a\.db: cannot use .*{said}.*--cache"):
    kept.get("k", 0)


def test_a_file_of_an_earlier_version_is_used(tmp_path):
  path = tmp_path / "a.db"
  with sqlite3.connect(path) as db:
    db.execute("pragma journal_mode=wal")
    db.execute(
      "create table answers (key text not null, try integer not null, content "
      "text not null, input_tokens integer not null, output_tokens integer not "
      "null, primary key (key, try)) without rowid"
    )
    db.execute("insert into answers values ('k', 0, 'a', 1, 2)")
  assert Cache(path).get("k", 0) == Answer("a", 1, 2)
  Cache(path).put("k", 1, Answer("", 1, 2, "length"))
  assert Cache(path).get("k", 1) == Answer("", 1, 2, "length")


def test_only_the_owner_can_read_the_file(tmp_path):
  before = os.umask(0o022)
  try:
    kept = Cache(tmp_path / "a.db")
    kept.put("k", 0, Answer("a"))
    modes = {p.name: p.stat().st_mode & 0o777 for p in tmp_path.iterdir()}
  finally:
    os.umask(before)
  assert modes == dict.fromkeys(("a.db", "a.db-wal", "a.db-shm"), 0o600)


@pytest.mark.parametrize("path", ["file/a.db", "folder"])
def test_a_path_that_cannot_be_used_is_said(path, tmp_path):
  (tmp_path / "file").write_text("")
  (tmp_path / "folder").mkdir()
  with pytest.raises(InputError, match="cannot use this cache of answers"):
    Cache(tmp_path / path)


def _requests(kept, n=5):
  import polars as pl

  frame = pl.DataFrame({"instance": range(n), "review": map(str, range(n))})
  return list(batch.unanswered(_CHAT, kept, INTENTION, [frame]))


def _line(name, content, **other):
  body = {"choices": [{"message": {"content": content}}],
          "usage": {"prompt_tokens": 7, "completion_tokens": 2}}  # fmt: skip
  response = {"status_code": 200, "body": body}
  return json.dumps({"custom_id": name, "response": response, **other}) + "\n"


def test_batch_files_go_out_and_come_back(tmp_path, monkeypatch):
  monkeypatch.setattr(batch, "_LINES", 3)
  kept = Cache(tmp_path / "a.db")
  [first, second] = batch.write(tmp_path / "out", _requests(kept))
  lines = [json.loads(x) for x in first.read_text().splitlines()]
  lines += [json.loads(x) for x in second.read_text().splitlines()]
  assert len(lines) == 5
  assert {line["url"] for line in lines} == {"/v1/chat/completions"}
  assert lines[0]["body"]["model"] == "toy"
  names = [line["custom_id"] for line in lines]
  # Some providers take no longer ones.
  assert max(map(len, names)) <= 64
  with pytest.raises(InputError, match=r"exists\. Name another"):
    batch.write(tmp_path / "out", _requests(kept))

  good = json.dumps(dict.fromkeys(INTENTION.outputs, "I want it."))
  back = tmp_path / "answers.jsonl"
  back.write_text(
    _line(names[0], good) + _line(names[1], "{") + "\n"
    + json.dumps({"custom_id": names[2], "response": None, "error": "x"}) + "\n"
    + json.dumps({"custom_id": names[3],
                  "response": {"status_code": 429, "body": {}}})
  )  # fmt: skip
  why = {"failed": 2, "because": {"x": 1, "HTTP 429": 1}}
  assert batch.read(back, kept) == {"new": 2, "known": 0, **why}
  assert batch.read(back, kept) == {"new": 0, "known": 2, **why}
  left = _requests(kept)
  assert [f"{name}-{attempt}" for name, attempt, _ in left] == [
    names[1][:-1] + "1", *names[2:],
  ]  # fmt: skip


@pytest.mark.parametrize(
  "line", ["{", "[]", '{"custom_id": "mine-0"}', '{"custom_id": 3}']
)
def test_other_peoples_answers_are_refused(line, tmp_path):
  path = tmp_path / "answers.jsonl"
  path.write_text("\n" + line)
  with pytest.raises(InputError, match=r"answers.jsonl, line 2: expected"):
    batch.read(path, Cache(tmp_path / "a.db"))
  with pytest.raises(InputError, match="cannot read "):
    batch.read(tmp_path / "absent.jsonl", Cache(tmp_path / "a.db"))
