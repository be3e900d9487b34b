"""Boosting against LightGBM, and a forest and a decision tree against scikit-learn, in turns on one machine.

    python trees.py WORK [--pairs N] [--sequences TABLE.tsv.gz [--longest 5]] [--json FILE] [KIND ...]

20,000 examples of 200 Poisson counts train, 10,000 test; 30 columns and some of their products decide the class. With
--sequences the counts of all k-mers of 1 to 5 bases of a table with columns split (train and test), label (0 or 1) and
sequence, as sparse rows on both sides. Each side has one thread. A time is that of the processor, for training alone; a ratio is the rival's by basewise's in one
pair, above 1 where basewise is faster. Pairs have different seeds; quality is a median as well. The table is Markdown on stdout.
"""

import argparse
import gzip
import os
import statistics
import subprocess
import sys
import time

THREADS = {name: "1" for name in ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
os.environ |= THREADS

import lightgbm  # noqa: E402  (threads are set before it is loaded)
import numpy as np  # noqa: E402
import sklearn  # noqa: E402
from machine import describe, in_words, write_json  # noqa: E402
from sklearn.ensemble import RandomForestClassifier  # noqa: E402
from sklearn.feature_extraction.text import CountVectorizer  # noqa: E402
from sklearn.metrics import accuracy_score, roc_auc_score  # noqa: E402
from sklearn.tree import DecisionTreeClassifier  # noqa: E402

KINDS = ["boosting", "forest", "tree"]
TRAIN, TEST, COLUMNS, INFORMATIVE = 20_000, 10_000, 200, 30


def make(folder):
    """Counts and classes, a function of the seed; arrays of f32 in `folder`."""
    rng = np.random.default_rng(1)
    rows = TRAIN + TEST
    x = rng.poisson(rng.gamma(2.0, 1.0, COLUMNS) + 0.2, (rows, COLUMNS)).astype(np.float32)
    z = (x[:, :INFORMATIVE] - x[:, :INFORMATIVE].mean(0)) / x[:, :INFORMATIVE].std(0)
    signal = 0.2 * z @ rng.normal(size=INFORMATIVE)
    for a, b in rng.integers(0, INFORMATIVE, (10, 2)):
        signal += 0.2 * z[:, a] * z[:, b]
    y = (signal + rng.logistic(size=rows) > 0).astype(np.float32)
    parts = {"train_x": x[:TRAIN], "train_y": y[:TRAIN], "test_x": x[TRAIN:], "test_y": y[TRAIN:]}
    os.makedirs(folder, exist_ok=True)
    for name, part in parts.items():
        np.save(os.path.join(folder, name + ".npy"), np.ascontiguousarray(part))
    return parts


def kmers(table, longest, folder):
    """Counts of k-mers and classes; compressed sparse rows in `folder`."""
    opened = gzip.open if table.endswith(".gz") else open
    with opened(table, "rt") as lines:
        header = next(lines).rstrip("\n").split("\t")
        rows = [dict(zip(header, line.rstrip("\n").split("\t"))) for line in lines]
    counter = CountVectorizer(analyzer="char", ngram_range=(1, longest), lowercase=False)
    parts = {}
    os.makedirs(folder, exist_ok=True)
    for split in ("train", "test"):
        own = [row for row in rows if row["split"] == split]
        texts = [row["sequence"].upper().replace("U", "T") for row in own]
        x = counter.fit_transform(texts) if split == "train" else counter.transform(texts)
        x.sort_indices()
        parts |= {f"{split}_x": x.astype(np.float32), f"{split}_y": np.array([float(row["label"]) for row in own], "f4")}
        write_rows(folder, split, parts[f"{split}_x"], parts[f"{split}_y"])
    return parts


def write_rows(folder, split, x, y):
    """Compressed sparse rows and classes, for the other side."""
    np.save(os.path.join(folder, f"{split}_y.npy"), y)
    arrays = dict(starts=x.indptr.astype("<u8"), columns=x.indices.astype("<u4"), values=x.data.astype("<f4"))
    for name, array in arrays.items():
        array.tofile(os.path.join(folder, f"{split}_{name}"))
    np.array([x.shape[1]], "<u8").tofile(os.path.join(folder, "width"))


def rival(kind, data, seed):
    """Seconds of training, of prediction, and probabilities."""
    start = time.process_time()
    if kind == "boosting":
        params = dict(objective="binary", learning_rate=0.1, num_leaves=31, num_threads=1, verbose=-1)
        model = lightgbm.train(params, lightgbm.Dataset(data["train_x"], data["train_y"]), num_boost_round=100)
        predict = model.predict
    else:
        if kind == "forest":
            model = RandomForestClassifier(n_estimators=100, n_jobs=1, random_state=seed)
        else:
            model = DecisionTreeClassifier(max_depth=8, min_samples_leaf=20, random_state=0)
        model.fit(data["train_x"], data["train_y"])
        predict = lambda x: model.predict_proba(x)[:, 1]  # noqa: E731
    trained = time.process_time()
    scores = predict(data["test_x"])
    return trained - start, time.process_time() - trained, scores


def basewise(kind, folder, program, seed):
    out = subprocess.run([program, kind, folder, str(seed)], check=True, capture_output=True, text=True, env=os.environ).stdout
    fit, predict = map(float, out.split())
    return fit, predict, np.load(os.path.join(folder, "basewise.npy"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", metavar="WORK", help="folder for the arrays")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"models [default: {' '.join(KINDS)}]")
    parser.add_argument("--pairs", type=int, default=5, help="measured pairs [default: 5]")
    parser.add_argument("--program", default="target/release/examples/time_trees", help="[default: %(default)s]")
    parser.add_argument("--sequences", metavar="TABLE", help="k-mers of these instead of counts")
    parser.add_argument("--longest", type=int, default=5, metavar="K", help="longest k-mer [default: 5]")
    parser.add_argument("--json", metavar="FILE", help="every single time")
    args = parser.parse_args()
    if unknown := set(args.kinds) - set(KINDS):
        parser.error(f"expected kinds among {', '.join(KINDS)}, found {', '.join(sorted(unknown))}")
    folder = args.work
    if args.sequences:
        folder = os.path.join(args.work, os.path.basename(args.sequences).split(".")[0])
        data = kmers(args.sequences, args.longest, folder)
    else:
        data = make(folder)
    machine, results = describe(1), []
    rows, columns = data["train_x"].shape
    print(f"{in_words(machine)}; {rows} training rows of {columns} features\n")
    print("| model | rival, s | basewise, s | ratio of times | rival predicts, s | basewise predicts, s "
          "| rival AUROC, accuracy | basewise AUROC, accuracy |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for kind in args.kinds or KINDS:
        runs = {"rival": [], "basewise": []}
        sides = {
            "rival": lambda seed: rival(kind, data, seed),
            "basewise": lambda seed: basewise(kind, folder, args.program, seed),
        }
        for pair in range(args.pairs):
            for side in sorted(sides, reverse=pair % 2 == 0):
                runs[side].append(sides[side](pair))
        ratios = [a[0] / b[0] for a, b in zip(runs["rival"], runs["basewise"], strict=True)]
        cells = [kind]
        for place in (0, 1):
            both = [f"{statistics.median(run[place] for run in runs[side]):.2f}" for side in runs]
            cells += both + ([f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f})"] * (place == 0))
        quality = {}
        for side, own in runs.items():
            areas = [roc_auc_score(data["test_y"], run[2]) for run in own]
            right = [accuracy_score(data["test_y"], run[2] > 0.5) for run in own]
            quality[side] = [areas, right]
            cells.append(f"{statistics.median(areas):.4f}, {statistics.median(right):.4f}")
        print("| " + " | ".join(cells) + " |", flush=True)
        times = {side: [run[:2] for run in own] for side, own in runs.items()}
        results.append({"kind": kind, "times": times, "ratios": ratios, "auroc_accuracy": quality})
    print(f"\nMedians and ranges of {args.pairs} pairs; LightGBM {lightgbm.__version__}, scikit-learn {sklearn.__version__}.")
    if args.json:
        write_json(args.json, {"machine": machine, "command": sys.argv, "results": results})


if __name__ == "__main__":
    main()
