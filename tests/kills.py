"""Kills stages at random moments, runs them again, and counts what is wrong.

A stage runs in a process that is forked from this one, which has loaded its
libraries: a moment of the stage is then not mostly one of loading. Its process
group is killed at a uniform moment. From the repository's root:

  python -m tests.kills --kills 200
  python -m tests.kills --kills 9 --stages simulate normalize report

The last line is one JSON object: by stage, the number of `kills`, and how often
an output was `wrong` under its final name, the command could not `go_on`, its
output was `other` than that of an uninterrupted run, and something was `left`.
"""

import argparse
import contextlib
import dataclasses
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.programs import xla_flags

# A stage that has not ended by then hangs.
_MOST_SECONDS = 240
_USERS, _ITEMS = 60, 48
_TABLE = (
  "normalize", "table", "--data_dir=data", "--dataset=shop", "--k_core=3",
  "--rating_column=rating", "--review_column=review",
  "--summary_column=summary", "--category_column=categories",
  "--brand_column=brand", "--price_column=price",
)  # fmt: skip
_RAW = "--raw=raw/board_games"
_RECORDS = "--tfds_data_dir=data/records"
_TASK = "instructrec_shop_p1_i0_t3"
_RUN = (
  "train", _RECORDS, "--gin_file=runs/native_finetune.gin",
  "--gin_file=models/tiny.gin",
)  # fmt: skip
_SETTINGS = {
  "T5Config.emb_dim": 16,
  "T5Config.mlp_dim": 16,
  "T5Config.num_heads": 4,
  "T5Config.head_dim": 4,
  "T5Config.num_encoder_layers": 1,
  "T5Config.num_decoder_layers": 1,
  "VOCABULARY": "shop",
  "VOCAB_SIZE": 320,
  "MIXTURE_OR_TASK_NAME": _TASK,
  "TASK_FEATURE_LENGTHS": {"inputs": 192, "targets": 16},
  "BATCH_SIZE": 8,
  "WARMUP_STEPS": 1,
  "CHECKPOINT_PERIOD": 4,
  "TRAIN_STEPS": 12,
  "MODEL_DIR": "run",
}
_GIN = tuple(f"--gin.{name}={value!r}" for name, value in _SETTINGS.items())
_CACHE = (
  "cache", _RECORDS, "--out=tokens", "--gin_file=models/tiny.gin",
  *(g for g in _GIN if "MODEL_DIR" not in g and "STEPS" not in g
    and "PERIOD" not in g and "BATCH" not in g),
)  # fmt: skip
_TRAIN = (*_RUN, *_GIN, "--gin.CACHED_TOKENS='tokens'")
_EVALUATE = ("evaluate", "--model_dir=run", "--split=test", "--out=results")
_REPORT = (
  "report", "ranked", *(f"--out=r{end}" for end in
  (".html", ".md", ".tex", ".csv")), "--trec_dir=trec",
)  # fmt: skip

# The digest of each file, by the name of the output and its path.
_State = dict[str, dict[str, str]]


@dataclasses.dataclass(frozen=True)
class Stage:
  """A command that is killed.

  Attributes:
    command: its arguments.
    output: what it writes: files, and folders that are whole or absent.
    before: the commands that must have run.
    loads: whether it needs TensorFlow or JAX.
    grows: whether the output is filled in place, by files that are each whole.
    compared: a command that makes `output` of what the stage wrote.
  """

  command: Sequence[str]
  output: Sequence[str]
  before: Sequence[Sequence[str]] = ()
  loads: bool = True
  grows: bool = False
  compared: Sequence[str] = ()


