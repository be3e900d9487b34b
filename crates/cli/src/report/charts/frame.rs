//! The plot area, its axes, and the paths drawn in it.

use super::scale::{Scale, Ticks};
use crate::report::markup::{Markup, Tag, tag};
use crate::report::number::coordinate;

/// A plot area with an x and a y axis.
pub(super) struct Frame {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) x: Scale,
    pub(super) y: Scale,
}

/// Space around a plot area for tick labels and axis titles.
#[derive(Clone, Copy)]
pub(super) struct Margins {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Frame {
    /// A drawing of `width * height` whose plot area shows `x` by `y`.
    pub(super) fn new(width: f64, height: f64, margins: Margins, x: (f64, f64), y: (f64, f64)) -> Self {
        Self {
            width,
            height,
            x: Scale { domain: x, range: (margins.left, width - margins.right) },
            y: Scale { domain: y, range: (height - margins.bottom, margins.top) },
        }
    }

    /// Where a data point is drawn.
    pub(super) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.x.at(x), self.y.at(y))
    }

    /// Both axes: hairlines, ticks outside, labels, titles; horizontal guides across the plot.
    pub(super) fn axes(&self, x: (&Ticks, &str), y: (&Ticks, &str)) -> Markup {
        let (left, right) = self.x.range;
        let (bottom, top) = self.y.range;
        let mut markup = Markup::new();
        for &value in &y.0.values {
            let at = self.y.at(value);
            markup.push(line(left, at, right, at).class("guide"));
            markup.push(label(left - 6.0, at + 3.6, y.0.label(value)).class("tick end"));
        }
        for &value in &x.0.values {
            let at = self.x.at(value);
            markup.push(line(at, bottom, at, bottom + 4.0).class("axis"));
            markup.push(label(at, bottom + 16.0, x.0.label(value)).class("tick middle"));
        }
        markup.push(line(left, bottom, right, bottom).class("axis"));
        if !x.1.is_empty() {
            markup.push(label((left + right) / 2.0, bottom + 34.0, x.1).class("title middle"));
        }
        if !y.1.is_empty() {
            markup.push(label(0.0, top - 10.0, y.1).class("title"));
        }
        markup
    }

    /// A line through the points.
    pub(super) fn path(&self, points: impl IntoIterator<Item = (f64, f64)>) -> String {
        polyline(points.into_iter().filter(|(x, y)| x.is_finite() && y.is_finite()).map(|(x, y)| self.at(x, y)))
    }

    /// The area between two lines over the same x.
    pub(super) fn band(&self, points: &[[f64; 3]]) -> String {
        let finite: Vec<_> = points.iter().filter(|p| p.iter().all(|v| v.is_finite())).collect();
        if finite.len() < 2 {
            return String::new();
        }
        let there = finite.iter().map(|p| self.at(p[0], p[2]));
        let back = finite.iter().rev().map(|p| self.at(p[0], p[1]));
        format!("{}Z", polyline(there.chain(back)))
    }

    /// The `<svg>` around the content, with a title for those who cannot see it.
    pub(super) fn svg(&self, title: &str, content: impl Into<Markup>) -> Markup {
        svg(self.width, self.height, title, content)
    }
}

/// An `<svg>` that shrinks with the page and never grows beyond its size.
pub(super) fn svg(width: f64, height: f64, title: &str, content: impl Into<Markup>) -> Markup {
    tag("svg")
        .class("plot")
        .attr("viewBox", format_args!("0 0 {} {}", coordinate(width), coordinate(height)))
        .attr("width", coordinate(width))
        .attr("height", coordinate(height))
        .attr("role", "img")
        .add(tag("title").text(title))
        .add(content)
        .into()
}

/// A straight line.
pub(super) fn line(x1: f64, y1: f64, x2: f64, y2: f64) -> Tag {
    tag("line")
        .attr("x1", coordinate(x1))
        .attr("y1", coordinate(y1))
        .attr("x2", coordinate(x2))
        .attr("y2", coordinate(y2))
}

/// A rectangle.
pub(super) fn rect(x: f64, y: f64, width: f64, height: f64) -> Tag {
    tag("rect")
        .attr("x", coordinate(x))
        .attr("y", coordinate(y))
        .attr("width", coordinate(width.max(0.0)))
        .attr("height", coordinate(height.max(0.0)))
}

/// A circle.
pub(super) fn circle(x: f64, y: f64, radius: f64) -> Tag {
    tag("circle").attr("cx", coordinate(x)).attr("cy", coordinate(y)).attr("r", coordinate(radius))
}

/// A piece of text.
pub(super) fn label(x: f64, y: f64, text: impl std::fmt::Display) -> Tag {
    tag("text").attr("x", coordinate(x)).attr("y", coordinate(y)).text(text)
}

/// About how wide a text of the page's sans-serif font is, by the widest of the usual ones, so that nothing is cut off.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    let share = |letter: char| match letter {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | ' ' | '\u{a0}' => 0.34,
        'f' | 'r' | 't' | 's' | '(' | ')' | '[' | ']' | '-' | '/' => 0.46,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.98,
        '+' | '=' | '<' | '>' => 0.84,
        letter if letter.is_ascii_uppercase() => 0.74,
        letter if letter.is_ascii() => 0.64,
        _ => 1.0,
    };
    text.chars().map(share).sum::<f64>() * size
}

/// A path through drawing points; points closer than a third of a unit to the last are left out, as no eye sees them.
fn polyline(points: impl Iterator<Item = (f64, f64)>) -> String {
    let mut path = String::new();
    let mut last: Option<(f64, f64)> = None;
    let mut skipped = None;
    for (x, y) in points {
        if last.is_some_and(|(a, b)| (a - x).abs() < 0.35 && (b - y).abs() < 0.35) {
            skipped = Some((x, y));
            continue;
        }
        append(&mut path, x, y);
        last = Some((x, y));
        skipped = None;
    }
    if let Some((x, y)) = skipped {
        append(&mut path, x, y);
    }
    path
}

fn append(path: &mut String, x: f64, y: f64) {
    path.push(if path.is_empty() { 'M' } else { 'L' });
    path.push_str(&coordinate(x));
    path.push(' ');
    path.push_str(&coordinate(y));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit() -> Frame {
        let margins = Margins { left: 0.0, right: 0.0, top: 0.0, bottom: 0.0 };
        Frame::new(100.0, 100.0, margins, (0.0, 1.0), (0.0, 1.0))
    }

    #[test]
    fn paths_of_no_one_and_many_points() {
        let frame = unit();
        assert_eq!(frame.path([]), "");
        assert_eq!(frame.path([(0.5, 0.5)]), "M50 50");
        assert_eq!(frame.path([(0.0, 0.0), (f64::NAN, 0.3), (1.0, 1.0)]), "M0 100L100 0");
        assert_eq!(frame.path((0..=1000).map(|i| (f64::from(i) / 1e6, 0.0))), "M0 100L0.1 100");
    }

    #[test]
    fn a_band_needs_two_points() {
        let frame = unit();
        assert_eq!(frame.band(&[[0.0, 0.0, 1.0]]), "");
        assert_eq!(frame.band(&[[0.0, 0.0, 0.5], [1.0, 0.5, 1.0]]), "M0 50L100 0L100 50L0 100Z");
    }
}
