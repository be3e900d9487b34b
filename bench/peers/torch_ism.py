"""In-silico mutagenesis of one sequence, naive passes in PyTorch against basewise, in turns on one machine.

    python torch_ism.py [--pairs N] [--threads N] [--json FILE] [NAME ...]

basewise scores all three substitutions at every position; so that the rival takes minutes and not hours, it scores a part of
the copies in each pair, and its time is that by copy. Both get random weights. Basewise by whole passes (`--plain` of
`explain`) takes a part, too. A ratio is the rival's time by basewise's for all copies. The table is Markdown on stdout.
"""

import argparse
import os
import statistics
import sys
import time

from machine import describe, in_words, write_json
from torch_steps import HERE, PAUSE_SECONDS, Worker

# Name: positions, and copies that the rival and whole passes score in a pair.
NETWORKS = {"basset-64x1000": (1000, 256), "bpnet-32x2114": (2114, 128), "danq-32x1000": (1000, 256)}


def measure(name, args):
    """Seconds for all copies of each side, pair by pair."""
    positions, part = NETWORKS[name]
    rival = Worker([sys.executable, os.path.join(HERE, "torch_worker.py"), name, str(args.threads)], args.threads)
    own = Worker([args.basewise_bench, "step", name, "--serve"], args.threads)
    copies = 3 * positions
    runs = {
        "torch": lambda: rival.step(f"mutate {part}")[0] * copies / part / 1e3,
        "plain": lambda: own.step(f"mutate-plain {part}")[0] * copies / part / 1e3,
        "basewise": lambda: own.step("mutate 0")[0] / 1e3,
    }
    times = {side: [] for side in runs}
    for pair in range(-1, args.pairs):
        for side, run in list(runs.items())[:: 1 if pair % 2 else -1]:
            time.sleep(PAUSE_SECONDS)
            seconds = run()
            if pair >= 0:
                times[side].append(seconds)
    rival.close()
    own.close()
    return times | {"version": rival.version}


def ratio(times, side):
    ratios = [other / own for other, own in zip(times[side], times["basewise"], strict=True)]
    return f"**{statistics.median(ratios):.1f}** ({min(ratios):.1f} to {max(ratios):.1f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"networks [default: {' '.join(NETWORKS)}]")
    parser.add_argument("--pairs", type=int, default=5, help="measured pairs [default: 5]")
    parser.add_argument("--threads", type=int, default=2, help="threads of each side [default: 2]")
    parser.add_argument(
        "--basewise-bench", default="target/release/basewise-bench", help="the program [default: %(default)s]"
    )
    parser.add_argument("--json", metavar="FILE", help="every single time")
    args = parser.parse_args()
    if unknown := set(args.names) - set(NETWORKS):
        parser.error(f"expected names among {', '.join(NETWORKS)}, found {', '.join(sorted(unknown))}")
    machine, results = describe(args.threads), {}
    print(in_words(machine) + "\n")
    print("| network | PyTorch, s | basewise, s | ratio of times | whole passes of basewise, s | ratio to those |")
    print("|---|---|---|---|---|---|", flush=True)
    for name in args.names or NETWORKS:
        times = results[name] = measure(name, args)
        torch, plain, own = (statistics.median(times[side]) for side in ("torch", "plain", "basewise"))
        cells = [name, f"{torch:.1f}", f"{own:.2f}", ratio(times, "torch"), f"{plain:.1f}", ratio(times, "plain")]
        print("| " + " | ".join(cells) + " |", flush=True)
    print(f"\nMedians and ranges of {args.pairs} pairs; PyTorch {next(iter(results.values()))['version']}.")
    if args.json:
        write_json(args.json, {"machine": machine, "command": sys.argv, "results": results})


if __name__ == "__main__":
    main()
