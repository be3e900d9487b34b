//! The page of designed sequences.

use super::charts::{LineChart, Series, line_chart, spark};
use super::data::ReportData;
use super::markup::{Markup, tag};
use super::number::{self, counted};
use super::page::{Context, framed};

/// What the page shows.
pub(crate) struct DesignPage<'a> {
    pub(crate) title: String,
    pub(crate) command: &'a str,
    pub(crate) method: &'a str,
    /// Substitutions in a sequence, at most.
    pub(crate) most: usize,
    /// What the scores are, in words.
    pub(crate) scale: &'a str,
    /// Bases of the longest sequence.
    pub(crate) length: usize,
    pub(crate) lines: Vec<DesignLine>,
}

/// A designed sequence.
pub(crate) struct DesignLine {
    pub(crate) id: String,
    /// At the start and after each substitution.
    pub(crate) scores: Vec<f64>,
    /// Such as `A17G`, positions 0-based.
    pub(crate) edits: Vec<String>,
    pub(crate) positions: Vec<usize>,
}

/// Sequences that are drawn.
const DRAWN: usize = 6;
/// Rows of the table.
const ROWS: usize = 100;
/// Bars of the histogram of positions.
const BARS: usize = 100;

/// Lays out the page.
pub(crate) fn render_design(page: &DesignPage<'_>) -> String {
    let about = ReportData {
        title: page.title.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        generated_by: page.command.to_owned(),
        ..ReportData::default()
    };
    let mut context = Context::plain();
    let edits: usize = page.lines.iter().map(|line| line.edits.len()).sum();
    let lede = format!(
        "{} in {}, found by the method {}, at most {} in each.",
        counted(edits, "substitution", "substitutions"),
        counted(page.lines.len(), "sequence", "sequences"),
        page.method,
        number::grouped(page.most)
    );
    let mut body = Markup::from(tag("p").class("lede").text(lede));
    body.push(paths(page, &mut context));
    body.push(places(page, &mut context));
    body.push(table(page, &mut context));
    framed(&about, &[], body).into_string()
}

fn paths(page: &DesignPage<'_>, context: &mut Context) -> Markup {
    const CLASSES: [&str; DRAWN] = ["s1", "s2", "s3", "s4", "s5", "s6"];
    let series = page.lines.iter().zip(CLASSES).map(|(line, class)| Series {
        name: &line.id,
        class,
        points: line.scores.iter().enumerate().map(|(i, &score)| (i as f64, score)).collect(),
    });
    let chart = LineChart {
        title: "Score after each substitution",
        x_label: "Substitutions",
        y_label: page.scale,
        series: series.collect(),
        mark: None,
    };
    let drawn = page.lines.len().min(DRAWN);
    let caption = format!(
        "The {} after each substitution, of the first {}.",
        page.scale,
        counted(drawn, "sequence", "sequences")
    );
    context.figure("panels", tag("div").class("panels").add(line_chart(&chart)), Markup::text(caption))
}

fn places(page: &DesignPage<'_>, context: &mut Context) -> Markup {
    let bars = page.length.clamp(1, BARS);
    let mut counts = vec![0; bars];
    for &position in page.lines.iter().flat_map(|line| &line.positions) {
        counts[(position * bars / page.length.max(1)).min(bars - 1)] += 1;
    }
    let drawn = spark(&counts, 0, page.length as i64, "Substitutions by position");
    let caption = "Where substitutions are, over all sequences; positions from 0.";
    context.figure("panels", tag("div").class("panels").add(drawn), Markup::literal(caption))
}

fn table(page: &DesignPage<'_>, context: &mut Context) -> Markup {
    let score = |score: Option<&f64>| score.map_or("–".to_owned(), |&score| number::fixed(score, 4));
    let row = |line: &DesignLine| {
        tag("tr")
            .add(tag("th").attr("scope", "row").class("mono").text(&line.id))
            .add(tag("td").text(score(line.scores.first())))
            .add(tag("td").text(score(line.scores.last())))
            .add(tag("td").class("mono").text(line.edits.join(" ")))
    };
    let head = ["Sequence", "Before", "After", "Substitutions"].map(|name| tag("th").text(name));
    let whole = tag("table")
        .add(tag("thead").add(tag("tr").add_all(head)))
        .add(tag("tbody").add_all(page.lines.iter().take(ROWS).map(row)));
    let caption = format!("The {} before and after, and what was substituted, in order; positions from 0.", page.scale);
    context.table(Markup::text(caption), whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_escapes_names_and_draws_nothing_for_nothing() {
        let line = |id: &str, scores: &[f64]| DesignLine {
            id: id.into(),
            scores: scores.to_vec(),
            edits: vec!["A9G".into(); scores.len() - 1],
            positions: vec![9; scores.len() - 1],
        };
        let page = |lines| DesignPage {
            title: "t".into(),
            command: "basewise",
            method: "greedy",
            most: 3,
            scale: "prediction",
            length: 10,
            lines,
        };
        let html = render_design(&page(vec![line("<a>", &[0.1, 0.9]), line("b", &[0.5])]));
        assert!(html.contains("&lt;a&gt;") && !html.contains("<a>") && html.contains("A9G"), "{html}");
        assert!(html.contains("1 substitution in 2 sequences"));
        assert!(!render_design(&page(Vec::new())).contains("NaN"));
    }
}
