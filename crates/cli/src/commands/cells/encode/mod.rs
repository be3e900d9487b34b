//! `basewise cells encode`: further cells through an autoencoder that was trained before.

mod aligned;
mod outputs;

use super::cluster::is_h5ad_name;
use super::input::InputArgs;
use super::labels::{self, Labels};
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use aligned::Aligned;
use anyhow::Result;
use basewise_io::cells::{CellMatrix, Values};
use basewise_nn::autoencoder::{Autoencoder, AutoencoderError, Cells, SavedAutoencoder};
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(Args)]
#[command(after_help = "Examples, with the files of `basewise cells autoencode --help`:
  $ awk 'NR == 1 || NR > 60' made-batches.tsv > made-new.tsv
  $ basewise cells encode made-vae made-new.tsv --batch batch --denoised -o made-encoded
  $ basewise cells encode made-vae made-new.tsv --describing batch -o made-encoded.h5ad

Genes are found by name, in any order; those that the model does not know are left out, and those of the model that are missing
count as 0 and are said. Cells are taken as they are: none is filtered out.

A folder holds latent.tsv (a line a cell), encode.json and cells.h5ad, whose obsm has the latent numbers as X_bw_vae (X_bw_ae,
...); with --denoised also denoised.h5ad. An output that ends in .h5ad is that file alone.")]
pub(crate) struct EncodeArgs {
    /// Folder that `basewise cells autoencode` wrote, or the model.safetensors of one
    model: PathBuf,
    #[command(flatten)]
    input: InputArgs,
    /// Folder, or an h5ad file, to write
    #[arg(short, long, value_name = "DIR|H5AD")]
    output: PathBuf,
    /// Replace a folder of such results
    #[arg(long)]
    overwrite: bool,
    /// Batch of each cell, one of those of training: a column of the cells, or a table FILE[:COLUMN]
    #[arg(long, value_name = "COLUMN|FILE")]
    batch: Option<String>,
    /// Write denoised.h5ad: what each cell is expected to express
    #[arg(long)]
    denoised: bool,
    /// With --denoised: as if all cells were of this batch
    #[arg(long, value_name = "NAME")]
    as_batch: Option<String>,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &EncodeArgs, printer: &Printer) -> Result<Outcome> {
    let begun = Instant::now();
    if is_h5ad_name(&args.output) {
        if args.denoised {
            let message = "--denoised: expected a folder as output, which holds denoised.h5ad, found an h5ad file";
            return Err(user(message, Some("leave .h5ad out of --output")));
        }
    } else {
        basewise_io::output::check_dir(&args.output, args.overwrite)?;
    }
    let saved = SavedAutoencoder::load(&file_of(&args.model)?)?;
    let model = &saved.model;
    let as_batch = args.as_batch.as_deref().map(|name| known_batch("--as-batch", name, &saved)).transpose()?;
    let describing = labels::of_table(&args.input.input, args.batch.as_deref())?;
    let matrix = args.input.load(&describing, printer)?;
    check_values(model, &matrix)?;
    let aligned = Aligned::of(&matrix, &saved.genes)?;
    printer.talk(&aligned.account(&saved.genes));
    let batch = args.batch.as_deref().map(|wanted| labels::read("--batch", wanted, &matrix)).transpose()?;
    let codes = batch.as_ref().map(|own| codes(own, &matrix.cells.ids, &saved)).transpose()?;
    let batches = codes.as_ref().map(|codes| (&codes[..], saved.batches.len()));
    check_batches(args, &saved, batches.is_some())?;
    let cells = Cells { values: &aligned.values, batches };
    let named = |error: AutoencoderError| explained(error, &matrix.cells.ids, &saved.genes);
    let latent = model.encode(cells).map_err(named)?;
    let denoised = if args.denoised { Some(model.denoised(cells, as_batch).map_err(named)?) } else { None };
    let judged = saved.batches.is_empty() || batches.is_some();
    let rows: Vec<usize> = (0..aligned.values.rows).collect();
    let evaluation = if judged { Some(model.evaluate(cells, &rows, 0).map_err(named)?) } else { None };
    let found =
        outputs::Found { args, saved: &saved, matrix: &matrix, aligned: &aligned, latent, denoised, evaluation };
    let summary = outputs::summary(&found, begun.elapsed().as_secs_f64());
    outputs::write(&found, &summary)?;
    if args.json {
        printer.json(&summary)?;
    } else {
        printer.data(&outputs::text(&summary))?;
    }
    Ok(Outcome::Done)
}

