"""Logistic regression, scikit-learn against basewise, in turns on the same arrays: processor time and coefficients.

    python sklearn_linear.py WORK [--sequences TABLE.tsv.gz] [--pairs 5] [--cases counts-l2 ...] [--exact] [--json FILE]

Needs `cargo build --release -p basewise-learn --example linear`, numpy and scikit-learn. WORK is a folder for arrays. The
first problem is 20,000 x 200 Poisson counts with 30 informative features and interactions, made from a fixed seed. With
--sequences the second is the sublinear tf-idf of all 1- to 6-mers of a table with columns split, label (0 or 1) and
sequence, as scikit-learn makes it; the rows of split `train`. Penalties are L2 (`lbfgs` there) and elastic net with a ratio
of 0.5 (`saga` there), both sides on one thread. Each side is timed around its fit alone, in processor time, which other
work on the machine disturbs less than the clock. Both get the tolerance that is their default.

--exact also fits once with a tolerance of 1e-9, there in float64 with `newton-cg` for L2 and, because `saga` needs minutes
for less, 1e-6 (--saga-tolerance) for the elastic net, and gives the largest difference of coefficients and the objectives.
"""

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import time
import warnings

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from machine import describe, in_words, write_json

HERE = os.path.dirname(os.path.abspath(__file__))


def counts():
    """Poisson counts; 30 features have an effect, 10 pairs of them together."""
    rng = np.random.default_rng(7)
    x = rng.poisson(rng.uniform(0.5, 3.0, 200), (20_000, 200)).astype(np.float32)
    z = (x - x.mean(0)) / x.std(0)
    signal = z[:, :30] @ rng.normal(0, 0.25, 30) + sum(0.2 * z[:, 2 * i] * z[:, 2 * i + 1] for i in range(10))
    return x, (signal + rng.logistic(size=len(x)) > 0).astype(np.float64)


def kmers(table):
    opened = gzip.open if table.endswith(".gz") else open
    with opened(table, "rt") as lines:
        header = next(lines).rstrip("\n").split("\t")
        rows = [dict(zip(header, line.rstrip("\n").split("\t"))) for line in lines]
    rows = [row for row in rows if row["split"] == "train"]
    texts = [row["sequence"].upper().replace("U", "T") for row in rows]
    x = TfidfVectorizer(analyzer="char", ngram_range=(1, 6), lowercase=False, sublinear_tf=True).fit_transform(texts)
    return x.astype(np.float32), np.array([float(row["label"]) for row in rows])


def write(folder, x, y):
    os.makedirs(folder, exist_ok=True)
    y.astype("<f8").tofile(os.path.join(folder, "y"))
    if sparse.issparse(x):
        x.sort_indices()
        parts = dict(starts=x.indptr.astype("<u8"), columns=x.indices.astype("<u4"), values=x.data.astype("<f4"))
    else:
        parts = dict(x=np.ascontiguousarray(x, dtype="<f4"))
    for name, part in parts.items():
        part.tofile(os.path.join(folder, name))


def basewise(program, folder, x, c, ratio, tolerance):
    words = ["logistic", repr(1 / (c * x.shape[0])), str(ratio), str(tolerance), *map(str, x.shape), folder]
    done = json.loads(subprocess.run([program, *words], check=True, stdout=subprocess.PIPE, text=True).stdout)
    return done, np.array(done.pop("coefficients"))


def scikit_learn(x, y, c, ratio, tolerance, iterations, smooth="lbfgs"):
    solver = "saga" if ratio else smooth
    model = LogisticRegression(C=c, l1_ratio=ratio, solver=solver, tol=tolerance, max_iter=iterations, random_state=0)
    before = time.process_time()
    model.fit(x, y)
    cpu = time.process_time() - before
    done = dict(cpu=cpu, iterations=int(model.n_iter_[0]), nonzero=int((model.coef_ != 0).sum()))
    return done, np.append(model.coef_[0], model.intercept_)


