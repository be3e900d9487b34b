"""A Markdown table of what `which_model.sh` left: one row a preset, test AUROC with its interval and seconds of training.

    python3 bench/which_model.py OUT

OUT holds SET-PRESET/test.json and SET-PRESET/run.json. The baselines, the same for all presets, are the last rows.
"""

import os
import sys

from table import read, seconds, value

SETS = ["promoter", "binding", "m6a", "words", "order"]


def main():
    out = sys.argv[1]
    found = {}
    for folder in os.listdir(out):
        kind, _, preset = folder.partition("-")
        if kind in SETS and os.path.exists(os.path.join(out, folder, "test.json")):
            found.setdefault(preset, {})[kind] = read(os.path.join(out, folder, "test.json"))
    whole = [preset for preset, sets in found.items() if len(sets) == len(SETS)]
    if not whole:
        sys.exit(f"error: {out}: expected SET-PRESET/test.json for each of {', '.join(SETS)}, found no preset with all\n"
                 "hint: run bench/which_model.sh first")

    def auroc(preset, kind):
        return value(found[preset][kind]["model"], "auroc")[0]

    print(f"| preset | {' | '.join(SETS)} | weights | training, s |")
    print("|---" * (len(SETS) + 3) + "|")
    for preset in sorted(whole, key=lambda preset: -sum(auroc(preset, kind) for kind in SETS)):
        spent = sum(seconds(os.path.join(out, f"{kind}-{preset}")) for kind in SETS)
        weights = read(os.path.join(out, f"{SETS[0]}-{preset}", "run.json"))["parameters"]
        cells = " | ".join(f"{auroc(preset, kind):.3f}" for kind in SETS)
        print(f"| `{preset}` | {cells} | {weights:,} | {spent:,.0f} |")
    for place, baseline in enumerate(found[whole[0]][SETS[0]]["baselines"]):
        sets = [found[whole[0]][kind]["baselines"][place]["tasks"] for kind in SETS]
        cells = " | ".join(f"{value(tasks, 'auroc')[0]:.3f}" for tasks in sets)
        print(f"| {baseline['name']} | {cells} | | |")


if __name__ == "__main__":
    main()
