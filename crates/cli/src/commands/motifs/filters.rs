//! `basewise motifs filters`: what the first layer looks for, as position weight matrices.

use crate::commands::command_line;
use crate::commands::evaluate::batch_of_rows;
use crate::commands::explain::label_of;
use crate::failure::user;
use crate::printer::Printer;
use crate::run_dir::{RunDir, make_room, write_bytes, write_json, write_text};
use crate::shared_args::{SplitArg, output_index};
use crate::table::count;
use anyhow::Result;
use basewise_core::metrics::pearson;
use basewise_core::{Code, Predict, SequenceBatch};
use basewise_motif::{Motif, filters::from_windows, formats::Format};
use basewise_nn::attribute::{FilterWindows, filter_windows};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Bins of the histogram of positions.
const BINS: usize = 40;

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise motifs filters quickstart/donor/run -o filters

A window counts for a filter when its activation is above a share of the filter's maximum over the set (one half by
default, after Alipanahi et al. 2015). DIR gets filters.meme, filters.tsv, filters.json, and logos/ as SVG and PNG.")]
pub(crate) struct FiltersArgs {
    /// Run directory
    run: PathBuf,
    /// Another data set than the one it was trained on
    data: Option<PathBuf>,
    /// Directory to write [default: RUN/filters]
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Whose windows to use
    #[arg(long, value_enum, default_value = "test")]
    split: SplitArg,
    /// Share of the filter's maximum that an activation must exceed
    #[arg(long, default_value_t = 0.5, value_name = "0..1")]
    threshold: f32,
    /// At most this many sequences
    #[arg(long, default_value_t = 5000, value_name = "N")]
    limit: usize,
    /// The output that filters are correlated with: a task, task:class, or a number [default: the first]
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Leave out the pictures
    #[arg(long)]
    no_logos: bool,
}

/// `filters.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FilterRecord {
    pub(crate) format_version: u32,
    pub(crate) command: String,
    /// How windows were chosen, in words.
    pub(crate) method: String,
    /// Filters in the layer, silent ones included.
    pub(crate) total: usize,
    pub(crate) filters: Vec<Filter>,
}

/// One filter that was active somewhere, the most informative first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Filter {
    pub(crate) id: String,
    pub(crate) consensus: String,
    /// Sum of the information of all columns, in bits.
    pub(crate) bits: f64,
    pub(crate) sites: usize,
    pub(crate) sequences: usize,
    pub(crate) max_activation: f64,
    /// Pearson correlation of the filter's maximum in a sequence with the label.
    pub(crate) correlation: Option<f64>,
    /// Median start of the windows.
    pub(crate) median_start: f64,
    /// Windows by start, in bins of equal width over the input.
    pub(crate) positions: Vec<usize>,
    pub(crate) probabilities: Vec<[f64; 4]>,
}

pub(crate) fn run(args: &FiltersArgs, printer: &Printer) -> Result<()> {
    if !(0.0..1.0).contains(&args.threshold) {
        return Err(user(format!("expected --threshold from 0 and below 1, found {}", args.threshold), None));
    }
    if args.limit == 0 {
        return Err(user("expected --limit of at least 1, found 0", None));
    }
    let run = RunDir::open(&args.run)?;
    let model = run.single_model("looking at filters")?;
    let (dataset, _, path) = run.dataset(args.data.as_deref())?;
    let (target, _) = output_index(model.tasks(), args.target.as_deref())?;
    let mut rows = args.split.rows(&dataset, &path)?;
    rows.truncate(args.limit);
    let batch = batch_of_rows(&model, &dataset, rows.iter().copied())?;
    let labels: Vec<Option<f64>> = rows.iter().map(|&i| label_of(&dataset, i, target)).collect();
    let layer = filter_windows(&model, &batch, args.threshold)?;
    let mut found: Vec<(Filter, Motif)> = layer
        .filters
        .iter()
        .enumerate()
        .filter_map(|(f, windows)| describe(f, windows, layer.width, &batch, &labels))
        .collect();
    // Most informative first; the number breaks ties, so that the order is always the same.
    found.sort_by(|a, b| b.0.bits.total_cmp(&a.0.bits).then_with(|| a.0.id.cmp(&b.0.id)));
    let record = FilterRecord {
        format_version: 1,
        command: command_line(),
        method: format!(
            "windows whose activation exceeds {} of the filter's maximum over {} sequences of the {} split",
            args.threshold,
            count(rows.len()),
            args.split.name()
        ),
        total: layer.filters.len(),
        filters: found.iter().map(|(filter, _)| filter.clone()).collect(),
    };
    let output = args.output.clone().unwrap_or_else(|| run.file("filters"));
    make_room(&output, "filters.json", &["filters.meme", "filters.tsv", "filters.json", "matches.json", "logos"])?;
    let motifs: Vec<Motif> = found.into_iter().map(|(_, motif)| motif).collect();
    write_bytes(&output.join("filters.meme"), &super::text_of(&motifs, Format::Meme)?)?;
    write_text(&output.join("filters.tsv"), &tsv(&record))?;
    write_json(&output.join("filters.json"), &record)?;
    if !args.no_logos {
        motifs.iter().try_for_each(|motif| super::logo::write(&output.join("logos"), motif, 2.0))?;
    }
    printer.talk(&format!(
        "{} of {} filters are active; wrote {}\nnext: basewise motifs match {}",
        count(motifs.len()),
        count(record.total),
        output.display(),
        crate::commands::quoted(&output.join("filters.meme"))
    ));
    Ok(())
}

