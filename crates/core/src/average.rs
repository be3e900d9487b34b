//! Averages of raw scores: over strands and shifts of the window, and over the members of an ensemble.
//!
//! Both are a [`Predict`] over others, so that whatever asks a model can ask an average. Raw scores are averaged, not
//! probabilities: of logits that is the geometric mean of the odds, and changes of a score add up over the parts.

use crate::profile::reverse_scores;
use crate::{
    Alphabet, ControlSignal, Covariate, Encoding, Matrix, Predict, PredictError, SequenceBatch, Task, TaskKind,
};

/// Why scores cannot be averaged as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AverageError {
    /// RNA is read from one strand only.
    #[error("RNA has one strand, so there is no other one to average over")]
    Strands,
    /// Bins move with the sequence, so means of shifted windows would mix places.
    #[error("signal along a sequence moves with it, so its scores are not averaged over shifts")]
    Profile,
    /// No base would be left of the window.
    #[error("expected shifts of less than the {length} positions of the window, found {shift}")]
    Shift {
        /// As asked.
        shift: usize,
        /// Positions of the window.
        length: usize,
    },
    /// There is nothing to average.
    #[error("expected at least one model, found none")]
    NoMember,
    /// Members answer different questions.
    #[error(
        "expected members with the same tasks, encoding, length, covariates and control; number {member} differs from the first"
    )]
    Members {
        /// 1-based.
        member: usize,
    },
}

/// A model's scores, averaged over strands, over shifts of its window, or over both.
///
/// Its sequences are longer than the model's by [`Predict::margin`] at each end, so that a shifted window reads the
/// bases that are there; where a sequence ends, they are unknown.
pub struct Averaged<'m> {
    model: &'m dyn Predict,
    strands: bool,
    shift: usize,
}

impl<'m> Averaged<'m> {
    /// Averages over both strands of a sequence if `strands`, and over windows that begin up to `shift` positions to
    /// the left and to the right. Costs `(2 shift + 1)` predictions a sequence, twice as many with `strands`.
    ///
    /// # Errors
    /// Strands of RNA; shifts of a model of signal; a shift as long as the window.
    pub fn new(model: &'m dyn Predict, strands: bool, shift: usize) -> Result<Self, AverageError> {
        if strands && model.encoding().alphabet == Alphabet::Rna {
            return Err(AverageError::Strands);
        }
        let signal = model.tasks().iter().any(|task| matches!(task.kind, TaskKind::Profile(_)));
        if (signal || model.control().is_some()) && shift > 0 {
            return Err(AverageError::Profile);
        }
        if shift > 0 && shift >= model.length() {
            return Err(AverageError::Shift { shift, length: model.length() });
        }
        Ok(Self { model, strands, shift })
    }

    /// The windows that begin at `start` of each sequence, from the other strand if `reverse`.
    fn view(&self, batch: &SequenceBatch, start: usize, reverse: bool) -> SequenceBatch {
        let length = self.model.length();
        let mut view = batch.emptied_to(length);
        for i in 0..batch.len() {
            view.push_edited(&batch.sequence(i)[start..start + length], batch, i);
            if reverse {
                view.reverse_complement(i);
            }
        }
        view
    }
}

