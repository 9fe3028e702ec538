"""What Hugging Face's T5 computes, see tests/testdata/make_hf_t5_golden.py."""

import pathlib

import numpy as np
from flax import traverse_util

from instructrec_jax.model import network

FOLDER = pathlib.Path(__file__).parents[1] / "testdata"
NAMES = ("tiny", "uneven")


def load(name):
  """Returns the arrays of one shape, and "config" and "params" of ours."""
  with np.load(FOLDER / f"hf_t5_{name}.npz") as file:
    arrays = dict(file)
  sizes = {key: int(value) for key, value in arrays.pop("config")}
  flat = {
    name.removeprefix("params/"): arrays.pop(name)
    for name in list(arrays)
    if name.startswith("params/")
  }
  return arrays | {
    "config": network.T5Config(**sizes),
    "params": traverse_util.unflatten_dict(flat, sep="/"),
  }


def shifted(tokens):
  """Returns decoder inputs: tokens one to the right, 0 in front."""
  return np.pad(tokens[..., :-1], [(0, 0)] * (tokens.ndim - 1) + [(1, 0)])
