//! The models of one task: their scores, and how far apart they are.

use super::converted;
use crate::comparison::{self, Comparison, Kind, LeakFree, Paired, Ranked, TaskComparison};
use crate::report::charts::{IntervalRow, intervals};
use crate::report::markup::{Markup, Tag, tag};
use crate::report::number::{self, counted, grouped, metric_name};
use crate::report::page::{Context, paragraph};
use basewise_core::metrics;

/// Points with whiskers, and the table.
pub(super) fn scores(comparison: &Comparison, task: &TaskComparison, context: &mut Context) -> Markup {
    let mut body = Markup::new();
    let learned: Vec<&Ranked> = task.ranking.iter().filter(|ranked| ranked.kind != Kind::Baseline).collect();
    let rows: Vec<IntervalRow> = learned
        .iter()
        .enumerate()
        .map(|(i, ranked)| row(if i == 0 { metric_name(&task.metrics[0]) } else { "" }, ranked, task.figure(ranked)))
        .collect();
    if let Some(drawing) = intervals(&rows, None) {
        let mut caption = "The models, best first; networks in colour. Lines are 95\u{a0}% intervals.".to_owned();
        if learned.len() < task.ranking.len() {
            caption += " Guesses are left out.";
        }
        body.push(context.figure("wide", drawing, Markup::text(caption)));
    }
    body.push(context.table(Markup::text(table_caption(comparison, task)), table(comparison, task)));
    body
}

fn row(group: &str, ranked: &Ranked, estimate: metrics::Estimate) -> IntervalRow {
    IntervalRow {
        group: group.to_owned(),
        name: ranked.model.clone(),
        model: ranked.kind == Kind::Network,
        estimate: converted(&estimate),
    }
}

fn table_caption(comparison: &Comparison, task: &TaskComparison) -> String {
    let mut text = format!("Models by {} on {}", metric_name(&task.metrics[0]), counted(task.n, "example", "examples"));
    if let Some(positives) = task.positives {
        text += &format!(", {} of them positive", grouped(positives));
    }
    text += ", with 95\u{a0}% intervals in parentheses.";
    if comparison.repeats.number() > 1 {
        text += " Figures are means over the trainings of a model; the last column has the lowest and the highest.";
    }
    text
}

fn table(comparison: &Comparison, task: &TaskComparison) -> Tag {
    let repeats = comparison.repeats.text();
    let heads = ["Model", "Kind"].into_iter().map(|name| tag("th").attr("scope", "col").text(name));
    let names = task.metrics.iter().map(|metric| metric_name(metric).to_owned()).chain(repeats.clone());
    let numbers = names.map(|name| tag("th").class("num").attr("scope", "col").text(name));
    let rows = task.ranking.iter().map(|ranked| {
        let class = if ranked.kind == Kind::Network { "num model" } else { "num" };
        let cells = task.metrics.iter().map(|metric| {
            let estimate = ranked.metrics.get(metric).copied().unwrap_or_default();
            tag("td").class(class).add(number::estimate(&converted(&estimate)))
        });
        let mut line = tag("tr").add(tag("th").attr("scope", "row").text(&ranked.model));
        line = line.add(tag("td").text(ranked.kind.name())).add_all(cells);
        if repeats.is_some() { line.add(tag("td").class("num").text(range(&ranked.repeats))) } else { line }
    });
    tag("table").add(tag("thead").add(tag("tr").add_all(heads.chain(numbers)))).add(tag("tbody").add_all(rows))
}

fn range(repeats: &[Option<f64>]) -> String {
    let known = || repeats.iter().copied().flatten();
    match (known().reduce(f64::min), known().reduce(f64::max)) {
        (Some(low), Some(high)) => format!("{} to {}", number::fixed(low, 3), number::fixed(high, 3)),
        _ => number::UNDEFINED.to_owned(),
    }
}

