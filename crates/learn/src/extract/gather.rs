//! Many rows at once, on all threads, in the order of the rows.

use super::scalars::{Composition, Matrices};
use super::words::Finder;
use super::{Extractor, Part};
use crate::Features;
use basewise_core::SequenceBatch;
use rayon::prelude::*;

/// Rows that are made at a time before they are appended, which bounds memory beyond the result.
const ROWS: usize = 8192;

/// The number of rows in which each word occurs.
pub(super) fn occurrences(finder: &Finder, batch: &SequenceBatch) -> Vec<u32> {
    let empty = || vec![0u32; finder.words()];
    let count = |mut occurs: Vec<u32>, row: usize| {
        finder.find(batch.sequence(row)).chunk_by(|a, b| a == b).for_each(|run| occurs[run[0] as usize] += 1);
        occurs
    };
    // Whole numbers: their sums do not depend on an order.
    let join = |mut a: Vec<u32>, b: Vec<u32>| {
        a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        a
    };
    let pieces = batch.len().div_ceil(16).max(1);
    (0..batch.len()).into_par_iter().with_min_len(pieces).fold(empty, count).reduce(empty, join)
}

/// The mean over the rows where it is known; 0 without any.
pub(super) fn known_mean(what: Composition, batch: &SequenceBatch) -> f64 {
    let values: Vec<f64> = (0..batch.len()).into_par_iter().map(|row| what.value(batch.sequence(row))).collect();
    let known = values.iter().filter(|value| !value.is_nan());
    let (sum, count) = known.fold((0.0, 0usize), |(sum, count), value| (sum + value, count + 1));
    sum / count.max(1) as f64
}

/// An extractor with what its parts need to be fast.
pub(super) struct Gatherer<'a> {
    extractor: &'a Extractor,
    /// For each part its first column, and columns of words or matrices of motifs.
    parts: Vec<(usize, Ready)>,
    columns: usize,
}

enum Ready {
    Plain,
    Lookup(Vec<u32>),
    Matrices(Vec<Matrices>),
}

impl<'a> Gatherer<'a> {
    pub(super) fn new(extractor: &'a Extractor) -> Self {
        let mut columns = 0;
        let ready = |part: &Part| {
            let first = columns;
            columns += part.columns(extractor.length);
            match part {
                Part::Words(words) => (first, Ready::Lookup(words.lookup())),
                Part::Motifs(motifs) => (first, Ready::Matrices(motifs.matrices(extractor.encoding))),
                _ => (first, Ready::Plain),
            }
        };
        let parts = extractor.parts.iter().map(ready).collect();
        Self { extractor, parts, columns }
    }

    pub(super) fn gather(&self, batch: &SequenceBatch) -> Features {
        let sparse = self.extractor.parts.iter().any(Part::is_sparse);
        let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for first in (0..batch.len()).step_by(ROWS) {
            let range = first..(first + ROWS).min(batch.len());
            let rows: Vec<Vec<(u32, f32)>> = range.into_par_iter().map(|row| self.row(batch, row)).collect();
            if first == 0 {
                let stored = rows.iter().map(Vec::len).sum::<usize>();
                let guess = (stored as f64 * batch.len() as f64 / rows.len().max(1) as f64 * 1.02) as usize;
                values.reserve(guess);
                columns.reserve(if sparse { guess } else { 0 });
            }
            for entry in rows.iter().flat_map(|row| row.iter().chain([&(u32::MAX, 0.0)])) {
                match *entry {
                    (u32::MAX, _) => starts.push(values.len()),
                    (_, value) if !sparse => values.push(value),
                    (_, 0.0) => {}
                    (column, value) => {
                        columns.push(column);
                        values.push(value);
                    }
                }
            }
        }
        let names = self.extractor.names();
        debug_assert_eq!(names.len(), self.columns);
        if sparse {
            Features::from_sparse_rows(names, starts, columns, values)
        } else {
            Features::from_dense_rows(names, batch.len(), values)
        }
    }

    /// Columns, ascending, and values of a row; of parts that are not sparse all columns.
    fn row(&self, batch: &SequenceBatch, row: usize) -> Vec<(u32, f32)> {
        let codes = batch.sequence(row);
        let mut out = Vec::new();
        let mut scores = Vec::new();
        for (part, (first, ready)) in self.extractor.parts.iter().zip(&self.parts) {
            let numbers = |values: &[f64]| -> Vec<(u32, f32)> {
                values.iter().enumerate().map(|(i, &value)| ((first + i) as u32, value as f32)).collect()
            };
            match (part, ready) {
                (Part::Composition { what, mean }, _) => {
                    let value = what.value(codes);
                    out.extend(numbers(&[if value.is_nan() { *mean } else { value }]));
                }
                (Part::Words(words), Ready::Lookup(lookup)) => words.row(lookup, codes, *first, &mut out),
                (Part::Motifs(motifs), Ready::Matrices(matrices)) => {
                    scores.clear();
                    motifs.values(matrices, codes, &mut scores);
                    out.extend(numbers(&scores));
                }
                (Part::Covariates { .. }, _) => {
                    let side = batch.side_of(row).iter().enumerate();
                    out.extend(side.map(|(i, &value)| ((first + i) as u32, value)));
                }
                (Part::Positional { width, .. }, _) => {
                    for (position, window) in codes.windows(*width).enumerate() {
                        let word = window.iter().fold(0, |word, code| word << 2 | u32::from(code.base()));
                        if window.iter().all(|code| code.base() < 4) {
                            out.push(((*first as u32) + ((position as u32) << (2 * width)) + word, 1.0));
                        }
                    }
                }
                (Part::Words(_) | Part::Motifs(_), _) => {}
            }
        }
        out
    }
}
