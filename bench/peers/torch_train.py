"""Training from end to end, PyTorch against basewise, in turns: wall-clock time and peak memory of both.

    python torch_train.py WORK [--rounds 3] [--train 50000] [--epochs 2] [--threads 2] [--json FILE]

WORK is a folder for the table, the data set and the runs. PyTorch's side is `torch_train_script.py`, with 0 or 2 loader
workers, whichever a short trial finds faster. Both train the same network (128 filters of 15, pool 4, 128 of 9, pool 4,
128 of 5, global max, dense) with Adam, learning rate 0.001 and batches of 128, validate and save after each epoch.
The table is Markdown on stdout.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time

from machine import describe, in_words, write_json

HERE = os.path.dirname(os.path.abspath(__file__))
SAMPLE_SECONDS = 0.5
TREE_EVERY = 4  # samples: walking the pages of every process takes a while
TRIAL_STEPS = 25


def tree(root):
    """The process and all below it."""
    found = [root]
    for parent in found:
        try:
            for task in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{task}/children") as children:
                    found += [int(child) for child in children.read().split()]
        except OSError:
            continue  # it has ended
    return found


def from_proc(process, file, key):
    """A value in KiB from one of the process's files; 0 once it has ended."""
    try:
        with open(f"/proc/{process}/{file}") as lines:
            return next((int(line.split()[1]) for line in lines if line.startswith(key)), 0)
    except OSError:
        return 0


def memory_mib(root, whole):
    """The most that the process has held at once; with `whole`, or what it and all below it hold now, if that is more.

    Pages that processes share are counted once (proportional set size).
    """
    own = from_proc(root, "status", "VmHWM:")
    together = sum(from_proc(process, "smaps_rollup", "Pss:") for process in tree(root)) if whole else 0
    return max(own, together) / 1024


