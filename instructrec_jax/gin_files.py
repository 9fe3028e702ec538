"""Finds, reads and checks the gin files of a run."""

import io
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gin
from etils import epath

import instructrec_jax
from instructrec_jax import paths
from instructrec_jax.errors import InputError

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
) -> None:
  """Reads gin files, then single bindings, and checks that no macro is unset.

  Files are searched in the working directory, in `search_paths` and in this
  project's gin folder, as `gin/runs/x.gin` or `runs/x.gin`. Later bindings win.

  Args:
    files: gin files.
    bindings: single bindings, such as "TRAIN_STEPS = 100".
    search_paths: further folders to search.

  Raises:
    InputError: a file is not found or cannot be read, a binding names something
      unknown, or a macro is not set.
  """
  own = path()
  folders = [*map(paths.anywhere, (".", *search_paths, own, own.parent))]
  found = [_find(file, folders) for file in files]
  gin.clear_config()
  for folder in folders[1:]:
    gin.add_config_file_search_path(str(folder))
  # gin logs an error for every folder that lacks an included file.
  logging.disable(logging.ERROR)
  try:
    for file in found:
      gin.parse_config(_text_of(file))
    gin.parse_config(list(bindings))
  except (
    ImportError,
    KeyError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
  ) as error:
    raise InputError(f"gin: {error}") from error
  finally:
    logging.disable(logging.NOTSET)
  _check_macros(files)


def macro(name: str) -> Any:
  """Returns the value of a macro; a reference in it is called."""
  return gin.get_configurable(f"{name}/gin.macro")()


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


def _check_macros(files: Sequence[str]) -> None:
  """Raises InputError if a macro is still %gin.REQUIRED."""
  unset = re.findall(r"^(\w+) = %gin.REQUIRED$", gin.config_str(), re.MULTILINE)
  if unset:
    raise InputError(
      f"gin macros left unset: {', '.join(unset)}. Bind them in an experiment "
      f"file or with --gin.{unset[0]}=VALUE (write a string as \"'text'\"). "
      f"Files read: {', '.join(files) or 'none'}."
    )
