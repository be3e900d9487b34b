//! Reads around planted motifs as labels, and what can be reached in predicting them.

use crate::failure::user;
use anyhow::Result;
use basewise_core::metrics::{BootstrapOptions, TaskMetrics, evaluate};
use basewise_core::{Dataset, Matrix, Profile, Split, Task, TaskKind, profile};
use basewise_io::arrays::{Array, npz_bytes};
use basewise_motif::simulate::{Cooperation, Footprint, Signal, SignalSpec};
use clap::Args;
use serde::Serialize;

/// Bases over which the effect of `--cooperation` falls off, unless given.
const WIDTH: f64 = 2.0;

#[derive(Args)]
pub(super) struct SignalArgs {
    /// Labels are reads of both strands over N bases in the middle: each motif leaves a footprint
    #[arg(long, value_name = "N")]
    signal: Option<usize>,
    /// With --signal: expected reads that a motif draws
    #[arg(long, default_value_t = 100.0, value_name = "X", requires = "signal")]
    reads: f64,
    /// With --signal: expected reads of the background
    #[arg(long, default_value_t = 20.0, value_name = "X", requires = "signal")]
    background_reads: f64,
    /// With --signal and two motifs: the second draws FACTOR times as many reads SPACING bases after the first
    #[arg(long, value_name = "SPACING:FACTOR[:WIDTH]", requires = "signal")]
    cooperation: Option<String>,
}

impl SignalArgs {
    /// Bases in the middle whose reads are labels.
    pub(super) fn output_window(&self) -> Option<usize> {
        self.signal
    }

    /// The specification for so many motifs, if reads were asked for.
    pub(super) fn spec(&self, motifs: usize) -> Result<Option<SignalSpec>> {
        let Some(output_window) = self.signal else { return Ok(None) };
        Ok(Some(SignalSpec {
            output_window,
            reads: self.reads,
            background_reads: self.background_reads,
            footprints: (0..motifs).map(Footprint::usual).collect(),
            cooperation: self.cooperation.as_deref().map(cooperation).transpose()?,
        }))
    }
}

/// `SPACING:FACTOR` or `SPACING:FACTOR:WIDTH`.
fn cooperation(text: &str) -> Result<Cooperation> {
    let parts: Vec<&str> = text.split(':').collect();
    let read = || {
        let ([spacing, factor] | [spacing, factor, _]) = parts[..] else { return None };
        let width = parts.get(2).map_or(Some(WIDTH), |width| width.parse().ok())?;
        Some(Cooperation { spacing: spacing.parse().ok()?, factor: factor.parse().ok()?, width })
    };
    read()
        .ok_or_else(|| user(format!("expected SPACING:FACTOR as --cooperation, found {text:?}"), Some("such as 12:4")))
}

/// `ceiling.json`: how well the reads of each split can be told.
#[derive(Serialize)]
pub(super) struct Ceiling {
    format_version: u32,
    splits: Vec<SplitCeiling>,
}

#[derive(Serialize)]
struct SplitCeiling {
    split: &'static str,
    /// The expected reads, from which the labels were drawn, as the prediction: what the best model reaches.
    expected: TaskMetrics,
    /// The reads of a second experiment as the prediction.
    replicate: TaskMetrics,
}

impl Ceiling {
    /// Of a data set whose one task is a profile.
    pub(super) fn of(dataset: &Dataset, signal: &Signal, seed: u64) -> Option<Self> {
        let [Task { kind: TaskKind::Profile(profile), .. }] = &dataset.tasks[..] else { return None };
        let splits = [Split::Train, Split::Valid, Split::Test].into_iter().filter_map(|split| {
            let rows = dataset.rows_of(split);
            (!rows.is_empty()).then(|| SplitCeiling {
                split: split.name(),
                expected: judge(dataset, profile, &rows, &signal.expected, seed),
                replicate: judge(dataset, profile, &rows, &signal.replicate, seed),
            })
        });
        Some(Self { format_version: 1, splits: splits.collect() })
    }

    /// The ceiling of the last split, the test where there is one, in words.
    pub(super) fn text(&self) -> Option<String> {
        let last = self.splits.last()?;
        let value = |metrics: &TaskMetrics, name: &str| metrics.metrics.get(name).and_then(|estimate| estimate.value);
        let pair = |name| Some((value(&last.expected, name)?, value(&last.replicate, name)?));
        let (shape, total) = (pair("profile_pearson")?, pair("count_pearson")?);
        Some(format!(
            "on the {} split the expected reads reach profile_pearson {:.3} and count_pearson {:.3}, a second experiment {:.3} and {:.3}",
            last.split, shape.0, total.0, shape.1, total.1
        ))
    }
}

/// Figures of reads as a prediction of the labels.
fn judge(dataset: &Dataset, profile: &Profile, rows: &[usize], reads: &[Vec<f64>], seed: u64) -> TaskMetrics {
    let labels: Vec<Vec<f64>> = rows.iter().map(|&row| dataset.seen_labels(row)).collect();
    let labels: Vec<&[f64]> = labels.iter().map(Vec::as_slice).collect();
    let predicted = rows.iter().flat_map(|&row| prediction(profile, &reads[row])).collect();
    let predicted = Matrix::new(rows.len(), profile.outputs(), predicted);
    let options = BootstrapOptions { seed, ..BootstrapOptions::default() };
    evaluate(&dataset.tasks, &labels, &predicted, &options).swap_remove(0)
}

/// Shares of bins and logarithms of totals, as a model gives them.
fn prediction(profile: &Profile, reads: &[f64]) -> Vec<f32> {
    let totals: Vec<f64> = reads.chunks(profile.bins).map(|track| profile::total(track).unwrap_or(0.0)).collect();
    let tracks = reads.chunks(profile.bins).zip(&totals);
    let shares =
        tracks.flat_map(|(track, total)| track.iter().map(move |bin| (bin / total.max(f64::MIN_POSITIVE)) as f32));
    shares.chain(totals.iter().map(|total| total.ln_1p() as f32)).collect()
}

/// `signal.npz`: `expected` and `replicate`, both `[N, 2, BINS]`, and `ids`.
pub(super) fn arrays(dataset: &Dataset, signal: &Signal) -> Result<Vec<u8>> {
    let array = |rows: &[Vec<f64>]| {
        let bins = rows.first().map_or(0, |row| row.len() / 2);
        Array::f32(vec![rows.len(), 2, bins], rows.iter().flatten().map(|&reads| reads as f32).collect())
    };
    let ids = dataset.examples.iter().map(|example| example.id.clone()).collect();
    let arrays =
        [("expected", array(&signal.expected)), ("replicate", array(&signal.replicate)), ("ids", Array::text(ids))];
    Ok(npz_bytes("signal.npz", &arrays)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cooperation_is_read() {
        assert_eq!(cooperation("12:4").unwrap(), Cooperation { spacing: 12, factor: 4.0, width: WIDTH });
        assert_eq!(cooperation("0:0.5:3").unwrap(), Cooperation { spacing: 0, factor: 0.5, width: 3.0 });
        assert!(["12", "a:4", "12:4:x", "1:2:3:4"].iter().all(|text| cooperation(text).is_err()));
    }
}
