#!/usr/bin/env bash
# Classical models and a network on many sets with the same splits: bench/compare.sh OUT TABLE.tsv.gz[:FLAGS] ...
# Tables have columns id, split, label, sequence. FLAGS are those of `dataset sequences`, such as
# PUM2.tsv.gz:--alphabet,rna,--case,mask-lower. MODELS holds the names for `compare --models`, COMPARE further flags of it. A
# set that is compared already is left alone. `python3 bench/compare_table.py OUT` prints the table.
set -euo pipefail
out=$1
shift
basewise=${BASEWISE:-basewise}
models=${MODELS:-majority,logistic,positional,forest,gbdt,cnn}
mkdir -p "$out"
for set in "$@"; do
  table=${set%%:*} name=$(basename "${set%%:*}" .tsv.gz) flags=()
  [[ $set == *:* ]] && IFS=, read -ra flags <<< "${set#*:}"
  [ ! -e "$out/$name/comparison/compare.json" ] || continue
  mkdir -p "$out/$name"
  "$basewise" dataset sequences "$table" "${flags[@]}" --seed 1 -o "$out/$name/data" --overwrite
  "$basewise" compare "$out/$name/data" --models "$models" ${COMPARE:-} -o "$out/$name/comparison" --resume > "$out/$name/comparison.txt"
done