impl Predict for Averaged<'_> {
    fn tasks(&self) -> &[Task] {
        self.model.tasks()
    }

    fn encoding(&self) -> Encoding {
        self.model.encoding()
    }

    fn length(&self) -> usize {
        self.model.length() + 2 * self.margin()
    }

    fn margin(&self) -> usize {
        self.model.margin() + self.shift
    }

    fn covariates(&self) -> &[Covariate] {
        self.model.covariates()
    }

    fn control(&self) -> Option<&ControlSignal> {
        self.model.control()
    }

    fn predict(&self, batch: &SequenceBatch) -> Result<Matrix, PredictError> {
        if batch.length() != self.length() {
            return Err(PredictError::Shape {
                expected_length: self.length(),
                expected_channels: self.encoding().channels(),
                length: batch.length(),
                channels: batch.encoding().channels(),
            });
        }
        let strands: &[bool] = if self.strands { &[false, true] } else { &[false] };
        let mut mean = Mean::default();
        for start in 0..=2 * self.shift {
            for &reverse in strands {
                let mut scores = self.model.predict(&self.view(batch, start, reverse))?;
                if reverse {
                    // What the model says along the other strand is put along this one.
                    (0..scores.rows()).for_each(|i| reverse_scores(self.tasks(), scores.row_mut(i)));
                }
                mean.add(&scores)?;
            }
        }
        Ok(mean.finish())
    }
}

/// Models that predict together: the mean of their raw scores. One model alone is an ensemble of one.
#[derive(Clone, Debug)]
pub struct Ensemble<M> {
    members: Vec<M>,
}

impl<M: Predict> Ensemble<M> {
    /// # Errors
    /// No member, or members that differ in tasks, encoding or length.
    pub fn new(members: Vec<M>) -> Result<Self, AverageError> {
        let Some(first) = members.first() else { return Err(AverageError::NoMember) };
        let same = |m: &M| {
            m.tasks() == first.tasks()
                && m.encoding() == first.encoding()
                && (m.length(), m.margin()) == (first.length(), first.margin())
                && m.covariates() == first.covariates()
                && m.control() == first.control()
        };
        match members.iter().position(|member| !same(member)) {
            Some(i) => Err(AverageError::Members { member: i + 1 }),
            None => Ok(Self { members }),
        }
    }

    /// The models, in order; at least one.
    pub fn members(&self) -> &[M] {
        &self.members
    }

    /// The raw scores of each member, in order.
    ///
    /// # Errors
    /// What a member reports.
    pub fn predict_each(&self, batch: &SequenceBatch) -> Result<Vec<Matrix>, PredictError> {
        self.members.iter().map(|member| member.predict(batch)).collect()
    }

    /// The model, if there is only one.
    pub fn single(&self) -> Option<&M> {
        if let [only] = self.members.as_slice() { Some(only) } else { None }
    }
}

impl<M: Predict> Predict for Ensemble<M> {
    fn tasks(&self) -> &[Task] {
        self.members[0].tasks()
    }

    fn encoding(&self) -> Encoding {
        self.members[0].encoding()
    }

    fn length(&self) -> usize {
        self.members[0].length()
    }

    fn margin(&self) -> usize {
        self.members[0].margin()
    }

    fn covariates(&self) -> &[Covariate] {
        self.members[0].covariates()
    }

    fn control(&self) -> Option<&ControlSignal> {
        self.members[0].control()
    }

    fn predict(&self, batch: &SequenceBatch) -> Result<Matrix, PredictError> {
        mean(&self.predict_each(batch)?)
    }
}

/// The mean of equally shaped scores, value by value.
///
/// # Errors
/// Scores of other shapes; none at all.
pub fn mean(scores: &[Matrix]) -> Result<Matrix, PredictError> {
    let mut mean = Mean::default();
    scores.iter().try_for_each(|scores| mean.add(scores))?;
    if mean.parts == 0 {
        Err(PredictError::Device("expected scores to average, found none".into()))
    } else {
        Ok(mean.finish())
    }
}

/// The standard deviation over `values`, one matrix a member, value by value: of the sample, with `n - 1`; 0 for one.
///
/// # Errors
/// Values of other shapes; none at all.
pub fn spread(values: &[Matrix]) -> Result<Matrix, PredictError> {
    let mean = mean(values)?;
    let deviation = |i: usize| {
        let mean = values.iter().map(|v| f64::from(v.data()[i])).sum::<f64>() / values.len() as f64;
        let squares: f64 = values.iter().map(|v| (f64::from(v.data()[i]) - mean).powi(2)).sum();
        (squares / (values.len() - 1).max(1) as f64).sqrt() as f32
    };
    Ok(Matrix::new(mean.rows(), mean.columns(), (0..mean.data().len()).map(deviation).collect()))
}

