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
fn edits_are_those_of_each_view() {
    let model = model(1.0);
    let ensemble = Ensemble::new(vec![model, super::tests::model(0.5)]).unwrap();
    let encoding = ensemble.encoding();
    for (strands, shift) in [(false, 0), (true, 0), (false, 2), (true, 3)] {
        let average = Averaged::new(&ensemble, strands, shift).unwrap();
        let mut batch = SequenceBatch::new(encoding, average.length());
        (0..2).for_each(|_| batch.push_with_margin(&encoding.encode(b"GATTACATACG").unwrap(), shift));
        let edits: Vec<Edit> = (0..average.length())
            .flat_map(|start| (0..=average.length() - start).map(move |count| (start, count)))
            .map(|(start, count)| Edit { start, codes: encoding.encode(&b"TAATGACCNA"[..count]).unwrap() })
            .collect();
        let plain = crate::predict_edits_plainly(&average, &batch, &[&[], &edits]).unwrap().remove(1);
        assert_eq!(average.predict_edits(&batch, 1, &edits).unwrap(), plain, "{strands} {shift}");
    }
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
    let profile = crate::Profile { tracks, bins: LENGTH, bin_size: 1, strand_pairs: vec![[0, 1]], count_weight: 1.0 };
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

/// The score of another model and the covariates.
struct Beside(Positions, Vec<Covariate>);

impl Predict for Beside {
    fn tasks(&self) -> &[Task] {
        self.0.tasks()
    }
    fn encoding(&self) -> Encoding {
        self.0.encoding()
    }
    fn length(&self) -> usize {
        LENGTH
    }
    fn covariates(&self) -> &[Covariate] {
        &self.1
    }
    fn predict(&self, batch: &SequenceBatch) -> Result<Matrix, PredictError> {
        assert_eq!(batch.side().len(), batch.len() * self.1.len());
        let own = self.0.predict(batch)?;
        let sum = |i: usize| own.row(i)[0] + batch.side_of(i).iter().sum::<f32>();
        Ok(Matrix::new(batch.len(), 1, (0..batch.len()).map(sum).collect()))
    }
}

#[test]
fn members_without_covariates_go_with_those_that_take_them() {
    let covariate = |name: &str| Covariate::fit(name, Default::default(), std::iter::empty());
    let bare = || Beside(model(1.0), vec![]);
    let ensemble = Ensemble::new(vec![bare(), Beside(model(1.0), vec![covariate("x")]), bare()]).unwrap();
    assert_eq!(ensemble.covariates(), [covariate("x")]);
    let mut batch = SequenceBatch::new(ensemble.encoding(), LENGTH);
    batch.push(b"ACCC").unwrap();
    batch.push_covariates(ensemble.covariates(), [6.0]);
    assert_eq!(ensemble.predict(&batch).unwrap().data(), [3.0]);
    let edit = crate::Edit::substitution(0, batch.sequence(0)[0], 1);
    assert_eq!(ensemble.predict_edits(&batch, 0, &[edit]).unwrap().data(), [2.0]);
    let others = vec![Beside(model(1.0), vec![covariate("x")]), bare(), Beside(model(1.0), vec![covariate("y")])];
    assert_eq!(Ensemble::new(others).err(), Some(AverageError::Members { member: 3 }));
    let endless = Ensemble::weighted(vec![model(1.0), model(2.0)], vec![1e308, 1e308]);
    assert!(matches!(endless.err(), Some(AverageError::Weights { members: 2, .. })));
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
