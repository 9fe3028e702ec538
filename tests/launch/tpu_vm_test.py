"""TPU VMs: made, used again, taken away; jobs followed and stopped."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess

import pytest

from tests.launch import launch_world


def _verbs(world):
  """What gcloud was told to do to TPUs, in short, looking left out."""
  asked = re.compile(r"worker\.sh (install|run|stop)")
  return [
    " ".join([*call[3:5], *asked.findall(" ".join(call))])
    for call in launch_world.calls(world)
    if call[0] == "gcloud" and call[4] != "describe"
  ]


_INSTALL = ["tpu-vm scp", "tpu-vm ssh install"]


def test_a_tpu_is_made_installed_and_used_and_then_used_again(world):
  job = ["bash", "-c", 'printf "%s\\n" "$PWD" "$@"', "job", *launch_world.JOB]
  run = ["run", *launch_world.TPU, "--setup=touch 'set up'", "--", *job]
  _, err = launch_world.run("tpu_vm.sh", *run)
  assert "finished" in err
  once = [*_INSTALL, "tpu-vm ssh", "tpu-vm ssh run"]
  assert _verbs(world) == ["tpu-vm create", *once]
  [create] = [c for c in launch_world.calls(world) if c[4] == "create"]
  assert create == [
    "gcloud", "compute", "tpus", "tpu-vm", "create", "pod",
    "--zone=us-west4-a", "--version=v2-alpha-tpuv5-lite",
    "--accelerator-type=v5litepod-16",
  ]  # fmt: skip
  for number in "01":
    worker = world / "workers" / number
    checkout = worker / "instructrec-jax"
    assert (checkout / "instructrec_jax" / "cli" / "program.py").exists()
    assert not (checkout / ".git").exists()
    assert (worker / "set up").exists()
    assert ".[tpu,gcs]" in (worker / "python3").read_text()
    log = (worker / "instructrec-run" / "log").read_text()
    assert log.splitlines() == [str(checkout), *launch_world.JOB]
  log = (world / "logs" / "pod-1.log").read_text()
  assert log.count("exit status 0") == 2

  launch_world.run("tpu_vm.sh", *run)
  assert _verbs(world) == ["tpu-vm create", *once, *once]

  launch_world.run("tpu_vm.sh", "logs", *launch_world.TPU, "--logs=each")
  for number in "01":
    assert (world / "each" / f"{number}.log").read_text().count(
      launch_world.JOB[2]
    ) == 2
  launch_world.run("tpu_vm.sh", "delete", *launch_world.TPU)
  assert not (world / "workers").exists()


# Trains for three starts: each goes on where the shared file says.
_STARTS = 'echo >>"{0}/$(basename "$HOME")"; '
_COUNT = '(($(wc -l <"{0}/$(basename "$HOME")") > {1}))'


def test_a_preempted_tpu_is_made_again_and_the_job_goes_on(world, tmp_path):
  (world / "preempt").touch()
  (world / "shared").mkdir()
  shared = world / "shared"
  job = _STARTS.format(shared) + "echo up; "
  job += f"{_COUNT.format(shared, 1)} || /bin/sleep 60"
  _, err = launch_world.run(
    "tpu_vm.sh",
    "run",
    *launch_world.TPU,
    "--queued",
    "--spot",
    "--",
    "bash",
    "-c",
    job,
  )
  assert "is PREEMPTED" in err
  assert "finished" in err
  create = "queued-resources create"
  once = [create, *_INSTALL, "tpu-vm ssh run"]
  assert _verbs(world) == [*once, "queued-resources delete", *once]
  for call in launch_world.calls(world):
    if call[4] == "create":
      assert {"--spot", "--node-id=pod"} < {*call}
  for number in "01":
    assert (shared / number).read_text() == "\n\n"


def test_a_job_that_saved_is_started_again_and_one_that_failed_is_not(world):
  (world / "shared").mkdir()
  shared = world / "shared"
  job = _STARTS.format(shared) + f"{_COUNT.format(shared, 2)} || exit 143"
  _, err = launch_world.run(
    "tpu_vm.sh", "run", *launch_world.TPU, "--", "bash", "-c", job
  )
  assert err.count("starting it again") == 2
  runs = ["tpu-vm ssh run"] * 3
  assert _verbs(world) == ["tpu-vm create", *_INSTALL, *runs]

  job = 'exit $(($(basename "$HOME") * 3))'
  _, err = launch_world.run(
    "tpu_vm.sh", "run", *launch_world.TPU, "--", "bash", "-c", job, status=1
  )
  assert "failed: exit status 0, exit status 3; see logs/pod-1.log" in err

  twice = ["run", *launch_world.TPU, "--max-restarts=1", "--", "bash", "-c"]
  _, err = launch_world.run("tpu_vm.sh", *twice, "exit 143", status=1)
  assert "not finished after 2 starts" in err


_WAITS = "trap 'echo saved; exit 143' TERM; echo up; /bin/sleep 60 & wait"


def test_a_job_outlives_its_launcher_and_is_followed_and_stopped(world):
  run = ["run", *launch_world.TPU, "--", "bash", "-c", _WAITS]
  log = world / "logs" / "pod-1.log"
  launcher = launch_world.start("tpu_vm.sh", *run, start_new_session=True)
  launch_world.wait_for(log, "up\nup")
  os.killpg(launcher.pid, signal.SIGINT)
  os.killpg(launcher.pid, signal.SIGKILL)
  launcher.communicate()
  log.unlink()

  again = launch_world.start("tpu_vm.sh", *run)
  launch_world.wait_for(log, "up\nup")
  other = [
    "run",
    *launch_world.TPU,
    "--logs=other",
    "--max-restarts=0",
    "--",
    "other",
  ]
  out, _ = launch_world.run("tpu_vm.sh", *other, status=1)
  assert out.count("another job is running here, stop it first: bash -c") == 2
  launch_world.run("tpu_vm.sh", "stop", *launch_world.TPU)
  _, err = again.communicate(timeout=30)
  assert again.returncode == 143
  assert "stopped; the same command continues" in err
  for number in "01":
    state = world / "workers" / number / "instructrec-run"
    assert (state / "log").read_text() == "up\nsaved\n"
    assert (state / "status").read_text() == "143\n"


@pytest.mark.parametrize(
  ("topology", "expected"),
  [
    ("v4:2x2x4", ["--type=v4", "--topology=2x2x4"]),
    ("v5e:2x4", ["--accelerator-type=v5litepod-8"]),
    ("v5p:2x2x4", ["--accelerator-type=v5p-32"]),
    ("v6e:16x16", ["--accelerator-type=v6e-256"]),
  ],
)
def test_a_topology_is_said_as_gcloud_has_it(topology, expected):
  create = ["create", "--zone=z", f"--topology={topology}", "--dry-run"]
  for line in ([], ["--queued"]):
    out, _ = launch_world.run("tpu_vm.sh", *create, *line)
    assert shlex.split(out.splitlines()[-1])[-len(expected) :] == expected


@pytest.mark.parametrize(
  "argv",
  [
    ["create", *launch_world.TPU, "--queued", "--spot"],
    ["create", *launch_world.TPU, "--topology=v4:2x2x4", "--spot"],
    ["run", *launch_world.TPU, "--project=p", "--", *launch_world.JOB],
    ["logs", *launch_world.TPU],
    ["delete", *launch_world.TPU, "--queued"],
  ],
  ids=lambda argv: argv[0],
)
def test_gcloud_knows_these_commands(argv, tmp_path, monkeypatch):
  # It has a linter, which looks at nothing but the words.
  lint = ["gcloud", "meta", "lint-gcloud-commands", "--command-string"]
  if not shutil.which("gcloud"):
    pytest.skip("gcloud is not installed")
  monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
  out, _ = launch_world.run("tpu_vm.sh", argv[0], "--dry-run", *argv[1:])
  lines = [
    li for li in out.splitlines() if re.match(r"gcloud(?!.* describe)", li)
  ]
  assert lines
  for line in lines:
    checked = subprocess.run(
      [*lint, line.removesuffix(" 2>&1 | tee logs/pod-1.log")],
      capture_output=True,
      text=True,
    )
    if checked.returncode:
      pytest.skip(f"gcloud cannot lint here: {checked.stderr}")
    [result] = json.loads(checked.stdout)
    assert result["success"], result["error_message"]


def test_what_gcloud_refuses_ends_it(world):
  (world / "bin" / "gcloud").write_text(
    "#!/bin/sh\necho 'PERMISSION_DENIED: no' >&2\nexit 1\n"
  )
  _, err = launch_world.run("tpu_vm.sh", "create", *launch_world.TPU, status=1)
  assert "PERMISSION_DENIED" in err


def test_a_program_that_is_missing_is_named(world, monkeypatch):
  (world / "bin" / "gcloud").unlink()
  for name in ("bash", "dirname", "mktemp"):
    (world / "bin" / name).symlink_to(shutil.which(name))
  monkeypatch.setenv("PATH", str(world / "bin"))
  _, err = launch_world.run("tpu_vm.sh", "delete", *launch_world.TPU, status=1)
  assert "gcloud is not installed here" in err


def test_a_stopped_tpu_is_started(world):
  (world / "tpu-vm").write_text('["STOPPED"]')
  launch_world.run("tpu_vm.sh", "create", *launch_world.TPU)
  assert _verbs(world) == ["tpu-vm start"]