/// The file of the weights that `given` means.
fn file_of(given: &Path) -> Result<PathBuf> {
    if given.is_file() {
        return Ok(given.to_path_buf());
    }
    let file = given.join("model.safetensors");
    if file.is_file() && given.join("autoencode.json").is_file() {
        return Ok(file);
    }
    let found = match given.exists() {
        false => "nothing there",
        true if given.join("autoencode.json").is_file() => "no model.safetensors in it",
        true => "no autoencode.json in it",
    };
    Err(user(
        format!("{}: expected a trained autoencoder, found {found}", given.display()),
        Some("one is made by `basewise cells autoencode CELLS -o FOLDER`"),
    ))
}

/// Refuses values that are not of the kind that the model was trained on.
fn check_values(model: &Autoencoder, matrix: &CellMatrix) -> Result<()> {
    let counts = matrix.values == Values::Counts;
    if counts != model.config().as_is {
        return Ok(());
    }
    let expected = if counts { "values that are no counts" } else { "counts" };
    Err(user(
        format!("expected {expected}, as the model was trained on, found {}", matrix.values.words()),
        Some("--matrix names another matrix of an h5ad file"),
    ))
}

/// The number of a batch of training.
fn known_batch(flag: &str, name: &str, saved: &SavedAutoencoder) -> Result<u32> {
    let place = saved.batches.iter().position(|own| own == name);
    place.map(|place| place as u32).ok_or_else(|| {
        let known = if saved.batches.is_empty() { "none".to_owned() } else { saved.batches.join(", ") };
        user(
            format!("{flag}: expected a batch of training, found {name:?}; the model knows {known}"),
            (flag == "--batch")
                .then_some("leave --batch out to encode cells of other batches, and say --as-batch to denoise them"),
        )
    })
}

/// The batch of each cell, by the model's numbers.
fn codes(batch: &Labels, ids: &[String], saved: &SavedAutoencoder) -> Result<Vec<u32>> {
    let own = batch.names.iter().map(|name| known_batch("--batch", name, saved)).collect::<Result<Vec<u32>>>()?;
    let one = |(code, id): (&Option<u32>, &String)| {
        let code = code.ok_or_else(|| user(format!("--batch: expected a batch for cell {id:?}, found none"), None))?;
        Ok(own[code as usize])
    };
    batch.codes.iter().zip(ids).map(one).collect()
}

/// Refuses what needs batches without them.
fn check_batches(args: &EncodeArgs, saved: &SavedAutoencoder, given: bool) -> Result<()> {
    if given || saved.batches.is_empty() {
        return Ok(());
    }
    if saved.model.config().encode_batch {
        return Err(user("expected --batch: the encoder of this model is told the batch of each cell", None));
    }
    if args.denoised && args.as_batch.is_none() {
        let hint = format!("its batches are {}", saved.batches.join(", "));
        return Err(user("--denoised: expected --batch or --as-batch, for a model with batches", Some(&hint)));
    }
    Ok(())
}

/// An error with names in the place of numbers.
fn explained(error: AutoencoderError, ids: &[String], genes: &[String]) -> anyhow::Error {
    match error {
        AutoencoderError::Empty { cell } => user(
            format!("cell {:?}: expected counts of the model's genes, found none", ids[cell]),
            Some("leave such cells out first: `basewise cells filter --min-genes 1`, or more"),
        ),
        AutoencoderError::Value { cell, gene, expected, found } => {
            user(format!("cell {:?}, gene {:?}: expected {expected}, found {found}", ids[cell], genes[gene]), None)
        }
        other => other.into(),
    }
}
