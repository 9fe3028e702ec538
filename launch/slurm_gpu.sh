#!/usr/bin/env bash
# Trains on the GPUs of a Slurm cluster. See --help.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

usage() {
  cat <<'HELP'
Trains on the GPUs of a Slurm cluster, with one process per GPU.

  launch/slurm_gpu.sh [FLAGS] -- COMMAND

Two minutes before its time limit, the job gets SIGTERM, saves and is queued
again, until COMMAND is finished. Slurm also queues it again if it is preempted.
All nodes must see the disks of the checkout and its environment. MODEL_DIR must
be on such a disk too, or in a bucket, gs://….
Activate the environment first: the job inherits it and runs in the checkout.

flags:
  --name NAME         name of the job (instructrec)
  --nodes N           number of nodes (1)
  --gpus N            number of GPUs, and so processes, per node (1)
  --time TIME         time limit as for sbatch, e.g. 4:00:00 (the partition's)
  --partition NAME    partition (the cluster's default)
  --account NAME      account (your default)
  --warning SECONDS   time between SIGTERM and the end (120)
  --logs FOLDER       folder for NAME-JOB.log, created if needed (logs)
  --smoke FOLDER      run launch/local_smoke.sh as the job, model in FOLDER
  --dry-run           print the commands, run nothing

Set other options of sbatch by its variables: SBATCH_QOS, SBATCH_CONSTRAINT, …

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

# sbatch would read a relative path as one under --chdir.
[[ ${flags[logs]} == /* ]] || flags[logs]=$PWD/${flags[logs]}
options=(
  --job-name="${flags[name]}"
  --nodes="${flags[nodes]}"
  --ntasks-per-node="${flags[gpus]}"
  --gpus-per-node="${flags[gpus]}"
  # The processes get the signal, not the script that waits for them.
  --signal="TERM@${flags[warning]}"
  --requeue
  # A job that is queued again continues the same log.
  --open-mode=append
  --output="${flags[logs]}/%x-%j.log"
  --chdir="$root"
)
for name in time partition account; do
  [[ -z ${flags[$name]} ]] || options+=("--$name=${flags[$name]}")
done
run mkdir -p "${flags[logs]}"
run sbatch "${options[@]}" "$root/launch/slurm_step.sh" "${job[@]}"
