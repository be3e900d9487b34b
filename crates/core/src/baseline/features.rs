//! Sublinear TF-IDF of k-mers, and bases by position, as sparse rows.

use crate::{CasePolicy, Dataset, SequenceBatch};
use rayon::prelude::*;

/// Feature numbers, ascending, with their values.
pub(super) type SparseRow = Vec<(u32, f32)>;

/// Which features there are and how much each says.
pub(super) struct Vectorizer {
    max_k: usize,
    idf: Vec<f32>,
}

impl Vectorizer {
    /// Learns the document frequencies of the rows, and gives their features.
    pub(super) fn fit(dataset: &Dataset, max_k: usize, rows: &[usize]) -> (Self, Vec<SparseRow>) {
        let plain: usize = (1..=max_k).map(|k| 1 << (2 * k)).sum();
        let features = if dataset.encoding.case == CasePolicy::Channel { 2 * plain } else { plain };
        let mut vectorizer = Self { max_k, idf: vec![1.0; features] };
        let mut x = vectorizer.transform_with(dataset, rows, |counts| counts);
        let mut frequency = vec![0u32; features];
        x.iter().flatten().for_each(|&(feature, _)| frequency[feature as usize] += 1);
        let idf = |&df: &u32| ((1.0 + rows.len() as f64) / (1.0 + f64::from(df))).ln() + 1.0;
        vectorizer.idf = frequency.iter().map(|df| idf(df) as f32).collect();
        x.par_iter_mut().for_each(|row| vectorizer.weigh(row));
        (vectorizer, x)
    }

    /// The features of other rows.
    pub(super) fn transform(&self, dataset: &Dataset, rows: &[usize]) -> Vec<SparseRow> {
        self.transform_with(dataset, rows, |mut row| {
            self.weigh(&mut row);
            row
        })
    }

    /// Appends the covariates of the rows, standardized, to their features.
    pub(super) fn add_covariates(&self, dataset: &Dataset, rows: &[usize], features: &mut [SparseRow]) {
        for (row, features) in rows.iter().zip(features) {
            let values = dataset.covariates.iter().zip(&dataset.examples[*row].covariates).enumerate();
            let first = self.idf.len();
            features.extend(values.map(|(i, (covariate, &value))| ((first + i) as u32, covariate.standardize(value))));
        }
    }

    fn transform_with(
        &self,
        dataset: &Dataset,
        rows: &[usize],
        finish: impl Fn(SparseRow) -> SparseRow + Sync,
    ) -> Vec<SparseRow> {
        let start = || vec![0u32; self.idf.len()];
        rows.par_iter().map_init(start, |counts, &row| finish(self.count(dataset, row, counts))).collect()
    }

    /// Counts of the k-mers of one row; `counts` is scratch, zero before and after.
    fn count(&self, dataset: &Dataset, row: usize, counts: &mut [u32]) -> SparseRow {
        let letters = &dataset.examples[row].sequence;
        let length = dataset.length.min(letters.len());
        let mut window = SequenceBatch::new(dataset.encoding, length);
        // A letter that is none makes the row empty; data sets have been read by the same encoding.
        if length == 0 || window.push(letters).is_err() {
            return Vec::new();
        }
        let (mut word, mut run, mut marked) = (0, 0, 0);
        let mut seen = Vec::new();
        let mut add = |feature: usize| {
            if counts[feature] == 0 {
                seen.push(feature as u32);
            }
            counts[feature] += 1;
        };
        for code in window.sequence(0) {
            if code.base() > 3 {
                (run, marked) = (0, 0);
                continue;
            }
            word = word << 2 | code.base() as usize;
            run += 1;
            marked = if code.is_marked() { marked + 1 } else { 0 };
            let mut offset = 0;
            for k in 1..=self.max_k.min(run) {
                let feature = offset + (word & ((1 << (2 * k)) - 1));
                add(feature);
                if k <= marked {
                    add(feature + self.idf.len() / 2);
                }
                offset += 1 << (2 * k);
            }
        }
        seen.sort_unstable();
        seen.into_iter().map(|feature| (feature, std::mem::take(&mut counts[feature as usize]) as f32)).collect()
    }

    /// Counts to weights of length 1.
    fn weigh(&self, row: &mut SparseRow) {
        let mut squares = 0.0f64;
        for (feature, value) in row.iter_mut() {
            *value = (1.0 + value.ln()) * self.idf[*feature as usize];
            squares += f64::from(*value) * f64::from(*value);
        }
        let norm = squares.sqrt().max(f64::MIN_POSITIVE) as f32;
        row.iter_mut().for_each(|(_, value)| *value /= norm);
    }

    /// Number of features.
    #[cfg(test)]
    pub(super) fn features(&self) -> usize {
        self.idf.len()
    }
}

/// Features of a position: 4 bases, then 16 pairs of it and the next one.
const AT_POSITION: usize = 4 + 16;

/// Which base, and which pair of bases, is at each position of the rows' windows.
pub(super) fn positional(dataset: &Dataset, rows: &[usize]) -> Vec<SparseRow> {
    rows.par_iter().map(|&row| positions_of(dataset, row)).collect()
}

fn positions_of(dataset: &Dataset, row: usize) -> SparseRow {
    let letters = &dataset.examples[row].sequence;
    let length = dataset.length.min(letters.len());
    let mut window = SequenceBatch::new(dataset.encoding, length);
    if length == 0 || window.push(letters).is_err() {
        return Vec::new();
    }
    let codes = window.sequence(0);
    let mut features = Vec::with_capacity(2 * length);
    for (position, code) in codes.iter().enumerate().filter(|(_, code)| code.base() < 4) {
        let (first, base) = (position * AT_POSITION, code.base() as usize);
        features.push(((first + base) as u32, 1.0));
        if let Some(next) = codes.get(position + 1).filter(|next| next.base() < 4) {
            features.push(((first + 4 + 4 * base + next.base() as usize) as u32, 1.0));
        }
    }
    features
}
