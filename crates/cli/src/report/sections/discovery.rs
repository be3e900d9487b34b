//! Patterns discovered in the attributions of a run.

use crate::report::charts::{logo, small_track, spark};
use crate::report::data::{DiscoveredPattern, Discovery, MotifMatch, RunReport};
use crate::report::markup::{Markup, tag};
use crate::report::number::{self, counted};
use crate::report::page::{Context, missing, paragraph, shell_word};
use basewise_core::Alphabet;
use basewise_motif::Motif;

/// Cards shown at once; the others open on demand.
const SHOWN: usize = 12;

/// The patterns of one run.
pub(in crate::report) fn section(run: &RunReport, context: &mut Context) -> Markup {
    let Some(discovery) = &run.discovery else {
        let root = if run.path.is_empty() { "RUN" } else { &run.path };
        let (from, into) = (
            shell_word(&format!("{root}/explain"), "RUN/explain"),
            shell_word(&format!("{root}/motifs"), "RUN/motifs"),
        );
        let command = format!("basewise motifs discover {from} -o {into}");
        return context
            .section("discovery", missing("No patterns have been sought in the attributions.", &command, run));
    };
    let mut body = paragraph(Markup::text(intro(discovery)));
    for reason in &discovery.reasons {
        body.push(paragraph(Markup::text(sentence(reason))));
    }
    if discovery.patterns.is_empty() {
        return context.section("discovery", body);
    }
    let alphabet = super::alphabet(&run.data);
    let (first, rest) = discovery.patterns.split_at(discovery.patterns.len().min(SHOWN));
    let card = |pattern: &DiscoveredPattern| one(pattern, alphabet, discovery);
    let mut cards = Markup::from(tag("div").class("cards").add_all(first.iter().map(card)));
    if !rest.is_empty() {
        let summary = counted(rest.len(), "further pattern", "further patterns");
        let inner = tag("div").class("cards").add_all(rest.iter().map(card));
        cards.push(tag("details").add(tag("summary").text(summary)).add(inner));
    }
    let figure = context.figure("wide", cards, Markup::text(caption(discovery)));
    context.section("discovery", body.with(figure))
}

fn intro(discovery: &Discovery) -> String {
    let found = counted(discovery.total, "pattern recurs", "patterns recur");
    let mut text = format!("{found} in {}.", discovery.method);
    if discovery.total > discovery.patterns.len() {
        text.push_str(&format!(" The first {} are shown.", discovery.patterns.len()));
    }
    text
}

/// A reason as a sentence.
fn sentence(reason: &str) -> String {
    let mut letters = reason.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

fn caption(discovery: &Discovery) -> String {
    let has_contributions = discovery.patterns.iter().any(|p| !p.contributions.is_empty());
    let mut text =
        "Discovered patterns. Letter heights above are information in bits against equal base frequencies".to_owned();
    text.push_str(if has_contributions { ", below them the mean contribution of each base; bars" } else { "; bars" });
    text.push_str(" show where in the sequence the patterns stand.");
    if !discovery.database.is_empty() {
        text.push_str(&format!(" Matches are to {}, with the false discovery rate q.", discovery.database));
    }
    text
}

fn one(pattern: &DiscoveredPattern, alphabet: Alphabet, discovery: &Discovery) -> Markup {
    let finite = |row: &[f64; 4]| row.map(|p| if p.is_finite() { p.max(0.0) } else { 0.0 });
    let rows = pattern.probabilities.iter().map(finite).collect();
    let motif = Motif::from_probabilities(&pattern.name, "", alphabet, rows, pattern.sites as f64);
    let consensus = motif.consensus();
    let consensus = consensus.trim_matches('N');
    let head = tag("div")
        .class("card-head")
        .add(tag("b").text(&pattern.name))
        .text(" ")
        .add(tag("span").class("mono").text(consensus));
    let mut body = tag("div").class("card").add(head);
    body = body.add(logo(&motif, &format!("Logo of {}: {consensus}", pattern.name)));
    if !pattern.contributions.is_empty() {
        let title = format!("Mean contributions of {}", pattern.name);
        body = body.add(small_track(&pattern.contributions, alphabet, &title));
    }
    if !pattern.positions.is_empty() {
        let title = format!("Positions of {}", pattern.name);
        body = body.add(spark(&pattern.positions, 0, discovery.length as i64, &title));
    }
    body.add(tag("p").class("facts").text(facts(pattern))).add(matches(pattern, discovery)).into()
}

fn facts(pattern: &DiscoveredPattern) -> String {
    let sites = counted(pattern.sites, "site", "sites");
    let mut text = format!("{sites} in {}", counted(pattern.sequences, "sequence", "sequences"));
    if pattern.position.is_finite() && pattern.spread.is_finite() {
        let (position, spread) = (number::fixed(pattern.position, 0), number::fixed(pattern.spread, 0));
        text.push_str(&format!(" \u{b7} position {position} \u{b1} {spread}"));
    }
    if let Some(e) = pattern.e_value.filter(|e| e.is_finite()) {
        text.push_str(&format!(" \u{b7} E = {}", number::significant(e)));
    }
    text
}

fn matches(pattern: &DiscoveredPattern, discovery: &Discovery) -> Markup {
    if pattern.matches.is_empty() {
        let text = if discovery.database.is_empty() { "" } else { "no match" };
        return tag("p").class("facts").text(text).into();
    }
    let row = |found: &MotifMatch| {
        let name = tag("th").attr("scope", "row").text(&found.name).text(" ");
        let title = format!("p = {}", number::significant(found.p));
        let q = tag("td").class("num").attr("title", title).text("q\u{a0}=\u{a0}").add(number::probability(found.q));
        tag("tr").add(name.add(tag("span").class("share").text(&found.id))).add(q)
    };
    tag("table").class("matches").add(tag("tbody").add_all(pattern.matches.iter().take(3).map(row))).into()
}

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn reasons_are_sentences() {
        assert_eq!(sentence("no motif: none"), "No motif: none.");
        assert_eq!(sentence(""), "");
    }
}
