//! What is written: a folder with a table and h5ad files, or one h5ad file.

use super::super::cluster::is_h5ad_name;
use super::super::filter::Kept;
use super::super::outputs::{tsv, write_h5ad};
use super::EncodeArgs;
use super::aligned::Aligned;
use crate::commands::command_line;
use crate::table::{count, duration};
use anyhow::Result;
use basewise_core::Matrix;
use basewise_core::sparse::Csr;
use basewise_io::cells::h5ad::{self, Additions};
use basewise_io::cells::{CellMatrix, Column, Frame, Values};
use basewise_io::output::{write_dir, write_file};
use basewise_nn::autoencoder::{Evaluation, Kind, SavedAutoencoder};
use serde::Serialize;

/// Everything that was found.
pub(super) struct Found<'a> {
    pub(super) args: &'a EncodeArgs,
    pub(super) saved: &'a SavedAutoencoder,
    /// As it was read.
    pub(super) matrix: &'a CellMatrix,
    pub(super) aligned: &'a Aligned,
    pub(super) latent: Matrix,
    pub(super) denoised: Option<Matrix>,
    /// `None` where the batches of cells are unknown.
    pub(super) evaluation: Option<Evaluation>,
}

/// `encode.json`.
#[derive(Serialize)]
pub(super) struct Summary {
    format_version: u32,
    version: &'static str,
    command: String,
    model: String,
    input: String,
    cells: usize,
    latent: usize,
    genes: usize,
    missing_genes: Vec<String>,
    /// Mean over cells in nats, at the mean of the latent numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_log_likelihood: Option<f64>,
    /// Mean squared error of log(1 + normalized value), of a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    squared_error: Option<f64>,
    seconds: f64,
}

pub(super) fn summary(found: &Found<'_>, seconds: f64) -> Summary {
    Summary {
        format_version: 1,
        version: env!("CARGO_PKG_VERSION"),
        command: command_line(),
        model: found.args.model.display().to_string(),
        input: found.args.input.input.display().to_string(),
        cells: found.latent.rows(),
        latent: found.latent.columns(),
        genes: found.saved.genes.len(),
        missing_genes: found.aligned.missing.clone(),
        negative_log_likelihood: found.evaluation.as_ref().map(|said| said.reconstruction),
        squared_error: found.evaluation.as_ref().map(|said| said.squared_error),
        seconds,
    }
}

/// The summary for a terminal.
pub(super) fn text(summary: &Summary) -> String {
    let mut text = format!(
        "{} cells, {} of {} genes, {} numbers a cell; {}\n",
        count(summary.cells),
        count(summary.genes - summary.missing_genes.len()),
        count(summary.genes),
        summary.latent,
        duration(summary.seconds)
    );
    if let (Some(loss), Some(error)) = (summary.negative_log_likelihood, summary.squared_error) {
        text += &format!("-ln P(cell | latent) {loss:.2} nats a cell; squared error of log(1 + value) {error:.4}\n");
    }
    text
}

/// What autoencoders of a kind are called in h5ad files.
fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Plain => "ae",
        Kind::Denoising => "denoise",
        Kind::Counts => "dca",
        Kind::Variational => "vae",
    }
}

/// Writes the h5ad file, or the folder.
pub(super) fn write(found: &Found<'_>, summary: &Summary) -> Result<()> {
    let (args, matrix) = (found.args, found.matrix);
    let obsm = vec![(format!("X_bw_{}", name(found.saved.model.config().kind)), found.latent.clone())];
    let additions = Additions { obsm, ..Additions::default() };
    let kept = Kept { cells: (0..matrix.counts.rows).collect(), genes: (0..matrix.counts.columns).collect() };
    let input = &args.input.input;
    if is_h5ad_name(&args.output) {
        return Ok(write_h5ad(input, &args.output, matrix, &kept, &additions)?);
    }
    let json = serde_json::to_string_pretty(summary)? + "\n";
    write_dir(&args.output, args.overwrite, |folder| {
        let text = |name: &str, text: &str| write_file(&folder.join(name), |sink| sink.write_all(text.as_bytes()));
        text("encode.json", &json)?;
        text("latent.tsv", &latent_table(found))?;
        if let Some(values) = &found.denoised {
            h5ad::create(&folder.join("denoised.h5ad"), &denoised(found, values), &Additions::default())?;
        }
        write_h5ad(input, &folder.join("cells.h5ad"), matrix, &kept, &additions)
    })?;
    Ok(())
}

/// Cells by the model's genes.
fn denoised(found: &Found<'_>, values: &Matrix) -> CellMatrix {
    CellMatrix {
        counts: Csr::from_dense(values).into(),
        cells: found.matrix.cells.clone(),
        genes: Frame::named(found.saved.genes.clone()),
        obsm: Vec::new(),
        values: Values::of(values.data()),
        part: "X".to_owned(),
        notes: Vec::new(),
    }
}

fn latent_table(found: &Found<'_>) -> String {
    let ids = &found.matrix.cells.ids;
    let mut columns = vec![("cell".to_owned(), Column::Text(ids.iter().cloned().map(Some).collect()))];
    for k in 0..found.latent.columns() {
        let numbers = found.latent.column(k).map(f64::from).collect();
        columns.push((format!("latent_{}", k + 1), Column::Number(numbers)));
    }
    tsv(&Frame { ids: ids.clone(), columns })
}
