"""Reference values for methods without labels: scikit-learn's PCA, mixtures and scores, scanpy's neighbours, variable genes and
markers, openTSNE's divergence.

    python make.py      writes cases.json; versions.txt has what it was run with
"""

import json
import warnings

import anndata
import numpy as np
import openTSNE
import scanpy as sc
import scipy.sparse as sp
from sklearn import metrics
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

warnings.filterwarnings("ignore")
ROWS, COLUMNS = 150, 60
rng = np.random.default_rng(11)


def counts():
    """Counts of three kinds of rows that differ in some columns."""
    kind = rng.integers(0, 3, ROWS)
    rate = rng.gamma(0.6, 1.5, size=COLUMNS)
    factors = rng.gamma(0.5, 2.0, size=(3, COLUMNS))
    size = rng.uniform(0.5, 2.0, size=(ROWS, 1))
    return kind, rng.poisson(size * rate * factors[kind]).astype(np.float32)


def flat(x):
    return np.asarray(x, dtype=float).ravel().round(9).tolist()


def markers(data, method):
    sc.tl.rank_genes_groups(data, "kind", method=method, tie_correct=method == "wilcoxon", use_raw=False)
    found = data.uns["rank_genes_groups"]
    out = []
    for group in found["names"].dtype.names:
        order = np.argsort([int(name) for name in found["names"][group]])
        keys = ("scores", "pvals", "pvals_adj", "logfoldchanges")
        out.append({key: np.asarray(found[key][group], dtype=float)[order].tolist() for key in keys})
    return out


def main():
    kind, x = counts()
    data = anndata.AnnData(sp.csr_matrix(x))
    data.var_names = [str(j) for j in range(COLUMNS)]
    data.obs["kind"] = [str(k) for k in kind]
    data.obs["kind"] = data.obs["kind"].astype("category")
    v3 = sc.pp.highly_variable_genes(data, flavor="seurat_v3", n_top_genes=15, inplace=False)
    sc.pp.normalize_total(data)
    sc.pp.log1p(data)
    log = data.X.toarray()
    seurat = sc.pp.highly_variable_genes(data, flavor="seurat", n_top_genes=15, inplace=False)
    limits = sc.pp.highly_variable_genes(data, flavor="seurat", inplace=False)
    pca = PCA(n_components=5, svd_solver="full").fit(log.astype(np.float64))
    at = pca.transform(log.astype(np.float64)).astype(np.float32)
    data.obsm["at"] = at
    sc.pp.neighbors(data, n_neighbors=15, use_rep="at")
    graph = data.obsp["connectivities"].tocoo()
    mixtures = {}
    for shape, name in [("full", "full"), ("diag", "diagonal"), ("tied", "tied"), ("spherical", "spherical")]:
        fits = [GaussianMixture(3, covariance_type=shape, random_state=seed, tol=1e-6, max_iter=500).fit(at) for seed in range(10)]
        best = max(fits, key=lambda fit: fit.lower_bound_)
        mixtures[name] = {"log_likelihood": best.score(at), "bic": best.bic(at), "aic": best.aic(at)}
    clusters = np.argmax(at[:, :3], axis=1)
    embedding = openTSNE.TSNE(perplexity=20, neighbors="exact", negative_gradient_method="bh", random_state=1).fit(at)
    scores = {
        "adjusted_rand": metrics.adjusted_rand_score(kind, clusters),
        "normalized_mutual_information": metrics.normalized_mutual_info_score(kind, clusters),
        "homogeneity": metrics.homogeneity_score(kind, clusters),
        "completeness": metrics.completeness_score(kind, clusters),
        "silhouette": metrics.silhouette_score(at.astype(np.float64), clusters),
    }
    cases = {
        "rows": ROWS,
        "columns": COLUMNS,
        "counts": x.astype(int).ravel().tolist(),
        "kind": kind.tolist(),
        "clusters": clusters.tolist(),
        "log": flat(log.sum(axis=1)),
        "logarithms": flat(log),
        "pca": {
            "components": flat(pca.components_),
            "variance": flat(pca.explained_variance_),
            "ratio": flat(pca.explained_variance_ratio_),
            "singular": flat(pca.singular_values_),
        },
        "at": flat(at),
        "connectivities": [graph.row.tolist(), graph.col.tolist(), flat(graph.data)],
        "mixtures": mixtures,
        "scores": scores,
        "divergence": embedding.kl_divergence,
        "markers": {"rank-sum": markers(data, "wilcoxon"), "t-test": markers(data, "t-test_overestim_var")},
        "seurat": {
            "mean": flat(seurat["means"]),
            "normalized": [None if np.isnan(v) else float(v) for v in seurat["dispersions_norm"]],
            "top": seurat["highly_variable"].tolist(),
            "limits": limits["highly_variable"].tolist(),
        },
        "seurat_v3": {
            "mean": flat(v3["means"]),
            "variance": flat(v3["variances"]),
            "normalized": flat(v3["variances_norm"]),
            "top": v3["highly_variable"].tolist(),
        },
    }
    with open("cases.json", "w") as out:
        json.dump(cases, out, separators=(",", ":"))


if __name__ == "__main__":
    main()
