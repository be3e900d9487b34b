//! From data to drawing units, with ticks at numbers a person would choose.

use crate::report::number;

/// Ticks and how many decimals they need.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::report) struct Ticks {
    /// Tick positions, ascending.
    pub(in crate::report) values: Vec<f64>,
    /// Decimals that tell neighbours apart.
    pub(in crate::report) decimals: usize,
}

impl Ticks {
    /// About `target` ticks at 1, 2, 2.5 or 5 times a power of ten within `low..=high`.
    pub(in crate::report) fn nice(low: f64, high: f64, target: usize) -> Self {
        let step = nice_step((high - low) / target.max(1) as f64);
        let first = (low / step - 1e-9).ceil();
        let count = ((high / step + 1e-9).floor() - first).clamp(0.0, 100.0) as usize;
        let values = (0..=count).map(|i| (first + i as f64) * step).collect();
        // 2.5, 0.25, ... need one decimal more than their power of ten.
        let exponent = step.log10().floor();
        let mantissa = step / 10f64.powf(exponent);
        let extra = if (mantissa - 2.5).abs() < 1e-6 { 1.0 } else { 0.0 };
        Self { values, decimals: (extra - exponent).clamp(0.0, 12.0) as usize }
    }

    /// Ticks at whole numbers only, such as epochs.
    pub(in crate::report) fn whole(low: f64, high: f64, target: usize) -> Self {
        let mut ticks = Self::nice(low, high, target);
        if ticks.decimals > 0 {
            ticks = Self { values: (low.ceil() as i64..=high.floor() as i64).map(|v| v as f64).collect(), decimals: 0 };
        }
        ticks
    }

    /// The text of a tick.
    pub(in crate::report) fn label(&self, value: f64) -> String {
        number::fixed(value, self.decimals)
    }
}

/// The least of 1, 2, 2.5, 5 times a power of ten that is no smaller than `raw`.
fn nice_step(raw: f64) -> f64 {
    if !raw.is_finite() || raw <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(raw.log10().floor());
    let factor = [1.0, 2.0, 2.5, 5.0].into_iter().find(|f| f * power >= raw * (1.0 - 1e-9)).unwrap_or(10.0);
    factor * power
}

/// A linear map from data to drawing units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::report) struct Scale {
    /// Data at the two ends.
    pub(in crate::report) domain: (f64, f64),
    /// Drawing units at the two ends.
    pub(in crate::report) range: (f64, f64),
}

impl Scale {
    /// Data to drawing units; what lies outside is drawn at the nearer end.
    pub(in crate::report) fn at(&self, value: f64) -> f64 {
        let (low, high) = self.domain;
        let share = if high > low { ((value - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 };
        self.range.0 + share * (self.range.1 - self.range.0)
    }
}

/// An axis that holds the finite values and ends on ticks, with those ticks; `0..1` if there are none.
pub(in crate::report) fn nice_axis(values: impl IntoIterator<Item = f64>, target: usize) -> ((f64, f64), Ticks) {
    let (low, high) = extent(values).unwrap_or((0.0, 1.0));
    // A single value gets room around it.
    let pad = if high > low { 0.0 } else { (low.abs() * 0.1).max(1e-6) };
    let (low, high) = (low - pad, high + pad);
    let step = nice_step((high - low) / target.max(1) as f64);
    let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
    let ticks = Ticks::nice(first * step, last * step, (last - first).max(1.0) as usize);
    ((first * step, last * step), ticks)
}

/// Smallest and largest finite value.
pub(in crate::report) fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().filter(|v| v.is_finite()).fold(None, |found, v| {
        let (low, high) = found.unwrap_or((v, v));
        Some((low.min(v), high.max(v)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers_with_the_decimals_they_need() {
        let ticks = Ticks::nice(0.0, 1.0, 5);
        assert_eq!(
            ticks.values.iter().map(|&v| ticks.label(v)).collect::<Vec<_>>(),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        let ticks = Ticks::nice(0.0, 1.0, 4);
        assert_eq!(
            ticks.values.iter().map(|&v| ticks.label(v)).collect::<Vec<_>>(),
            ["0.00", "0.25", "0.50", "0.75", "1.00"]
        );
        let ticks = Ticks::nice(-70.0, 69.0, 7);
        assert_eq!(ticks.values, [-60.0, -40.0, -20.0, 0.0, 20.0, 40.0, 60.0]);
        assert_eq!(ticks.label(-60.0), "\u{2212}60");
    }

    #[test]
    fn whole_ticks_never_fall_between() {
        assert_eq!(Ticks::whole(1.0, 3.0, 6).values, [1.0, 2.0, 3.0]);
        assert_eq!(Ticks::whole(1.0, 1.0, 6).values, [1.0]);
    }

    #[test]
    fn degenerate_extents_still_give_a_scale() {
        assert_eq!(nice_axis([], 5).0, (0.0, 1.0));
        assert_eq!(nice_axis([f64::NAN], 5).0, (0.0, 1.0));
        let (low, high) = nice_axis([0.7], 5).0;
        assert!(low < 0.7 && high > 0.7);
        let (low, high) = nice_axis([0.0], 5).0;
        assert!(low < 0.0 && high > 0.0);
        assert!(Ticks::nice(0.0, 0.0, 5).values.len() == 1);
        assert!(Ticks::nice(f64::NAN, f64::NAN, 5).values.len() <= 1);
    }

    #[test]
    fn an_axis_ends_on_its_ticks() {
        for values in [[0.13, 0.91], [0.9872, 0.9913], [-3.0, 17.0], [0.05, 0.24], [1e-7, 3e-7], [-2e5, 1e6]] {
            let (domain, ticks) = nice_axis(values, 4);
            assert!(domain.0 <= values[0] && domain.1 >= values[1], "{domain:?}");
            let (first, last) = (ticks.values.first().copied(), ticks.values.last().copied());
            let near =
                |tick: Option<f64>, end: f64| tick.is_some_and(|t| (t - end).abs() < 1e-6 * (domain.1 - domain.0));
            assert!(near(first, domain.0) && near(last, domain.1), "{domain:?} {ticks:?}");
        }
    }

    #[test]
    fn values_outside_are_drawn_at_the_edge() {
        let scale = Scale { domain: (0.0, 1.0), range: (10.0, 110.0) };
        assert_eq!((scale.at(0.5), scale.at(-3.0), scale.at(7.0)), (60.0, 10.0, 110.0));
    }
}
