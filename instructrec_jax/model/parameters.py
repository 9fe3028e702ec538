"""A network's first parameters, with the axes by which they are sharded."""

from collections.abc import Mapping
from typing import Any

from flax import traverse_util
from flax.linen import partitioning

from instructrec_jax.model import sharding


def with_axes(params: Mapping[str, Any]) -> dict[str, Any]:
  """Returns parameters beside the logical axes of each, as T5X takes them.

  Args:
    params: Arrays by name, nested.

  Returns:
    {"params", "params_axes"}.
  """
  axes = {
    (*path[:-1], f"{path[-1]}_axes"): partitioning.AxisMetadata(
      sharding.logical_axes("/".join(path))
    )
    for path in traverse_util.flatten_dict(params)
  }
  return {"params": params, "params_axes": traverse_util.unflatten_dict(axes)}
