#!/usr/bin/env bash
# Relatives across the published splits of data sets, and splits without them: bench/relatives.sh TABLES OUT NAME[:rna] ...
# TABLES holds NAME.tsv.gz with columns id, split, label, sequence. Prints a line of tab-separated figures for each set:
# sequences, groups, the largest, test sequences with a relative in training and all of them, and of `dataset split` seconds
# and peak memory in MiB. Further options of `dataset split` and `dataset check` (--identity, --coverage) in RELATIVES.
set -euo pipefail
tables=$1 out=$2
shift 2
basewise=${BASEWISE:-basewise}
read -ra options <<< "${RELATIVES:-}"
mkdir -p "$out"
printf 'set\tsequences\tgroups\tlargest\trelated\ttest\tseconds\tMiB\n'
for set in "$@"; do
  name=${set%%:*} alphabet=dna
  [[ $set == *:rna ]] && alphabet=rna
  data=$out/$name
  "$basewise" dataset sequences "$tables/$name.tsv.gz" --alphabet "$alphabet" -o "$data" --overwrite 2> "$data.log"
  "$basewise" dataset check "$data" "${options[@]}" --json > "$data.json" 2>> "$data.log" || true
  /usr/bin/time -f '%e %M' -o "$data.time" \
    "$basewise" dataset split "$data" "${options[@]}" -o "$data-apart" --overwrite 2>> "$data.log"
  python3 - "$name" "$data" <<'PYTHON'
import json, sys

name, data = sys.argv[1:]
found = json.load(open(f"{data}-apart/dataset.json"))["notes"]["similarity"]
of_test = next(f for f in json.load(open(f"{data}.json"))["findings"]
               if f["kind"] == "relatives-across-splits" and f["splits"][1] == "test")
seconds, kib = open(f"{data}.time").read().split()
figures = [name, found["sequences"], found["groups"], found["largest"], of_test["count"], of_test["total"], seconds, int(kib) // 1024]
print(*figures, sep="\t", flush=True)
PYTHON
done
