//! Estimates with their intervals, one above the other: the model against what it must beat.
//!
//! Rows are laid out by the page and only the marks are drawn, at percentages of the width, so that the text keeps its
//! size on a phone.

use super::scale::{Scale, Ticks, nice_axis};
use crate::report::data::Estimate;
use crate::report::markup::{Markup, Tag, tag};
use crate::report::number;

/// One estimate.
pub(in crate::report) struct IntervalRow {
    /// Metric that heads a group; empty within the group.
    pub(in crate::report) group: String,
    /// Name of the model or baseline.
    pub(in crate::report) name: String,
    /// Whether it is the model.
    pub(in crate::report) model: bool,
    /// What is drawn.
    pub(in crate::report) estimate: Estimate,
}

const ROW: f64 = 22.0;

/// Draws the rows on one common axis, with a dotted line at `mark`. `None` if no row has a value.
pub(in crate::report) fn intervals(rows: &[IntervalRow], mark: Option<f64>) -> Option<Markup> {
    if rows.iter().all(|r| finite(r.estimate.value).is_none()) {
        return None;
    }
    let ends = rows.iter().flat_map(|r| [r.estimate.value, r.estimate.low, r.estimate.high]).flatten();
    let (domain, ticks) = nice_axis(ends.chain(mark), 5);
    // Marks at the ends of the axis keep a little room.
    let x = Scale { domain, range: (2.0, 98.0) };
    let guides = || guides(&x, &ticks, mark);
    let mut body = tag("div").class("forest");
    for row in rows {
        if !row.group.is_empty() {
            body = body.add(tag("div").class("forest-group").text(&row.group));
            body = body.add(strip(0.62 * ROW).add(guides())).add(tag("div"));
        }
        body = body.add(tag("div").class(if row.model { "strong" } else { "name" }).text(&row.name));
        body = body.add(marks(&x, guides(), row));
        let value = finite(row.estimate.value).map_or(number::UNDEFINED.to_owned(), |v| number::fixed(v, 3));
        body = body.add(tag("div").class(if row.model { "num strong" } else { "num" }).text(value));
    }
    let labels = ticks
        .values
        .iter()
        .map(|&t| tag("text").attr("x", percent(x.at(t))).attr("y", 16).class("tick middle").text(ticks.label(t)));
    let axis = tag("line").attr("x1", "2%").attr("x2", "98%").attr("y1", 0.5).attr("y2", 0.5).class("axis");
    Some(body.add(tag("div")).add(strip(20.0).add(axis).add_all(labels)).add(tag("div")).into())
}

/// The whisker and point of one row, or why there are none.
fn marks(x: &Scale, guides: Markup, row: &IntervalRow) -> Tag {
    let drawing = strip(ROW).add(guides);
    let class = if row.model { "s1" } else { "b1" };
    let y = ROW / 2.0;
    let Some(value) = finite(row.estimate.value) else {
        let why = if row.estimate.reason.is_empty() { "undefined" } else { &row.estimate.reason };
        return drawing.add(tag("text").attr("x", "2%").attr("y", y + 4.0).class("note").text(why));
    };
    let mut drawing = drawing.attr("role", "img").add(tag("title").text(format_args!(
        "{}: {}",
        row.name,
        number::estimate_text(&row.estimate)
    )));
    if let (Some(low), Some(high)) = (finite(row.estimate.low), finite(row.estimate.high)) {
        let whisker =
            tag("line").attr("x1", percent(x.at(low))).attr("x2", percent(x.at(high))).attr("y1", y).attr("y2", y);
        drawing = drawing.add(whisker.attr("class", format_args!("whisker {class}")));
    }
    let point =
        tag("circle").attr("cx", percent(x.at(value))).attr("cy", y).attr("r", if row.model { 4.5 } else { 3.8 });
    drawing.add(point.attr("class", format_args!("dot {class}")))
}

/// Vertical lines through a strip, which join those of its neighbours.
fn guides(x: &Scale, ticks: &Ticks, mark: Option<f64>) -> Markup {
    let upright = |at: f64, class: &'static str| {
        let at = percent(x.at(at));
        tag("line").attr("x1", &at).attr("x2", &at).attr("y1", 0).attr("y2", "100%").class(class)
    };
    let guides = ticks.values.iter().map(|&tick| upright(tick, "guide"));
    guides.chain(mark.map(|at| upright(at, "chance"))).collect()
}

/// A drawing as wide as its column.
fn strip(height: f64) -> Tag {
    tag("svg").class("strip").attr("width", "100%").attr("height", number::coordinate(height))
}

fn percent(share: f64) -> String {
    format!("{share:.2}%")
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|v| v.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_any_value_draw_nothing() {
        let row =
            IntervalRow { group: "AUROC".into(), name: "model".into(), model: true, estimate: Estimate::default() };
        assert!(intervals(&[], None).is_none());
        assert!(intervals(&[row], Some(0.0)).is_none());
    }

    #[test]
    fn an_undefined_row_says_why_beside_the_others() {
        let row = |value, reason: &str| IntervalRow {
            group: String::new(),
            name: "model".into(),
            model: true,
            estimate: Estimate { value, reason: reason.into(), ..Estimate::default() },
        };
        let drawn = intervals(&[row(Some(0.5), ""), row(None, "one <class>")], None).unwrap().into_string();
        assert!(drawn.contains("one &lt;class&gt;") && drawn.matches("<circle").count() == 1, "{drawn}");
    }
}
