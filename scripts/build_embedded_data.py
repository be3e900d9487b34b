#!/usr/bin/env python3
"""Rebuild the real data that the basewise binary carries (crates/cli/data).

    python3 scripts/build_embedded_data.py            rebuild and verify against MANIFEST.sha256
    python3 scripts/build_embedded_data.py --update   accept what was built: write files and manifest anew

Sources are packages, asked for by name with their own clients: Debian's `augustus-doc` (apt-get download)
and PyPI's `gimmemotifs` and `pyjaspar` (pip download). Every file taken out of a package is compared with
the SHA-256 recorded below before it is used, so that another package version cannot slip in unnoticed.

Needs Debian (or a derivative) with python3, python3-pip and dpkg-deb, and about 400 MB under the temporary
folder. Only the standard library is imported. On a fresh machine, as root:

    apt-get update && apt-get install -y python3 python3-pip

Exit codes: 0 what was built is what the manifest records, 1 it is not, 2 it could not be built.
"""

import argparse
import gzip
import hashlib
import io
import re
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "crates" / "cli" / "data"
MANIFEST = DATA / "MANIFEST.sha256"
SIZE_LIMIT = 2_000_000  # bytes, all compressed files together
SEED = 1
FLANK = 70  # bases on either side of the splice junction

DEBIAN_PACKAGE = "augustus-doc"
GENES = "usr/share/doc/augustus/tutorial/results/genes.gb.{split}"
PEAKS_PACKAGE, PEAKS_VERSION = "gimmemotifs", "0.18.4"
PEAKS = "data/examples/Gm12878.CTCF.top500.w200.fa"
MATRICES_PACKAGE, MATRICES_VERSION = "pyjaspar", "4.0.0"
MATRICES_RELEASE = "2026"
MATRICES = f"pyjaspar/data/JASPAR{MATRICES_RELEASE}.sqlite"

# SHA-256 of the files inside the packages.
SOURCE_DIGESTS = {
    "genes.gb.train": "e401b3fe83568b5337e9f501dfa3291c8deea44ebbaf20d62a1e3ed308cea0a1",
    "genes.gb.test": "d279fdf4c1e952fb2109bc559d269cb71590be618a6a7b6fa98730e631edd050",
    "Gm12878.CTCF.top500.w200.fa": "da17b421f197986ae53a7153e3ee2c47a53d92ccec4abbdf6931af86b8b6efda",
    f"JASPAR{MATRICES_RELEASE}.sqlite": "4fde0cc35fa91725e8ffb4e4baa51b9af74aab07a1577ecf7f645d6f6026668e",
}

COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


class BuildError(Exception):
    """Something that the person who runs the script can mend; the message says how."""


# --- sources ---------------------------------------------------------------------------------------------------


def run(command, folder, hint):
    """Run a package client in `folder`; its own output is shown only where it fails."""
    try:
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except FileNotFoundError as error:
        raise BuildError(f"{command[0]} is not installed; {hint}") from error
    if done.returncode != 0:
        raise BuildError(f"`{' '.join(command)}` failed; {hint}\n{done.stdout[-2000:]}")


def only(folder, pattern):
    """The one file in `folder` that matches `pattern`."""
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise BuildError(f"expected one {pattern} in {folder}, found {len(found)}")
    return found[0]


def checked(name, content):
    """`content`, after its digest was found equal to the recorded one."""
    digest = hashlib.sha256(content).hexdigest()
    if digest != SOURCE_DIGESTS[name]:
        raise BuildError(f"{name}: expected SHA-256 {SOURCE_DIGESTS[name]}, found {digest}; the package has changed")
    return content


def fetch_genes(folder):
    """{'train': GenBank text, 'test': GenBank text} of the AUGUSTUS tutorial."""
    run(["apt-get", "download", DEBIAN_PACKAGE], folder, "on a fresh machine, run `apt-get update` first")
    unpacked = folder / "deb"
    run(["dpkg-deb", "-x", str(only(folder, "*.deb")), str(unpacked)], folder, "dpkg-deb comes with Debian's dpkg")
    read = lambda split: checked(f"genes.gb.{split}", (unpacked / GENES.format(split=split)).read_bytes())
    return {split: read(split).decode("ascii") for split in ("train", "test")}


