"""What `profile_simulation.sh` left, as two Markdown tables: figures beside their ceilings, and the spacing.

    python3 bench/profile_simulation.py OUT
"""

import json
import os
import sys

METRICS = ["profile_pearson", "profile_jensen_shannon", "count_pearson"]


def read(*path):
    with open(os.path.join(*path)) as file:
        return json.load(file)


def cell(metrics, name):
    return "{value:.3f} ({low:.3f} to {high:.3f})".format(**metrics[name])


def main():
    out = sys.argv[1]
    test, valid = read(out, "test.json"), read(out, "valid.json")
    ceilings = {split["split"]: split for split in read(out, "data", "ceiling.json")["splits"]}
    linear = next(baseline for baseline in test["baselines"] if baseline["name"] == "k-mer linear")
    print("| metric | valid | test | expected reads, test | second experiment, test | k-mer linear, test |")
    print("|---|---|---|---|---|---|")
    for name in METRICS:
        columns = [
            "{:.3f}".format(valid["model"][0]["metrics"][name]["value"]),
            "**{}**".format(cell(test["model"][0]["metrics"], name)),
            cell(ceilings["test"]["expected"]["metrics"], name),
            cell(ceilings["test"]["replicate"]["metrics"], name),
            "{:.3f}".format(linear["tasks"][0]["metrics"][name]["value"]),
        ]
        print(f"| {name} | {' | '.join(columns)} |")
    planted = read(out, "data", "dataset.json")["notes"]["simulation"]["signal"]
    spacing = read(out, "spacing.json")
    effect, factor = planted["cooperation"], planted["cooperation"]["factor"]
    peak = spacing["peak"]
    print("\n| | planted | found |\n|---|---|---|")
    print(f"| spacing | {effect['spacing']} | {peak['spacing']} |")
    print(f"| order | {spacing['first']['id']},{spacing['second']['id']} | {peak['order']} |")
    extra = (factor - 1) * planted["reads"]
    print(f"| reads beyond those of either motif | {extra:.0f} | {peak['interaction']:.0f} ({peak['low']:.0f} to {peak['high']:.0f}) |")
    seconds = read(out, "run", "run.json")["seconds"]
    print(f"\n{test['examples']:,} test examples; training took {seconds:.0f} s")


if __name__ == "__main__":
    main()
