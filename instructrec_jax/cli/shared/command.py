"""What a command of the command line consists of."""

import argparse
import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Command:
  """A command: everything that the command line knows of it.

  Attributes:
    group: the heading that it stands under in `instructrec --help`, a key of
      `GROUPS`.
    help: what it does, in a line that begins with a small letter.
    add_flags: gives its parser flags. It imports nothing heavy.
    run: takes the flags' values by name. It imports what it needs itself, so
      that the other commands, and --help, do not wait for it.
    examples: command lines, and what more there is to say, as they stand below
      the flags in --help.
    tensorflow: whether it always needs TensorFlow.
    under: the command whose first argument this one's name is, as `llm` in
      `instructrec baseline llm`; its module is `baseline_llm`.
  """

  group: str
  help: str
  add_flags: Callable[[argparse.ArgumentParser], None]
  run: Callable[..., None]
  examples: str = ""
  tensorflow: bool = False
  under: str = ""


# The headings of `instructrec --help`, in the order of the work.
GROUPS = {
  "data": "From raw files to instructions",
  "models": "Training and evaluation",
  "results": "Results",
  "more": "More",
}
