//! What a comparison leaves behind: JSON, a table, a page.

use super::trainings::MODELS;
use crate::comparison::{self, COMPARISON, Comparison, LeakFree, ModelRecord, Paired, Ranked, TaskComparison};
use crate::failure::Outcome;
use crate::printer::Printer;
use crate::resampling;
use crate::run_dir::{write_json, write_text};
use crate::table::{Table, count, duration};
use anyhow::Result;
use basewise_core::metrics::Estimate;
use std::path::Path;

/// What a comparison may leave in its directory.
pub(super) const PARTS: [&str; 6] =
    [super::plan::PLAN, MODELS, super::leak_free::FOLDER, COMPARISON, "compare.tsv", "report.html"];

pub(super) fn write(comparison: &Comparison, directory: &Path, json: bool, printer: &Printer) -> Result<Outcome> {
    write_json(&directory.join(COMPARISON), comparison)?;
    write_text(&directory.join("compare.tsv"), &tsv(comparison))?;
    write_text(&directory.join("report.html"), &crate::commands::report::comparison_page(comparison, directory, None))?;
    if json {
        printer.json(comparison)?;
    } else {
        printer.data(&text(comparison))?;
    }
    printer.talk(&format!("the page is {}", directory.join("report.html").display()));
    Ok(Outcome::Done)
}

/// What is printed: the rankings, what they cost, and what is wrong with them.
fn text(comparison: &Comparison) -> String {
    let mut out = format!(
        "{} test examples of {}; models are ranked on them, after all were trained\n",
        count(comparison.examples),
        comparison.data.display()
    );
    out += &drawn(&comparison.resampled);
    comparison.doubts().for_each(|doubt| out += &format!("read with care: {doubt}\n"));
    for task in &comparison.tasks {
        out += &format!("\n{} ({}; {} judged)\n", task.task, task.kind, count(task.n));
        out += &ranking(task, comparison);
        out += &format!("{}\n", task.verdict);
    }
    if let Some(leak_free) = &comparison.leak_free {
        out += &changes(leak_free);
    }
    out.push('\n');
    out += &costs(&comparison.models);
    for model in &comparison.models {
        if let Some(error) = &model.error {
            out += &format!("{} could not be trained: {error}\n", model.name);
        }
    }
    out
}

/// What resamples draw, where they do not draw examples.
fn drawn(resampled: &str) -> String {
    if resampled == resampling::examples() {
        return String::new();
    }
    format!("intervals and p are over resamples of {resampled}\n")
}

fn ranking(task: &TaskComparison, comparison: &Comparison) -> String {
    let [first, second] = task.metrics.each_ref().map(String::as_str);
    let minus = |name: &String| format!("minus {name}");
    let other = task.best_classical.as_ref().filter(|classical| task.best.as_ref() != Some(*classical));
    let references: Vec<String> = task.best.iter().chain(other).map(minus).collect();
    let repeats = comparison.repeats.text();
    let mut header = vec!["model", "kind", first, "95 % interval"];
    header.extend(repeats.as_deref());
    header.push(second);
    references.iter().for_each(|name| header.extend([name.as_str(), "p"]));
    let mut table = Table::new(&header);
    for ranked in &task.ranking {
        let figure = task.figure(ranked);
        let mut cells =
            vec![ranked.model.clone(), ranked.kind.name().to_owned(), number(figure.value), interval(&figure)];
        cells.extend(repeats.as_ref().map(|_| range(&ranked.repeats)));
        cells.push(number(ranked.metrics.get(second).and_then(|estimate| estimate.value)));
        for pair in [&ranked.to_best, &ranked.to_best_classical].into_iter().take(references.len()) {
            cells.extend([difference(pair.as_ref()), probability(pair.as_ref().and_then(|pair| pair.p_corrected))]);
        }
        table.row(cells);
    }
    let pairs = || task.ranking.iter().flat_map(|ranked| ranked.to_best.iter().chain(&ranked.to_best_classical));
    let tests = match pairs().next() {
        Some(_) => {
            format!("p: two-sided ({}), corrected for the models of its column (Holm)\n", comparison::tests(pairs()))
        }
        None => String::new(),
    };
    table.render() + &tests
}

/// What is left of the scores where relatives do not cross splits.
fn changes(leak_free: &LeakFree) -> String {
    let mut out = format!(
        "\nwith relatives on one side of each split: {} test examples of {}\n",
        count(leak_free.examples),
        leak_free.data.display()
    );
    out += &drawn(&leak_free.resampled);
    for task in &leak_free.tasks {
        let mut table = Table::new(&["model", &task.metrics[0], "as it was", "change", "95 % interval"]);
        for change in leak_free.changes.iter().filter(|change| change.task == task.task) {
            let [after, before, by] =
                [&change.after, &change.before, &change.change].map(|figure| number(figure.value));
            table.row([change.model.clone(), after, before, by, interval(&change.change)]);
        }
        out += &format!("{}\n{}{}\n", task.task, table.render(), task.verdict);
    }
    out
}

