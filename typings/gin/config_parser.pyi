"""The part of gin.config_parser that this project uses."""

import abc
from collections.abc import Iterator
from typing import Any, NamedTuple

class Location(NamedTuple):
  filename: str | None
  line_num: int
  char_num: int | None
  line_content: str

class BindingStatement(NamedTuple):
  scope: str
  selector: str
  arg_name: str
  value: Any
  location: Location

class ImportStatement(NamedTuple):
  module: str
  is_from: bool
  alias: str | None
  location: Location

class IncludeStatement(NamedTuple):
  filename: str
  location: Location

class ParserDelegate(metaclass=abc.ABCMeta):
  @abc.abstractmethod
  def configurable_reference(
    self, scoped_selector: str, evaluate: bool
  ) -> Any: ...
  @abc.abstractmethod
  def macro(self, name: str) -> Any: ...

class ConfigParser(Iterator[Any]):
  def __init__(self, text: str, delegate: ParserDelegate) -> None: ...
  def __iter__(self) -> Iterator[Any]: ...
  def __next__(self) -> Any: ...
