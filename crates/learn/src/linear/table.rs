//! Coefficients to be read and drawn.

use super::LinearModel;
use serde::Serialize;

/// One line of a table of coefficients.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coefficient {
    /// Name of the feature.
    pub feature: String,
    /// 0-based output.
    pub output: usize,
    /// What one unit of the feature adds to the score.
    pub value: f64,
    /// What one standard deviation of the feature adds: comparable between features.
    pub standardized: f64,
}

/// What each base at each position adds to a score, from positional features.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PositionEffects {
    /// The position that the first row is about, as the features count them.
    pub first: i64,
    /// `[position, A C G T]`, each row with mean 0.
    pub effects: Vec<[f64; 4]>,
}

impl LinearModel {
    /// The coefficients that are not 0, the largest standardized ones first; equal ones in the order of the features.
    #[must_use]
    pub fn table(&self) -> Vec<Coefficient> {
        let outputs = self.intercepts().len();
        let all = self.features().iter().enumerate().flat_map(|(feature, name)| {
            (0..outputs).map(move |output| {
                let value = self.coefficient(feature, output);
                let standardized = value * self.deviation(feature);
                Coefficient { feature: name.clone(), output, value, standardized }
            })
        });
        let mut table: Vec<Coefficient> = all.filter(|line| line.value != 0.0).collect();
        table.sort_by(|a, b| b.standardized.abs().total_cmp(&a.standardized.abs()));
        table
    }

    /// The matrix behind a logo of an output: what a base at a position adds to the score, compared to the mean of the
    /// four. Coefficients of two neighbouring bases count for each of the two as their mean over the other one.
    ///
    /// None if no feature is positional (`pos+3:A`, `pos+3:AC`).
    #[must_use]
    pub fn position_effects(&self, output: usize) -> Option<PositionEffects> {
        let parsed = self.features().iter().enumerate().filter_map(|(at, name)| Some((at, position_of(name)?)));
        let parsed: Vec<(usize, (i64, Vec<usize>))> = parsed.collect();
        let first = parsed.iter().map(|(_, (position, _))| *position).min()?;
        let last = parsed.iter().map(|(_, (position, bases))| position + bases.len() as i64 - 1).max()?;
        let mut effects = vec![[0.0; 4]; (last - first + 1) as usize];
        for (at, (position, bases)) in &parsed {
            let share = self.coefficient(*at, output) / 4f64.powi(bases.len() as i32 - 1);
            for (offset, &base) in bases.iter().enumerate() {
                effects[(position - first) as usize + offset][base] += share;
            }
        }
        for row in &mut effects {
            let mean = row.iter().sum::<f64>() / 4.0;
            row.iter_mut().for_each(|effect| *effect -= mean);
        }
        Some(PositionEffects { first, effects })
    }
}

/// Position and base numbers of a name such as `pos-2:AC`.
fn position_of(name: &str) -> Option<(i64, Vec<usize>)> {
    let (position, bases) = name.strip_prefix("pos")?.split_once(':')?;
    let number = |letter| "ACGT".find(if letter == 'U' { 'T' } else { letter });
    let bases: Vec<usize> = bases.chars().map(number).collect::<Option<_>>()?;
    (!bases.is_empty()).then_some((position.parse().ok()?, bases))
}
