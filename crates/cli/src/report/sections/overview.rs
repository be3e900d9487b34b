//! What a reader should take away: one paragraph, the figures to remember, and the model beside its baselines.

use crate::report::charts::{IntervalRow, intervals};
use crate::report::data::{Finding, Headline, MetricRow, RunReport, Severity};
use crate::report::markup::{Markup, tag};
use crate::report::number::{self, counted, lower_is_better, metric_name};
use crate::report::page::{Context, missing, paragraph, shell_word};

/// The overview of one run.
pub(in crate::report) fn section(run: &RunReport, context: &mut Context) -> Markup {
    let mut body = Markup::from(tag("p").class("lede").add(lede(run)));
    body.push(warning(run, context));
    if run.headline.is_empty() && run.performance.is_empty() {
        let command = format!("basewise evaluate {}", shell_word(&run.path, "RUN"));
        body.push(missing("The model has not been judged on held-out examples.", &command, run));
    }
    if !run.headline.is_empty() {
        body.push(tag("div").class("headline").add_all(run.headline.iter().map(headline)));
    }
    body.push(beside_baselines(run, context));
    context.section("overview", body)
}

/// All runs in one table, where there are several.
pub(in crate::report) fn comparison(runs: &[RunReport], suffixes: &[String], context: &mut Context) -> Markup {
    let mut labels: Vec<&str> = Vec::new();
    for headline in runs.iter().flat_map(|run| &run.headline) {
        if !labels.contains(&headline.label.as_str()) {
            labels.push(&headline.label);
        }
    }
    if labels.is_empty() {
        return Markup::new();
    }
    let heads = labels.iter().map(|label| tag("th").class("num").attr("scope", "col").text(metric_name(label)));
    let head = tag("tr").add(tag("th").attr("scope", "col").text("Model")).add_all(heads);
    let rows = runs.iter().zip(suffixes).map(|(run, suffix)| {
        let link = tag("a").attr("href", format_args!("#run{suffix}")).text(&run.name);
        let cells = labels.iter().map(|label| {
            let cell = tag("td").class("num");
            match run.headline.iter().find(|h| h.label == *label) {
                Some(headline) => cell.add(number::estimate(&headline.estimate)),
                None => cell.text(number::UNDEFINED),
            }
        });
        tag("tr").add(tag("th").attr("scope", "row").add(link)).add_all(cells)
    });
    let table = tag("table").add(tag("thead").add(head)).add(tag("tbody").add_all(rows));
    context.table(Markup::text("The models of this page, with 95 % intervals in parentheses."), table)
}

/// What was trained on what and judged on what, in sentences.
fn lede(run: &RunReport) -> Markup {
    let size = |split: &str| run.data.splits.iter().find(|s| s.split == split).map(|s| s.examples);
    let mut text = String::new();
    let name =
        if run.architecture.name.is_empty() { "model".to_owned() } else { format!("{} model", run.architecture.name) };
    let members = run.training.members.len();
    match members {
        0 => text.push_str(&format!("A {name}")),
        _ => text.push_str(&format!("An ensemble of {} {name}s", number::grouped(members))),
    }
    if run.architecture.parameters > 0 {
        text.push_str(&format!(" of {}", counted(run.architecture.parameters, "parameter", "parameters")));
        text.push_str(if members > 0 { " each" } else { "" });
    }
    text.push_str(" was trained");
    // Members of an ensemble may share the training and validation splits between them in ways of their own.
    if let Some(train) = size("train").filter(|_| members == 0) {
        text.push_str(&format!(" on {}", counted(train, "sequence", "sequences")));
    }
    if run.data.length > 0 {
        text.push_str(if members > 0 { " on sequences" } else { "" });
        text.push_str(&format!(" of {}\u{a0}nt", number::grouped(run.data.length)));
    }
    if let Some(test) = size("test") {
        text.push_str(&format!(
            " and judged on {} that took no part in training or in any choice",
            number::grouped(test)
        ));
    }
    text.push('.');
    Markup::text(text)
}

/// A finding that inflates results belongs beside the results.
fn warning(run: &RunReport, context: &Context) -> Markup {
    let inflating: Vec<&Finding> =
        run.check.iter().flatten().filter(|finding| finding.severity == Severity::Inflates).collect();
    if inflating.is_empty() {
        return Markup::new();
    }
    let link = tag("a").attr("href", format_args!("#{}", context.id("data"))).text("data check");
    let mut line = Markup::from(tag("b").text("Read these results with care. "));
    line.push_text("The ");
    line.push(link);
    line.push_text(format_args!(
        " found {} that can make a model look better than it is: {}.",
        counted(inflating.len(), "problem", "problems"),
        inflating.iter().map(|f| f.kind.as_str()).collect::<Vec<_>>().join(", ")
    ));
    tag("div").class("warning").attr("role", "note").add(paragraph(line)).into()
}

fn headline(headline: &Headline) -> Markup {
    let value = headline.estimate.value.filter(|v| v.is_finite());
    let mut item = tag("div").class("figure-to-remember");
    item = item.add(tag("div").class("label").text(metric_name(&headline.label)));
    item = item.add(tag("div").class("big").text(value.map_or(number::UNDEFINED.to_owned(), |v| number::fixed(v, 3))));
    if let (Some(_), Some(interval)) = (value, number::interval(&headline.estimate)) {
        item = item.add(
            tag("div").class("interval").text("95\u{a0}% interval ").add(tag("span").class("whole").text(interval)),
        );
    }
    if value.is_none() && !headline.estimate.reason.is_empty() {
        item = item.add(tag("div").class("reason").text(&headline.estimate.reason));
    }
    if !headline.note.is_empty() {
        item = item.add(tag("div").class("note").text(&headline.note));
    }
    item.into()
}

/// Metrics that share the scale of 0 to 1, at most this many.
const MOST_GROUPS: usize = 4;

/// The model and its baselines on one axis, for the metrics where more is better and 1 is perfect.
fn beside_baselines(run: &RunReport, context: &mut Context) -> Markup {
    let several = run.performance.len() > 1;
    let rows: Vec<IntervalRow> = run
        .performance
        .iter()
        .flat_map(|task| task.metrics.iter().map(move |metric| (task, metric)))
        .filter(|(_, metric)| !lower_is_better(&metric.metric) && !metric.baselines.is_empty())
        .take(MOST_GROUPS)
        .flat_map(|(task, metric)| {
            let name = metric_name(&metric.metric);
            group(if several { format!("{}: {name}", task.task) } else { name.to_owned() }, metric)
        })
        .collect();
    let Some(drawing) = intervals(&rows, None) else { return Markup::new() };
    let mut caption = "The model beside what it must beat, on the same held-out examples.".to_owned();
    caption.push_str(" Points are values on these examples; lines are 95\u{a0}% intervals over bootstrap resamples.");
    caption.push_str(" More is better, and 1 is perfect.");
    context.figure("wide", drawing, Markup::text(caption))
}

fn group(name: String, metric: &MetricRow) -> Vec<IntervalRow> {
    let mut rows =
        vec![IntervalRow { group: name, name: "model".to_owned(), model: true, estimate: metric.model.clone() }];
    rows.extend(metric.baselines.iter().map(|baseline| IntervalRow {
        group: String::new(),
        name: baseline.name.clone(),
        model: false,
        estimate: baseline.estimate.clone(),
    }));
    rows
}
