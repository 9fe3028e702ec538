"""Reads the command line, runs one command, and ends with its exit status."""

import argparse
import importlib
import os
import pkgutil
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from instructrec_jax import __version__
from instructrec_jax.cli import commands, faults, old_spellings, signals
from instructrec_jax.cli.shared import terminal
from instructrec_jax.cli.shared.command import GROUPS, Command
from instructrec_jax.errors import InputError

# Warnings of TensorFlow's C++ side are not for whoever reads our results.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
_PROGRAM = "instructrec"
_GIN = "--gin."
_DEBUG = "--debug"
# EX_SOFTWARE of sysexits.h.
_BUG = 70
_STATUSES = f"""Exit status:
  0    the command is done
  1    the input cannot be used, or the system refused something
  2    the command line is wrong
  {_BUG}   a bug in InstructRec-JAX; the message names a file with its traceback
  130  Ctrl-C
  143  SIGTERM"""


def main(argv: Sequence[str] | None = None) -> int:
  """Runs one command.

  Whatever is raised ends here: in one line on standard error, without a
  traceback. With --debug it is raised as it is.

  Args:
    argv: the command line without the program's name.

  Returns:
    The exit status. It is 0, or 1 if the input cannot be used or the system
    refused something. argparse exits with 2. A bug gives 70, Ctrl-C 130 and
    SIGTERM 143; then training has saved, and the same command goes on.
  """
  words = sys.argv[1:] if argv is None else argv
  said = _PROGRAM
  try:
    with terminal.safe_output():
      with signals.at_once(_PROGRAM):
        name, command, options = _read(words)
      said += f" {name}"
      with signals.raised():
        command.run(**options)
  except SystemExit:
    raise
  except BaseException as error:  # Polars' panics are no Exception.
    return _ended(error, said, _DEBUG in words)
  return 0


def _read(words: Sequence[str]) -> tuple[str, Command, dict[str, object]]:
  """Returns the command with its flags; what it needs is loaded."""
  import absl.logging

  words, hint = old_spellings.today(words)
  if hint:
    terminal.complain(f"{_PROGRAM}: {hint}")
  known = commands_by_name()
  name, options = parse(words, known)
  absl.logging.set_verbosity(absl.logging.ERROR)
  if known[name].tensorflow:
    from instructrec_jax import quiet_tensorflow

    quiet_tensorflow.load()
  return name, known[name], options


def _ended(error: BaseException, said: str, debug: bool) -> int:
  """Says in a line why a command ended, and returns its exit status."""
  signal = signals.behind(error)
  if signal is not None:
    status, word = signal
    terminal.complain(f"{said}: {word}")
    return status
  if isinstance(error, terminal.ReaderGone):
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
  if debug:
    raise error
  line = str(error) if isinstance(error, InputError) else faults.known(error)
  if line is None:
    terminal.complain(f"{said}: {faults.bug(error, said)}")
    return _BUG
  terminal.complain(f"{said}: {line}")
  return 1


def commands_by_name() -> dict[str, Command]:
  """Returns the commands of the folder, those of a group together."""
  found = {}
  for module in pkgutil.iter_modules(
    commands.__path__, f"{commands.__name__}."
  ):
    name = module.name.rpartition(".")[2].replace("_", "-")
    command = importlib.import_module(module.name).COMMAND
    if command.under:
      name = f"{command.under} {name.removeprefix(command.under + '-')}"
    found[name] = command
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
  whole = parser(known)
  words = [a for a in argv if not a.startswith(_GIN)]
  if (two := " ".join(words[:2])) in known:
    words[:2] = [two]
  options = vars(whole.parse_args(words))
  options.pop("debug", None)
  name = options.pop("command")
  if bindings and "gin_bindings" not in options:
    whole.error(f"--gin.… has no use with {name}, which reads no gin files")
  if bindings:
    options["gin_bindings"] = bindings
  return name, options


class _Parser(argparse.ArgumentParser):
  """A parser that says in a line what is wrong, and where the flags are."""

  def error(self, message: str) -> NoReturn:
    message = terminal.visible(message)
    self.exit(2, f"{self.prog}: error: {message}\nusage: {self.prog} --help\n")


def parser(known: Mapping[str, Command]) -> argparse.ArgumentParser:
  """Returns the parser of the whole command line.

  Args:
    known: the commands by name.
  """
  whole = _Parser(
    prog=_PROGRAM,
    description="Language models that recommend: InstructRec and ITDR in JAX.",
    epilog=_listing(known),
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  whole.add_argument("--version", action="version", version=__version__)
  _add_debug(whole)
  parsers = whole.add_subparsers(
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
    _add_debug(added)
  return whole


def _add_debug(to: argparse.ArgumentParser) -> None:
  to.add_argument(
    _DEBUG,
    action="store_true",
    default=argparse.SUPPRESS,
    help="show the traceback of an error",
  )


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
  lines += [
    _STATUSES,
    "",
    "`instructrec COMMAND --help` shows a command's flags, and examples.",
  ]
  return "\n".join(lines)
