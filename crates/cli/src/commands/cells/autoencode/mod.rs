//! `basewise cells autoencode`: a network that says what is in a cell with a few numbers, beside principal components.

mod compare;
mod outputs;

use super::cluster::is_h5ad_name;
use super::filter::{self, FilterArgs};
use super::input::{InputArgs, Words};
use super::labels::{self, Labels};
use super::pipeline::{self, Transform};
use super::quality::Quality;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::shared_args::refuse_unfit;
use crate::table::{count, duration};
use anyhow::Result;
use basewise_io::cells::Values;
use basewise_nn::autoencoder::{Autoencoder, AutoencoderError, Cells, Config, Kind, Likelihood};
use clap::{Args, ValueEnum};
use compare::Compared;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum Model {
    /// Plain: squared error of log(1 + normalized count)
    Ae,
    /// The same, from a part of the values
    Denoise,
    /// Likelihood of counts (DCA, Eraslan et al. 2019)
    Dca,
    /// Variational, with batches (scVI, Lopez et al. 2018)
    Vae,
}

impl Model {
    fn kind(self) -> Kind {
        match self {
            Self::Ae => Kind::Plain,
            Self::Denoise => Kind::Denoising,
            Self::Dca => Kind::Counts,
            Self::Vae => Kind::Variational,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ae => "ae",
            Self::Denoise => "denoise",
            Self::Dca => "dca",
            Self::Vae => "vae",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum Counts {
    /// Negative binomial
    Nb,
    /// Zero-inflated negative binomial
    Zinb,
}

#[derive(Args)]
#[command(after_help = "Examples:
  $ awk 'BEGIN { printf \"cell\\ttype\\tbatch\"; for (g = 1; g <= 30; g++) printf \"\\tg%d\", g; print \"\"; for (c = 1; c <= 90; c++) { t = c % 3; \
printf \"c%d\\t%s\\tb%d\", c, substr(\"ABC\", t + 1, 1), c % 2; for (g = 1; g <= 30; g++) printf \"\\t%d\", (c * g * 7919) % 5 + (g % 3 == t ? 6 : 0) + (c % 2 && g % 5 == 0 ? 4 : 0); print \"\" } }' > made-batches.tsv
  $ basewise cells autoencode made-batches.tsv --model vae --batch batch --labels type --epochs 20 -o made-vae
  $ basewise cells autoencode made-batches.tsv --model dca --likelihood zinb --latent 4 --epochs 10 --no-map -o made-dca.h5ad

Cells are filtered and variable genes chosen as by `cells cluster`. A tenth of the cells validates: training stops when these get no
likelier. Another tenth is held out and judges the result, beside as many principal components of the same values.

A folder holds latent.tsv (a line a cell), history.tsv, autoencode.json, report.html, model.safetensors for `cells encode`, and
cells.h5ad, whose obsm has the latent numbers as X_bw_vae (X_bw_ae, ...); with --denoised and --samples also denoised.h5ad and
samples.h5ad. An output that ends in .h5ad is
that file alone.")]
pub(crate) struct AutoencodeArgs {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    limits: FilterArgs,
    /// Folder, or an h5ad file, to write
    #[arg(short, long, value_name = "DIR|H5AD")]
    output: PathBuf,
    /// Replace a folder of such results
    #[arg(long)]
    overwrite: bool,
    /// Which autoencoder
    #[arg(long, value_enum, default_value = "vae")]
    model: Model,
    /// dca and vae: the distribution of counts [default: nb]
    #[arg(long, value_enum)]
    likelihood: Option<Counts>,
    /// Numbers a cell
    #[arg(long, value_name = "N", default_value_t = 10)]
    latent: usize,
    /// Units of the encoder's hidden layers; the decoder has them in reverse [default: 128 for vae, else 64]
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    hidden: Vec<usize>,
    /// Batch of each cell, whose effect the decoder explains: a column of the cells, or a table FILE[:COLUMN]
    #[arg(long, value_name = "COLUMN|FILE")]
    batch: Option<String>,
    /// Tell the encoder the batch too
    #[arg(long, requires = "batch")]
    encode_batch: bool,
    /// Known labels to judge by: a column of the cells, or a table FILE[:COLUMN] with cells in its first column
    #[arg(long, value_name = "COLUMN|FILE")]
    labels: Option<String>,
    /// Most variable genes to go on with; 0 for all
    #[arg(long, value_name = "N", default_value_t = 2000)]
    variable_genes: usize,
    /// Passes over the cells, at most [default: 400, fewer for more than 20,000 cells]
    #[arg(long, value_name = "N", help_heading = "Training")]
    epochs: Option<usize>,
    /// Epochs without likelier validation cells after which training stops; 0 for never
    #[arg(long, value_name = "N", default_value_t = 45, help_heading = "Training")]
    patience: usize,
    /// vae: epochs over which the divergence from the prior gets its full weight [default: 400]
    #[arg(long, value_name = "N", help_heading = "Training")]
    warm_up: Option<usize>,
    /// Cells of a step
    #[arg(long, value_name = "N", default_value_t = 128, help_heading = "Training")]
    batch_size: usize,
    /// Learning rate of Adam
    #[arg(long, value_name = "RATE", default_value_t = 0.001, help_heading = "Training")]
    learning_rate: f64,
    /// Share of hidden units of the encoder that a step leaves out [default: 0.1 for vae, else 0]
    #[arg(long, value_name = "SHARE", help_heading = "Training")]
    dropout: Option<f64>,
    /// denoise: share of values that a step does not show [default: 0.2]
    #[arg(long, value_name = "SHARE", help_heading = "Training")]
    hide: Option<f64>,
    /// Share of cells by which the epoch is chosen whose weights are kept; 0 to keep the last one
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, help_heading = "Training")]
    validation: f64,
    /// Share of cells that are held out to judge, and take no part in training
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, help_heading = "Training")]
    held_out: f64,
    /// vae: draws for the likelihood of held-out cells [default: 25]
    #[arg(long, value_name = "N")]
    draws: Option<usize>,
    /// Write denoised.h5ad: what each cell is expected to express
    #[arg(long)]
    denoised: bool,
    /// vae: write samples.h5ad with so many cells drawn from the prior
    #[arg(long, value_name = "N", default_value_t = 0)]
    samples: usize,
    /// No t-SNE: pictures show the first two numbers
    #[arg(long)]
    no_map: bool,
    /// Neighbours of a cell, itself among them, for clusters by Leiden
    #[arg(long, value_name = "N", default_value_t = 15)]
    neighbors: usize,
    /// Resolution of Leiden's clusters
    #[arg(long, value_name = "R", default_value_t = 1.0)]
    resolution: f64,
    /// Seed; the same gives the same result
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

