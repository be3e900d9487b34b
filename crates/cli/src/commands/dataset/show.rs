//! `basewise dataset show`: what is in a data set.

use crate::failure::Outcome;
use crate::printer::Printer;
use crate::report::data::{
    ClassDistribution, ControlSummary, ControlTrack, CovariateSummary, DataSummary, LabelCount, Lengths, RowPreview,
    Source, SplitSummary, TaskSummary,
};
use crate::table::{Table, count};
use anyhow::Result;
use basewise_core::{Alphabet, CasePolicy, Covariate, Dataset, Example, Split, Task, TaskKind, Transform};
use basewise_io::dataset::Provenance;
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  $ basewise dataset show quickstart/donor/data\n  $ basewise dataset show quickstart/donor/data --json"
)]
pub(crate) struct ShowArgs {
    /// Data set directory
    data: PathBuf,
    /// Print this many of the first rows
    #[arg(long, default_value_t = 5, value_name = "N")]
    rows: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ShowArgs, printer: &Printer) -> Result<Outcome> {
    let (dataset, provenance) = basewise_io::dataset::load(&args.data)?;
    let summary = summarize(&dataset, &provenance, &args.data, args.rows);
    if args.json {
        printer.json(&summary)?
    } else {
        printer.data(&render(&summary))?
    }
    Ok(Outcome::Done)
}

/// Counts, lengths and GC of a data set.
pub(crate) fn summarize(dataset: &Dataset, provenance: &Provenance, path: &Path, rows: usize) -> DataSummary {
    DataSummary {
        path: path.display().to_string(),
        description: cleaned(provenance),
        alphabet: if dataset.encoding.alphabet == Alphabet::Dna { "DNA" } else { "RNA" }.to_owned(),
        case: match dataset.encoding.case {
            CasePolicy::Ignore => "ignore",
            CasePolicy::MaskLower => "mask-lower",
            CasePolicy::Channel => "channel",
        }
        .to_owned(),
        length: dataset.length,
        jitter: dataset.jitter,
        tasks: dataset.tasks.iter().map(task_summary).collect(),
        covariates: (0..dataset.covariates.len()).map(|i| covariate_summary(dataset, i)).collect(),
        control: control_summary(dataset),
        splits: Split::ALL.iter().map(|&split| split_summary(dataset, split)).collect(),
        sources: provenance
            .sources
            .iter()
            .map(|s| Source { path: s.path.clone(), sha256: s.sha256.clone().unwrap_or_default() })
            .collect(),
        gc: gc_by_class(dataset),
        lengths: lengths(dataset),
        first_rows: (0..dataset.examples.len().min(rows)).map(|row| preview(dataset, row)).collect(),
    }
}

/// What an earlier `dataset check --fix` took out, in words.
fn cleaned(provenance: &Provenance) -> String {
    let removed = provenance.notes.get("removed").and_then(|v| v.as_object());
    let counts: Vec<String> =
        removed.into_iter().flatten().map(|(reason, n)| format!("{} for {}", n, reason.replace('-', " "))).collect();
    if counts.is_empty() {
        String::new()
    } else {
        format!("Before training, rows were removed: {}.", counts.join(", "))
    }
}

fn covariate_summary(dataset: &Dataset, i: usize) -> CovariateSummary {
    let Covariate { name, transform, mean, deviation } = dataset.covariates[i].clone();
    let unknown = dataset.examples.iter().filter(|example| example.covariates[i].is_nan()).count();
    CovariateSummary { name, transform, mean, deviation, unknown }
}

fn control_summary(dataset: &Dataset) -> Option<ControlSummary> {
    let control = dataset.control.as_ref()?;
    let track = |(track, name): (usize, &String)| {
        let (mut total, mut unknown) = (0.0, 0);
        for row in 0..dataset.examples.len() {
            let seen = dataset.seen_control(row);
            let bins = &seen[track * control.bins..(track + 1) * control.bins];
            total += bins.iter().filter(|bin| !bin.is_nan()).sum::<f64>();
            unknown += bins.iter().filter(|bin| bin.is_nan()).count();
        }
        let rows = dataset.examples.len().max(1) as f64;
        let unknown = unknown as f64 / (rows * control.bins as f64);
        ControlTrack { name: name.clone(), mean_total: total / rows, unknown }
    };
    let (bins, bin_size) = (control.bins, control.bin_size);
    Some(ControlSummary { bins, bin_size, tracks: control.tracks.iter().enumerate().map(track).collect() })
}

