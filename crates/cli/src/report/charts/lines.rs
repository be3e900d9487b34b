//! Quantities by epoch, labelled at the end of each line.

use super::frame::{Frame, Margins, circle, label, line, text_width};
use super::scale::{Ticks, nice_axis};
use crate::report::markup::{Markup, tag};
use crate::report::number::{self, coordinate};

/// Least height between the names of two lines.
const APART: f64 = 13.0;

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
    let longest = chart.series.iter().map(|s| text_width(s.name, 11.5)).fold(0.0, f64::max);
    let margins = Margins { left: 44.0, right: 14.0 + longest, top: 34.0, bottom: 42.0 };
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

/// Names at the lines' ends in their colours, moved apart where they would collide; a thin line leads to a name that is not
/// at its line's end.
fn end_labels(frame: &Frame, series: &[Series]) -> Markup {
    let last = |s: &Series| s.points.iter().rev().find(|p| p.0.is_finite() && p.1.is_finite()).copied();
    let mut ends: Vec<((f64, f64), &Series)> =
        series.iter().filter_map(|s| last(s).map(|(x, y)| (frame.at(x, y), s))).collect();
    ends.sort_by(|a, b| a.0.1.total_cmp(&b.0.1));
    let wanted: Vec<f64> = ends.iter().map(|end| end.0.1).collect();
    let heights = apart(&wanted, APART, (frame.y.range.1, frame.y.range.0));
    let right = frame.x.range.1;
    let mut markup = Markup::new();
    for (((x, y), s), height) in ends.into_iter().zip(heights) {
        let is_named = !s.name.is_empty();
        if is_named && (x < right - 1.0 || (y - height).abs() > APART / 2.0) {
            let way = [(x, y), (right, y), (right + 6.0, height)].map(|(x, y)| (coordinate(x), coordinate(y)));
            let [(x1, y1), (x2, y2), (x3, y3)] = &way;
            let d = format!("M{x1} {y1}L{x2} {y2}L{x3} {y3}");
            markup.push(tag("path").attr("d", d).attr("class", format_args!("leader {}", s.class)));
        }
        markup.push(label(right + 8.0, height + 3.6, s.name).attr("class", format_args!("direct {}", s.class)));
    }
    markup
}

/// The places nearest to the wanted ones, which rise, that are at least `gap` from each other and within limits: as an
/// isotonic regression, by pooling neighbours.
fn apart(wanted: &[f64], gap: f64, (top, bottom): (f64, f64)) -> Vec<f64> {
    // Less the room that those before take, places must only not fall.
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for (i, place) in wanted.iter().enumerate() {
        let mut own = (place - gap * i as f64, 1);
        while let Some((mean, count)) = pools.pop_if(|before| before.0 > own.0) {
            own = ((mean * count as f64 + own.0 * own.1 as f64) / (count + own.1) as f64, count + own.1);
        }
        pools.push(own);
    }
    let lowest = bottom - gap * wanted.len().saturating_sub(1) as f64;
    let places = pools.into_iter().flat_map(|(mean, count)| std::iter::repeat_n(mean.max(top).min(lowest), count));
    places.zip(0u32..).map(|(place, i)| place + gap * f64::from(i)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_stand_near_their_lines_and_apart() {
        let limits = (0.0, 100.0);
        assert!(apart(&[], 10.0, limits).is_empty());
        assert_eq!(apart(&[5.0, 50.0], 10.0, limits), [5.0, 50.0]);
        assert_eq!(apart(&[50.0, 50.0, 50.0], 10.0, limits), [40.0, 50.0, 60.0]);
        assert_eq!(apart(&[1.0, 1.0, 99.0, 99.0], 10.0, limits), [0.0, 10.0, 90.0, 100.0]);
        assert_eq!(apart(&[48.0, 50.0, 61.0], 10.0, limits), [43.0, 53.0, 63.0]);
    }

    #[test]
    fn each_name_has_its_lines_colour_and_is_led_to_from_its_end() {
        let line = |name, class, points: &[(f64, f64)]| Series { name, class, points: points.to_vec() };
        let chart = LineChart {
            title: "t",
            x_label: "x",
            y_label: "y",
            series: vec![
                line("short", "s1", &[(0.0, 0.0), (1.0, 1.0)]),
                line("long", "s2", &[(0.0, 0.0), (4.0, 1.0)]),
                line("low", "s3", &[(0.0, 0.0), (4.0, 0.0)]),
            ],
            mark: None,
        };
        let drawn = line_chart(&chart).into_string();
        for class in ["direct s1", "direct s2", "direct s3"] {
            assert_eq!(drawn.matches(class).count(), 1, "{drawn}");
        }
        assert_eq!(drawn.matches("leader s1").count(), 1, "{drawn}");
        assert_eq!(drawn.matches("leader s3").count(), 0, "{drawn}");
    }
}
