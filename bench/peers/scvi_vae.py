"""A variational autoencoder of counts by scvi-tools with its defaults: the rival of `basewise cells autoencode`.

    pip install scvi-tools scanpy igraph leidenalg
    python bench/peers/scvi_vae.py BASEWISE INPUT --labels FILE [--seeds 5] [--validation 0.1] [--batch COLUMN] [--out FILE.json]

For each seed, in turns: `basewise cells autoencode INPUT --model vae --likelihood zinb`, and then scvi.model.SCVI on the same
training cells and genes, as the h5ad file of the first names them, with all settings at their defaults (zero-inflated negative
binomial, 10 latent numbers, as many epochs). A tenth of the cells is held out from both. Without --validation, both keep the
weights of their last epoch and look at no other cells while they train. With it, basewise sets so many cells aside and keeps the
epoch that suits these best, as it does by default; scvi-tools trains on them too.

Both latent spaces are clustered by scanpy (15 neighbours, Leiden by igraph at resolution 1) with five seeds, of which the medians
are taken. Prints for each: minus the evidence lower bound and the importance-weighted likelihood (25 draws) of the held-out cells,
ARI and NMI of all cells, the silhouette by label, wall and processor seconds an epoch of training; at last the medians of all seeds
and of the ratios of times.
"""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import tempfile
import time
import warnings

warnings.filterwarnings("ignore")

import anndata
import numpy as np
import pandas as pd
import scanpy as sc
import scvi
import torch
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_score

DRAWS = 25


def clusters(latent, labels):
    data = anndata.AnnData(np.asarray(latent, dtype=np.float32))
    known = labels.notna().values
    names = labels[known].astype(str)
    found = []
    for seed in range(5):
        sc.pp.neighbors(data, n_neighbors=15, use_rep="X", random_state=seed)
        sc.tl.leiden(data, flavor="igraph", n_iterations=2, directed=False, random_state=seed)
        own = data.obs["leiden"]
        found.append((adjusted_rand_score(names, own[known]), normalized_mutual_info_score(names, own[known]), own.nunique()))
    ari, nmi, count = np.median(found, axis=0)
    silhouette = float(silhouette_score(data.X[known], names))
    return {"ari": ari, "ari_range": [min(found)[0], max(found)[0]], "nmi": nmi, "clusters": count, "silhouette": silhouette}


def ours(args, seed, folder):
    line = [args.basewise, "cells", "autoencode", args.input, "--model", "vae", "--likelihood", args.likelihood, "--labels", args.labels]
    line += ["--seed", str(seed), "--no-map", "--draws", str(DRAWS), "--patience", "0", "-o", folder, "--overwrite", "--json"]
    line += ["--validation", str(args.validation)]
    line += ["--batch", args.batch] if args.batch else []
    # All but training costs the same in a run of one epoch.
    rest = processor_seconds([*line, "--epochs", "1"])[1]
    said, used = processor_seconds(line + (["--epochs", str(args.epochs)] if args.epochs else []))
    held_out = said["held_out"]
    return said, {
        "bound": held_out["negative_evidence_lower_bound"],
        "marginal": held_out["negative_marginal_log_likelihood"],
        "seconds_an_epoch": said["seconds_an_epoch"],
        "processor_seconds_an_epoch": (used - rest) / max(said["epochs"] - 1, 1),
        "epoch": said["best_epoch"],
    }


def processor_seconds(line):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = json.loads(subprocess.run(line, check=True, capture_output=True, text=True).stdout)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return said, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def theirs(data, args, epochs, seed):
    scvi.settings.seed = seed
    held_out = data.obs["held_out_bw_vae"].values.astype(bool)
    training = data[~held_out].copy()
    scvi.model.SCVI.setup_anndata(training, batch_key=args.batch)
    model = scvi.model.SCVI(training, gene_likelihood=args.likelihood)
    start, processor = time.perf_counter(), time.process_time()
    model.train(max_epochs=epochs, train_size=1.0, accelerator="cpu", enable_progress_bar=False, logger=None)
    wall, used = time.perf_counter() - start, time.process_time() - processor
    rest = data[held_out].copy()
    bound = -float(np.mean([float(model.get_elbo(rest)) for _ in range(DRAWS)]))
    marginal = -float(model.get_marginal_ll(rest, n_mc_samples=DRAWS))
    return model.get_latent_representation(data.copy()), {
        "bound": bound,
        "marginal": marginal,
        "seconds_an_epoch": wall / epochs,
        "processor_seconds_an_epoch": used / epochs,
    }


def summarize(rows):
    pairs = list(zip(rows[::2], rows[1::2]))
    for key in ("bound", "marginal", "ari", "nmi", "silhouette", "seconds_an_epoch", "processor_seconds_an_epoch"):
        medians = [float(np.median([pair[side][key] for pair in pairs])) for side in (0, 1)]
        print(f"{key}: basewise {medians[0]:.4f}, scvi-tools {medians[1]:.4f}")
    for key in ("seconds_an_epoch", "processor_seconds_an_epoch"):
        ratios = [theirs[key] / own[key] for own, theirs in pairs]
        print(f"ratio of {key}: median {np.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("basewise")
    options.add_argument("input")
    options.add_argument("--labels", required=True)
    options.add_argument("--batch")
    options.add_argument("--likelihood", default="zinb")
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--validation", type=float, default=0.0)
    options.add_argument("--epochs", type=int)
    options.add_argument("--out")
    args = options.parse_args()
    torch.set_num_threads(os.cpu_count())
    rows = []
    for seed in range(1, args.seeds + 1):
        with tempfile.TemporaryDirectory() as scratch:
            folder = str(pathlib.Path(scratch) / "run")
            said, own = ours(args, seed, folder)
            data = sc.read_h5ad(f"{folder}/cells.h5ad")
            table = pd.read_csv(f"{folder}/latent.tsv", sep="\t", index_col=0, dtype={"label": str})
        labels = table["label"].reindex(data.obs_names)
        data = data[:, data.var["used_bw_vae"].values.astype(bool)].copy()
        latent = data.obsm["X_bw_vae"]
        rows.append({"program": "basewise", "seed": seed, **own, **clusters(latent, labels)})
        latent, other = theirs(data, args, said["epochs"], seed)
        rows.append({"program": f"scvi-tools {scvi.__version__}", "seed": seed, **other, **clusters(latent, labels)})
        for row in rows[-2:]:
            print(json.dumps(row), flush=True)
    summarize(rows)
    if args.out:
        pathlib.Path(args.out).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