_WORLD = ("simulate", "raw", f"--num_users={_USERS}", f"--num_items={_ITEMS}")
_NORMALIZE = (*_TABLE, _RAW)
_ANNOTATE = ("annotate", "shop", "--data_dir=data")
_BUILD = ("build", "shop", "--data_dir=data", "--vocabulary_size=320")
_TABLES = (_WORLD, _NORMALIZE)
_RECORDS_OF = (*_TABLES, _ANNOTATE, _BUILD)
_TRAINED = (*_RECORDS_OF, _CACHE, _TRAIN)
STAGES = {
  # A large world, so that writing it takes a good part of the time.
  "simulate": Stage(
    ("simulate", "world", "--num_users=1000"), ["world"], loads=False
  ),
  "normalize": Stage(
    _NORMALIZE, ["data/tables/shop"], [_WORLD], loads=False
  ),
  "normalize zip": Stage(
    (*_TABLE, "--raw=raw.zip"), ["data/tables/shop"], [_WORLD],
    loads=False,
  ),
  "normalize --overwrite": Stage(
    (*_TABLE, _RAW, "--seed=1", "--overwrite"), ["data/tables/shop"],
    _TABLES, loads=False,
  ),
  "annotate": Stage(
    _ANNOTATE, ["data/annotations/shop"],
    _TABLES, loads=False,
  ),
  "annotate api": Stage(
    (*_ANNOTATE, "--teacher=api", "--model=toy", "--concurrency=8"),
    ["data/annotations/shop"], _TABLES, loads=False,
  ),
  "report": Stage(
    _REPORT, ["r.html", "r.md", "r.tex", "r.csv", "trec"], loads=False,
    grows=True,
  ),
  "build": Stage(
    _BUILD, ["data/records/instructrec_shop/1.0.0"], (*_TABLES, _ANNOTATE)
  ),
  "cache": Stage(
    _CACHE, ["tokens"], _RECORDS_OF
  ),
  "train": Stage(
    # Files of checkpoints have names that are drawn: parameters are compared.
    _TRAIN, ["parameters/model.safetensors"],
    (*_RECORDS_OF, _CACHE),
    compared=("convert", "run", "parameters", "--to=hf"),
  ),
  "evaluate": Stage(
    _EVALUATE, ["results"],
    _TRAINED,
    grows=True,
  ),
  "export": Stage(
    # It may be killed when the file is there, and would refuse to replace it.
    ("export", _TASK, _RECORDS, "--out=o.jsonl", "--overwrite"), ["o.jsonl"],
    _RECORDS_OF,
  ),
  "convert hf": Stage(
    ("convert", "run", "hf", "--to=hf"), ["hf"],
    _TRAINED,
  ),
  "convert t5x": Stage(
    ("convert", "run", "t5x", "--to=t5x"), ["t5x"],
    _TRAINED,
  ),
  "itdr": Stage(
    ("itdr", "rating_prediction_ml_32m", "top_k_ml_32m", "--data_dir=data",
     "--size=40"),
    ["data/records/itdr_rating_prediction_ml_32m/1.0.0",
     "data/records/itdr_top_k_ml_32m/1.0.0"],
  ),
}  # fmt: skip


@dataclasses.dataclass
class Row:
  """What kills of a stage came to."""

  kills: int = 0
  wrong: int = 0
  go_on: int = 0
  other: int = 0
  left: int = 0


def run(names: Sequence[str], kills: int, seed: int) -> dict[str, Row]:
  """Kills stages so many times in all, and returns a row for each."""
  _load(any(STAGES[name].loads for name in names))
  rows = {}
  with tempfile.TemporaryDirectory() as top:
    here = Path(top)
    with _Server() as url:
      for number, name in enumerate(names):
        share = len(range(number, kills, len(names)))
        rng = random.Random(f"{seed} {name}")
        rows[name] = _Killer(here, name, url).kill(share, rng)
        print(f"{name:<24}", *dataclasses.astuple(rows[name]), flush=True)
  return rows