impl AutoencodeArgs {
    /// The distribution of counts.
    fn likelihood(&self) -> Counts {
        self.likelihood.unwrap_or(Counts::Nb)
    }

    /// An error if a setting of another model was given.
    fn other_model(&self) -> Result<()> {
        let given: [(&str, bool, &[&str]); 4] = [
            ("--likelihood", self.likelihood.is_some(), &["dca", "vae"]),
            ("--warm-up", self.warm_up.is_some(), &["vae"]),
            ("--draws", self.draws.is_some(), &["vae"]),
            ("--hide", self.hide.is_some(), &["denoise"]),
        ];
        refuse_unfit("--model", self.model.name(), &given)
    }

    fn config(&self, cells: usize, values: Values) -> Result<Config> {
        let kind = self.model.kind();
        let mut config = Config::of(kind, cells);
        let counted = matches!(self.model, Model::Dca | Model::Vae);
        if counted {
            if values != Values::Counts {
                return Err(user(
                    format!("--model {}: expected counts, found {}", self.model.name(), values.words()),
                    Some(
                        "--matrix names another matrix of an h5ad file; --model ae and --model denoise take other values as they are",
                    ),
                ));
            }
            config.likelihood = match self.likelihood() {
                Counts::Nb => Likelihood::NegativeBinomial,
                Counts::Zinb => Likelihood::ZeroInflated,
            };
        }
        self.other_model()?;
        if self.model != Model::Vae && self.samples > 0 {
            return Err(user("--samples: expected --model vae, which has a prior to draw from", None));
        }
        if is_h5ad_name(&self.output) && (self.denoised || self.samples > 0) {
            let message = "expected a folder as output, which holds denoised.h5ad and samples.h5ad, found an h5ad file";
            return Err(user(message, Some("leave .h5ad out of --output")));
        }
        if !self.hidden.is_empty() {
            config.hidden.clone_from(&self.hidden);
        }
        config.latent = self.latent;
        config.as_is = !counted && values != Values::Counts;
        config.encode_batch = self.encode_batch;
        config.epochs = self.epochs.unwrap_or(config.epochs);
        config.patience = self.patience;
        config.warm_up = self.warm_up.unwrap_or(400);
        config.batch_size = self.batch_size;
        config.rate = self.learning_rate;
        config.dropout = self.dropout.unwrap_or(config.dropout);
        config.hide = if self.model == Model::Denoise { self.hide.unwrap_or(0.2) } else { 0.0 };
        config.validation = self.validation;
        config.held_out = self.held_out;
        config.seed = self.seed;
        Ok(config)
    }
}

