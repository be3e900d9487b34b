//! `basewise report`: gathers what a run directory holds into one page.

use crate::commands::dataset::{
    check::{history, kind_name},
    show::{label_text, summarize},
};
use crate::commands::evaluate::{Evaluation, batch_of_rows};
use crate::commands::explain::{Explanation, contribution};
use crate::commands::motifs::discover::outputs::{DiscoveryRecord, Kind};
use crate::commands::motifs::filters::FilterRecord;
use crate::commands::motifs::matching::MatchRecord;
use crate::commands::{command_line, report_classical};
use crate::comparison::{COMPARISON, Comparison};
use crate::failure::Outcome;
use crate::printer::Printer;
use crate::report::comparison::ComparisonReport;
use crate::report::data::{self, ReportData, RunReport};
use crate::run_dir::{CONFIG, RunDir, RunInfo, read_json, write_text};
use crate::trained::TrainedModel;
use anyhow::{Context, Result};
use basewise_core::check::{CheckReport, Severity};
use basewise_core::{Dataset, Predict};
use basewise_io::arrays::read_npz;
use basewise_io::dataset::Provenance;
use clap::Args;
use std::path::{Path, PathBuf};

/// Tracks that a reader will look at.
const TRACKS: usize = 8;
/// Patterns that a reader will look at.
const PATTERNS: usize = 40;
/// Filters that a reader will look at.
const FILTERS: usize = 16;

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise report quickstart/donor/run
  $ basewise report quickstart/donor/run quickstart/acceptor/run -o both.html --title 'Splice sites'

Of a directory that `basewise compare` wrote, the page is that of the comparison. Of a run, the page has what the run directories have: evaluate, explain, motifs discover (into RUN/motifs), motifs filters and motifs match add to it.")]
pub(crate) struct ReportArgs {
    /// Run directories, or one of a comparison
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// Page to write [default: report.html in the first run]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Where the data set of a run is now, if it was moved; once for each run, in their order
    #[arg(long, value_name = "DIR")]
    data: Vec<PathBuf>,
    /// Heading of the page
    #[arg(long)]
    title: Option<String>,
}

pub(crate) fn run(args: &ReportArgs, printer: &Printer) -> Result<Outcome> {
    if let Some(directory) = args.runs.iter().find(|path| path.join(COMPARISON).is_file()) {
        return report_comparison(args, directory, printer);
    }
    if args.data.len() > args.runs.len() {
        return Err(crate::failure::user("expected at most one --data for each run", None));
    }
    let data = args.data.iter().map(|d| Some(d.as_path())).chain(std::iter::repeat(None));
    let runs = args.runs.iter().zip(data).map(|(path, data)| gather(path, data)).collect::<Result<Vec<RunReport>>>()?;
    let names: Vec<&str> = runs.iter().map(|r| r.name.as_str()).collect();
    let page = ReportData {
        title: args.title.clone().unwrap_or_else(|| names.join(", ")),
        subtitle: String::new(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        generated_by: command_line(),
        runs,
    };
    let output = args.output.clone().unwrap_or_else(|| args.runs[0].join("report.html"));
    write_text(&output, &crate::report::render(&page))?;
    printer.talk(&format!("wrote {}", output.display()));
    Ok(Outcome::Done)
}

/// A comparison has a page of its own.
fn report_comparison(args: &ReportArgs, directory: &Path, printer: &Printer) -> Result<Outcome> {
    if args.runs.len() > 1 || !args.data.is_empty() {
        return Err(crate::failure::user(
            format!("{}: expected a comparison alone, found more beside it", directory.display()),
            Some("report it by itself, without --data, and the runs in another page"),
        ));
    }
    let comparison: Comparison = read_json(&directory.join(COMPARISON))?;
    let output = args.output.clone().unwrap_or_else(|| directory.join("report.html"));
    write_text(&output, &comparison_page(&comparison, directory, args.title.as_deref()))?;
    printer.talk(&format!("wrote {}", output.display()));
    Ok(Outcome::Done)
}

/// The page of a comparison that is kept in a directory.
pub(crate) fn comparison_page(comparison: &Comparison, directory: &Path, title: Option<&str>) -> String {
    let usual = || format!("Comparison of models: {}", directory.display());
    crate::report::render_comparison(&ComparisonReport {
        title: title.map_or_else(usual, str::to_owned),
        generated_by: command_line(),
        comparison,
        check: findings(comparison.check.clone()),
    })
}

/// A file of the run, if the step that makes it was run.
fn optional<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    if path.is_file() { read_json(path).map(Some) } else { Ok(None) }
}