/// To the best classical model, and to the best of all where that is another one.
pub(super) fn differences(_: &Comparison, task: &TaskComparison, context: &mut Context) -> Markup {
    let to_classical = |ranked: &Ranked| ranked.to_best_classical.clone();
    let to_best = |ranked: &Ranked| ranked.to_best.clone();
    let mut body = Markup::new();
    if let Some(name) = &task.best_classical {
        body.push(minus(task, &format!("the best classical model, {name}"), to_classical, context));
    }
    match &task.best {
        Some(name) if task.best != task.best_classical => {
            body.push(minus(task, &format!("the best of all, {name}"), to_best, context));
        }
        Some(_) => {}
        None => body.push(tag("p").class("missing").text(format_args!("There are none: {}.", task.verdict))),
    }
    body
}

fn minus(task: &TaskComparison, what: &str, pair: impl Fn(&Ranked) -> Option<Paired>, context: &mut Context) -> Markup {
    let pairs: Vec<(&Ranked, Paired)> =
        task.ranking.iter().filter_map(|ranked| Some((ranked, pair(ranked)?))).collect();
    let drawn = pairs.iter().filter(|(ranked, _)| ranked.kind != Kind::Baseline);
    let metric = metric_name(&task.metrics[0]);
    let rows: Vec<IntervalRow> = drawn
        .enumerate()
        .map(|(i, (ranked, pair))| row(if i == 0 { metric } else { "" }, ranked, pair.estimate))
        .collect();
    let mut body = Markup::new();
    if let Some(drawing) = intervals(&rows, Some(0.0)) {
        let caption = format!(
            "{metric} minus that of {what}, on the same examples. An interval on one side of the dotted line is a difference \
             beyond chance, as far as one comparison goes; the table counts all of them."
        );
        body.push(context.figure("wide", drawing, Markup::text(caption)));
    }
    let heads = ["Model", "Difference", "p", "p, corrected"].into_iter().enumerate();
    let heads = heads.map(|(i, name)| {
        let head = tag("th").attr("scope", "col").text(name);
        if i > 0 { head.class("num") } else { head }
    });
    let cell = |markup: Markup| tag("td").class("num").add(markup);
    let p_value = |p: Option<f64>| number::probability(p.unwrap_or(f64::NAN));
    let lines = pairs.iter().map(|(ranked, pair)| {
        tag("tr")
            .add(tag("th").attr("scope", "row").text(&ranked.model))
            .add(cell(number::estimate(&converted(&pair.estimate))))
            .add_all([cell(p_value(pair.p)), cell(p_value(pair.p_corrected))])
    });
    let table = tag("table").add(tag("thead").add(tag("tr").add_all(heads))).add(tag("tbody").add_all(lines));
    let test = comparison::tests(pairs.iter().map(|(_, pair)| pair));
    let caption = format!(
        "Differences to {what}, with paired 95\u{a0}% intervals; p-values are two-sided ({test}), and corrected for all rows of \
         the table (Holm)."
    );
    body.push(context.table(Markup::text(caption), table));
    body
}

/// What is left of the scores where relatives are on one side of each split.
pub(super) fn leak_free(found: &LeakFree, context: &mut Context) -> Markup {
    let intro = format!(
        "The same models, trained and judged once more after the examples were divided so that similar sequences stay together: \
         {} of the new test split. What a model loses, it owed to relatives of its test examples.",
        counted(found.examples, "example", "examples")
    );
    let mut body = paragraph(Markup::text(intro));
    for task in &found.tasks {
        let names = ["Model", "As it was", "Without relatives", "Change"].into_iter().enumerate();
        let heads = names.map(|(i, name)| {
            let head = tag("th").attr("scope", "col").text(name);
            if i > 0 { head.class("num") } else { head }
        });
        let changes = found.changes.iter().filter(|change| change.task == task.task);
        let rows = changes.map(|change| {
            let figures = [&change.before, &change.after, &change.change];
            let cells = figures.map(|figure| tag("td").class("num").add(number::estimate(&converted(figure))));
            tag("tr").add(tag("th").attr("scope", "row").text(&change.model)).add_all(cells)
        });
        let table = tag("table").add(tag("thead").add(tag("tr").add_all(heads))).add(tag("tbody").add_all(rows));
        let caption = format!(
            "{} of {} on both splits; intervals of a change take the two test splits for independent.",
            metric_name(&task.metrics[0]),
            task.task
        );
        body.push(context.table(Markup::text(caption), table));
        body.push(paragraph(Markup::text(format_args!("On the new splits: {}.", task.verdict))));
    }
    body
}
