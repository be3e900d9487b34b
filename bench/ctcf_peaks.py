#!/usr/bin/env python3
"""usage: ctcf_peaks.py CTCF.tsv.gz OUT.tsv: 8,000 peaks for training (drawn with seed 1), those of chr8 for validation, of chr9 for the test.

The input has the columns id (chrom:start-end), split, label and sequence; the output has the same."""
import gzip, random, sys

random.seed(1)
parts = {"train": [], "valid": [], "test": []}
for line in gzip.open(sys.argv[1], "rt").read().splitlines()[1:]:
    name, _, label, sequence = line.split("\t")
    parts[{"chr8": "valid", "chr9": "test"}.get(name.split(":")[0], "train")].append((name, label, sequence))
parts["train"] = random.sample(parts["train"], 8000)
with open(sys.argv[2], "w") as out:
    out.write("id\tsplit\tlabel\tsequence\n")
    for split, rows in parts.items():
        out.writelines(f"{name}\t{split}\t{label}\t{sequence}\n" for name, label, sequence in rows)
