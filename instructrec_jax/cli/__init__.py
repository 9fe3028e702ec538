"""The command line: `instructrec COMMAND`, one file a command."""

from collections.abc import Sequence

from instructrec_jax.cli import signals

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
  """Runs one command, and returns its exit status; see `program.main`.

  Args:
    argv: the command line without the program's name.
  """
  with signals.at_once("instructrec"):
    from instructrec_jax.cli import program
  return program.main(argv)
