#!/usr/bin/env bash
# Every preset with the same settings on five questions: bench/which_model.sh SHARED OUT [PRESET ...]
# SHARED holds gue_dnabert2/ and m6a_irna_tissues/. Prints one row a preset: test AUROC, and seconds of training.
set -euo pipefail
shared=$1 out=$2
shift 2
basewise=${BASEWISE:-basewise}
train=${TRAIN:---learning-rate 0.001 --epochs 60 --patience 10}
[ $# -gt 0 ] || set -- mlp cnn cnn-global deepbind basset deepsea danq dilated lstm gru cnn-gru cnn-lstm cnn-lstm-attention transformer
mkdir -p "$out"
"$basewise" dataset sequences "$shared/gue_dnabert2/prom_prom_core_tata.tsv.gz" -o "$out/promoter" --overwrite --quiet
"$basewise" dataset sequences "$shared/gue_dnabert2/mouse_2.tsv.gz" -o "$out/binding" --overwrite --quiet
"$basewise" dataset sequences "$shared/m6a_irna_tissues/human_liver.tsv.gz" --alphabet rna -o "$out/m6a" --overwrite --quiet
"$basewise" dataset simulate --plant MA0139.2 --plant MA0004.1 --logic order --spacing 10..40 --count 4000 --length 200 \
  -o "$out/order" --overwrite --quiet
"$basewise" dataset simulate --plant MA0139.2 --plant MA0004.1 --logic and --count 4000 --length 200 -o "$out/words" --overwrite --quiet
for preset in "$@"; do
  for set in promoter binding m6a words order; do
    [ -e "$out/$set-$preset/test.json" ] && continue
    "$basewise" train "$out/$set" --model "$preset" $train -o "$out/$set-$preset" --overwrite --quiet
    "$basewise" evaluate "$out/$set-$preset" --json > "$out/$set-$preset/test.json"
  done
done
python3 "$(dirname "$0")/which_model.py" "$out"
