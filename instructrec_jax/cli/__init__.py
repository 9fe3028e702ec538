"""The command line: `instructrec COMMAND`, one file a command."""

from instructrec_jax.cli.program import main

__all__ = ["main"]
