//! What it takes to repeat the run.

use crate::report::data::RunReport;
use crate::report::markup::{Markup, tag};
use crate::report::page::{Context, paragraph, scroll};

/// The details of one run.
pub(in crate::report) fn section(run: &RunReport, context: &mut Context) -> Markup {
    let details = &run.details;
    let mut body = Markup::new();
    if !details.commands.is_empty() {
        body.push(paragraph(Markup::text(
            "These commands, run in order, repeat this model on the same machine bit for bit.",
        )));
        body.push(scroll(tag("pre").add(tag("code").text(details.commands.join("\n")))));
    }
    if !details.facts.is_empty() {
        let rows = details.facts.iter().map(|fact| {
            tag("tr").add(tag("th").attr("scope", "row").text(&fact.key)).add(tag("td").class("mono").text(&fact.value))
        });
        let table = tag("table").class("facts-table").add(tag("tbody").add_all(rows));
        body.push(context.table(Markup::text("The circumstances of this run."), table));
    }
    if let Some(config) = &details.config {
        let summary = tag("summary").text("Full configuration: ").add(tag("code").text(&config.name));
        body.push(tag("details").add(summary).add(scroll(tag("pre").add(tag("code").text(&config.text)))));
    }
    if details.commands.is_empty() && details.facts.is_empty() && details.config.is_none() {
        body.push(tag("p").class("missing").text("Nothing is recorded about how this model was made."));
    }
    context.section("details", body)
}
