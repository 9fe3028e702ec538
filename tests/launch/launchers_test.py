"""What all launchers do: help, complaints, dry runs, quoting."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from tests.launch import launch_world

_SCRIPTS = sorted(
  p.name for p in launch_world.SCRIPTS.glob("*.sh") if p.name != "common.sh"
)


@pytest.mark.parametrize("script", [*_SCRIPTS, "common.sh"])
def test_shellcheck_has_nothing_to_say(script):
  beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
  shellcheck = shutil.which("shellcheck", path=beside)
  if shellcheck is None:
    pytest.skip("shellcheck is not installed: pip install -e '.[test]'")
  checked = subprocess.run(
    [shellcheck, launch_world.SCRIPTS / script], capture_output=True, text=True
  )
  assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("script", _SCRIPTS)
def test_help_names_the_script_and_flags_that_exist(script):
  shown, _ = launch_world.run(script, "--help")
  assert script in shown
  if "flags:" in shown:
    assert "examples:" in shown
    listed = set(re.findall(r"^  --([\w-]+)", shown, re.MULTILINE))
    declared = set(
      re.findall(
        r"\[([\w-]+)\]=(?=no|\"|\w)",
        (launch_world.SCRIPTS / script).read_text(),
      )
    ) - {"v4", "v5e", "v5p", "v6e"}
    assert listed == declared


@pytest.mark.parametrize("script", sorted({*_SCRIPTS} - {"local_smoke.sh"}))
def test_without_arguments_it_says_how_it_is_used(script):
  out, err = launch_world.run(script, status=2)
  assert script in out + err


@pytest.mark.parametrize(
  ("argv", "expected"),
  [
    ("tpu_vm.sh rn", "create, install, run, logs, stop or delete"),
    ("tpu_vm.sh run --zoen=z", "unknown flag --zoen: the flags are --dry-run"),
    ("tpu_vm.sh run", "--zone is required"),
    ("tpu_vm.sh create --zone=z", "--topology is required"),
    ("tpu_vm.sh create --zone=z --topology=4x4", "such as v5e:4x4"),
    ("tpu_vm.sh create --zone=z --topology=v9:4x4", "v4, v5e, v5p or v6e"),
    ("tpu_vm.sh create --zone=z --topology=v5e:2x2x4", "two numbers"),
    ("tpu_vm.sh create --zone=z --topology=v4:4x4", "three numbers"),
    ("tpu_vm.sh create --zone=z --spot=yes", "--spot takes no value"),
    ("tpu_vm.sh logs --zone=z --name=Pod", "lower-case"),
    ("tpu_vm.sh logs --zone", "--zone needs a value"),
    ("tpu_vm.sh run --zone=z --topology=v5e:4x4", "say what to run: -- "),
    ("tpu_vm.sh run --zone=z --topology=v5e:4x4 --", "a command after --"),
    ("tpu_vm.sh run --zone=z train", "unexpected argument 'train'"),
    ("gke_jobset.sh aply", "run, manifest, logs or delete"),
    ("gke_jobset.sh run --topology=v5e:4x4 -- train", "--image is required"),
    ("gke_jobset.sh run --image=i -- train", "--topology is required"),
    ("gke_jobset.sh run --topology=v4:1x1x2 --image=i -- x", "hosts of 4"),
    ("gke_jobset.sh run --image=i --max-restarts=x -- x", "takes a number"),
    ("slurm_gpu.sh --gpu=2 -- train", "unknown flag --gpu"),
    ("slurm_gpu.sh --smoke=s -- train", "--smoke or a job, not both"),
    ("local_smoke.sh --fast", "unknown flag --fast"),
    ("tpu_worker.sh instal", "tpu_worker.sh install"),
  ],
)
def test_bad_usage_is_said_with_what_is_valid(argv, expected, world):
  script, *argv = argv.split()
  out, err = launch_world.run(script, *argv, status=2)
  assert expected in out + err
  assert not launch_world.calls(world)


_DRY = [
  ["tpu_vm.sh", "create", *launch_world.TPU],
  ["tpu_vm.sh", "create", *launch_world.TPU, "--queued", "--spot"],
  [
    "tpu_vm.sh",
    "install",
    *launch_world.TPU,
    "--t5x",
    "--setup=mkdir -p 'a b' && true",
  ],
  [
    "tpu_vm.sh",
    "run",
    *launch_world.TPU,
    "--project=p",
    "--",
    *launch_world.JOB,
  ],
  ["tpu_vm.sh", "logs", *launch_world.TPU],
  ["tpu_vm.sh", "stop", *launch_world.TPU],
  ["tpu_vm.sh", "delete", *launch_world.TPU, "--queued"],
  [
    "gke_jobset.sh",
    "run",
    "--topology=v5e:4x4",
    "--image=i",
    "--",
    *launch_world.JOB,
  ],
  ["gke_jobset.sh", "logs", "--name=pod", "--namespace=n"],
  ["gke_jobset.sh", "delete", "--name=pod"],
  [
    "slurm_gpu.sh",
    "--nodes=2",
    "--gpus=8",
    "--time=4:00:00",
    "--",
    *launch_world.JOB,
  ],
  ["slurm_gpu.sh", "--smoke=/shared/a b"],
  ["local_smoke.sh", "--out=a b"],
]


@pytest.mark.parametrize("argv", _DRY, ids=" ".join)
def test_a_dry_run_prints_shell_and_runs_nothing(argv, world):
  shutil.rmtree(world / "bin")
  script, *rest = argv
  rest.insert(rest.index("--") if "--" in rest else len(rest), "--dry-run")
  out, _ = launch_world.run(script, *rest)
  parsed = subprocess.run(["bash", "-n"], input=out, text=True)
  assert parsed.returncode == 0
  for word in launch_world.JOB if "--" in argv else []:
    if script == "gke_jobset.sh":
      word = json.dumps(word.replace("$(", "$$("))  # Within the manifest.
      assert word in out
    else:
      assert word in " ".join(shlex.split(" ".join(shlex.split(out)))) or (
        word in shlex.split(out)
      )
  for line in out.splitlines():
    if line.startswith("gcloud"):
      words = shlex.split(line)
      assert "--zone=us-west4-a" in words
      assert "pod" in words or "pod:" in words
      assert ("--worker=all" in words) == bool({"ssh", "scp"} & {*words})


_TEXT = st.text(
  st.characters(exclude_categories=["Cs"], exclude_characters="\0")
)


@hypothesis.settings(max_examples=30, deadline=None)
@hypothesis.given(st.lists(_TEXT, min_size=1))
def test_quoted_words_come_back_from_any_shell(words):
  quoted = subprocess.run(
    [
      "bash",
      "-c",
      '. "$0"; quote "$@"',
      launch_world.SCRIPTS / "common.sh",
      *words,
    ],
    stdout=subprocess.PIPE,
    check=True,
  ).stdout.decode()
  for shell in ("bash", "sh"):
    again = subprocess.run(
      [shell, "-c", f"printf '%s\\0' {quoted}"], stdout=subprocess.PIPE
    ).stdout.decode()
    assert again.split("\0")[:-1] == words
  assert shlex.split(quoted) == words
