"""A variational autoencoder of counts by scvi-tools with its defaults: the rival of `basewise cells autoencode`.

    pip install scvi-tools scanpy igraph leidenalg
    python bench/peers/scvi_vae.py BASEWISE INPUT --labels FILE [--seeds 3] [--batch COLUMN] [--out FILE.json]

For each seed, in turns: `basewise cells autoencode INPUT --model vae --likelihood zinb`, and then scvi.model.SCVI on the same
training cells and genes, as the h5ad file of the first names them, with all settings at their defaults (zero-inflated negative
binomial, 10 latent numbers, as many epochs). Both latent spaces are clustered by scanpy (15 neighbours, Leiden by igraph).
Prints for each: minus the evidence lower bound and the importance-weighted likelihood (25 draws) of the held-out cells, ARI and NMI
of all cells, wall and processor seconds an epoch of training.
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
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

DRAWS = 25


def clusters(latent, labels, seed):
    data = anndata.AnnData(np.asarray(latent, dtype=np.float32))
    sc.pp.neighbors(data, n_neighbors=15, use_rep="X", random_state=seed)
    sc.tl.leiden(data, flavor="igraph", n_iterations=2, directed=False, random_state=seed)
    known = labels.notna().values
    pair = labels[known].astype(str), data.obs["leiden"][known]
    return {"ari": adjusted_rand_score(*pair), "nmi": normalized_mutual_info_score(*pair), "clusters": data.obs["leiden"].nunique()}


def ours(args, seed, folder):
    line = [args.basewise, "cells", "autoencode", args.input, "--model", "vae", "--likelihood", args.likelihood, "--labels", args.labels]
    line += ["--seed", str(seed), "--no-map", "--draws", str(DRAWS), "--patience", "0", "-o", folder, "--overwrite", "--json"]
    line += (["--batch", args.batch] if args.batch else []) + (["--epochs", str(args.epochs)] if args.epochs else [])
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = json.loads(subprocess.run(line, check=True, capture_output=True, text=True).stdout)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    held_out = said["held_out"]
    return said, {
        "bound": held_out["negative_evidence_lower_bound"],
        "marginal": held_out["negative_marginal_log_likelihood"],
        "seconds_an_epoch": said["seconds_an_epoch"],
        "processor_seconds_of_all": used,
    }


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


def main():
    options = argparse.ArgumentParser()
    options.add_argument("basewise")
    options.add_argument("input")
    options.add_argument("--labels", required=True)
    options.add_argument("--batch")
    options.add_argument("--likelihood", default="zinb")
    options.add_argument("--seeds", type=int, default=3)
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
        rows.append({"program": "basewise", "seed": seed, **own, **clusters(latent, labels, seed)})
        latent, other = theirs(data, args, said["epochs"], seed)
        rows.append({"program": f"scvi-tools {scvi.__version__}", "seed": seed, **other, **clusters(latent, labels, seed)})
        for row in rows[-2:]:
            print(json.dumps(row), flush=True)
    if args.out:
        pathlib.Path(args.out).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