/// The codes under a window; unknown beyond the ends, where the layer saw padding.
fn codes_at(batch: &SequenceBatch, sequence: usize, start: i64, width: usize) -> Vec<Code> {
    let codes = batch.sequence(sequence);
    (start..start + width as i64)
        .map(|p| usize::try_from(p).ok().and_then(|p| codes.get(p)).copied().unwrap_or(Code::N))
        .collect()
}

fn describe(
    f: usize,
    windows: &FilterWindows,
    width: usize,
    batch: &SequenceBatch,
    labels: &[Option<f64>],
) -> Option<(Filter, Motif)> {
    if windows.windows.is_empty() {
        return None;
    }
    let cut: Vec<Vec<Code>> = windows.windows.iter().map(|w| codes_at(batch, w.sequence, w.start, width)).collect();
    let id = format!("filter{:02}", f + 1);
    let motif = from_windows(&id, cut.iter().map(Vec::as_slice), width, batch.encoding().alphabet, 1.0);
    let mut starts: Vec<f64> = windows.windows.iter().map(|w| w.start as f64).collect();
    starts.sort_by(f64::total_cmp);
    let mut sequences: Vec<usize> = windows.windows.iter().map(|w| w.sequence).collect();
    sequences.dedup();
    let filter = Filter {
        id: motif.id.clone(),
        consensus: motif.consensus(),
        bits: motif.information().iter().sum(),
        sites: windows.windows.len(),
        sequences: sequences.len(),
        max_activation: f64::from(windows.max_activation),
        correlation: correlation(&windows.sequence_maxima, labels),
        median_start: crate::commands::dataset::show::quantile(&starts, 0.5),
        positions: histogram(&starts, batch.length()),
        probabilities: motif.probabilities.clone(),
    };
    Some((filter, motif))
}

fn correlation(maxima: &[f32], labels: &[Option<f64>]) -> Option<f64> {
    let known = maxima.iter().zip(labels).filter_map(|(&m, &l)| Some((f64::from(m), l?)));
    let (maxima, labels): (Vec<f64>, Vec<f64>) = known.unzip();
    pearson(&maxima, &labels)
}

fn histogram(starts: &[f64], length: usize) -> Vec<usize> {
    let mut counts = vec![0; BINS.min(length.max(1))];
    let bins = counts.len();
    for start in starts {
        let bin = (start.max(0.0) * bins as f64 / length.max(1) as f64) as usize;
        counts[bin.min(bins - 1)] += 1;
    }
    counts
}

fn tsv(record: &FilterRecord) -> String {
    let mut out =
        String::from("filter\tconsensus\tbits\tsites\tsequences\tmax_activation\tcorrelation\tmedian_start\n");
    for f in &record.filters {
        let correlation = f.correlation.map_or(String::new(), |c| format!("{c:.4}"));
        out += &format!(
            "{}\t{}\t{:.3}\t{}\t{}\t{:.4}\t{correlation}\t{}\n",
            f.id, f.consensus, f.bits, f.sites, f.sequences, f.max_activation, f.median_start
        );
    }
    out
}
