#!/usr/bin/env bash
# One recipe on a folder of tables: bench/suite.sh TABLES OUT [NAME ...]
# TABLES holds NAME.tsv.gz with columns id, split, label, sequence. DATASET, TRAIN and EVALUATE hold flags of `dataset
# sequences`, `train` and `evaluate`, the same for all sets; VALID_ONLY=1 leaves the test split alone. With BESIDE, flags of
# `train`, a second model is trained and both are judged as one (`model combine`). A set that was trained already is only
# evaluated. `python3 bench/table.py OUT mcc` prints the table.
set -euo pipefail
tables=$1 out=$2
shift 2
basewise=${BASEWISE:-basewise}
train=${TRAIN:---config $(dirname "$0")/recipe.toml --members 3}
[ $# -gt 0 ] || set -- $(cd "$tables" && ls *.tsv.gz | sed 's/\.tsv\.gz$//')
mkdir -p "$out"
TIMEFORMAT='%U'
for name in "$@"; do
  if [ ! -e "$out/$name/seconds" ]; then
    "$basewise" dataset sequences "$tables/$name.tsv.gz" ${DATASET:-} -o "$out/$name/data" --overwrite
    # Processor seconds, which other work on the machine does not change much.
    { time "$basewise" train "$out/$name/data" $train -o "$out/$name/run" --overwrite 2>&3; } 3>&2 2> "$out/$name/seconds.part"
    mv "$out/$name/seconds.part" "$out/$name/seconds"
  fi
  run=$out/$name/run
  if [ -n "${BESIDE:-}" ]; then
    if [ ! -e "$out/$name/both/run.json" ]; then
      "$basewise" train "$out/$name/data" $BESIDE -o "$out/$name/beside" --overwrite
      "$basewise" model combine "$run" "$out/$name/beside" -o "$out/$name/both"
    fi
    run=$out/$name/both
  fi
  "$basewise" evaluate "$run" ${EVALUATE:-} --split valid --json > "$out/$name/valid.json"
  [ -n "${VALID_ONLY:-}" ] || "$basewise" evaluate "$run" ${EVALUATE:-} --json > "$out/$name/test.json"
done
