"""Clusters of cells by scanpy's tutorial pipeline, judged by known labels: the rival of `basewise cells cluster`.

    pip install scanpy igraph leidenalg
    python bench/peers/scanpy_default.py INPUT --labels COLUMN|FILE [--out FILE.json]

INPUT is a 10x folder, an h5ad file or a TSV. Steps and settings are those of the tutorial "Preprocessing and clustering":
cells with 200 genes, genes in 3 cells (for counts of 2,000 genes and more), normalize_total, log1p, 2,000 variable genes, 50
components, 15 neighbours, Leiden (igraph's, 2 iterations). Values that are no counts are taken as they are; where X is scaled,
raw is read. Prints ARI, NMI, the number of clusters and processor seconds, for seeds 0 to 4 of neighbours and Leiden.
"""

import argparse
import json
import os
import sys
import time
import warnings

warnings.filterwarnings("ignore")

import anndata
import numpy as np
import pandas as pd
import scanpy as sc
import scipy.io
import scipy.sparse as sp
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score


def load(path, labels):
    if os.path.isdir(path):
        x = scipy.io.mmread(f"{path}/matrix.mtx.gz").T.tocsr().astype(np.float32)
        names = lambda n: pd.read_csv(f"{path}/{n}.tsv.gz", header=None, sep="\t")[0].astype(str).values
        return anndata.AnnData(x, obs=pd.DataFrame(index=names("barcodes")), var=pd.DataFrame(index=names("features")))
    if path.endswith(".h5ad"):
        data = sc.read_h5ad(path)
        x = data.X.data if sp.issparse(data.X) else data.X
        return anndata.AnnData(data.raw.X, obs=data.obs, var=data.raw.var) if data.raw is not None and x.min() < 0 else data
    table = pd.read_csv(path, sep="\t", index_col=0)
    text = [c for c in table if table[c].dtype == object or c == labels]
    return anndata.AnnData(table.drop(columns=text).astype(np.float32), obs=table[text].astype(str))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("input")
    options.add_argument("--labels", required=True)
    options.add_argument("--out")
    args = options.parse_args()
    data = load(args.input, args.labels)
    if os.path.isfile(args.labels):
        table = pd.read_csv(args.labels, sep="\t", dtype=str)
        data.obs["label"] = table.set_index(table.columns[0]).iloc[:, 0].reindex(data.obs_names).values
        args.labels = "label"
    start = time.process_time()
    values = data.X.data if sp.issparse(data.X) else data.X
    counts = values.min() >= 0 and np.all(values == np.round(values))
    if counts and data.n_vars >= 2000:
        sc.pp.filter_cells(data, min_genes=200)
        sc.pp.filter_genes(data, min_cells=3)
    if counts:
        sc.pp.normalize_total(data)
        sc.pp.log1p(data)
    if data.n_vars > 2000:
        sc.pp.highly_variable_genes(data, n_top_genes=2000)
    sc.pp.pca(data, n_comps=min(50, data.n_vars - 1, data.n_obs - 1))
    results = []
    for seed in range(5):
        sc.pp.neighbors(data, n_neighbors=15, random_state=seed)
        sc.tl.leiden(data, flavor="igraph", n_iterations=2, directed=False, random_state=seed)
        known = data.obs[args.labels].notna()
        a, b = data.obs[args.labels][known].astype(str), data.obs["leiden"][known]
        results.append((adjusted_rand_score(a, b), normalized_mutual_info_score(a, b), data.obs["leiden"].nunique()))
        if seed == 0:
            seconds = time.process_time() - start
    found = {
        "scanpy": sc.__version__,
        "cells": data.n_obs,
        "genes": data.n_vars,
        "ari": [round(r[0], 4) for r in results],
        "nmi": [round(r[1], 4) for r in results],
        "clusters": [r[2] for r in results],
        "processor_seconds": round(seconds, 2),
    }
    json.dump(found, open(args.out, "w") if args.out else sys.stdout, indent=1)
    print()


main()
