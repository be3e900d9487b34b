//! What the filters of the first layer respond to.

use crate::report::charts::{logo, spark};
use crate::report::data::{FilterCard, Filters, MotifMatch, RunReport};
use crate::report::markup::{Markup, tag};
use crate::report::number::{self, counted, grouped};
use crate::report::page::{Context, missing, paragraph, shell_word};
use basewise_core::Alphabet;
use basewise_motif::Motif;

/// Cards shown at once; the others open on demand.
const SHOWN: usize = 12;

/// The filters of one run.
pub(in crate::report) fn section(run: &RunReport, context: &mut Context) -> Markup {
    let Some(filters) = run.filters.as_ref().filter(|f| !f.cards.is_empty()) else {
        let path = shell_word(&run.path, "RUN");
        let into =
            shell_word(&format!("{}/filters", if run.path.is_empty() { "RUN" } else { &run.path }), "RUN/filters");
        let command = format!("basewise motifs filters {path} -o {into}");
        return context
            .section("filters", missing("The first layer's filters have not been read as motifs.", &command, run));
    };
    let alphabet = super::alphabet(&run.data);
    let end = filters.start + run.data.length as i64;
    let card = |card: &FilterCard| one(card, alphabet, filters, end);
    let (first, rest) = filters.cards.split_at(filters.cards.len().min(SHOWN));
    let mut cards = Markup::from(tag("div").class("cards").add_all(first.iter().map(card)));
    if !rest.is_empty() {
        let summary = counted(rest.len(), "further filter", "further filters");
        cards.push(
            tag("details")
                .add(tag("summary").text(summary))
                .add(tag("div").class("cards").add_all(rest.iter().map(card))),
        );
    }
    let body = paragraph(Markup::text(intro(filters)));
    let figure = context.figure("wide", cards, Markup::text(caption(filters)));
    context.section("filters", body.with(figure))
}

fn intro(filters: &Filters) -> String {
    let mut text =
        "A filter of the first layer is read as a motif by aligning the windows that activate it most".to_owned();
    if !filters.method.is_empty() {
        text.push_str(&format!(": {}", filters.method));
    }
    text.push('.');
    if filters.total > filters.cards.len() {
        text.push_str(&format!(
            " {} of {} are shown.",
            grouped(filters.cards.len()),
            counted(filters.total, "filter", "filters")
        ));
    }
    text
}

fn caption(filters: &Filters) -> String {
    let mut text = "First-layer filters as motifs. Letter heights are information in bits against equal base frequencies; the bars \
                    beneath show where in the window each filter fires."
        .to_owned();
    if filters.database.is_empty() {
        return text;
    }
    text.push_str(&format!(" Matches are to {}, with the false discovery rate q of the similarity.", filters.database));
    text
}

fn one(card: &FilterCard, alphabet: Alphabet, filters: &Filters, end: i64) -> Markup {
    let finite = |row: &[f64; 4]| row.map(|p| if p.is_finite() { p.max(0.0) } else { 0.0 });
    let rows = card.probabilities.iter().map(finite).collect();
    let motif = Motif::from_probabilities(&card.name, "", alphabet, rows, card.sites as f64);
    let consensus = motif.consensus();
    let consensus = core(&consensus);
    let mut facts =
        format!("{} in {}", counted(card.sites, "window", "windows"), counted(card.sequences, "sequence", "sequences"));
    if let Some(r) = card.correlation.filter(|v| v.is_finite()) {
        facts.push_str(&format!(" \u{b7} r with label {}", number::fixed(r, 2)));
    }
    if let Some(value) = card.max_activation.filter(|v| v.is_finite()) {
        facts.push_str(&format!(" \u{b7} maximum {}", number::significant(value)));
    }
    let mut body = tag("div").class("card");
    body = body.add(
        tag("div")
            .class("card-head")
            .add(tag("b").text(&card.name))
            .text(" ")
            .add(tag("span").class("mono").text(consensus)),
    );
    body = body.add(logo(&motif, &format!("Logo of {}: {consensus}", card.name)));
    if !card.positions.is_empty() {
        body = body.add(spark(&card.positions, filters.start, end, &format!("Positions where {} fires", card.name)));
    }
    body = body.add(tag("p").class("facts").text(facts));
    body = body.add(matches(card, filters));
    body.into()
}

/// A consensus without the positions at its ends that say nothing.
fn core(consensus: &str) -> &str {
    match consensus.trim_matches('N') {
        "" => "no consensus",
        core => core,
    }
}

fn matches(card: &FilterCard, filters: &Filters) -> Markup {
    if card.matches.is_empty() {
        let text = if filters.database.is_empty() { "" } else { "no match" };
        return tag("p").class("facts").text(text).into();
    }
    let row = |found: &MotifMatch| {
        tag("tr")
            .add(
                tag("th")
                    .attr("scope", "row")
                    .text(&found.name)
                    .text(" ")
                    .add(tag("span").class("share").text(&found.id)),
            )
            .add(
                tag("td")
                    .class("num")
                    .attr("title", format_args!("p = {}", number::significant(found.p)))
                    .text("q\u{a0}=\u{a0}")
                    .add(number::probability(found.q)),
            )
    };
    tag("table").class("matches").add(tag("tbody").add_all(card.matches.iter().take(3).map(row))).into()
}

#[cfg(test)]
mod tests {
    use super::core;

    #[test]
    fn a_consensus_loses_its_unknown_ends_only() {
        assert_eq!(core("NNNNNNNWGGTRAGT"), "WGGTRAGT");
        assert_eq!(core("NYNAGN"), "YNAG");
        assert_eq!(core("ACGU"), "ACGU");
        assert_eq!(core("NNN"), "no consensus");
        assert_eq!(core(""), "no consensus");
    }
}
