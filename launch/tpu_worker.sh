#!/usr/bin/env bash
# Runs on every TPU VM for tpu_vm.sh. A job outlives the connection that started
# it; the same command again follows it.
#
#   tpu_worker.sh install ARCHIVE [t5x]    unpacks and installs the checkout
#   tpu_worker.sh run COMMAND…             starts the job, or follows it
#   tpu_worker.sh stop                     sends SIGTERM: the job saves and ends
#
# ~/instructrec-run has the job's log, command, pid and exit status.
set -euo pipefail

checkout=$HOME/instructrec-jax
state=$HOME/instructrec-run
# The version for constraints.txt, whatever version the VM has.
python=3.11
# T5X and these two of its dependencies are not on PyPI.
t5x=(
  git+https://github.com/google-research/t5x@cc342d419ec3e3e9c4bf1df33c82330cafdc1e16
  git+https://github.com/google/airio@69897df7d9a427b947a9f7bb4164c7782b43e601
  git+https://github.com/google-research/jestimator@326824a477feef6d92e6f44175000907a72899ca
)

alive() {
  [[ -e $state/pid ]] && kill -0 "$(<"$state/pid")" 2>/dev/null
}

install() {
  local extras=tpu,gcs
  if alive; then
    echo "a job is running here: nothing was installed"
    return
  fi
  mkdir -p "$checkout"
  tar --extract --gzip --file="$1" --directory="$checkout"
  cd "$checkout"
  python3 -m pip install --user --quiet uv
  [[ -d .venv ]] || python3 -m uv venv --quiet --python "$python" .venv
  [[ ${2:-} != t5x ]] || extras+=,t5x
  python3 -m uv pip install --quiet --python .venv \
    --constraint constraints.txt --editable ".[$extras]"
  [[ ${2:-} != t5x ]] ||
    python3 -m uv pip install --quiet --python .venv --no-deps "${t5x[@]}"
}

run() {
  local command from=0
  command=$(printf '%q ' "$@")
  mkdir -p "$state"
  if alive; then
    [[ $command == "$(<"$state/command")" ]] || {
      echo "another job is running here, stop it first: $(<"$state/command")"
      exit 1
    }
  else
    rm -f "$state"/{pid,status,stopped}
    printf '%s\n' "$command" >"$state/command"
    touch "$state/log"
    from=$(stat --format=%s "$state/log")
    setsid --fork bash "$0" supervise "$@" >>"$state/log" 2>&1 </dev/null
    until [[ -s $state/pid ]]; do sleep 0.1; done
  fi
  tail --bytes=+$((from + 1)) --follow --sleep-interval=0.5 \
    --pid="$(<"$state/pid")" "$state/log"
  local status=137  # The job was killed with its supervisor.
  [[ ! -s $state/status ]] || status=$(<"$state/status")
  # For tpu_vm.sh, because gcloud does not give each worker's exit status.
  if [[ -e $state/stopped ]]; then
    echo "instructrec worker $(hostname): stopped"
  else
    echo "instructrec worker $(hostname): exit status $status"
  fi
  exit "$status"
}

supervise() {
  local status=0
  cd "$checkout"
  PATH=$checkout/.venv/bin:$PATH
  # A preempted VM sends SIGTERM to all processes. The job then saves, and the
  # trap waits for it.
  trap ':' TERM
  echo $$ >"$state/pid"
  "$@" || status=$?
  echo "$status" >"$state/status"
}

stop() {
  if alive; then
    touch "$state/stopped"
    kill -TERM -- "-$(<"$state/pid")"  # To all of the job's processes.
    while alive; do sleep 0.5; done
  else
    echo "no job is running here"
  fi
}

# As a function, the script is read before it runs; the file may be replaced.
main() {
  local action=${1:-}
  (($# == 0)) || shift
  case $action in
    install) install "$@" ;;
    run) run "$@" ;;
    supervise) supervise "$@" ;;
    stop) stop ;;
    *)
      sed -n '2,8s/^# \{0,1\}//p' "$0"
      [[ $action == -h || $action == --help ]] || exit 2
      ;;
  esac
  exit
}

main "$@"
