"""Each benchmark at its toy size: it runs, and says what it documents."""

import argparse
import importlib
import importlib.util
import json
import os
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def _positive(value):
  return value > 0


def _share(value):
  return 0 < value <= 1


def _any(value):
  return isinstance(value, float)


def _in_order(value):
  return value["rows"] > 0 and value["seconds"] >= 0 and value["peak_gb"] > 0


# Of each benchmark: flags beside --toy, and the keys of its last line.
TOYS = {
  "baselines": (["--here"], {"hr1": lambda value: value is None}),
  "candidate_scoring": (
    ["--here"],
    {
      "time_over_row_each": _positive,
      "time_over_encoder": _positive,
      "temporaries_mb": _positive,
      "time_100_over_20": _positive,
    },
  ),
  "constrained_decoding": (
    ["--here"],
    {
      "constrained_over_unconstrained": _positive,
      "trie_million_s": _positive,
      "trie_million_gb": _positive,
    },
  ),
  "evaluation": (
    [],
    {
      "requests_per_s": _positive,
      "model_share": _share,
      "model_requests_per_s": _positive,
      "seconds": _positive,
      "compiling_seconds": _any,
      "requests": lambda n: 50 < n < 150,
      "data": lambda data: data == "made up",
    },
  ),
  "instructions": (
    ["--here"],
    {
      "instructions": lambda n: n == 200,
      "seconds": _positive,
      "peak_gb": _positive,
      "preferences": lambda n: n > 100,
      "intentions": lambda n: n > 100,
      "share": lambda share: share == 0.01,
    },
  ),
  "metrics": (
    [],
    {
      "seconds_50x12": _positive,
      "ranx_seconds_50x12": _positive,
      "pytrec_eval_terrier_seconds_50x12": _positive,
    },
  ),
  "packing": (
    [],
    {
      "real_token_share": _share,
      "examples_per_s": _positive,
      "seqio_real_token_share": _share,
      "seqio_examples_per_s": _positive,
      "pipeline_examples_per_s": _positive,
      "seqio_pipeline_examples_per_s": _positive,
      "cache_examples_per_s": _positive,
    },
  ),
  "prepare_games": (
    ["--here"],
    {
      "seconds": _positive,
      "peak_gb": _positive,
      "pandas_seconds": _positive,
      "pandas_peak_gb": _positive,
      "imports_seconds": lambda seconds: seconds >= 0,
      "pandas_over_ours": _positive,
      "pandas_over_ours_after_imports": _any,
    },
  ),
  "sources": (
    ["--here"],
    {
      "movielens/32m": _in_order,
      "movielens/32m pandas": _in_order,
      "lastfm/1k": _in_order,
      "lastfm/1k pandas": _in_order,
      "share": lambda share: share == 0.01,
    },
  ),
  "train_step": (["--here"], {"tokens_per_s": _positive}),
}
# Keys that are null where a peer is not installed, and modules of the peer.
T5X = ("t5x", "airio", "jestimator")
TORCH = ("torch", "transformers")
PEERS = {
  "baselines": {
    "sasrec_over_torch": ("torch",),
    "sasrec_over_selected": ("torch",),
  },
  "candidate_scoring": {"time_over_t5x": T5X, "time_over_hf_shared": TORCH},
  "constrained_decoding": {"hf_over_ours": TORCH},
  "train_step": {
    "step_over_t5x": T5X,
    "step_over_hf": TORCH,
    "temporaries_over_t5x": T5X,
  },
}


@pytest.fixture
def benchmark_of(monkeypatch):
  """Imports a benchmark's script."""
  monkeypatch.syspath_prepend(BENCHMARKS)
  monkeypatch.setattr(os, "environ", os.environ.copy())
  return importlib.import_module


@pytest.fixture
def toy(benchmark_of, capsys):
  """Runs a benchmark's toy; returns what it printed, and its last line."""

  def run(name, *flags):
    benchmark_of(name).main(["--toy", *flags])
    lines = capsys.readouterr().out.splitlines()
    return lines, json.loads(lines[-1])

  return run


def _installed(modules):
  return all(importlib.util.find_spec(name) for name in modules)


def test_every_script_has_its_toy():
  scripts = {
    path.stem
    for path in BENCHMARKS.glob("*.py")
    if "figures.parser(" in path.read_text()
  }
  assert scripts - {"figures"} == {*TOYS}
  makefile = (BENCHMARKS.parent / "Makefile").read_text()
  assert all(f"benchmarks/{name}.py" in makefile for name in TOYS)


