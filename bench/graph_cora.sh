#!/usr/bin/env bash
# A graph convolutional network on Cora with the split of Planetoid, ten seeds, beside PyTorch.
#
#   bench/graph_cora.sh CORA OUT [PYTHON]
#
# CORA holds nodes.tsv.gz (node, split, label, comma-separated numbers of the features that are 1) and edges.tsv.gz (two
# nodes a line, no header). PYTHON has torch; without it only basewise runs. Set BASEWISE to a release build.
set -euo pipefail
cora=$1 out=$2 python=${3:-}
basewise=${BASEWISE:-target/release/basewise}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"

{ printf 'source\ttarget\n'; gzip -dc "$cora/edges.tsv.gz"; } > "$out/edges.tsv"
gzip -dc "$cora/nodes.tsv.gz" | awk -F'\t' -v OFS='\t' 'NR == 1 { print "node", "label", "split"; next }
  { print $1, $3, $2 }' > "$out/labels.tsv"
gzip -dc "$cora/nodes.tsv.gz" | awk -F'\t' 'NR == 1 { printf "node"; for (i = 0; i < 1433; i++) printf "\tw%d", i; print ""; next }
  { split("", has); n = split($4, set, ","); for (i = 1; i <= n; i++) has[set[i]] = 1
    printf "%s", $1; for (i = 0; i < 1433; i++) printf "\t%d", (i in has); print "" }' > "$out/features.tsv"

for model in gcn sage; do
  "$basewise" graph train --edges "$out/edges.tsv" --features "$out/features.tsv" --labels "$out/labels.tsv" \
    --model "$model" --seeds 10 -o "$out/$model"
done
"$basewise" graph links --edges "$out/edges.tsv" --features "$out/features.tsv" --seeds 3 --top 20 -o "$out/links"
if [ -n "$python" ]; then
  "$python" "$here/peers/torch_gcn.py" "$out" --seeds 10 --sparse
fi
