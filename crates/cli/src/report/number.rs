//! Numbers as a journal prints them.

use super::data::Estimate;
use super::markup::{Markup, tag};
use basewise_core::metrics::SMALLEST_P;

/// What stands for a number that is undefined.
pub(super) const UNDEFINED: &str = "\u{2013}";

/// A number with so many decimals and a true minus sign; an en dash if it is not finite.
pub(super) fn fixed(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return UNDEFINED.to_owned();
    }
    if value.abs() >= 1e9 {
        return signed(format!("{value:.3e}"));
    }
    signed(format!("{value:.decimals$}"))
}

/// Three significant digits, for quantities of unknown size.
pub(super) fn significant(value: f64) -> String {
    if !value.is_finite() {
        return UNDEFINED.to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponent = value.abs().log10().floor() as i32;
    match exponent {
        -4..=2 => signed(format!("{value:.*}", (2 - exponent) as usize)),
        3..=8 => signed(format!("{value:.0}")),
        _ => signed(format!("{value:.2e}")),
    }
}

/// A count with commas between thousands.
pub(super) fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 example`, `2,000 examples`.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// A share in 0..=1 as a percentage without decimals.
pub(super) fn percent(share: f64) -> String {
    if share.is_finite() {
        format!("{}\u{202f}%", signed(format!("{:.0}", 100.0 * share)))
    } else {
        UNDEFINED.to_owned()
    }
}

/// Seconds in the units a person would use.
pub(super) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return UNDEFINED.to_owned();
    }
    if seconds < 10.0 {
        return format!("{seconds:.1}\u{a0}s");
    }
    let whole = seconds.round() as u64;
    match (whole / 3600, whole % 3600 / 60, whole % 60) {
        (0, 0, s) => format!("{s}\u{a0}s"),
        (0, m, s) => format!("{m}\u{a0}min {s}\u{a0}s"),
        (h, m, _) => format!("{h}\u{a0}h {m}\u{a0}min"),
    }
}

/// A p- or q-value: decimals down to a thousandth, then a power of ten; the smallest that are given stand for all below.
pub(super) fn probability(value: f64) -> Markup {
    if !value.is_finite() {
        return Markup::text(UNDEFINED);
    }
    if value >= 0.001 {
        return Markup::text(format!("{value:.3}"));
    }
    if value <= SMALLEST_P {
        return Markup::text("<\u{a0}10").with(tag("sup").text("\u{2212}300"));
    }
    let text = format!("{value:.0e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    Markup::text(format!("{digits}\u{a0}\u{d7}\u{a0}10")).with(tag("sup").text(signed(exponent.to_owned())))
}

/// An estimate with its interval: `0.993 (0.989\u{2013}0.996)`, or an en dash whose reason is spelled out.
pub(super) fn estimate(estimate: &Estimate) -> Markup {
    let Some(value) = estimate.value.filter(|v| v.is_finite()) else { return undefined(&estimate.reason) };
    let mut markup = Markup::from(tag("span").class("value").text(fixed(value, 3)));
    if let Some(interval) = interval(estimate) {
        markup.push_text(" ");
        markup.push(tag("span").class("interval").text(format!("({interval})")));
    }
    markup
}

/// An estimate as plain text, for titles of drawings.
pub(super) fn estimate_text(estimate: &Estimate) -> String {
    let value = fixed(estimate.value.unwrap_or(f64::NAN), 3);
    interval(estimate).map_or_else(|| value.clone(), |interval| format!("{value} ({interval})"))
}

/// The interval alone: `0.989\u{2013}0.996`, with `to` where a sign would be misread.
pub(super) fn interval(estimate: &Estimate) -> Option<String> {
    let low = estimate.low.filter(|v| v.is_finite())?;
    let high = estimate.high.filter(|v| v.is_finite())?;
    let between = if low < 0.0 { " to " } else { UNDEFINED };
    Some(format!("{}{between}{}", fixed(low, 3), fixed(high, 3)))
}

/// An en dash and why.
fn undefined(reason: &str) -> Markup {
    let dash = Markup::from(tag("span").class("value").text(UNDEFINED));
    if reason.is_empty() { dash } else { dash.with_text(" ").with(tag("span").class("reason").text(reason)) }
}

/// A coordinate of a drawing: one decimal, none where it would be zero.
pub(super) fn coordinate(value: f64) -> String {
    if !value.is_finite() {
        return "0".to_owned();
    }
    let rounded = (value * 10.0).round() / 10.0;
    if rounded == 0.0 { "0".to_owned() } else { rounded.to_string() }
}

/// The short name under which a metric is known; an unknown key reads as it is.
pub(crate) fn metric_name(key: &str) -> &str {
    match key {
        "auroc" => "AUROC",
        "average_precision" => "Average precision",
        "accuracy" => "Accuracy",
        "balanced_accuracy" => "Balanced accuracy",
        "mcc" => "Matthews correlation",
        "f1" => "F1",
        "precision" => "Precision",
        "recall" => "Recall",
        "log_loss" => "Log loss",
        "brier" => "Brier score",
        "calibration_error" | "ece" => "Calibration error",
        "pearson" => "Pearson r",
        "spearman" => "Spearman \u{3c1}",
        "profile_pearson" => "Pearson r of profiles",
        "profile_spearman" => "Spearman \u{3c1} of profiles",
        "profile_jensen_shannon" => "Jensen-Shannon distance of profiles",
        "count_pearson" => "Pearson r of log totals",
        "count_spearman" => "Spearman \u{3c1} of log totals",
        "r2" => "R\u{b2}",
        "mse" => "Mean squared error",
        "rmse" => "Root mean squared error",
        "mae" => "Mean absolute error",
        "loss" => "Loss",
        _ => key,
    }
}

/// Whether a small value of the metric is good.
pub(super) fn lower_is_better(key: &str) -> bool {
    matches!(
        key,
        "log_loss" | "brier" | "calibration_error" | "ece" | "mse" | "rmse" | "mae" | "loss" | "profile_jensen_shannon"
    )
}

/// Replaces the hyphen by a minus sign.
fn signed(text: String) -> String {
    // `-0.000` is zero.
    let text = if text.trim_start_matches('-').chars().all(|c| c == '0' || c == '.') {
        text.trim_start_matches('-').to_owned()
    } else {
        text
    };
    text.replace('-', "\u{2212}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_printed() {
        assert_eq!(fixed(0.99251, 3), "0.993");
        assert_eq!(fixed(-0.5, 1), "\u{2212}0.5");
        assert_eq!(fixed(-0.0001, 3), "0.000");
        assert_eq!(fixed(f64::NAN, 3), "\u{2013}");
        assert_eq!(significant(0.012345), "0.0123");
        assert_eq!(significant(123_456.0), "123456");
        assert_eq!(significant(-1.0), "\u{2212}1.00");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(999), "999");
        assert_eq!(counted(1, "row", "rows"), "1 row");
        assert_eq!(percent(0.417), "42\u{202f}%");
        assert_eq!(coordinate(12.04), "12");
        assert_eq!(coordinate(-0.04), "0");
        assert_eq!(coordinate(f64::INFINITY), "0");
    }

    #[test]
    fn durations_pick_their_unit() {
        assert_eq!(duration(3.21), "3.2\u{a0}s");
        assert_eq!(duration(59.6), "1\u{a0}min 0\u{a0}s");
        assert_eq!(duration(3725.0), "1\u{a0}h 2\u{a0}min");
        assert_eq!(duration(-1.0), "\u{2013}");
    }

    #[test]
    fn small_probabilities_become_powers_of_ten() {
        assert_eq!(probability(0.0421).into_string(), "0.042");
        assert_eq!(probability(3.2e-7).into_string(), "3\u{a0}\u{d7}\u{a0}10<sup>\u{2212}7</sup>");
        let smallest = "&lt;\u{a0}10<sup>\u{2212}300</sup>";
        assert_eq!([0.0, 1e-320, SMALLEST_P].map(|p| probability(p).into_string()), [smallest; 3]);
    }

    #[test]
    fn an_undefined_estimate_is_a_dash_with_its_reason() {
        let none = Estimate { reason: "the split has one class".to_owned(), ..Estimate::default() };
        let html = estimate(&none).into_string();
        assert!(html.contains('\u{2013}') && html.contains("the split has one class"), "{html}");
        let some = Estimate { value: Some(0.5), low: Some(-0.1), high: Some(0.9), reason: String::new() };
        assert!(estimate(&some).into_string().contains("(\u{2212}0.100 to 0.900)"));
    }
}
