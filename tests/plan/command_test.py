"""`instructrec plan`, with libtpu where it is installed."""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip(
  "libtpu", reason="compiling for TPUs takes libtpu: the extra [tpu]"
)

_GIN = """
include "models/tiny.gin"
MODEL_DIR = "nowhere"
MIXTURE_OR_TASK_NAME = "nothing"
TASK_FEATURE_LENGTHS = {"inputs": 32, "targets": 16}
TRAIN_STEPS = 1000
VOCAB_SIZE = 512
BATCH_SIZE = 16
NUM_PARTITIONS = 2
"""


def plan(tmp_path, *flags):
  """Runs the command; returns its exit status and what it printed."""
  (tmp_path / "tiny.gin").write_text(_GIN)
  # What makes the tests' own compilations quick is not for TPUs.
  env = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("JAX_", "XLA_"))
  }
  process = subprocess.run(
    [sys.executable, "-m", "instructrec_jax.cli", "plan",
     "--gin_file=runs/native_finetune.gin",
     f"--gin_file={tmp_path}/tiny.gin", "--no-largest_batch", *flags],
    capture_output=True, text=True,
    env=env | {"PYTHONPATH": os.pathsep.join(sys.path)},
  )  # fmt: skip
  assert "Traceback" not in process.stderr
  return process.returncode, process.stdout, process.stderr


def test_a_training_step_on_four_chips(tmp_path):
  status, out, errors = plan(tmp_path, "--topology=v5e:2x2", "--json")
  assert status == 0, errors
  found = json.loads(out)
  assert found["fits"]
  assert found["mesh"] == {"data": 2, "model": 2}
  # Adam keeps two numbers a parameter, and is split as the parameters are.
  parameters, optimizer = (
    found["bytes_a_chip"][name] for name in ("parameters", "optimizer")
  )
  assert optimizer == pytest.approx(2 * parameters, rel=0.01)
  assert found["arguments"] >= parameters + optimizer
  assert found["useful_flops"] <= found["flops"]
  # At least, every parameter's gradient is summed over the data axis.
  assert found["ici_bytes"] >= parameters / 2
  assert found["hbm_bytes"] >= 2 * (parameters + optimizer)


@pytest.mark.parametrize(
  ("flags", "expected"),
  [
    (["--topology=v5e:3x3"], "unknown topology 'v5e:3x3'"),
    (
      ["--topology=v5e:2x4", "--gin.NUM_PARTITIONS=8"],
      "num_partitions (NUM_PARTITIONS) = 8 does not divide the 'heads' axis",
    ),
    (
      ["--topology=v5e:4x4", "--batch_size=12"],
      "12 rows does not divide over the 8 devices",
    ),
  ],
)
def test_what_cannot_be_planned(tmp_path, flags, expected):
  status, _, errors = plan(tmp_path, *flags)
  assert status == 1
  assert expected in errors
