//! What the model was trained and judged on, and what the data check says about it.

use crate::report::data::{DataSummary, RowPreview, RunReport};
use crate::report::markup::{Markup, Tag, tag};
use crate::report::number::{self, counted, grouped};
use crate::report::page::{Context, missing, paragraph, scroll, shell_word};

/// The data of one run.
pub(in crate::report) fn section(run: &RunReport, context: &mut Context) -> Markup {
    let data = &run.data;
    let mut body = Markup::new();
    if data.length > 0 {
        body.push(paragraph(Markup::text(reading(data))));
    }
    if !data.description.is_empty() {
        body.push(paragraph(Markup::text(&data.description)));
    }
    if !data.splits.is_empty() {
        body.push(splits(data, context));
    }
    if !data.gc.is_empty() {
        body.push(gc(data, context));
    }
    if !data.first_rows.is_empty() {
        body.push(first_rows(&data.first_rows, context));
    }
    if !data.sources.is_empty() {
        body.push(sources(data));
    }
    body.push(context.heading("Data check"));
    match &run.check {
        Some(findings) => body.push(super::check::findings(findings, context)),
        None => {
            let command = format!("basewise dataset check {}", shell_word(&data.path, "DATA"));
            body.push(missing(
                "The data set has not been checked for copies across splits and other leaks.",
                &command,
                run,
            ));
        }
    }
    context.section("data", body)
}

/// Alphabet, length, case and tasks in sentences.
fn reading(data: &DataSummary) -> String {
    let mut text = String::new();
    let alphabet = if data.alphabet.is_empty() { "Sequences" } else { &data.alphabet };
    let noun = if data.alphabet.is_empty() { "" } else { " sequences" };
    text.push_str(&format!("{alphabet}{noun} are read by the model in windows of {}\u{a0}nt", grouped(data.length)));
    if data.jitter > 0 {
        text.push_str(&format!(", shifted in training by up to {}\u{a0}nt", grouped(data.jitter)));
    }
    if let Some(lengths) = &data.lengths {
        if lengths.min == lengths.max {
            text.push_str(&format!("; all are stored with {}\u{a0}nt", grouped(lengths.min)));
        } else {
            text.push_str(&format!(
                "; stored lengths run from {} to {}\u{a0}nt (median {})",
                grouped(lengths.min),
                grouped(lengths.max),
                number::fixed(lengths.median, 0)
            ));
        }
    }
    text.push_str(match data.case.as_str() {
        "mask-lower" => ". Lower-case letters are masked.",
        "channel" => ". Case is given to the model as a channel of its own.",
        _ => ". Upper and lower case mean the same.",
    });
    for task in &data.tasks {
        text.push_str(&match task.kind.as_str() {
            "classes" => format!(" Task \u{201c}{}\u{201d} tells apart {}.", task.name, list(&task.classes)),
            kind if kind.starts_with("profile") => format!(" Task \u{201c}{}\u{201d} predicts a {kind}.", task.name),
            "regression" => format!(" Task \u{201c}{}\u{201d} predicts a number.", task.name),
            "counts" => format!(" Task \u{201c}{}\u{201d} predicts a count.", task.name),
            _ => format!(" Task \u{201c}{}\u{201d} is a yes-or-no question.", task.name),
        });
    }
    if !data.covariates.is_empty() {
        let names: Vec<String> = data.covariates.iter().map(|covariate| covariate.name.clone()).collect();
        text.push_str(&format!(" Beside the sequence the model is shown {}.", list(&names)));
    }
    if let Some(control) = &data.control {
        let names: Vec<String> = control.tracks.iter().map(|track| track.name.clone()).collect();
        text.push_str(&format!(" The model is given the signal of a control experiment: {}.", list(&names)));
    }
    text
}

