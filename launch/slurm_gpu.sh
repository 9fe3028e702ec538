#!/usr/bin/env bash
# Trains on the GPUs of a Slurm cluster. See --help.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

usage() {
  cat <<'HELP'
Trains on the GPUs of a Slurm cluster, one process a GPU.

  launch/slurm_gpu.sh [FLAGS] -- COMMAND

Two minutes before its time is up the job gets SIGTERM, saves, and is queued
again until COMMAND is finished; so it is when it is preempted, by Slurm. The
checkout and its environment must be on disks that all nodes see, MODEL_DIR on
one too or in a bucket, gs://….
Activate the environment first: the job inherits it, and runs in the checkout.

flags:
  --name NAME         of the job (instructrec)
  --nodes N           (1)
  --gpus N            of a node, each with a process (1)
  --time TIME         as sbatch takes it, e.g. 4:00:00 (the partition's)
  --partition NAME    (the cluster's)
  --account NAME      (yours)
  --warning SECONDS   between SIGTERM and the end (120)
  --logs FOLDER       for NAME-JOB.log, made if absent (logs)
  --smoke FOLDER      the job is launch/local_smoke.sh, its model in FOLDER
  --dry-run           print the commands, run nothing

Whatever else sbatch knows is set by its variables: SBATCH_QOS, SBATCH_CONSTRAINT…

examples:
  launch/slurm_gpu.sh --nodes 2 --gpus 8 --time 4:00:00 -- instructrec train \
    --gin_file=runs/native_finetune.gin --gin_file=experiments/games_tiny.gin
  launch/slurm_gpu.sh --gpus 4 -- python -m t5x.train --multiprocess_gpu \
    --gin_search_paths="$(instructrec gin-path)" --gin_file=runs/finetune.gin …
  launch/slurm_gpu.sh --gpus 2 --smoke "$HOME/smoke"
HELP
}

(($#)) || { usage >&2; exit 2; }
flags=(
  [name]=instructrec [nodes]=1 [gpus]=1 [time]="" [partition]="" [account]=""
  [warning]=120 [logs]=logs [smoke]="" [dry-run]=no
)
parse_flags "$@"
need_name
need_number nodes gpus warning
need_job
need_program sbatch

# sbatch would take it to be under --chdir.
[[ ${flags[logs]} == /* ]] || flags[logs]=$PWD/${flags[logs]}
options=(
  --job-name="${flags[name]}"
  --nodes="${flags[nodes]}"
  --ntasks-per-node="${flags[gpus]}"
  --gpus-per-node="${flags[gpus]}"
  # To the processes, not to the script that waits for them.
  --signal="TERM@${flags[warning]}"
  --requeue
  # A job that is queued again goes on in the same log.
  --open-mode=append
  --output="${flags[logs]}/%x-%j.log"
  --chdir="$root"
)
for name in time partition account; do
  [[ -z ${flags[$name]} ]] || options+=("--$name=${flags[$name]}")
done
run mkdir -p "${flags[logs]}"
run sbatch "${options[@]}" "$root/launch/slurm_step.sh" "${job[@]}"
