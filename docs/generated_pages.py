"""Pages written from the code: the API of each room, commands, settings."""

import contextlib
import importlib
import inspect
import io
import os
import pathlib
import pkgutil
from collections.abc import Iterator
from unittest import mock

from sphinx.application import Sphinx

import instructrec_jax
from instructrec_jax.cli import program
from instructrec_jax.settings import listing

_NAME = instructrec_jax.__name__
_GROUND = "ground"


def write(app: Sphinx) -> None:
  """Writes docs/api/*.rst, a page for each room, and docs/commands.rst.

  The tables in docs/settings.md are written too, where the rest is by hand.
  """
  folder = pathlib.Path(app.srcdir)
  settings = folder / "settings.md"
  page = settings.read_text()
  if listing.in_page(page) != page:
    settings.write_text(listing.in_page(page))
  pages = {f"api/{room}": _room(room) for room in rooms()}
  pages["api/index"] = _index()
  pages["commands"] = _commands()
  for name, text in pages.items():
    file = folder / f"{name}.rst"
    file.parent.mkdir(exist_ok=True)
    # Sphinx reads again only what has changed.
    if not file.exists() or file.read_text() != text:
      file.write_text(text)


def rooms() -> dict[str, list[str]]:
  """Returns the modules of each folder of the package, by the folder's name.

  The modules that stand at the top of the package are the "ground".
  """
  found: dict[str, list[str]] = {_GROUND: []}
  for module in pkgutil.iter_modules(instructrec_jax.__path__):
    name = f"{_NAME}.{module.name}"
    if module.ispkg:
      found[module.name] = [name, *_below(name)]
    else:
      found[_GROUND].append(name)
  return found


def _below(package: str) -> Iterator[str]:
  """Yields the modules of a package, and of the packages in it."""
  path = importlib.import_module(package).__path__
  for module in pkgutil.iter_modules(path, f"{package}."):
    # A module named so runs when it is imported.
    if not module.name.endswith("__main__"):
      yield module.name
      if module.ispkg:
        yield from _below(module.name)


def _room(room: str) -> str:
  """Returns the page of a room: all its modules, one after the other."""
  parts = [_heading(room, "=")]
  if room == _GROUND:
    parts.append("The modules at the top of the package.\n")
  for module in rooms()[room]:
    parts += [_heading(module, "-"), f".. automodule:: {module}\n"]
  return "\n".join(parts)


def _index() -> str:
  """Returns the page that lists the rooms, each with what it is for."""
  listed = "\n".join(f"   {room}" for room in rooms())
  return "\n".join(
    [
      _heading("API reference", "="),
      "Each folder of the package has a page.\n",
      *(f":doc:`{room}`\n  {_purpose(room)}\n" for room in rooms()),
      f".. toctree::\n   :hidden:\n\n{listed}\n",
    ]
  )


def _purpose(room: str) -> str:
  """Returns the first line of a room's docstring."""
  if room == _GROUND:
    return "The modules at the top of the package."
  module = importlib.import_module(f"{_NAME}.{room}")
  return (inspect.getdoc(module) or "").partition("\n")[0]


def _commands() -> str:
  """Returns the page of all commands: what --help prints of each."""
  parts = [_heading("Commands", "="), "What ``--help`` prints.\n"]
  for name in program.commands_by_name():
    parts += [_heading(f"instructrec {name}", "-"), ".. code-block:: text\n"]
    parts += [f"   {line}".rstrip() for line in _help(name).split("\n")]
  return "\n".join(parts)


def _help(command: str) -> str:
  """Returns what --help prints, as on a terminal of 80 columns."""
  with (
    mock.patch.dict(os.environ, COLUMNS="80"),
    contextlib.redirect_stdout(io.StringIO()) as printed,
    contextlib.suppress(SystemExit),
  ):
    program.main([command, "--help"])
  return printed.getvalue()


def _heading(text: str, line: str) -> str:
  return f"{text}\n{line * len(text)}\n"


def setup(app: Sphinx) -> dict[str, bool]:
  """Has the pages written before Sphinx looks for pages."""
  app.connect("builder-inited", write)
  return {"parallel_read_safe": True}