fn list(words: &[String]) -> String {
    match words {
        [] => "classes".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Examples by split and label.
fn splits(data: &DataSummary, context: &mut Context) -> Markup {
    let mut labels: Vec<&str> = Vec::new();
    for count in data.splits.iter().flat_map(|split| &split.counts) {
        if !labels.contains(&count.label.as_str()) {
            labels.push(&count.label);
        }
    }
    let mut head = tag("tr").add(column("Split", "")).add(column("Examples", "num"));
    head = head.add_all(labels.iter().map(|label| column(label, "num")));
    let rows = data.splits.iter().map(|split| {
        let counts = labels.iter().map(|label| {
            let count = split.counts.iter().find(|c| c.label == *label).map_or(0, |c| c.count);
            let share = count as f64 / split.examples.max(1) as f64;
            tag("td")
                .class("num")
                .text(grouped(count))
                .text(" ")
                .add(tag("span").class("share").text(number::percent(share)))
        });
        let name = tag("th").attr("scope", "row").text(&split.split);
        tag("tr").add(name).add(tag("td").class("num").text(grouped(split.examples))).add_all(counts)
    });
    let total: usize = data.splits.iter().map(|s| s.examples).sum();
    let caption = format!("Examples by split and label, {} in all.", grouped(total));
    context.table(Markup::text(caption), tag("table").add(tag("thead").add(head)).add(tag("tbody").add_all(rows)))
}

/// GC content by class, as numbers and as a box on a common axis.
fn gc(data: &DataSummary, context: &mut Context) -> Markup {
    let names = ["Class", "Mean GC", "First quartile", "Median", "Third quartile"];
    let head =
        tag("tr").add_all(names.iter().enumerate().map(|(i, name)| column(name, if i == 0 { "" } else { "num" })));
    let rows = data.gc.iter().map(|class| {
        let cells =
            [class.mean, class.q1, class.median, class.q3].map(|v| tag("td").class("num").text(number::fixed(v, 3)));
        tag("tr").add(tag("th").attr("scope", "row").text(&class.class)).add_all(cells)
    });
    let caption = "Share of G and C by class. Classes that differ here can be told apart without any motif.";
    context.table(Markup::text(caption), tag("table").add(tag("thead").add(head)).add(tag("tbody").add_all(rows)))
}

fn first_rows(rows: &[RowPreview], context: &mut Context) -> Markup {
    let places = rows.iter().any(|row| row.place.is_some());
    let mut names = vec!["Example", "Split", "Label", "Sequence"];
    if places {
        names.insert(1, "Place");
    }
    let head = tag("tr").add_all(names.iter().map(|name| column(name, "")));
    let body = rows.iter().map(|row| {
        let mut line = tag("tr").add(tag("th").attr("scope", "row").class("mono").text(&row.id));
        if places {
            line = line.add(tag("td").class("mono").text(row.place.as_deref().unwrap_or(number::UNDEFINED)));
        }
        let letters: String = row.sequence.chars().take(400).collect();
        let more = if row.sequence.chars().count() > 400 { "\u{2026}" } else { "" };
        line.add(tag("td").text(&row.split))
            .add(tag("td").text(&row.label))
            .add(tag("td").class("mono sequence").text(letters).text(more))
    });
    let caption = format!("The first {} of the data set.", counted(rows.len(), "row", "rows"));
    context.table(Markup::text(caption), tag("table").add(tag("thead").add(head)).add(tag("tbody").add_all(body)))
}

fn sources(data: &DataSummary) -> Markup {
    let items = data.sources.iter().map(|source| {
        let mut item = tag("li").add(tag("code").text(&source.path));
        if !source.sha256.is_empty() {
            item = item.text(" ").add(tag("span").class("digest").text(format_args!("sha256 {}", source.sha256)));
        }
        item
    });
    let summary = format!("Made from {}", counted(data.sources.len(), "file", "files"));
    tag("details").add(tag("summary").text(summary)).add(scroll(tag("ul").class("sources").add_all(items))).into()
}

/// The head of a column.
pub(super) fn column(name: &str, class: &'static str) -> Tag {
    let head = tag("th").attr("scope", "col").text(name);
    if class.is_empty() { head } else { head.class(class) }
}
