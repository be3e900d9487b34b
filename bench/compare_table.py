"""A Markdown table of the comparisons that `compare.sh` left: one row a set, one column a model, best in bold.

    python3 bench/compare_table.py OUT [METRIC]

OUT holds NAME/comparison/compare.json. METRIC is a key such as auroc or mcc; by default the one that ranks. Cells have 95 %
intervals over resamples of the test examples; a star marks a network that is better than the best classical model after
correction (p < 0.05), a dagger one that is worse. The last lines are means over sets and medians of training seconds.
"""

import json
import os
import statistics
import sys


def read(path):
    with open(path) as file:
        return json.load(file)


def cell(entry, metric, best):
    estimate = entry["metrics"][metric]
    if estimate["value"] is None:
        return "-"
    mark = ""
    paired = entry.get("to_best_classical")
    if entry["kind"] == "network" and paired and (paired["p_corrected"] or 1) < 0.05:
        mark = "*" if paired["value"] > 0 else "†"
    text = f"{estimate['value']:.3f}{mark}"
    text = f"**{text}**" if entry["model"] == best else text
    return f"{text} ({estimate['low']:.3f} to {estimate['high']:.3f})" if estimate["low"] is not None else text


def main():
    out = sys.argv[1]
    asked = sys.argv[2] if len(sys.argv) > 2 else None
    paths = {name: os.path.join(out, name, "comparison", "compare.json") for name in sorted(os.listdir(out))}
    found = {name: read(path) for name, path in paths.items() if os.path.exists(path)}
    models, values, seconds = [], {}, {}
    for comparison in found.values():
        models += [model["name"] for model in comparison["models"] if model["name"] not in models]
        for model in comparison["models"]:
            seconds.setdefault(model["name"], []).append(model["cost"].get("training_seconds"))
    print("| set | test examples | metric | " + " | ".join(models) + " |")
    print("|---|---|---|" + "---|" * len(models))
    for name, comparison in found.items():
        for task in comparison["tasks"]:
            metric = asked if asked in task["ranking"][0]["metrics"] else task["metrics"][0]
            ranked = {entry["model"]: entry for entry in task["ranking"]}
            cells = [cell(ranked[model], metric, task["best"]) if model in ranked else "-" for model in models]
            for model, entry in ranked.items():
                values.setdefault(model, []).append(entry["metrics"][metric]["value"])
            label = name if len(comparison["tasks"]) == 1 else f"{name} {task['task']}"
            print(f"| {label} | {task['n']:,} | {metric} | " + " | ".join(cells) + " |")
    mean = lambda numbers: f"{statistics.fmean(numbers):.3f}" if all(n is not None for n in numbers) else "-"
    print("| mean | | | " + " | ".join(mean(values.get(model, [None])) for model in models) + " |")
    known = {model: [s for s in own if s] for model, own in seconds.items()}
    median = lambda own: f"{statistics.median(own):.1f}" if own else "-"
    print("| training, median s | | | " + " | ".join(median(known[model]) for model in models) + " |")


if __name__ == "__main__":
    main()
