#!/usr/bin/env bash
# The whole way on this machine, in two minutes: is the installation sound?
#
#   launch/local_smoke.sh [FOLDER]     (a temporary folder by default)
set -euo pipefail

if [[ "${1:-}" == -* ]]; then
  sed -n '2,4s/^# \{0,1\}//p' "$0"
  [[ "$1" == -h || "$1" == --help ]] || exit 2
  exit 0
fi
command -v instructrec >/dev/null || {
  echo "instructrec is not installed here: run 'make install', then" \
    "'. .venv/bin/activate'" >&2
  exit 1
}
work=${1:-$(mktemp -d)}
data=$work/data

instructrec simulate "$work/raw" --num_users 300 --num_items 120
instructrec normalize table --raw "$work/raw/board_games" --dataset demo \
  --data_dir "$data"
instructrec build demo --data_dir "$data" --vocabulary_size 512
instructrec train --gin_file=runs/native_finetune.gin \
  --gin_file=experiments/demo.gin --tfds_data_dir="$data/records" \
  --gin.MODEL_DIR="'$work/model'" --gin.TRAIN_STEPS=20 --gin.WARMUP_STEPS=5
instructrec evaluate --model_dir "$work/model" --split validation
instructrec baseline popularity demo --data_dir "$data" --split validation
echo "The whole way works; everything is in $work"
