//! Variants that share a window, predicted together.

use crate::{Code, Edit, Matrix, Predict, PredictError, SequenceBatch};

/// A window and the edits that variants make of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbourhood {
    /// The window as the genome has it, in reading direction.
    pub reference: Vec<Code>,
    /// What the variants make of it, all edits of all variants.
    pub edits: Vec<Edit>,
}

/// Edits of a window from which on they are scored as such. For fewer, whole passes of many windows together cost less than
/// one pass of a single reference and what its edits change.
pub const MANY_EDITS: usize = 4;

/// Raw scores for each neighbourhood, `[1 + edits, outputs]`: of the reference, then of each edit.
///
/// One reference serves all edits of a window with at least [`MANY_EDITS`] of them ([`Predict::predict_edits`]); other
/// sequences, and all with `plain`, take whole passes, all of them in one batch.
///
/// # Errors
/// What the model reports.
pub fn predict(
    model: &dyn Predict,
    neighbourhoods: &[Neighbourhood],
    plain: bool,
) -> Result<Vec<Matrix>, PredictError> {
    let is_whole = |own: &&Neighbourhood| plain || own.edits.len() < MANY_EDITS;
    let mut batch = SequenceBatch::new(model.encoding(), model.length());
    for own in neighbourhoods.iter().filter(is_whole) {
        batch.push_codes(&own.reference);
        for edit in &own.edits {
            batch.push_codes(&own.reference);
            let last = batch.len() - 1;
            edit.apply(batch.sequence_mut(last));
        }
    }
    let whole = if batch.is_empty() { Matrix::default() } else { model.predict(&batch)? };
    let mut first = 0;
    let scores = |own: &Neighbourhood| {
        if !is_whole(&own) {
            return edited(model, own);
        }
        let rows = first..first + own.edits.len() + 1;
        first = rows.end;
        let columns = whole.columns();
        let own = whole.data()[rows.start * columns..rows.end * columns].to_vec();
        Ok(Matrix::new(rows.len(), columns, own))
    };
    neighbourhoods.iter().map(scores).collect()
}

/// Raw scores of a neighbourhood as edits of its reference.
fn edited(model: &dyn Predict, own: &Neighbourhood) -> Result<Matrix, PredictError> {
    let mut batch = SequenceBatch::new(model.encoding(), model.length());
    batch.push_codes(&own.reference);
    // An edit of nothing is the reference, so that it need not be predicted once more.
    let nothing = Edit { start: own.reference.len(), codes: Vec::new() };
    let edits: Vec<Edit> = std::iter::once(nothing).chain(own.edits.iter().cloned()).collect();
    model.predict_edits(&batch, 0, &edits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Alphabet, CasePolicy, Encoding, Task, TaskKind};

    /// Two outputs: the sum of positions with an A, and the first base.
    struct Sums(Vec<Task>);

    impl Predict for Sums {
        fn tasks(&self) -> &[Task] {
            &self.0
        }
        fn encoding(&self) -> Encoding {
            Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore }
        }
        fn length(&self) -> usize {
            4
        }
        fn predict(&self, batch: &SequenceBatch) -> Result<Matrix, PredictError> {
            let row = |i: usize| {
                let codes = batch.sequence(i);
                let sum: usize = codes.iter().enumerate().filter(|(_, c)| c.base() == 0).map(|(at, _)| at + 1).sum();
                [sum as f32, f32::from(codes[0].base())]
            };
            Ok(Matrix::new(batch.len(), 2, (0..batch.len()).flat_map(row).collect()))
        }
    }

    #[test]
    fn both_ways_give_the_reference_and_each_edit() {
        let task = |name: &str| Task { name: name.into(), kind: TaskKind::Regression };
        let model = Sums(vec![task("a"), task("b")]);
        let codes = |letters: &[u8]| model.encoding().encode(letters).unwrap();
        let edit = |start, letters: &[u8]| Edit { start, codes: codes(letters) };
        let neighbourhoods = [
            Neighbourhood {
                reference: codes(b"ACCA"),
                edits: vec![edit(1, b"A"), edit(2, b"AC"), edit(4, b""), edit(0, b"G")],
            },
            Neighbourhood { reference: codes(b"CCCC"), edits: vec![] },
            Neighbourhood { reference: codes(b"GAAA"), edits: vec![edit(0, b"A")] },
        ];
        for plain in [true, false] {
            let scores = predict(&model, &neighbourhoods, plain).unwrap();
            assert_eq!(scores[0].data(), [5.0, 0.0, 7.0, 0.0, 4.0, 0.0, 5.0, 0.0, 4.0, 2.0], "{plain}");
            assert_eq!((scores[1].data(), scores[2].data()), (&[0.0, 1.0][..], &[9.0, 2.0, 10.0, 0.0][..]));
            assert!(predict(&model, &[], plain).unwrap().is_empty());
        }
    }
}
