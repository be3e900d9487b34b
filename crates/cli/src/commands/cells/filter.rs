//! `basewise cells filter`: leaving out cells and genes that say little.

use super::input::{InputArgs, Words};
use super::quality::Quality;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::not_the_input;
use crate::table::count;
use anyhow::Result;
use basewise_io::cells::h5ad::{self, Additions};
use basewise_io::cells::{CellMatrix, Values};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// Genes that a matrix has at least for the usual limits to be applied: panels of chosen genes have few.
const WHOLE_TRANSCRIPTOME: usize = 2000;

#[derive(Args)]
#[command(after_help = "Examples:
  $ printf 'cell,CD3E,MS4A1,MT-CO1\\nc1,5,0,1\\nc2,0,7,2\\nc3,4,1,90\\n' > to-filter.csv
  $ basewise cells filter to-filter.csv --max-mitochondrial 0.5 -o filtered.h5ad
  $ basewise cells show filtered.h5ad

What is written is the matrix that was read, its names and columns, and three columns more: total_counts, n_genes_by_counts and
pct_counts_mt. Layers and uns of an h5ad file are not carried over.")]
pub(crate) struct FilterCommand {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    limits: FilterArgs,
    /// h5ad file to write
    #[arg(short, long, value_name = "H5AD")]
    output: PathBuf,
}

/// Which cells and genes are kept.
#[derive(Args, Clone, Debug, Default, Serialize)]
pub(crate) struct FilterArgs {
    /// Keep cells with at least this sum of counts
    #[arg(long, value_name = "N", help_heading = "Filtering")]
    min_counts: Option<f64>,
    /// Keep cells with at most this sum of counts
    #[arg(long, value_name = "N", help_heading = "Filtering")]
    max_counts: Option<f64>,
    /// Keep cells with at least this many genes [default: 200 for counts of 2,000 genes and more, else 0]
    #[arg(long, value_name = "N", help_heading = "Filtering")]
    min_genes: Option<usize>,
    /// Keep cells with at most this many genes
    #[arg(long, value_name = "N", help_heading = "Filtering")]
    max_genes: Option<usize>,
    /// Keep cells with at most this share of mitochondrial counts, 0 to 1
    #[arg(long, value_name = "SHARE", help_heading = "Filtering")]
    max_mitochondrial: Option<f64>,
    /// Keep genes found in at least this many of those cells [default: 3 for counts of 2,000 genes and more, else 0]
    #[arg(long, value_name = "N", help_heading = "Filtering")]
    min_cells: Option<usize>,
}

/// Rows and columns that are kept, ascending.
pub(crate) struct Kept {
    pub(crate) cells: Vec<usize>,
    pub(crate) genes: Vec<usize>,
}

/// Chooses cells by the limits, then genes among the cells that are left.
pub(crate) fn choose(matrix: &CellMatrix, quality: &Quality, limits: &FilterArgs) -> Result<Kept> {
    let usual = matrix.values == Values::Counts && matrix.counts.columns >= WHOLE_TRANSCRIPTOME;
    let min_genes = limits.min_genes.unwrap_or(if usual { 200 } else { 0 });
    let min_cells = limits.min_cells.unwrap_or(if usual { 3 } else { 0 });
    if limits.max_mitochondrial.is_some() && quality.mitochondrial.is_none() {
        return Err(user(
            "expected mitochondrial genes (MT-... or mt-...) for --max-mitochondrial, found none",
            Some("are genes named by identifiers? read a file with their symbols, or leave the flag out"),
        ));
    }
    let fits = |&cell: &usize| {
        let (total, genes) = (quality.totals[cell], quality.genes[cell]);
        let share = quality.mitochondrial.as_ref().map_or(0.0, |shares| shares[cell]);
        limits.min_counts.is_none_or(|least| total >= least)
            && limits.max_counts.is_none_or(|most| total <= most)
            && genes >= min_genes
            && limits.max_genes.is_none_or(|most| genes <= most)
            && limits.max_mitochondrial.is_none_or(|most| share <= most)
    };
    let cells: Vec<usize> = (0..matrix.counts.rows).filter(fits).collect();
    let found = if cells.len() == matrix.counts.rows { quality.cells.clone() } else { cells_with(matrix, &cells)? };
    let genes: Vec<usize> = (0..found.len()).filter(|&gene| found[gene] >= min_cells).collect();
    if cells.is_empty() || genes.is_empty() {
        let (what, all) = if cells.is_empty() { ("cells", matrix.counts.rows) } else { ("genes", found.len()) };
        return Err(user(
            format!("expected {what} within the limits, found none of {}", count(all)),
            Some(
                "`basewise cells show` prints how counts and genes are spread: choose --min-genes, --min-cells, ... by them",
            ),
        ));
    }
    Ok(Kept { cells, genes })
}

/// How many of some cells have each gene.
fn cells_with(matrix: &CellMatrix, cells: &[usize]) -> Result<Vec<usize>> {
    let mut found = vec![0; matrix.counts.columns];
    matrix.counts.select_rows(cells).each(|_, block| -> Result<()> {
        block.indices.iter().for_each(|&gene| found[gene as usize] += 1);
        Ok(())
    })?;
    Ok(found)
}

/// The kept cells and genes as a matrix of their own, whose counts are where they were.
pub(crate) fn select(matrix: &CellMatrix, kept: &Kept) -> CellMatrix {
    let mut keep = vec![false; matrix.counts.columns];
    kept.genes.iter().for_each(|&gene| keep[gene] = true);
    let rows = |own: &basewise_core::Matrix| {
        let data: Vec<f32> = kept.cells.iter().flat_map(|&cell| own.row(cell)).copied().collect();
        basewise_core::Matrix::new(kept.cells.len(), own.columns(), data)
    };
    CellMatrix {
        counts: matrix.counts.select_rows(&kept.cells).select_columns(&keep),
        cells: matrix.cells.select(&kept.cells),
        genes: matrix.genes.select(&kept.genes),
        obsm: matrix.obsm.iter().map(|(name, own)| (name.clone(), rows(own))).collect(),
        values: matrix.values,
        part: matrix.part.clone(),
        notes: Vec::new(),
    }
}

/// What was kept, in a sentence.
pub(crate) fn account(matrix: &CellMatrix, kept: &Kept) -> String {
    let (cells, genes) = (matrix.counts.rows, matrix.counts.columns);
    let Words { rows, columns, .. } = Words::of(matrix.values);
    format!(
        "{} {rows} in = {} used + {} left out; {} {columns} in = {} used + {} left out",
        count(cells),
        count(kept.cells.len()),
        count(cells - kept.cells.len()),
        count(genes),
        count(kept.genes.len()),
        count(genes - kept.genes.len())
    )
}

pub(crate) fn run(args: &FilterCommand, printer: &Printer) -> Result<Outcome> {
    not_the_input(&args.output, &args.input.input)?;
    let matrix = args.input.load(&[], printer)?;
    let quality = Quality::of(&matrix)?;
    let kept = choose(&matrix, &quality, &args.limits)?;
    let additions = Additions {
        obs: quality.columns().into_iter().map(|(name, column)| (name, column.select(&kept.cells))).collect(),
        ..Additions::default()
    };
    h5ad::create(&args.output, &select(&matrix, &kept), &additions)?;
    printer.talk(&account(&matrix, &kept));
    Ok(Outcome::Done)
}
