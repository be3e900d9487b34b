#!/usr/bin/env bash
# One recipe on a folder of tables: bench/suite.sh TABLES OUT [NAME ...]
# TABLES holds NAME.tsv.gz with columns id, split, label, sequence. DATASET and TRAIN hold flags of `dataset sequences` and
# `train`, the same for all sets. `python3 bench/table.py OUT mcc` prints the table.
set -euo pipefail
tables=$1 out=$2
shift 2
basewise=${BASEWISE:-basewise}
[ $# -gt 0 ] || set -- $(cd "$tables" && ls *.tsv.gz | sed 's/\.tsv\.gz$//')
mkdir -p "$out"
for name in "$@"; do
  "$basewise" dataset sequences "$tables/$name.tsv.gz" ${DATASET:-} -o "$out/$name/data" --overwrite
  "$basewise" train "$out/$name/data" ${TRAIN:---model cnn} -o "$out/$name/run" --overwrite
  "$basewise" evaluate "$out/$name/run" --split valid --json > "$out/$name/valid.json"
  [ -n "${VALID_ONLY:-}" ] || "$basewise" evaluate "$out/$name/run" --json > "$out/$name/test.json"
done