fn gather(path: &Path, data: Option<&Path>) -> Result<RunReport> {
    let run = RunDir::open(path)?;
    let info = run.info()?;
    let models = run.model()?;
    // Networks that were trained together have the same layers; of what was combined the first network is shown.
    let model = models.members().iter().find(|model| model.is_network()).unwrap_or(&models.members()[0]);
    let (dataset, provenance, data_path) = run.dataset(data)?;
    let evaluation: Option<Evaluation> = optional(&run.file("metrics.json"))?;
    let performance: Option<Vec<data::TaskPerformance>> = optional(&run.file("curves.json"))?;
    let performance = evaluation.as_ref().and(performance).unwrap_or_default();
    let explained: Option<Explanation> = optional(&run.file("explain/explain.json"))?;
    let filters: Option<FilterRecord> = optional(&run.file("filters/filters.json"))?;
    let matches: Option<MatchRecord> = optional(&run.file("filters/matches.json"))?;
    let discovery: Option<DiscoveryRecord> = optional(&run.file("motifs/discovery.json"))?;
    let added = [
        explained.as_ref().map(|e| &e.command),
        discovery.as_ref().map(|d| &d.command),
        filters.as_ref().map(|f| &f.command),
        matches.as_ref().map(|m| &m.command),
    ];
    let added: Vec<String> = added.into_iter().flatten().cloned().collect();
    Ok(RunReport {
        name: name_of(path),
        path: path.display().to_string(),
        headline: headline(&performance),
        training: training(&run, &info, evaluation.as_ref(), &headline(&performance))?,
        data: summarize(&dataset, &provenance, &data_path, 4),
        check: optional::<CheckReport>(&run.file("check.json"))?.map(findings),
        architecture: architecture(&info, model)?,
        classical: match model {
            TrainedModel::Classical(model) => Some(report_classical::gather(&run, &info, model)?),
            TrainedModel::Network(_) => None,
        },
        performance,
        details: details(&run, &info, model, &provenance, added)?,
        explanation: explained.map(|e| explanation(&run, &e, &models, &dataset)).transpose()?,
        filters: filters.map(|f| filter_cards(f, matches, dataset.length)),
        discovery: discovery.map(patterns),
    })
}

/// `donor` for `quickstart/donor/run`, else the last folder's name.
pub(crate) fn name_of(path: &Path) -> String {
    let part = |p: &Path| p.file_name().map(|n| n.to_string_lossy().into_owned());
    match part(path) {
        Some(name) if name == "run" => path.parent().and_then(part).unwrap_or(name),
        Some(name) => name,
        None => "run".to_owned(),
    }
}

fn headline(performance: &[data::TaskPerformance]) -> Vec<data::Headline> {
    let wanted = [
        "auroc",
        "average_precision",
        "mcc",
        "pearson",
        "spearman",
        "profile_pearson",
        "profile_jensen_shannon",
        "count_pearson",
    ];
    let Some(task) = performance.first() else { return Vec::new() };
    let rows = wanted.iter().filter_map(|&key| task.metrics.iter().find(|row| row.metric == key));
    let note = |row: &data::MetricRow| {
        let best = row.baselines.last()?;
        Some(format!("{} {:.3}", best.name, best.estimate.value?))
    };
    rows.take(3)
        .map(|row| data::Headline {
            label: row.metric.clone(),
            estimate: row.model.clone(),
            note: note(row).unwrap_or_default(),
        })
        .collect()
}

fn findings(report: CheckReport) -> Vec<data::Finding> {
    let convert = |f: basewise_core::check::Finding| data::Finding {
        kind: kind_name(&f.kind),
        severity: match f.severity {
            Severity::Ok => data::Severity::Ok,
            Severity::Note => data::Severity::Note,
            Severity::Inflates => data::Severity::Inflates,
        },
        count: f.count,
        total: f.total,
        message: f.message,
        examples: f.examples,
    };
    report.findings.into_iter().map(convert).collect()
}

fn architecture(info: &RunInfo, model: &TrainedModel) -> Result<data::Architecture> {
    let TrainedModel::Network(model) = model else {
        return Ok(data::Architecture { name: info.model.clone(), rows: Vec::new(), parameters: info.parameters });
    };
    let summary = model.summary()?;
    let row = |r: &basewise_nn::SummaryRow| data::LayerRow {
        layer: r.layer.clone(),
        output_shape: format!("{} x {}", r.output[0], r.output[1]),
        parameters: r.parameters,
        receptive_field: Some(r.receptive_field),
    };
    Ok(data::Architecture {
        name: info.model.clone(),
        rows: summary.rows.iter().map(row).collect(),
        parameters: summary.parameters,
    })
}

