//! Distributions: predicted probabilities by class, and the small histograms of where a filter fires.

use super::frame::{Frame, Margins, label, line, rect, svg, text_width};
use super::scale::{Ticks, nice_axis};
use crate::report::data::{ClassHistogram, ScoreHistograms};
use crate::report::markup::{Markup, tag};
use crate::report::number;

/// Share of each class by predicted probability, as outlined steps that may overlap.
pub(in crate::report) fn score_histograms(data: &ScoreHistograms) -> Markup {
    let axes = ("Predicted probability", "Share of the class");
    class_histograms(data, "Predicted probabilities by true class", axes, 0.34)
}

/// Histograms of numbers from 0 to 1, each as shares of its class; the key stands above `key`.
pub(in crate::report) fn class_histograms(data: &ScoreHistograms, title: &str, axes: (&str, &str), key: f64) -> Markup {
    let shares: Vec<(usize, &ClassHistogram, Vec<f64>)> = data
        .classes
        .iter()
        .enumerate()
        .map(|(i, class)| {
            let total = class.counts.iter().sum::<usize>().max(1) as f64;
            (i, class, class.counts.iter().map(|&c| c as f64 / total).collect())
        })
        .collect();
    let (heights, ticks) = nice_axis(shares.iter().flat_map(|s| s.2.iter().copied()).chain([0.0, 0.01]), 4);
    let margins = Margins { left: 44.0, right: 12.0, top: 34.0, bottom: 42.0 };
    let frame = Frame::new(380.0, 404.0, margins, (0.0, 1.0), heights);
    let mut content = frame.axes((&Ticks::nice(0.0, 1.0, 5), axes.0), (&ticks, axes.1));
    for (i, _, values) in &shares {
        let outline = frame.path(steps(values));
        if outline.is_empty() {
            continue;
        }
        let (left, right) = (frame.x.range.0, frame.x.range.1);
        let base = number::coordinate(frame.y.range.0);
        let area = format!("{outline}L{} {base}L{} {base}Z", number::coordinate(right), number::coordinate(left));
        content.push(tag("path").attr("d", area).attr("class", format_args!("area s{}", i % 6 + 1)));
        content.push(tag("path").attr("d", outline).attr("class", format_args!("line s{}", i % 6 + 1)));
    }
    content.push(class_key(&frame, &data.classes, key));
    frame.svg(title, content)
}

/// Swatch and name of each class in the middle of the plot, which good predictions leave empty.
fn class_key(frame: &Frame, classes: &[ClassHistogram], key: f64) -> Markup {
    let mut markup = Markup::new();
    let text = |class: &ClassHistogram| {
        let name: String = class.class.chars().take(18).collect();
        let cut = if class.class.chars().count() > 18 { "\u{2026}" } else { "" };
        format!("{name}{cut} (n\u{a0}=\u{a0}{})", number::grouped(class.counts.iter().sum()))
    };
    let texts: Vec<String> = classes.iter().take(6).map(text).collect();
    // As far to the left as the longest needs.
    let longest = texts.iter().map(|text| text_width(text, 11.5)).fold(0.0, f64::max);
    let x = frame.x.at(key).min(frame.width - 16.0 - longest).max(frame.x.range.0 + 4.0);
    for (i, text) in texts.iter().enumerate() {
        let y = frame.y.range.1 + 14.0 + 18.0 * i as f64;
        markup.push(rect(x, y - 9.0, 10.0, 10.0).attr("class", format_args!("swatch s{}", i % 6 + 1)));
        markup.push(label(x + 16.0, y, text).class("key"));
    }
    markup
}

/// The corners of a step line over equal bins of 0..=1.
fn steps(values: &[f64]) -> Vec<(f64, f64)> {
    let width = 1.0 / values.len().max(1) as f64;
    values.iter().enumerate().flat_map(|(i, &v)| [(i as f64 * width, v), ((i + 1) as f64 * width, v)]).collect()
}

/// A small bar histogram over positions `start..end`, with the two ends and zero labelled.
pub(in crate::report) fn spark(counts: &[usize], start: i64, end: i64, title: &str) -> Markup {
    let (width, height, base) = (260.0, 46.0, 32.0);
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let bin = width / counts.len().max(1) as f64;
    let mut content = Markup::new();
    for (i, &count) in counts.iter().enumerate().filter(|(_, c)| **c > 0) {
        let bar = (base - 2.0) * count as f64 / most as f64;
        content.push(rect(i as f64 * bin, base - bar, (bin - 0.6).max(0.4), bar).class("bar s1"));
    }
    content.push(line(0.0, base, width, base).class("axis"));
    content.push(label(0.0, base + 13.0, number::fixed(start as f64, 0)).class("tick"));
    content.push(label(width, base + 13.0, number::fixed(end as f64, 0)).class("tick end"));
    if start < 0 && end > 0 {
        let zero = width * (-start) as f64 / (end - start) as f64;
        content.push(line(zero, base, zero, base + 4.0).class("axis"));
        content.push(label(zero, base + 13.0, "0").class("tick middle"));
    }
    svg(width, height, title, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_cover_the_unit_interval() {
        assert_eq!(steps(&[0.25, 0.75]), [(0.0, 0.25), (0.5, 0.25), (0.5, 0.75), (1.0, 0.75)]);
        assert!(steps(&[]).is_empty());
    }

    #[test]
    fn the_key_lies_within_the_picture() {
        let class = |name: &str| ClassHistogram { class: name.into(), counts: vec![120_000, 80_000] };
        for name in ["a", "generated", "a name that is longer than its key"] {
            let classes = vec![class("real"), class(name)];
            let axes = ("Share of G and C", "Share of the set");
            let drawn = class_histograms(&ScoreHistograms { classes }, "GC", axes, 0.64).into_string();
            let keys = drawn.split("<text ").filter(|part| part.contains("class=\"key\""));
            for key in keys {
                let x: f64 = key.split('"').nth(1).unwrap().parse().unwrap();
                let text = key.split(['>', '<']).nth(1).unwrap();
                assert!(x > 40.0 && x + text_width(text, 11.5) <= 380.0, "{x}: {text}");
            }
        }
    }

    #[test]
    fn a_spark_of_nothing_has_an_axis_and_no_bar() {
        let drawn = spark(&[0, 0], -70, 70, "positions").into_string();
        assert!(!drawn.contains("bar") && drawn.contains(">0</text>"), "{drawn}");
    }
}
