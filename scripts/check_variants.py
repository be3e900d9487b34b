"""Scores a real VCF on contigs made to match it, and checks that nothing else of it changed.

    venv/bin/python scripts/check_variants.py RUN variants.vcf.gz [--binary target/release/basewise] [--mismatches 25]

Makes a genome of random bases that has the REF of every record at its place; scores into VCF, bgzip and BCF; fails if a line
without its BW_ fields is not the input's, if a record is not scored that should be, or if pysam (where it is installed)
reads another number of records through the index. Then changes the genome at some records: the run must stop at the first
of them, and with `--on-ref-mismatch skip` exactly these must be `ref_mismatch`.
"""

import argparse
import gzip
import random
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import pysam
except ImportError:
    pysam = None


def read(path):
    """Header lines and records of a VCF, plain or compressed."""
    opened = gzip.open(path, "rt") if str(path).endswith("gz") else open(path)
    with opened as lines:
        lines = [line.rstrip("\n") for line in lines]
    return [l for l in lines if l.startswith("#")], [l for l in lines if l and not l.startswith("#")]


def make_genome(records, path, changed=()):
    """Contigs that have every REF at its place; the base of each record in `changed` (by number) is another."""
    contigs = {}
    for number, line in enumerate(records):
        chrom, pos, _, ref = line.split("\t")[:4]
        contigs.setdefault(chrom, []).append((int(pos) - 1, ref.upper(), number))
    with open(path, "w") as out:
        for chrom, places in contigs.items():
            first = min(start for start, _, _ in places)
            last = max(start + len(ref) for start, ref, _ in places)
            # Bases far from any record need not be drawn.
            begin = max(0, first - 5000)
            sequence = bytearray(b"N" * begin) + bytearray(random.choices(b"ACGT", k=last + 5000 - begin))
            for start, ref, _ in places:
                sequence[start : start + len(ref)] = ref.encode()
            for start, ref, number in places:
                if number in changed:
                    sequence[start] = ord("A" if ref[0] != "A" else "C")
            out.write(f">{chrom}\n")
            for at in range(0, len(sequence), 60):
                out.write(sequence[at : at + 60].decode() + "\n")


def without_scores(line):
    columns = line.split("\t")
    info = [entry for entry in columns[7].split(";") if not entry.startswith("BW_")]
    columns[7] = ";".join(info) or "."
    return "\t".join(columns)


def status(line):
    entries = [entry for entry in line.split("\t")[7].split(";") if entry.startswith("BW_STATUS=")]
    return entries[0].split("=")[1].split(",") if entries else []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("vcf")
    parser.add_argument("--binary", default="target/release/basewise")
    parser.add_argument("--mismatches", type=int, default=25)
    args = parser.parse_args()
    random.seed(1)
    _, records = read(args.vcf)
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)

        def score(genome, output, *more):
            command = [args.binary, "variants", args.run, "--vcf", args.vcf, "--genome", str(folder / genome)]
            return subprocess.run([*command, "-o", str(folder / output), *more], capture_output=True, text=True)

        make_genome(records, folder / "genome.fa")
        for name in ["out.vcf", "out.vcf.gz", "out.bcf"]:
            ran = score("genome.fa", name)
            print(name, ran.stderr.strip().splitlines()[-1])
            if ran.returncode != 0:
                sys.exit(ran.stderr)
            if name != "out.bcf":
                _, found = read(folder / name)
                if [without_scores(line) for line in found] != records:
                    failures.append(f"{name}: records changed")
                unscored = [s for line in found for s in status(line) if not s.startswith("scored")]
                print(f"  {len(found)} records, {len(unscored)} alleles without scores: {sorted(set(unscored))}")
            if pysam is not None:
                with pysam.VariantFile(str(folder / name)) as file:
                    read_back = [(r.chrom, r.pos, r.ref, r.alts, r.info["BW_STATUS"]) for r in file]
                    if len(read_back) != len(records):
                        failures.append(f"{name}: pysam reads {len(read_back)} records")
                    if name != "out.vcf":
                        chrom, pos = records[len(records) // 2].split("\t")[:2]
                        near = list(file.fetch(chrom, int(pos) - 1, int(pos)))
                        if int(pos) not in [r.pos for r in near]:
                            failures.append(f"{name}: pysam finds no record at {chrom}:{pos} through the index")
        short = [number for number, line in enumerate(records) if len(line.split("\t")[3]) == 1]
        changed = set(random.sample(short, args.mismatches))
        places = {tuple(records[number].split("\t")[:2]) for number in changed}
        make_genome(records, folder / "changed.fa", changed)
        stopped = score("changed.fa", "stopped.vcf")
        print("planted:", stopped.stderr.strip().splitlines()[0])
        if stopped.returncode != 2 or (folder / "stopped.vcf").exists():
            failures.append("a planted mismatch did not stop the run")
        score("changed.fa", "skipped.vcf", "--on-ref-mismatch", "skip")
        _, found = read(folder / "skipped.vcf")
        told = {tuple(line.split("\t")[:2]) for line in found if "ref_mismatch" in status(line)}
        overlapped = told - places
        print(f"  {len(places & told)} of {len(places)} planted places found, {len(overlapped)} others (records over the same base)")
        if not places <= told:
            failures.append(f"planted mismatches not found: {sorted(places - told)}")
        for chrom, pos in overlapped:
            spans = [(int(p), int(p) + len(line.split("\t")[3])) for line in records for p in [line.split("\t")[1]] if p == pos]
            if not any(start <= int(other) < end for start, end in spans for _, other in places):
                failures.append(f"a mismatch at {chrom}:{pos} that was not planted")
    for failure in failures:
        print("FAILED:", failure)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
