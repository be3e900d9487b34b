//! Inputs and outputs of the original network, to compare an imported one with.

use crate::failure::user;
use anyhow::Result;
use basewise_core::{Predict, SequenceBatch};
use basewise_io::arrays::{Array, ArrayValues, read_npz};
use basewise_nn::Model;
use std::path::Path;

/// How well an imported network agrees with the original.
#[derive(Clone, Debug)]
pub(super) struct Agreement {
    pub(super) examples: usize,
    /// Largest absolute difference of a raw score.
    pub(super) largest: f64,
}

/// Compares raw scores with those of `y`, for the sequences of `x`, one-hot with channels in `order` or as text, and the
/// numbers of `covariates` and `control` beside them if the network takes any.
pub(super) fn compare(model: &Model, file: &Path, order: [u8; 4]) -> Result<Agreement> {
    let arrays = read_npz(file)?;
    let array = |name: &str| {
        let missing = || wrong(file, &format!("expected an array {name:?}"), Some("numpy.savez(file, x=x, y=y)"));
        arrays.get(name).ok_or_else(missing)
    };
    let (x, y) = (array("x")?, array("y")?);
    let mut batch = match &x.values {
        ArrayValues::Text(sequences) => of_text(model, file, sequences)?,
        _ => of_one_hot(model, file, x, order)?,
    };
    let covariates = (!model.covariates().is_empty()).then(|| array("covariates")).transpose()?;
    let control = model.control().is_some().then(|| array("control")).transpose()?;
    if covariates.is_some() || control.is_some() {
        batch = beside(model, file, &batch, covariates, control)?;
    }
    let (n, outputs) = (batch.len(), model.output_names().len());
    if y.shape != [n, outputs] && !(outputs == 1 && y.shape == [n]) {
        return Err(wrong(file, &format!("array \"y\": expected [{n}, {outputs}], found {:?}", y.shape), None));
    }
    let y = numbers(y).ok_or_else(|| wrong(file, "array \"y\": expected numbers, found text", None))?;
    let scores = model.predict(&batch)?;
    let difference = |(a, b): (&f32, &f64)| (f64::from(*a) - b).abs();
    // What is no number is as far away as can be.
    let larger = |top: f64, d: f64| if d.is_nan() { f64::INFINITY } else { top.max(d) };
    Ok(Agreement { examples: n, largest: scores.data().iter().zip(&y).map(difference).fold(0.0, larger) })
}

fn wrong(file: &Path, message: &str, hint: Option<&str>) -> anyhow::Error {
    user(format!("{}: {message}", file.display()), hint)
}

fn of_text(model: &Model, file: &Path, sequences: &[String]) -> Result<SequenceBatch> {
    let length = model.length();
    let mut batch = SequenceBatch::new(model.encoding(), length);
    for (i, sequence) in sequences.iter().enumerate() {
        if sequence.len() != length {
            let message = format!("array \"x\": expected {length} letters in sequence {i}, found {}", sequence.len());
            return Err(wrong(file, &message, None));
        }
        batch.push(sequence.as_bytes())?;
    }
    if batch.is_empty() { Err(wrong(file, "array \"x\": expected sequences, found none", None)) } else { Ok(batch) }
}

fn of_one_hot(model: &Model, file: &Path, x: &Array, order: [u8; 4]) -> Result<SequenceBatch> {
    let (channels, length) = (model.encoding().channels(), model.length());
    let n = x.shape.first().copied().unwrap_or(0);
    if x.shape != [n, channels, length] || n == 0 {
        let turned = x.shape == [n, length, channels] && n > 0;
        let message = format!("array \"x\": expected [n, {channels}, {length}], found {:?}", x.shape);
        return Err(wrong(file, &message, turned.then_some("turn it: x.transpose(0, 2, 1)")));
    }
    let mut batch = SequenceBatch::new(model.encoding(), length);
    for (i, example) in numbers(x).unwrap_or_default().chunks_exact(channels * length).enumerate() {
        let letters = letters(example, length, order).map_err(|at| {
            let message =
                format!("array \"x\": expected one-hot columns, found another in example {i} at position {at}");
            wrong(file, &message, Some("each position has one 1 and otherwise 0; only 0 where the base is unknown"))
        })?;
        batch.push(&letters)?;
    }
    Ok(batch)
}

