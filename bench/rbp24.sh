#!/usr/bin/env bash
# One fixed recipe on CLIP sets of RBP-24: bench/rbp24.sh TABLES OUT [NAME ...]
# TABLES holds NAME.tsv.gz with columns id, split, label, sequence; upper case marks the CLIP site.
set -euo pipefail
tables=$1 out=$2
shift 2
basewise=${BASEWISE:-basewise}
[ $# -gt 0 ] || set -- PARCLIP_PUM2 PARCLIP_QKI CLIPSEQ_ELAVL1 C17ORF85_Baltz2012 ALKBH5_Baltz2012
mkdir -p "$out"
for name in "$@"; do
  "$basewise" dataset sequences "$tables/$name.tsv.gz" --alphabet rna --case mask-lower --seed 1 -o "$out/$name/data" --overwrite
  "$basewise" train "$out/$name/data" --model cnn --seed 1 -o "$out/$name/run" --overwrite
  "$basewise" evaluate "$out/$name/run" --split valid --json > "$out/$name/valid.json"
  [ -n "${VALID_ONLY:-}" ] || "$basewise" evaluate "$out/$name/run" --json > "$out/$name/test.json"
done
