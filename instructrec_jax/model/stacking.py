"""Stacks the parameters of layers: one array [N, ...] instead of N arrays.

Checkpoints keep each layer's parameters separate, with T5X's names:
encoder/layers_0/…, encoder/layers_1/…. A network that scans over its layers
needs them stacked, as encoder/layers/…. A step that gets them stacked makes no
copy, and the optimizer's update is compiled once for all layers.

These functions take any tree of parameters or of the optimizer state: the
parameters, a train state, its shapes or its shardings.
"""

import itertools
import re
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import NamedSharding, PartitionSpec

# The key of a stack's stacked layers, and of separate ones.
TOGETHER = "layers"
_APART = re.compile(rf"{TOGETHER}_(\d+)")
_STACKS = ("encoder", "decoder")


def stack(tree: Any) -> Any:
  """Returns a tree with each stack's layers stacked."""
  return _map_stacks(lambda node: _together(node, _stack_arrays), tree)


def shardings(tree: Any) -> Any:
  """Returns the shardings of a stacked tree, from those of the tree."""
  return _map_stacks(lambda node: _together(node, _stack_shardings), tree)


def unstack(tree: Any) -> Any:
  """Returns a tree with each stack's layers separate. It undoes `stack`."""
  return _map_stacks(_apart, tree)


def converters(
  places: Any,
) -> tuple[Callable[[Any], Any], Callable[[Any], Any], Any]:
  """Returns jitted `stack` and `unstack`, and the stacked tree's shardings.

  Each of the two needs as much memory again as the tree.

  Args:
    places: The shardings of the tree with separate layers.
  """
  together = shardings(places)
  return (
    jax.jit(stack, out_shardings=together),
    jax.jit(unstack, out_shardings=places),
    together,
  )


def is_stacked(params: Mapping[str, Any]) -> bool:
  """Returns whether a stack's parameters have stacked layers."""
  return TOGETHER in params


def per_layer(
  transform: optax.GradientTransformation,
) -> optax.GradientTransformation:
  """Returns an optimizer that treats stacked layers as separate ones.

  It is for optimizers that use a whole parameter, as Adafactor uses its root
  mean square. State of all parameters, such as counts, must not depend on their
  values.
  """

  def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
    function = transform.update
    for name in _STACKS:
      axes = jax.tree_util.tree_map_with_path(
        lambda path, _, name=name: 0 if _is_in(path, name) else None,
        (updates, state, params),
      )
      if jax.tree.leaves(axes):
        function = jax.vmap(function, axes, axes[:2])
    return function(updates, state, params)

  return optax.GradientTransformation(transform.init, update)


def _is_in(path: tuple[Any, ...], name: str) -> bool:
  """Returns whether a leaf is in the stacked layers of the named stack."""
  keys = [getattr(key, "key", None) for key in path]
  return (name, TOGETHER) in itertools.pairwise(keys)


def _map_stacks(function: Callable[[Any], Any], tree: Any) -> Any:
  return jax.tree.map(
    lambda node: function(node) if _is_stack(node) else node,
    tree,
    is_leaf=_is_stack,
  )


def _is_stack(node: Any) -> bool:
  return isinstance(node, Mapping) and any(
    key == TOGETHER or _APART.fullmatch(key) for key in node
  )


def _together(
  node: Mapping[str, Any], join: Callable[..., Any]
) -> dict[str, Any]:
  layers = sorted(filter(_APART.fullmatch, node), key=_number)
  rest = {key: value for key, value in node.items() if key not in layers}
  return rest | {
    TOGETHER: jax.tree.map(join, *[node[layer] for layer in layers])
  }


def _apart(node: Mapping[str, Any]) -> dict[str, Any]:
  rest = {key: value for key, value in node.items() if key != TOGETHER}
  [count] = {len(array) for array in jax.tree.leaves(node[TOGETHER])}
  return rest | {
    f"{TOGETHER}_{n}": jax.tree.map(lambda array, n=n: array[n], node[TOGETHER])
    for n in range(count)
  }


def _number(layer: str) -> int:
  return int(layer.removeprefix(f"{TOGETHER}_"))


def _stack_arrays(*arrays: jax.Array) -> jax.Array:
  return jnp.stack(arrays)


def _stack_shardings(first: NamedSharding, *_: NamedSharding) -> NamedSharding:
  return NamedSharding(first.mesh, PartitionSpec(None, *first.spec))
