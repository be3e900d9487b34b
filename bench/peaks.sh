#!/usr/bin/env bash
# Peaks against dinucleotide shuffles: does a model's attribution hold the motif? bench/peaks.sh DATABASE.meme OUT PEAKS.fa ...
# For each set of peaks: data set, `cnn-global`, its evaluation, DeepLIFT of positives, motifs found in that, and their matches.
set -euo pipefail
database=$1 out=$2
shift 2
basewise=${BASEWISE:-basewise}
for peaks in "$@"; do
  own=$out/$(basename "$peaks" .fa)
  mkdir -p "$own"
  "$basewise" dataset sequences "$peaks" --negatives shuffle --shuffles 4 --seed 1 -o "$own/data" --overwrite
  "$basewise" train "$own/data" --model cnn-global --seed 1 -o "$own/run" --overwrite
  "$basewise" evaluate "$own/run"
  "$basewise" explain "$own/run" --method deeplift --references 20 --split all --limit 1000 --logos 0 -o "$own/explained"
  "$basewise" motifs discover "$own/explained" -o "$own/motifs"
  "$basewise" motifs match "$own/motifs/motifs.meme" --database "$database" --top 1 --max-q 0.01
done
