"""Writes a table of random DNA in which one class carries a motif: id, split, label, sequence.

    python make_training_set.py OUT.tsv [--train 50000] [--valid 2500] [--length 1000] [--seed 1]

Half of the examples hold one instance of GATAAGATTACA with 1 letter in 8 replaced, anywhere. Same options, same bytes.
"""

import argparse
import os

import numpy as np

MOTIF = np.array(["ACGT".index(base) for base in "GATAAGATTACA"], dtype=np.uint8)
LETTERS = np.frombuffer(b"ACGT", dtype=np.uint8)
TEST_EXAMPLES = 100


def sequence(rng, label, length):
    """Letters of one example."""
    codes = rng.integers(0, 4, length, dtype=np.uint8)
    if label:
        start = rng.integers(0, length - len(MOTIF) + 1)
        kept = rng.random(len(MOTIF)) < 7 / 8
        site = codes[start : start + len(MOTIF)]
        codes[start : start + len(MOTIF)] = np.where(kept, MOTIF, site)
    return LETTERS[codes].tobytes().decode()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--train", type=int, default=50_000)
    parser.add_argument("--valid", type=int, default=2_500)
    parser.add_argument("--length", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    splits = ["train"] * args.train + ["valid"] * args.valid + ["test"] * TEST_EXAMPLES
    with open(args.out + ".part", "w") as out:
        out.write("id\tsplit\tlabel\tsequence\n")
        for i, split in enumerate(splits):
            label = i % 2
            out.write(f"s{i}\t{split}\t{label}\t{sequence(rng, label, args.length)}\n")
    os.replace(args.out + ".part", args.out)


if __name__ == "__main__":
    main()
