"""Scores the same substitutions by tangermeme and by `basewise variants`, in turns, on networks of the same shapes.

    python -m venv venv && venv/bin/pip install torch tangermeme numpy
    venv/bin/python bench/peers/variants.py --binary target/release/basewise [--networks basset,bpnet] [--variants 200] \
        [--spacing 100 | --places FILE.vcf.gz] [--grid 1] [--rounds 3] [--threads 2]

The peer is what a user of it writes: one-hot windows centred on each variant, `substitution_effect` on all of them (its
`predict` before and after). Reading files and encoding are in basewise's time, and not in the peer's; the start of basewise
is measured by a run of a single variant and taken off. Weights are random on both sides: a network is trained for one epoch on
a few random sequences. Prints seconds for each round, and the median of the paired ratios.
"""

import argparse
import gzip
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from tangermeme.variant_effect import substitution_effect

sys.path.insert(0, str(Path(__file__).parent))
from torch_models import Basset, BpNet  # noqa: E402

LENGTHS = {"basset": 600, "bpnet": 2114}
BASES = "ACGT"


def make_run(binary, network, folder):
    """A run of a network with random weights, as good as."""
    length = LENGTHS[network]
    if network == "basset":
        rows = ["id\tsequence\tlabel\tsplit"]
        for i in range(24):
            split = ["train", "valid", "test"][i % 3]
            rows.append(f"s{i}\t{''.join(random.choices(BASES, k=length))}\t{i % 2}\t{split}")
        (folder / "t.tsv").write_text("\n".join(rows) + "\n")
        steps = [["dataset", "sequences", "t.tsv", "-o", "data"]]
    else:
        genome = "".join(random.choices(BASES, k=60_000))
        (folder / "s.fa").write_text(f">c\n{genome}\n>d\n{genome[::-1]}\n>e\n{genome[5000:]}\n")
        signal, beds = [], []
        for contig in "cde":
            beds += [f"{contig}\t{at}\t{at + 200}" for at in range(5000, 50_000, 5000)]
            signal += [f"{contig}\t{at}\t{at + 100}\t{random.randint(1, 9)}" for at in range(0, 54_000, 100)]
        (folder / "p.bed").write_text("\n".join(beds) + "\n")
        (folder / "s.bedGraph").write_text("\n".join(signal) + "\n")
        split = ["--valid-chroms", "d", "--test-chroms", "e"]
        place = ["p.bed", "--genome", "s.fa", "--track", "s.bedGraph", "--window", str(length), "--negatives", "none"]
        steps = [["dataset", "signal", *place, *split, "-o", "data"]]
    steps.append(["train", "data", "--model", network, "--epochs", "1", "-o", "run"])
    for step in steps:
        subprocess.run([binary, *step], cwd=folder, check=True, capture_output=True)


def places_of(file, number):
    """Where the first records of a VCF begin, each place once, counted from the first."""
    places = []
    with (gzip.open if file.endswith(".gz") else open)(file, "rt") as lines:
        for line in lines:
            if not line.startswith("#") and len(places) < number:
                at = int(line.split("\t", 2)[1])
                if at not in places[-1:]:
                    places.append(at)
    return [at - places[0] for at in places]


def make_variants(folder, places, length):
    """A random contig and substitutions on it; the file with all of them, and that with the first alone."""
    contig = "".join(random.choices(BASES, k=2 * length + places[-1] + 1))
    (folder / "g.fa").write_text(f">c\n{contig}\n")
    variants = []
    for at in (length + place for place in places):
        variants.append((at, random.choice([base for base in BASES if base != contig[at]])))
    head = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    lines = [f"c\t{at + 1}\t.\t{contig[at]}\t{alt}\t.\t.\t.\n" for at, alt in variants]
    (folder / "all.vcf").write_text(head + "".join(lines))
    (folder / "one.vcf").write_text(head + lines[0])
    return contig, variants


def windows(contig, variants, length):
    codes = np.array([BASES.index(base) for base in contig])
    x = np.zeros((len(variants), 4, length), dtype=np.float32)
    for i, (at, _) in enumerate(variants):
        x[i, codes[at - length // 2 : at - length // 2 + length], np.arange(length)] = 1
    substitutions = [[i, length // 2, BASES.index(alt)] for i, (_, alt) in enumerate(variants)]
    return torch.from_numpy(x), torch.tensor(substitutions)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/basewise")
    parser.add_argument("--networks", default="basset,bpnet")
    parser.add_argument("--variants", type=int, default=200)
    parser.add_argument("--spacing", type=int, default=100, help="bases between variants")
    parser.add_argument("--places", help="a VCF whose records' positions variants have, in place of even spacing")
    parser.add_argument("--grid", type=int, default=1, help="`--grid` of basewise")
    parser.add_argument("--plain", action="store_true", help="whole passes in basewise, too")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    binary = str(Path(args.binary).resolve())
    torch.set_num_threads(args.threads)
    for network in args.networks.split(","):
        random.seed(1)
        torch.manual_seed(1)
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            make_run(binary, network, folder)
            length = LENGTHS[network]
            places = [i * args.spacing + random.randrange(args.spacing) for i in range(args.variants)]
            if args.places:
                places = places_of(args.places, args.variants)
            contig, variants = make_variants(folder, places, length)
            x, substitutions = windows(contig, variants, length)
            model = (Basset() if network == "basset" else BpNet()).eval()

            def score(name):
                command = [binary, "variants", "run", "--vcf", name, "--genome", "g.fa", "-o", "out.vcf"]
                command += ["--grid", str(args.grid), "-t", str(args.threads)]
                command += ["--plain"] if args.plain else []
                start = time.perf_counter()
                subprocess.run(command, cwd=folder, check=True, capture_output=True)
                return time.perf_counter() - start

            score("one.vcf")
            ratios = []
            for _ in range(args.rounds):
                start = time.perf_counter()
                substitution_effect(model, x, substitutions, device="cpu", batch_size=64)
                peer = time.perf_counter() - start
                own = score("all.vcf") - score("one.vcf")
                ratios.append(peer / own)
                rate = len(variants) / own
                print(f"{network}: tangermeme {peer:.2f} s, basewise {own:.2f} s ({rate:.0f} variants a second), ratio {ratios[-1]:.2f}")
            print(f"{network}: median ratio {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}")


if __name__ == "__main__":
    main()
