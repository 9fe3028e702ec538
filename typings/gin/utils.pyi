"""The part of gin.utils that this project uses."""

from collections.abc import Callable
from typing import Any

augment_exception_message_and_reraise: Callable[[Exception, str], Any]