fn task_summary(task: &Task) -> TaskSummary {
    let (kind, classes) = match &task.kind {
        TaskKind::Binary => ("binary", vec!["0".to_owned(), "1".to_owned()]),
        TaskKind::Classes { classes } => ("classes", classes.clone()),
        TaskKind::Regression | TaskKind::Counts => (task.kind.name(), Vec::new()),
        TaskKind::Profile(profile) => {
            let (tracks, bins, size) = (profile.tracks.join(", "), profile.bins, profile.bin_size);
            let weight = profile.count_weight;
            let kind = format!("profile of {tracks}: {bins} bins of {size} each, weight of totals {weight:.4}");
            return TaskSummary { name: task.name.clone(), kind, classes: Vec::new() };
        }
    };
    TaskSummary { name: task.name.clone(), kind: kind.to_owned(), classes }
}

/// The classes of a task with the label that means each; empty where labels are numbers.
pub(crate) fn classes_of(task: &Task) -> Vec<(String, f64)> {
    task_summary(task).classes.into_iter().enumerate().map(|(i, class)| (class, i as f64)).collect()
}

fn split_summary(dataset: &Dataset, split: Split) -> SplitSummary {
    let rows = dataset.rows_of(split);
    let mut counts = Vec::new();
    for (t, task) in dataset.tasks.iter().enumerate() {
        let prefix = if dataset.tasks.len() > 1 { format!("{}: ", task.name) } else { String::new() };
        let labels = || rows.iter().map(|&i| dataset.label(i, t));
        for (class, value) in classes_of(task) {
            counts.push(LabelCount {
                label: format!("{prefix}{class}"),
                count: labels().filter(|&l| l == value).count(),
            });
        }
        let unknown = labels().filter(|l| l.is_nan()).count();
        if unknown > 0 {
            counts.push(LabelCount { label: format!("{prefix}unknown"), count: unknown });
        }
    }
    SplitSummary { split: split.name().to_owned(), examples: rows.len(), counts }
}

fn gc_by_class(dataset: &Dataset) -> Vec<ClassDistribution> {
    let mut out = Vec::new();
    for (t, task) in dataset.tasks.iter().enumerate() {
        let prefix = if dataset.tasks.len() > 1 { format!("{}: ", task.name) } else { String::new() };
        for (class, value) in classes_of(task) {
            let rows = dataset.examples.iter().enumerate().filter(|(row, _)| dataset.label(*row, t) == value);
            let mut gc: Vec<f64> = rows.filter_map(|(_, example)| gc_of(example)).collect();
            gc.sort_by(f64::total_cmp);
            if !gc.is_empty() {
                out.push(ClassDistribution {
                    class: format!("{prefix}{class}"),
                    mean: gc.iter().sum::<f64>() / gc.len() as f64,
                    q1: quantile(&gc, 0.25),
                    median: quantile(&gc, 0.5),
                    q3: quantile(&gc, 0.75),
                });
            }
        }
    }
    out
}

/// Share of G and C among the known bases.
fn gc_of(example: &Example) -> Option<f64> {
    let letter = |set: &[u8]| example.sequence.iter().filter(|l| set.contains(&l.to_ascii_uppercase())).count();
    let known = letter(b"ACGTU");
    (known > 0).then(|| letter(b"GC") as f64 / known as f64)
}

/// The value below which a share `q` of the sorted values lies, with linear interpolation.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = q * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

fn lengths(dataset: &Dataset) -> Option<Lengths> {
    let mut all: Vec<usize> = dataset.examples.iter().map(|e| e.sequence.len()).collect();
    all.sort_unstable();
    let sorted: Vec<f64> = all.iter().map(|&l| l as f64).collect();
    Some(Lengths { min: *all.first()?, median: quantile(&sorted, 0.5), max: *all.last()? })
}