def run(command, threads):
    """Seconds, peak memory in MiB and output of a command that must succeed."""
    counts = {name: str(threads) for name in ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    start, peak, ended = time.perf_counter(), [0.0], threading.Event()
    process = subprocess.Popen(command, env=os.environ | counts, stdout=subprocess.PIPE, text=True)

    def watch():
        samples = 0
        while not ended.wait(SAMPLE_SECONDS):
            peak[0] = max(peak[0], memory_mib(process.pid, whole=samples % TREE_EVERY == 0))
            samples += 1

    watcher = threading.Thread(target=watch)
    watcher.start()
    output = process.communicate()[0]
    seconds = time.perf_counter() - start
    ended.set()
    watcher.join()
    if process.returncode:
        sys.exit(f"error: {' '.join(command)} ended with status {process.returncode}")
    return {"seconds": seconds, "peak_mib": peak[0], "output": output}


class Sides:
    """The commands of both sides."""

    def __init__(self, args):
        self.args, self.threads = args, str(args.threads)
        self.table = os.path.join(args.work, f"train-{args.train}.tsv")
        self.data, self.run_folder = os.path.join(args.work, "data"), os.path.join(args.work, "run")

    def prepare(self):
        if not os.path.exists(self.table):
            script = os.path.join(HERE, "make_training_set.py")
            subprocess.run([sys.executable, script, self.table, "--train", str(self.args.train)], check=True)

    def torch_script(self, workers, *options):
        script, weights = os.path.join(HERE, "torch_train_script.py"), os.path.join(self.args.work, "weights.pt")
        command = [sys.executable, script, self.table, weights, "--workers", str(workers), "--threads", self.threads]
        return run(command + ["--epochs", str(self.args.epochs), *options], self.threads)

    def workers(self):
        """The faster number of loader workers, and the seconds a step of each."""
        trial = {
            n: self.torch_script(n, "--steps", str(min(TRIAL_STEPS, self.args.train // 128)))["output"] for n in (0, 2)
        }
        seconds = {n: json.loads(output)["seconds_a_step"] for n, output in trial.items()}
        return min(seconds, key=seconds.get), seconds

    def torch(self, workers):
        result = self.torch_script(workers)
        last = json.loads(result.pop("output").splitlines()[-1])
        return result | {"seconds_with_data": result["seconds"], "valid_loss": last["valid_loss"]}

    def basewise(self):
        """Seconds of `train`, also with `dataset sequences` before it, since a data set is made once."""
        program, quiet = self.args.basewise, ["--quiet", "--overwrite", "--threads", self.threads]
        dataset = run([program, "dataset", "sequences", self.table, "-o", self.data, *quiet], self.threads)
        options = ["--epochs", str(self.args.epochs), "--batch-size", "128", "--learning-rate", "0.001", "--seed", "1"]
        options += ["--optimizer", "adam", "--weight-decay", "0", "--reverse-complement", "off", "--device", "cpu"]
        network = os.path.join(HERE, "cnn128.toml")
        command = [program, "train", self.data, "--model", network, "-o", self.run_folder, *options, *quiet]
        result = run(command, self.threads)
        with open(os.path.join(self.run_folder, "history.jsonl")) as history:
            last = json.loads(history.read().splitlines()[-1])
        return {
            "seconds": result["seconds"],
            "seconds_with_data": result["seconds"] + dataset["seconds"],
            "peak_mib": max(result["peak_mib"], dataset["peak_mib"]),
            "valid_loss": last["valid_loss"],
        }


def line(label, pairs, digits):
    """A line of the table from pairs of PyTorch's and basewise's figure."""
    torch, ours = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratios = [rival / own for rival, own in pairs]
    ratio = f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f})"
    return f"| {label} | {torch:,.{digits}f} | {ours:,.{digits}f} | {ratio} |"


def report(rounds, workers):
    """The table, and what stands below it."""

    def pairs(key):
        return [(each["torch"][key], each["basewise"][key]) for each in rounds]

    print("| | PyTorch script | basewise | ratio |\n|---|---|---|---|")
    print(line("`train`, seconds", pairs("seconds"), 1))
    print(line("`dataset sequences` and `train`, seconds", pairs("seconds_with_data"), 1))
    print(line("peak memory, MiB", pairs("peak_mib"), 0))
    losses = [f"{statistics.median(side):.4f}" for side in zip(*pairs("valid_loss"), strict=True)]
    print(f"| validation loss, nats | {' | '.join(losses)} | |")
    print(f"\nMedians and ranges of {len(rounds)} rounds; DataLoader with {workers} workers.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", help="folder for the table, the data set and the runs")
    parser.add_argument("--rounds", type=int, default=3, help="[default: 3]")
    parser.add_argument("--train", type=int, default=50_000, help="training examples [default: 50,000]")
    parser.add_argument("--epochs", type=int, default=2, help="[default: 2]")
    parser.add_argument("--threads", type=int, default=2, help="threads of each side [default: 2]")
    parser.add_argument("--basewise", default="target/release/basewise", help="the program [default: %(default)s]")
    parser.add_argument("--json", metavar="FILE", help="every single figure")
    args = parser.parse_args()
    if args.train < 1_000:
        parser.error(f"--train: expected 1,000 or more, found {args.train}")
    os.makedirs(args.work, exist_ok=True)
    machine, sides = describe(args.threads), Sides(args)
    print(in_words(machine) + "\n", flush=True)
    sides.prepare()
    workers, trial = sides.workers()
    rounds = []
    for number in range(args.rounds):
        order = [("torch", lambda: sides.torch(workers)), ("basewise", sides.basewise)]
        rounds.append({side: measure() for side, measure in (order if number % 2 == 0 else order[::-1])})
        print(f"round {number + 1}: {rounds[-1]}", file=sys.stderr, flush=True)
    report(rounds, workers)
    if args.json:
        result = {"workers": workers, "trial_seconds_a_step": trial, "rounds": rounds}
        write_json(args.json, {"machine": machine, "command": sys.argv} | result)


if __name__ == "__main__":
    main()
