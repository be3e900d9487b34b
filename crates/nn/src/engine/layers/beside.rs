//! Layers that take what lies beside the sequence: covariates, then control signal track by track.

use crate::architecture::ControlForm;
use crate::engine::{Extra, Pass};

/// Each vector, and the first `width` numbers beside its sequence after it.
pub(in crate::engine) fn covariates(pass: &Pass, width: usize, x: &[f32], y: &mut [f32]) -> Extra {
    let rows = pass.n.max(1);
    let (own, all) = (x.len() / rows, pass.side.len() / rows);
    for (row, y) in y.chunks_exact_mut((own + width).max(1)).enumerate() {
        y[..own].copy_from_slice(&x[row * own..][..own]);
        y[own..].copy_from_slice(&pass.side[row * all..][..width]);
    }
    Extra::None
}

/// Control signal `[bins, tracks]` as the form has it: the last numbers beside each sequence.
pub(in crate::engine) fn control(pass: &Pass, form: ControlForm, [tracks, bins]: [usize; 2], y: &mut [f32]) -> Extra {
    let all = pass.side.len() / pass.n.max(1);
    for (row, y) in y.chunks_exact_mut((tracks * form.length(bins)).max(1)).enumerate() {
        let signal = &pass.side[(row + 1) * all - tracks * bins..(row + 1) * all];
        for (track, signal) in signal.chunks_exact(bins).enumerate() {
            let y = y[track..].iter_mut().step_by(tracks);
            match form {
                ControlForm::Bins => y.zip(signal).for_each(|(y, &value)| *y = value),
                ControlForm::LogBins => y.zip(signal).for_each(|(y, value)| *y = value.ln_1p()),
                ControlForm::LogTotals => {
                    let total: f64 = signal.iter().map(|&value| f64::from(value)).sum();
                    y.for_each(|y| *y = total.ln_1p() as f32);
                }
            }
        }
    }
    Extra::None
}
