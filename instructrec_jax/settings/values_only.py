"""Reads a stranger's gin file as values, and never as a program.

gin imports modules, includes files and calls whatever a value names. So a run's
config.gin, which comes with weights from anywhere, could run any command. Of
such a file only values are taken: literals, macros, and this project's few
configurables that do no more than describe a model and its training.
"""

import tokenize
from typing import Any

import gin
from gin import config_parser

from instructrec_jax.errors import InputError

# Modules that may be imported: by these exact names, and without a part that
# runs when it is imported.
IMPORTS = ("instructrec_jax.configurables", "jax", "seqio", "t5x")
# What a value may call or name. They neither write nor run anything.
CALLED = (
  "ItemConfig",
  "ItemLoss",
  "ItemModel",
  "RankingModel",
  "T5Config",
  "adafactor",
  "adamw",
  "constant",
  "default_writer",
  "item_catalogue",
  "macro",
  "query_data",
  "query_lengths",
  "sequence_batches",
  "sequence_data",
  "sequence_lengths",
  "steps_of_epochs",
  "title_trie",
  "train_batches",
  "warmup_linear",
)
_OURS = "instructrec_jax"


class _Named(config_parser.ParserDelegate):
  """Notes what values name, and resolves nothing."""

  def __init__(self) -> None:
    self.called: list[str] = []

  def configurable_reference(self, scoped_selector: str, evaluate: bool) -> Any:
    del evaluate
    self.called.append(scoped_selector)
    return None

  def macro(self, name: str) -> Any:
    del name
    return None


def check(text: str, name: str) -> None:
  """Raises InputError, with file and line, if a gin file is not only values.

  Args:
    text: The file's text, exactly as it is then parsed.
    name: The file.
  """
  named = _Named()
  try:
    for statement in config_parser.ConfigParser(text, named):
      _check_statement(statement, f"{name}, line {_line(statement)}", name)
      for selector in named.called:
        _check_called(selector, f"{name}, line {_line(statement)}", name)
      named.called.clear()
  except SyntaxError as error:
    raise InputError(
      f"{name}, line {error.lineno}: {error.msg}: {(error.text or '').strip()}"
    ) from None
  except (tokenize.TokenError, RecursionError, ValueError) as error:
    if isinstance(error, InputError):
      raise
    raise InputError(f"{name} is no gin file: {error}") from None


def _line(statement: Any) -> int:
  return statement.location.line_num


def _check_statement(statement: Any, where: str, name: str) -> None:
  if isinstance(statement, config_parser.ImportStatement):
    if statement.module not in IMPORTS:
      raise _refused(where, f"imports {statement.module}", name)
  elif isinstance(statement, config_parser.IncludeStatement):
    raise _refused(where, f"includes {statement.filename}", name)
  elif getattr(statement, "arg_name", "a block"):  # A macro has no such name.
    _check_ours(statement.selector, where, name)


def _check_called(scoped: str, where: str, name: str) -> None:
  selector = scoped.rpartition("/")[2]
  last = selector.rpartition(".")[2]
  if last == "macro" and selector in ("macro", "gin.macro"):
    return
  if last not in CALLED:
    raise _refused(where, f"calls {selector}", name)
  _check_ours(selector, where, name)


def _check_ours(selector: str, where: str, name: str) -> None:
  """Raises InputError if a selector is a configurable of another project.

  gin itself refuses one that is nothing.
  """
  if selector in ("macro", "gin.macro"):
    return
  found = gin.config._REGISTRY.matching_selectors(selector)
  if not all(each.startswith(f"{_OURS}.") for each in found):
    raise _refused(where, f"names {selector}, which is not {_OURS}'s", name)


def _refused(where: str, what: str, name: str) -> InputError:
  return InputError(
    f"{where} {what}: of a run's settings only values are read, as they may "
    f"come from anybody. If you trust the file as a program, give it with "
    f"--gin_file={name}"
  )
