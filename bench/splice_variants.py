#!/usr/bin/env python3
"""Does a splice model rank variants that break GT or AG above others at the same sites?

Draws 5,000 substitutions (seed 1) from 35 bases before to 35 after annotated donors or acceptors on both strands, a tenth of them
within the site's two bases, scores them with `basewise variants --regions --centre region`, and prints the area under the ROC curve
of |change of log odds|: the two bases of the site against all other positions. Needs Python's standard library alone.

usage: splice_variants.py shift TABLE.tsv.gz SITE OUT.tsv --length 140 --offset 70 --reach 200
       splice_variants.py score BASEWISE RUN GENOME.fa.gz GENES.gb.gz donor|acceptor WORK --length 140 --offset 70
`shift` writes the table's sequences cut so that the base SITE (from 0) lies at `--offset`, and beside each the same sequence cut
elsewhere (3 to `--reach` bases away), of class 0. `--offset` is the place of G of GT or A of AG in the model's sequences.
"""
import argparse, bisect, gzip, json, pathlib, random, re, statistics, subprocess

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def genome(path):
    lines = gzip.open(path, "rt").read().splitlines()
    return lines[0][1:].split()[0], "".join(lines[1:]).upper()


def introns(path, sequence):
    """Introns of coding sequences, [start, end) in the genome, with their strand."""
    found = set()
    for entry in gzip.open(path, "rt").read().split("LOCUS")[1:]:
        own = re.sub(r"[^acgtn]", "", entry.split("ORIGIN")[1].split("//")[0]).upper()
        start = sequence.find(own)
        for place in re.findall(r"CDS\s+([^/]+)/", entry) if start >= 0 else []:
            place = re.sub(r"\s", "", place)
            exons = [(int(a), int(b)) for a, b in re.findall(r"(\d+)\.\.(\d+)", place)]
            strand = "-" if place.startswith("complement") else "+"
            found |= {(start + b, start + c - 1, strand) for (_, b), (c, _) in zip(exons, exons[1:])}
    return sorted(found)


def sites(sequence, places, kind):
    """The genome's position of each site's first base along its strand, where the site reads GT or AG."""
    found = []
    for start, end, strand in places:
        at_start = (kind == "donor") == (strand == "+")
        two = sequence[start : start + 2] if at_start else sequence[end - 2 : end]
        read = two if strand == "+" else two.translate(COMPLEMENT)[::-1]
        if read == ("GT" if kind == "donor" else "AG"):
            left = start if at_start else end - 2
            found.append((left if strand == "+" else left + 1, strand))
    return sorted(set(found))


def draw(sequence, found, count=5000):
    variants = {}
    while len(variants) < count:
        first, strand = random.choice(found)
        step = random.choice([0, 1]) if random.random() < 0.1 else random.randrange(-35, 37)
        at = first + step if strand == "+" else first - step
        alternate = random.choice([b for b in "ACGT" if b != sequence[at]])
        variants.setdefault((at, alternate), step)
    return variants


def write(folder, contig, sequence, found, variants, length, offset):
    with open(folder / "sites.bed", "w") as bed:
        for first, strand in found:
            start = first - offset if strand == "+" else first + 1 + offset - length
            bed.write(f"{contig}\t{start + length // 2}\t{start + length // 2 + 1}\t.\t0\t{strand}\n")
    with open(folder / "variants.vcf", "w") as vcf:
        vcf.write('##fileformat=VCFv4.2\n##INFO=<ID=STEP,Number=1,Type=Integer,Description="From the first base of the site">\n')
        vcf.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        for (at, alternate), step in sorted(variants.items()):
            vcf.write(f"{contig}\t{at + 1}\t.\t{sequence[at]}\t{alternate}\t.\t.\tSTEP={step}\n")
    with open(folder / "genome.fa", "w") as fasta:
        fasta.write(f">{contig}\n" + "\n".join(sequence[i : i + 60] for i in range(0, len(sequence), 60)) + "\n")


def auroc(positive, negative):
    negative = sorted(negative)
    wins = sum(bisect.bisect_left(negative, p) + bisect.bisect_right(negative, p) for p in positive)
    return wins / 2 / len(positive) / len(negative)


def shift(given):
    start = given.site - given.offset
    with open(given.out, "w") as out:
        out.write("id\tsplit\tlabel\tsequence\n")
        for line in gzip.open(given.table, "rt").read().splitlines()[1:]:
            name, split, label, sequence = line.split("\t")[:4]
            last = len(sequence) - given.length
            away = [at for at in range(max(0, start - given.reach), min(last, start + given.reach) + 1) if abs(at - start) > 2]
            for suffix, label, at in (("", label, start), ("_shifted", "0", random.choice(away))):
                out.write(f"{name}{suffix}\t{split}\t{label}\t{sequence[at : at + given.length]}\n")


def score(given):
    folder = pathlib.Path(given.work)
    folder.mkdir(parents=True, exist_ok=True)
    contig, sequence = genome(given.genome)
    found = sites(sequence, introns(given.genes, sequence), given.kind)
    write(folder, contig, sequence, found, draw(sequence, found), given.length, given.offset)
    command = [given.basewise, "variants", given.run, "--vcf", folder / "variants.vcf", "--genome", folder / "genome.fa"]
    command += ["--regions", folder / "sites.bed", "--centre", "region", "-o", folder / "scored.vcf", "--quiet"]
    subprocess.run(command, check=True)
    scores, reference = {True: [], False: []}, []
    for line in open(folder / "scored.vcf"):
        field = dict(part.split("=") for part in line.rstrip("\n").split("\t")[7].split(";") if "=" in part) if line[0] != "#" else {}
        if "BW_LOGODDS" in field:
            scores[field["STEP"] in ("0", "1")].append(abs(float(field["BW_LOGODDS"])))
            reference.append(float(field["BW_REF"]))
    print(json.dumps({
        "kind": given.kind, "sites": len(found), "in the site": len(scores[True]), "elsewhere": len(scores[False]),
        "auroc": round(auroc(scores[True], scores[False]), 4), "median prediction of the reference": round(statistics.median(reference), 4),
    }))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    for verb, names in ((shift, ("table", "site", "out")), (score, ("basewise", "run", "genome", "genes", "kind", "work"))):
        verb_parser = verbs.add_parser(verb.__name__)
        for name in names:
            verb_parser.add_argument(name, type=int if name == "site" else str)
        verb_parser.add_argument("--length", type=int, default=140)
        verb_parser.add_argument("--offset", type=int, default=70)
        verb_parser.add_argument("--reach", type=int, default=200)
        verb_parser.set_defaults(run_verb=verb)
    given = parser.parse_args()
    random.seed(1)
    given.run_verb(given)


if __name__ == "__main__":
    main()
