//! Encoded sequences of one length, ready for a model.

use crate::{Code, ControlSignal, Covariate, EncodeError, Encoding};
use std::sync::Arc;

/// `n` encoded sequences of the same length, one byte a position, each with the same number of side inputs: covariates as
/// a model is shown them ([`Covariate::standardize`]), then control signal ([`ControlSignal`]); usually none.
///
/// Floats are made only where a layer needs them: see [`SequenceBatch::one_hot`].
#[derive(Clone, Debug, PartialEq)]
pub struct SequenceBatch {
    encoding: Encoding,
    length: usize,
    codes: Vec<Code>,
    side: Vec<f32>,
    control: Option<Arc<ControlSignal>>,
    /// Of each sequence, where it is said.
    places: Vec<Option<i64>>,
}

impl SequenceBatch {
    /// An empty batch of sequences of `length` positions.
    pub fn new(encoding: Encoding, length: usize) -> Self {
        Self { encoding, length, codes: Vec::new(), side: Vec::new(), control: None, places: Vec::new() }
    }

    /// The same empty batch, of sequences with this control signal.
    pub fn with_control(self, control: Option<&ControlSignal>) -> Self {
        Self { control: control.cloned().map(Arc::new), ..self }
    }

    /// An empty batch of the same form.
    pub fn emptied(&self) -> Self {
        self.emptied_to(self.length)
    }

    /// An empty batch of sequences of another length with the same side inputs.
    pub fn emptied_to(&self, length: usize) -> Self {
        Self { control: self.control.clone(), ..Self::new(self.encoding, length) }
    }

    /// The same sequences with nothing beside them.
    #[must_use]
    pub fn without_side(&self) -> Self {
        Self { codes: self.codes.clone(), places: self.places.clone(), ..Self::new(self.encoding, self.length) }
    }

    /// The control signal that lies beside the sequences.
    pub fn control(&self) -> Option<&ControlSignal> {
        self.control.as_deref()
    }

    /// Appends row `i` of another batch, with its side inputs.
    pub fn push_row(&mut self, other: &Self, i: usize) {
        self.push_edited(other.sequence(i), other, i);
    }

    /// Appends codes that were made from row `i` of another batch, with the side inputs of that row.
    pub fn push_edited(&mut self, codes: &[Code], other: &Self, i: usize) {
        self.push_codes(codes);
        self.set_place(self.len() - 1, other.place(i));
        self.side.extend_from_slice(other.side_of(i));
    }

    /// Gives the row that was pushed last its side inputs, from the values of its covariates (NaN is unknown). Either all
    /// rows get them or none.
    pub fn push_covariates(&mut self, covariates: &[Covariate], values: impl IntoIterator<Item = f64>) {
        self.side.extend(covariates.iter().zip(values).map(|(covariate, value)| covariate.standardize(value)));
    }

    /// Gives the row that was pushed last its control signal, after its covariates: `[tracks, bins]` without margins, NaN,
    /// which is unknown, as 0. Either all rows get it or none.
    pub fn push_control(&mut self, values: impl IntoIterator<Item = f64>) {
        self.side.extend(values.into_iter().map(|value| if value.is_nan() { 0.0 } else { value as f32 }));
    }

    /// Moves the side inputs of row `i` towards those of row `j` of another batch by `share`, 0 to 1.
    pub fn blend_side(&mut self, i: usize, other: &Self, j: usize, share: f64) {
        let width = self.side_of(i).len();
        let both = self.side[i * width..(i + 1) * width].iter_mut().zip(other.side_of(j));
        both.for_each(|(own, theirs)| *own += share as f32 * (theirs - *own));
    }

    /// The side inputs, row-major `[n, width]`; empty without any.
    pub fn side(&self) -> &[f32] {
        &self.side
    }

    /// The side inputs of row `i`.
    pub fn side_of(&self, i: usize) -> &[f32] {
        let width = self.side.len().checked_div(self.len()).unwrap_or(0);
        &self.side[i * width..(i + 1) * width]
    }

    /// Encodes and appends a sequence. A shorter one is centred between unknown bases (the extra one goes right), a
    /// longer one loses its ends (the extra one is lost right).
    ///
    /// # Errors
    /// A byte that is no nucleotide letter.
    pub fn push(&mut self, letters: &[u8]) -> Result<(), EncodeError> {
        let codes = self.encoding.encode(letters)?;
        self.push_codes(&codes);
        Ok(())
    }

