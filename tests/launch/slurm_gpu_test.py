"""What sbatch gets, and what the batch script does."""

import os
import signal

import pytest

from tests.launch import launch_world


def test_sbatch_gets_a_process_for_each_gpu(world):
  launch_world.run(
    "slurm_gpu.sh",
    "--nodes=2",
    "--gpus=8",
    "--account=a",
    "--",
    *launch_world.JOB,
  )
  [[program, *argv]] = launch_world.calls(world)
  assert program == "sbatch"
  script = argv.index(str(launch_world.SCRIPTS / "slurm_step.sh"))
  assert argv[script + 1 :] == launch_world.JOB
  assert {
    "--nodes=2", "--gpus-per-node=8", "--ntasks-per-node=8", "--account=a",
    "--signal=TERM@120", "--requeue", "--open-mode=append",
    f"--chdir={launch_world.ROOT}", f"--output={world}/logs/%x-%j.log",
  } < {*argv[:script]}  # fmt: skip
  assert (world / "logs").is_dir()


@pytest.mark.parametrize(
  ("status", "state", "requeued"),
  [
    (143, "RUNNING", True),
    (143, "COMPLETING", False),
    (1, "RUNNING", False),
    (0, "RUNNING", False),
  ],
)
def test_a_job_is_queued_again_if_it_saved_and_was_not_cancelled(
  status, state, requeued, world, monkeypatch
):
  monkeypatch.setenv("SLURM_JOB_ID", "7")
  monkeypatch.setenv("JOB_STATE", state)
  launch_world.run(
    "slurm_step.sh", "bash", "-c", f"exit {status}", status=status
  )
  assert (["scontrol", "requeue", "7"] in launch_world.calls(world)) == requeued


def test_the_batch_script_waits_for_processes_that_save(world, monkeypatch):
  monkeypatch.setenv("SLURM_JOB_ID", "7")
  monkeypatch.setenv("JOB_STATE", "COMPLETING")
  job = "trap '/bin/sleep 1; echo saved; exit 143' TERM; echo up; " + (
    "/bin/sleep 60 & wait"
  )
  batch = launch_world.start(
    "slurm_step.sh", "bash", "-c", job, start_new_session=True
  )
  assert batch.stdout.readline() == "up\n"
  os.killpg(batch.pid, signal.SIGTERM)
  assert batch.stdout.readline() == "saved\n"
  assert batch.wait(30) == 143
