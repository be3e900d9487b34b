#!/usr/bin/env bash
# Generative models of one data set under several seeds, judged by `generate score`:
#   bench/generative.sh DATA OUT "SEEDS" vae|wgan [flags of `generate train`]
# DATA is a data set directory. For a data set of splice donors, SITE=70:GT counts how many generated sequences have GT at position
# 70. Prints a tab-separated line for each seed: divergence of 6-mers from held-out sequences in bits (generated, real training
# sequences, dinucleotide shuffles, Markov model), distances to the nearest training sequence (median and least, of generated and
# of held-out sequences), diversity of the kept epoch, warnings, the share with the site, and seconds of training.
set -euo pipefail
data=$1 out=$2 seeds=$3 model=$4
shift 4
basewise=${BASEWISE:-basewise}
mkdir -p "$out"
printf 'model\tseed\tepoch\t6-mers\treal\tshuffled\tmarkov\tnearest\tleast\theld_nearest\theld_least\tauroc\tshuffled_auroc\tdiversity\twarnings\tsite\tseconds\n'
for seed in $seeds; do
  run=$out/$model-$seed
  "$basewise" generate train "$data" --model "$model" --seed "$seed" -o "$run" "$@" 2> "$run.log"
  "$basewise" generate sample "$run" -n "${NUMBER:-2000}" --seed "$seed" -o "$run.fa" 2>> "$run.log"
  "$basewise" generate score "$run.fa" --data "$data" --generator "$run" -o "$run-scored" > "$run.table" 2>> "$run.log"
  python3 - "$run" "$model" "$seed" "${SITE:-}" <<'PYTHON'
import json, sys

run, model, seed, site = sys.argv[1:]
record = json.load(open(f"{run}/generator.json"))
epochs = [json.loads(line) for line in open(f"{run}/history.jsonl")]
best = epochs[record["best_epoch"] - 1]
sets = {row["set"]: row for row in json.load(open(f"{run}-scored/score.json"))["sets"]}
words = [sets[name]["word_divergence"][5] for name in ("generated", "real", "shuffled", "markov")]
near = [sets[name]["hamming"][key] for name in ("generated", "real") for key in ("median", "smallest")]
auroc = [sets[name]["auroc_positions"] for name in ("generated", "shuffled")]
share = ""
if site:
    at, letters = site.split(":")
    sequences = [line.strip() for line in open(f"{run}.fa") if line[0] != ">"]
    have = sum(s[int(at):int(at) + len(letters)] == letters for s in sequences)
    share = f"{have / len(sequences):.4f}"
figures = [model, seed, best["epoch"], *(f"{w:.5f}" for w in words), *near, *(f"{a:.3f}" for a in auroc),
           f"{best['diversity']:.3f}", len(record["warnings"]), share, f"{record['seconds']:.0f}"]
print(*figures, sep="\t", flush=True)
PYTHON
done