fn training(
    run: &RunDir,
    info: &RunInfo,
    evaluation: Option<&Evaluation>,
    headline: &[data::Headline],
) -> Result<data::Training> {
    let mut training =
        data::Training { seconds: info.seconds, stopped: info.stopped.clone(), ..data::Training::default() };
    if info.members.is_empty() {
        (training.epochs, training.metric) = epochs(run)?;
        training.best_epoch = Some(info.best_epoch);
        return Ok(training);
    }
    for (i, member) in run.members()?.iter().enumerate() {
        let judged = evaluation.and_then(|evaluation| evaluation.members.get(i)?.tasks.first());
        let test = headline.first().and_then(|first| judged?.metrics.get(&first.label)?.value);
        let (epochs, metric) = epochs(member)?;
        training.metric = metric;
        let best_epoch = member.info()?.best_epoch;
        training.members.push(data::MemberTraining { number: i + 1, epochs, best_epoch, test });
    }
    Ok(training)
}

/// The epochs of one model, and the name of the validation metric.
fn epochs(run: &RunDir) -> Result<(Vec<data::EpochPoint>, String)> {
    let text = fs_err::read_to_string(run.file("history.jsonl"))?;
    let mut metric = String::new();
    let mut epochs = Vec::new();
    for line in text.lines() {
        let record: basewise_nn::EpochRecord = serde_json::from_str(line)
            .with_context(|| format!("{}: expected a line of JSON an epoch", run.file("history.jsonl").display()))?;
        metric.clone_from(&record.metric);
        epochs.push(data::EpochPoint {
            epoch: record.epoch,
            train_loss: Some(record.train_loss),
            valid_loss: Some(record.valid_loss),
            valid_metric: record.valid_metric,
        });
    }
    Ok((epochs, metric))
}

fn explanation(
    run: &RunDir,
    explained: &Explanation,
    model: &dyn Predict,
    dataset: &Dataset,
) -> Result<data::Explanation> {
    let arrays = read_npz(&run.file("explain/attributions.npz"))?;
    let values = arrays.get("attributions").and_then(|a| a.as_f32()).unwrap_or_default();
    let known: Vec<_> = explained.examples.iter().filter(|e| e.row < dataset.examples.len()).collect();
    let batch = batch_of_rows(model, dataset, known.iter().map(|e| e.row))?;
    let size = 4 * batch.length();
    let usable = batch.len().min(values.len().checked_div(size).unwrap_or(0));
    let start = -(batch.length() as i64 / 2);
    let mut profile = vec![0.0; batch.length()];
    for i in 0..usable {
        for (sum, column) in profile.iter_mut().zip(contribution(&explained.method, values, &batch, i)) {
            *sum += column.iter().map(|h| h.abs()).sum::<f64>() / usable as f64;
        }
    }
    let labels = |row: usize| {
        let tasks = dataset.tasks.iter().enumerate();
        tasks.map(|(t, task)| label_text(task, dataset.label(row, t))).collect::<Vec<_>>().join(" ")
    };
    let whole = (0..usable).map(|i| {
        let (e, heights) = (known[i], contribution(&explained.method, values, &batch, i));
        data::WholeTrack {
            id: e.id.clone(),
            label: labels(e.row),
            prediction: Some(e.prediction),
            place: e.place.clone(),
            bases: batch
                .sequence(i)
                .iter()
                .map(|code| *b"ACGT".get(usize::from(code.base())).unwrap_or(&b'N') as char)
                .collect(),
            heights: heights.iter().map(|column| column.iter().sum::<f64>() as f32).collect(),
        }
    });
    let tracks = (0..usable.min(TRACKS)).map(|i| {
        let e = known[i];
        data::ExampleTrack {
            id: e.id.clone(),
            label: labels(e.row),
            prediction: Some(e.prediction),
            place: e.place.clone(),
            start,
            heights: contribution(&explained.method, values, &batch, i),
            highlights: Vec::new(),
        }
    });
    Ok(data::Explanation {
        method: explained.method.clone(),
        target: explained.target.clone(),
        examples_explained: usable,
        group: format!("{} examples with the highest predictions", explained.split),
        start,
        average_track: explained.mean.clone(),
        importance_profile: profile,
        highlights: Vec::new(),
        examples: tracks.collect(),
        all: whole.collect(),
    })
}

