//! Two motifs at all distances: which spacing does a model prefer?

use crate::{Code, Predict, PredictError, SequenceBatch};

/// What a model says of two motifs that stand so far apart, in each background.
#[derive(Clone, Debug, PartialEq)]
pub struct SpacingEffect {
    /// Whether the first motif stands before the second.
    pub first_before: bool,
    /// Bases between them.
    pub spacing: usize,
    /// The quantity with both motifs.
    pub pair: Vec<f64>,
    /// What the pair does beyond its parts: `both - first - second + neither`, each motif alone where it stands in the pair.
    pub interaction: Vec<f64>,
}

/// The most bases between two motifs of these widths when the first stands in the middle of `length` bases.
///
/// `None` if not even neighbours have room.
pub fn room_for(length: usize, first: usize, second: usize) -> Option<usize> {
    let left = length.checked_sub(first)? / 2;
    left.checked_sub(second)
}

/// Puts `motifs[0]` into the middle of each background and `motifs[1]` at each number of bases in `spacings` (both ends
/// included) after and before it, and asks the model (in-silico injection, Avsec et al. 2021).
///
/// `quantity` makes a number of a row of raw scores; an interaction says how that number is not a sum of what each motif
/// does. Spacings without room (see [`room_for`]) are left out. Effects are those with the first motif before the second,
/// by growing spacing, then the others. Costs `2 + 4 spacings` predictions a background, in batches of `batch_size`
/// sequences (at least one); `progress` hears after each spacing how many are done.
///
/// # Errors
/// What the model itself reports.
pub fn spacing(
    model: &dyn Predict,
    backgrounds: &SequenceBatch,
    motifs: [&[Code]; 2],
    spacings: (usize, usize),
    quantity: &dyn Fn(&[f32]) -> f64,
    batch_size: usize,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<SpacingEffect>, PredictError> {
    let [first, second] = motifs;
    let length = backgrounds.length();
    let Some(room) = room_for(length, first.len(), second.len()) else { return Ok(Vec::new()) };
    let start = (length - first.len()) / 2;
    let ask = |edits: &[(usize, &[Code])]| scores(model, backgrounds, edits, quantity, batch_size.max(1));
    let (neither, alone) = (ask(&[])?, ask(&[(start, first)])?);
    let mut effects = Vec::new();
    for first_before in [true, false] {
        for spacing in spacings.0..=spacings.1.min(room) {
            let at = if first_before { start + first.len() + spacing } else { start - spacing - second.len() };
            let other = ask(&[(at, second)])?;
            let pair = ask(&[(start, first), (at, second)])?;
            let interaction = (0..pair.len()).map(|i| pair[i] - alone[i] - other[i] + neither[i]).collect();
            effects.push(SpacingEffect { first_before, spacing, pair, interaction });
            progress(effects.len());
        }
    }
    Ok(effects)
}

/// The quantity of each background with these stretches replaced.
fn scores(
    model: &dyn Predict,
    backgrounds: &SequenceBatch,
    edits: &[(usize, &[Code])],
    quantity: &dyn Fn(&[f32]) -> f64,
    batch_size: usize,
) -> Result<Vec<f64>, PredictError> {
    let mut values = Vec::with_capacity(backgrounds.len());
    for start in (0..backgrounds.len()).step_by(batch_size) {
        let mut part = backgrounds.emptied();
        for i in start..backgrounds.len().min(start + batch_size) {
            let mut sequence = backgrounds.sequence(i).to_vec();
            edits.iter().for_each(|(at, codes)| sequence[*at..at + codes.len()].copy_from_slice(codes));
            part.push_edited(&sequence, backgrounds, i);
        }
        let scores = model.predict(&part)?;
        if scores.rows() != part.len() {
            return Err(PredictError::Device(format!(
                "expected scores of {} sequences, found {}",
                part.len(),
                scores.rows()
            )));
        }
        values.extend((0..scores.rows()).map(|row| quantity(scores.row(row))));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{below, stream};
    use crate::{Alphabet, CasePolicy, Encoding, Matrix, Task, TaskKind};

    const ENCODING: Encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };
    const LENGTH: usize = 31;
    const ONE: &[u8] = b"ACGTA";
    const TWO: &[u8] = b"GGCC";

    /// One for each motif, and four more where TWO begins three bases after ONE ends.
    struct Pairs(Vec<Task>);

    impl Predict for Pairs {
        fn tasks(&self) -> &[Task] {
            &self.0
        }
        fn encoding(&self) -> Encoding {
            ENCODING
        }
        fn length(&self) -> usize {
            LENGTH
        }
        fn predict(&self, batch: &SequenceBatch) -> Result<Matrix, PredictError> {
            assert!(batch.len() <= 4, "a batch of {}", batch.len());
            let score = |i: usize| {
                let find = |motif: &[u8]| {
                    let motif = ENCODING.encode(motif).unwrap();
                    batch.sequence(i).windows(motif.len()).position(|window| window == motif)
                };
                let (one, two) = (find(ONE), find(TWO));
                let is_pair = one.zip(two).is_some_and(|(one, two)| two == one + ONE.len() + 3);
                f32::from(u8::from(one.is_some()))
                    + f32::from(u8::from(two.is_some()))
                    + 4.0 * f32::from(u8::from(is_pair))
            };
            Ok(Matrix::new(batch.len(), 1, (0..batch.len()).map(score).collect()))
        }
    }

    /// Sequences of A and T, which hold neither motif.
    fn backgrounds(n: usize) -> SequenceBatch {
        let mut batch = SequenceBatch::new(ENCODING, LENGTH);
        let mut rng = stream(1, "test backgrounds", &[]);
        for _ in 0..n {
            let letters: Vec<u8> = (0..LENGTH).map(|_| b"AT"[below(&mut rng, 2)]).collect();
            batch.push(&letters).unwrap();
        }
        batch
    }

    fn run(n: usize, spacings: (usize, usize), batch_size: usize) -> Vec<SpacingEffect> {
        let model = Pairs(vec![Task { name: "t".into(), kind: TaskKind::Regression }]);
        let codes = [ONE, TWO].map(|motif| ENCODING.encode(motif).unwrap());
        let quantity = |row: &[f32]| f64::from(row[0]);
        spacing(&model, &backgrounds(n), [&codes[0], &codes[1]], spacings, &quantity, batch_size, &mut |_| {}).unwrap()
    }

    #[test]
    fn only_the_preferred_spacing_and_order_interact() {
        // The first motif stands at 13..18, so that nine bases are left beside the second.
        assert_eq!(room_for(LENGTH, ONE.len(), TWO.len()), Some(9));
        let effects = run(6, (0, 20), 4);
        assert_eq!(effects.len(), 20);
        for effect in &effects {
            let expected = if effect.first_before && effect.spacing == 3 { 4.0 } else { 0.0 };
            assert_eq!(effect.interaction, [expected; 6], "{effect:?}");
            assert_eq!(effect.pair, [2.0 + expected; 6]);
        }
        assert_eq!(effects[19].spacing, 9);
    }

    #[test]
    fn batches_do_not_matter_and_nothing_has_no_effect() {
        assert_eq!(run(6, (2, 4), 0), run(6, (2, 4), 4));
        assert!(run(0, (2, 2), 4).iter().all(|effect| effect.interaction.is_empty()));
        assert!(run(2, (10, 12), 4).is_empty());
        assert_eq!((room_for(8, 4, 3), room_for(3, 4, 1), room_for(9, 4, 2)), (None, None, Some(0)));
    }
}
