//! Two sets of sequences told apart by a linear model: the better it does, the less the sets are alike.

use crate::baseline;
use crate::classical::ClassicalError;
use basewise_core::metrics::auroc;
use basewise_core::random::{shuffle, stream};
use basewise_core::{CasePolicy, Code, Dataset, Encoding, Example, Split, Task, TaskKind};

/// What a discriminator sees of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Words of 1 to this many bases, wherever they stand ([`baseline::kmer`]).
    Words(usize),
    /// The base and the pair of bases at each position ([`baseline::positional`]).
    Positions,
}

/// Parts of a cross-validation.
const FOLDS: usize = 5;

/// AUROC of a logistic regression that tells `one` (label 1) from `other` (label 0), cross-validated over five folds dealt by
/// `seed`: the mean over folds. 0.5 is chance, 1 says that each sequence is told. `None` if a set has fewer than two sequences a
/// fold.
///
/// # Errors
/// As [`baseline::kmer`].
pub fn discriminate(
    [one, other]: [&[&[Code]]; 2],
    encoding: Encoding,
    view: View,
    seed: u64,
) -> Result<Option<f64>, ClassicalError> {
    if one.len().min(other.len()) < 2 * FOLDS {
        return Ok(None);
    }
    let dataset = labelled([one, other], Encoding { case: CasePolicy::Ignore, ..encoding });
    let folds = deal([one.len(), other.len()], seed);
    let mut total = 0.0;
    for fold in 0..FOLDS {
        let rows = |held: bool| -> Vec<usize> { (0..folds.len()).filter(|&i| (folds[i] == fold) == held).collect() };
        let (fit, held) = (rows(false), rows(true));
        let scores = match view {
            View::Words(longest) => baseline::kmer(&dataset, longest, &fit, &held, seed)?,
            View::Positions => baseline::positional(&dataset, &fit, &held, seed)?,
        };
        let labels: Vec<f64> = held.iter().map(|&row| dataset.examples[row].labels[0]).collect();
        let scores: Vec<f64> = scores.data().iter().map(|&score| f64::from(score)).collect();
        total += auroc(&labels, &scores).unwrap_or(0.5);
    }
    Ok(Some(total / FOLDS as f64))
}

/// A fold for each row; each set is dealt evenly.
fn deal(counts: [usize; 2], seed: u64) -> Vec<usize> {
    let of_set = |(set, count): (usize, usize)| {
        let mut folds: Vec<usize> = (0..count).map(|i| i % FOLDS).collect();
        shuffle(&mut folds, &mut stream(seed, "discriminate/folds", &[set as u64]));
        folds
    };
    counts.into_iter().enumerate().flat_map(of_set).collect()
}

fn labelled([one, other]: [&[&[Code]]; 2], encoding: Encoding) -> Dataset {
    let letters = encoding.alphabet.letters();
    let letter = |code: &Code| letters.get(usize::from(code.base())).copied().unwrap_or(b'N');
    let sets = [(one, 1.0), (other, 0.0)];
    let examples: Vec<Example> = sets
        .into_iter()
        .flat_map(|(set, label)| set.iter().map(move |sequence| (sequence, label)))
        .enumerate()
        .map(|(i, (sequence, label))| Example {
            id: i.to_string(),
            place: None,
            split: Split::Train,
            sequence: sequence.iter().map(letter).collect(),
            labels: vec![label],
            covariates: Vec::new(),
            control: Vec::new(),
            weight: 1.0,
        })
        .collect();
    Dataset {
        encoding,
        length: examples.iter().map(|example| example.sequence.len()).max().unwrap_or(0),
        jitter: 0,
        tasks: vec![Task { name: "one".to_owned(), kind: TaskKind::Binary }],
        covariates: Vec::new(),
        control: None,
        examples,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_core::Alphabet;
    use basewise_core::random::below;

    const ENCODING: Encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };

    fn sequences(n: usize, seed: u64, change: impl Fn(usize, Code) -> Code) -> Vec<Vec<Code>> {
        let mut rng = stream(seed, "test", &[]);
        (0..n).map(|_| (0..30).map(|i| change(i, Code::new(below(&mut rng, 4) as u8))).collect()).collect()
    }

    #[test]
    fn sets_of_one_kind_are_not_told_apart_and_others_are() {
        let slices = |set: &[Vec<Code>]| -> Vec<Vec<Code>> { set.to_vec() };
        let real = slices(&sequences(400, 1, |_, c| c));
        let same = slices(&sequences(400, 2, |_, c| c));
        // C is rare, everywhere and at one position.
        let rare = sequences(400, 3, |_, c| if c.base() == 1 { Code::new(0) } else { c });
        let placed = sequences(400, 4, |i, c| if i == 7 { Code::new(2) } else { c });
        let view = |set: &[Vec<Code>], view| {
            let [a, b]: [Vec<&[Code]>; 2] =
                [real.iter().map(Vec::as_slice).collect(), set.iter().map(Vec::as_slice).collect()];
            discriminate([&a, &b], ENCODING, view, 1).unwrap().unwrap()
        };
        assert!((view(&same, View::Words(3)) - 0.5).abs() < 0.12);
        assert!(view(&rare, View::Words(3)) > 0.95);
        assert!(view(&placed, View::Positions) > 0.75);
        assert!(view(&placed, View::Positions) > view(&placed, View::Words(3)));
    }

    #[test]
    fn too_few_have_no_figure() {
        let few = sequences(9, 1, |_, c| c);
        let few: Vec<&[Code]> = few.iter().map(Vec::as_slice).collect();
        assert_eq!(discriminate([&few, &few], ENCODING, View::Words(2), 1), Ok(None));
    }
}