    /// Appends codes, centred as in [`SequenceBatch::push`].
    pub fn push_codes(&mut self, codes: &[Code]) {
        self.push_with_margin(codes, 0);
    }

    /// Appends codes around a window: the `length - 2 margin` positions in the middle are those that
    /// [`SequenceBatch::push_codes`] would keep of that length, and `margin` more come at each end, unknown bases where
    /// the sequence ends.
    pub fn push_with_margin(&mut self, codes: &[Code], margin: usize) {
        let window = self.length.saturating_sub(2 * margin);
        // Codes left of what is kept, or unknown bases left of the codes.
        let (skip, left) = match codes.len().checked_sub(window) {
            Some(spare) => ((spare / 2).saturating_sub(margin), margin.saturating_sub(spare / 2)),
            None => (0, margin + (window - codes.len()) / 2),
        };
        let left = left.min(self.length);
        let kept = &codes[skip..codes.len().min(skip + self.length - left)];
        self.codes.extend(std::iter::repeat_n(Code::N, left));
        self.codes.extend_from_slice(kept);
        self.codes.extend(std::iter::repeat_n(Code::N, self.length - left - kept.len()));
        self.places.resize(self.len(), None);
    }

    /// Where sequence `i` begins in what it was cut from, if that was said: of neighbours that overlap, a network may compute
    /// what they share but once.
    pub fn place(&self, i: usize) -> Option<i64> {
        self.places.get(i).copied().flatten()
    }

    /// Says where sequence `i` begins, counted in reading direction: read from the other strand, `-end` of the stretch.
    pub fn set_place(&mut self, i: usize, place: Option<i64>) {
        if let Some(own) = self.places.get_mut(i) {
            *own = place;
        }
    }

    /// Number of sequences.
    pub fn len(&self) -> usize {
        self.codes.len().checked_div(self.length).unwrap_or(0)
    }

    /// Whether there is no sequence.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Positions in each sequence.
    pub fn length(&self) -> usize {
        self.length
    }

    /// How letters became codes.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The codes of sequence `i`.
    pub fn sequence(&self, i: usize) -> &[Code] {
        &self.codes[i * self.length..(i + 1) * self.length]
    }

    /// The codes of sequence `i`, to edit.
    pub fn sequence_mut(&mut self, i: usize) -> &mut [Code] {
        &mut self.codes[i * self.length..(i + 1) * self.length]
    }

    /// Replaces sequence `i` by its reverse complement; marks travel with their positions, covariates stay, and control
    /// signal turns with the sequence ([`ControlSignal::reverse`]).
    pub fn reverse_complement(&mut self, i: usize) {
        let sequence = self.sequence_mut(i);
        sequence.reverse();
        for code in sequence {
            *code = code.complement();
        }
        self.set_place(i, self.place(i).map(|place| -place - self.length as i64));
        let width = self.side_of(i).len();
        let Some(control) = self.control.as_deref().filter(|control| control.size() <= width) else { return };
        let end = (i + 1) * width;
        control.reverse(&mut self.side[end - control.size()..end]);
    }

