//! Ticks and their labels.

use super::LogoOptions;
use super::canvas::Canvas;
use super::text::{self, Anchor, CAP_HEIGHT};

/// Length of a tick in px.
pub(super) const TICK: f64 = 3.5;
/// Space between a tick and its label in px.
pub(super) const GAP: f64 = 3.0;

/// The span of the heights and where it is labelled.
pub(super) struct YAxis {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<(f64, String)>,
    pub(super) label: &'static str,
}

impl YAxis {
    /// A span and ticks that do not depend on the data.
    pub(super) fn fixed(low: f64, high: f64, ticks: &[f64], label: &'static str) -> Self {
        Self { low, high, ticks: ticks.iter().map(|&t| (t, number(t, 1))).collect(), label }
    }

    /// A span that holds `low..=high` and 0, with three to six round ticks inside.
    pub(super) fn spanning(low: f64, high: f64, label: &'static str) -> Self {
        let finite = |x: f64| if x.is_finite() { x.clamp(-1e32, 1e32) } else { 0.0 };
        let (low, high) = (finite(low.min(high)).min(0.0), finite(high.max(low)).max(0.0));
        let (low, high) = if high - low > 1e-30 { (low, high) } else { (0.0, 1.0) };
        let step = round_step((high - low) / 5.0);
        // One more than the power of ten for steps of 2.5; trailing zeros are not written.
        let decimals = (1.0 - step.log10().floor()).clamp(0.0, 12.0) as usize;
        let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
        let text = |t: f64| if (1e-4..1e5).contains(&step) { number(t, decimals) } else { exponent(t) };
        let ticks = (first..=last).map(|i| i as f64 * step).map(|t| (t, text(t))).collect();
        Self { low, high, ticks, label }
    }
}

/// The smallest of 1, 2, 2.5, 5 times a power of ten that is not below `raw`.
fn round_step(raw: f64) -> f64 {
    let power = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0].into_iter().map(|m| m * power).find(|&step| step >= raw * 0.999);
    step.unwrap_or(10.0 * power)
}

/// A number with a true minus sign, without trailing zeros.
fn number(x: f64, decimals: usize) -> String {
    let text = format!("{x:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".into() } else { text.replace('-', "−") }
}

fn exponent(x: f64) -> String {
    if x == 0.0 { "0".into() } else { format!("{x:.1e}").replace(".0e", "e").replace('-', "−") }
}

/// Which positions are numbered.
pub(super) struct XAxis {
    columns: usize,
    every: i64,
    start: i64,
}

impl XAxis {
    /// Numbers as dense as they can be read: each, or every 5th, 10th, 20th, 50th ...
    pub(super) fn new(columns: usize, options: &LogoOptions) -> Self {
        let start = options.start.clamp(-(1 << 52), 1 << 52);
        let widest = [start, start + columns as i64].map(|n| text::width(&number(n as f64, 0), options.label_size()));
        let room = widest[0].max(widest[1]) + 0.6 * options.label_size();
        let wanted = (room / options.column_width.max(0.1)).ceil() as i64;
        let every = [1, 5].into_iter().find(|&n| n >= wanted).unwrap_or_else(|| {
            (1..12)
                .flat_map(|power| [1, 2, 5].map(|m| m * 10_i64.pow(power)))
                .find(|&n| n >= wanted)
                .unwrap_or(i64::MAX)
        });
        Self { columns, every, start }
    }

    fn is_numbered(&self, column: usize) -> bool {
        let n = self.start + column as i64;
        n % self.every == 0 || (self.every > 1 && self.start == 1 && column == 0 && self.every <= 5)
    }

    pub(super) fn draw(&self, canvas: &mut Canvas<'_>) {
        let size = canvas.options.label_size();
        let base = canvas.bottom();
        for column in (0..self.columns).filter(|&column| self.is_numbered(column)) {
            let x = canvas.column_centre(column);
            if self.every > 1 {
                canvas.line(x, base, x, base + TICK);
            }
            let text = number((self.start + column as i64) as f64, 0);
            let drop = if self.every > 1 { TICK } else { 0.5 };
            canvas.label(&text, x, base + drop + GAP + size * CAP_HEIGHT, Anchor::Middle, false);
        }
        if self.every > 1 {
            canvas.line(canvas.left(), base, canvas.right(), base);
        }
        if let Some(text) = &canvas.options.x_label {
            let y = base + TICK + 2.0 * GAP + size * (2.0 * CAP_HEIGHT + 0.45);
            canvas.label(text, (canvas.left() + canvas.right()) / 2.0, y, Anchor::Middle, false);
        }
    }
}
