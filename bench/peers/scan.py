"""Motif scans: basewise against memelite's FIMO, in turns, on a random genome.

    venv/bin/pip install memelite==0.5.0
    cargo build --release -p basewise-cli
    venv/bin/python bench/peers/scan.py MOTIFS.meme

Takes the first 50 motifs (--motifs) and scans 5 Mb (--bases) on both strands with p < 1e-4. basewise is timed as a whole
process, from reading both files to the table on disk with q-values; memelite from the call with the paths of the same files
to its tables in memory, after one call that compiles it.
"""

import argparse
import os
import subprocess
import tempfile

import machine
import numpy
from memelite import fimo


def first_motifs(path, count, out):
    """The head of a MEME file."""
    with open(path) as lines, open(out, "w") as short:
        seen = 0
        for line in lines:
            seen += line.startswith("MOTIF")
            if seen > count:
                break
            short.write(line)


def genome(bases, out):
    """One contig of independent bases, 80 a line."""
    letters = numpy.frombuffer(b"ACGT", dtype=numpy.uint8)
    text = numpy.random.default_rng(1).choice(letters, bases).tobytes().decode()
    with open(out, "w") as fasta:
        fasta.write(">chr1\n")
        fasta.writelines(text[i : i + 80] + "\n" for i in range(0, bases, 80))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("meme")
    parser.add_argument("--program", default="target/release/basewise")
    parser.add_argument("--motifs", type=int, default=50)
    parser.add_argument("--bases", type=int, default=5_000_000)
    parser.add_argument("--pairs", type=int, default=9)
    args = parser.parse_args()
    about = machine.describe(os.cpu_count())
    with tempfile.TemporaryDirectory() as folder:
        motifs, fasta, table = (os.path.join(folder, name) for name in ("motifs.meme", "genome.fa", "sites.tsv"))
        first_motifs(args.meme, args.motifs, motifs)
        genome(args.bases, fasta)
        command = [args.program, "motifs", "scan", motifs, fasta, "-o", table, "--quiet"]
        sides = {
            "memelite": lambda: sum(len(found) for found in fimo(motifs, fasta)),
            "basewise": lambda: subprocess.run(command, check=True),
        }
        counts = {name: work() for name, work in sides.items()}
        with open(table) as lines:
            counts["basewise"] = sum(1 for _ in lines) - 1
        figures = {name: [] for name in sides}
        for pair in range(args.pairs):
            for name in list(sides)[:: 1 if pair % 2 else -1]:
                figures[name].append(machine.timed(sides[name])[:2])
    print(machine.in_words(about))
    print(f"{args.motifs} motifs, {args.bases:,} bases, both strands; places: {counts}")
    for which, label in enumerate(("clock", "processor")):
        ratios = sorted(m[which] / b[which] for m, b in zip(figures["memelite"], figures["basewise"]))
        medians = {name: numpy.median([f[which] for f in values]) for name, values in figures.items()}
        print(
            f"{label}: memelite {medians['memelite']:.3f} s, basewise {medians['basewise']:.3f} s, "
            f"ratio {numpy.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )


if __name__ == "__main__":
    main()
