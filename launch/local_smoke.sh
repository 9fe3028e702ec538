#!/usr/bin/env bash
# Runs all stages on this machine, as the other launchers do on theirs.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

usage() {
  cat <<'HELP'
Checks the installation: runs all stages on a small invented shop in a few
minutes. Training is interrupted by SIGTERM and must continue.

  launch/local_smoke.sh [FLAGS]

flags:
  --out FOLDER        folder for all output (a temporary folder)
  --model-dir FOLDER  folder for the model, local or gs://… (OUT/model). With
                      several machines, all of them must see it, while each has
                      its own OUT.
  --dry-run           print the commands, run nothing

examples:
  launch/local_smoke.sh
  launch/local_smoke.sh --out smoke
HELP
}

# Waits for a file, which may be in a bucket.
await='
import sys, time
from etils import epath
file = epath.Path(sys.argv[1])
while not file.exists():
  time.sleep(0.2)
'

# Starts training, and ends it by SIGTERM after its first step.
interrupt() {
  local status=0 training
  if [[ ${flags[dry-run]} == yes ]]; then
    echo "$(quote "$@") &  # Ended by SIGTERM after its first step."
    return
  fi
  "$@" &
  training=$!
  python -c "$await" "${flags[model-dir]}/metrics.jsonl" &
  wait -n "$training" $! || true
  kill -TERM "$training" $! 2>/dev/null || true
  wait "$training" || status=$?
  case $status in
    "$UNFINISHED") say "interrupted, and saved" ;;
    0) say "finished before it could be interrupted" ;;
    *) die "after SIGTERM expected exit status $UNFINISHED, but got $status" ;;
  esac
}

flags=([out]="" [model-dir]="" [dry-run]=no)
parse_flags "$@"
((${#job[@]} == 0)) || usage_error "this launcher takes no job: ${job[*]}"
need_program instructrec
need_program python
work=${flags[out]}
if [[ -z $work && ${flags[dry-run]} == yes ]]; then
  work=SMOKE
elif [[ -z $work ]]; then
  work=$(mktemp -d)
fi
: "${flags[model-dir]:=$work/model}"
data=$work/data
train=(
  instructrec train --gin_file=runs/native_finetune.gin
  --gin_file=experiments/demo.gin --tfds_data_dir="$data/records"
  --gin.MODEL_DIR="'${flags[model-dir]}'" --gin.TRAIN_STEPS=20
  --gin.WARMUP_STEPS=5 --gin.CACHED_TOKENS="'$work/tokens'"
)

run instructrec simulate "$work/raw" --num_users 300 --num_items 120
run instructrec normalize table --raw "$work/raw/board_games" --dataset demo \
  --data_dir "$data"
run instructrec build demo --data_dir "$data" --vocabulary_size 512
run instructrec cache --gin_file=experiments/demo.gin \
  --tfds_data_dir="$data/records" --out="$work/tokens"
interrupt "${train[@]}"
run "${train[@]}"
run instructrec evaluate --model_dir "${flags[model-dir]}" --split validation \
  --out "$work/results/model"
run instructrec baseline popularity demo --data_dir "$data" \
  --split validation --out "$work/results/popularity"
run instructrec report "$work/results" --data_dir "$data" \
  --out "$work/report.html"
[[ ${flags[dry-run]} == yes ]] ||
  say "all stages work; their output is in $work"
