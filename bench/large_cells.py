"""An h5ad file of made counts that is as large as is wanted, written block by block: eight types of cells that differ in 3 % of the genes.

    pip install anndata
    python bench/large_cells.py 200000 20000 0.05 large.h5ad

Cells, genes, the share of values that are not 0 (about), and the file. Compressed rows, 32-bit, without compression.
"""

import sys

import anndata
import h5py
import numpy as np
import pandas as pd

BLOCK = 1000

cells, genes, share, path = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
rng = np.random.default_rng(1)
mean = rng.gamma(0.5, 1.0, genes)
mean *= share / mean.mean()
types = [mean * np.where(rng.random(genes) < 0.03, rng.uniform(3, 8, genes), 1) for _ in range(8)]
types = np.stack(types).astype(np.float32)
kind = rng.integers(0, 8, cells)
obs = pd.DataFrame({"type": pd.Categorical([f"t{k}" for k in kind])}, index=[f"cell{i}" for i in range(cells)])
names = [f"MT-{j}" if j < 13 else f"G{j}" for j in range(genes)]
anndata.AnnData(obs=obs, var=pd.DataFrame(index=names)).write_h5ad(path)
with h5py.File(path, "a") as file:
    if "X" in file:
        del file["X"]
    x = file.create_group("X")
    x.attrs["encoding-type"], x.attrs["encoding-version"], x.attrs["shape"] = "csr_matrix", "0.1.0", (cells, genes)
    data = x.create_dataset("data", (0,), "f4", maxshape=(None,), chunks=(1 << 18,))
    indices = x.create_dataset("indices", (0,), "i4", maxshape=(None,), chunks=(1 << 18,))
    starts = [0]
    for first in range(0, cells, BLOCK):
        own = kind[first : first + BLOCK]
        expected = types[own] * rng.gamma(6, 1 / 6, (len(own), 1)).astype(np.float32)
        found = rng.random(expected.shape, dtype=np.float32) < expected
        more = rng.random(expected.shape, dtype=np.float32) * 3 * np.minimum(3 * expected, 3)
        counts = found * np.floor(1 + more)
        row, column = np.nonzero(counts)
        starts += list(starts[-1] + np.cumsum(np.bincount(row, minlength=len(own))))
        for dataset, values in ((data, counts[row, column]), (indices, column)):
            dataset.resize((starts[-1],))
            dataset[len(dataset) - len(values) :] = values
    x.create_dataset("indptr", data=np.array(starts, "i8"))
print(f"{starts[-1]} values")
