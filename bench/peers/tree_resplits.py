"""Whether boosting differs from LightGBM's, or a forest from scikit-learn's, by more than chance.

    python tree_resplits.py WORK TABLE.tsv.gz ... [--splits N] [--seeds N] [--forest] [--whole]

The training rows of each table (columns split, label, sequence; counts of 1- to 5-mers) are split anew, four fifths to train and
one to judge, N times; test rows are not looked at. Boosting, at the defaults of both, is compared once with both sides' rules for
a leaf, then with rules that mean the same on both (--min-weight: the sum of second derivatives of a leaf, and nothing else);
LightGBM also with its columns shuffled, which changes nothing but how ties fall. With --forest, N splits of several seeds each.
With --whole, training and test split as they are, for the seeds or shuffles alone. The tables are Markdown on stdout.
"""

import argparse
import os
import statistics
import subprocess

THREADS = {name: "1" for name in ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
os.environ |= THREADS

import lightgbm  # noqa: E402  (threads are set before it is loaded)
import numpy as np  # noqa: E402
from sklearn.ensemble import RandomForestClassifier  # noqa: E402
from sklearn.metrics import accuracy_score, roc_auc_score  # noqa: E402
from trees import kmers, write_rows  # noqa: E402


def boosted(part, **other):
    params = dict(objective="binary", learning_rate=0.1, num_leaves=31, num_threads=1, verbose=-1) | other
    data = lightgbm.Dataset(part["train_x"], part["train_y"], params=params)
    return lightgbm.train(params, data, num_boost_round=100)


def basewise(program, folder, kind, seed, *leaf):
    command = [program, kind, folder, str(seed), *map(str, leaf)]
    subprocess.run(command, check=True, capture_output=True, env=os.environ)
    return np.load(os.path.join(folder, "basewise.npy"))


def parts(data, args, folder):
    """Training and judged rows of each split, written to `folder` as well."""
    rows = len(data["train_y"])
    for split in range(1 if args.whole else args.splits):
        if args.whole:
            part = data
        else:
            order = np.random.default_rng(split).permutation(rows)
            own, judged = np.sort(order[: rows * 4 // 5]), np.sort(order[rows * 4 // 5 :])
            part = {f"train_{name}": data[f"train_{name}"][own] for name in "xy"}
            part |= {f"test_{name}": data[f"train_{name}"][judged] for name in "xy"}
        for name in ("train", "test"):
            write_rows(folder, name, part[f"{name}_x"], part[f"{name}_y"])
        yield split, part


def boosting(name, data, args, folder):
    areas, small = {}, []
    for split, part in parts(data, args, folder):
        note = lambda side, scores: areas.setdefault(side, []).append(roc_auc_score(part["test_y"], scores))  # noqa: B023, E731
        model = boosted(part)
        note("LightGBM", model.predict(part["test_x"]))
        nodes = model.trees_to_dataframe()
        small.append((nodes[nodes.left_child.isna()]["count"] < 20).mean())
        for shuffle in range(args.seeds if args.whole else 1):
            columns = np.random.default_rng([split, shuffle]).permutation(part["train_x"].shape[1])
            shuffled = part | {f"{side}_x": part[f"{side}_x"][:, columns] for side in ("train", "test")}
            note("LightGBM, columns shuffled", boosted(shuffled).predict(shuffled["test_x"]))
        note("basewise", basewise(args.program, folder, "boosting", 0))
        same = dict(min_data_in_leaf=1, min_sum_hessian_in_leaf=args.min_weight, min_data_in_bin=1, feature_pre_filter=False)
        note("LightGBM, one rule", boosted(part, **same).predict(part["test_x"]))
        note("basewise, one rule", basewise(args.program, folder, "boosting", 0, 1, args.min_weight))

    def less(side, other):
        differences = np.subtract(areas[side], areas[other])
        error = differences.std(ddof=1) / len(differences) ** 0.5 if len(differences) > 1 else 0.0
        return f"{differences.mean():+.4f} ± {error:.4f} ({np.abs(differences).max():.4f})"

    shuffled = areas["LightGBM, columns shuffled"]
    span = f"{min(shuffled):.4f} to {max(shuffled):.4f}" if args.whole else less("LightGBM, columns shuffled", "LightGBM")
    cells = [name, f"{statistics.mean(areas['LightGBM']):.4f}", f"{statistics.mean(areas['basewise']):.4f}"]
    cells += [less("basewise", "LightGBM"), less("basewise, one rule", "LightGBM, one rule"), span, f"{100 * statistics.mean(small):.1f} %"]
    print("| " + " | ".join(cells) + " |", flush=True)


def forest(name, data, args, folder):
    found = {side: {"AUROC": [], "accuracy": []} for side in ("scikit-learn", "basewise")}
    for _, part in parts(data, args, folder):
        for seed in range(args.seeds):
            rival = RandomForestClassifier(n_estimators=100, n_jobs=1, random_state=seed).fit(part["train_x"], part["train_y"])
            both = rival.predict_proba(part["test_x"])[:, 1], basewise(args.program, folder, "forest", seed)
            for side, scores in zip(found, both, strict=True):
                found[side]["AUROC"].append(roc_auc_score(part["test_y"], scores))
                found[side]["accuracy"].append(accuracy_score(part["test_y"], scores > 0.5))
    for figure in ("AUROC", "accuracy"):
        cells, means, errors = [name, figure], [], []
        for side in found:
            own = np.reshape(found[side][figure], (-1, args.seeds))
            spread = own.std(1, ddof=1).mean()
            means.append(own.mean())
            errors.append(spread / own.size**0.5)
            cells.append(f"{statistics.median(own.flat):.4f}, {own.mean():.4f} ({spread:.4f})")
        print("| " + " | ".join([*cells, f"{means[1] - means[0]:+.4f} ± {np.hypot(*errors):.4f}"]) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", metavar="WORK", help="folder for the arrays")
    parser.add_argument("tables", nargs="+", metavar="TABLE")
    parser.add_argument("--splits", type=int, default=20, help="splits of the training rows [default: 20]")
    parser.add_argument("--seeds", type=int, default=15, help="of each forest, or shuffles with --whole [default: 15]")
    parser.add_argument("--forest", action="store_true", help="forests instead of boosting")
    parser.add_argument("--whole", action="store_true", help="train on all training rows, judge on test rows")
    parser.add_argument("--min-weight", type=float, default=4.0, help="of a leaf under one rule [default: 4]")
    parser.add_argument("--program", default="target/release/examples/time_trees", help="[default: %(default)s]")
    args = parser.parse_args()
    if args.forest:
        print("| set | figure | scikit-learn: median, mean (deviation of seeds) | basewise | difference of means |\n|---|---|---|---|---|")
    else:
        print("| set | LightGBM | basewise | difference (largest) | the same under one rule "
              "| LightGBM, columns shuffled | its leaves below 20 rows |\n|---|---|---|---|---|---|---|")
    for table in args.tables:
        name = os.path.basename(table).split(".")[0]
        folder = os.path.join(args.work, name)
        data = kmers(table, 5, folder)
        (forest if args.forest else boosting)(name, data, args, folder)


if __name__ == "__main__":
    main()
