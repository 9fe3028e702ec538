"""The part of gin.config that this project uses."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

class Configurable(NamedTuple):
  wrapper: Any
  wrapped: Any
  name: str
  module: str
  import_source: Any
  allowlist: Any
  denylist: Any
  selector: str

class ConfigurableReference:
  evaluate: bool
  configurable: Configurable
  scopes: list[str]

_CONFIG: dict[tuple[str, str], dict[str, Any]]
_LOCATION_PREFIXES: list[str]
_REGISTRY: Any

def iterate_references(config: Any) -> Iterator[ConfigurableReference]: ...
def register_finalize_hook(
  hook: Callable[[Any], Any],
) -> Callable[..., Any]: ...
def register_file_reader(
  open_file: Callable[[str], Any], is_readable: Callable[[str], bool]
) -> None: ...
