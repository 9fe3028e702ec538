"""Command lines of earlier versions, in today's words."""

from collections.abc import Sequence

_FLAG = "--predictions"


def today(argv: Sequence[str]) -> tuple[list[str], str | None]:
  """Returns a command line as it is spelled today.

  `evaluate --predictions FILE` has become `measure FILE`.

  Args:
    argv: without the program's name.

  Returns:
    The command line, and a hint if it was spelled in an earlier way.
  """
  argv = list(argv)
  if argv[:1] != ["evaluate"]:
    return argv, None
  for place, word in enumerate(argv):
    flag, equals, file = word.partition("=")
    if flag != _FLAG:
      continue
    used = 1 if equals else 2
    files = [file] if equals else argv[place + 1 : place + 2]
    rest = argv[1:place] + argv[place + used :]
    return ["measure", *files, *rest], (
      "`instructrec evaluate --predictions FILE` is now "
      "`instructrec measure FILE`"
    )
  return argv, None
