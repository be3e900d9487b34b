//! How well held-out examples are predicted, task by task.

use crate::report::charts::{RateLabels, calibration, confusion, has_bands, rate_chart, scatter, score_histograms};
use crate::report::data::{MetricRow, RateChart, RunReport, TaskPerformance};
use crate::report::markup::{Markup, tag};
use crate::report::number::{self, counted, grouped, lower_is_better, metric_name};
use crate::report::page::{Context, missing, paragraph, shell_word};

/// The performance of one run.
pub(in crate::report) fn section(run: &RunReport, context: &mut Context) -> Markup {
    if run.performance.is_empty() {
        let command = format!("basewise evaluate {}", shell_word(&run.path, "RUN"));
        let line = missing("The model has not been judged on held-out examples.", &command, run);
        return context.section("performance", line);
    }
    let mut body = Markup::new();
    for task in &run.performance {
        if run.performance.len() > 1 {
            body.push(context.heading(&task.task));
        }
        body.push(one_task(task, context));
    }
    context.section("performance", body)
}

fn one_task(task: &TaskPerformance, context: &mut Context) -> Markup {
    let split = if task.split.is_empty() { "held-out" } else { &task.split };
    let mut intro = format!("Judged on {} of the {split} split", counted(task.examples, "example", "examples"));
    if task.resamples > 0 {
        intro.push_str(&format!(
            "; intervals hold the middle 95\u{a0}% of {} bootstrap resamples of {}",
            grouped(task.resamples),
            drawn(&task.resampled)
        ));
    }
    intro.push('.');
    let mut body = paragraph(Markup::text(intro));
    if !task.metrics.is_empty() {
        body.push(metrics(&task.metrics, context));
    }
    body.push(rates(task, context));
    body.push(probabilities(task, context));
    body.push(classes_and_values(task, context));
    body
}

/// What resamples draw.
pub(in crate::report) fn drawn(resampled: &str) -> &str {
    if resampled.is_empty() || resampled == "examples" { "these examples" } else { resampled }
}

/// One row a metric, one column for the model and for each baseline.
fn metrics(rows: &[MetricRow], context: &mut Context) -> Markup {
    let mut baselines: Vec<&str> = Vec::new();
    for baseline in rows.iter().flat_map(|row| &row.baselines) {
        if !baselines.contains(&baseline.name.as_str()) {
            baselines.push(&baseline.name);
        }
    }
    let mut head = tag("tr").add(tag("th").attr("scope", "col").text("Metric"));
    head = head.add(tag("th").attr("scope", "col").class("num").text("Model"));
    head = head.add_all(baselines.iter().map(|name| tag("th").attr("scope", "col").class("num").text(name)));
    let body = rows.iter().map(|row| {
        let mut name = tag("th").attr("scope", "row").text(metric_name(&row.metric));
        if lower_is_better(&row.metric) {
            name = name.text(" ").add(tag("span").class("share").text("lower is better"));
        }
        let cells = baselines.iter().map(|baseline| {
            let cell = tag("td").class("num");
            match row.baselines.iter().find(|b| b.name == *baseline) {
                Some(found) => cell.add(number::estimate(&found.estimate)),
                None => cell.text(number::UNDEFINED),
            }
        });
        tag("tr").add(name).add(tag("td").class("num model").add(number::estimate(&row.model))).add_all(cells)
    });
    let table = tag("table").class("metrics").add(tag("thead").add(head)).add(tag("tbody").add_all(body));
    let caption = "Metrics of the model and its baselines, with 95 % intervals in parentheses. An en dash stands for a value \
                   that is not defined.";
    context.table(Markup::text(caption), table)
}

/// ROC and precision-recall side by side.
fn rates(task: &TaskPerformance, context: &mut Context) -> Markup {
    let drawable =
        |chart: &&RateChart| chart.model.iter().chain(&chart.baselines).any(|curve| !curve.points.is_empty());
    let mut charts = Markup::new();
    let mut parts = Vec::new();
    let roc = task.roc.as_ref().filter(drawable);
    if let Some(chart) = roc {
        let (x, y) = ("False positive rate", "True positive rate");
        charts
            .push(rate_chart(chart, &RateLabels { title: "Receiver operating characteristic", x, y, diagonal: true }));
        parts.push("receiver operating characteristic (the diagonal is a guess)");
    }
    let precision = task.precision_recall.as_ref().filter(drawable);
    if let Some(chart) = precision {
        charts.push(rate_chart(
            chart,
            &RateLabels { title: "Precision and recall", x: "Recall", y: "Precision", diagonal: false },
        ));
        parts.push("precision against recall (a guess has the prevalence as its precision)");
    }
    if parts.is_empty() {
        return Markup::new();
    }
    let mut text = parts.join("; ");
    if let Some(first) = text.get(..1).map(str::to_uppercase) {
        text.replace_range(..1, &first);
    }
    let bands = [roc, precision].into_iter().flatten().any(has_bands);
    text.push_str(". Numbers in the key are areas under the curves");
    text.push_str(if task.resamples > 0 { " with 95\u{a0}% intervals" } else { "" });
    text.push_str(if bands { "; shading is the 95\u{a0}% band of the curve." } else { "." });
    context.figure("panels", tag("div").class("panels").add(charts), Markup::text(text))
}

/// Calibration beside the distribution of the predictions.
fn probabilities(task: &TaskPerformance, context: &mut Context) -> Markup {
    let mut charts = Markup::new();
    let mut caption = Vec::new();
    if let Some(data) = task.calibration.as_ref().filter(|c| !c.bins.is_empty()) {
        charts.push(calibration(data));
        let mut text =
            "Calibration: where points lie on the dotted line, a predicted probability means what it says. Bars below \
                        count the examples in each bin."
                .to_owned();
        if let Some(error) = data.error.value.filter(|v| v.is_finite()) {
            let interval = number::interval(&data.error).map_or_else(String::new, |i| format!(" ({i})"));
            text.push_str(&format!(" The expected calibration error is {}{interval}.", number::fixed(error, 3)));
        }
        caption.push(text);
    }
    if let Some(data) = task.scores.as_ref().filter(|s| s.classes.iter().any(|c| !c.counts.is_empty())) {
        charts.push(score_histograms(data));
        caption.push(
            "Predicted probabilities by true class: the less the two overlap, the fewer the errors at any threshold."
                .to_owned(),
        );
    }
    if caption.is_empty() {
        return Markup::new();
    }
    context.figure("panels", tag("div").class("panels").add(charts), Markup::text(caption.join(" ")))
}

/// Confusion matrix or scatter, as the task has them.
fn classes_and_values(task: &TaskPerformance, context: &mut Context) -> Markup {
    let mut body = Markup::new();
    if let Some(drawing) = task.confusion.as_ref().and_then(confusion) {
        let caption = "Confusion matrix. Each row holds the examples of one true class; numbers are counts and shares of the row.";
        body.push(context.figure("panels", tag("div").class("panels").add(drawing), Markup::text(caption)));
    }
    if let Some(data) = task.scatter.as_ref().filter(|s| !s.points.is_empty()) {
        let what = if task.kind == "profile" { "logarithms of totals" } else { "values" };
        let mut caption = format!("Predicted against observed {what}. The dotted line is a perfect prediction.");
        if data.points.len() < data.total {
            caption.push_str(&format!(
                " {} of {} examples are drawn, sampled at random.",
                grouped(data.points.len()),
                grouped(data.total)
            ));
        }
        body.push(context.figure("panels", tag("div").class("panels").add(scatter(data)), Markup::text(caption)));
    }
    body
}
