//! Averages of raw scores: over strands and shifts of the window, and over the members of an ensemble.
//!
//! Both are a [`Predict`] over others, so that whatever asks a model can ask an average. Raw scores are averaged, not
//! probabilities: of logits that is the geometric mean of the odds, and changes of a score add up over the parts.

use crate::profile::reverse_scores;
use crate::{
    Alphabet, ControlSignal, Covariate, Edit, Encoding, Matrix, Predict, PredictError, SequenceBatch, Task, TaskKind,
    check_edits,
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
    /// Not one positive weight a member.
    #[error("expected {members} weights above 0, found {found}")]
    Weights {
        /// Models.
        members: usize,
        /// Weights as they came.
        found: String,
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

    /// Where the windows that are averaged over begin in a sequence, and whether they are read from the other strand, in
    /// the order of the sum.
    pub fn views(&self) -> impl Iterator<Item = (usize, bool)> + use<> {
        let last = if self.strands { 1 } else { 0 };
        (0..=2 * self.shift).flat_map(move |start| (0..=last).map(move |strand| (start, strand == 1)))
    }

    /// The windows that begin at `start` of each sequence, from the other strand if `reverse`.
    pub fn view(&self, batch: &SequenceBatch, start: usize, reverse: bool) -> SequenceBatch {
        let length = self.model.length();
        let mut view = batch.emptied_to(length);
        for i in 0..batch.len() {
            view.push_edited(&batch.sequence(i)[start..start + length], batch, i);
            view.set_place(i, batch.place(i).map(|place| place + start as i64));
            if reverse {
                view.reverse_complement(i);
            }
        }
        view
    }

    /// The mean of what `scores` gives for each view: a batch, where it begins, and whether it is of the other strand.
    fn mean(
        &self,
        batch: &SequenceBatch,
        scores: impl Fn(&SequenceBatch, usize, bool) -> Result<Matrix, PredictError>,
    ) -> Result<Matrix, PredictError> {
        if batch.length() != self.length() {
            return Err(PredictError::Shape {
                expected_length: self.length(),
                expected_channels: self.encoding().channels(),
                length: batch.length(),
                channels: batch.encoding().channels(),
            });
        }
        let mut mean = Mean::default();
        for (start, reverse) in self.views() {
            let mut scores = scores(&self.view(batch, start, reverse), start, reverse)?;
            if reverse {
                // What the model says along the other strand is put along this one.
                (0..scores.rows()).for_each(|i| reverse_scores(self.tasks(), scores.row_mut(i)));
            }
            mean.add(&scores, 1.0)?;
        }
        Ok(mean.finish())
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
        self.mean(batch, |view, _, _| self.model.predict(view))
    }

    fn predict_row_edits(&self, batch: &SequenceBatch, edits: &[&[Edit]]) -> Result<Vec<Matrix>, PredictError> {
        check_edits(batch, edits)?;
        let length = self.model.length();
        let all = self.mean(batch, |view, start, reverse| {
            let turned = |edit: &Edit| {
                let edit = edit.within(start..start + length);
                if reverse { edit.reverse_complement(length) } else { edit }
            };
            let own: Vec<Vec<Edit>> = edits.iter().map(|own| own.iter().map(turned).collect()).collect();
            joined(&self.model.predict_row_edits(view, &own.iter().map(Vec::as_slice).collect::<Vec<_>>())?)
        })?;
        Ok(parted(&all, edits))
    }
}

/// Matrices of equally many columns below one another.
fn joined(parts: &[Matrix]) -> Result<Matrix, PredictError> {
    let columns = parts.iter().map(Matrix::columns).max().unwrap_or(0);
    let data: Vec<f32> = parts.iter().flat_map(|part| part.data()).copied().collect();
    Ok(Matrix::new(parts.iter().map(Matrix::rows).sum(), columns, data))
}

/// A row for each edit, as a matrix for each list of edits.
fn parted(all: &Matrix, edits: &[&[Edit]]) -> Vec<Matrix> {
    let (columns, mut first) = (all.columns(), 0);
    let own = |edits: &&[Edit]| {
        let rows = first..first + edits.len();
        first = rows.end;
        Matrix::new(edits.len(), columns, all.data()[rows.start * columns..rows.end * columns].to_vec())
    };
    edits.iter().map(own).collect()
}

/// Models that predict together: the mean of their raw scores, weighted if asked. One model alone is an ensemble of one.
#[derive(Clone, Debug)]
pub struct Ensemble<M> {
    members: Vec<M>,
    /// One a member; they need not sum to 1.
    weights: Vec<f64>,
    /// The first member that takes covariates or control, or the first.
    lead: usize,
}

/// Whether a model takes covariates or control beside the sequence.
fn takes_more<M: Predict>(model: &M) -> bool {
    !model.covariates().is_empty() || model.control().is_some()
}

impl<M: Predict> Ensemble<M> {
    /// Members that count alike.
    ///
    /// # Errors
    /// No member, or members that differ in tasks, encoding or length, or in covariates or control: those that take none
    /// beside the sequence go with any others.
    pub fn new(members: Vec<M>) -> Result<Self, AverageError> {
        let weights = vec![1.0; members.len()];
        Self::weighted(members, weights)
    }

    /// Members, each with what it counts beside the others.
    ///
    /// # Errors
    /// As [`Ensemble::new`]; weights that are not one positive number a member, or have no finite sum.
    pub fn weighted(members: Vec<M>, weights: Vec<f64>) -> Result<Self, AverageError> {
        let total: f64 = weights.iter().sum();
        if weights.len() != members.len() || !weights.iter().all(|weight| *weight > 0.0) || !total.is_finite() {
            return Err(AverageError::Weights { members: members.len(), found: format!("{weights:?}") });
        }
        let Some(first) = members.first() else { return Err(AverageError::NoMember) };
        let lead = members.iter().position(takes_more).unwrap_or(0);
        let same = |m: &M| {
            m.tasks() == first.tasks()
                && m.encoding() == first.encoding()
                && (m.length(), m.margin()) == (first.length(), first.margin())
                && (!takes_more(m)
                    || (m.covariates(), m.control()) == (members[lead].covariates(), members[lead].control()))
        };
        match members.iter().position(|member| !same(member)) {
            Some(i) => Err(AverageError::Members { member: i + 1 }),
            None => Ok(Self { members, weights, lead }),
        }
    }

    /// The models, in order; at least one.
    pub fn members(&self) -> &[M] {
        &self.members
    }

    /// What each member counts, in order.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The scores of the ensemble from those of its members.
    ///
    /// # Errors
    /// Scores of other shapes, or of another number of members.
    pub fn mean(&self, each: &[Matrix]) -> Result<Matrix, PredictError> {
        if each.len() != self.members.len() {
            let (expected, found) = (self.members.len(), each.len());
            return Err(PredictError::Device(format!("expected scores of {expected} members, found those of {found}")));
        }
        let mut mean = Mean::default();
        each.iter().zip(&self.weights).try_for_each(|(scores, &weight)| mean.add(scores, weight))?;
        Ok(mean.finish())
    }

    /// The raw scores of each member, in order.
    ///
    /// # Errors
    /// What a member reports.
    pub fn predict_each(&self, batch: &SequenceBatch) -> Result<Vec<Matrix>, PredictError> {
        self.ask_each(batch, |member, batch| member.predict(batch))
    }

    /// Asks each member with the batch as it takes it: without what lies beside the sequences where it takes none.
    fn ask_each(
        &self,
        batch: &SequenceBatch,
        ask: impl Fn(&M, &SequenceBatch) -> Result<Matrix, PredictError>,
    ) -> Result<Vec<Matrix>, PredictError> {
        let is_same = batch.side().is_empty() || self.members.iter().all(takes_more);
        let bare = (!is_same).then(|| batch.without_side());
        let own = |member: &M| bare.as_ref().filter(|_| !takes_more(member)).unwrap_or(batch);
        self.members.iter().map(|member| ask(member, own(member))).collect()
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
        self.members[self.lead].covariates()
    }

    fn control(&self) -> Option<&ControlSignal> {
        self.members[self.lead].control()
    }

    fn predict(&self, batch: &SequenceBatch) -> Result<Matrix, PredictError> {
        self.mean(&self.predict_each(batch)?)
    }

    fn predict_row_edits(&self, batch: &SequenceBatch, edits: &[&[Edit]]) -> Result<Vec<Matrix>, PredictError> {
        let ask = |member: &M, own: &SequenceBatch| joined(&member.predict_row_edits(own, edits)?);
        Ok(parted(&self.mean(&self.ask_each(batch, ask)?)?, edits))
    }
}

/// The mean of equally shaped scores, value by value.
///
/// # Errors
/// Scores of other shapes; none at all.
fn mean(scores: &[Matrix]) -> Result<Matrix, PredictError> {
    let mut mean = Mean::default();
    scores.iter().try_for_each(|scores| mean.add(scores, 1.0))?;
    if mean.total == 0.0 {
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
    /// Of the weights.
    total: f64,
}

impl Mean {
    fn add(&mut self, scores: &Matrix, weight: f64) -> Result<(), PredictError> {
        let shape = (scores.rows(), scores.columns());
        if self.total == 0.0 {
            (self.shape, self.sums) = (shape, vec![0.0; scores.data().len()]);
        } else if self.shape != shape {
            let (expected, found) = (self.shape, shape);
            return Err(PredictError::Device(format!("expected scores of shape {expected:?}, found {found:?}")));
        }
        self.sums.iter_mut().zip(scores.data()).for_each(|(sum, &score)| *sum += weight * f64::from(score));
        self.total += weight;
        Ok(())
    }

    fn finish(self) -> Matrix {
        let total = if self.total > 0.0 { self.total } else { 1.0 };
        Matrix::new(self.shape.0, self.shape.1, self.sums.into_iter().map(|sum| (sum / total) as f32).collect())
    }
}

#[cfg(test)]
mod tests;
