#!/usr/bin/env bash
# bench/splice_variants.sh OUT ENSEMBLESPLICE_DIR DM3_SITES_DIR GENOME.fa.gz GENES.gb.gz: variants at splice sites of Drosophila, judged by
# models of human and of Drosophila sites, each trained with decoys that carry GT or AG, and with shifted sequences besides.
# BASEWISE names the program.
set -euo pipefail
out=$1 human=$2 fly=$3 genome=$4 genes=$5
here=$(cd "$(dirname "$0")" && pwd)
program=${BASEWISE:-basewise}
mkdir -p "$out"

judge() { # NAME TABLE KIND LENGTH OFFSET
    "$program" dataset sequences "$2" -o "$out/$1-data" --quiet
    "$program" train "$out/$1-data" --model cnn -o "$out/$1-run" --quiet
    echo "$1 $(python3 "$here/splice_variants.py" score "$program" "$out/$1-run" "$genome" "$genes" "$3" "$out/$1-variants" --length "$4" --offset "$5")"
}

for kind in donor acceptor; do
    at=70
    [ "$kind" = donor ] || at=68
    python3 "$here/splice_variants.py" shift "$human/human_$kind.tsv.gz" 300 "$out/human-$kind.tsv" --length 140 --offset "$at" --reach 200
    python3 "$here/splice_variants.py" shift "$fly/$kind.tsv.gz" "$at" "$out/fly-$kind.tsv" --length 100 --offset $((at - 20)) --reach 20
    grep -v _shifted "$out/human-$kind.tsv" > "$out/human-$kind-decoys.tsv"
    grep -v _shifted "$out/fly-$kind.tsv" > "$out/fly-$kind-decoys.tsv"
    for set in human human-decoys fly fly-decoys; do
        length=140 offset=$at
        case $set in fly*) length=100 offset=$((at - 20)) ;; esac
        table=$out/${set%-decoys}-$kind.tsv
        [ "$set" = "${set%-decoys}" ] || table=$out/${set%-decoys}-$kind-decoys.tsv
        judge "$set-$kind" "$table" "$kind" "$length" "$offset"
    done
done
