"""Small matrices of cells by genes in the layouts that anndata and Cell Ranger write.

Run with the anndata versions of versions.txt: `make.py` with 0.12 writes all files but nullable.h5ad, `make.py new` with 0.13
writes that one. The layouts of older programs are written with h5py as those programs wrote them.
"""

import sys
import warnings

import anndata
import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp

warnings.filterwarnings("ignore")

COUNTS = np.array([[1, 0, 2, 0], [0, 0, 0, 3], [4, 5, 0, 0], [0, 0, 0, 0], [0, 6, 0, 7]], dtype=np.float32)
CELLS = [f"cell{i}" for i in range(5)]
GENES = ["CD3E", "MS4A1", "MT-CO1", "NKG7"]
TYPES = ["T", "B", "T", None, "NK"]


def frames():
    obs = pd.DataFrame(
        {
            "type": pd.Categorical(TYPES, categories=["B", "NK", "T"]),
            "depth": np.array([3, 3, 9, 0, 13], dtype=np.int32),
            "share": np.array([0.5, np.nan, 0.25, 0, 1]),
            "good": [True, False, True, True, False],
            "batch": ["a", "a", "b", "b", "c"],
        },
        index=CELLS,
    )
    return obs, pd.DataFrame({"length": [10, 20, 30, 40]}, index=GENES)


def plain(x, **more):
    obs, var = frames()
    made = anndata.AnnData(X=x, obs=obs, var=var, **more)
    made.obsm["X_pca"] = np.arange(10, dtype=np.float32).reshape(5, 2)
    made.uns["note"] = {"by": "hand", "numbers": np.array([1.5, 2.5])}
    return made


def old_frame(path):
    """anndata 0.7: categories in __categories, strings as datasets."""
    with h5py.File(path, "w") as f:
        f["X"] = COUNTS
        text = h5py.string_dtype()
        for name, index, columns in [("obs", CELLS, ["type", "depth"]), ("var", GENES, [])]:
            group = f.create_group(name)
            group.attrs["encoding-type"] = "dataframe"
            group.attrs["encoding-version"] = "0.1.0"
            group.attrs["_index"] = "names"
            group.attrs["column-order"] = np.array(columns, dtype=object) if columns else np.array([], dtype=float)
            group.create_dataset("names", data=index, dtype=text)
        f["obs/depth"] = np.array([3, 3, 9, 0, 13], dtype=np.int32)
        f["obs/type"] = np.array([2, 0, 2, -1, 1], dtype=np.int8)
        names = f.create_dataset("obs/__categories/type", data=["B", "NK", "T"], dtype=text)
        names.attrs["ordered"] = False
        f["obs/type"].attrs["categories"] = names.ref
        f.create_group("uns")


def records(path):
    """anndata 0.6: tables as records, categories in uns, raw.X beside X, which is scaled."""
    with h5py.File(path, "w") as f:
        obs = np.zeros(5, dtype=[("index", "S5"), ("type", "i1"), ("share", "<f4"), ("n", ">i4"), ("good", "?")])
        obs["index"], obs["type"], obs["share"] = CELLS, [2, 0, 2, -1, 1], [0.5, 1, 0.25, 0, 1]
        obs["n"], obs["good"] = [3, 3, 9, 0, -13], [True, False, True, True, False]
        var = np.zeros(4, dtype=[("index", "S6"), ("length", "<i8")])
        var["index"], var["length"] = GENES, [10, 20, 30, 40]
        obsm = np.zeros(5, dtype=[("X_pca", "<f4", (2,))])
        obsm["X_pca"] = np.arange(10).reshape(5, 2)
        f["X"], f["obs"], f["var"], f["obsm"] = COUNTS - 1, obs, var, obsm
        matrix = sp.csr_matrix(COUNTS)
        raw = f.create_group("raw.X")
        raw.attrs["h5sparse_format"], raw.attrs["h5sparse_shape"] = "csr", np.array([5, 4])
        raw["data"], raw["indices"], raw["indptr"] = matrix.data, matrix.indices, matrix.indptr
        f["raw.var"] = var
        f["uns/type_categories"] = np.array(["B", "NK", "T"], dtype="S2")


def ten_x(path, version):
    matrix = sp.csr_matrix(COUNTS.astype(np.int32))
    with h5py.File(path, "w") as f:
        group = f.create_group("matrix" if version == 3 else "GRCh38")
        group["barcodes"] = np.array([c.encode() for c in CELLS])
        group["data"], group["shape"] = matrix.data, np.array([4, 5], dtype=np.int32)
        group["indices"], group["indptr"] = matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)
        ids, names = np.array([b"E1", b"E2", b"E3", b"E4"]), np.array([g.encode() for g in GENES])
        if version == 3:
            features = group.create_group("features")
            features["id"], features["name"] = ids, names
            features["feature_type"] = np.array([b"Gene Expression"] * 3 + [b"Antibody Capture"])
            features["genome"] = np.array([b"GRCh38"] * 4)
        else:
            group["genes"], group["gene_names"] = ids, names


def zstd(path):
    """A matrix whose chunks name a filter (Zstandard, 32015) that is no part of HDF5 itself."""
    made = plain(COUNTS)
    made.write_h5ad(path)
    with h5py.File(path, "r+") as f:
        del f["X"]
        settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        settings.set_chunk((5, 4))
        settings.set_filter(32015, h5py.h5z.FLAG_OPTIONAL)
        space = h5py.h5s.create_simple((5, 4))
        h5py.h5d.create(f.id, b"X", h5py.h5t.IEEE_F32LE, space, settings)


if sys.argv[1:] == ["new"]:
    plain(COUNTS).write_h5ad("nullable.h5ad")
else:
    plain(COUNTS).write_h5ad("dense.h5ad", compression="gzip")
    plain(sp.csc_matrix(COUNTS)).write_h5ad("csc.h5ad")
    layered = plain(sp.csr_matrix(np.log1p(COUNTS)), layers={"counts": sp.csr_matrix(COUNTS)})
    layered.raw = plain(sp.csr_matrix(COUNTS * 2))
    layered.write_h5ad("csr.h5ad", compression="lzf")
    old_frame("old_frame.h5ad")
    records("records.h5ad")
    ten_x("tenx3.h5", 3)
    ten_x("tenx2.h5", 2)
    zstd("zstd.h5ad")