/// A label in words.
pub(crate) fn label_text(task: &Task, label: f64) -> String {
    match &task.kind {
        _ if label.is_nan() => "unknown".to_owned(),
        TaskKind::Classes { classes } => classes.get(label as usize).cloned().unwrap_or_else(|| label.to_string()),
        TaskKind::Binary | TaskKind::Regression | TaskKind::Counts => label.to_string(),
        TaskKind::Profile(_) => format!("total {:.1}", label.exp_m1()),
    }
}

fn preview(dataset: &Dataset, row: usize) -> RowPreview {
    let example = &dataset.examples[row];
    let tasks = dataset.tasks.iter().enumerate();
    let labels: Vec<String> = tasks.map(|(t, task)| label_text(task, dataset.label(row, t))).collect();
    RowPreview {
        id: example.id.clone(),
        place: example.place.as_ref().map(ToString::to_string),
        split: example.split.to_string(),
        label: labels.join(" "),
        sequence: String::from_utf8_lossy(&example.sequence).into_owned(),
    }
}

fn render(summary: &DataSummary) -> String {
    let mut out = format!(
        "{}: {} positions of {}, case {}{}\n",
        summary.path,
        summary.length,
        summary.alphabet,
        summary.case,
        if summary.jitter > 0 { format!(", jitter margin {}", summary.jitter) } else { String::new() }
    );
    if let Some(l) = &summary.lengths {
        out += &format!("sequence lengths: shortest {}, median {}, longest {}\n", l.min, l.median, l.max);
    }
    for task in &summary.tasks {
        out += &format!("task {}: {} {}\n", task.name, task.kind, task.classes.join(" "));
    }
    for c in &summary.covariates {
        let log = if c.transform == Transform::Log { "logarithm, " } else { "" };
        out += &format!(
            "covariate {}: {log}mean {:.4}, standard deviation {:.4} in training",
            c.name, c.mean, c.deviation
        );
        out += &if c.unknown > 0 { format!("; unknown in {} rows\n", count(c.unknown)) } else { "\n".to_owned() };
    }
    if let Some(control) = &summary.control {
        for track in &control.tracks {
            out += &format!(
                "control {}: {} bins of {} each, mean total {:.1}; {:.1} % of the bins have no value and are read as 0\n",
                track.name,
                control.bins,
                control.bin_size,
                track.mean_total,
                100.0 * track.unknown
            );
        }
    }
    let labels: Vec<&str> = summary.splits.iter().flat_map(|s| &s.counts).map(|c| c.label.as_str()).collect();
    let mut unique: Vec<&str> = Vec::new();
    labels.into_iter().for_each(|l| {
        if !unique.contains(&l) {
            unique.push(l)
        }
    });
    let mut table = Table::new(&[&["split", "examples"], unique.as_slice()].concat());
    for split in &summary.splits {
        let cell = |label: &&str| count(split.counts.iter().find(|c| c.label == **label).map_or(0, |c| c.count));
        table.row([split.split.clone(), count(split.examples)].into_iter().chain(unique.iter().map(cell)));
    }
    out = out + "\n" + &table.render();
    if !summary.gc.is_empty() {
        let mut table = Table::new(&["GC by class", "mean", "quartile 1", "median", "quartile 3"]);
        for gc in &summary.gc {
            table.row(
                [gc.class.clone()].into_iter().chain([gc.mean, gc.q1, gc.median, gc.q3].map(|v| format!("{v:.3}"))),
            );
        }
        out = out + "\n" + &table.render();
    }
    out + "\n" + &rows_table(summary)
}

fn rows_table(summary: &DataSummary) -> String {
    let mut table = Table::new(&["id", "place", "split", "label", "sequence"]);
    for row in &summary.first_rows {
        let sequence = if row.sequence.len() > 60 {
            format!("{}…", row.sequence.chars().take(59).collect::<String>())
        } else {
            row.sequence.clone()
        };
        table.row([
            row.id.clone(),
            row.place.clone().unwrap_or_else(|| "–".to_owned()),
            row.split.clone(),
            row.label.clone(),
            sequence,
        ]);
    }
    table.render()
}
