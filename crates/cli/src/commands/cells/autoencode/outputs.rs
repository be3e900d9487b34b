//! What is written: a folder with tables, a page and h5ad files, or one h5ad file.

use super::super::cluster::is_h5ad_name;
use super::super::filter::Kept;
use super::super::input::Words;
use super::super::labels::Labels;
use super::super::outputs::{Account, tsv, write_h5ad};
use super::compare::{Compared, Space, Worth};
use super::{AutoencodeArgs, Counts, Model};
use crate::commands::command_line;
use crate::report::autoencoder::AutoencoderReport;
use crate::report::cells::Dots;
use crate::report::head::Head;
use crate::table::{Table, count, duration};
use anyhow::Result;
use basewise_core::Matrix;
use basewise_core::sparse::Csr;
use basewise_io::Error;
use basewise_io::cells::h5ad::{self, Additions};
use basewise_io::cells::{CellMatrix, Column, Frame, Values};
use basewise_io::output::{write_dir, write_file};
use basewise_nn::autoencoder::{Autoencoder, Cells, Evaluation, History, SavedAutoencoder};
use serde::Serialize;

/// Everything that was found.
pub(super) struct Found<'a> {
    pub(super) args: &'a AutoencodeArgs,
    /// As it was read.
    pub(super) matrix: &'a CellMatrix,
    pub(super) kept: &'a Kept,
    /// The kept cells and genes.
    pub(super) used: &'a CellMatrix,
    /// Whether each kept gene is modelled.
    pub(super) genes: &'a [bool],
    /// What the model was trained on.
    pub(super) cells: Cells<'a>,
    pub(super) model: &'a Autoencoder,
    pub(super) history: &'a History,
    pub(super) evaluation: &'a Evaluation,
    pub(super) compared: &'a Compared,
    pub(super) labels: Option<&'a Labels>,
    pub(super) batch: Option<&'a Labels>,
}

impl Found<'_> {
    /// What rows and columns are called.
    fn words(&self) -> Words {
        Words::of(self.matrix.values)
    }

    /// The numbers whose squared error is told.
    fn target(&self) -> &'static str {
        if self.model.config().as_is { "the values" } else { "log(1 + value)" }
    }
}

/// `autoencode.json`.
#[derive(Serialize)]
pub(super) struct Summary {
    format_version: u32,
    version: &'static str,
    command: String,
    input: String,
    model: Model,
    #[serde(skip_serializing_if = "Option::is_none")]
    likelihood: Option<Counts>,
    latent: usize,
    hidden: Vec<usize>,
    weights: usize,
    cells: Account,
    genes: Account,
    modelled_genes: usize,
    batches: usize,
    epochs: usize,
    best_epoch: usize,
    validation_cells: usize,
    held_out: HeldOut,
    autoencoder: Worth,
    pca: Worth,
    seed: u64,
    seconds: f64,
    seconds_an_epoch: f64,
}

/// Figures of held-out cells, means over cells in nats.
#[derive(Serialize)]
struct HeldOut {
    cells: usize,
    negative_log_likelihood: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    divergence: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_evidence_lower_bound: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_marginal_log_likelihood: Option<f64>,
}

pub(super) fn summary(found: &Found<'_>, training: f64, seconds: f64) -> Summary {
    let (args, config, epochs) = (found.args, found.model.config(), found.history.epochs.len());
    Summary {
        format_version: 1,
        version: env!("CARGO_PKG_VERSION"),
        command: command_line(),
        input: args.input.input.display().to_string(),
        model: args.model,
        likelihood: matches!(args.model, Model::Dca | Model::Vae).then(|| args.likelihood()),
        latent: config.latent,
        hidden: config.hidden.clone(),
        weights: found.model.parameters(),
        cells: Account { read: found.matrix.counts.rows, used: found.used.counts.rows },
        genes: Account { read: found.matrix.counts.columns, used: found.used.counts.columns },
        modelled_genes: found.cells.values.columns,
        batches: found.batch.map_or(0, |batch| batch.names.len()),
        epochs,
        best_epoch: found.history.best,
        validation_cells: found.history.validation.len(),
        held_out: HeldOut {
            cells: found.history.held_out.len(),
            negative_log_likelihood: found.evaluation.reconstruction,
            divergence: found.evaluation.divergence,
            negative_evidence_lower_bound: found.evaluation.bound,
            negative_marginal_log_likelihood: found.evaluation.marginal,
        },
        autoencoder: found.compared.latent.worth.clone(),
        pca: found.compared.pca.worth.clone(),
        seed: args.seed,
        seconds,
        seconds_an_epoch: training / epochs.max(1) as f64,
    }
}

