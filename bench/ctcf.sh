#!/usr/bin/env bash
# CTCF peaks against dinucleotide shuffles: does a filter find the CTCF matrix? bench/ctcf.sh QUICKSTART OUT
set -euo pipefail
quickstart=$1 out=$2
basewise=${BASEWISE:-basewise}
"$basewise" dataset sequences "$quickstart/inputs/ctcf.fa" --negatives shuffle --shuffles 4 --seed 1 -o "$out/data" --overwrite
"$basewise" train "$out/data" --model cnn-global --seed 1 -o "$out/run" --overwrite
"$basewise" evaluate "$out/run"
"$basewise" motifs filters "$out/run" --split all
"$basewise" motifs match "$out/run/filters/filters.meme" --top 1 --max-q 0.001
