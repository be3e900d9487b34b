"""Training steps and inference, PyTorch against basewise, in turns on one machine.

    python torch_steps.py [--pairs N] [--threads N] [--json FILE] [NAME ...]

Both sides are processes of their own that wait for their turn: one step of the one, one step of the other, the order
changing from pair to pair. A ratio is PyTorch's time by basewise's time in one pair, above 1 where basewise is faster.
The table is Markdown on stdout.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

from machine import describe, in_words, write_json

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = ["bpnet-32x2114", "cnn-128x1000", "cnn-128x101", "basset-64x600", "danq-32x1000"]
MODES = {"train": "training step", "infer": "inference"}
WARMING_STEPS = 2

# Threads of OpenMP spin for a while after their work; without a pause the other side would pay for it.
PAUSE_SECONDS = 0.1


class Worker:
    """A process that runs one step for each line it is sent."""

    def __init__(self, command, threads):
        counts = {name: str(threads) for name in ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.command = command
        self.process = subprocess.Popen(command, env=os.environ | counts, **pipes)
        self.version = self.answer().removeprefix("ready").strip()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"error: {' '.join(self.command)} ended with status {self.process.wait()}")
        return line.strip()

    def step(self, mode):
        """Milliseconds of one step, and the peak memory so far in MiB."""
        self.process.stdin.write(mode + "\n")
        self.process.stdin.flush()
        milliseconds, kib = self.answer().split()
        return float(milliseconds), int(kib) / 1024

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(commands, mode, args):
    """Times of both sides, pair by pair; each mode has fresh processes, so that peak memory is its own."""
    workers = {side: Worker(command, args.threads) for side, command in commands.items()}
    times, memory = {side: [] for side in workers}, {}
    for pair in range(-WARMING_STEPS, args.pairs):
        for side in sorted(workers, reverse=pair % 2 == 0):
            time.sleep(PAUSE_SECONDS)
            milliseconds, memory[side] = workers[side].step(mode)
            if pair >= 0:
                times[side].append(milliseconds)
    for worker in workers.values():
        worker.close()
    return {
        "torch_ms": times["torch"],
        "basewise_ms": times["basewise"],
        "ratios": [rival / ours for rival, ours in zip(times["torch"], times["basewise"], strict=True)],
        "torch_peak_mib": memory["torch"],
        "basewise_peak_mib": memory["basewise"],
        "torch": workers["torch"].version,
    }


def row(name, mode, result):
    """A line of the table."""
    median, ratios = statistics.median, result["ratios"]
    cells = [
        name,
        MODES[mode],
        f"{median(result['torch_ms']):,.1f}",
        f"{median(result['basewise_ms']):,.1f}",
        f"**{median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f})",
        f"{result['torch_peak_mib']:,.0f}",
        f"{result['basewise_peak_mib']:,.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"networks [default: {' '.join(NAMES)}]")
    parser.add_argument("--pairs", type=int, default=9, help="measured pairs, at least 5 [default: 9]")
    parser.add_argument("--threads", type=int, default=2, help="threads of each side [default: 2]")
    parser.add_argument("--mode", choices=MODES, help="only this [default: both]")
    parser.add_argument(
        "--compile", action="store_true", help="let torch.compile at the rival's network (needs a C++ compiler)"
    )
    parser.add_argument(
        "--basewise-bench", default="target/release/basewise-bench", help="the program [default: %(default)s]"
    )
    parser.add_argument("--json", metavar="FILE", help="every single time")
    args = parser.parse_args()
    if unknown := set(args.names) - set(NAMES):
        parser.error(f"expected names among {', '.join(NAMES)}, found {', '.join(sorted(unknown))}")
    if args.pairs < 5:
        parser.error(f"--pairs: expected 5 or more, found {args.pairs}: a median of fewer says little")
    return args


def main():
    args = arguments()
    machine, results = describe(args.threads), []
    print(in_words(machine) + "\n")
    print("| network | what | PyTorch, ms | basewise, ms | ratio of times | PyTorch, MiB | basewise, MiB |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for name in args.names or NAMES:
        rival = [sys.executable, os.path.join(HERE, "torch_worker.py"), name, str(args.threads)]
        commands = {
            "torch": rival + (["--compile"] if args.compile else []),
            "basewise": [args.basewise_bench, "step", name, "--serve"],
        }
        for mode in [args.mode] if args.mode else MODES:
            result = measure(commands, mode, args)
            results.append({"name": name, "mode": mode} | result)
            print(row(name, mode, result), flush=True)
    print(f"\nMedians and ranges of {args.pairs} pairs; PyTorch {results[0]['torch']}.")
    if args.json:
        write_json(args.json, {"machine": machine, "command": sys.argv, "results": results})


if __name__ == "__main__":
    main()