/// Names of figures, with those of the autoencoder and of principal components.
fn figures(found: &Found<'_>) -> Vec<(String, [Option<f64>; 2])> {
    let (own, pca, said) = (&found.compared.latent.worth, &found.compared.pca.worth, found.evaluation);
    let Words { rows, row, .. } = found.words();
    let which = if found.history.held_out.is_empty() { format!("all {rows}") } else { format!("held-out {rows}") };
    let nats = |name: &str, value: Option<f64>| (format!("{name}, nats a {row}, {which}"), [value, None]);
    let error = format!("Squared error of {}, {which}", found.target());
    let all = [
        (error, [Some(own.squared_error), Some(pca.squared_error)]),
        nats(&format!("-ln P({row} | latent)"), Some(said.reconstruction)),
        nats("Divergence from the prior", said.divergence),
        nats(&format!("-ln P({row}), upper bound"), said.bound),
        nats(&format!("-ln P({row}), importance-weighted"), said.marginal),
        ("Clusters (Leiden)".to_owned(), [Some(own.clusters as f64), Some(pca.clusters as f64)]),
        ("Adjusted Rand index".to_owned(), [own.ari, pca.ari]),
        ("Normalized mutual information".to_owned(), [own.nmi, pca.nmi]),
        ("Silhouette by label".to_owned(), [own.label_silhouette, pca.label_silhouette]),
        ("Silhouette by batch (0: mixed)".to_owned(), [own.batch_silhouette, pca.batch_silhouette]),
    ];
    all.into_iter().filter(|(_, values)| values.iter().any(Option::is_some)).collect()
}

/// The summary for a terminal.
pub(super) fn text(found: &Found<'_>, summary: &Summary) -> String {
    let mut table = Table::new(&["", "autoencoder", "principal components"]);
    for (name, values) in figures(found) {
        let shown = |value: Option<f64>| match value {
            Some(value) if value.fract() == 0.0 && value.abs() >= 2.0 => format!("{value}"),
            Some(value) => format!("{value:.4}"),
            None => "–".to_owned(),
        };
        table.row([name, shown(values[0]), shown(values[1])]);
    }
    let Words { rows, row, columns } = found.words();
    format!(
        "{}\n{} {rows}, {} {columns}, {} numbers a {row}; {}\n",
        table.render(),
        count(summary.cells.used),
        count(summary.modelled_genes),
        summary.latent,
        duration(summary.seconds)
    )
}

/// What goes into an h5ad file, a row a cell that was kept.
fn additions(found: &Found<'_>) -> Additions {
    let name = found.args.model.name();
    let (latent, pca) = (&found.compared.latent, &found.compared.pca);
    let clusters = |space: &Space| {
        let names = (0..space.worth.clusters).map(|cluster| cluster.to_string()).collect();
        Column::category(names, space.clusters.iter().map(|&label| Some(label)))
    };
    let mut obsm = vec![
        (format!("X_bw_{name}"), latent.coordinates.clone()),
        (format!("X_bw_{name}_pca"), pca.coordinates.clone()),
    ];
    if let Some(map) = &latent.map {
        obsm.push((format!("X_bw_{name}_tsne"), map.clone()));
    }
    let cells = latent.coordinates.rows();
    let obs = vec![
        (format!("leiden_bw_{name}"), clusters(latent)),
        (format!("validation_bw_{name}"), flags(&found.history.validation, cells)),
        (format!("held_out_bw_{name}"), flags(&found.history.held_out, cells)),
    ];
    let var = vec![(format!("used_bw_{name}"), Column::Flag(found.genes.iter().map(|&used| Some(used)).collect()))];
    Additions { obs, var, obsm, ..Additions::default() }
}

