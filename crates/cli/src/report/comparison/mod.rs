//! The page of a comparison of models: who did best, by how much, and at what cost.

mod costs;
mod tasks;
#[cfg(test)]
mod tests;

use super::data::{self, Finding, ReportData};
use super::markup::{Markup, tag};
use super::number::{counted, grouped};
use super::page::{Context, framed, paragraph, scroll};
use super::sections::{check_findings, drawn};
use crate::comparison::{Comparison, TaskComparison};
use basewise_core::metrics;

/// What the page shows.
pub(crate) struct ComparisonReport<'a> {
    /// Heading of the page.
    pub(crate) title: String,
    /// Command line that wrote the page.
    pub(crate) generated_by: String,
    /// What was compared.
    pub(crate) comparison: &'a Comparison,
    /// What the data check found.
    pub(crate) check: Vec<Finding>,
}

/// The whole document.
pub(super) fn document(page: &ComparisonReport<'_>) -> Markup {
    let comparison = page.comparison;
    let about = ReportData {
        title: page.title.clone(),
        version: comparison.version.clone(),
        generated_by: page.generated_by.clone(),
        ..ReportData::default()
    };
    let context = &mut Context::plain();
    let mut parts = vec![
        ("overview", "Overview", overview(comparison)),
        ("scores", "Scores", each_task(comparison, context, tasks::scores)),
        ("differences", "Differences", each_task(comparison, context, tasks::differences)),
    ];
    if let Some(found) = &comparison.leak_free {
        parts.push(("leak-free", "Leak-free splits", tasks::leak_free(found, context)));
    }
    parts.push(("costs", "Costs", costs::spent(comparison, context)));
    parts.push(("data", "Data", check_findings(&page.check, context)));
    parts.push(("details", "Details to repeat it", details(comparison, context)));
    let links: Vec<(&str, &str)> = parts.iter().map(|(id, heading, _)| (*id, *heading)).collect();
    let section = |(id, heading, body): (&'static str, &'static str, Markup)| {
        tag("section").attr("id", id).add(tag("h2").text(heading)).add(body)
    };
    framed(&about, &links, parts.into_iter().map(section).collect::<Markup>())
}

/// What was found, in sentences, and what casts doubt on it.
fn overview(comparison: &Comparison) -> Markup {
    let mut body = Markup::new();
    let several = comparison.tasks.len() > 1;
    for task in &comparison.tasks {
        let mut line = tag("p").class("lede");
        if several {
            line = line.add(tag("b").text(&task.task)).text(": ").text(sentence(&task.verdict));
        } else {
            line = line.text(sentence(&task.verdict));
        }
        body.push(line.text("."));
    }
    let doubts: Vec<String> = comparison.doubts().collect();
    if !doubts.is_empty() {
        let link = tag("a").attr("href", "#data").text("data check");
        let mut line = Markup::from(tag("b").text("Read these results with care. ")).with_text("The ").with(link);
        line.push_text(format_args!(" says: {}.", doubts.join("; ")));
        body.push(tag("div").class("warning").attr("role", "note").add(paragraph(line)));
    }
    body.push(paragraph(Markup::text(account(comparison))));
    body
}

/// With true minus signs, and a capital unless it begins with the name of a model.
fn sentence(text: &str) -> String {
    let text = text.replace("(-", "(\u{2212}").replace(" to -", " to \u{2212}").replace(" -0", " \u{2212}0");
    match text.strip_prefix("no ").or_else(|| text.strip_prefix("models ")) {
        Some(_) => text[..1].to_uppercase() + &text[1..],
        None => text,
    }
}

fn account(comparison: &Comparison) -> String {
    let trained = match comparison.repeats.text() {
        Some(repeats) => format!(", each trained over {repeats}"),
        None => String::new(),
    };
    let mut text = format!(
        "{} on {}{trained}, judged on {} that took no part in training. All were trained before any of these was looked at; \
         the order is that of the test split itself, so the first one is also the luckiest.",
        counted(comparison.models.len(), "model", "models"),
        comparison.data.display(),
        counted(comparison.examples, "example", "examples")
    );
    if comparison.resamples > 0 {
        text += &format!(
            " Intervals hold the middle 95\u{a0}% of {} resamples of {}, the same ones for every model.",
            grouped(comparison.resamples),
            drawn(&comparison.resampled)
        );
    }
    for model in &comparison.models {
        if let Some(error) = &model.error {
            text += &format!(" {} could not be trained: {error}.", model.name);
        }
    }
    text
}

/// What is drawn for each task, under its name where there are several.
fn each_task(
    comparison: &Comparison,
    context: &mut Context,
    draw: fn(&Comparison, &TaskComparison, &mut Context) -> Markup,
) -> Markup {
    let mut body = Markup::new();
    for task in &comparison.tasks {
        if comparison.tasks.len() > 1 {
            body.push(context.heading(&task.task));
        }
        body.push(draw(comparison, task, context));
    }
    body
}

fn converted(estimate: &metrics::Estimate) -> data::Estimate {
    let metrics::Estimate { value, low, high } = *estimate;
    let reason = if value.is_none() { "undefined on this split" } else { "" };
    data::Estimate { value, low, high, reason: reason.to_owned() }
}

fn details(comparison: &Comparison, context: &mut Context) -> Markup {
    let mut body = scroll(tag("pre").add(tag("code").text(&comparison.command)));
    let facts = [
        ("version", comparison.version.clone()),
        ("data set", comparison.data.display().to_string()),
        ("data set SHA-256", comparison.dataset_sha256.clone()),
        ("seed", comparison.seed.to_string()),
    ];
    let rows = facts.into_iter().map(|(key, value)| {
        tag("tr").add(tag("th").attr("scope", "row").text(key)).add(tag("td").class("mono").text(value))
    });
    let table = tag("table").class("facts-table").add(tag("tbody").add_all(rows));
    body.push(context.table(Markup::text("The circumstances of this comparison."), table));
    for model in &comparison.models {
        let summary = tag("summary").text("Settings of ").add(tag("code").text(&model.name));
        let text = match (model.settings.as_str(), model.runs.first()) {
            ("", None) => continue,
            ("", Some(run)) => format!("# a run that was there before: {}", run.display()),
            (settings, _) => settings.to_owned(),
        };
        body.push(tag("details").add(summary).add(scroll(tag("pre").add(tag("code").text(text)))));
    }
    body
}
