#!/usr/bin/env bash
# What tpu_vm.sh has every TPU VM do. A job outlives the connection that started
# it; asked for again, it is followed.
#
#   tpu_worker.sh install ARCHIVE [t5x]    unpacks the checkout, and installs it
#   tpu_worker.sh run COMMAND…             starts the job, or follows it
#   tpu_worker.sh stop                     SIGTERM: it saves and exits
#
# ~/instructrec-run has the job's log, command, pid and exit status.
set -euo pipefail

checkout=$HOME/instructrec-jax
state=$HOME/instructrec-run
# The version that constraints.txt is for, whatever the VM has.
python=3.11
# T5X is not on PyPI; this is what it needs that is not there either.
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
    echo "a job is going on here: nothing installed"
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
      echo "another job is going on here, stop it first: $(<"$state/command")"
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
  local status=137  # Killed, with its supervisor.
  [[ ! -s $state/status ]] || status=$(<"$state/status")
  # Read by tpu_vm.sh: gcloud does not say what each worker exited with.
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
  # A VM that is taken away sends SIGTERM to everything. The job saves then, and
  # the trap waits for it.
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
    echo "no job is going on here"
  fi
}

# Read whole before it is run, for a newer one may be copied over this file.
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
