"""Finds, reads and checks the gin files of a run."""

import contextlib
import io
import logging
import re
import tokenize
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import gin
from etils import epath

import instructrec_jax
from instructrec_jax import paths
from instructrec_jax.errors import InputError
from instructrec_jax.settings import bound, values_only

_CONFIGURABLES = "instructrec_jax.configurables"
_OLD_IMPORT = re.compile(
  r"^import instructrec_jax\.(?!configurables\b)[\w.]+( as \w+)?",
  re.MULTILINE,
)
# Search paths and includes may be in a bucket too.
gin.config.register_file_reader(
  lambda file: epath.Path(file).open(),
  lambda file: paths.is_remote(file) and epath.Path(file).is_file(),
)


def path() -> Path:
  """Returns the folder of this project's gin files.

  T5X takes it in --gin_search_paths. It is the checkout's gin/ in a checkout
  and in an editable install, and otherwise the installed copy.
  """
  return (Path(instructrec_jax.__file__).parent / "gin").resolve()


def parse(
  files: Sequence[str],
  bindings: Sequence[str],
  search_paths: Sequence[str] = (),
  *,
  run: str | None = None,
  values: str | None = None,
) -> None:
  """Reads gin files, then single bindings, and checks what they set.

  Files are searched in the working directory, in `search_paths` and in this
  project's gin folder, as `gin/runs/x.gin` or `runs/x.gin`. Later bindings win.

  Args:
    files: gin files. They are trusted as programs are: gin imports what they
      name.
    bindings: single bindings, such as "TRAIN_STEPS = 100".
    search_paths: further folders to search.
    run: the kind of run, a key of `macros.RUNS`; None for any.
    values: a gin file to read after the others, of which only values are taken,
      see `values_only`.

  Raises:
    InputError: a file is not found or cannot be read, a binding names something
      unknown, a macro is not set or is never used, or a value is not of its
      type.
  """
  own = path()
  folders = [*map(paths.anywhere, (".", *search_paths, own, own.parent))]
  found = [_find(file, folders) for file in files]
  gin.clear_config()
  del gin.config._LOCATION_PREFIXES[1:]  # Those of an earlier call.
  for folder in folders[1:]:
    gin.add_config_file_search_path(str(folder))
  # gin logs an error for every folder that lacks an included file.
  logging.disable(logging.ERROR)
  try:
    for file in found:
      with _told(f"{file}"):
        gin.parse_config(_text_of(file))
    before = bound.macros()
    if values is not None:
      with _told(values):
        text = _text_of(paths.absolute(values))
        values_only.check(text.getvalue(), values)
        gin.parse_config(text)
    # A saved configuration may have macros of another version.
    saved = bound.macros().keys() - before.keys()
    for binding in bindings:
      with _told(f"--gin.{binding}"):
        gin.parse_config(binding)
  finally:
    logging.disable(logging.NOTSET)
  _check_set(files if values is None else (*files, values))
  bound.check(run, bindings, saved)


def macro(name: str) -> Any:
  """Returns the value of a macro; a reference in it is called.

  Raises:
    InputError: what makes the value lacks a parameter.
  """
  try:
    return gin.get_configurable(f"{name}/gin.macro")()
  except (RuntimeError, TypeError) as error:
    first, *more = str(error).split("\n")
    lacks = first.startswith("Required bindings") or any(
      line.lstrip().startswith("No values supplied by Gin") for line in more
    )
    if not lacks:
      raise
    missing = re.findall(r"\[.*?\]", f"{first}\n" + "\n".join(more))
    made = re.findall(r"(?:configurable '|for `)([\w.]+)", str(error))
    raise InputError(
      f"{name}: {made[0] if made else 'what makes it'} lacks "
      f"{', '.join(missing[:1])}: give a file of gin/models/ too, or bind it"
    ) from None


