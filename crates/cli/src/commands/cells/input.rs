//! Loading a matrix, with the flags that say what of a file is wanted.

use crate::printer::Printer;
use anyhow::Result;
use basewise_io::cells::{self, CellMatrix, ReadOptions};
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct InputArgs {
    /// 10x folder, .mtx, 10x .h5, .h5ad, or a TSV, CSV or Parquet table with a row a cell
    pub(crate) input: PathBuf,
    /// h5ad: X, raw or layers/NAME [default: the first of layers/counts, X, raw that holds counts; else X, or raw if X is scaled]
    #[arg(long, value_name = "PART")]
    matrix: Option<String>,
    /// Tables: columns that describe a cell and are no genes (columns of text are none anyway)
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    describing: Vec<String>,
    /// Tables: a row is a gene and a column a cell
    #[arg(long)]
    genes_in_rows: bool,
    /// 10x: the type of feature that is read [default: Gene Expression, or the only type]
    #[arg(long, value_name = "TYPE")]
    feature_type: Option<String>,
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
            genes_in_rows: self.genes_in_rows,
            feature_type: self.feature_type.clone(),
        };
        let matrix = cells::read(&self.input, &options)?;
        for note in &matrix.notes {
            printer.talk(note);
        }
        Ok(matrix)
    }
}
