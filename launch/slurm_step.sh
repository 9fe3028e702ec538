#!/usr/bin/env bash
# slurm_step.sh COMMAND…: the job of slurm_gpu.sh. It runs one process per GPU,
# and queues the job again if its time is up before training is finished. Slurm
# runs a copy of this file, so it sources nothing.
set -euo pipefail

if (($# == 0)) || [[ $1 == -h || $1 == --help ]]; then
  sed -n '2,4s/^# \{0,1\}//p' "$0"
  (($#)) || exit 2
  exit 0
fi

# If a job is cancelled or preempted, Slurm tells all its processes to end. This
# shell must outlive the others, which are saving: with a trap, it waits for the
# command in the foreground.
trap ':' TERM

# As JAX expects, each process uses the GPU of its number on the node, so every
# process must see all GPUs. A process that has saved and ended must not end the
# others, which may still be saving; after a crash, they must not wait forever.
status=0
srun --gpu-bind=none --kill-on-bad-exit=0 --wait=300 "$@" || status=$?

if ((status == 143)); then
  # A job that was cancelled, or that Slurm queues again, is not running.
  state=$(squeue --noheader --jobs="$SLURM_JOB_ID" --format=%T)
  if [[ $state == RUNNING ]]; then
    echo "saved, but not finished: queueing job $SLURM_JOB_ID again"
    scontrol requeue "$SLURM_JOB_ID"
  fi
fi
exit "$status"
