//! Quantities by epoch, labelled at the end of each line.

use super::frame::{Frame, Margins, circle, label, line};
use super::scale::{Ticks, nice_axis};
use crate::report::markup::{Markup, tag};
use crate::report::number;

/// Lines over a common x.
pub(in crate::report) struct LineChart<'a> {
    /// For those who cannot see it.
    pub(in crate::report) title: &'a str,
    /// What x is.
    pub(in crate::report) x_label: &'a str,
    /// What y is.
    pub(in crate::report) y_label: &'a str,
    /// The lines.
    pub(in crate::report) series: Vec<Series<'a>>,
    /// An x to mark, such as the best epoch, with its label.
    pub(in crate::report) mark: Option<(f64, String)>,
}

/// One line.
pub(in crate::report) struct Series<'a> {
    /// Name, written at the line's end.
    pub(in crate::report) name: &'a str,
    /// Class that colours it.
    pub(in crate::report) class: &'static str,
    /// `(x, y)` in the order of x.
    pub(in crate::report) points: Vec<(f64, f64)>,
}

/// Draws a line chart.
pub(in crate::report) fn line_chart(chart: &LineChart) -> Markup {
    let all =
        || chart.series.iter().flat_map(|s| s.points.iter().copied()).filter(|p| p.0.is_finite() && p.1.is_finite());
    let (low, high) = super::scale::extent(all().map(|p| p.0)).unwrap_or((0.0, 1.0));
    let (y, y_ticks) = nice_axis(all().map(|p| p.1), 4);
    // Room at the right for the names at the lines' ends.
    let longest = chart.series.iter().map(|s| s.name.chars().count()).max().unwrap_or(0);
    let margins = Margins { left: 44.0, right: 14.0 + 6.4 * longest as f64, top: 34.0, bottom: 42.0 };
    let frame = Frame::new(400.0, 270.0, margins, (low, high), y);
    let mut content = frame.axes((&Ticks::whole(low, high, 6), chart.x_label), (&y_ticks, chart.y_label));
    if let Some((at, text)) = &chart.mark {
        let x = frame.x.at(*at);
        content.push(line(x, frame.y.range.0, x, frame.y.range.1).class("mark"));
        // The label stays inside the plot on either side.
        let middle = (frame.x.range.0 + frame.x.range.1) / 2.0;
        let (class, shift) = if x > middle { ("note end", -5.0) } else { ("note", 5.0) };
        content.push(label(x + shift, frame.y.range.1 + 4.0, text).class(class));
    }
    for series in &chart.series {
        content.push(
            tag("path")
                .attr("d", frame.path(series.points.iter().copied()))
                .attr("class", format_args!("line {}", series.class)),
        );
        content.push(points(&frame, series));
    }
    content.push(end_labels(&frame, &chart.series));
    frame.svg(chart.title, content)
}

/// Small points that name their values on hover; the only mark where a line has one point.
fn points(frame: &Frame, series: &Series) -> Markup {
    let finite = series.points.iter().filter(|p| p.0.is_finite() && p.1.is_finite());
    finite
        .map(|&(x, y)| {
            let (cx, cy) = frame.at(x, y);
            let text = format!("{} {x}: {}", series.name, number::significant(y));
            circle(cx, cy, 2.0).attr("class", format_args!("dot {}", series.class)).add(tag("title").text(text))
        })
        .collect()
}

/// Names at the lines' ends, pushed apart where they would collide.
fn end_labels(frame: &Frame, series: &[Series]) -> Markup {
    let mut ends: Vec<(f64, &Series)> = series
        .iter()
        .filter_map(|s| s.points.iter().rev().find(|p| p.1.is_finite()).map(|p| (frame.y.at(p.1), s)))
        .collect();
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    for i in 1..ends.len() {
        ends[i].0 = ends[i].0.max(ends[i - 1].0 + 13.0);
    }
    // Pushing down must not leave the plot: shift all up by what hangs out.
    let excess = ends.last().map_or(0.0, |last| (last.0 - frame.y.range.0).max(0.0));
    ends.iter()
        .map(|(y, s)| {
            label(frame.x.range.1 + 8.0, y - excess + 3.6, s.name).attr("class", format_args!("direct {}", s.class))
        })
        .collect()
}