fn costs(models: &[ModelRecord]) -> String {
    let mut table = Table::new(&["model", "parameters", "training", "sequences/s", "peak memory"]);
    for model in models.iter().filter(|model| !model.runs.is_empty()) {
        let cost = &model.cost;
        table.row([
            model.name.clone(),
            model.parameters.map_or("–".to_owned(), count),
            cost.training_seconds.map_or("–".to_owned(), duration),
            cost.sequences_per_second.map_or("–".to_owned(), |speed| count(speed.round() as usize)),
            cost.peak_memory_bytes.map_or("–".to_owned(), |bytes| format!("{} MiB", count((bytes >> 20) as usize))),
        ]);
    }
    table.render()
}

fn number(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.4}"))
}

fn interval(estimate: &Estimate) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!("{low:.4} to {high:.4}"),
        _ => "–".to_owned(),
    }
}

fn difference(pair: Option<&Paired>) -> String {
    match pair.map(|pair| pair.estimate) {
        Some(estimate) if estimate.value.is_some() => format!("{} ({})", number(estimate.value), interval(&estimate)),
        _ => "–".to_owned(),
    }
}

/// All digits of a p-value, which may begin with 300 zeros.
fn p_text(p: f64) -> String {
    if p < 1e-4 { format!("{p:e}") } else { p.to_string() }
}

fn probability(p: Option<f64>) -> String {
    match p {
        // It may be too small for a number.
        Some(p) if p < 1e-99 => "<1e-99".to_owned(),
        Some(p) if p < 0.001 => format!("{p:.0e}"),
        Some(p) => format!("{p:.3}"),
        None => "–".to_owned(),
    }
}

/// The lowest and the highest value over the repeats.
fn range(repeats: &[Option<f64>]) -> String {
    let known = || repeats.iter().copied().flatten();
    match (known().reduce(f64::min), known().reduce(f64::max)) {
        (Some(low), Some(high)) => format!("{low:.4} to {high:.4}"),
        _ => "–".to_owned(),
    }
}

const COLUMNS: [&str; 22] = [
    "task",
    "rank",
    "model",
    "kind",
    "metric",
    "value",
    "low",
    "high",
    "best",
    "minus_best",
    "minus_best_low",
    "minus_best_high",
    "minus_best_p",
    "best_classical",
    "minus_classical",
    "minus_classical_low",
    "minus_classical_high",
    "minus_classical_p",
    "parameters",
    "training_seconds",
    "sequences_per_second",
    "peak_memory_bytes",
];

/// One line a task and model.
fn tsv(comparison: &Comparison) -> String {
    let mut out = COLUMNS.join("\t") + "\n";
    for task in &comparison.tasks {
        for (rank, ranked) in task.ranking.iter().enumerate() {
            out += &line(task, rank + 1, ranked, comparison).join("\t").replace(['\n', '\r'], " ");
            out.push('\n');
        }
    }
    out
}

fn line(task: &TaskComparison, rank: usize, ranked: &Ranked, comparison: &Comparison) -> Vec<String> {
    fn cell<T: ToString>(value: Option<T>) -> String {
        value.map(|value| value.to_string()).unwrap_or_default()
    }
    let ends = |estimate: &Estimate| [cell(estimate.value), cell(estimate.low), cell(estimate.high)];
    let own = |text: &str| text.replace(['\t', '\n', '\r'], " ");
    let mut cells = vec![own(&task.task), rank.to_string(), ranked.model.clone(), ranked.kind.name().to_owned()];
    cells.push(task.metrics[0].clone());
    cells.extend(ends(&task.figure(ranked)));
    for pair in [&ranked.to_best, &ranked.to_best_classical] {
        cells.push(cell(pair.as_ref().map(|pair| &pair.other)));
        cells.extend(ends(&pair.as_ref().map(|pair| pair.estimate).unwrap_or_default()));
        cells.push(cell(pair.as_ref().and_then(|pair| pair.p_corrected).map(p_text)));
    }
    let model = comparison.models.iter().find(|model| model.name == ranked.model);
    let cost = model.map(|model| model.cost).unwrap_or_default();
    cells.push(cell(model.and_then(|model| model.parameters)));
    cells.extend([cell(cost.training_seconds), cell(cost.sequences_per_second), cell(cost.peak_memory_bytes)]);
    cells
}
