//! Receiver operating characteristic and precision-recall: curves in the unit square.

use super::frame::{Frame, Margins, label, line, rect};
use super::scale::Ticks;
use crate::report::data::{RateChart, RateCurve};
use crate::report::markup::{Markup, tag};
use crate::report::number;

/// What distinguishes the two kinds of chart.
pub(in crate::report) struct RateLabels<'a> {
    /// For those who cannot see it.
    pub(in crate::report) title: &'a str,
    /// What x is.
    pub(in crate::report) x: &'a str,
    /// What y is.
    pub(in crate::report) y: &'a str,
    /// Whether chance is the diagonal; otherwise it is the prevalence, where known.
    pub(in crate::report) diagonal: bool,
}

/// The classes that colour the model's curves, in order.
const MODEL: [&str; 6] = ["s1", "s2", "s3", "s4", "s5", "s6"];
/// The classes that draw the baselines, in order.
const BASELINE: [&str; 3] = ["b1", "b2", "b3"];
/// Curves named inside the plot; more would cover it.
const KEYS: usize = 8;

/// Draws the curves with their bands, chance, and a key with the areas.
pub(in crate::report) fn rate_chart(chart: &RateChart, labels: &RateLabels) -> Markup {
    let margins = Margins { left: 40.0, right: 12.0, top: 34.0, bottom: 42.0 };
    let frame = Frame::new(380.0, 404.0, margins, (0.0, 1.0), (0.0, 1.0));
    let ticks = Ticks::nice(0.0, 1.0, 5);
    let mut content = frame.axes((&ticks, labels.x), (&ticks, labels.y));
    content.push(chance(&frame, chart.prevalence, labels.diagonal));
    let curves: Vec<(&RateCurve, &str)> = (chart.baselines.iter().zip(BASELINE.iter().cycle()))
        .chain(chart.model.iter().zip(MODEL.iter().cycle()))
        .map(|(curve, class)| (curve, *class))
        .collect();
    for (curve, class) in curves.iter().filter(|_| has_bands(chart)) {
        let band = frame.band(&curve.band);
        if !band.is_empty() {
            content.push(tag("path").attr("d", band).attr("class", format_args!("band {class}")));
        }
    }
    for (curve, class) in &curves {
        let path = frame.path(curve.points.iter().map(|p| (p[0], p[1])));
        content.push(tag("path").attr("d", path).attr("class", format_args!("line {class}")));
    }
    // The key lists the model first.
    let models = chart.model.len();
    let ordered: Vec<_> =
        curves[curves.len() - models..].iter().chain(&curves[..curves.len() - models]).copied().collect();
    let right = labels.diagonal;
    content.push(key(&frame, &ordered, right));
    frame.svg(labels.title, content)
}

/// Whether bands are drawn: those of many classes would cover each other.
pub(in crate::report) fn has_bands(chart: &RateChart) -> bool {
    chart.model.len() <= 2 && chart.model.iter().any(|curve| curve.band.len() > 1)
}

/// The line that a guess would reach.
fn chance(frame: &Frame, prevalence: Option<f64>, diagonal: bool) -> Markup {
    let (left, right) = frame.x.range;
    if diagonal {
        return line(left, frame.y.range.0, right, frame.y.range.1).class("chance").into();
    }
    let Some(share) = prevalence.filter(|p| p.is_finite()) else { return Markup::new() };
    let y = frame.y.at(share);
    // Below the line, where no curve runs, unless the axis is there.
    let beside = if share > 0.08 { y + 13.0 } else { y - 5.0 };
    let text = format!("prevalence {}", number::fixed(share, 2));
    Markup::from(line(left, y, right, y).class("chance")).with(label(right - 4.0, beside, text).class("note end"))
}

/// Swatch, name and area of each curve, in the corner that good curves leave empty: bottom right for ROC, bottom left for
/// precision-recall.
fn key(frame: &Frame, curves: &[(&RateCurve, &str)], right: bool) -> Markup {
    let shown = curves.len().min(KEYS);
    let rest = curves.len() - shown;
    let lines = shown + usize::from(rest > 0);
    let left = if right { frame.x.at(0.3) } else { frame.x.at(0.0) + 10.0 };
    let top = frame.y.range.0 - 12.0 - 17.0 * lines.saturating_sub(1) as f64;
    let mut markup = Markup::new();
    if lines > 0 {
        markup.push(rect(left - 4.0, top - 13.0, 216.0, 17.0 * lines as f64 + 2.0).class("veil"));
    }
    for (i, (curve, class)) in curves.iter().take(shown).enumerate() {
        let y = top + 17.0 * i as f64;
        markup.push(line(left, y - 4.0, left + 18.0, y - 4.0).attr("class", format_args!("line {class}")));
        markup.push(label(left + 24.0, y, area(curve)).class("key"));
    }
    if rest > 0 {
        markup.push(label(left + 24.0, top + 17.0 * shown as f64, format_args!("and {rest} more")).class("note"));
    }
    markup
}

/// `model 0.993 (0.989-0.996)`.
fn area(curve: &RateCurve) -> String {
    let mut name: String = curve.name.chars().take(13).collect();
    if curve.name.chars().count() > 13 {
        name.push('\u{2026}');
    }
    let Some(value) = curve.area.value.filter(|v| v.is_finite()) else { return name };
    let interval = number::interval(&curve.area).map_or_else(String::new, |text| format!(" ({text})"));
    format!("{name} {}{interval}", number::fixed(value, 3))
}
