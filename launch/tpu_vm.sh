#!/usr/bin/env bash
# Trains on a TPU VM, or on all the VMs of a pod slice. See --help.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

usage() {
  cat <<'HELP'
Trains on a TPU VM, or on all the VMs of a pod slice.

  launch/tpu_vm.sh create [FLAGS]           creates the TPU, if it is absent
  launch/tpu_vm.sh install [FLAGS]          installs this checkout on workers
  launch/tpu_vm.sh run [FLAGS] -- COMMAND   does both, then runs COMMAND on all
  launch/tpu_vm.sh logs [FLAGS]             fetches the log of each worker
  launch/tpu_vm.sh stop [FLAGS]             ends the job by SIGTERM; it saves
  launch/tpu_vm.sh delete [FLAGS]           deletes the TPU

`run` follows the job until it is finished. If the TPU is preempted, it is
created again and the job is started again. A job that saved on SIGTERM is
started again too. It continues from its newest checkpoint. All workers must see
MODEL_DIR, and it must outlive them: put it in a bucket, gs://…, or on a disk
that --setup mounts. The workers' service account must be allowed to read and
write the bucket's objects, and to ask for its kind (storage.buckets.get).
Records can be in a bucket too (--tfds_data_dir); cached tokens must be on each
worker. Ctrl-C does not end the job: give the same `run` again to follow it.

flags:
  --name NAME             name of the TPU (instructrec)
  --zone ZONE             zone of the TPU (required)
  --project PROJECT       project (gcloud's)
  --topology TPU:SHAPE    e.g. v5e:4x4 or v4:2x2x4, as for `instructrec plan`
  --runtime-version NAME  the workers' system (Google's advice for the TPU)
  --queued                wait for the TPU, as a queued resource
  --spot                  use a TPU that may be preempted
  --t5x                   install T5X as well
  --setup COMMAND         command for all workers after each installation
  --max-restarts N        restarts of the job (100)
  --logs FOLDER           folder for logs (logs)
  --smoke FOLDER          run launch/local_smoke.sh as the job, model in FOLDER
  --dry-run               print the commands, run nothing

examples:
  launch/tpu_vm.sh run --zone us-west4-a --topology v5e:4x4 --queued --spot \
    -- instructrec train --gin_file=runs/native_finetune.gin \
    --gin_file=experiments/games_tiny.gin --gin.MODEL_DIR="'gs://BUCKET/games'" \
    --tfds_data_dir=gs://BUCKET/records
  launch/tpu_vm.sh run --zone us-central2-b --topology v4:2x2x4 --t5x -- \
    python -m t5x.train --gin_search_paths=gin --gin_file=runs/finetune.gin \
    --gin_file=experiments/games_tiny.gin --gin.MODEL_DIR="'gs://BUCKET/games'"
  launch/tpu_vm.sh delete --zone us-west4-a --queued
HELP
}

tpus() {
  local kind=$1 verb=$2
  shift 2
  run "${gcloud[@]}" compute tpus "$kind" "$verb" "${flags[name]}" \
    --zone="${flags[zone]}" "$@"
}

# Runs a line of shell on all workers, in the home directory.
on_all() {
  tpus tpu-vm ssh --worker=all --command="$1"
}

create() {
  split_topology
  # gcloud takes the number of chips for v5e and v6e, the number of cores (two
  # per chip) for v5p, and a shape only for v4.
  declare -A types=(
    [v4]="--type=v4 --topology=$topology"
    [v5e]=--accelerator-type=v5litepod-$chips
    [v5p]=--accelerator-type=v5p-$((2 * chips))
    [v6e]=--accelerator-type=v6e-$chips
  )
  # The systems that Google recommends.
  declare -A systems=(
    [v4]=tpu-ubuntu2204-base [v5e]=v2-alpha-tpuv5-lite
    [v5p]=v2-alpha-tpuv5 [v6e]=v2-alpha-tpuv6e
  )
  local system=${flags[runtime-version]:-${systems[$generation]}}
  local options
  read -ra options <<<"${types[$generation]}"
  [[ ${flags[spot]} == no ]] || options+=(--spot)
  if [[ ${flags[queued]} == yes ]]; then
    tpus queued-resources create --node-id="${flags[name]}" \
      --runtime-version="$system" "${options[@]}"
  else
    tpus tpu-vm create --version="$system" "${options[@]}"
  fi
}

delete() {
  if [[ ${flags[queued]} == yes ]]; then
    tpus queued-resources delete --force --quiet
  else
    tpus tpu-vm delete --quiet
  fi
}

# Prints what gcloud says about the TPU, or ABSENT.
describe() {
  if ! tpus "$1" describe --format="value($2)" 2>"$work/errors"; then
    grep -q NOT_FOUND "$work/errors" || { cat "$work/errors" >&2; exit 1; }
    echo ABSENT
  fi
}