@pytest.mark.parametrize("name", TOYS)
def test_a_toy_ends_with_the_figures_that_help_describes(
  name, toy, benchmark_of
):
  flags, checks = TOYS[name]
  lines, found = toy(name, *flags)
  peers = PEERS.get(name, {})
  assert {*found} == {*checks, *peers}
  for key, check in checks.items():
    assert check(found[key]), (key, found[key])
  for key, modules in peers.items():
    if not _installed(modules):
      assert found[key] is None
  assert " cores, Python " in lines[0]
  assert any("median" in line and "min" in line for line in lines)


@pytest.mark.parametrize("name", TOYS)
def test_help_is_the_docstring_and_describes_the_last_line(
  name, benchmark_of, capsys
):
  module = benchmark_of(name)
  with pytest.raises(SystemExit) as ended:
    module.main(["--help"])
  assert ended.value.code == 0
  said = capsys.readouterr().out
  assert module.__doc__.strip() in said
  assert "--toy" in said
  keys = {*TOYS[name][1], *PEERS.get(name, {})}
  if name not in ("sources", "metrics"):  # Whose keys are their sides' names.
    assert [key for key in keys if key not in module.__doc__] == []
  else:
    assert "last line is a JSON object" in module.__doc__


@pytest.mark.parametrize(
  ("name", "key"), [(name, key) for name in PEERS for key in PEERS[name]]
)
def test_a_peer_takes_part(name, key, toy):
  for module in PEERS[name][key]:
    pytest.importorskip(module, reason=f"{module} is not installed")
  _, found = toy(name, *TOYS[name][0])
  assert found[key] > 0


# A benchmark of two sides, of which one's peer is not there.
RACE = """
import argparse, os, sys, time
sys.path.insert(0, {benchmarks!r})
import turns

def ours(args):
  return lambda: time.sleep(args.seconds), {{"process": os.getpid()}}

def theirs(args):
  import no_such_peer

SIDES = {{
  "ours": turns.Recipe(ours), "theirs": turns.Recipe(theirs, ("no_such_peer",))
}}
flags = argparse.ArgumentParser()
turns.add_flags(flags)
flags.add_argument("--seconds", type=float)
flags.add_argument("--toy", action="store_true")
turns.serve(SIDES, flags.parse_args())
"""


def test_sides_take_turns_in_processes_of_their_own(
  benchmark_of, tmp_path, capsys
):
  turns = benchmark_of("turns")
  script = tmp_path / "race.py"
  script.write_text(RACE.format(benchmarks=str(BENCHMARKS)))
  args = argparse.Namespace(
    here=False, toy=True, side=None, seconds=0.01, steps=None
  )
  sides = turns.begin(str(script), {}, ["ours", "theirs"], args)
  assert [*sides] == ["ours"]
  said = capsys.readouterr().out
  assert said == "theirs is absent: no_such_peer is not installed\n"
  process = sides["ours"].said["process"]
  assert process != os.getpid()
  seconds = turns.play(sides, rounds=3)
  assert [*map(len, seconds.values())] == [3]
  assert min(seconds["ours"]) >= 0.01
  with pytest.raises(ProcessLookupError):
    os.kill(process, 0)


def test_a_side_that_ends_ends_the_benchmark(benchmark_of, tmp_path):
  turns = benchmark_of("turns")
  script = tmp_path / "race.py"
  script.write_text("raise SystemExit(3)")
  args = argparse.Namespace(here=False)
  with pytest.raises(SystemExit, match=r"race\.py --side=ours ended: 3"):
    turns.begin(str(script), {}, ["ours"], args)


def test_a_side_that_fails_is_not_taken_for_an_absent_one(benchmark_of):
  turns = benchmark_of("turns")

  def make(args):
    import instructrec_jax.no_such_room  # noqa: F401

  recipes = {"ours": turns.Recipe(make, needs=("torch",))}
  args = argparse.Namespace(here=True)
  with pytest.raises(ModuleNotFoundError, match="no_such_room"):
    turns.begin("", recipes, ["ours"], args)


def test_an_absent_side_is_named(benchmark_of, capsys):
  turns = benchmark_of("turns")

  def make(args):
    import no_such_peer  # noqa: F401

  recipes = {"theirs": turns.Recipe(make, needs=("no_such_peer",))}
  args = argparse.Namespace(here=True)
  assert turns.begin("", recipes, ["theirs"], args) == {}
  assert capsys.readouterr().out == (
    "theirs is absent: no_such_peer is not installed\n"
  )
