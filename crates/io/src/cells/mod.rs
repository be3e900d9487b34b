//! Matrices of cells by genes, as single-cell experiments give them.
//!
//! | what | how it is told | module |
//! |---|---|---|
//! | 10x folder, or one `matrix.mtx` | a folder; a name that ends in `.mtx` or `.mtx.gz` | `mtx` |
//! | 10x HDF5 (Cell Ranger 2 to 9) | an HDF5 file with `matrix/indptr`, or a genome's group that has it | `tenx` |
//! | h5ad (anndata 0.6 to 0.13) | any other HDF5 file | [`h5ad`] |
//! | TSV, CSV, Parquet | everything else; a row a cell, or a gene | `table` |
//! | npz | features of sequences, as `basewise features` writes them: a row a sequence | [`crate::graph`] |
//!
//! [`read`] takes any of them; what is too large for memory stays in its HDF5 file and comes in blocks of rows
//! ([`RowBlocks`]). What is computed goes back into a copy of an h5ad file, or into a new one, by [`h5ad::add`]
//! and [`h5ad::create`].

mod blocks;
mod frame;
pub mod h5ad;
mod hdf5;
mod mtx;
mod rows;
mod table;
mod tenx;

pub use blocks::RowBlocks;
pub use frame::{Column, Frame};

use crate::error::{Error, Result};
use basewise_core::Matrix;
use std::collections::BTreeMap;
use std::path::Path;

/// A matrix of cells by genes, with what is known of both.
#[derive(Clone, Debug)]
pub struct CellMatrix {
    /// Cells x genes, in memory or in the file. No value that comes is 0; all were finite when the file was opened.
    pub counts: RowBlocks,
    /// One row a cell; names are unique.
    pub cells: Frame,
    /// One row a gene; names are unique.
    pub genes: Frame,
    /// Coordinates of cells by name (`X_pca`, ...), a row a cell.
    pub obsm: Vec<(String, Matrix)>,
    /// What the values are.
    pub values: Values,
    /// Which matrix of the file it is: `X`, `raw`, `layers/counts`; empty where files have but one.
    pub part: String,
    /// What a user should know of the reading, a sentence each.
    pub notes: Vec<String>,
}

/// What kind of number a matrix holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Whole numbers from 0: molecules or reads.
    Counts,
    /// Numbers from 0, some with a fraction: normalized or logarithms.
    Positive,
    /// Some are negative: scaled, or differences of cycles.
    Signed,
    /// Numbers of any kind, each column a feature: embeddings, k-mers, measurements. Their sums mean nothing.
    Features,
}

impl Values {
    /// The kind of `values`, which are finite; [`Values::Features`] cannot be told from numbers alone.
    pub fn of(values: &[f32]) -> Self {
        let mut whole = true;
        for &value in values {
            if value < 0.0 {
                return Self::Signed;
            }
            whole &= value.fract() == 0.0;
        }
        if whole { Self::Counts } else { Self::Positive }
    }

    /// The kind of numbers some of which are of this kind and the others of that one.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Signed, _) | (_, Self::Signed) => Self::Signed,
            (Self::Counts, Self::Counts) => Self::Counts,
            _ => Self::Positive,
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Positive => "numbers with fractions, none negative",
            Self::Signed => "numbers, some negative",
            Self::Features => "features",
        }
    }
}

/// What of a file is wanted, where it does not say it itself.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// h5ad: `X`, `raw` or `layers/NAME`. By default the first of `layers/counts`, `X` and `raw` that holds counts; if none
    /// does, `raw` where `X` has negative numbers, else `X`.
    pub part: Option<String>,
    /// Tables: columns that describe a cell and are no genes. Columns of text are such anyway.
    pub describing: Vec<String>,
    /// Tables: the column with the names of rows. By default `__index_level_0__` (pandas), `id`, or the first column of text in
    /// Parquet; in text the first column, unless it holds a number and another is called `id`.
    pub names: Option<String>,
    /// Tables: a row is a gene and a column a cell.
    pub genes_in_rows: bool,
    /// 10x: the type of feature that is read; by default `Gene Expression`, or the only type.
    pub feature_type: Option<String>,
    /// Bytes that a matrix may take, at 8 for each value that is not 0: larger ones of h5ad (by rows, or dense) and of 10x HDF5 stay
    /// in their file. By default a quarter of the memory that is free.
    pub memory: Option<u64>,
}

