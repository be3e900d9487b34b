//! Parallel coordinates (Inselberg 1985): an axis a quantity, side by side, and a line through them for each row.

use super::frame::{label, line, svg};
use super::scale::{Scale, Ticks};
use crate::report::markup::{Markup, tag};
use crate::report::number::{coordinate, significant};

/// One vertical axis.
pub(in crate::report) struct Axis {
    /// Written above it.
    pub(in crate::report) name: String,
    /// What it measures.
    pub(in crate::report) ticked: Ticked,
}

/// The values of an axis.
pub(in crate::report) enum Ticked {
    /// Names, from the bottom to the top.
    Names(Vec<String>),
    /// Numbers from low to high.
    Numbers {
        /// At the bottom.
        low: f64,
        /// At the top.
        high: f64,
        /// Whether equal ratios are equally far apart.
        log: bool,
    },
}

/// One row.
pub(in crate::report) struct ParallelLine {
    /// Shown on hover.
    pub(in crate::report) title: String,
    /// Class that colours it.
    pub(in crate::report) class: &'static str,
    /// A value an axis: the index of a name, or the number.
    pub(in crate::report) values: Vec<f64>,
}

const TOP: f64 = 44.0;
const BOTTOM: f64 = 262.0;
const HEIGHT: f64 = 278.0;
const LEFT: f64 = 62.0;
/// Space beside the last axis, for its labels.
const RIGHT: f64 = 58.0;
/// Between two axes.
const GAP: f64 = 128.0;

impl Axis {
    /// The place of a value from bottom to top, not finite where it has none.
    fn at(&self, value: f64) -> f64 {
        let range = (BOTTOM, TOP);
        match &self.ticked {
            Ticked::Names(names) => {
                // A single name stands in the middle, and the others half a step from the ends.
                Scale { domain: (-0.5, names.len() as f64 - 0.5), range }.at(value)
            }
            Ticked::Numbers { low, high, log: true } => Scale { domain: (low.ln(), high.ln()), range }.at(value.ln()),
            Ticked::Numbers { low, high, log: false } => Scale { domain: (*low, *high), range }.at(value),
        }
    }

    fn ticks(&self) -> Vec<(f64, String)> {
        match &self.ticked {
            Ticked::Names(names) => {
                names.iter().enumerate().map(|(i, name)| (self.at(i as f64), shortened(name, 14))).collect()
            }
            Ticked::Numbers { low, high, log: true } => {
                let (first, last) = (low.log10().ceil() as i32, high.log10().floor() as i32);
                let mut values: Vec<f64> = (first..=last).map(|power| 10f64.powi(power)).collect();
                // The ends, where no power of ten is close to them.
                let far = |end: f64, values: &[f64]| values.iter().all(|v| (self.at(*v) - self.at(end)).abs() > 14.0);
                for end in [*low, *high] {
                    if far(end, &values) {
                        values.push(end);
                    }
                }
                values.into_iter().map(|value| (self.at(value), plain(value))).collect()
            }
            Ticked::Numbers { low, high, log: false } => {
                let ticks = Ticks::nice(*low, *high, 5);
                ticks.values.iter().map(|&value| (self.at(value), ticks.label(value))).collect()
            }
        }
    }
}

/// A number without zeros that say nothing.
fn plain(value: f64) -> String {
    let text = significant(value);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn shortened(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.to_owned();
    }
    name.chars().take(most - 1).chain(['\u{2026}']).collect()
}

/// Draws the lines over the axes, those that come later above the others.
pub(in crate::report) fn parallel(title: &str, axes: &[Axis], lines: &[ParallelLine]) -> Markup {
    let x = |axis: usize| LEFT + GAP * axis as f64;
    let width = x(axes.len().saturating_sub(1)) + RIGHT;
    let mut content = Markup::new();
    for row in lines {
        let points = axes.iter().zip(&row.values).enumerate().map(|(i, (axis, &value))| (x(i), axis.at(value)));
        let points: Vec<(f64, f64)> = points.filter(|(_, y)| y.is_finite()).collect();
        let path = tag("path").attr("d", curve(&points)).attr("class", format_args!("trial {}", row.class));
        content.push(path.add(tag("title").text(&row.title)));
    }
    for (i, axis) in axes.iter().enumerate() {
        // Names of neighbours would run into each other on one line.
        let height = if i % 2 == 0 { TOP - 14.0 } else { TOP - 30.0 };
        content.push(line(x(i), TOP, x(i), BOTTOM).class("axis"));
        content.push(label(x(i), height, shortened(&axis.name, 34)).class("title middle"));
        for (y, text) in axis.ticks() {
            content.push(line(x(i) - 3.0, y, x(i), y).class("axis"));
            content.push(label(x(i) - 6.0, y + 3.6, text).class("tick end haloed"));
        }
    }
    svg(width, HEIGHT, title, content)
}

/// A line that leaves each axis at a right angle, so that lines through one point can be told apart.
fn curve(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (i, &(x, y)) in points.iter().enumerate() {
        let [cx, cy] = [x, y].map(coordinate);
        match i.checked_sub(1).map(|before| points[before]) {
            None => path.push_str(&format!("M{cx} {cy}")),
            Some((from, level)) => {
                let middle = coordinate((from + x) / 2.0);
                path.push_str(&format!("C{middle} {} {middle} {cy} {cx} {cy}", coordinate(level)));
            }
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(low: f64, high: f64, log: bool) -> Axis {
        Axis { name: "rate".into(), ticked: Ticked::Numbers { low, high, log } }
    }

    #[test]
    fn values_stand_where_their_axis_says() {
        let axis = numbers(1e-4, 1e-2, true);
        assert!((axis.at(1e-3) - (TOP + BOTTOM) / 2.0).abs() < 1e-9);
        assert_eq!((axis.at(1e-4), axis.at(1e-2)), (BOTTOM, TOP));
        let names = Axis { name: "model".into(), ticked: Ticked::Names(vec!["a".into(), "b".into()]) };
        assert!(names.at(0.0) > names.at(1.0) && names.at(0.0) < BOTTOM && names.at(1.0) > TOP);
        assert_eq!(numbers(2.0, 4.0, false).at(3.0), (TOP + BOTTOM) / 2.0);
    }

    #[test]
    fn axes_within_a_decade_have_ticks_at_their_ends() {
        let labels: Vec<String> = numbers(2e-3, 8e-3, true).ticks().into_iter().map(|(_, text)| text).collect();
        assert_eq!(labels, ["0.002", "0.008"]);
    }

    #[test]
    fn names_are_escaped_and_missing_values_left_out() {
        let axes = [numbers(0.0, 1.0, false), Axis { name: "<b>".into(), ticked: Ticked::Names(vec!["x".into()]) }];
        let lines = [ParallelLine { title: "1".into(), class: "", values: vec![f64::NAN, 0.0] }];
        let drawn = parallel("t", &axes, &lines).into_string();
        assert!(drawn.contains("&lt;b&gt;") && !drawn.contains("NaN"), "{drawn}");
        assert!(!parallel("t", &[], &[]).into_string().contains("NaN"));
    }
}
