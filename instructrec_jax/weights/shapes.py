"""The parameters' shapes of networks, and differences of weights from them."""

import difflib
import functools
import re
from collections.abc import Mapping
from typing import Any

import jax
from flax import traverse_util

from instructrec_jax import gin_files
from instructrec_jax.errors import InputError
from instructrec_jax.model import network, ranking_model, sharding

Shape = tuple[int, ...]


def table(tree: Any) -> dict[str, Shape]:
  """Returns the shape of every leaf of a tree, by its path joined by "/"."""
  return {
    sharding.path_name(path): tuple(leaf.shape)
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
  }


def difference(
  found: Mapping[str, Shape], expected: Mapping[str, Shape], kind: str
) -> str:
  """Describes the differences of two tables of shapes, "" if there are none."""
  shapes = [
    f"{name} is expected to be {list(expected[name])}, found {list(shape)}"
    for name, shape in found.items()
    if name in expected and shape != expected[name]
  ]
  missing = [name for name in expected if name not in found]
  unexpected = [name for name in found if name not in expected]
  near = {
    name: difflib.get_close_matches(name, unexpected, n=1) for name in missing
  }
  parts = [
    (f"{kind}s of another shape", shapes),
    (
      f"{kind}s missing",
      [n + (f" (near: {near[n][0]})" if near[n] else "") for n in missing],
    ),
    (f"{kind}s unexpected", unexpected),
  ]
  return "; ".join(
    f"{len(names)} {what}: {', '.join(names[:4])}"
    + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    for what, names in parts
    if names
  )


def config_of(found: Mapping[str, Shape], where: Any) -> network.T5Config:
  """Returns the sizes of the network that has parameters of these shapes.

  Args:
    found: Shapes by T5X's names.
    where: The checkpoint, for messages.

  Raises:
    InputError: They are not exactly the parameters of a T5.1.1.
  """
  layers = {
    stack: 1
    + max(
      (
        int(m[1])
        for m in (re.match(rf"{stack}/layers_(\d+)/", n) for n in found)
        if m
      ),
      default=0,
    )
    for stack in ("encoder", "decoder")
  }

  def shape_of(name: str, rank: int) -> Shape:
    shape = found.get(name)
    if shape is None or len(shape) != rank:
      came = "is missing" if shape is None else f"is {list(shape)}"
      raise InputError(
        f"{where} is not an untied T5.1.1: {name} {came}, expected {rank} axes"
      )
    return shape

  vocab_size, emb_dim = shape_of("token_embedder/embedding", 2)
  shape_of("decoder/logits_dense/kernel", 2)
  num_heads = shape_of("encoder/relpos_bias/rel_embedding", 2)[0]
  joined_kv = shape_of("encoder/layers_0/attention/query/kernel", 2)[1]
  config = network.T5Config(
    vocab_size=vocab_size,
    emb_dim=emb_dim,
    num_heads=num_heads,
    num_encoder_layers=layers["encoder"],
    num_decoder_layers=layers["decoder"],
    head_dim=joined_kv // num_heads,
    mlp_dim=shape_of("encoder/layers_0/mlp/wi_0/kernel", 2)[1],
  )
  differs = difference(found, parameters_of(config), "parameter")
  if differs:
    raise InputError(f"{where} is not an untied T5.1.1: {differs}")
  return config


@functools.cache
def parameters_of(config: network.T5Config) -> dict[str, Shape]:
  """Returns the shapes of a network's parameters, by T5X's names."""
  return table(ranking_model.RankingModel(config).parameter_shapes())


def tree(flat: Mapping[str, Any]) -> dict[str, Any]:
  """Returns nested dicts of a table whose names are paths joined by "/"."""
  return traverse_util.unflatten_dict(dict(flat), sep="/")


_SIZES = (
  "emb_dim",
  "num_heads",
  "head_dim",
  "mlp_dim",
  "num_encoder_layers",
  "num_decoder_layers",
)


def gin_model(config: network.T5Config) -> str:
  """Returns the file of gin/models/ with these sizes, or the sizes.

  The number of vocabulary rows is not compared, because a macro may bind it.
  """
  sizes = {name: getattr(config, name) for name in _SIZES}
  for path in sorted((gin_files.path() / "models").glob("flan_t5_*.gin")):
    bound = re.findall(r"^T5Config\.(\w+) = (\d+)$", path.read_text(), re.M)
    if {name: int(value) for name, value in bound if name in sizes} == sizes:
      return f"gin/models/{path.name}"
  listed = ", ".join(f"{name} = {value}" for name, value in sizes.items())
  return f"of another size, T5Config's {listed}"
