//! The HDF5 files of Cell Ranger: `matrix` with `features` (version 3 and later), or a group a genome (version 2).

use super::blocks::{Limits, Sparse};
use super::hdf5::Store;
use super::{CellMatrix, Column, Frame, Raw, ReadOptions, RowBlocks, mtx};
use crate::error::{Error, Result};

/// The group that holds the matrix of a file of Cell Ranger; `None` in other files.
pub(super) fn group_of(store: &Store) -> Result<Option<String>> {
    if store.has("X") || store.has("obs") {
        return Ok(None);
    }
    let groups = store.root().groups().map_err(|error| store.failed(&error))?;
    let mut found: Vec<String> = groups
        .into_iter()
        .filter(|group| {
            ["indptr", "barcodes", "shape"].iter().all(|name| store.has_dataset(&format!("{group}/{name}")))
        })
        .collect();
    found.sort();
    if found.len() > 1 {
        let message = format!("expected one genome, found {}", found.join(", "));
        return Err(
            Error::of(store.path(), message).with_hint("split the file by genome, or use the 10x folder of one")
        );
    }
    Ok(found.pop())
}

pub(super) fn read(store: &Store, group: &str, options: &ReadOptions) -> Result<CellMatrix> {
    let name = |part: &str| format!("{group}/{part}");
    let shape = store.places(&name("shape"))?;
    let [genes, cells] = shape[..] else {
        let message = format!("expected two numbers, genes and cells, found {}", shape.len());
        return Err(Error::of(store.path(), message).at(name("shape")));
    };
    // Compressed columns of genes by cells are compressed rows of cells by genes.
    let sparse = Sparse::open(store, group, (cells, genes))?;
    let counts = RowBlocks::of_sparse(sparse, Limits::new(options.memory))?;
    let (ids, symbols) = if store.has(&name("features")) {
        (name("features/id"), name("features/name"))
    } else {
        (name("genes"), name("gene_names"))
    };
    let text = |values: Vec<String>| Column::Text(values.into_iter().map(Some).collect());
    let mut columns = vec![("gene_ids".to_owned(), text(store.texts(&ids)?))];
    for (own, column) in [("features/feature_type", "feature_types"), ("features/genome", "genome")] {
        if store.has_dataset(&name(own)) {
            columns.push((column.to_owned(), text(store.texts(&name(own))?)));
        }
    }
    let genes = Frame { ids: store.texts(&symbols)?, columns };
    if let Some((column, _)) = genes.columns.iter().find(|(_, column)| column.len() != genes.ids.len()) {
        return Err(Error::of(store.path(), format!("expected as many {column} as genes, found another number")));
    }
    let cells = Frame::named(store.texts(&name("barcodes"))?);
    if genes.ids.len() != counts.columns {
        let message = format!("expected names of {} genes, found {}", counts.columns, genes.ids.len());
        return Err(Error::of(store.path(), message));
    }
    let mut raw = Raw { counts, cells, genes, obsm: Vec::new(), part: String::new(), notes: Vec::new() };
    mtx::choose_features(store.path(), &mut raw, options)?;
    raw.finish(store.path())
}
