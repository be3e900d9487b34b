"""A Markdown table of the evaluations that `suite.sh` left: one row a set, with intervals and the baselines beside them.

    python3 bench/table.py OUT METRIC

OUT holds NAME/valid.json, NAME/test.json and NAME/seconds; METRIC is a key such as auroc or mcc.
"""

import json
import os
import statistics
import sys


def read(path):
    with open(path) as file:
        return json.load(file)


def value(tasks, metric):
    """The metric over a set's tasks: value and interval of the only one, or the mean value."""
    cells = [task["metrics"][metric] for task in tasks if task["metrics"].get(metric)]
    if len(cells) == 1:
        return cells[0]["value"], f" ({cells[0]['low']:.3f} to {cells[0]['high']:.3f})"
    return statistics.fmean(cell["value"] for cell in cells), ""


def seconds(folder):
    """Training time in all: of the run, or of the members of an ensemble."""
    runs = [os.path.join(root, "run.json") for root, _, files in os.walk(folder) if "run.json" in files]
    return sum(read(path).get("seconds") or 0 for path in runs)


def processor_seconds(folder, name):
    """What `time` counted while the set was trained, in all threads."""
    with open(os.path.join(folder, name, "seconds")) as file:
        return float(file.read().split()[0])


def main():
    out, metric = sys.argv[1:3]
    names = sorted(name for name in os.listdir(out) if os.path.exists(os.path.join(out, name, "test.json")))
    if not names:
        sys.exit(f"error: {out}: expected NAME/test.json in it, found none\nhint: run bench/suite.sh first")
    first = read(os.path.join(out, names[0], "test.json"))
    baselines = [baseline["name"] for baseline in first["baselines"]]
    print(f"| set | test examples | valid {metric} | test {metric} | {' | '.join(baselines)} | training, CPU s |")
    print("|---" * (5 + len(baselines)) + "|")
    columns = []
    for name in names:
        test, valid = (read(os.path.join(out, name, f"{split}.json")) for split in ("test", "valid"))
        own, interval = value(test["model"], metric)
        beside = [value(baseline["tasks"], metric)[0] for baseline in test["baselines"]]
        columns.append([own, *beside])
        cells = [name, f"{test['examples']:,}", f"{value(valid['model'], metric)[0]:.3f}", f"**{own:.3f}**{interval}"]
        cells += [f"{other:.3f}" for other in beside] + [f"{processor_seconds(out, name):,.0f}"]
        print(f"| {' | '.join(cells)} |")
    means = [f"{statistics.fmean(column):.3f}" for column in zip(*columns, strict=True)]
    print(f"| mean | | | **{means[0]}** | {' | '.join(means[1:])} | |")


if __name__ == "__main__":
    main()