/// The sequences with their covariates and control signal.
fn beside(
    model: &Model,
    file: &Path,
    batch: &SequenceBatch,
    covariates: Option<&Array>,
    control: Option<&Array>,
) -> Result<SequenceBatch> {
    let n = batch.len();
    let names: Vec<&str> = model.covariates().iter().map(|covariate| covariate.name.as_str()).collect();
    let about = names.join(", ");
    let values = covariates.map(|array| of_shape(file, "covariates", array, &[n, names.len()], &about)).transpose()?;
    let (mut signal, mut size) = (None, 0);
    if let (Some(array), Some(about)) = (control, model.control()) {
        size = about.size();
        let shape = [n, about.tracks.len(), about.bins];
        signal = Some(of_shape(file, "control", array, &shape, &about.tracks.join(", "))?);
    }
    let mut joined = SequenceBatch::new(model.encoding(), model.length()).with_control(model.control());
    for i in 0..n {
        joined.push_codes(batch.sequence(i));
        if let Some(values) = &values {
            joined.push_covariates(model.covariates(), values[i * names.len()..][..names.len()].iter().copied());
        }
        if let Some(signal) = &signal {
            joined.push_control(signal[i * size..][..size].iter().copied());
        }
    }
    Ok(joined)
}

/// The numbers of an array of this shape.
fn of_shape(file: &Path, name: &str, array: &Array, shape: &[usize], about: &str) -> Result<Vec<f64>> {
    numbers(array).filter(|_| array.shape == shape).ok_or_else(|| {
        let found = &array.shape;
        wrong(file, &format!("array {name:?}: expected {shape:?} numbers ({about}), found {found:?}"), None)
    })
}

fn numbers(array: &Array) -> Option<Vec<f64>> {
    match &array.values {
        ArrayValues::F32(values) => Some(values.iter().map(|&value| f64::from(value)).collect()),
        ArrayValues::F64(values) => Some(values.clone()),
        ArrayValues::I64(values) => Some(values.iter().map(|&value| value as f64).collect()),
        ArrayValues::Text(_) => None,
    }
}

/// The letters of one example `[channels, length]`, or the first position that is not one-hot. With a channel for case,
/// they are lower case where it is 0.
fn letters(example: &[f64], length: usize, order: [u8; 4]) -> std::result::Result<Vec<u8>, usize> {
    let (bases, case) = example.split_at(4 * length);
    let letter = |at: usize| {
        let mut letter = b'N';
        for (channel, own) in order.into_iter().enumerate() {
            match bases[channel * length + at] {
                0.0 => {}
                1.0 if letter == b'N' => letter = own,
                _ => return Err(at),
            }
        }
        match case.get(at) {
            None | Some(1.0) => Ok(letter),
            Some(0.0) => Ok(letter.to_ascii_lowercase()),
            Some(_) => Err(at),
        }
    };
    (0..length).map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_become_letters_in_any_order_of_channels() {
        // For the order A C G T: G, unknown, A.
        let x = [0., 0., 1., 0., 0., 0., 1., 0., 0., 0., 0., 0.];
        assert_eq!(letters(&x, 3, *b"ACGT"), Ok(b"GNA".to_vec()));
        assert_eq!(letters(&x, 3, *b"TGCA"), Ok(b"CNT".to_vec()));
        assert_eq!(letters(&[1., 1., 0., 0.], 1, *b"ACGT"), Err(0));
        assert_eq!(letters(&[0.25; 4], 1, *b"ACGT"), Err(0));
        assert_eq!(letters(&[0., 0., 0., f64::NAN], 1, *b"ACGT"), Err(0));
    }

    #[test]
    fn a_fifth_channel_is_case() {
        assert_eq!(letters(&[0., 1., 1., 0., 0., 0., 0., 0., 1., 0.], 2, *b"ACGT"), Ok(b"Ca".to_vec()));
        assert_eq!(letters(&[1., 0., 0., 0., 0.5], 1, *b"ACGT"), Err(0));
    }
}
