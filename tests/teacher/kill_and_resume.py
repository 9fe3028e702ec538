"""Kills `instructrec annotate` half-way, goes on, and counts what was paid.

The API teacher asks a server on loopback that answers slowly, fails, limits
the rate, writes garbage and drops connections. From the repository's root:

  python tests/teacher/kill_and_resume.py --instances 1000

Two requests an instance, of three texts. The last line is one JSON object.
"""

import argparse
import collections
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from instructrec_jax.data import normalize, simulate
from instructrec_jax.data.names import answers_file
from instructrec_jax.teacher.annotation import command
from instructrec_jax.teacher.annotation.annotate import KINDS
from instructrec_jax.teacher.asked import chat, prompts
from tests.teacher.asked.chat_server import KEY, ChatServer, some_faults

CONCURRENCY = 16
# A late answer must be late on a busy machine too, and the others must not.
_TIMEOUT_S, _LATE_S = 6, 12
_SAMPLING = {"temperature": 0.5}
_MODEL = "toy"


def shop(folder, num_users):
  """Makes the dataset `shop`, whose reviews are all different."""
  simulate.write(folder / "raw", num_users=num_users, num_items=120)
  raw = folder / "raw" / "board_games"
  log = pl.read_csv(raw / "interactions.csv").with_row_index("order")
  review = pl.format("{} This was order {}.", "review", "order")
  log.with_columns(review=review).write_csv(raw / "interactions.csv")
  normalize.normalize(
    "table", raw, folder, "shop", k_core=3, **simulate.COLUMNS
  )


def run(folder, share=0.05, kill_at=0.5, seed=0, slow=True):
  """Annotates `shop`: undisturbed, and with faults, killed and run again.

  Args:
    folder: of `shop`; the answers of the disturbed run stay there.
    share: of requests that go wrong.
    kill_at: the share of requests after whose answers the program is killed.
    seed: of the faults.
    slow: whether some answers come too late.

  Returns:
    Counts; and as "said" all that the program has written. A request is lost
    if it was sent and no answer is kept.
  """
  calm = {"cache": str(folder / "calm.sqlite3")}
  with ChatServer() as server:
    _annotate(folder, server, **calm)
    requests = len(server.requests)
  expected = _texts(folder, remove=True)

  faults = some_faults(share, seed, *["slow"] * slow)
  with ChatServer(faults, delay_s=0.005, slow_s=_LATE_S) as server:
    first = _start(folder, server)
    while sum(server.answered.values()) < kill_at * requests:
      if first.poll() is not None:
        raise AssertionError(first.communicate())
      time.sleep(0.005)
    first.kill()
    said = "".join(first.communicate())
    at_kill = sum(server.answered.values())
    kept_at_kill = sum(_kept(folder).values())
    if (folder / "annotations" / "shop").exists():
      raise AssertionError("a killed run has left something that looks whole")
    second = _start(folder, server)
    said += "".join(second.communicate())
    if second.returncode:
      raise AssertionError(said)
    kept = _kept(folder)
    paid = collections.Counter()
    for body in server.requests:
      paid[_key(body)] = server.answered[body["messages"][-1]["content"]]
    texts = _texts(folder)
    return {
      "instances": texts.height,
      "texts": texts.select(pl.len() * 3).item(),
      "requests": requests,
      "faults": {str(k): n for k, n in sorted(server.faults.items(), key=str)},
      "http_requests": len(server.requests),
      "answered_when_killed": at_kill,
      # Paid, and nobody is left who could know of them.
      "on_their_way_when_killed": at_kill - kept_at_kill,
      "answered_in_all": sum(paid.values()),
      "kept_in_all": sum(kept.values()),
      "answered_to_nobody": server.abandoned,
      # Beside those. What cannot be used is tried again, which is another try.
      "paid_twice": sum((paid - kept).values()) - (at_kill - kept_at_kill),
      "lost": len(paid.keys() - kept.keys()),
      "other_texts_than_undisturbed": texts.join(
        expected, on=texts.columns, how="anti"
      ).height,
      "said": said,
    }  # fmt: skip


def _annotate(folder, server, **more):
  return command.annotate(
    "shop", "api", data_dir=folder, model=_MODEL, base_url=server.url,
    sampling=json.dumps(_SAMPLING), concurrency=CONCURRENCY, **more,
  )  # fmt: skip


def _start(folder, server):
  """Starts the same as `_annotate` as a program of its own."""
  return subprocess.Popen(
    [
      sys.executable, "-m", "instructrec_jax.cli", "annotate", "shop",
      "--teacher=api", f"--model={_MODEL}", f"--base_url={server.url}",
      f"--sampling={json.dumps(_SAMPLING)}", f"--data_dir={folder}",
      f"--concurrency={CONCURRENCY}", f"--timeout_s={_TIMEOUT_S}",
    ],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    env=os.environ | {"PYTHONPATH": os.pathsep.join(["", *sys.path])},
  )  # fmt: skip


def _texts(folder, remove=False):
  path = folder / "annotations" / "shop"
  texts = pl.read_parquet(path / "annotations.parquet").fill_null("")
  if remove:
    path.rename(folder / "undisturbed")
  return texts


def _key(body):
  said = body["messages"][0]["content"]
  [kind] = [k for k in KINDS if said.startswith(prompts.PROMPTS[k.name].task)]
  return chat.Chat(_MODEL, _SAMPLING).key(kind, body)


def _kept(folder):
  """Returns how many tries of each request are kept."""
  path = answers_file(folder)
  # As the next run will open it, what was being written is rolled back.
  with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
    rows = db.execute("select key, count(*) from answers group by key")
    return collections.Counter(dict(rows.fetchall()))


def main():
  """Prints the counts."""
  parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
  parser.add_argument("--instances", type=int, default=1000)
  parser.add_argument("--share", type=float, default=0.05)
  parser.add_argument("--seed", type=int, default=0)
  options = parser.parse_args()
  os.environ |= {"OPENAI_API_KEY": KEY, "NO_PROXY": "127.0.0.1"}
  with tempfile.TemporaryDirectory() as folder:
    # A test, a validation and a training instance of each user.
    shop(Path(folder), -(-options.instances // 3))
    counts = run(Path(folder), options.share, seed=options.seed)
  said = counts.pop("said")
  print(said)
  print(json.dumps(counts | {"key_in_what_it_said": KEY in said}))


if __name__ == "__main__":
  main()