pub(crate) fn run(args: &AutoencodeArgs, printer: &Printer) -> Result<Outcome> {
    let begun = Instant::now();
    if !is_h5ad_name(&args.output) {
        basewise_io::output::check_dir(&args.output, args.overwrite)?;
    }
    let input = &args.input.input;
    let mut describing = labels::of_table(input, args.labels.as_deref())?;
    describing.extend(labels::of_table(input, args.batch.as_deref())?);
    let matrix = args.input.load(&describing, printer)?;
    let config = args.config(matrix.counts.rows, matrix.values)?;
    let read = |flag: &str, wanted: &Option<String>| {
        wanted.as_deref().map(|wanted| labels::read(flag, wanted, &matrix)).transpose()
    };
    let (known, batches) = (read("--labels", &args.labels)?, read("--batch", &args.batch)?);
    let quality = Quality::of(&matrix)?;
    let kept = filter::choose(&matrix, &quality, &args.limits)?;
    let used = filter::select(&matrix, &kept);
    printer.talk(&filter::account(&matrix, &kept));
    let prepared = pipeline::prepare(&used, Transform::Auto, args.variable_genes, false)?;
    let genes = prepared.used();
    let values = used.counts.select_columns(&genes).read()?;
    let [known, batches] = [known, batches].map(|own| own.map(|own| own.select(&kept.cells)));
    let codes = batches.as_ref().map(|own| batch_codes(own, &used.cells.ids)).transpose()?;
    let cells = Cells { values: &values, batches: codes.as_ref().map(|(codes, number)| (&codes[..], *number)) };
    let named = |error: AutoencoderError| explained(error, &used.cells.ids);
    let started = Instant::now();
    let (model, history) = Autoencoder::fit(cells, &config, &mut |_| {}).map_err(named)?;
    let training = started.elapsed().as_secs_f64();
    printer.talk(&format!(
        "{} {} go on; {} weights, {} epochs in {}, of which the weights of epoch {} are kept",
        count(values.columns),
        Words::of(matrix.values).columns,
        count(model.parameters()),
        history.epochs.len(),
        duration(training),
        history.best
    ));
    let shown = args.held_out_or_all(&history.held_out, values.rows);
    let evaluation = model.evaluate(cells, &shown, args.draws.unwrap_or(25)).map_err(named)?;
    let (labels, batch) = (known.as_ref(), batches.as_ref());
    let compared = Compared::of(&model, cells, &history, &shown, [labels, batch], args)?;
    let found = outputs::Found {
        args,
        matrix: &matrix,
        kept: &kept,
        used: &used,
        genes: &genes,
        cells,
        model: &model,
        history: &history,
        evaluation: &evaluation,
        compared: &compared,
        labels,
        batch,
    };
    let summary = outputs::summary(&found, training, begun.elapsed().as_secs_f64());
    outputs::write(&found, &summary)?;
    if args.json {
        printer.json(&summary)?;
    } else {
        printer.data(&outputs::text(&found, &summary))?;
    }
    Ok(Outcome::Done)
}

impl AutoencodeArgs {
    /// The cells that judge: held-out ones, or all where none are.
    fn held_out_or_all(&self, held_out: &[usize], cells: usize) -> Vec<usize> {
        if held_out.is_empty() { (0..cells).collect() } else { held_out.to_vec() }
    }
}

/// The batch of each cell, and how many there are.
fn batch_codes(batches: &Labels, ids: &[String]) -> Result<(Vec<u32>, usize)> {
    let one = |(code, id): (&Option<u32>, &String)| {
        code.ok_or_else(|| user(format!("--batch: expected a batch for each cell, found none for cell {id:?}"), None))
    };
    let codes = batches.codes.iter().zip(ids).map(one).collect::<Result<Vec<u32>>>()?;
    Ok((codes, batches.names.len()))
}

/// An error with the name of the cell in the place of its number.
fn explained(error: AutoencoderError, ids: &[String]) -> anyhow::Error {
    match error {
        AutoencoderError::Empty { cell } => user(
            format!("cell {:?}: expected counts of the chosen genes, found none", ids[cell]),
            Some("--min-genes leaves out poor cells; --variable-genes 0 goes on with all genes"),
        ),
        other => other.into(),
    }
}
