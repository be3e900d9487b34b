"""basewise motifs discover beside TF-MoDISco (modisco-lite) on simulated attributions.

    python bench/peers/modisco.py --basewise target/release/basewise --examples 2000 --threads 2

Sequences of 400 random bases hold instances of six motifs, drawn from their matrices on either strand; the last one lowers
the output. A base of an instance contributes its log-odds times the motif's strength, and every other base noise of heavy
tails, so that what should be found is known. Both programs get the same arrays, the same limit of seqlets and the same
threads; each is timed by the clock as a process of its own, from files to files, and its patterns are compared with what
was planted by the best Pearson correlation of matrices over offsets and strands.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np

WORDS = ["TGACTCA", "CCACTAGGGGGCAG", "CACGTGAC", "GGGGCGGGGC", "ATTTGCATAA", "CAGATAAGG"]


def matrix(word):
    rows = np.full((len(word), 4), 0.04)
    rows[np.arange(len(word)), ["ACGT".index(letter) for letter in word]] = 0.88
    return rows


def simulate(examples, length, seed):
    """one_hot and hypothetical contributions, both [examples, 4, length]."""
    rng = np.random.default_rng(seed)
    bases = rng.integers(0, 4, (examples, length))
    scores = 0.02 * rng.laplace(size=(examples, 4, length))
    for i in range(examples):
        for number in rng.permutation(len(WORDS))[: rng.integers(1, 4)]:
            rows = matrix(WORDS[number])
            width = len(rows)
            if rng.random() < 0.5:
                rows = rows[::-1, ::-1]
            start = rng.integers(0, length - width + 1)
            drawn = [rng.choice(4, p=row / row.sum()) for row in rows]
            bases[i, start : start + width] = drawn
            sign = -1 if number == len(WORDS) - 1 else 1
            strength = sign * rng.uniform(0.05, 0.2)
            scores[i, :, start : start + width] += strength * np.log2(rows / rows.sum(1, keepdims=True) / 0.25).T
    one_hot = np.zeros((examples, 4, length), np.float32)
    one_hot[np.arange(examples)[:, None], bases, np.arange(length)] = 1
    return one_hot, scores.astype(np.float32)


def similarity(found, planted):
    """The best correlation over strands and offsets that cover the planted motif; flanks of equal frequencies count as such."""
    best = -1.0
    for strand in (planted, planted[::-1, ::-1]):
        width = len(strand)
        padded = np.pad(found - 0.25, ((width, width), (0, 0)))
        for start in range(len(padded) - width + 1):
            window = padded[start : start + width].ravel()
            if window.std() > 0:
                best = max(best, np.corrcoef(window, (strand - 0.25).ravel())[0, 1])
    return best


def patterns(path):
    with h5py.File(path) as file:
        for group in ("pos_patterns", "neg_patterns"):
            for name in sorted(file.get(group, {}), key=lambda text: int(text.split("_")[-1])):
                pattern = file[group][name]
                yield f"{group}.{name}", int(pattern["seqlets/n_seqlets"][0]), pattern["sequence"][:]


def timed(command, threads):
    names = ["NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"]
    environment = os.environ | {name: str(threads) for name in names}
    start, before = time.perf_counter(), os.times()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - start, processor


def judge(name, seconds, processor, path):
    found = [(n, rows / np.maximum(rows.sum(1, keepdims=True), 1e-9)) for _, n, rows in patterns(path)]
    line = {"program": name, "seconds": round(seconds, 1), "processor": round(processor, 1), "patterns": len(found)}
    for word in WORDS:
        scores = [(similarity(rows, matrix(word)), n) for n, rows in found] or [(0.0, 0)]
        line[word] = f"{max(scores)[0]:.3f} ({sum(n for score, n in scores if score > 0.9)})"
    print(json.dumps(line), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--basewise", default="target/release/basewise")
    parser.add_argument("--modisco", default=str(pathlib.Path(sys.executable).with_name("modisco")))
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--length", type=int, default=400)
    parser.add_argument("--seqlets", type=int, default=20000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", help="folder for the arrays and results")
    parser.add_argument("--only", choices=["simulate", "basewise", "modisco"])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(arguments, pathlib.Path(arguments.keep or folder))


def run(arguments, folder):
    folder.mkdir(parents=True, exist_ok=True)
    one_hot, scores = simulate(arguments.examples, arguments.length, arguments.seed)
    np.savez(folder / "one_hot.npz", one_hot)
    np.savez(folder / "scores.npz", scores)
    arrays = ["--one-hot", str(folder / "one_hot.npz"), "--attributions", str(folder / "scores.npz")]
    own = [arguments.basewise, "motifs", "discover", *arrays, "-o", str(folder / "found"), "--no-logos"]
    own += ["--max-seqlets", str(arguments.seqlets), "--threads", str(arguments.threads)]
    other = [arguments.modisco, "motifs", "-s", str(folder / "one_hot.npz"), "-a", str(folder / "scores.npz")]
    other += ["-n", str(arguments.seqlets), "-w", str(arguments.length), "-o", str(folder / "modisco.h5")]
    if arguments.only in (None, "basewise"):
        judge("basewise", *timed(own, arguments.threads), folder / "found" / "modisco_results.h5")
    if arguments.only in (None, "modisco"):
        judge("modisco-lite", *timed(other, arguments.threads), folder / "modisco.h5")


if __name__ == "__main__":
    main()
