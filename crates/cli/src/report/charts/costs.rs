//! What a result cost: a figure over seconds, on a logarithmic axis, with the name of each model beside its point.

use super::frame::{Frame, Margins, circle, label, line};
use super::scale::{extent, nice_axis};
use crate::report::data::Estimate;
use crate::report::markup::{Markup, tag};
use crate::report::number;

/// One model.
pub(in crate::report) struct CostPoint<'a> {
    /// Written beside the point.
    pub(in crate::report) name: &'a str,
    /// Class that colours it.
    pub(in crate::report) class: &'static str,
    /// Seconds, above 0.
    pub(in crate::report) seconds: f64,
    /// What was reached.
    pub(in crate::report) figure: Estimate,
}

/// Widths of letters in a name, roughly.
const LETTER: f64 = 6.2;
/// Least distance between two names that stand above each other.
const LINE: f64 = 13.0;

/// Draws the points with their intervals. `None` if there is none.
pub(in crate::report) fn costs(y_label: &str, points: &[CostPoint]) -> Option<Markup> {
    let drawn = |point: &&CostPoint| {
        point.figure.value.is_some_and(f64::is_finite) && point.seconds.is_finite() && point.seconds > 0.0
    };
    let points: Vec<&CostPoint> = points.iter().filter(drawn).collect();
    let (fast, slow) = extent(points.iter().map(|point| point.seconds.log10()))?;
    // Half a decade around a single point, and room for the names at the right.
    let pad = (0.15 * (slow - fast)).max(0.25);
    let ends = points.iter().flat_map(|point| [point.figure.value, point.figure.low, point.figure.high]).flatten();
    let (y, y_ticks) = nice_axis(ends, 4);
    let margins = Margins { left: 44.0, right: 96.0, top: 34.0, bottom: 42.0 };
    let frame = Frame::new(560.0, 300.0, margins, (fast - pad, slow + pad), y);
    let no_ticks = super::scale::Ticks { values: Vec::new(), decimals: 0 };
    let mut content = frame.axes((&no_ticks, "Seconds of training"), (&y_ticks, y_label));
    content.push(decades(&frame));
    for point in &points {
        content.push(mark(&frame, point));
    }
    content.push(names(&frame, &points));
    Some(frame.svg("Figure over seconds of training", content))
}

/// Ticks at 1, 2 and 5 times powers of ten: only the powers where there are many.
fn decades(frame: &Frame) -> Markup {
    let (low, high) = frame.x.domain;
    let factors: &[f64] = if high - low > 3.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let powers = low.floor() as i32..=high.ceil() as i32;
    let values = powers.flat_map(|power| factors.iter().map(move |factor| factor * 10f64.powi(power)));
    let bottom = frame.y.range.0;
    let tick = |value: f64| {
        let x = frame.x.at(value.log10());
        let text = if value < 1.0 {
            number::significant(value).trim_end_matches('0').to_owned()
        } else {
            format!("{value:.0}")
        };
        Markup::from(line(x, bottom, x, bottom + 4.0).class("axis"))
            .with(label(x, bottom + 16.0, text).class("tick middle"))
    };
    values.filter(|value| (low..=high).contains(&value.log10())).map(tick).collect()
}

fn mark(frame: &Frame, point: &CostPoint) -> Markup {
    let (x, y) = frame.at(point.seconds.log10(), point.figure.value.unwrap_or(f64::NAN));
    let mut markup = Markup::new();
    if let (Some(low), Some(high)) = (point.figure.low, point.figure.high) {
        let whisker = line(x, frame.y.at(low), x, frame.y.at(high));
        markup.push(whisker.attr("class", format_args!("whisker {}", point.class)));
    }
    let text = format!("{}: {}, {}", point.name, number::estimate_text(&point.figure), number::duration(point.seconds));
    let dot = circle(x, y, 4.0).attr("class", format_args!("dot {}", point.class));
    markup.push(dot.add(tag("title").text(text)));
    markup
}

/// Names at the right of their points, pushed down where they would run into one that stands above.
fn names(frame: &Frame, points: &[&CostPoint]) -> Markup {
    let place = |point: &&CostPoint| frame.at(point.seconds.log10(), point.figure.value.unwrap_or(f64::NAN));
    let mut placed: Vec<(f64, f64, &CostPoint)> =
        points.iter().map(|point| (place(point).0, place(point).1, *point)).collect();
    placed.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.total_cmp(&b.0)));
    for i in 1..placed.len() {
        for j in 0..i {
            let (left, width) = (placed[j].0, LETTER * placed[j].2.name.chars().count() as f64 + 10.0);
            let meets = placed[i].0 < left + width && left < placed[i].0 + width;
            if meets && placed[i].1 - placed[j].1 < LINE {
                placed[i].1 = placed[j].1 + LINE;
            }
        }
    }
    placed
        .iter()
        .map(|(x, y, point)| label(x + 8.0, y + 3.8, point.name).attr("class", format_args!("direct {}", point.class)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(name: &str, seconds: f64, value: f64) -> CostPoint<'_> {
        let figure =
            Estimate { value: Some(value), low: Some(value - 0.01), high: Some(value + 0.01), reason: String::new() };
        CostPoint { name, class: "s1", seconds, figure }
    }

    #[test]
    fn points_without_a_place_are_left_out() {
        assert!(costs("AUROC", &[]).is_none());
        assert!(costs("AUROC", &[point("a", 0.0, 0.5), point("b", 1.0, f64::NAN)]).is_none());
        let drawn = costs("AUROC", &[point("a <b>", 3.0, 0.5), point("c", 0.0, 0.5)]).unwrap().into_string();
        assert_eq!(drawn.matches("<circle").count(), 1);
        assert!(drawn.contains("a &lt;b&gt;") && !drawn.contains("NaN"), "{drawn}");
    }

    #[test]
    fn names_of_points_in_one_place_do_not_cover_each_other() {
        let points = [point("cnn", 3.0, 0.9), point("mlp", 3.0, 0.9), point("far", 300.0, 0.9)];
        let drawn = costs("AUROC", &points).unwrap().into_string();
        let height = |name: &str| -> f64 {
            let before = drawn.split(&format!(">{name}</text>")).next().unwrap();
            before.rsplit(" y=\"").next().unwrap().split('"').next().unwrap().parse().unwrap()
        };
        assert!((height("cnn") - height("mlp")).abs() >= LINE - 0.2);
        assert_eq!(height("far"), height("cnn").min(height("mlp")));
    }
}