    /// Dense channels, row-major `[n, channels, length]`; an unknown base sets none of the first four.
    pub fn one_hot(&self) -> Vec<f32> {
        let (channels, length) = (self.encoding.channels(), self.length);
        let mut x = vec![0.0; self.len() * channels * length];
        for (i, codes) in self.codes.chunks_exact(length.max(1)).enumerate() {
            let x = &mut x[i * channels * length..(i + 1) * channels * length];
            for (position, code) in codes.iter().enumerate() {
                if code.base() < 4 {
                    x[code.base() as usize * length + position] = 1.0;
                }
                if channels == 5 && code.is_marked() {
                    x[4 * length + position] = 1.0;
                }
            }
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Alphabet, CasePolicy};

    fn batch(case: CasePolicy, length: usize, letters: &[u8]) -> SequenceBatch {
        let mut batch = SequenceBatch::new(Encoding { alphabet: Alphabet::Dna, case }, length);
        batch.push(letters).unwrap();
        batch
    }

    fn bases(batch: &SequenceBatch) -> Vec<u8> {
        batch.sequence(0).iter().map(|c| c.base()).collect()
    }

    #[test]
    fn short_sequences_are_centred_and_long_ones_cropped() {
        assert_eq!(bases(&batch(CasePolicy::Ignore, 5, b"AC")), [4, 0, 1, 4, 4]);
        assert_eq!(bases(&batch(CasePolicy::Ignore, 2, b"ACGTT")), [1, 2]);
        assert_eq!(bases(&batch(CasePolicy::Ignore, 3, b"")), [4, 4, 4]);
    }

    #[test]
    fn one_hot_by_channel_then_position() {
        let x = batch(CasePolicy::Channel, 3, b"Atn").one_hot();
        assert_eq!(x, [1., 0., 0., 0., 0., 0., 0., 0., 0., 0., 1., 0., 1., 0., 0.]);
    }

    #[test]
    fn reverse_complement_carries_the_marks() {
        let mut b = batch(CasePolicy::Channel, 3, b"Atg");
        b.reverse_complement(0);
        assert_eq!(bases(&b), [1, 0, 3]);
        assert!(b.sequence(0)[2].is_marked() && !b.sequence(0)[0].is_marked());
    }

    #[test]
    fn side_inputs_stay_with_their_rows() {
        let covariates = [1.0, 4.0].map(|mean| Covariate {
            name: mean.to_string(),
            transform: crate::Transform::None,
            mean,
            deviation: 2.0,
        });
        let mut b = batch(CasePolicy::Ignore, 2, b"AC");
        b.push_covariates(&covariates, [5.0, 0.0]);
        b.push(b"GG").unwrap();
        b.push_covariates(&covariates, [f64::NAN, 6.0]);
        b.reverse_complement(0);
        assert_eq!((b.side(), b.side_of(1)), (&[2.0, -2.0, 0.0, 1.0][..], &[0.0, 1.0][..]));
        let mut other = b.emptied();
        other.push_row(&b, 1);
        other.push_edited(&[Code::N, Code::N], &b, 0);
        assert_eq!((bases(&other), other.side()), (vec![2, 2], &[0.0, 1.0, 2.0, -2.0][..]));
        other.blend_side(0, &b, 0, 0.25);
        assert_eq!(other.side_of(0), [0.5, 0.25]);
        assert!(batch(CasePolicy::Ignore, 2, b"AC").side_of(0).is_empty());
    }

    #[test]
    fn control_signal_follows_the_covariates_and_turns_with_its_sequence() {
        let covariate = Covariate::fit("x", crate::Transform::None, std::iter::empty());
        let control =
            ControlSignal { tracks: vec!["a".into(), "b".into()], bins: 2, bin_size: 1, strand_pairs: vec![[0, 1]] };
        let encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };
        let mut b = SequenceBatch::new(encoding, 2).with_control(Some(&control));
        for offset in [0.0, 10.0] {
            b.push(b"AC").unwrap();
            b.push_covariates(std::slice::from_ref(&covariate), [7.0]);
            b.push_control([1.0 + offset, 2.0 + offset, f64::NAN, 4.0 + offset]);
        }
        b.reverse_complement(1);
        assert_eq!((b.side_of(0), b.side_of(1)), (&[7., 1., 2., 0., 4.][..], &[7., 14., 0., 12., 11.][..]));
        let mut other = b.emptied_to(3);
        other.push_edited(&[Code::N; 3], &b, 0);
        other.reverse_complement(0);
        assert_eq!((other.control(), other.side_of(0)), (Some(&control), &[7., 4., 0., 2., 1.][..]));
    }

    #[test]
    fn empty_batches_have_no_rows() {
        let b = SequenceBatch::new(Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore }, 0);
        assert!(b.is_empty() && b.one_hot().is_empty());
    }

    #[test]
    fn places_go_with_rows_and_turn_with_strands() {
        let mut batch = SequenceBatch::new(Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore }, 3);
        (0..2).for_each(|_| batch.push(b"ACG").unwrap());
        batch.set_place(1, Some(10));
        batch.set_place(2, Some(5));
        assert_eq!([0, 1, 2].map(|i| batch.place(i)), [None, Some(10), None]);
        let mut other = batch.emptied();
        (0..2).for_each(|i| other.push_row(&batch, i));
        (0..2).for_each(|i| other.reverse_complement(i));
        // Bases 10 to 13 from their end.
        assert_eq!([other.place(0), other.place(1)], [None, Some(-13)]);
        other.reverse_complement(1);
        assert_eq!((other.place(1), batch.without_side().place(1)), (Some(10), Some(10)));
    }
}