# Prints the state of the TPU or, while it is queued, of its request.
state() {
  local now
  if [[ ${flags[queued]} == yes ]]; then
    now=$(describe queued-resources state.state)
    if [[ $now != ACTIVE ]]; then
      echo "$now"
      return
    fi
  fi
  now=$(describe tpu-vm state)
  # A request without its TPU is of no use.
  [[ ${flags[queued]} == no || $now != ABSENT ]] || now=PREEMPTED
  echo "$now"
}

# Prints the state after giving gcloud the time to learn of a preemption, which
# workers notice earlier.
later_state() {
  local now look
  for look in 1 2 3 4; do
    sleep 30
    now=$(state)
    [[ $now == READY && $look != 4 ]] || break
  done
  echo "$now"
}

# Returns when the TPU is ready.
up() {
  local now before=
  if [[ ${flags[dry-run]} == yes ]]; then
    state
    echo "# if it is absent:"
    create
    return
  fi
  while true; do
    now=$(state)
    [[ $now == "$before" ]] || say "${flags[name]} is $now"
    before=$now
    case $now in
      READY) return ;;
      ABSENT) create ;;
      STOPPED) tpus tpu-vm start ;;
      PREEMPTED | TERMINATED | SUSPENDED) delete ;;
      FAILED) die "there is no TPU; 'gcloud compute tpus queued-resources" \
        "describe ${flags[name]} --zone=${flags[zone]}' says why" ;;
      *) sleep 30 ;;
    esac
  done
}

install() {
  local archive=$work/instructrec-jax.tar.gz
  local files=(git -C "$root" ls-files -z --cached --others --exclude-standard)
  local pack=(tar --create --gzip --file="$archive" --directory="$root")
  pack+=(--null --files-from=-)
  if [[ ${flags[dry-run]} == yes ]]; then
    echo "$(quote "${files[@]}") | $(quote "${pack[@]}")"
  else
    "${files[@]}" | "${pack[@]}"
  fi
  run "${gcloud[@]}" compute tpus tpu-vm scp "$archive" \
    "$root/launch/tpu_worker.sh" "${flags[name]}:" --zone="${flags[zone]}" \
    --worker=all
  local command="bash tpu_worker.sh install ${archive##*/}"
  [[ ${flags[t5x]} == no ]] || command+=" t5x"
  on_all "$command"
  [[ -z ${flags[setup]} ]] || on_all "${flags[setup]}"
}

# Runs the job on all workers until it is finished.
train() {
  local try=0 log statuses ssh command
  command=$(quote bash tpu_worker.sh run "${job[@]}")
  run mkdir -p "${flags[logs]}"
  up
  install
  while true; do
    log=${flags[logs]}/${flags[name]}-$((++try)).log
    if [[ ${flags[dry-run]} == yes ]]; then
      echo "$(on_all "$command") 2>&1 | $(quote tee "$log")"
      return
    fi
    ssh=0
    on_all "$command" 2>&1 | tee "$log" || ssh=$?
    # gcloud's exit status is only that of the first worker that failed.
    statuses=$(sed -n 's/.*instructrec worker [^ ]*: //p' "$log" | sort -u)
    if ((ssh == 0)) && [[ $statuses == "exit status 0" ]]; then
      say "finished"
      return
    elif [[ $statuses == *stopped* ]]; then
      say "stopped; the same command continues from the newest checkpoint"
      exit "$UNFINISHED"
    fi
    ((try <= flags[max-restarts])) || die "not finished after $try starts"
    if [[ $(later_state) != READY ]]; then
      up
      install
    elif [[ -n $statuses ]] && grep -qv "exit status \(0\|$UNFINISHED\)$" \
      <<<"$statuses"; then
      die "failed: ${statuses//$'\n'/, }; see $log"
    else
      say "not finished: starting it again"
    fi
  done
}

logs() {
  run mkdir -p "${flags[logs]}"
  # One file for each worker: 0.log, 1.log, …
  tpus tpu-vm ssh --worker=all --command='cat instructrec-run/log' \
    --output-directory="${flags[logs]}"
}

(($#)) || { usage >&2; exit 2; }
flags=(
  [name]=instructrec [zone]="" [project]="" [topology]="" [runtime-version]=""
  [queued]=no [spot]=no [t5x]=no [setup]="" [max-restarts]=100 [logs]=logs
  [smoke]="" [dry-run]=no
)
action=$1
case $action in
  create | install | run | logs | stop | delete) shift ;;
  -h | --help) ;;
  *) usage_error "unknown command '$action': create, install, run, logs, stop" \
    "or delete" ;;
esac
parse_flags "$@"
need_name
need zone
need_number max-restarts
gcloud=(gcloud)
[[ -z ${flags[project]} ]] || gcloud+=("--project=${flags[project]}")
if [[ $action == create || $action == run ]]; then
  split_topology
fi
[[ $action != run ]] || need_job
need_program gcloud
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case $action in
  create) up ;;
  install) install ;;
  run) train ;;
  logs) logs ;;
  stop) on_all "bash tpu_worker.sh stop" ;;
  delete) delete ;;
esac