/// Whether each cell is one of some rows.
fn flags(rows: &[usize], cells: usize) -> Column {
    let mut flags = vec![Some(false); cells];
    rows.iter().for_each(|&cell| flags[cell] = Some(true));
    Column::Flag(flags)
}

/// Writes the h5ad file, or the folder.
pub(super) fn write(found: &Found<'_>, summary: &Summary) -> Result<()> {
    let (args, additions) = (found.args, additions(found));
    let input = &args.input.input;
    if is_h5ad_name(&args.output) {
        return Ok(write_h5ad(input, &args.output, found.used, found.kept, &additions)?);
    }
    let json = serde_json::to_string_pretty(summary)? + "\n";
    let page = crate::report::render_autoencoder(&report(found, summary));
    let saved = saved(found);
    let denoised = if args.denoised { Some(found.model.denoised(found.cells, None)?) } else { None };
    let samples =
        if args.samples > 0 { Some(found.model.sample(args.samples, &totals(found), args.seed)?) } else { None };
    write_dir(&args.output, args.overwrite, |folder| {
        let text = |name: &str, text: &str| write_file(&folder.join(name), |sink| sink.write_all(text.as_bytes()));
        text("autoencode.json", &json)?;
        text("latent.tsv", &latent_table(found))?;
        text("history.tsv", &history_table(found.history))?;
        text("report.html", &page)?;
        let weights = folder.join("model.safetensors");
        saved.save(&weights).map_err(|error| Error::of(&weights, error.to_string()))?;
        if let Some(values) = &denoised {
            let cells = found.used.cells.clone();
            h5ad::create(&folder.join("denoised.h5ad"), &modelled(found, cells, values), &Additions::default())?;
        }
        if let Some(values) = &samples {
            let cells = Frame::named((1..=values.rows()).map(|cell| format!("sample{cell}")).collect());
            h5ad::create(&folder.join("samples.h5ad"), &modelled(found, cells, values), &Additions::default())?;
        }
        write_h5ad(input, &folder.join("cells.h5ad"), found.used, found.kept, &additions)
    })?;
    Ok(())
}

/// The model with the names of what it knows.
fn saved(found: &Found<'_>) -> SavedAutoencoder {
    let genes = found.used.genes.ids.iter().zip(found.genes).filter(|(_, used)| **used);
    SavedAutoencoder {
        model: found.model.clone(),
        genes: genes.map(|(gene, _)| gene.clone()).collect(),
        batches: found.batch.map_or_else(Vec::new, |batch| batch.names.clone()),
    }
}

/// The sum of counts of each cell.
fn totals(found: &Found<'_>) -> Vec<f64> {
    let values = found.cells.values;
    (0..values.rows).map(|cell| values.row(cell).1.iter().map(|&count| f64::from(count)).sum()).collect()
}

/// Cells by the modelled genes.
fn modelled(found: &Found<'_>, cells: Frame, values: &Matrix) -> CellMatrix {
    let genes: Vec<usize> = (0..found.genes.len()).filter(|&gene| found.genes[gene]).collect();
    CellMatrix {
        counts: Csr::from_dense(values).into(),
        cells,
        genes: found.used.genes.select(&genes),
        obsm: Vec::new(),
        values: Values::of(values.data()),
        part: "X".to_owned(),
        notes: Vec::new(),
    }
}

