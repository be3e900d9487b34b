#!/usr/bin/env bash
# Memory and processor time of classical models on wide features: bench/wide_features.sh OUT
# 100,000 random sequences of 200 bases, half of them with TGACTCAT somewhere, with all 8-mers as features; then
# 1,000,000 x 4,096 sparse counts with about 100 in a row (the example `wide` of basewise-learn). Lines are MODEL, processor seconds, peak
# memory in MB.
set -euo pipefail
out=$1
basewise=${BASEWISE:-basewise}
mkdir -p "$out"
python3 - > "$out/sequences.tsv" <<'PYTHON'
import random

random.seed(3)
print("id\tsequence\tlabel\tsplit")
for i in range(100_000):
    letters = "".join(random.choices("ACGT", k=200))
    if i % 2:
        at = random.randrange(192)
        letters = letters[:at] + "TGACTCAT" + letters[at + 8 :]
    print(f"s{i}\t{letters}\t{i % 2}\t{(['train'] * 8 + ['valid', 'test'])[i // 2 % 10]}")
PYTHON
"$basewise" dataset sequences "$out/sequences.tsv" -o "$out/data" --overwrite --quiet
while read -r name flags; do
  # shellcheck disable=SC2086
  /usr/bin/time -f '%U %M' -o "$out/time" "$basewise" train "$out/data" $flags --features kmers=8 -o "$out/run" --overwrite --quiet
  read -r seconds kilobytes < "$out/time"
  echo "8-mers $name $seconds $((kilobytes / 1024))"
done <<'MODELS'
logistic-l2 --model logistic
logistic-l1 --model logistic --l1-ratio 1
tree --model tree
forest-20-trees --model forest --trees 20
boosting-50-rounds --model gbdt --rounds 50
MODELS
cargo build --quiet --release -p basewise-learn --example wide
for model in l2 l1 tree forest boosting; do
  /usr/bin/time -f '%U %M' -o "$out/time" cargo run --quiet --release -p basewise-learn --example wide -- 1000000 4096 100 $model > "$out/$model.json"
  read -r seconds _ < "$out/time"
  echo "sparse-counts $model $seconds $(python3 -c "import json, sys; print(json.load(open(sys.argv[1]))['peak_mb'])" "$out/$model.json")"
done
