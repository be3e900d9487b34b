//! Deletion and insertion curves: how fast a score falls as the bases that matter most are taken away, and how fast it comes
//! back as they are put in again (Petsiuk, Das and Saenko 2018).

use crate::random::stream;
use crate::shuffle::dinucleotide;
use crate::{Code, Predict, PredictError, SequenceBatch};

/// How the curves are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurveOptions {
    /// Equal steps from none of the positions to all of them; at least one.
    pub steps: usize,
    /// Shuffles of each sequence that give the bases to put in the place of its own; at least one.
    pub references: usize,
    /// Seed of the shuffles.
    pub seed: u64,
}

impl Default for CurveOptions {
    fn default() -> Self {
        Self { steps: 20, references: 5, seed: 1 }
    }
}

/// Mean raw scores over sequences and references.
#[derive(Clone, Debug, PartialEq)]
pub struct Curves {
    /// Share of positions, from 0 to 1.
    pub shares: Vec<f64>,
    /// The score with that share, the most important first, taken from the reference.
    pub deletion: Vec<f64>,
    /// The score of the reference with that share, the most important first, taken from the sequence.
    pub insertion: Vec<f64>,
}

impl Curves {
    /// Mean height of the deletion curve: low where the most important bases were found.
    pub fn deletion_area(&self) -> f64 {
        area(&self.deletion)
    }

    /// Mean height of the insertion curve: high where the most important bases were found.
    pub fn insertion_area(&self) -> f64 {
        area(&self.insertion)
    }
}

/// Trapezoids over equal steps of a range of 1.
fn area(heights: &[f64]) -> f64 {
    let steps = heights.len().saturating_sub(1).max(1) as f64;
    heights.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).sum::<f64>() / steps
}

/// Both curves of raw output `output`, for `importance`, row-major `[n, length]`: what the base that is there is said to add to
/// the score. Of equal importances the leftmost goes first.
///
/// A reference is the sequence with its dinucleotides shuffled. `None` without sequences. Costs `2 (steps + 1) references`
/// predictions a sequence.
///
/// # Errors
/// An output that the model does not have, or what the model itself reports.
///
/// # Panics
/// If `importance` has another size.
pub fn deletion_insertion(
    model: &dyn Predict,
    batch: &SequenceBatch,
    output: usize,
    importance: &[f32],
    options: &CurveOptions,
) -> Result<Option<Curves>, PredictError> {
    let (steps, references, length) = (options.steps.max(1), options.references.max(1), batch.length());
    assert_eq!(importance.len(), batch.len() * length, "an importance for each position");
    if batch.is_empty() {
        return Ok(None);
    }
    let mut sums = vec![0.0; 2 * (steps + 1)];
    for i in 0..batch.len() {
        let order = by_importance(&importance[i * length..(i + 1) * length]);
        for reference in 0..references {
            let other = shuffled(batch.sequence(i), options.seed, [i as u64, reference as u64]);
            let views = views(batch, i, &other, &order, steps);
            let scores = super::column(&model.predict(&views)?, views.len(), output)?;
            sums.iter_mut().zip(scores).for_each(|(sum, score)| *sum += f64::from(score));
        }
    }
    let means: Vec<f64> = sums.into_iter().map(|sum| sum / (batch.len() * references) as f64).collect();
    let (deletion, insertion) = means.split_at(steps + 1);
    let shares = (0..=steps).map(|step| step as f64 / steps as f64).collect();
    Ok(Some(Curves { shares, deletion: deletion.to_vec(), insertion: insertion.to_vec() }))
}

/// Positions, the most important first.
fn by_importance(importance: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..importance.len()).collect();
    order.sort_by(|&a, &b| importance[b].total_cmp(&importance[a]));
    order
}

/// The bases in another order, with the marks where they were.
fn shuffled(codes: &[Code], seed: u64, indices: [u64; 2]) -> Vec<Code> {
    let bases: Vec<u8> = codes.iter().map(|code| code.base()).collect();
    let bases = dinucleotide(&bases, &mut stream(seed, "deletion and insertion", &indices));
    codes.iter().zip(bases).map(|(code, base)| code.with_base(base)).collect()
}

