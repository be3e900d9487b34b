"""A small bigWig by pyBigWig, and what it reads from it: reference values of basewise_io::bigwig (see versions.txt).

    python -m venv venv && venv/bin/pip install -r versions.txt && venv/bin/python make.py

Contig chr1 has items with start and end, chr2 items with a start, chr10 items in equal steps. values.json holds for some
stretches the value of each base, null where there is none.
"""

import json

import pyBigWig

CONTIGS = [("chr1", 1000), ("chr10", 500), ("chr2", 300)]

with pyBigWig.open("small.bw", "w") as out:
    out.addHeader(CONTIGS)
    starts = [0, 7, 30, 31, 900]
    out.addEntries(["chr1"] * 5, starts, ends=[3, 12, 31, 50, 1000], values=[1.5, -2.0, 0.0, 1e6, 0.1])
    out.addEntries("chr10", 10, values=[float(i) for i in range(40)], span=5, step=10)
    out.addEntries("chr2", [0, 99, 299], values=[3.0, 4.0, 5.0], span=1)

stretches = [("chr1", 0, 60), ("chr1", 895, 1000), ("chr10", 0, 80), ("chr10", 390, 500), ("chr2", 0, 300)]
with pyBigWig.open("small.bw") as file:
    read = lambda *stretch: [None if v != v else v for v in file.values(*stretch)]
    cases = [{"contig": c, "start": s, "end": e, "values": read(c, s, e)} for c, s, e in stretches]
    contigs = sorted(file.chroms().items())
with open("values.json", "w") as out:
    json.dump({"contigs": contigs, "cases": cases}, out)
    out.write("\n")
