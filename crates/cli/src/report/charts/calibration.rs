//! Reliability: predicted probability against observed frequency, over the number of examples in each bin.

use super::frame::{Frame, Margins, circle, label, line, rect};
use super::scale::Ticks;
use crate::report::data::Calibration;
use crate::report::markup::{Markup, tag};
use crate::report::number;

/// Draws the reliability diagram with the counts beneath it.
pub(in crate::report) fn calibration(data: &Calibration) -> Markup {
    // The upper plot is square; the counts share its x axis.
    let margins = Margins { left: 40.0, right: 12.0, top: 34.0, bottom: 112.0 };
    let frame = Frame::new(380.0, 474.0, margins, (0.0, 1.0), (0.0, 1.0));
    let ticks = Ticks::nice(0.0, 1.0, 5);
    let (left, right) = frame.x.range;
    let mut content = frame.axes((&ticks, ""), (&ticks, "Observed frequency"));
    content.push(line(left, frame.y.range.0, right, frame.y.range.1).class("chance"));
    let bins: Vec<_> = data.bins.iter().filter(|b| b.predicted.is_finite() && b.observed.is_finite()).collect();
    for bin in &bins {
        let (x, y) = frame.at(bin.predicted, bin.observed);
        if let (Some(low), Some(high)) = (bin.low.filter(|v| v.is_finite()), bin.high.filter(|v| v.is_finite())) {
            content.push(line(x, frame.y.at(low), x, frame.y.at(high)).class("whisker s1"));
        }
        let text = format!(
            "predicted {}, observed {}, {}",
            number::fixed(bin.predicted, 3),
            number::fixed(bin.observed, 3),
            number::counted(bin.count, "example", "examples")
        );
        content.push(circle(x, y, 4.0).class("dot s1").add(tag("title").text(text)));
    }
    content.push(counts(data, &frame));
    frame.svg("Calibration: observed frequency against predicted probability", content)
}

/// Bars of the number of examples, hanging below the plot's tick labels.
fn counts(data: &Calibration, frame: &Frame) -> Markup {
    let most = data.bins.iter().map(|b| b.count).max().unwrap_or(0).max(1);
    let (left, right) = frame.x.range;
    let base = frame.height - 40.0;
    let mut markup = Markup::new();
    for bin in data.bins.iter().filter(|b| b.predicted.is_finite()) {
        let height = 36.0 * bin.count as f64 / most as f64;
        let x = frame.x.at(bin.predicted);
        let bar = rect(x - 5.0, base - height, 10.0, height).class("bar s1");
        markup.push(bar.add(tag("title").text(number::counted(bin.count, "example", "examples"))));
    }
    markup.push(line(left, base, right, base).class("axis"));
    markup.push(label(left - 6.0, base - 32.0, number::grouped(most)).class("tick end"));
    markup.push(label(left - 6.0, base + 3.6, "0").class("tick end"));
    markup.push(label(left, base + 16.0, "Examples per bin").class("note"));
    markup.push(label(right, base + 16.0, "Predicted probability").class("title end"));
    markup
}
