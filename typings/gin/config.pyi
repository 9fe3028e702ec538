"""The part of gin.config that this project uses."""

from collections.abc import Callable
from typing import Any

def register_file_reader(
  open_file: Callable[[str], Any], is_readable: Callable[[str], bool]
) -> None: ...
