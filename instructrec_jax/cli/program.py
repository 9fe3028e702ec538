"""Reads the command line, runs one command, and ends with its exit status."""

import argparse
import importlib
import os
import pkgutil
import signal
import sys
from collections.abc import Mapping, Sequence

import absl.logging

from instructrec_jax import __version__
from instructrec_jax.cli import commands, old_spellings
from instructrec_jax.cli.shared.command import GROUPS, Command
from instructrec_jax.errors import InputError

# Warnings of TensorFlow's C++ side are not for whoever reads our results.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
_GIN = "--gin."


def main(argv: Sequence[str] | None = None) -> int:
  """Runs one command.

  Args:
    argv: the command line without the program's name.

  Returns:
    The exit status: 0, or 1 if the input cannot be used (2, as usual, is what
    argparse exits with, 130 what Ctrl-C gives, and 143 what SIGTERM gives; then
    training has saved, and the same command goes on).
  """
  argv, hint = old_spellings.today(sys.argv[1:] if argv is None else argv)
  if hint:
    print(f"instructrec: {hint}", file=sys.stderr)
  known = commands_by_name()
  name, options = parse(argv, known)
  absl.logging.set_verbosity(absl.logging.ERROR)
  if known[name].tensorflow:
    from instructrec_jax import quiet_tensorflow

    quiet_tensorflow.load()
  before = signal.signal(signal.SIGTERM, _terminate)
  try:
    known[name].run(**options)
  except InputError as error:
    print(f"instructrec {name}: {error}", file=sys.stderr)
    return 1
  except KeyboardInterrupt:
    print(f"instructrec {name}: interrupted", file=sys.stderr)
    return 130
  except _Terminated:
    print(f"instructrec {name}: terminated", file=sys.stderr)
    return 143
  except BrokenPipeError:
    # Whoever read our output has seen enough (`instructrec … | head`).
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
  finally:
    signal.signal(signal.SIGTERM, before)
  return 0


class _Terminated(BaseException):
  """SIGTERM came, which says no more than Ctrl-C that something is wrong."""


def _terminate(*_: object) -> None:
  # Left to itself, a program that is a container's first would not even end.
  raise _Terminated


def commands_by_name() -> dict[str, Command]:
  """Returns the commands of the folder, those of a group together."""
  found = {}
  for module in pkgutil.iter_modules(
    commands.__path__, f"{commands.__name__}."
  ):
    name = module.name.rpartition(".")[2].replace("_", "-")
    found[name] = importlib.import_module(module.name).COMMAND
  order = list(GROUPS)
  return dict(sorted(found.items(), key=lambda one: order.index(one[1].group)))


def parse(
  argv: Sequence[str], known: Mapping[str, Command]
) -> tuple[str, dict[str, object]]:
  """Reads a command line, and runs nothing.

  Args:
    argv: the command line without the program's name.
    known: the commands by name.

  Returns:
    The command's name, and the values of its flags.

  Raises:
    SystemExit: it is none of a known command.
  """
  # T5X's way of binding gin on the command line: --gin.NAME=VALUE.
  bindings = [a.removeprefix(_GIN) for a in argv if a.startswith(_GIN)]
  parser = _parser(known)
  options = vars(parser.parse_args([a for a in argv if not a.startswith(_GIN)]))
  name = options.pop("command")
  if bindings and "gin_bindings" not in options:
    parser.error(f"--gin.… has no use with {name}, which reads no gin files")
  if bindings:
    options["gin_bindings"] = bindings
  return name, options


def _parser(known: Mapping[str, Command]) -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser(
    prog="instructrec",
    description="Language models that recommend: InstructRec and ITDR in JAX.",
    epilog=_listing(known),
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument("--version", action="version", version=__version__)
  parsers = parser.add_subparsers(
    dest="command", required=True, metavar="COMMAND", help="one of those below"
  )
  for name, command in known.items():
    added = parsers.add_parser(
      name,
      description=command.help[0].upper() + command.help[1:] + ".",
      epilog=f"examples:{command.examples}" if command.examples else None,
      formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_flags(added)
  return parser


def _listing(known: Mapping[str, Command]) -> str:
  """Returns all commands, each with what it does, under their groups."""
  width = max(map(len, known))
  lines = []
  for group, heading in GROUPS.items():
    lines += [f"{heading}:"] + [
      f"  {name:<{width}}  {command.help}"
      for name, command in known.items()
      if command.group == group
    ]
    lines.append("")
  lines.append(
    "`instructrec COMMAND --help` shows a command's flags, and examples."
  )
  return "\n".join(lines)