/// Opens a matrix from a 10x folder, a `.mtx` file, a 10x HDF5 file, an h5ad file, a TSV, CSV or Parquet table.
///
/// # Errors
/// A file that is none of them, truncated or damaged, compressed by a filter that is not known here; shapes that contradict
/// each other; two cells of one name; numbers that are not finite; no cell or no gene.
pub fn read(path: &Path, options: &ReadOptions) -> Result<CellMatrix> {
    if path.is_dir() || mtx::is_mtx(path) {
        return mtx::read(path, options);
    }
    if crate::keras::is_hdf5(path)? {
        let store = hdf5::Store::open(path)?;
        return match tenx::group_of(&store)? {
            Some(group) => tenx::read(&store, &group, options),
            None => h5ad::read_store(&store, options),
        };
    }
    let name = path.to_string_lossy().to_ascii_lowercase();
    if name.ends_with(".npz") {
        return table::of_archive(path);
    }
    if name.ends_with(".h5ad") || name.ends_with(".h5") {
        return Err(Error::of(path, "expected an HDF5 file, found other data")
            .with_hint("it may be truncated or still compressed: copy it again, or unpack it"));
    }
    table::read(path, options)
}

/// A matrix as a file gave it, before it is checked.
struct Raw {
    counts: RowBlocks,
    cells: Frame,
    genes: Frame,
    obsm: Vec<(String, Matrix)>,
    part: String,
    notes: Vec<String>,
}

impl Raw {
    /// Checks shapes, names and numbers; drops stored zeros and gives genes of one name different ones.
    fn finish(mut self, path: &Path) -> Result<CellMatrix> {
        let (cells, genes) = (self.cells.ids.len(), self.genes.ids.len());
        if (self.counts.rows, self.counts.columns) != (cells, genes) {
            let found = (self.counts.rows, self.counts.columns);
            let message = format!(
                "expected a matrix of {cells} cells x {genes} genes, as they are named, found {} x {}",
                found.0, found.1
            );
            return Err(Error::of(path, message));
        }
        if cells == 0 || genes == 0 {
            let message = format!("expected cells and genes, found {cells} cells and {genes} genes");
            return Err(Error::of(path, message).with_hint(
                "a table has a row a cell and columns of numbers; sequences become one by `basewise features` or \
                 `basewise predict --embeddings`",
            ));
        }
        let values = self.kind(path)?;
        no_twins(path, &self.cells)?;
        let renamed = make_unique(&mut self.genes.ids);
        if renamed > 0 {
            self.notes
                .push(format!("{renamed} genes have a name that an earlier one has: they got -1, -2, ... behind it"));
        }
        self.counts.drop_zeros();
        let Self { counts, cells, genes, obsm, part, notes } = self;
        Ok(CellMatrix { counts, cells, genes, obsm, values, part, notes })
    }
}

impl Raw {
    /// The kind of all numbers, which must be finite.
    fn kind(&self, path: &Path) -> Result<Values> {
        let mut kind = Values::Counts;
        self.counts.each(|first, block| {
            for i in 0..block.rows {
                let (genes, values) = block.row(i);
                if let Some((gene, value)) = genes.iter().zip(values).find(|(_, value)| !value.is_finite()) {
                    let gene = &self.genes.ids[*gene as usize];
                    let message = format!("expected a number for gene {gene:?}, found {value}");
                    return Err(Error::of(path, message).at(format!("cell {:?}", self.cells.ids[first + i])));
                }
            }
            kind = kind.and(Values::of(&block.values));
            Ok(())
        })?;
        Ok(kind)
    }
}

/// Refuses two cells of one name.
fn no_twins(path: &Path, cells: &Frame) -> Result<()> {
    let mut first = BTreeMap::new();
    for (row, id) in cells.ids.iter().enumerate() {
        if let Some(earlier) = first.insert(id.as_str(), row) {
            let message =
                format!("expected cells of different names, found {id:?} as cell {} and {}", earlier + 1, row + 1);
            let text = cells.columns.iter().filter(|(_, column)| matches!(column, Column::Text(_)));
            let text: Vec<&str> = text.map(|(name, _)| name.as_str()).collect();
            let joined = "where samples were joined, put the sample's name before each barcode".to_owned();
            return Err(Error::of(path, message).with_hint(match text.as_slice() {
                [] => joined,
                names => format!(
                    "{joined}; in a table, --names COLUMN says where names are (columns of text: {})",
                    names.join(", ")
                ),
            }));
        }
    }
    Ok(())
}

/// Gives later ones of a name `-1`, `-2`, ... behind it, as anndata's `var_names_make_unique` does; how many there were.
fn make_unique(ids: &mut [String]) -> usize {
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for id in ids.iter() {
        taken.entry(id.clone()).or_insert(0);
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut renamed = 0;
    for id in ids.iter_mut() {
        if seen.insert(id.clone()) {
            continue;
        }
        renamed += 1;
        let mut n = taken.get(id.as_str()).copied().unwrap_or(0);
        let fresh = loop {
            n += 1;
            let fresh = format!("{id}-{n}");
            if !taken.contains_key(&fresh) {
                break fresh;
            }
        };
        taken.insert(id.clone(), n);
        taken.insert(fresh.clone(), 0);
        seen.insert(fresh.clone());
        *id = fresh;
    }
    renamed
}

#[cfg(test)]
mod tests;
