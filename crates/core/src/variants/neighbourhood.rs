//! Variants that share a window, predicted together.

use crate::{Code, Edit, Matrix, Predict, PredictError, SequenceBatch, predict_edits_plainly};

/// A window and the edits that variants make of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbourhood {
    /// The window as the genome has it, in reading direction.
    pub reference: Vec<Code>,
    /// Where the window begins on its contig, if it lies on one; in reverse, minus its end ([`SequenceBatch::set_place`]).
    pub place: Option<i64>,
    /// What the variants make of it, all edits of all variants.
    pub edits: Vec<Edit>,
}

/// Raw scores for each neighbourhood, `[1 + edits, outputs]`: of the reference, then of each edit.
///
/// The pass of a reference serves all edits of its window ([`Predict::predict_row_edits`]); with `plain`, every sequence
/// takes a pass of its own.
///
/// # Errors
/// What the model reports.
pub fn predict(
    model: &dyn Predict,
    neighbourhoods: &[Neighbourhood],
    plain: bool,
) -> Result<Vec<Matrix>, PredictError> {
    let mut batch = SequenceBatch::new(model.encoding(), model.length());
    for (i, own) in neighbourhoods.iter().enumerate() {
        batch.push_codes(&own.reference);
        batch.set_place(i, own.place);
    }
    // An edit of nothing is the reference, so that it need not be predicted once more.
    let nothing = |own: &Neighbourhood| Edit { start: own.reference.len(), codes: Vec::new() };
    let all = |own: &Neighbourhood| std::iter::once(nothing(own)).chain(own.edits.iter().cloned()).collect();
    let edits: Vec<Vec<Edit>> = neighbourhoods.iter().map(all).collect();
    let edits: Vec<&[Edit]> = edits.iter().map(Vec::as_slice).collect();
    if plain { predict_edits_plainly(model, &batch, &edits) } else { model.predict_row_edits(&batch, &edits) }
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
                place: Some(7),
                edits: vec![edit(1, b"A"), edit(2, b"AC"), edit(4, b""), edit(0, b"G")],
            },
            Neighbourhood { reference: codes(b"CCCC"), place: None, edits: vec![] },
            Neighbourhood { reference: codes(b"GAAA"), place: None, edits: vec![edit(0, b"A")] },
        ];
        for plain in [true, false] {
            let scores = predict(&model, &neighbourhoods, plain).unwrap();
            assert_eq!(scores[0].data(), [5.0, 0.0, 7.0, 0.0, 4.0, 0.0, 5.0, 0.0, 4.0, 2.0], "{plain}");
            assert_eq!((scores[1].data(), scores[2].data()), (&[0.0, 1.0][..], &[9.0, 2.0, 10.0, 0.0][..]));
            assert!(predict(&model, &[], plain).unwrap().is_empty());
        }
    }
}