def pip_download(folder, package, version, *options):
    hint = "on a fresh machine, run `apt-get install -y python3-pip` first"
    run([sys.executable, "-m", "pip", "download", "--no-deps", *options, f"{package}=={version}"], folder, hint)


def fetch_peaks(folder):
    """FASTA bytes of the 500 strongest CTCF peaks of GM12878."""
    pip_download(folder, PEAKS_PACKAGE, PEAKS_VERSION, "--no-binary", PEAKS_PACKAGE)
    name = Path(PEAKS).name
    with tarfile.open(only(folder, f"{PEAKS_PACKAGE}-*.tar.gz")) as archive:
        return checked(name, archive.extractfile(f"{PEAKS_PACKAGE}-{PEAKS_VERSION}/{PEAKS}").read())


def fetch_matrices(folder):
    """Path of the JASPAR SQLite file."""
    pip_download(folder, MATRICES_PACKAGE, MATRICES_VERSION, "--only-binary", ":all:")
    name = Path(MATRICES).name
    with zipfile.ZipFile(only(folder, f"{MATRICES_PACKAGE}-*.whl")) as archive:
        (folder / name).write_bytes(checked(name, archive.read(MATRICES)))
    return folder / name


# --- splice sites ----------------------------------------------------------------------------------------------


def parse_genbank(text):
    """Yield (locus, sense sequence, exons) for each record; exons are 0-based half-open on the sense strand."""
    for record in text.split("\n//")[:-1]:
        locus = re.search(r"^LOCUS\s+(\S+)", record, re.M).group(1)
        origin = record.index("\nORIGIN")
        sequence = re.sub(r"[^a-z]", "", record[origin + len("\nORIGIN"):]).upper()
        location = re.search(r"^ {5}CDS +(.*?)(?=^ +/|^[A-Z])", record, re.M | re.S).group(1)
        location = "".join(location.split())  # lines break anywhere, even inside a number
        exons = [(int(a) - 1, int(b)) for a, b in re.findall(r"(\d+)\.\.(\d+)", location)]
        if "complement" in location:
            n = len(sequence)
            sequence = sequence.translate(COMPLEMENT)[::-1]
            exons = [(n - end, n - start) for start, end in reversed(exons)]
        yield locus, sequence, exons


def is_donor(sequence, junction):
    return sequence[junction:junction + 2] == "GT"


def is_acceptor(sequence, junction):
    return sequence[junction - 2:junction] == "AG"


def sites_of_gene(kind, locus, sequence, exons):
    """(junctions of real sites, junctions of as many decoys) of one gene, each with full flanks.

    A junction is the number of bases before it on the sense strand. Decoys are dinucleotides of the same kind in the
    same gene that no annotated exon begins or ends at. They are drawn by rank of a hash of their name, which needs
    no random generator and so gives the same draw on any Python.
    """
    is_site = is_donor if kind == "donor" else is_acceptor
    annotated = [end for _, end in exons[:-1]] if kind == "donor" else [start for start, _ in exons[1:]]
    usable = lambda j: FLANK <= j <= len(sequence) - FLANK and is_site(sequence, j)
    real = [j for j in annotated if usable(j)]
    decoys = [j for j in range(FLANK, len(sequence) - FLANK + 1) if usable(j) and j not in set(annotated)]
    rank = lambda j: hashlib.sha256(f"{SEED} {kind} {locus} {j}".encode()).digest()
    return real, sorted(sorted(decoys, key=rank)[:len(real)])


def splice_table(kind, genes):
    """TSV text of real and decoy sites; `gene` names the group that never crosses a split."""
    rows = ["id\tsplit\tlabel\tgene\tsequence"]
    for split, text in genes.items():
        for locus, sequence, exons in parse_genbank(text):
            real, decoys = sites_of_gene(kind, locus, sequence, exons)
            for label, junctions in ((1, real), (0, decoys)):
                for j in junctions:
                    window = sequence[j - FLANK:j + FLANK]
                    rows.append(f"{locus}:{j}\t{split}\t{label}\t{locus}\t{window}")
    return ("\n".join(rows) + "\n").encode("ascii")


# --- matrices --------------------------------------------------------------------------------------------------