fn latent_table(found: &Found<'_>) -> String {
    let latent = &found.compared.latent;
    let numbers = |matrix: &Matrix, k: usize| Column::Number(matrix.column(k).map(f64::from).collect());
    let mut columns = vec![("cell".to_owned(), Column::Text(found.used.cells.ids.iter().cloned().map(Some).collect()))];
    for k in 0..latent.coordinates.columns() {
        columns.push((format!("latent_{}", k + 1), numbers(&latent.coordinates, k)));
    }
    columns
        .push(("cluster".to_owned(), Column::Whole(latent.clusters.iter().map(|&own| Some(i64::from(own))).collect())));
    for (name, labels) in [("label", found.labels), ("batch", found.batch)] {
        if let Some(labels) = labels {
            columns.push((name.to_owned(), Column::category(labels.names.clone(), labels.codes.iter().copied())));
        }
    }
    for (name, rows) in [("validation", &found.history.validation), ("held_out", &found.history.held_out)] {
        columns.push((name.to_owned(), flags(rows, latent.coordinates.rows())));
    }
    if let Some(map) = &latent.map {
        columns.extend((0..2).map(|k| (format!("tsne_{}", k + 1), numbers(map, k))));
    }
    tsv(&Frame { ids: found.used.cells.ids.clone(), columns })
}

fn history_table(history: &History) -> String {
    let mut text = "epoch\tnegative_log_likelihood\tdivergence\tweight\tvalidation_loss\n".to_owned();
    for own in &history.epochs {
        let validation = own.validation.map(|loss| loss.to_string()).unwrap_or_default();
        let (epoch, likelihood, divergence, weight) = (own.epoch, own.likelihood, own.divergence, own.weight);
        text.push_str(&format!("{epoch}\t{likelihood}\t{divergence}\t{weight}\t{validation}\n"));
    }
    text
}

fn report(found: &Found<'_>, summary: &Summary) -> AutoencoderReport {
    let spaces = [&found.compared.latent, &found.compared.pca];
    let clusters = spaces.map(|space| Dots {
        name: "cluster".to_owned(),
        groups: (0..space.worth.clusters).map(|cluster| cluster.to_string()).collect(),
        codes: space.clusters.iter().map(|&label| Some(label)).collect(),
    });
    let mut dots = vec![clusters];
    for (name, labels) in [("label", found.labels), ("batch", found.batch)] {
        let of =
            |labels: &Labels| Dots { name: name.to_owned(), groups: labels.names.clone(), codes: labels.codes.clone() };
        dots.extend(labels.map(|labels| [of(labels), of(labels)]));
    }
    let curve =
        |own: &basewise_nn::autoencoder::EpochLosses| (own.epoch, own.likelihood + own.divergence, own.validation);
    AutoencoderReport {
        head: Head {
            title: format!("Autoencoder of {}", summary.input),
            generated_by: summary.command.clone(),
            account: account(found, summary),
        },
        row: found.words().row,
        held_out: !found.history.held_out.is_empty(),
        axes: if found.compared.latent.map.is_some() { ("t-SNE 1", "t-SNE 2") } else { ("1", "2") },
        points: spaces.map(Space::points),
        dots,
        figures: figures(found),
        curve: found.history.epochs.iter().map(curve).collect(),
        best: found.history.best,
    }
}

fn account(found: &Found<'_>, summary: &Summary) -> String {
    let what = match found.args.model {
        Model::Ae => "A plain autoencoder",
        Model::Denoise => "A denoising autoencoder",
        Model::Dca => "An autoencoder of counts",
        Model::Vae => "A variational autoencoder",
    };
    let likelihood = match summary.likelihood {
        Some(Counts::Nb) => "negative binomial counts",
        Some(Counts::Zinb) => "zero-inflated negative binomial counts",
        None => &format!("squared errors of {}", found.target()),
    };
    let Words { rows, row, columns } = found.words();
    let batches =
        if summary.batches > 0 { format!(", given one of {} batches,", summary.batches) } else { String::new() };
    format!(
        "{what} with {likelihood}{batches} was trained on {} of {} {rows} and {} of {} {columns}; {} of these {rows} \
         chose the epoch whose weights were kept, and {} were held out. It says what is in a {row} with {} numbers; beside it are as many principal components.",
        count(summary.cells.used),
        count(summary.cells.read),
        count(summary.modelled_genes),
        count(summary.genes.read),
        count(found.history.validation.len()),
        count(found.history.held_out.len()),
        summary.latent
    )
}
