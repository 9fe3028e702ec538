#!/usr/bin/env bash
# slurm_step.sh COMMAND…: what slurm_gpu.sh submits. One process a GPU; and the
# job is queued again when its time is up before training is finished. Slurm runs
# a copy of this file, so it sources nothing.
set -euo pipefail

if (($# == 0)) || [[ $1 == -h || $1 == --help ]]; then
  sed -n '2,4s/^# \{0,1\}//p' "$0"
  (($#)) || exit 2
  exit 0
fi

# Slurm tells everything of a job to end when it is cancelled or preempted. This
# shell must outlive its processes then, which are saving: a trap waits for what
# runs in the foreground.
trap ':' TERM

# Each process takes the GPU of its number on the node, as JAX expects, so all
# must see them all. One that ends early, having saved, must not end the others,
# which may be saving still; but after a crash they must not wait for ever.
status=0
srun --gpu-bind=none --kill-on-bad-exit=0 --wait=300 "$@" || status=$?

if ((status == 143)); then
  # A job that was cancelled, or that Slurm itself queues again, is not running.
  state=$(squeue --noheader --jobs="$SLURM_JOB_ID" --format=%T)
  if [[ $state == RUNNING ]]; then
    echo "saved, not finished: queueing job $SLURM_JOB_ID again"
    scontrol requeue "$SLURM_JOB_ID"
  fi
fi
exit "$status"
