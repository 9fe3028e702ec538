"""Programs in the place of gcloud, kubectl and Slurm's, for tests of launchers.

make() puts them into a folder; each records its arguments there and then does
what it is to do. gcloud has two workers, which are folders, with files and
processes of their own.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "launch"
# A job, and a TPU, as a user might name them.
JOB = [
  "instructrec",
  "train",
  "--gin.MODEL_DIR='/my bucket/games'",
  "--gin.A={'it''s': \"$(HOME) `b`\\\\\"}",
]
TPU = ["--zone=us-west4-a", "--topology=v5e:4x4", "--name=pod"]

_PROGRAM = f"""#!{sys.executable}
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import launch_world
sys.exit(launch_world.main(*sys.argv))
"""
# pip and uv install nothing on the workers, and nobody waits for long.
_PYTHON3 = """#!/bin/bash
echo "$@" >>"$HOME/python3"
[[ $* != *"uv venv"* ]] || mkdir -p .venv
"""
_SLEEP = """#!/bin/bash
exec /bin/sleep 0.02
"""


def make(folder: Path) -> Path:
  """Writes the programs, and returns the folder that they are in."""
  programs = folder / "bin"
  programs.mkdir()
  texts = {**dict.fromkeys(_PROGRAMS, _PROGRAM)}
  for name, text in {**texts, "python3": _PYTHON3, "sleep": _SLEEP}.items():
    (programs / name).write_text(text)
    (programs / name).chmod(0o755)
  return programs


def start(script: str, *argv: object, **kwargs) -> subprocess.Popen:
  """Starts a launcher."""
  return subprocess.Popen(
    [SCRIPTS / script, *map(str, argv)],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    **kwargs,
  )


def run(script: str, *argv: object, status: int = 0) -> tuple[str, str]:
  """Runs a launcher, and returns what it wrote to stdout and stderr."""
  process = start(script, *argv, stdin=subprocess.DEVNULL)
  try:
    out, err = process.communicate(timeout=100)
  finally:
    process.kill()
  assert process.returncode == status, f"{out}\n{err}"
  return out, err


def calls(folder: Path) -> list[list[str]]:
  """Returns what was called, program first."""
  file = folder / "calls"
  lines = file.read_text().splitlines() if file.exists() else []
  return [json.loads(line) for line in lines]


def main(program: str, *argv: str) -> int | str | None:
  """Is a program; returns its exit status, or an error."""
  program = Path(program)
  with (program.parents[1] / "calls").open("a") as file:
    file.write(json.dumps([program.name, *argv]) + "\n")
  return _PROGRAMS[program.name](program.parents[1], argv)


def _gcloud(world, argv):
  argv = [arg for arg in argv if not arg.startswith("--project=")]
  kind, verb, *rest = argv[2:]
  options = dict(a[2:].partition("=")[::2] for a in rest if a[:2] == "--")
  if verb == "describe":
    first, *later = _states(world, kind) or [None]
    if first is None:
      return "ERROR: NOT_FOUND: Resource 'projects/p' was not found"
    _states(world, kind, later or [first])
    print(first)
  elif verb == "create":
    for worker in _workers(world):
      worker.mkdir(parents=True)
    _states(world, "tpu-vm", ["CREATING", "READY"])
    if kind == "queued-resources":
      _states(world, kind, ["WAITING_FOR_RESOURCES", "PROVISIONING", "ACTIVE"])
  elif verb == "start":
    _states(world, "tpu-vm", ["READY"])
  elif verb == "delete":
    shutil.rmtree(world / "workers")
    for name in ("tpu-vm", "queued-resources"):
      (world / name).unlink(missing_ok=True)
  elif verb == "scp":
    sources = [a for a in rest[:-1] if a[:2] != "--" and not a.endswith(":")]
    for worker in _workers(world):
      for source in sources:
        shutil.copy(source, worker)
  else:
    return _ssh(world, options["command"], options.get("output-directory"))
  return None


def _workers(world):
  return [world / "workers" / number for number in "01"]


def _states(world, kind, new=None):
  """States that `describe` tells, one after the other, the last for good."""
  file = world / kind
  if new is not None:
    file.write_text(json.dumps(new))
  return json.loads(file.read_text()) if file.exists() else []


def _ssh(world, command, folder):
  processes = []
  for worker in _workers(world):
    folder = folder and os.path.abspath(folder)
    into = f" >{shlex.quote(f'{folder}/{worker.name}.log')}" if folder else ""
    processes.append(
      subprocess.Popen(
        ["bash", "-c", f"cd; {{ {command}; }}{into}"],
        env=os.environ | {"HOME": str(worker)},
      )
    )
  preempted = world / "preempt"
  if not preempted.exists() or "tpu_worker.sh run" not in command:
    return max(process.wait() for process in processes)
  preempted.unlink()
  for worker, process in zip(_workers(world), processes, strict=True):
    wait_for(worker / "instructrec-run" / "log", "up")
    supervisor = (worker / "instructrec-run" / "pid").read_text()
    os.killpg(int(supervisor), signal.SIGKILL)
    process.kill()
  _states(world, "tpu-vm", ["READY", "PREEMPTED"])
  return 255


def wait_for(file: Path, text: str, seconds: float = 30) -> None:
  """Waits until a file has a text, at most some seconds."""
  deadline = time.monotonic() + seconds
  while not file.exists() or text not in file.read_text():
    assert time.monotonic() < deadline, f"no {text!r} in {file}"
    time.sleep(0.05)


def _kubectl(world, argv):
  if "apply" in argv:
    (world / "applied").write_text(sys.stdin.read())
  elif "get" in argv:
    print("pod/pod-slice-0-0\npod/pod-slice-0-1")
  elif "logs" in argv:
    print("log of", argv[argv.index("logs") + 1])


def _srun(world, argv):
  [first, *_] = [i for i, arg in enumerate(argv) if arg[:2] != "--"]
  os.execvp(argv[first], argv[first:])


_PROGRAMS = {
  "gcloud": _gcloud,
  "kubectl": _kubectl,
  "sbatch": lambda *_: None,
  "scontrol": lambda *_: None,
  "squeue": lambda *_: print(os.environ["JOB_STATE"]),
  "srun": _srun,
}
