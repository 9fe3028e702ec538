"""TPU chips, and topologies to compile for without a TPU."""

import dataclasses
import importlib.util
import os
import re

import jax
from jax.experimental import topologies

from instructrec_jax import errors
from instructrec_jax.errors import InputError

GIB = 2**30
# These keep libtpu from waiting for other processes, looking for chips, asking
# the cloud, writing logs to /tmp, and printing warnings.
_ENVIRONMENT = {
  "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
  "TPU_SKIP_MDS_QUERY": "1",
  "TPU_ACCELERATOR_TYPE": "v5litepod-4",
  "TPU_WORKER_HOSTNAMES": "localhost",
  "TPU_LOG_DIR": "disabled",
  "TPU_MIN_LOG_LEVEL": "3",
  "TPU_STDERR_LOG_LEVEL": "3",
}


@dataclasses.dataclass(frozen=True)
class Chip:
  """The properties of one chip.

  Attributes:
    name: Its name in topologies, e.g. "v5e".
    memory: Bytes of HBM that libtpu leaves to a program, a little less than the
      chip has.
    peak: bfloat16 flops a second.
    bandwidth: Bytes a second between the chip and its HBM.
    ring_bandwidth: Bytes a second that a chip sends over the two links of one
      dimension of the torus, which a ring over an axis of the mesh uses.
    shapes: The usual topologies.
    source: The page with these figures.
    options: libtpu's options of the topology.
  """

  name: str
  memory: int
  peak: float
  bandwidth: float
  ring_bandwidth: float
  shapes: tuple[str, ...]
  source: str
  options: dict[str, str] = dataclasses.field(default_factory=dict)


_FLAT = ("1x1", "2x2", "2x4", "4x4", "4x8", "8x8", "8x16", "16x16")
_CUBES = (
  "2x2x1", "2x2x2", "2x2x4", "2x4x4", "4x4x4", "4x4x8", "4x8x8", "8x8x8",
  "8x8x16", "8x16x16",
)  # fmt: skip
_DOCS = "https://docs.cloud.google.com/tpu/docs"
# Memory is from libtpu 0.0.42's error when a program needs more ("exceeds
# available HBM (15.75G)"). A link's bandwidth in one direction is the page's
# bidirectional ICI bandwidth of a chip, divided by 2 and by its ports (4, or 6
# with three dimensions). v4's is from table 4 of Jouppi et al. 2023,
# https://arxiv.org/abs/2304.01433.
CHIPS = {
  chip.name: chip
  for chip in (
    Chip(
      "v4", int(30.75 * GIB), 275e12, 1200e9, 2 * 50e9, _CUBES, f"{_DOCS}/v4",
      # One device a chip, as on Cloud TPUs, although it has two cores.
      {"chip_config_name": "megacore"},
    ),
    Chip(
      "v5e", int(15.75 * GIB), 197e12, 819e9, 2 * 50e9, _FLAT, f"{_DOCS}/v5e"
    ),
    Chip(
      "v5p", int(95.74 * GIB), 459e12, 2765e9, 2 * 100e9, _CUBES, f"{_DOCS}/v5p"
    ),
    Chip(
      "v6e", int(31.25 * GIB), 918e12, 1638e9, 2 * 100e9, _FLAT, f"{_DOCS}/v6e"
    ),
  )
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Topology:
  """Connected chips.

  Attributes:
    name: The name, e.g. "v5e:4x4".
    chip: The properties of each chip.
    devices: A device for each chip, to compile for. They cannot hold data.
  """

  name: str
  chip: Chip
  devices: tuple[jax.Device, ...]


def prepare() -> None:
  """Sets up a process that only compiles, before JAX starts in it.

  JAX uses only the CPU, and no compilation cache, so that compilation times are
  right.
  """
  jax.config.update("jax_platforms", "cpu")
  jax.config.update("jax_enable_compilation_cache", False)


def topology(name: str) -> Topology:
  """Returns a topology to compile for.

  Args:
    name: A chip and the number of chips in each dimension, "v5e:4x4" or
      "v4:2x2x4".

  Raises:
    InputError: There is no such topology, or libtpu is not installed.
  """
  kind, _, shape = name.partition(":")
  if kind not in CHIPS:
    raise errors.unknown("TPU chip", kind, CHIPS)
  chip = CHIPS[kind]
  unknown = InputError(
    f"unknown topology {name!r}: expected {kind}:SHAPE, with a shape such as "
    f"{', '.join(chip.shapes)}, or larger"
  )
  if not re.fullmatch(r"[1-9]\d*(x[1-9]\d*)*", shape):
    raise unknown
  sizes = [int(size) for size in shape.split("x")]
  if len(sizes) != chip.shapes[0].count("x") + 1:
    raise unknown
  if importlib.util.find_spec("libtpu") is None:
    raise InputError(
      "compiling for a TPU topology needs libtpu, which is not installed: "
      "pip install 'instructrec-jax[tpu]'"
    )
  for variable, value in _ENVIRONMENT.items():
    os.environ.setdefault(variable, value)
  # A host has at most 2 × 2 chips.
  hosts = [min(size, 2) for size in sizes[:2]] + [1]
  try:
    found = topologies.get_topology_desc(
      platform="tpu",
      topology_name=name,
      chips_per_host_bounds=hosts,
      **chip.options,
    )
  except jax.errors.JaxRuntimeError as error:
    raise InputError(f"{unknown} (libtpu: {error})") from error
  return Topology(name, chip, tuple(found.devices))
