"""How well each way of discovery finds planted motifs: from attributions by each method, and from sequences.

    python3 bench/discovery.py OUT --seeds 1 2 3

For each seed 10,000 sequences of 200 bases with one or more of three motifs of JASPAR on either strand, a model trained on
them, the attributions of the 1,000 sequences that it is most sure of, and the patterns of these; and the motifs that the
positives have more often than the negatives. A planted motif is found if a pattern matches it among all of JASPAR with q < 0.01.
A pattern that matches no planted motif so well is one too many; so is one that holds two and is not called a composite.
What is in OUT is not made again.
"""

import argparse
import csv
import json
import pathlib
import subprocess

PLANTED = ["MA0139.2", "MA0105.4", "MA0652.2"]
METHODS = ["ism", "deeplift", "integrated-gradients", "expected-gradients", "input-x-gradient", "saliency"]


def basewise(program, *words, ok=(0,)):
    done = subprocess.run([program, *map(str, words), "--quiet"], stdout=subprocess.DEVNULL)
    if done.returncode not in ok:
        raise SystemExit(f"{words}: exit code {done.returncode}")


def judge(program, found):
    """Planted motifs found, patterns that are none, of how many patterns."""
    patterns = json.loads((found / "discovery.json").read_text())["patterns"]
    if not patterns:
        return 0, 0, 0
    table = found / "matches.tsv"
    basewise(program, "motifs", "match", found / "motifs.meme", "--top", 100, "--max-q", 0.01, "-o", table)
    with open(table) as lines:
        rows = [(row["query"], row["target"]) for row in csv.DictReader(lines, delimiter="\t")]
    known = {pattern["id"]: {t for q, t in rows if q == pattern["id"]} & set(PLANTED) for pattern in patterns}
    # Of several patterns of one motif the first counts.
    seen, extra = set(), 0
    for targets in known.values():
        if targets - seen:
            seen |= targets
        else:
            extra += 1
    return len(seen), extra, len(patterns)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--program", default="target/release/basewise")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--again", action="store_true", help="discover again where that was done")
    arguments = parser.parse_args()
    program = arguments.program
    results = {name: [] for name in [*arguments.methods, "sequences"]}
    for seed in arguments.seeds:
        folder = arguments.out / str(seed)
        folder.mkdir(parents=True, exist_ok=True)
        data, run = folder / "data", folder / "run"
        if not data.exists():
            plants = [word for motif in PLANTED for word in ("--plant", motif)]
            shape = ["--logic", "or", "--both-strands", "--count", 10000, "--length", 200, "--seed", seed]
            basewise(program, "dataset", "simulate", *plants, *shape, "-o", data)
        if not run.exists():
            basewise(program, "train", data, "--model", "cnn-global", "--seed", seed, "-o", run)
        for name in results:
            found = folder / f"found-{name}"
            if arguments.again or not found.exists():
                if name == "sequences":
                    source = ["--sequences", data]
                else:
                    source = [folder / f"explain-{name}"]
                    if not source[0].exists():
                        most = ["--split", "all", "--limit", 1000, "--logos", 0]
                        basewise(program, "explain", run, "--method", name, *most, "-o", source[0])
                basewise(program, "motifs", "discover", *source, "--no-logos", "-o", found, ok=(0, 1))
            results[name].append(judge(program, found))
    print("| patterns from | planted motifs found, of 3 | patterns too many |\n|---|---|---|")
    for name, rows in results.items():
        print(f"| {name} | {', '.join(str(r[0]) for r in rows)} | {', '.join(str(r[1]) for r in rows)} |")


if __name__ == "__main__":
    main()
