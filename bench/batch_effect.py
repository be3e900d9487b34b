"""A simulated batch effect, removed by a variational autoencoder: silhouettes of principal components and of latent numbers.

    python bench/batch_effect.py BASEWISE [--seeds 3] [--cells 900] [--genes 1000] [--epochs 200]

Simulates three types of cells in two batches, negative binomial counts: each type has a fifth of the genes of its own at another
level, and the second batch has every gene at another level (log-normal factors); types are as frequent in both. Runs
`basewise cells autoencode --model vae` with and without `--batch`. Prints mean silhouettes by batch (0 where batches are mixed) and
by type, of as many principal components and of the latent numbers, and the adjusted Rand index of Leiden's clusters with types.
Needs numpy alone.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy as np


def simulate(path, cells, genes, seed):
    rng = np.random.default_rng(seed)
    base = rng.lognormal(0.0, 1.0, genes)
    types = np.where(rng.random((3, genes)) < 0.2, rng.lognormal(0.0, 1.0, (3, genes)), 1.0)
    batches = np.stack([np.ones(genes), rng.lognormal(0.0, 0.6, genes)])
    batch = rng.integers(0, 2, cells)
    kind = rng.integers(0, 3, cells)
    profile = base * types[kind] * batches[batch]
    mean = profile / profile.sum(1, keepdims=True) * rng.lognormal(np.log(2000), 0.3, (cells, 1))
    counts = rng.poisson(mean * rng.gamma(2.0, 0.5, mean.shape))
    with open(path, "w") as file:
        file.write("cell\ttype\tbatch\t" + "\t".join(f"g{gene}" for gene in range(genes)) + "\n")
        for cell in range(cells):
            file.write(f"c{cell}\tt{kind[cell]}\tb{batch[cell]}\t" + "\t".join(map(str, counts[cell])) + "\n")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("basewise")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--cells", type=int, default=900)
    options.add_argument("--genes", type=int, default=1000)
    options.add_argument("--epochs", type=int, default=200)
    args = options.parse_args()
    print("seed\tspace\tsilhouette_by_batch\tsilhouette_by_type\tclusters\tari")
    for seed in range(1, args.seeds + 1):
        with tempfile.TemporaryDirectory() as scratch:
            table = pathlib.Path(scratch) / "cells.tsv"
            simulate(table, args.cells, args.genes, seed)
            for told in (False, True):
                run = str(pathlib.Path(scratch) / f"run{told}")
                line = [args.basewise, "cells", "autoencode", str(table), "--labels", "type", "--seed", str(seed), "--no-map", "-o", run]
                line += ["--epochs", str(args.epochs), "--warm-up", str(args.epochs), "--variable-genes", "0", "--min-genes", "0"]
                line += ["--batch", "batch"] if told else ["--describing", "batch"]
                subprocess.run(line, check=True, capture_output=True, text=True)
                said = json.loads(pathlib.Path(run, "autoencode.json").read_text())
                if told:
                    show(seed, "principal components", said["pca"])
                    show(seed, "latent numbers, batch known", said["autoencoder"])
                else:
                    said["autoencoder"]["batch_silhouette"] = by_batch(run, table)
                    show(seed, "latent numbers, batch unknown", said["autoencoder"])


def by_batch(run, table):
    """The mean silhouette by batch of latent.tsv, for a run that was not told batches."""
    batch = np.array([line.split("\t", 3)[2] == "b1" for line in open(table)][1:])
    rows = [line.rstrip("\n").split("\t") for line in open(pathlib.Path(run, "latent.tsv"))]
    columns = [i for i, name in enumerate(rows[0]) if name.startswith("latent_")]
    x = np.array([[float(row[i]) for i in columns] for row in rows[1:]])
    distance = np.sqrt(((x[:, None] - x[None]) ** 2).sum(2))
    values = []
    for i, own in enumerate(batch):
        same = (batch == own) & (np.arange(len(batch)) != i)
        a, b = distance[i, same].mean(), distance[i, batch != own].mean()
        values.append((b - a) / max(a, b))
    return float(np.mean(values))


def show(seed, space, worth):
    print(f"{seed}\t{space}\t{worth['batch_silhouette']:.3f}\t{worth['label_silhouette']:.3f}\t{worth['clusters']}\t{worth['ari']:.3f}", flush=True)


if __name__ == "__main__":
    main()