def objective(x, y, c, ratio, found):
    """Mean loss and penalty, in float64."""
    coefficients, scores = found[:-1], x.astype(np.float64) @ found[:-1] + found[-1]
    penalty = (1 - ratio) / 2 * (coefficients**2).sum() + ratio * np.abs(coefficients).sum()
    return float((np.logaddexp(0, scores) - y * scores).mean() + penalty / (c * len(y)))


def measure(args, name, x, y, c, ratio):
    folder = os.path.join(args.work, name.split("-")[0])
    pairs = []
    for turn in range(args.pairs):
        sides = {
            "scikit-learn": lambda: scikit_learn(x, y, c, ratio, 1e-4, 2000),
            "basewise": lambda: basewise(args.program, folder, x, c, ratio, 1e-6),
        }
        order = sorted(sides, reverse=turn % 2 == 1)
        found = {side: sides[side]() for side in order}
        pairs.append({side: found[side][0] for side in sides})
        objectives = {side: objective(x, y, c, ratio, found[side][1]) for side in sides}
    result = dict(case=name, rows=x.shape[0], columns=x.shape[1], pairs=pairs, objectives=objectives)
    result["ratio"] = [pair["scikit-learn"]["cpu"] / max(pair["basewise"]["cpu"], 0.01) for pair in pairs]
    if args.exact:
        ours = basewise(args.program, folder, x, c, ratio, 1e-9)
        # From float32 it would compute in float32, and lbfgs ends where the objective is as good as it can tell.
        tolerance = args.saga_tolerance if ratio else 1e-9
        theirs = scikit_learn(x.astype(np.float64), y, c, ratio, tolerance, 100_000, "newton-cg")
        result["exact"] = dict(
            largest_difference=float(np.abs(ours[1] - theirs[1])[:-1].max()),
            objectives=[objective(x, y, c, ratio, side[1]) for side in (ours, theirs)],
            basewise=ours[0],
            scikit_learn=theirs[0],
        )
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work")
    parser.add_argument("--sequences")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--cases", nargs="*", default=["counts-l2", "counts-elastic", "kmers-l2", "kmers-elastic"])
    parser.add_argument("--exact", action="store_true")
    parser.add_argument("--saga-tolerance", type=float, default=1e-6, metavar="X")
    parser.add_argument("--json")
    root = os.path.dirname(os.path.dirname(HERE))
    parser.add_argument("--program", default=os.path.join(root, "target/release/examples/linear"))
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    machine = describe(1)
    problems = {"counts": counts()}
    if args.sequences:
        problems["kmers"] = kmers(args.sequences)
    for name, (x, y) in problems.items():
        write(os.path.join(args.work, name), x, y)
    results = []
    print(in_words(machine) + "\n")
    print("| case | rows x features | scikit-learn, CPU s | basewise, CPU s | ratio (range) | largest difference |")
    print("|---|---|---|---|---|---|")
    strengths = {"counts-l2": (1.0, 0.0), "counts-elastic": (0.02, 0.5), "kmers-l2": (3.0, 0.0), "kmers-elastic": (1.0, 0.5)}
    for case in args.cases:
        if case.split("-")[0] not in problems:
            continue
        result = measure(args, case, *problems[case.split("-")[0]], *strengths[case])
        results.append(result)
        cpu = {side: statistics.median(pair[side]["cpu"] for pair in result["pairs"]) for side in result["pairs"][0]}
        ratio = result["ratio"]
        exact = f"{result['exact']['largest_difference']:.1e}" if args.exact else "-"
        print(
            f"| {case} | {result['rows']} x {result['columns']} | {cpu['scikit-learn']:.2f} | {cpu['basewise']:.2f} "
            f"| {statistics.median(ratio):.1f} ({min(ratio):.1f} to {max(ratio):.1f}) | {exact} |"
        )
        sys.stdout.flush()
    if args.json:
        write_json(args.json, dict(machine=machine, command=sys.argv, results=results))


if __name__ == "__main__":
    main()
