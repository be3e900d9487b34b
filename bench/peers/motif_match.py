"""Motif comparison: basewise against memelite's Tomtom, in turns, all motifs of a file against all.

    venv/bin/pip install memelite==0.5.0
    cargo build --release -p basewise-cli
    venv/bin/python bench/peers/motif_match.py MOTIFS.meme

basewise is timed as a whole process, from reading the file to the table of matches with q <= 0.1; memelite from the call with
the matrices in memory to its matrices of all p-values, after one call that compiles it. By default memelite merges columns
that are alike to 1 of 100 (`n_target_bins=100`); with `n_target_bins=None` it computes what basewise does. Also printed: the
correlation of the logarithms of both sides' p-values, over the pairs that basewise writes.
"""

import argparse
import csv
import os
import subprocess
import tempfile

import machine
import numpy
from memelite import tomtom
from memelite.io import read_meme


def correlation(table, names, p_values):
    """Of log p over the rows of basewise's table."""
    index = {name.split()[0]: i for i, name in enumerate(names)}
    with open(table) as lines:
        rows = [(r["query"], r["target"], float(r["p_value"])) for r in csv.DictReader(lines, delimiter="\t")]
    both = [(p, p_values[index[q], index[t]]) for q, t, p in rows]
    logs = numpy.log10([(ours, theirs) for ours, theirs in both if ours > 0 and theirs > 0])
    return numpy.corrcoef(logs.T)[0, 1], len(logs)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("meme")
    parser.add_argument("--program", default="target/release/basewise")
    parser.add_argument("--pairs", type=int, default=5)
    args = parser.parse_args()
    about = machine.describe(os.cpu_count())
    motifs = read_meme(args.meme)
    matrices = list(motifs.values())
    with tempfile.TemporaryDirectory() as folder:
        table = os.path.join(folder, "matches.tsv")
        match = [args.program, "motifs", "match", args.meme, "--database", args.meme, "--quiet", "-o", table]
        sides = {
            "memelite": lambda: tomtom(matrices, matrices),
            "memelite, exact columns": lambda: tomtom(matrices, matrices, n_target_bins=None),
            "basewise": lambda: subprocess.run(match, check=True),
        }
        p_values = {name: sides[name]()[0] for name in list(sides)[:2]}
        subprocess.run([*match, "--top", "100000"], check=True)
        for name, p in p_values.items():
            r, n = correlation(table, list(motifs), p)
            print(f"{name}: correlation of log p {r:.5f} over {n:,} pairs with q <= 0.1")
        figures = {name: [] for name in sides}
        for pair in range(args.pairs):
            for name in list(sides)[:: 1 if pair % 2 else -1]:
                figures[name].append(machine.timed(sides[name])[:2])
    print(machine.in_words(about))
    for rival in list(sides)[:2]:
        for which, label in enumerate(("clock", "processor")):
            ratios = sorted(m[which] / b[which] for m, b in zip(figures[rival], figures["basewise"]))
            medians = [numpy.median([f[which] for f in figures[name]]) for name in (rival, "basewise")]
            print(
                f"{label}: {rival} {medians[0]:.2f} s, basewise {medians[1]:.2f} s, "
                f"ratio {numpy.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
            )


if __name__ == "__main__":
    main()
