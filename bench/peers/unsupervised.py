"""PCA, k-means and Gaussian mixtures against scikit-learn, t-SNE against openTSNE, in turns on one machine.

    python unsupervised.py WORK [--pairs N] [--json FILE] [KIND ...]

pca: logarithms of 20,000 x 2,000 counts of which 8 % are not 0, as sparse rows; 50 components and coordinates, exact on both
sides (covariance_eigh). kmeans, mixture: 10,000 x 50 around 20 centres; 10 starts of k-means, full covariances. tsne: the same
rows with the defaults of both. Each side has one thread. A time is that of the processor; a ratio is basewise's by the rival's
in one pair, below 1 where basewise is faster. Pairs have different seeds. Quality: the largest difference of coordinates from
scikit-learn's in f64, as a part of the largest coordinate; inertia; mean log-likelihood; the exact divergence of all pairs under the affinities of exact
neighbours. The table is Markdown on stdout.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

THREADS = {name: "1" for name in ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
os.environ |= THREADS

import numpy as np  # noqa: E402  (threads are set before it is loaded)
import openTSNE  # noqa: E402
import scipy.sparse as sp  # noqa: E402
import sklearn  # noqa: E402
from machine import describe, in_words, write_json  # noqa: E402
from sklearn.cluster import KMeans  # noqa: E402
from sklearn.decomposition import PCA  # noqa: E402
from sklearn.mixture import GaussianMixture  # noqa: E402

KINDS = ["pca", "kmeans", "mixture", "tsne"]


def sparse_rows():
    """Logarithms of counts with 60 hidden factors; 8 % are not 0."""
    rng = np.random.default_rng(1)
    rows, columns = 20_000, 2_000
    rate = rng.gamma(0.3, 1.0, (rows, 60)) @ rng.gamma(0.3, 1.0, (60, columns))
    counts = rng.poisson(rate * (0.017 / rate.mean() * 8)).astype(np.float32)
    keep = rng.random(counts.shape) < 0.08 / (counts > 0).mean()
    return sp.csr_matrix(np.log1p(counts * keep))


def dense_rows():
    rng = np.random.default_rng(2)
    centres = rng.normal(scale=0.6, size=(20, 50))
    return (centres[rng.integers(0, 20, 10_000)] + rng.normal(size=(10_000, 50))).astype(np.float32)


def save(folder, x):
    os.makedirs(folder, exist_ok=True)
    parts = {"shape": np.array(x.shape, "<u8")}
    if sp.issparse(x):
        parts |= {"starts": x.indptr.astype("<u8"), "columns": x.indices.astype("<u4"), "values": x.data.astype("<f4")}
    else:
        parts["values"] = x.astype("<f4")
    for name, part in parts.items():
        part.tofile(os.path.join(folder, name))


def rival(kind, x, seed):
    start = time.process_time()
    if kind == "pca":
        found = PCA(50, svd_solver="covariance_eigh").fit_transform(x)
    elif kind == "kmeans":
        found = KMeans(20, n_init=10, random_state=seed).fit(x).inertia_
    elif kind == "mixture":
        model = GaussianMixture(20, random_state=seed).fit(x)
        seconds = time.process_time() - start
        return model.score(x), seconds
    else:
        found = np.asarray(openTSNE.TSNE(random_state=seed).fit(x))
    return found, time.process_time() - start


def own(kind, program, folder, seed):
    done = subprocess.run([program, kind, folder, str(seed)], check=True, capture_output=True, text=True)
    return np.fromfile(os.path.join(folder, "found"), "<f4"), float(done.stdout.split()[0])


def divergence(p, y):
    """Of all pairs, by its definition."""
    y = y.astype(np.float64)
    square = np.square(y).sum(1)
    total = 0.0
    for start in range(0, len(y), 1000):
        distance = square[start : start + 1000, None] + square[None] - 2 * y[start : start + 1000] @ y.T
        total += (1 / (1 + np.maximum(distance, 0))).sum()
    total -= len(y)
    p = p.tocoo()
    q = 1 / (1 + np.square(y[p.row] - y[p.col]).sum(1)) / total
    return float((p.data * np.log(p.data / q)).sum())


def quality(kind, own, rival, exact):
    if kind == "pca":
        return [np.abs(found.reshape(exact.shape) - exact).max() / np.abs(exact).max() for found in (own, rival)]
    if kind == "tsne":
        return divergence(exact, own.reshape(-1, 2)), divergence(exact, rival)
    return float(own[0]), float(rival)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--program", default="target/release/examples/time_unsupervised")
    parser.add_argument("--json")
    parser.add_argument("kinds", nargs="*", default=KINDS)
    options = parser.parse_intermixed_args()
    rows, results = [], {}
    for kind in options.kinds or KINDS:
        x = sparse_rows() if kind == "pca" else dense_rows()
        folder = os.path.join(options.work, kind)
        save(folder, x)
        exact = None
        if kind == "pca":
            exact = PCA(50, svd_solver="covariance_eigh").fit_transform(x.astype(np.float64))
        elif kind == "tsne":
            exact = openTSNE.affinity.PerplexityBasedNN(x, perplexity=30, method="exact").P
        times, scores = [], []
        for seed in range(options.pairs):
            theirs, their_time = rival(kind, x, seed)
            ours, our_time = own(kind, options.program, folder, seed)
            times.append((our_time, their_time))
            scores.append(quality(kind, ours, theirs, exact))
            print(kind, seed, times[-1], scores[-1], file=sys.stderr)
        ratio = [a / b for a, b in times]
        medians = [statistics.median(column) for column in (*zip(*times), *zip(*scores))]
        rows.append((kind, *medians, statistics.median(ratio), min(ratio), max(ratio)))
        results[kind] = {"times": times, "scores": scores}
    print(f"scikit-learn {sklearn.__version__}, openTSNE {openTSNE.__version__}; {in_words(describe(1))}\n")
    print("| | basewise s | rival s | basewise quality | rival quality | ratio of times (range) |\n|---|---|---|---|---|---|")
    for kind, a, b, c, d, ratio, low, high in rows:
        print(f"| {kind} | {a:.2f} | {b:.2f} | {c:.6g} | {d:.6g} | {ratio:.2f} ({low:.2f}-{high:.2f}) |")
    if options.json:
        write_json(options.json, results)


if __name__ == "__main__":
    main()
