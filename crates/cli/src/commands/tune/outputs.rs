//! What a search leaves behind: tables, the best settings, a page.

use super::{Method, Search, Trial};
use crate::commands::command_line;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::report::search::{SearchAxis, SearchReport, SearchTrial};
use crate::run_dir::{write_json, write_text};
use crate::table::{Table, count};
use anyhow::Result;
use basewise_core::tune::{Domain, Parameter, Value};
use basewise_nn::Monitor;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a search may leave in its directory.
pub(super) const PARTS: [&str; 6] = ["tune.json", "trials", "trials.tsv", "trials.json", "best.toml", "report.html"];

/// Trials that are printed.
const SHOWN: usize = 10;

/// `trials.json`.
#[derive(Serialize)]
struct Trials<'a> {
    format_version: u32,
    method: Method,
    monitor: Monitor,
    seed: u64,
    /// 1-based number of the best trial.
    best: usize,
    trials: Vec<Row<'a>>,
}

/// One trial, without anything that two repetitions would not share.
#[derive(Serialize)]
struct Row<'a> {
    /// 1-based.
    trial: usize,
    status: &'static str,
    rung: usize,
    /// Epochs that were run.
    epochs: Option<usize>,
    /// The best of them.
    epoch: Option<usize>,
    valid_loss: Option<f64>,
    metric: Option<&'a str>,
    valid_metric: Option<f64>,
    settings: BTreeMap<&'a str, &'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

pub(super) fn write(search: &Search<'_>, printer: &Printer) -> Result<Outcome> {
    let directory = &search.args.output;
    let Some(best) = search.best() else {
        return Err(user("no trial came to an end", Some("the files trials/*.log say why")));
    };
    let rows = Trials {
        format_version: 1,
        method: search.args.method,
        monitor: search.runner.monitor,
        seed: search.args.seed,
        best: best.number + 1,
        trials: search.trials.iter().map(|trial| row(search, trial)).collect(),
    };
    write_json(&directory.join("trials.json"), &rows)?;
    write_text(&directory.join("trials.tsv"), &tsv(search, &rows.trials))?;
    if let Some(config) = &best.config {
        write_text(&directory.join("best.toml"), &config.to_toml()?)?;
    }
    write_text(&directory.join("report.html"), &crate::report::render_search(&page(search, best)))?;
    if search.args.json {
        printer.json(&rows)?;
    } else {
        printer.data(&table(search))?;
    }
    printer.talk(&format!(
        "best: trial {}; next: basewise train {} --config {} -o RUN",
        best.number + 1,
        crate::commands::quoted(&search.args.data),
        crate::commands::quoted(&directory.join("best.toml"))
    ));
    Ok(Outcome::Done)
}

fn row<'a>(search: &'a Search<'_>, trial: &'a Trial) -> Row<'a> {
    let judged = trial.outcome.as_ref().ok();
    let names = search.space.space.parameters().iter().map(|parameter| parameter.name.as_str());
    Row {
        trial: trial.number + 1,
        status: if judged.is_some() { "done" } else { "failed" },
        rung: trial.rung,
        epochs: judged.map(|judged| judged.epochs),
        epoch: judged.map(|judged| judged.best.epoch),
        valid_loss: judged.map(|judged| judged.best.valid_loss),
        metric: judged.map(|judged| judged.best.metric.as_str()),
        valid_metric: judged.and_then(|judged| judged.best.valid_metric),
        settings: names.zip(&trial.point).collect(),
        error: trial.outcome.as_ref().err().map(String::as_str),
    }
}

fn tsv(search: &Search<'_>, rows: &[Row<'_>]) -> String {
    let names = search.space.space.parameters().iter().map(|parameter| parameter.name.clone());
    let fixed = ["trial", "status", "rung", "epochs", "epoch", "valid_loss", "metric", "valid_metric"];
    let header: Vec<String> = fixed.map(str::to_owned).into_iter().chain(names).collect();
    let mut text = header.join("\t") + "\n";
    let shown = |value: Option<String>| value.unwrap_or_default();
    for (row, trial) in rows.iter().zip(&search.trials) {
        let mut cells = vec![row.trial.to_string(), row.status.to_owned(), row.rung.to_string()];
        cells.push(shown(row.epochs.map(|n| n.to_string())));
        cells.push(shown(row.epoch.map(|n| n.to_string())));
        cells.push(shown(row.valid_loss.map(|x| x.to_string())));
        cells.push(shown(row.metric.map(str::to_owned)));
        cells.push(shown(row.valid_metric.map(|x| x.to_string())));
        cells.extend(trial.point.iter().map(|value| value.to_string().replace(['\t', '\n', '\r'], " ")));
        text += &cells.join("\t");
        text.push('\n');
    }
    text
}

