//! Loading a matrix, with the flags that say what of a file is wanted.

use crate::commands::motifs::sequences::is_stream;
use crate::failure::user;
use crate::printer::Printer;
use anyhow::Result;
use basewise_io::cells::{self, CellMatrix, ReadOptions, Values};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What the numbers of an input are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// values for tables of our own (`split`, `label:...`, `embedding:1`, `kmer:A` among the columns) and .npz, else what the numbers say
    #[default]
    Auto,
    /// Molecules or reads
    Counts,
    /// Features of any kind, as of embeddings: nothing is normalized, and no row or column left out by default
    Values,
}

#[derive(Args)]
pub(crate) struct InputArgs {
    /// 10x folder, .mtx, 10x .h5, .h5ad, a TSV, CSV or Parquet table with a row a cell, or .npz of `basewise features`
    pub(crate) input: PathBuf,
    /// h5ad: X, raw or layers/NAME [default: the first of layers/counts, X, raw that holds counts; else X, or raw if X is scaled]
    #[arg(long, value_name = "PART")]
    matrix: Option<String>,
    /// Tables: columns that describe a cell and are no genes (columns of text are none anyway)
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    describing: Vec<String>,
    /// Tables: the column with the names of rows [default: id, or the first one]
    #[arg(long, value_name = "COLUMN")]
    names: Option<String>,
    /// What the numbers are
    #[arg(long = "input", id = "kind", value_enum, default_value = "auto", value_name = "KIND")]
    kind: Kind,
    /// Tables: a row is a gene and a column a cell
    #[arg(long)]
    genes_in_rows: bool,
    /// 10x: the type of feature that is read [default: Gene Expression, or the only type]
    #[arg(long, value_name = "TYPE")]
    feature_type: Option<String>,
    /// MiB that the matrix may take in memory; h5ad by rows or dense, and 10x .h5, that would take more are read in blocks of rows,
    /// once for each step [default: a quarter of what is free]
    #[arg(long, value_name = "MIB")]
    memory: Option<u64>,
}

impl InputArgs {
    /// Reads the matrix and says what of it was read. `describing` are columns of a table that are no genes, besides those
    /// of the flag.
    pub(crate) fn load(&self, describing: &[String], printer: &Printer) -> Result<CellMatrix> {
        let mut all = self.describing.clone();
        all.extend(describing.iter().cloned());
        let options = ReadOptions {
            part: self.matrix.clone(),
            describing: all,
            names: self.names.clone(),
            genes_in_rows: self.genes_in_rows,
            feature_type: self.feature_type.clone(),
            memory: self.memory.map(|mib| mib.saturating_mul(1 << 20)),
        };
        if is_stream(&self.input) {
            let message = format!("{}: expected a file or a folder, found a stream", self.input.display());
            return Err(user(message, Some("write it to a file first: matrices are looked at more than once")));
        }
        let mut matrix = cells::read(&self.input, &options)?;
        for note in &matrix.notes {
            printer.talk(note);
        }
        match self.kind {
            Kind::Auto => {}
            Kind::Values => matrix.values = Values::Features,
            Kind::Counts => {
                let found = matrix.counts.kind()?;
                if found == Values::Counts {
                    matrix.values = found;
                    return Ok(matrix);
                }
                let message =
                    format!("{}: --input counts: expected counts, found {}", self.input.display(), found.words());
                return Err(user(
                    message,
                    Some("--matrix names another matrix of an h5ad file; --input values takes any numbers"),
                ));
            }
        }
        Ok(matrix)
    }
}

/// What rows and columns are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    /// Rows: cells.
    pub(crate) rows: &'static str,
    /// One row: cell.
    pub(crate) row: &'static str,
    /// Columns: genes.
    pub(crate) columns: &'static str,
}

impl Words {
    /// Cells and genes, unless the numbers are features of something else.
    pub(crate) fn of(values: Values) -> Self {
        if values == Values::Features {
            Self { rows: "rows", row: "row", columns: "features" }
        } else {
            Self { rows: "cells", row: "cell", columns: "genes" }
        }
    }
}
