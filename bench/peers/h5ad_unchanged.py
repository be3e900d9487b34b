"""Whether an h5ad file to which results were added is otherwise the file that it was, as anndata reads it.

    pip install anndata
    basewise cells cluster FILE.h5ad -o ADDED.h5ad
    python bench/peers/h5ad_unchanged.py FILE.h5ad ADDED.h5ad

Compares X, raw, every table column, layer, obsm, varm, obsp and uns entry, with types; prints what was added; writes the file once
more with anndata. Ends with an error at the first difference. Entries that both files have and that the command replaces
(X_pca, PCs, pca, neighbors, ...) are named with --replaced.
"""

import argparse
import importlib.metadata
import tempfile
import warnings

warnings.filterwarnings("ignore")

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp


def same(a, b, name):
    if isinstance(a, pd.DataFrame):
        pd.testing.assert_frame_equal(a, b)
    elif sp.issparse(a):
        assert a.dtype == b.dtype and (a != b).nnz == 0, name
    elif hasattr(a, "items"):
        for key in a:
            same(a[key], b[key], f"{name}/{key}")
    elif isinstance(a, np.ndarray) and a.dtype.names is None:
        assert a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f"), name
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype and (a == b).all(), name
    else:
        assert a == b, name


def main():
    options = argparse.ArgumentParser()
    options.add_argument("before")
    options.add_argument("after")
    options.add_argument("--replaced", nargs="*", default=[])
    args = options.parse_args()
    before, after = anndata.read_h5ad(args.before), anndata.read_h5ad(args.after)
    same(before.X, after.X, "X")
    if before.raw is not None:
        same(before.raw.X, after.raw.X, "raw.X")
        same(before.raw.var, after.raw.var, "raw.var")
    for table in ["obs", "var"]:
        old, new = getattr(before, table), getattr(after, table)
        kept = [column for column in old if column not in args.replaced]
        same(old[kept], new[kept], table)
        print(f"{table} added:", *[column for column in new if column not in old])
    for part in ["layers", "obsm", "varm", "obsp", "varp", "uns"]:
        old, new = getattr(before, part), getattr(after, part)
        for key in old:
            if key not in args.replaced:
                same(old[key], new[key], f"{part}/{key}")
        print(f"{part} added:", *[key for key in new if key not in old])
    with tempfile.NamedTemporaryFile(suffix=".h5ad") as file:
        after.write_h5ad(file.name)
    print("anndata", importlib.metadata.version("anndata"), "reads both: everything else is unchanged")


main()
