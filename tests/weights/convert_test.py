"""`instructrec convert`: its output, its refusals, its memory."""

import itertools
import os
import signal
import subprocess
import sys
import tracemalloc

import jax
import numpy as np
import pytest

from instructrec_jax import cli
from instructrec_jax.errors import InputError
from instructrec_jax.model import network
from instructrec_jax.weights import (
  convert,
  formats,
  native,
  shapes,
  tensor,
)
from tests.weights import toy_run


def test_a_run_goes_on_after_it_was_to_t5x_and_back(trained, tmp_path):
  run, _, losses = trained
  carry = {"optimizer": "carry"}
  convert.convert(run, tmp_path / "t5x", "t5x", step=2, **carry)
  convert.convert(tmp_path / "t5x", tmp_path / "back", "native", **carry)
  _, found = toy_run.train(tmp_path / "back", 6)
  assert found == {n: losses[n] for n in (3, 4, 5, 6)}


def test_parameters_only_are_to_start_from_not_to_go_on_with(trained, tmp_path):
  run, state, _ = trained
  convert.convert(run, tmp_path / "a", "native")
  with pytest.raises(InputError, match=r"INITIAL_CHECKPOINT_PATH"):
    toy_run.train(tmp_path / "a", 4)
  begun, _ = toy_run.train(
    tmp_path / "b", 0, initial_checkpoint_path=tmp_path / "a"
  )  # fmt: skip
  jax.tree.map(np.testing.assert_array_equal, begun.params, state.params)


def test_the_command_says_what_it_did(hf_tiny, tmp_path, capsys):
  out = tmp_path / "out"
  command = ["convert", str(hf_tiny / "bin"), str(out), "--to", "t5x"]
  assert cli.main(command) == 0
  printed = capsys.readouterr()
  assert "hf to t5x: done: 38 tensors, 2,152 parameters, 8,608 bytes of fl" in (
    printed.out
  )
  assert f"written  {out}/checkpoint_0\n" in printed.out
  assert "head_dim = 3" in printed.out
  assert not printed.err  # No progress bar outside a terminal.
  assert cli.main(command) == 0
  assert "is there already" in capsys.readouterr().out
  assert cli.main([*command, "--dtype", "bfloat16"]) == 1
  assert 'dtype: was null, is now "bfloat16"' in capsys.readouterr().err
  assert cli.main([*command, "--dtype", "bfloat16", "--overwrite"]) == 0
  assert "4,304 bytes of bfloat16" in capsys.readouterr().out


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"to": "tx5"}, r"unknown format 'tx5'. Did you mean 't5x'"),
    ({"optimizer": "cary"}, r"unknown optimizer 'cary'. Did you mean 'carry'"),
    ({"dtype": "bf16"}, r"unknown dtype 'bf16'.*known: bfloat16, float32"),
    ({"vocabulary": "none.model"}, r"only the format 'hf' takes one, not 't5"),
    ({"vocabulary": "none.model", "to": "hf"}, r"no vocabulary at none.model"),
    ({"src": "nowhere"}, r"no checkpoint at .*nowhere: expected .*config.json"),
    ({"out": "gs://bucket/x"}, r"gs:/.*is not a local folder"),
  ],
)
def test_what_cannot_be_done_is_named(hf_tiny, tmp_path, options, message):
  given = {"src": hf_tiny / "bin", "out": tmp_path / "out", "to": "t5x"}
  with pytest.raises(InputError, match=message):
    convert.convert(**given | options)
  assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_left_alone(hf_tiny, tmp_path):
  (tmp_path / "notes.txt").write_text("mine")
  with pytest.raises(InputError, match="was not written by this program"):
    convert.convert(hf_tiny / "bin", tmp_path, "t5x")
  assert [child.name for child in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("to", formats.FORMATS)
def test_paths_may_be_relative(hf_tiny, tmp_path, monkeypatch, to):
  monkeypatch.chdir(tmp_path)
  os.symlink(hf_tiny / "bin", "source")
  convert.convert("source", "out", to)
  convert.convert("out", "again", "hf")
  assert formats.find("again").params()


KILLED = """
import sys
from instructrec_jax.weights import convert, tensor

read = tensor.Tensor.read
count = [0]

def slow(self):
  count[0] += 1
  if count[0] == 20:
    print("half", flush=True)
    sys.stdin.read()
  return read(self)

tensor.Tensor.read = slow
convert.convert(*sys.argv[1:])
"""


@pytest.mark.parametrize("to", formats.FORMATS)
def test_a_kill_half_way_leaves_nothing_that_looks_finished(
  hf_tiny, tmp_path, to
):
  process = subprocess.Popen(
    [sys.executable, "-c", KILLED, hf_tiny / "bin", tmp_path / "out", to],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
  )
  assert process.stdout.readline() == b"half\n"
  process.send_signal(signal.SIGKILL)
  process.communicate()
  assert [path.name for path in tmp_path.iterdir()] == [".out.partial"]
  convert.convert(hf_tiny / "bin", tmp_path / "out", to)
  assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.fixture(scope="module")
def larger(tmp_path_factory):
  """A folder of each format, of 36 MB, the largest tensor of 2 MB."""
  folder = tmp_path_factory.mktemp("larger")
  config = network.T5Config(1024, 512, 8, 3, 3, 64, 512)
  rng = np.random.default_rng(0)
  params = {
    name: tensor.Tensor.of(rng.random(shape, np.float32))
    for name, shape in shapes.parameters_of(config).items()
  }
  (folder / "native").mkdir()
  native.write(folder / "native", params, lambda _: None)
  for to in ("t5x", "hf"):
    convert.convert(folder / "native", folder / to, to)
  return folder


@pytest.mark.parametrize(
  ("source", "to"), list(itertools.permutations(formats.FORMATS, 2))
)
def test_a_few_tensors_at_most_are_held(larger, tmp_path, source, to):
  params = formats.find(larger / source).params()
  total = sum(value.nbytes for value in params.values())
  largest = max(value.nbytes for value in params.values())
  assert total > 14 * largest
  tracemalloc.start()
  convert.convert(larger / source, tmp_path / "out", to)
  _, peak = tracemalloc.get_traced_memory()
  tracemalloc.stop()
  assert peak < 4 * largest
  written = formats.find(tmp_path / "out").params()
  for name in ("token_embedder/embedding", "decoder/layers_2/mlp/wo/kernel"):
    np.testing.assert_array_equal(written[name].read(), params[name].read())
