//! What trees learn from.

use super::TreeError;
use crate::Features;

/// Rows are numbered, and counted in a histogram, within these many bits.
const ROW_BITS: u32 = 28;

/// Features with a label, and perhaps a weight, for each row.
///
/// A label that is NaN is unknown; its row is left out, as is a row of weight 0.
#[derive(Clone, Copy, Debug)]
pub struct Examples<'a> {
    /// `[examples, features]`; NaN is missing.
    pub features: &'a Features,
    /// One a row: the number of a class from 0, a number, or a count.
    pub labels: &'a [f64],
    /// One a row, not negative; all 1 if there are none.
    pub weights: Option<&'a [f64]>,
}

/// What a label may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LabelKind {
    /// `0..classes`.
    Class { classes: usize },
    /// Finite.
    Number,
    /// Finite and not negative.
    Count,
}

impl LabelKind {
    fn allows(self, label: f64) -> bool {
        match self {
            Self::Class { classes } => label >= 0.0 && label < classes as f64 && label.fract() == 0.0,
            Self::Number => label.is_finite(),
            Self::Count => label.is_finite() && label >= 0.0,
        }
    }

    fn in_words(self) -> String {
        match self {
            Self::Class { classes } => format!("the number of a class, 0 to {}", classes.saturating_sub(1)),
            Self::Number => "a finite number".into(),
            Self::Count => "a finite number that is not negative".into(),
        }
    }

    fn check_classes(self) -> Result<(), TreeError> {
        let Self::Class { classes } = self else { return Ok(()) };
        TreeError::unless((2..=256).contains(&classes), "classes", "2 to 256", classes)
    }
}

impl Examples<'_> {
    /// The weight of each row, 0 where the label is unknown, after everything was checked.
    pub(super) fn checked_weights(&self, kind: LabelKind) -> Result<Vec<f64>, TreeError> {
        kind.check_classes()?;
        let weights = self.known_weights(kind)?;
        if !weights.iter().any(|&weight| weight > 0.0) {
            return Err(TreeError::NoExamples { rows: self.features.rows() });
        }
        if self.features.columns() == 0 {
            return Err(TreeError::NoFeatures);
        }
        if let LabelKind::Class { classes } = kind {
            let mut found = vec![false; classes];
            for (&label, _) in self.labels.iter().zip(&weights).filter(|&(_, &weight)| weight > 0.0) {
                found[label as usize] = true;
            }
            if let Some(class) = found.iter().position(|found| !found) {
                return Err(TreeError::EmptyClass { class, classes });
            }
        }
        Ok(weights)
    }

    /// As `checked_weights`, where it does not matter whether anything is left.
    pub(super) fn known_weights(&self, kind: LabelKind) -> Result<Vec<f64>, TreeError> {
        let rows = self.features.rows();
        if rows >= 1 << ROW_BITS {
            return Err(TreeError::TooManyRows { most: 1 << ROW_BITS, found: rows });
        }
        let lengths = [("labels", Some(self.labels.len())), ("weights", self.weights.map(<[f64]>::len))];
        for (what, found) in lengths {
            if let Some(found) = found.filter(|&found| found != rows) {
                return Err(TreeError::Lengths { what, expected: rows, found });
            }
        }
        let weight = |row: usize| self.weights.map_or(1.0, |weights| weights[row]);
        if let Some(row) = (0..rows).find(|&row| !(weight(row).is_finite() && weight(row) >= 0.0)) {
            return Err(TreeError::Weight { row, found: weight(row) });
        }
        let wrong = |&row: &usize| !self.labels[row].is_nan() && !kind.allows(self.labels[row]);
        if let Some(row) = (0..rows).find(wrong) {
            return Err(TreeError::Label { row, expected: kind.in_words(), found: self.labels[row] });
        }
        Ok((0..rows).map(|row| if self.labels[row].is_nan() { 0.0 } else { weight(row) }).collect())
    }
}

/// The rows that count, ascending.
pub(super) fn weighted_rows(weights: &[f64]) -> Vec<u32> {
    (0..weights.len() as u32).filter(|&row| weights[row as usize] > 0.0).collect()
}