fn filter_cards(record: FilterRecord, matches: Option<MatchRecord>, length: usize) -> data::Filters {
    let found = |id: &str| -> Vec<data::MotifMatch> {
        let own = matches.iter().flat_map(|m| &m.queries).find(|q| q.query == id);
        let hits = own.map(|q| q.matches.as_slice()).unwrap_or_default();
        hits.iter().map(matched).collect()
    };
    let cards = record.filters.iter().take(FILTERS).map(|f| data::FilterCard {
        name: f.id.clone(),
        probabilities: f.probabilities.clone(),
        sites: f.sites,
        sequences: f.sequences,
        correlation: f.correlation,
        max_activation: Some(f.max_activation),
        positions: f.positions.clone(),
        matches: found(&f.id),
    });
    data::Filters {
        cards: cards.collect(),
        database: matches.as_ref().map(|m| m.database.clone()).unwrap_or_default(),
        method: record.method,
        total: record.total,
        start: -(length as i64 / 2),
    }
}

fn patterns(record: DiscoveryRecord) -> data::Discovery {
    let total = record.patterns.len();
    let what = match record.kind {
        Kind::Attributions if record.method.is_empty() => "attributions".to_owned(),
        Kind::Attributions => format!("attributions by {}", record.method),
        Kind::Sequences => format!("sequences, {}", record.method),
    };
    let pattern = |p: &crate::commands::motifs::discover::outputs::PatternRecord| data::DiscoveredPattern {
        name: p.id.clone(),
        probabilities: p.probabilities.clone(),
        contributions: p.hit.as_ref().map(|hit| hit.cwm.clone()).unwrap_or_default(),
        sites: p.sites,
        sequences: p.sequences,
        position: p.position,
        spread: p.spread,
        positions: p.positions.clone(),
        e_value: p.enrichment.as_ref().map(|e| e.e_value),
        matches: p.matches.iter().map(matched).collect(),
    };
    data::Discovery {
        method: format!("{what} of {} sequences", crate::table::count(record.sequences)),
        patterns: record.patterns.iter().take(PATTERNS).map(pattern).collect(),
        database: record.database,
        length: record.length,
        total,
        reasons: record.reasons,
    }
}

fn matched(hit: &crate::commands::motifs::matching::Hit) -> data::MotifMatch {
    data::MotifMatch { id: hit.target.clone(), name: hit.name.clone(), p: hit.p_value, q: hit.q_value }
}

/// `added` are the commands that added to the run after its evaluation.
fn details(
    run: &RunDir,
    info: &RunInfo,
    model: &TrainedModel,
    provenance: &Provenance,
    added: Vec<String>,
) -> Result<data::RunDetails> {
    let mut commands = history(provenance);
    commands.extend([
        provenance.command.clone(),
        info.command.clone(),
        format!("basewise evaluate {}", super::quote(&run.path().display().to_string())),
    ]);
    commands.extend(added);
    commands.retain(|c| !c.is_empty());
    let facts = [
        ("version", info.version.clone()),
        ("data set", info.dataset.display().to_string()),
        ("data set SHA-256", info.dataset_sha256.clone()),
        ("weights SHA-256", info.weights_sha256.clone()),
        ("seed", info.config.seed().to_string()),
        ("device", info.device.clone()),
        ("threads", info.threads.to_string()),
        ("epochs", epochs_text(info)),
        ("training time", crate::table::duration(info.seconds)),
        ("settings", serde_json::to_string(&info.config)?),
    ];
    let mut facts: Vec<(&str, String)> = facts.into();
    if !info.weights.is_empty() {
        facts.push(("members", members_text(run, info)?));
    }
    let facts = facts.into_iter().map(|(key, value)| data::Fact { key: key.to_owned(), value });
    let (name, text) = match model {
        TrainedModel::Network(model) => ("architecture.toml", model.architecture().to_toml()?),
        // A combined run has no settings of its own.
        TrainedModel::Classical(_) => {
            let own = if run.file(CONFIG).is_file() { run.clone() } else { run.members()?[0].clone() };
            (CONFIG, fs_err::read_to_string(own.file(CONFIG))?)
        }
    };
    let config = data::ConfigText { name: name.to_owned(), text };
    Ok(data::RunDetails { commands, facts: facts.collect(), config: Some(config) })
}

/// `1 cnn (counts 0.5), 2 logistic (counts 1)`.
fn members_text(run: &RunDir, info: &RunInfo) -> Result<String> {
    let each = run
        .members()?
        .into_iter()
        .zip(&info.weights)
        .enumerate()
        .map(|(i, (member, weight))| Ok(format!("{} {} (counts {weight})", i + 1, member.info()?.model)));
    Ok(each.collect::<Result<Vec<String>>>()?.join(", "))
}

fn epochs_text(info: &RunInfo) -> String {
    match info.members.len() {
        _ if matches!(info.config, crate::trained::Settings::Classical(_)) => "none".to_owned(),
        0 => format!("{} run, the weights of epoch {} kept", info.epochs, info.best_epoch),
        members => format!("{} run over {members} members", info.epochs),
    }
}
