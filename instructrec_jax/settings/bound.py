"""Checks what gin has read: macros nobody uses, and values of a wrong type."""

import difflib
import inspect
import re
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import gin

from instructrec_jax.errors import InputError, unknown
from instructrec_jax.settings import macros as table

_OURS = "instructrec_jax."
_MACRO = "gin.macro"
# What a parameter's annotation is called in a message, and its types in gin.
_WORDS: dict[Any, tuple[str, tuple[type, ...]]] = {
  bool: ("True or False", (bool,)),
  float: ("a number", (int, float)),
  int: ("a whole number", (int,)),
  str: ("a text in quotes", (str,)),
  types.NoneType: ("None", (types.NoneType,)),
}


def macros() -> dict[str, Any]:
  """Returns the macros that are bound, with their values as gin keeps them."""
  return {
    scope: values["value"]
    for (scope, selector), values in gin.config._CONFIG.items()
    if selector == _MACRO
  }


def check(
  run: str | None, bindings: Sequence[str], saved: Iterable[str] = ()
) -> None:
  """Raises InputError for the first thing in gin's settings that is wrong.

  Args:
    run: The kind of run, a key of `table.RUNS`; None for any.
    bindings: The bindings of the command line, which must have an effect on
      this run. A file may also bind macros of other kinds of run.
    saved: Macros that a run had and that need no longer be known.
  """
  there, used = macros(), _used()
  given = {b.partition("=")[0].strip() for b in bindings}
  for name in there:
    known = table.of_run(run if name in given else None)
    if name not in known and name not in used and name not in saved:
      raise table.unknown(name, run if name in given else None, used)
  for name in used - there.keys() - table.of_run(None).keys():
    raise InputError(
      f"the gin files use %{name}, which nothing binds.{_near(name, there)} "
      f"Bind it with --gin.{name}=VALUE, or in a file"
    )
  for name in table.of_run(run).keys() & there.keys():
    known, value = _value(there[name], there)
    if known:
      table.check_value(name, value)
  _check_parameters(there)


def meant(told: str) -> str:
  """Returns gin's message on an unknown name, with the names that are near."""
  found = re.search(
    r"No configurable matching (?:reference )?'?@?([\w./]+)", told
  )
  if found:
    name = found[1].rpartition("/")[2]
    return str(unknown("configurable", name, _configurables()))
  found = re.match(
    r"Configurable '(.*)' doesn't have a parameter .*'(.*)'", told
  )
  if found:
    function = gin.get_configurable(found[1])
    parameters = inspect.signature(function).parameters
    return str(unknown(f"parameter of {found[1]}:", found[2], parameters))
  return told


def _configurables() -> list[str]:
  """Returns the names of this project's configurables."""
  return sorted(
    configurable.name
    for selector, configurable in gin.config._REGISTRY.items()
    if selector.startswith(_OURS)
  )


def _used() -> set[str]:
  """Returns the macros that a bound value refers to."""
  references = gin.config.iterate_references(gin.config._CONFIG)
  return {
    "/".join(reference.scopes)
    for reference in references
    if reference.configurable.selector == _MACRO
  }


def _value(value: Any, there: dict[str, Any]) -> tuple[bool, Any]:
  """Returns whether a value is known before it is made, and the value.

  A macro that stands for another has that one's value.
  """
  name = ""
  for _ in range(len(there) + 1):
    if not isinstance(value, gin.config.ConfigurableReference):
      return True, value
    if value.configurable.selector == "gin.constant":
      return False, None
    if value.configurable.selector != _MACRO:
      return True, value
    name = "/".join(value.scopes)
    if name not in there:
      return False, None
    value = there[name]
  raise InputError(f"gin: the macro {name} stands for itself")


def _check_parameters(there: dict[str, Any]) -> None:
  """Checks parameters that are bound to values against their annotations."""
  for (_, selector), values in gin.config._CONFIG.items():
    if not selector.startswith(_OURS):
      continue
    configurable = gin.config._REGISTRY[selector]
    hints = _hints(configurable.wrapped)
    for parameter, value in values.items():
      known, value = _value(value, there)
      reference = isinstance(value, gin.config.ConfigurableReference)
      expected = _expected(hints.get(parameter, Any))
      if not known or reference or expected is None:
        continue
      words, kinds = expected
      if type(value) not in kinds:
        raise InputError(
          f"{configurable.name}.{parameter} = {value!r}: expected {words}"
        )


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
  """Returns the annotations of a function, or of what makes a class."""
  if inspect.isclass(function):
    function = function.__init__
  try:
    return typing.get_type_hints(function)
  except NameError:  # Some are imported for type checkers only.
    return {}


def _expected(hint: Any) -> tuple[str, tuple[type, ...]] | None:
  """Returns an annotation's words and types, or None if it is not plain."""
  is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
  parts = typing.get_args(hint) if is_union else (hint,)
  if not all(part in _WORDS for part in parts):
    return None
  words, kinds = zip(*(_WORDS[part] for part in parts), strict=True)
  return " or ".join(words), tuple(kind for each in kinds for kind in each)


def _near(name: str, names: Iterable[str]) -> str:
  near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
  return f" Did you mean %{near[0]}?" if near else ""
