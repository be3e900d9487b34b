"""DeepLIFT with 20 references of each sequence, tangermeme against basewise, in turns on one machine.

    python deeplift.py [--pairs N] [--threads N] [--json FILE] [NAME ...]

Networks have the same layers on both sides, with random weights, and references are given to both. A ratio is tangermeme's
time by basewise's time in one pair, above 1 where basewise is faster. The table is Markdown on stdout.
"""

import argparse
import os
import statistics
import sys
import time

from machine import describe, in_words, write_json
from torch_steps import PAUSE_SECONDS, Worker

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = ["basset-8x1000", "bpnet-4x2114"]


def measure(name, args):
    """Times of both sides, pair by pair, after one of each for warming up."""
    workers = {
        "tangermeme": Worker([sys.executable, os.path.join(HERE, "deeplift_worker.py"), name, str(args.threads)], args.threads),
        "basewise": Worker([args.basewise_bench, "deeplift", name], args.threads),
    }
    times, memory = {side: [] for side in workers}, {}
    for pair in range(-1, args.pairs):
        for side in sorted(workers, reverse=pair % 2 == 0):
            time.sleep(PAUSE_SECONDS)
            milliseconds, memory[side] = workers[side].step("explain")
            if pair >= 0:
                times[side].append(milliseconds)
    version = workers["tangermeme"].version
    for worker in workers.values():
        worker.close()
    return {"times": times, "peak_mib": memory, "version": version}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"networks [default: {' '.join(NAMES)}]")
    parser.add_argument("--pairs", type=int, default=5, help="measured pairs [default: 5]")
    parser.add_argument("--threads", type=int, default=2, help="threads of each side [default: 2]")
    parser.add_argument(
        "--basewise-bench", default="target/release/basewise-bench", help="the program [default: %(default)s]"
    )
    parser.add_argument("--json", metavar="FILE", help="every single time")
    args = parser.parse_args()
    machine, results = describe(args.threads), {}
    print(in_words(machine) + "\n")
    print("| network | tangermeme, ms | basewise, ms | ratio of times | tangermeme, MiB | basewise, MiB |")
    print("|---|---|---|---|---|---|", flush=True)
    for name in args.names or NAMES:
        results[name] = measure(name, args)
        theirs, ours = (results[name]["times"][side] for side in ("tangermeme", "basewise"))
        ratios = [a / b for a, b in zip(theirs, ours, strict=True)]
        memory = [f"{results[name]['peak_mib'][side]:,.0f}" for side in ("tangermeme", "basewise")]
        median = statistics.median
        cells = [name, f"{median(theirs):,.0f}", f"{median(ours):,.0f}"]
        cells += [f"**{median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f})", *memory]
        print("| " + " | ".join(cells) + " |", flush=True)
    print(f"\nMedians and ranges of {args.pairs} pairs; tangermeme {next(iter(results.values()))['version']}.")
    if args.json:
        write_json(args.json, {"machine": machine, "command": sys.argv, "results": results})


if __name__ == "__main__":
    main()
