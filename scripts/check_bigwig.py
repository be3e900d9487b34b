"""Checks reading and writing of bigWig against pyBigWig, on any file.

    python -m venv venv && venv/bin/pip install pyBigWig pyarrow numpy
    venv/bin/python scripts/check_bigwig.py target/release/basewise signal.bw chr19

Reading: random windows of the contig, the first and the last base among them, become a data set
(`dataset signal --missing unknown`), whose labels must be pyBigWig's values bit for bit; so must the total over windows
that tile the contig. Writing: a small model is trained on the data set, its prediction is written as bigWig, and
pyBigWig must find in each window the total that the table of predictions has, and the same mean in the coarser copies.
The sequence is random: only places matter here.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pyBigWig

MODEL = "[head]\nprofile_width = 5\n[[layer]]\ntype = 'conv1d'\nfilters = 4\nwidth = 5\n[[layer]]\ntype = 'relu'\n"
WINDOW, OUTPUT = 600, 500


def main(program, track, contig):
    program, track = str(Path(program).resolve()), str(Path(track).resolve())
    rng = np.random.default_rng(1)
    with pyBigWig.open(track) as file, tempfile.TemporaryDirectory() as folder:
        run = lambda *words: subprocess.run([program, *map(str, words)], cwd=folder, check=True)
        length = file.chroms(contig)
        letters = rng.choice(np.frombuffer(b"ACGT", dtype=np.uint8), length)
        Path(folder, "g.fa").write_bytes(b">" + contig.encode() + b"\n" + letters.tobytes() + b"\n")
        reading(file, run, folder, contig, length, rng)
        writing(run, folder, contig)


def bed(folder, name, contig, centres):
    lines = (f"{contig}\t{c}\t{c + 1}\n" for c in centres)
    Path(folder, name).write_text("".join(lines))


def labels(folder, name):
    table = parquet.read_table(Path(folder, name, "examples.parquet"))
    column = table.column("label:signal").combine_chunks()
    rows = column.flatten().to_numpy(zero_copy_only=False).reshape(len(table), -1)
    return rows, table.column("start").to_numpy(), table.column("end").to_numpy()


def reading(file, run, folder, contig, length, rng):
    half = WINDOW // 2
    centres = sorted({half, length - half, *map(int, rng.integers(half, length - half, 3000))})
    bed(folder, "some.bed", contig, centres)
    common = ["--genome", "g.fa", "--track", f"x={file_name(file)}", "--absolute", "--negatives", "none"]
    window = ["--window", WINDOW, "--output-window", WINDOW]
    run("dataset", "signal", "some.bed", *common, *window, "--missing", "unknown", "-o", "some")
    rows, starts, ends = labels(folder, "some")
    for row, start, end in zip(rows, starts, ends):
        expected = np.abs(np.array(file.values(contig, int(start), int(end)), dtype=np.float32))
        assert np.array_equal(row, expected, equal_nan=True), (start, end)
    print(f"{len(rows)} windows of {WINDOW} bases are equal, from {starts.min()} to {ends.max()} of {length}")
    # All of the contig, without the rest that fills no window.
    tile = 10_000
    bed(folder, "all.bed", contig, range(tile // 2, length - tile // 2, tile))
    window = ["--window", tile, "--output-window", tile, "--bin", tile]
    run("dataset", "signal", "all.bed", *common, *window, "-o", "all")
    rows, starts, ends = labels(folder, "all")
    found = rows.astype(np.float64).sum()
    # All values, the negative ones without their sign.
    intervals = file.intervals(contig, int(starts.min()), int(ends.max()))
    expected = sum(abs(v) * (min(e, int(ends.max())) - max(s, int(starts.min()))) for s, e, v in intervals)
    assert abs(found - expected) <= 1e-6 * expected, (found, expected)
    print(f"the total over {starts.min()} to {ends.max()} is {found:.0f}")


def file_name(file):
    return sys.argv[2] if Path(sys.argv[2]).is_absolute() else str(Path(sys.argv[2]).resolve())


def writing(run, folder, contig):
    Path(folder, "small.toml").write_text(MODEL)
    # Windows that do not overlap.
    centres = range(280_000, 680_000, 1_000)
    bed(folder, "apart.bed", contig, centres)
    run("dataset", "signal", "apart.bed", "--genome", "g.fa", "--track", f"x={file_name(None)}", "--absolute",
        "--negatives", "none", "--window", WINDOW, "--output-window", OUTPUT, "-o", "apart")
    run("train", "apart", "--model", "small.toml", "--epochs", "10", "--learning-rate", "0.01", "-o", "run")
    run("predict", "run", "apart.bed", "--genome", "g.fa", "-o", "p.bw")
    run("predict", "run", "apart.bed", "--genome", "g.fa", "-o", "p.parquet")
    totals = np.expm1(parquet.read_table(Path(folder, "p.parquet")).column("prediction:signal:x:log_total").to_numpy())
    totals = np.maximum(totals, 0)
    with pyBigWig.open(str(Path(folder, "p.bw"))) as file:
        assert file.header()["nLevels"] > 0
        for total, centre in zip(totals, centres):
            start, end = centre - OUTPUT // 2, centre + OUTPUT // 2
            found = np.nansum(file.values(contig, start, end))
            assert abs(found - total) <= 1e-4 * max(total, 1), (found, total)
        first, last = centres[0] - WINDOW, centres[-1] + WINDOW
        exact, coarse = (file.stats(contig, first, last, type="mean", exact=exact)[0] for exact in (True, False))
        assert exact > 0 and abs(exact - coarse) <= 1e-3 * exact, (exact, coarse)
        assert abs(file.header()["sumData"] - totals.sum()) <= 1e-3 * totals.sum() + 1
    print(f"{len(totals)} predicted windows have their totals, and the coarser copies agree")


if __name__ == "__main__":
    main(*sys.argv[1:])