def jaspar_meme(path):
    """MEME minimal motif format: the latest version of each CORE matrix of the release, all taxonomic groups."""
    database = sqlite3.connect(path)
    latest = {}
    query = "SELECT id, base_id, CAST(version AS INTEGER), name FROM matrix WHERE collection = 'CORE'"
    for key, base, version, name in database.execute(query):
        if base not in latest or version > latest[base][1]:
            latest[base] = (key, version, name)
    out = io.StringIO()
    out.write("MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\n")
    out.write("Background letter frequencies\nA 0.25 C 0.25 G 0.25 T 0.25\n")
    for base, (key, version, name) in sorted(latest.items()):
        write_motif(out, f"{base}.{version}", name, read_counts(database, key))
    database.close()
    return out.getvalue().encode("utf-8")


def read_counts(database, key):
    """Counts of one matrix, one row a position, columns in the order A C G T."""
    columns = {}
    for base, column, value in database.execute('SELECT row, col, val FROM matrix_data WHERE id = ?', (key,)):
        columns.setdefault(column, {})[base] = value
    return [[columns[c].get(base, 0.0) for base in "ACGT"] for c in sorted(columns)]


def write_motif(out, identifier, name, counts):
    sites = round(max(sum(row) for row in counts))
    out.write(f"\nMOTIF {identifier} {'_'.join(name.split())}\n")
    out.write(f"letter-probability matrix: alength= 4 w= {len(counts)} nsites= {sites} E= 0\n")
    for row in counts:
        total = sum(row)
        out.write(" ".join(f"{value / total:.6f}" for value in row) + "\n")


# --- manifest --------------------------------------------------------------------------------------------------


def compress(content):
    """gzip without name and time, so that the same content gives the same bytes with the same zlib."""
    return gzip.compress(content, compresslevel=9, mtime=0)


def read_manifest():
    lines = MANIFEST.read_text().splitlines() if MANIFEST.exists() else []
    return {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}


def build():
    """{file name without .gz: content}."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        genes = fetch_genes(folder)
        return {
            "donor.tsv": splice_table("donor", genes),
            "acceptor.tsv": splice_table("acceptor", genes),
            "ctcf.fa": fetch_peaks(folder),
            "jaspar.meme": jaspar_meme(fetch_matrices(folder)),
        }


def verify(contents):
    """Differences between what was built and the manifest, in words."""
    recorded = read_manifest()
    problems = []
    for name, content in contents.items():
        digest = hashlib.sha256(content).hexdigest()
        if recorded.get(name) != digest:
            problems.append(f"{name}: the manifest records {recorded.get(name, 'nothing')}, built {digest}")
    return problems


def write(contents):
    """Write the compressed files and the manifest: digests of the files as stored and as unpacked."""
    lines = []
    for name, content in sorted(contents.items()):
        packed = compress(content)
        (DATA / f"{name}.gz").write_bytes(packed)
        lines.append(f"{hashlib.sha256(packed).hexdigest()}  {name}.gz")
        lines.append(f"{hashlib.sha256(content).hexdigest()}  {name}")
    MANIFEST.write_text("\n".join(lines) + "\n")


def restore_missing(contents):
    """Put back files that are absent or whose content is not what was just verified; touch no others."""
    for name, content in contents.items():
        path = DATA / f"{name}.gz"
        try:
            same = gzip.decompress(path.read_bytes()) == content
        except (OSError, EOFError):
            same = False
        if not same:
            path.write_bytes(compress(content))
            print(f"wrote {path.name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--update", action="store_true", help="accept what was built: write files and manifest anew")
    arguments = parser.parse_args()
    contents = build()
    total = sum(len(compress(content)) for content in contents.values())
    for name, content in contents.items():
        print(f"{name}: {len(content)} bytes, {len(compress(content))} compressed")
    print(f"together {total} bytes compressed; at most {SIZE_LIMIT} are allowed")
    if total > SIZE_LIMIT:
        raise BuildError("the embedded data would be too large")
    if arguments.update:
        write(contents)
        return 0
    problems = verify(contents)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        print("nothing was written; --update accepts what was built", file=sys.stderr)
        return 1
    restore_missing(contents)
    print(f"equal to {MANIFEST.name}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (BuildError, OSError, sqlite3.Error, tarfile.TarError, zipfile.BadZipFile) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
