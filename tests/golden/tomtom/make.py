"""Rebuilds the golden case of motif comparison: motifs.meme and expected.tsv.

    python3 make.py JASPAR2024_CORE.meme     (any MEME file of the JASPAR 2024 CORE collection)

motifs.meme holds 40 target motifs, of which the first 5 are the queries: five well-known factors with their relatives,
and every 60th motif of the collection. expected.tsv holds what memelite says for each pair, without its shortcuts:
every target column by itself (n_target_bins=None) and medians in 100,000 bins. versions.txt names what it ran on.
"""
import sys
from importlib.metadata import version
from pathlib import Path

import numpy
from memelite import tomtom
from memelite.io import read_meme

HERE = Path(__file__).parent
QUERIES = ["CTCF", "JUN", "SPI1", "TBP", "ETS1"]
RELATIVES = ["CTCFL", "FOS", "FOSL1", "JUND", "SPIB", "ELF1", "ELK1", "GABPA", "TP53", "GATA1", "HNF4A", "MEF2A"]

text = Path(sys.argv[1]).read_text()
blocks = ["MOTIF" + block for block in text.split("\nMOTIF")[1:]]
name = {block: block.split("\n")[0].split()[2] for block in blocks}
identifier = {block: block.split("\n")[0].split()[1] for block in blocks}


def newest(wanted):
    """The block of a factor whose accession sorts last: its newest version."""
    return max((b for b in blocks if name[b].upper() == wanted), key=lambda b: identifier[b])


chosen = [newest(wanted) for wanted in QUERIES + RELATIVES]
for block in blocks[::60]:
    if len(chosen) < 40 and block not in chosen:
        chosen.append(block)

header = "MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\nBackground letter frequencies\nA 0.25 C 0.25 G 0.25 T 0.25\n\n"
(HERE / "motifs.meme").write_text(header + "\n".join(block.rstrip() + "\n" for block in chosen))

motifs = read_meme(str(HERE / "motifs.meme"))
# The readers differ in the keys; the order of the file is kept by both. Rows are divided by their sums, as ours are.
matrices = [numpy.asarray(m, dtype=float) for m in motifs.values()]
matrices = [m / m.sum(axis=0, keepdims=True) for m in matrices]
assert len(matrices) == 40
p, scores, offsets, overlaps, strands = tomtom(
    matrices[:5], matrices, n_target_bins=None, n_median_bins=100_000, n_jobs=1
)
with open(HERE / "expected.tsv", "w") as out:
    out.write("query\ttarget\tp_value\tscore\toffset\toverlap\treverse_complement\n")
    for i in range(5):
        for j in range(40):
            cells = identifier[chosen[i]], identifier[chosen[j]], f"{p[i, j]:.9e}", int(scores[i, j]), int(offsets[i, j]), int(overlaps[i, j]), int(strands[i, j])
            out.write("\t".join(map(str, cells)) + "\n")
(HERE / "versions.txt").write_text("".join(f"{package} {version(package)}\n" for package in ["memelite", "numpy", "numba"]) + f"python {sys.version.split()[0]}\n")