def _find(file: str, folders: Sequence[epath.Path]) -> epath.Path:
  """Returns a gin file's absolute path in the first folder that has it.

  gin's own search fails for "runs/mine.gin" if there is a folder `runs`, which
  it takes for a Python package.
  """
  places = [paths.anywhere(file)]
  if not paths.is_remote(file):
    places = [folder / file for folder in folders]
  for place in places:
    with paths.reading(place):
      if place.is_file():
        return paths.absolute(place)
  looked = ", ".join(str(paths.absolute(folder)) for folder in folders)
  own = path()
  known = sorted(str(p.relative_to(own)) for p in own.rglob("*.gin"))
  raise InputError(
    f"no gin file {file!r} in {looked}. This project's own files in {own} are: "
    f"{', '.join(known)}"
  )


class _NamedText(io.StringIO):
  """The text of a file, with the file's name for gin's messages."""

  def __init__(self, text: str, name: str):
    super().__init__(text)
    self.name = name


def _text_of(file: epath.Path) -> _NamedText:
  """Returns a gin file's text, with old imports of this project replaced.

  Files of earlier versions, saved configurations among them, import modules
  that no longer have the same names.
  """
  text = _OLD_IMPORT.sub(f"import {_CONFIGURABLES}", file.read_text())
  return _NamedText(text, str(file))


def _check_set(files: Sequence[str]) -> None:
  """Raises InputError if a macro is still %gin.REQUIRED."""
  unset = re.findall(r"^(\w+) = %gin.REQUIRED$", gin.config_str(), re.MULTILINE)
  if unset:
    raise InputError(
      f"gin macros left unset: {', '.join(unset)}. Bind them in an experiment "
      f"file or with --gin.{unset[0]}=VALUE (write a string as \"'text'\"). "
      f"Files read: {', '.join(files) or 'none'}."
    )


@contextlib.contextmanager
def _told(source: str) -> Generator[None]:
  """Turns what gin raises while it reads into one line that names the place.

  Args:
    source: a file, or a binding as it stands on the command line.

  Raises:
    InputError: gin cannot read the source.
  """
  try:
    yield
  except InputError:
    raise
  except SyntaxError as error:
    raise InputError(f"gin: {_syntax(source, error)}") from error
  except (
    ArithmeticError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    tokenize.TokenError,
  ) as error:
    text = error.args[0] if isinstance(error, tokenize.TokenError) else error
    told, *lines = str(text).split("\n")
    # gin adds: "  In file "…", line 3", and the line.
    place = re.match(r'\s*In file "(.*)", line (\d+)', "\n".join(lines[:1]))
    where = f"{place[1]}, line {place[2]}" if place else source
    raise InputError(f"gin: {where}: {bound.meant(told)}") from error


def _syntax(source: str, error: SyntaxError) -> str:
  """Returns a line on what gin's parser does not understand."""
  told = (error.msg or "").partition("\n")[0]
  if not source.startswith("--gin."):
    where = error.filename or source
    text = (error.text or "").strip()
    if told.startswith("malformed node"):  # Python's, of a word without quotes.
      told = "expected a value; a text stands in quotes"
    return f"{where}, line {error.lineno}: {told}: {text}"
  name, equals, value = source.partition("=")
  value = value.strip()
  if not equals or not value:
    return f"{source}: expected --gin.NAME=VALUE"
  if value[0] in "'\"@%[{(-" or value[0].isdigit():
    return f"{source}: {told}"
  return (
    f"{source}: {value} is no value of gin. Write a text with quotes inside of "
    f"the shell's: {name.strip()}=\"'{value}'\""
  )


def _fold_messages() -> None:
  """Keeps our messages one line long, whatever calls what raises them.

  gin adds "In call to configurable …" for each configurable that an error
  passes, while the settings are read and while a run works. An InputError says
  what is wrong by itself.
  """
  add_to = gin.utils.augment_exception_message_and_reraise

  def unless_ours(exception: Exception, message: str) -> None:
    if isinstance(exception, InputError):
      raise exception
    add_to(exception, message)

  gin.utils.augment_exception_message_and_reraise = unless_ours


_fold_messages()
