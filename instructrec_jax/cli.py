"""The command line: `instructrec COMMAND`."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence

import absl.logging

from instructrec_jax import __version__, flags
from instructrec_jax.commands import COMMANDS
from instructrec_jax.errors import InputError

# Warnings of TensorFlow's C++ side are not for whoever reads our results.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main(argv: Sequence[str] | None = None) -> int:
  """Runs one command.

  Args:
    argv: the command line without the program's name.

  Returns:
    The exit status: 0, or 1 if the input cannot be used (2, as usual, is what
    argparse exits with, 130 what Ctrl-C gives, and 143 what SIGTERM gives; then
    training has saved, and the same command goes on).
  """
  argv = sys.argv[1:] if argv is None else list(argv)
  # T5X's way of binding gin on the command line: --gin.NAME=VALUE.
  bindings = [a.removeprefix("--gin.") for a in argv if a.startswith("--gin.")]
  rest = [a for a in argv if not a.startswith("--gin.")]
  parser = _parser()
  args = parser.parse_args(rest)
  if bindings and "gin_bindings" not in vars(args):
    parser.error(
      "--gin.… is for export, cache, train, evaluate and plan, not "
      f"{args.command}"
    )
  if bindings:
    args.gin_bindings = bindings
  absl.logging.set_verbosity(absl.logging.ERROR)
  # Training finds out by itself whether it needs it.
  if args.command in (
    "prepare",
    "build",
    "itdr",
    "describe",
    "export",
    "cache",
    "evaluate",
    "baseline",
    "report",
    "demo",
  ):
    from instructrec_jax import quiet_tensorflow

    quiet_tensorflow.load()
  command = COMMANDS[args.command][0]
  values = {k: v for k, v in vars(args).items() if k != "command"}
  before = signal.signal(signal.SIGTERM, _terminate)
  try:
    command(**values)
  except InputError as error:
    print(f"instructrec {args.command}: {error}", file=sys.stderr)
    return 1
  except KeyboardInterrupt:
    print(f"instructrec {args.command}: interrupted", file=sys.stderr)
    return 130
  except _Terminated:
    print(f"instructrec {args.command}: terminated", file=sys.stderr)
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


def _parser() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser(
    prog="instructrec",
    description="Language models that recommend: InstructRec and ITDR in JAX.",
    epilog="`instructrec COMMAND --help` shows a command's flags, and examples",
  )
  parser.add_argument("--version", action="version", version=__version__)
  commands = parser.add_subparsers(
    dest="command", required=True, metavar="COMMAND"
  )
  added = {}
  for name, (_, does, example) in COMMANDS.items():
    added[name] = commands.add_parser(
      name,
      help=does,
      description=does[0].upper() + does[1:] + ".",
      epilog=f"examples:{example}" if example else None,
      formatter_class=argparse.RawDescriptionHelpFormatter,
    )
  flags.add(added)
  return parser


if __name__ == "__main__":
  sys.exit(main())
