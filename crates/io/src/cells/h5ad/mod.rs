//! h5ad, the HDF5 layout of anndata: read in all its versions, added to without touching anything else, written anew.
//!
//! A matrix is an array or a group with compressed rows or columns; a table is a group with a dataset or group a column, or,
//! up to anndata 0.6, one dataset of records whose categories stand in `uns`. The layout is described at
//! <https://anndata.readthedocs.io/en/stable/fileformat-prose.html>.

mod encode;
mod frame;
mod records;
mod superblock;
mod write;

pub use encode::{Additions, Value};
pub use write::{add, create};

use super::blocks::{Dense, Limits, Sparse};
use super::hdf5::{self, Store};
use super::{CellMatrix, Raw, ReadOptions, RowBlocks, Values};
use crate::error::{Error, Result};
use basewise_core::Matrix;
use hdf5_pure::AttrValue;
use std::path::Path;

/// Whether a file is an HDF5 file in the layout of anndata, to which [`add`] can add.
///
/// # Errors
/// A file that cannot be read.
pub fn is_h5ad(path: &Path) -> Result<bool> {
    if path.is_dir() || !crate::keras::is_hdf5(path)? {
        return Ok(false);
    }
    let store = Store::open(path)?;
    Ok(store.has("obs") && store.has("var"))
}

/// Names of the genes of `X`, made different from each other as [`super::read`] does, and the number of cells.
///
/// # Errors
/// A file that is no h5ad file.
pub fn axes(path: &Path) -> Result<(usize, Vec<String>)> {
    let store = Store::open(path)?;
    let mut genes = frame::read(&store, "var", &mut Vec::new())?.ids;
    super::make_unique(&mut genes);
    Ok((frame::read(&store, "obs", &mut Vec::new())?.ids.len(), genes))
}

/// Matrices in a file: `X`, `raw`, `layers/NAME`.
fn parts_of(store: &Store) -> Result<Vec<String>> {
    let mut parts = Vec::new();
    if store.has("X") {
        parts.push("X".to_owned());
    }
    if store.has("raw/X") || store.has("raw.X") {
        parts.push("raw".to_owned());
    }
    parts.extend(store.names("layers")?.into_iter().map(|name| format!("layers/{name}")));
    Ok(parts)
}

/// Reads the matrix that `options` names, or that holds counts.
pub(super) fn read_store(store: &Store, options: &ReadOptions) -> Result<CellMatrix> {
    if !store.has("obs") || !store.has("var") {
        let message = format!("expected a matrix of cells (h5ad, or 10x), found {}", store.names("")?.join(", "));
        return Err(Error::of(store.path(), message));
    }
    let parts = parts_of(store)?;
    let has = |wanted: &str| parts.iter().any(|part| part == wanted);
    let read = |part: &str| read_part(store, part, options)?.finish(store.path());
    if let Some(wanted) = &options.part {
        if !has(wanted) {
            return Err(Error::of(store.path(), format!("expected a matrix {wanted:?}, found {}", parts.join(", ")))
                .with_hint("name one of these: X, raw or layers/NAME"));
        }
        return read(wanted);
    }
    if has("layers/counts") {
        return read("layers/counts");
    }
    match (has("X"), has("raw")) {
        (false, false) => {
            Err(Error::of(store.path(), "expected a matrix X, found none")
                .with_hint("--matrix layers/NAME names another"))
        }
        (true, false) => read("X"),
        (false, true) => read("raw"),
        (true, true) => {
            let x = read("X")?;
            if x.values == Values::Counts {
                return Ok(x);
            }
            let raw = read("raw")?;
            Ok(if raw.values == Values::Counts || x.values == Values::Signed { raw } else { x })
        }
    }
}

fn read_part(store: &Store, part: &str, options: &ReadOptions) -> Result<Raw> {
    let (matrix_at, genes_at) = match part {
        "raw" if store.has("raw.X") => ("raw.X", "raw.var"),
        "raw" => ("raw/X", "raw/var"),
        other => (other, "var"),
    };
    let mut notes = Vec::new();
    let cells = frame::read(store, "obs", &mut notes)?;
    let genes = frame::read(store, genes_at, &mut notes)?;
    let counts = matrix(store, matrix_at, Limits::new(options.memory))?;
    let obsm = coordinates(store, cells.ids.len(), &mut notes)?;
    Ok(Raw { counts, cells, genes, obsm, part: part.to_owned(), notes })
}

/// A dense or sparse matrix, as rows.
fn matrix(store: &Store, name: &str, limits: Limits) -> Result<RowBlocks> {
    if store.has_dataset(name) {
        return RowBlocks::of_dense(Dense::open(store, name)?, limits);
    }
    let attributes = store.attributes(name)?;
    let text = |key| hdf5::text(&attributes, key);
    let kind = text("encoding-type").or_else(|| text("h5sparse_format")).unwrap_or_default();
    let shape = attributes.get("shape").or_else(|| attributes.get("h5sparse_shape")).and_then(AttrValue::to_u64s);
    let Some([rows, columns]) = shape.and_then(|shape| <[u64; 2]>::try_from(shape).ok()) else {
        return Err(
            Error::of(store.path(), "expected a sparse matrix with a shape of two numbers, found none").at(name)
        );
    };
    if columns.max(rows) >= u64::from(u32::MAX) {
        return Err(Error::of(store.path(), "expected fewer than 4,294,967,295 rows and columns, found more").at(name));
    }
    let (rows, columns) = (rows as usize, columns as usize);
    let by_column = match kind.as_str() {
        "csr" | "csr_matrix" => false,
        "csc" | "csc_matrix" => true,
        other => {
            let message = format!("expected csr_matrix, csc_matrix or an array, found {other:?}");
            return Err(Error::of(store.path(), message).at(name));
        }
    };
    if !by_column {
        return RowBlocks::of_sparse(Sparse::open(store, name, (rows, columns))?, limits);
    }
    // Rows of a matrix by columns lie all over it.
    let matrix = Sparse::open(store, name, (columns, rows))?.read(0..columns)?;
    Ok(matrix.transposed().into())
}

/// What stands in `obsm`: arrays of numbers, a row a cell. Others are left out with a note.
fn coordinates(store: &Store, cells: usize, notes: &mut Vec<String>) -> Result<Vec<(String, Matrix)>> {
    if store.has_dataset("obsm") {
        return records::matrices(store, "obsm");
    }
    let mut all = Vec::new();
    for name in store.names("obsm")? {
        match array(store, &format!("obsm/{name}"), cells)? {
            Some(matrix) => all.push((name, matrix)),
            None => notes.push(format!("obsm/{name} is no array of numbers with a row a cell: it is not read")),
        }
    }
    Ok(all)
}

/// An array of numbers of `rows` rows.
fn array(store: &Store, path: &str, rows: usize) -> Result<Option<Matrix>> {
    if !store.has_dataset(path) {
        return Ok(None);
    }
    let dataset = store.dataset(path)?;
    let shape = store.shape(&dataset, path)?;
    if shape.len() != 2 || shape[0] != rows as u64 {
        return Ok(None);
    }
    let data = dataset.read_f32().ok().filter(|data| data.len() == rows * shape[1] as usize);
    Ok(data.map(|data| Matrix::new(rows, shape[1] as usize, data)))
}