/// The sequence with more and more of the other, then the other with more and more of the sequence.
fn views(batch: &SequenceBatch, i: usize, other: &[Code], order: &[usize], steps: usize) -> SequenceBatch {
    let own = batch.sequence(i);
    let mut views = batch.emptied();
    for (from, to) in [(own, other), (other, own)] {
        let mut mixed = from.to_vec();
        let mut moved = 0;
        for step in 0..=steps {
            let until = (order.len() * step + steps / 2) / steps;
            order[moved..until].iter().for_each(|&position| mixed[position] = to[position]);
            moved = until;
            views.push_edited(&mixed, batch, i);
        }
    }
    views
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Alphabet, CasePolicy, Encoding, Matrix, Task, TaskKind};

    const ENCODING: Encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };
    const LENGTH: usize = 12;

    /// One if the bases 4 to 7 are GGGG; a second output counts G.
    struct Island(Vec<Task>);

    impl Predict for Island {
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
            let score = |i: usize| {
                let is_g: Vec<bool> = batch.sequence(i).iter().map(|code| code.base() == 2).collect();
                let count = is_g.iter().filter(|&&g| g).count() as f32;
                [f32::from(u8::from(is_g[4..8].iter().all(|&g| g))), count]
            };
            Ok(Matrix::new(batch.len(), 2, (0..batch.len()).flat_map(score).collect()))
        }
    }

    fn island() -> (Island, SequenceBatch) {
        let task = |name: &str| Task { name: name.into(), kind: TaskKind::Regression };
        let mut batch = SequenceBatch::new(ENCODING, LENGTH);
        batch.push(b"ACATGGGGTCAT").unwrap();
        (Island(vec![task("island"), task("count")]), batch)
    }

    #[test]
    fn the_true_importance_falls_first_and_rises_first() {
        let (model, batch) = island();
        let truth: Vec<f32> = (0..LENGTH).map(|p| f32::from(u8::from((4..8).contains(&p)))).collect();
        let wrong: Vec<f32> = truth.iter().map(|x| -x).collect();
        let options = CurveOptions { steps: 12, references: 8, seed: 3 };
        let right = deletion_insertion(&model, &batch, 0, &truth, &options).unwrap().unwrap();
        let wrong = deletion_insertion(&model, &batch, 0, &wrong, &options).unwrap().unwrap();
        assert!(right.deletion_area() < wrong.deletion_area() && right.insertion_area() > wrong.insertion_area());
        // Both begin and end with the sequence and with the references.
        assert_eq!((right.deletion[0], right.insertion[12]), (1.0, 1.0));
        assert_eq!((right.deletion[12], right.insertion[0]), (wrong.deletion[12], wrong.insertion[0]));
        // With the four bases of the island put in, all is there.
        assert_eq!(right.insertion[4], 1.0);
        assert_eq!(right.shares[6], 0.5);
    }

    #[test]
    fn a_reference_has_the_same_bases_so_their_number_stays_at_both_ends() {
        let (model, batch) = island();
        let curves = deletion_insertion(&model, &batch, 1, &[0.0; LENGTH], &CurveOptions::default()).unwrap().unwrap();
        assert_eq!([curves.deletion[0], curves.deletion[20], curves.insertion[0], curves.insertion[20]], [4.0; 4]);
        // Steps between two positions repeat the same sequence; areas are means.
        assert!((area(&[4.0, 4.0, 4.0]) - 4.0).abs() < 1e-12 && area(&[1.0]) == 0.0);
    }

    #[test]
    fn nothing_and_outputs_that_are_not_there() {
        let (model, batch) = island();
        let options = CurveOptions::default();
        assert_eq!(deletion_insertion(&model, &batch.emptied(), 0, &[], &options), Ok(None));
        let wrong = deletion_insertion(&model, &batch, 2, &[0.0; LENGTH], &options);
        assert_eq!(wrong, Err(PredictError::NoSuchOutput { output: 2, outputs: 2 }));
    }
}
