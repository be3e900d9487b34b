#!/usr/bin/env bash
# Compares the sequences that `basewise dataset intervals` cuts out of a genome with those of samtools faidx and
# bedtools getfasta -s: random intervals on both strands, with the first and the last base of every contig, from the
# plain file and from one compressed by bgzip. Ends with 0 if every byte is the same.
#
#   scripts/check_genome_against_samtools.sh GENOME.fa[.gz] BASEWISE [INTERVALS]
#
# Needs samtools, bgzip and bedtools (Debian: samtools tabix bedtools) and python3 with pyarrow (PYTHON names another
# interpreter).
set -euo pipefail

genome=$1
basewise=$2
count=${3:-10000}
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case $genome in
    *.gz) gzip -dc "$genome" >"$work/reference.fa" ;;
    *) cp "$genome" "$work/reference.fa" ;;
esac
# Their index and ours must not be the same file.
cp "$work/reference.fa" "$work/plain.fa"
bgzip -c "$work/reference.fa" >"$work/packed.fa.gz"
samtools faidx "$work/reference.fa"

"$python" - "$work" "$count" <<'PYTHON'
import random
import sys

work, count = sys.argv[1], int(sys.argv[2])
random.seed(1)
contigs = [(name, int(length)) for name, length, *_ in (line.split("\t") for line in open(f"{work}/reference.fa.fai"))]
chosen = {}
for name, length in contigs:
    for start, end in [(0, 1), (length - 1, length), (0, min(length, 100_000)), (max(0, length - 70), length)]:
        for strand in "+-":
            chosen[name, start, end, strand] = None
# A small genome has fewer intervals than that; then there are as many as were found.
for _ in range(20 * count):
    if len(chosen) >= count:
        break
    name, length = random.choice(contigs)
    width = min(length, random.choice([1, 2, 49, 50, 51, 59, 60, 61, 200, 1000, 2114]))
    start = random.randint(0, length - width)
    chosen[name, start, start + width, random.choice("+-")] = None
with open(f"{work}/intervals.bed", "w") as bed:
    for name, start, end, strand in chosen:
        bed.write(f"{name}\t{start}\t{end}\t.\t0\t{strand}\n")
PYTHON

bedtools getfasta -s -tab -fi "$work/reference.fa" -bed "$work/intervals.bed" | cut -f 2 >"$work/bedtools.txt"
# samtools takes 1-based closed regions and one strand a call; the lines are put back into the order of the BED file.
for strand in + -; do
    awk -v s="$strand" '$6 == s { print $1 ":" $2 + 1 "-" $3 }' "$work/intervals.bed" >"$work/regions"
    if [ "$strand" = - ]; then reverse=(--reverse-complement); else reverse=(); fi
    samtools faidx "${reverse[@]}" --length 1000000000 -r "$work/regions" "$work/reference.fa" | grep -v '^>' >"$work/samtools$strand"
done
awk -v forward="$work/samtools+" -v backward="$work/samtools-" \
    '{ file = $6 == "+" ? forward : backward; getline line < file; print line }' "$work/intervals.bed" >"$work/samtools.txt"

status=0
for ours in plain.fa packed.fa.gz; do
    for pass in "index made" "index read"; do
        "$basewise" dataset intervals "$work/intervals.bed" --genome "$work/$ours" --window as-is --negatives none \
            --valid 0 --test 0 --overwrite -o "$work/data" 2>"$work/log" || { cat "$work/log"; exit 2; }
        "$python" -c '
import sys
import pyarrow.parquet as parquet
for sequence in parquet.read_table(sys.argv[1], columns=["sequence"])["sequence"]:
    print(sequence)' "$work/data/examples.parquet" >"$work/ours.txt"
        for theirs in samtools bedtools; do
            if cmp "$work/ours.txt" "$work/$theirs.txt"; then
                echo "same as $theirs: $(wc -l <"$work/ours.txt") intervals of $ours ($pass)"
            else
                echo "DIFFERS from $theirs: $ours ($pass)"
                status=1
            fi
        done
    done
    cmp "$work/plain.fa.fai" "$work/reference.fa.fai" || status=1
done
exit $status