/// A mean that grows by one matrix at a time, in f64 and in their order.
#[derive(Default)]
struct Mean {
    shape: (usize, usize),
    sums: Vec<f64>,
    parts: usize,
}

impl Mean {
    fn add(&mut self, scores: &Matrix) -> Result<(), PredictError> {
        let shape = (scores.rows(), scores.columns());
        if self.parts == 0 {
            (self.shape, self.sums) = (shape, vec![0.0; scores.data().len()]);
        } else if self.shape != shape {
            let (expected, found) = (self.shape, shape);
            return Err(PredictError::Device(format!("expected scores of shape {expected:?}, found {found:?}")));
        }
        self.sums.iter_mut().zip(scores.data()).for_each(|(sum, &score)| *sum += f64::from(score));
        self.parts += 1;
        Ok(())
    }

    fn finish(self) -> Matrix {
        let parts = self.parts.max(1) as f64;
        Matrix::new(self.shape.0, self.shape.1, self.sums.into_iter().map(|sum| (sum / parts) as f32).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CasePolicy, TaskKind};

    const LENGTH: usize = 4;

    /// The sum of `weight * position` over the bases A, which no strand or shift leaves as it is.
    struct Positions {
        tasks: Vec<Task>,
        alphabet: Alphabet,
        weight: f32,
    }

    fn model(weight: f32) -> Positions {
        let tasks = vec![Task { name: "y".into(), kind: TaskKind::Regression }];
        Positions { tasks, alphabet: Alphabet::Dna, weight }
    }

    impl Predict for Positions {
        fn tasks(&self) -> &[Task] {
            &self.tasks
        }
        fn encoding(&self) -> Encoding {
            Encoding { alphabet: self.alphabet, case: CasePolicy::Ignore }
        }
        fn length(&self) -> usize {
            LENGTH
        }
        fn predict(&self, batch: &SequenceBatch) -> Result<Matrix, PredictError> {
            assert_eq!(batch.length(), LENGTH);
            let score = |i: usize| {
                let own = batch.sequence(i).iter().enumerate().filter(|(_, code)| code.base() == 0);
                own.map(|(position, _)| self.weight * (position + 1) as f32).sum()
            };
            Ok(Matrix::new(batch.len(), 1, (0..batch.len()).map(score).collect()))
        }
    }

    fn scores(model: &dyn Predict, sequences: &[&str]) -> Vec<f32> {
        let mut batch = SequenceBatch::new(model.encoding(), model.length());
        for letters in sequences {
            let codes = model.encoding().encode(letters.as_bytes()).unwrap();
            batch.push_with_margin(&codes, model.margin());
        }
        model.predict(&batch).unwrap().data().to_vec()
    }

    #[test]
    fn strands_are_averaged() {
        let model = model(1.0);
        let both = Averaged::new(&model, true, 0).unwrap();
        // AACT: positions 1 and 2; its reverse complement AGTT: position 1.
        assert_eq!(scores(&model, &["AACT", "AGTT"]), [3.0, 1.0]);
        assert_eq!(scores(&both, &["AACT", "AGTT", "CCCC"]), [2.0, 2.0, 0.0]);
    }

    #[test]
    fn shifts_read_the_bases_that_are_there_and_unknown_ones_beyond() {
        let model = model(1.0);
        let shifted = Averaged::new(&model, false, 1).unwrap();
        assert_eq!((shifted.length(), shifted.margin()), (6, 1));
        // Windows NACC, ACCA, CCAN: 2, 5, 3.
        assert_eq!(scores(&shifted, &["ACCA"]), [10.0 / 3.0]);
        // With real bases around it: AACC, ACCA, CCAA: 3, 5, 7.
        assert_eq!(scores(&shifted, &["AACCAA"]), [5.0]);
        // Beyond one position on each side nothing is read.
        assert_eq!(scores(&shifted, &["AAACCAAA"]), [5.0]);
    }

    #[test]
    fn without_strands_or_shifts_nothing_changes() {
        let model = model(0.1);
        let same = Averaged::new(&model, false, 0).unwrap();
        for letters in ["ACCA", "A", "", "ACAAC", "AACCAAC"] {
            assert_eq!(scores(&same, &[letters]), scores(&model, &[letters]), "{letters}");
        }
        assert!(scores(&same, &[]).is_empty());
    }

    #[test]
    fn the_middle_window_is_the_one_of_the_model_for_every_length() {
        // Only the unshifted window of this model counts: the first base decides.
        for length in 0..12 {
            let letters: String = (0..length).map(|i| if i % 3 == 0 { 'A' } else { 'C' }).collect();
            let encoding = model(1.0).encoding();
            let codes = encoding.encode(letters.as_bytes()).unwrap();
            let (mut plain, mut wide) = (SequenceBatch::new(encoding, 4), SequenceBatch::new(encoding, 10));
            plain.push_codes(&codes);
            wide.push_with_margin(&codes, 3);
            assert_eq!(wide.sequence(0)[3..7], *plain.sequence(0), "{length}");
        }
    }

    #[test]
    fn what_cannot_be_averaged_is_refused() {
        let mut rna = model(1.0);
        rna.alphabet = Alphabet::Rna;
        assert_eq!(Averaged::new(&rna, true, 0).err(), Some(AverageError::Strands));
        assert!(Averaged::new(&rna, false, 1).is_ok());
        assert_eq!(Averaged::new(&rna, false, 4).err(), Some(AverageError::Shift { shift: 4, length: 4 }));
        let plain = model(1.0);
        let shifted = Averaged::new(&plain, false, 1).unwrap();
        let short = SequenceBatch::new(plain.encoding(), LENGTH);
        assert!(shifted.predict(&short).unwrap_err().to_string().contains("expected sequences of 6 positions"));
    }

    /// Signal of two strands: a bin a base, 1 on the first track where there is an A and on the second where there is a T;
    /// totals are 10 and 20.
    struct Strands(Vec<Task>);

    impl Predict for Strands {
        fn tasks(&self) -> &[Task] {
            &self.0
        }
        fn encoding(&self) -> Encoding {
            model(1.0).encoding()
        }
        fn length(&self) -> usize {
            LENGTH
        }
        fn predict(&self, batch: &SequenceBatch) -> Result<Matrix, PredictError> {
            let marks = |base| move |code: &crate::Code| f32::from(u8::from(code.base() == base));
            let row = |i: usize| {
                let codes = batch.sequence(i);
                codes.iter().map(marks(0)).chain(codes.iter().map(marks(3))).chain([10.0, 20.0]).collect::<Vec<_>>()
            };
            Ok(Matrix::new(batch.len(), 10, (0..batch.len()).flat_map(row).collect()))
        }
    }

    #[test]
    fn signal_of_the_other_strand_is_turned_back() {
        let tracks = vec!["plus".into(), "minus".into()];
        let profile =
            crate::Profile { tracks, bins: LENGTH, bin_size: 1, strand_pairs: vec![[0, 1]], count_weight: 1.0 };
        let model = Strands(vec![Task { name: "y".into(), kind: TaskKind::Profile(profile) }]);
        let alone = scores(&model, &["AACT"]);
        assert_eq!(alone, [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 10.0, 20.0]);
        // An A here is a T there, which the paired track marks: only the totals differ between the strands.
        let both = scores(&Averaged::new(&model, true, 0).unwrap(), &["AACT"]);
        assert_eq!(both, [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 15.0, 15.0]);
        assert_eq!(Averaged::new(&model, true, 1).err(), Some(AverageError::Profile));
    }

    /// Logits that are the control itself.
    struct Given(Vec<Task>, ControlSignal);

    impl Predict for Given {
        fn tasks(&self) -> &[Task] {
            &self.0
        }
        fn encoding(&self) -> Encoding {
            model(1.0).encoding()
        }
        fn length(&self) -> usize {
            LENGTH
        }
        fn control(&self) -> Option<&ControlSignal> {
            Some(&self.1)
        }
        fn predict(&self, batch: &SequenceBatch) -> Result<Matrix, PredictError> {
            assert_eq!(batch.control(), Some(&self.1));
            let rows = (0..batch.len()).flat_map(|i| [batch.side_of(i), &[0.0, 0.0]].concat());
            Ok(Matrix::new(batch.len(), 6, rows.collect()))
        }
    }

    #[test]
    fn control_signal_turns_with_the_sequence() {
        let tracks = vec!["plus".to_owned(), "minus".to_owned()];
        let control = ControlSignal { tracks: tracks.clone(), bins: 2, bin_size: 2, strand_pairs: vec![[0, 1]] };
        let profile = crate::Profile { tracks, bins: 2, bin_size: 2, strand_pairs: vec![[0, 1]], count_weight: 1.0 };
        let model = Given(vec![Task { name: "y".into(), kind: TaskKind::Profile(profile) }], control.clone());
        let mut batch = SequenceBatch::new(model.encoding(), LENGTH).with_control(Some(&control));
        batch.push(b"ACGA").unwrap();
        batch.push_control([1.0, 2.0, 3.0, 4.0]);
        let both = Averaged::new(&model, true, 0).unwrap();
        assert_eq!(both.control(), Some(&control));
        assert_eq!(Averaged::new(&model, false, 1).err(), Some(AverageError::Profile));
        assert_eq!(both.predict(&batch).unwrap().row(0)[..4], [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn an_ensemble_is_the_mean_of_its_members() {
        let ensemble = Ensemble::new(vec![model(1.0), model(2.0), model(6.0)]).unwrap();
        assert_eq!(scores(&ensemble, &["AACT", "CCCC"]), [9.0, 0.0]);
        assert!(ensemble.single().is_none() && ensemble.members().len() == 3);
        let one = Ensemble::new(vec![model(0.1)]).unwrap();
        assert_eq!(scores(&one, &["ACCA"]), scores(&model(0.1), &["ACCA"]));
        assert_eq!(Ensemble::<Positions>::new(vec![]).err(), Some(AverageError::NoMember));
        let mut other = model(1.0);
        other.tasks[0].name = "z".into();
        assert_eq!(Ensemble::new(vec![model(1.0), other]).err(), Some(AverageError::Members { member: 2 }));
    }

    #[test]
    fn an_average_of_an_ensemble_averages_both() {
        let ensemble = Ensemble::new(vec![model(1.0), model(3.0)]).unwrap();
        assert_eq!(scores(&Averaged::new(&ensemble, true, 0).unwrap(), &["AACT"]), [4.0]);
    }

    #[test]
    fn the_spread_is_the_deviation_of_the_sample() {
        let values = [1.0, 3.0, 8.0].map(|v| Matrix::new(1, 2, vec![v, 5.0]));
        // statistics.stdev([1, 3, 8]) of Python 3.11
        assert!((spread(&values).unwrap().data()[0] - 3.605_551_3).abs() < 1e-6);
        assert_eq!(spread(&values).unwrap().data()[1], 0.0);
        assert_eq!(spread(&values[..1]).unwrap().data(), [0.0, 0.0]);
        assert_eq!(mean(&values).unwrap().data(), [4.0, 5.0]);
        assert!(spread(&[]).is_err() && mean(&[]).is_err());
        assert!(spread(&[Matrix::new(1, 1, vec![0.0]), Matrix::new(1, 2, vec![0.0; 2])]).is_err());
    }
}