class _Killer:
  """Runs one stage in a folder, whole and killed.

  Runs have the same folder, whose path some outputs hold.
  """

  def __init__(self, top: Path, name: str, url: str):
    self._stage, self._name = STAGES[name], name
    self._url = url
    self._here, self._kept = top / "here", top / "kept"
    self._log = top / "log.txt"

  def kill(self, count: int, rng: random.Random) -> Row:
    """Runs the stage undisturbed, and then kills it `count` times."""
    row = Row()
    if not count:
      return row
    shutil.rmtree(self._here, ignore_errors=True)
    shutil.rmtree(self._kept, ignore_errors=True)
    self._here.mkdir()
    self._prepare()
    before = self._state()
    shutil.copytree(self._here, self._kept, symlinks=True)
    seconds = self._whole()
    expected = self._compared()
    for _ in range(count):
      self._reset()
      self._fork(self._stage.command, kill_after=rng.uniform(0, seconds))
      row.kills += 1
      row.wrong += self._is_wrong(before, expected)
      status, _ = self._fork(self._stage.command)
      row.go_on += status != 0
      if status:
        print(self._name, self._log.read_text()[-2000:], file=sys.stderr)
        continue
      found = self._compared()
      row.other += found != expected
      if found != expected:
        print(self._name, _differences(found, expected), file=sys.stderr)
      left = [str(p) for p in self._here.rglob("*") if _is_left(p)]
      row.left += bool(left)
      if left:
        print(self._name, left, file=sys.stderr)
    return row

  def _whole(self) -> float:
    """Runs the stage twice, and returns the time of the second run."""
    for _ in range(2):
      self._reset()
      status, seconds = self._fork(self._stage.command)
      if status:
        raise AssertionError(f"{self._name}: {self._log.read_text()[-4000:]}")
    return seconds

  def _prepare(self) -> None:
    for command in self._stage.before:
      status, _ = self._fork(command)
      if status:
        raise AssertionError(f"{command}: {self._log.read_text()[-4000:]}")
    if self._name == "normalize zip":
      shutil.make_archive(
        str(self._here / "raw"), "zip", self._here / "raw" / "board_games"
      )
    if self._name == "report":
      self._fork(_rank)
    if self._name == "itdr":
      self._fork(_itdr_tables)

  def _reset(self) -> None:
    shutil.rmtree(self._here)
    shutil.copytree(self._kept, self._here, symlinks=True)

  def _fork(
    self,
    command: Sequence[str] | Callable[[], None],
    kill_after: float | None = None,
  ) -> tuple[int, float]:
    """Runs a command in a process of its own; returns its status and time."""
    began = time.monotonic()
    process = os.fork()
    if not process:
      self._become(command)
    limit = _MOST_SECONDS if kill_after is None else kill_after
    while time.monotonic() - began < limit:
      ended, status = os.waitpid(process, os.WNOHANG)
      if ended:
        return status, time.monotonic() - began
      time.sleep(0.001)
    with contextlib.suppress(ProcessLookupError):  # It has no group yet.
      os.killpg(process, signal.SIGKILL)
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    return status, time.monotonic() - began

  def _become(self, command: Sequence[str] | Callable[[], None]) -> None:
    """Turns a forked process into the command, and ends it."""
    status = 1
    try:
      os.setsid()
      log = os.open(self._log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
      os.dup2(log, 1)
      os.dup2(log, 2)
      os.chdir(self._here)
      if callable(command):
        command()
        status = 0
      else:
        from instructrec_jax import cli

        if "--teacher=api" in command:
          command = [*command, f"--base_url={self._url}"]
        status = cli.main(list(command)) or 0
    except SystemExit as end:
      status = end.code if isinstance(end.code, int) else 1
    except BaseException:
      import traceback

      traceback.print_exc()
    finally:
      sys.stdout.flush()
      sys.stderr.flush()
      os._exit(status)

  def _state(self) -> _State:
    """Returns a digest of each file of each output that is there."""
    return {
      output: {
        str(path.relative_to(self._here)): _digest(path)
        for path in _files(self._here / output)
        if self._is_compared(path)
      }
      for output in self._stage.output
      if (self._here / output).exists()
    }

  def _compared(self) -> _State:
    """Returns the state of a finished stage."""
    if self._stage.compared:
      status, _ = self._fork(self._stage.compared)
      if status:
        raise AssertionError(self._log.read_text()[-4000:])
    return self._state()

  def _is_wrong(self, before: _State, expected: _State) -> bool:
    """Returns whether an output has its name and is neither old nor new."""
    found = self._state()
    if self._stage.grows:
      return any(
        Path(path).name[0] != "." and digest != expected[name].get(path)
        for name, files in found.items()
        for path, digest in files.items()
      )
    return any(
      files not in (before.get(name), expected[name])
      for name, files in found.items()
    )

  def _is_compared(self, path: Path) -> bool:
    """Returns whether a file says something of the output."""
    # The manifest counts the requests of the last run alone.
    return self._name != "annotate api" or path.name != "manifest.json"


def _rank() -> None:
  """Writes results of made-up systems, for reports."""
  from tests.report.toy_results import evaluated

  for skill, name in enumerate(("random", "ours", "optimum")):
    evaluated(Path("ranked") / name, name, skill)


def _itdr_tables() -> None:
  from tests import made_up_itdr

  made_up_itdr.write(Path("data"))


def _is_left(path: Path) -> bool:
  return path.name.endswith((".partial", ".replaced")) or (
    ".orbax-checkpoint-tmp" in path.name
  )


def _files(path: Path) -> list[Path]:
  if path.is_file():
    return [path]
  return sorted(p for p in path.rglob("*") if p.is_file())


def _digest(path: Path) -> str:
  """Returns what a file holds, without the time of writing."""
  data = path.read_bytes()
  if path.name == "manifest.json":
    data = json.dumps(json.loads(data) | {"created": ""}).encode()
  return hashlib.sha256(data).hexdigest()[:12]


def _differences(found: _State, expected: _State) -> list[str]:
  one = {k: v for part in found.values() for k, v in part.items()}
  two = {k: v for part in expected.values() for k, v in part.items()}
  return sorted(k for k in one.keys() | two.keys() if one.get(k) != two.get(k))


class _Server:
  """Answers the api teacher, in a process of its own."""

  def __enter__(self) -> str:
    from tests.teacher.asked import chat_server

    os.environ |= {
      "OPENAI_API_KEY": chat_server.KEY, "NO_PROXY": "127.0.0.1"
    }  # fmt: skip
    reads, writes = os.pipe()
    self._process = os.fork()
    if not self._process:
      with chat_server.ChatServer(delay_s=0.002) as server:
        os.write(writes, server.url.encode() + b"\n")
        signal.pause()
      os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as pipe:
      return pipe.readline().strip()

  def __exit__(self, *_: object) -> None:
    os.kill(self._process, signal.SIGKILL)
    os.waitpid(self._process, 0)


def _load(everything: bool) -> None:
  """Loads what stages need, before they are forked."""
  os.environ["JAX_PLATFORMS"] = "cpu"
  os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
  os.environ["XLA_FLAGS"] = xla_flags(devices=1)
  os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
  import instructrec_jax.cli
  import instructrec_jax.data.normalize
  import instructrec_jax.data.simulate
  import instructrec_jax.report.command
  import instructrec_jax.report.page
  import instructrec_jax.teacher.annotation.command

  if everything:
    import instructrec_jax.configurables
    import instructrec_jax.tasks
    from tests import tiny

    tiny.shorten_shuffling()
  del instructrec_jax


def main() -> None:
  """Prints a row for each stage, and all rows as JSON."""
  parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
  parser.add_argument("--kills", type=int, default=200)
  parser.add_argument("--seed", type=int, default=0)
  parser.add_argument(
    "--stages", nargs="+", choices=STAGES, default=[*STAGES], metavar="STAGE"
  )
  options = parser.parse_args()
  with tempfile.TemporaryDirectory() as compiled:
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", compiled)
    print(f"{'':<24} kills wrong go_on other left")
    rows = run(options.stages, options.kills, options.seed)
  columns = zip(*map(dataclasses.astuple, rows.values()), strict=True)
  print(f"{'all':<24}", *map(sum, columns))
  print(json.dumps(rows, default=dataclasses.asdict))


if __name__ == "__main__":
  main()
