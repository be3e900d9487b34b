"""Logos of attributions: basewise against logomaker, as PNG.

    venv/bin/pip install logomaker
    cargo build --release -p basewise-cli
    venv/bin/python bench/peers/logos.py

Writes attributions [1000, 4, 249] (--logos, --length) and has basewise draw all of them as PNG files, as a whole process. logomaker
draws the first --sample of them, each with `Logo` and `savefig` to PNG in a figure of 20 by 2 inches at 100 dots, and its time
is taken for as many as basewise drew.
"""

import argparse
import os
import subprocess
import tempfile

import logomaker
import machine
import matplotlib
import numpy
import pandas

matplotlib.use("Agg")
import matplotlib.pyplot as pyplot  # noqa: E402


def draw(heights, path):
    """One logo, as logomaker's guide does it."""
    figure, axes = pyplot.subplots(figsize=(20, 2), dpi=100)
    logomaker.Logo(pandas.DataFrame(heights.T, columns=list("ACGT")), ax=axes)
    figure.savefig(path)
    pyplot.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="target/release/basewise")
    parser.add_argument("--logos", type=int, default=1000)
    parser.add_argument("--length", type=int, default=249)
    parser.add_argument("--sample", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    about = machine.describe(os.cpu_count())
    values = numpy.random.default_rng(1).normal(size=(args.logos, 4, args.length)).astype(numpy.float32)
    with tempfile.TemporaryDirectory() as folder:
        arrays, out = os.path.join(folder, "values.npz"), os.path.join(folder, "logos")
        ids = numpy.array([f"s{i}" for i in range(args.logos)])
        numpy.savez(arrays, attributions=values, ids=ids)
        command = [args.program, "motifs", "logo", arrays, "-o", out, "--format", "png", "--scale", "1", "--quiet"]
        draw(values[0], os.path.join(folder, "warm.png"))
        figures = []
        for _ in range(args.repeats):
            ours = machine.timed(lambda: subprocess.run(command, check=True))[:2]
            one = os.path.join(folder, "one.png")
            theirs = machine.timed(lambda: [draw(matrix, one) for matrix in values[: args.sample]])[:2]
            figures.append((ours, [t * args.logos / args.sample for t in theirs]))
    print(machine.in_words(about))
    print(f"{args.logos:,} logos of {args.length} x 4 to PNG; logomaker: {args.sample} drawn, scaled up")
    for which, label in enumerate(("clock", "processor")):
        ratios = sorted(theirs[which] / ours[which] for ours, theirs in figures)
        ours, theirs = (numpy.median([pair[side][which] for pair in figures]) for side in (0, 1))
        print(f"{label}: logomaker {theirs:.0f} s, basewise {ours:.2f} s, ratio {numpy.median(ratios):.0f} ({ratios[0]:.0f} to {ratios[-1]:.0f})")


if __name__ == "__main__":
    main()
