#!/usr/bin/env bash
# A profile model against the ceiling of its data: bench/profile_simulation.sh OUT
# Simulates reads around two motifs, the first of which makes the second draw more at a known spacing; trains bpnet with
# TRAIN (chosen on the validation split), evaluates it once on the test split, and asks it for the spacing.
set -euo pipefail
out=$1
basewise=${BASEWISE:-basewise}
train=${TRAIN:---epochs 30 --schedule cosine}
first=MA0105.4 second=MA0652.2
mkdir -p "$out"
"$basewise" dataset simulate --plant $first --plant $second --positives 0.6 --spacing 0..30 --signal 200 --length 300 \
  --reads 200 --background-reads 200 --cooperation 15:4:2 --count 12000 --seed 1 -o "$out/data" --overwrite
"$basewise" train "$out/data" --model bpnet $train --seed 1 -o "$out/run" --overwrite
"$basewise" evaluate "$out/run" --split valid --json > "$out/valid.json"
[ -z "${VALID_ONLY:-}" ] || exit 0
"$basewise" evaluate "$out/run" --json > "$out/test.json"
"$basewise" explain spacing "$out/run" --motif $first --motif $second -o "$out/spacing.json"
python3 "$(dirname "$0")/profile_simulation.py" "$out"
