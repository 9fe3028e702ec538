"""Sides of a benchmark that take turns, each in a process of its own."""

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import measured

# Takes one turn.
Take = Callable[[], object]
# What a side says, then the seconds of its turns.
Answers = Generator[Any, None, None]


@dataclasses.dataclass(frozen=True)
class Recipe:
  """How a side is made.

  Attributes:
    make: from the command line to what takes a turn, and what the side has to
      say of itself.
    needs: modules beside ours, without which the side is absent.
  """

  make: Callable[[argparse.Namespace], tuple[Take, dict]]
  needs: tuple[str, ...] = ()


@dataclasses.dataclass
class Side:
  """A side that has warmed up.

  Attributes:
    said: what it had to say of itself.
    answers: the seconds of its turns, each taken when it is asked for.
    seconds: of each of its turns.
  """

  said: dict[str, Any]
  answers: Answers
  seconds: list[float] = dataclasses.field(default_factory=list)

  def take(self) -> None:
    """Takes one turn."""
    self.seconds.append(next(self.answers))

  @property
  def median(self) -> float:
    """Seconds of a turn."""
    return statistics.median(self.seconds)


def add_flags(flags: argparse.ArgumentParser) -> None:
  """Adds the flag by which a process learns which side it is."""
  flags.add_argument("--side", help=argparse.SUPPRESS)


def begin(
  script: str,
  recipes: Mapping[str, Recipe],
  names: Sequence[str],
  args: argparse.Namespace,
) -> dict[str, Side]:
  """Starts sides, less those that need what is absent; a line says so.

  Args:
    script: the benchmark's file.
    recipes: of its sides.
    names: of the sides to start.
    args: the command line, which a side gets as well.
  """
  sides = {}
  for name in names:
    answers = (_here if args.here else _apart)(script, recipes, name, args)
    said = next(answers)
    if "absent" in said:
      answers.close()
      print(f"{name} is absent: {said['absent']} is not installed", flush=True)
    else:
      sides[name] = Side(said, answers)
  return sides


def play(sides: Mapping[str, Side], rounds: int) -> dict[str, list[float]]:
  """Lets all take turns, so that a noisy machine disturbs each alike.

  Returns:
    The seconds of each side.
  """
  for _ in range(rounds):
    for side in sides.values():
      side.take()
  for side in sides.values():
    side.answers.close()
  return {name: side.seconds for name, side in sides.items()}


def serve(recipes: Mapping[str, Recipe], args: argparse.Namespace) -> None:
  """Is one side: answers each line of the input with a turn's seconds."""
  for answer in _here("", recipes, args.side, args):
    print(json.dumps(answer), flush=True)
    if not sys.stdin.readline():
      break


def _here(
  script: str,
  recipes: Mapping[str, Recipe],
  name: str,
  args: argparse.Namespace,
) -> Answers:
  """Yields what a side says, then the seconds of turns."""
  del script
  recipe = recipes[name]
  try:
    take, said = recipe.make(args)
  except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] not in recipe.needs:
      raise
    yield {"absent": error.name}
    return
  for _ in range(2):  # To compile, and to warm up.
    take()
  yield said
  while True:
    start = time.perf_counter()
    take()
    yield time.perf_counter() - start


def _apart(
  script: str,
  recipes: Mapping[str, Recipe],
  name: str,
  args: argparse.Namespace,
) -> Answers:
  """Yields the same from a process of its own, which ends with the iterator."""
  del recipes
  with subprocess.Popen(
    [sys.executable, script, *_flags(vars(args) | {"side": name})],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    text=True,
    env=measured.environment(),
  ) as process:
    assert process.stdin
    assert process.stdout
    while line := process.stdout.readline():
      yield json.loads(line)
      print(file=process.stdin, flush=True)
    sys.exit(f"{Path(script).name} --side={name} ended: {process.wait()}")


def _flags(args: Mapping[str, Any]) -> list[str]:
  """Returns the command line that was parsed to this."""
  return [
    f"--{name}" if value is True else f"--{name}={value}"
    for name, value in args.items()
    if value is not None and value is not False
  ]