/// The trials, the best first.
fn ordered<'a>(search: &'a Search<'_>) -> Vec<&'a Trial> {
    let mut trials: Vec<&Trial> = search.trials.iter().collect();
    let score = |trial: &Trial| trial.score(search.runner.monitor).unwrap_or(f64::INFINITY);
    trials.sort_by(|a, b| b.rung.cmp(&a.rung).then(score(a).total_cmp(&score(b))).then(a.number.cmp(&b.number)));
    trials
}

fn table(search: &Search<'_>) -> String {
    let ordered = ordered(search);
    let metric = ordered.iter().find_map(|trial| Some(trial.outcome.as_ref().ok()?.best.metric.clone()));
    let metric = format!("valid {}", metric.unwrap_or_else(|| "metric".into()));
    let mut header = vec!["trial", "valid loss", &metric, "epochs"];
    header.extend(search.space.space.parameters().iter().map(|parameter| parameter.name.as_str()));
    let mut table = Table::new(&header);
    for trial in ordered.iter().take(SHOWN) {
        let judged = trial.outcome.as_ref().ok();
        let number = |value: Option<f64>| value.map_or("–".to_owned(), |v| format!("{v:.4}"));
        let mut cells = vec![(trial.number + 1).to_string(), number(judged.map(|j| j.best.valid_loss))];
        cells.push(number(judged.and_then(|j| j.best.valid_metric)));
        cells.push(judged.map_or("failed".to_owned(), |j| j.epochs.to_string()));
        cells.extend(trial.point.iter().map(ToString::to_string));
        table.row(cells);
    }
    let more = ordered.len().saturating_sub(SHOWN);
    let rest = if more > 0 { format!("and {} more in trials.tsv\n", count(more)) } else { String::new() };
    table.render() + &rest
}

/// What the page shows.
fn page(search: &Search<'_>, best: &Trial) -> SearchReport {
    let parameters = search.space.space.parameters();
    let metric = best.outcome.as_ref().map(|judged| judged.best.metric.clone()).unwrap_or_default();
    let (figure, lower_is_better) = match search.runner.monitor {
        Monitor::Loss => ("loss".to_owned(), true),
        Monitor::Metric => (metric, false),
    };
    let trial = |trial: &Trial| SearchTrial {
        number: trial.number + 1,
        values: trial.point.iter().map(ToString::to_string).collect(),
        places: parameters.iter().zip(&trial.point).map(|(parameter, value)| place(parameter, value)).collect(),
        figure: trial.score(search.runner.monitor).map(|score| if lower_is_better { score } else { -score }),
        epochs: trial.outcome.as_ref().map_or(0, |judged| judged.epochs),
        rung: trial.rung,
    };
    SearchReport {
        title: format!("Search for settings: {}", search.args.output.display()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        generated_by: command_line(),
        method: match search.args.method {
            Method::Random => "random search".to_owned(),
            Method::Tpe => "a tree-structured Parzen estimator".to_owned(),
            Method::Halving => "successive halving".to_owned(),
        },
        data: search.args.data.display().to_string(),
        figure,
        lower_is_better,
        best: best.number + 1,
        axes: parameters.iter().map(axis).collect(),
        trials: search.trials.iter().map(trial).collect(),
        order: ordered(search).iter().map(|trial| trial.number + 1).collect(),
        config: best.config.as_ref().and_then(|config| config.to_toml().ok()).unwrap_or_default(),
    }
}

fn axis(parameter: &Parameter) -> SearchAxis {
    let name = parameter.name.clone();
    match &parameter.domain {
        Domain::Values(values) => {
            SearchAxis { name, names: values.iter().map(ToString::to_string).collect(), ..SearchAxis::default() }
        }
        Domain::Range(range) => {
            SearchAxis { name, names: Vec::new(), low: range.low, high: range.high, log: range.log }
        }
    }
}

/// Where a value stands on its axis: the index of a name, or the number itself.
fn place(parameter: &Parameter, value: &Value) -> f64 {
    match &parameter.domain {
        Domain::Values(values) => values.iter().position(|v| v == value).unwrap_or(0) as f64,
        Domain::Range(_) => value.as_number().unwrap_or(f64::NAN),
    }
}
