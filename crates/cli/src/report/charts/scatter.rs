//! Observed against predicted values.

use super::frame::{Frame, Margins, circle};
use super::scale::nice_axis;
use crate::report::data::Scatter;
use crate::report::markup::{Markup, tag};

/// Draws the points on equal scales with the line of identity.
pub(in crate::report) fn scatter(data: &Scatter) -> Markup {
    let labels = ScatterLabels { title: "Predicted against observed values", x: "Observed", y: "Predicted" };
    scatter_between(&data.points, &labels)
}

/// What a scatter plot says of itself.
pub(in crate::report) struct ScatterLabels<'a> {
    /// For those who cannot see it.
    pub(in crate::report) title: &'a str,
    /// What x is.
    pub(in crate::report) x: &'a str,
    /// What y is, in the unit of x.
    pub(in crate::report) y: &'a str,
}

/// Points `[x, y]` on equal axes, with the line where both agree.
pub(in crate::report) fn scatter_between(points: &[[f64; 2]], labels: &ScatterLabels<'_>) -> Markup {
    let finite: Vec<[f64; 2]> = points.iter().copied().filter(|p| p.iter().all(|v| v.is_finite())).collect();
    let (both, ticks) = nice_axis(finite.iter().flatten().copied(), 5);
    let margins = Margins { left: 44.0, right: 12.0, top: 34.0, bottom: 42.0 };
    let frame = Frame::new(384.0, 404.0, margins, both, both);
    let mut content = frame.axes((&ticks, labels.x), (&ticks, labels.y));
    content.push(tag("path").attr("d", frame.path([(both.0, both.0), (both.1, both.1)])).class("chance"));
    let class = if finite.len() > 400 { "cloud many" } else { "cloud" };
    let points: Markup = finite
        .iter()
        .map(|p| {
            let (x, y) = frame.at(p[0], p[1]);
            circle(x, y, if finite.len() > 400 { 1.8 } else { 2.6 })
        })
        .collect();
    content.push(tag("g").class(class).add(points));
    frame.svg(labels.title, content)
}
