//! Values after a transform: computed once where counts are in memory, else anew in every pass over their file.

use crate::failure::user;
use anyhow::Result;
use basewise_core::sparse::Csr;
use basewise_io::cells::RowBlocks;
use basewise_learn::unsupervised::UnsupervisedError;
use basewise_learn::unsupervised::counts;
use std::ops::Range;

/// Cells by genes, in blocks of cells.
pub(crate) struct Transformed {
    /// As they were read, or with all steps done.
    counts: RowBlocks,
    /// Values of each gene that are not 0.
    stored: Vec<usize>,
    steps: Steps,
}

/// What is still to be done to a block that is read.
#[derive(Default)]
struct Steps {
    /// The sum of each cell, and what it becomes.
    sums: Option<(Vec<f64>, f64)>,
    /// The logarithm of 1 + value.
    log: bool,
    /// What the values of each gene are divided by.
    deviations: Option<Vec<f64>>,
}

impl Steps {
    /// Of a block whose first cell is cell `first`.
    fn apply(&self, first: usize, block: &mut Csr) -> Result<(), UnsupervisedError> {
        if let Some((totals, target)) = &self.sums {
            counts::scale(block, &totals[first..], *target);
        }
        if self.log {
            counts::log1p(block)?;
        }
        if let Some(deviations) = &self.deviations {
            for (&column, value) in block.indices.iter().zip(&mut block.values) {
                let own = deviations[column as usize];
                if own > 1e-12 {
                    *value = (f64::from(*value) / own) as f32;
                }
            }
        }
        Ok(())
    }

    /// The same of some genes.
    fn of_columns(&self, keep: &[bool]) -> Self {
        let kept = |all: &Vec<f64>| all.iter().zip(keep).filter(|(_, keep)| **keep).map(|(&own, _)| own).collect();
        Self { sums: self.sums.clone(), log: self.log, deviations: self.deviations.as_ref().map(kept) }
    }
}

impl Transformed {
    /// With the sum of each cell made the median of sums, if `normalize`, and logarithms taken, if `log`.
    pub(crate) fn of(counts: &RowBlocks, normalize: bool, log: bool) -> Result<Self> {
        let mut stored = vec![0; counts.columns];
        let mut totals = Vec::new();
        counts.each(|first, block| -> Result<()> {
            if normalize || log {
                counts::check_counts(block, first)?;
            }
            if normalize {
                totals.extend(counts::totals(block));
            }
            block.indices.iter().for_each(|&gene| stored[gene as usize] += 1);
            Ok(())
        })?;
        let target = counts::usual_total(&totals);
        let steps = Steps { sums: normalize.then_some((totals, target)), log, deviations: None };
        Self { counts: counts.clone(), stored, steps }.settled()
    }

    /// Where counts are in memory, values are too.
    fn settled(mut self) -> Result<Self> {
        if self.counts.is_held() {
            let mut values = self.counts.read()?;
            self.steps.apply(0, &mut values)?;
            (self.counts, self.steps) = (values.into(), Steps::default());
        }
        Ok(self)
    }

    /// Divides each column by its standard deviation; columns that do not vary stay.
    pub(crate) fn standardize(&mut self) -> Result<()> {
        let mut sums = vec![(0.0, 0.0); self.columns()];
        self.each(|_, block| {
            for (&column, &value) in block.indices.iter().zip(&block.values) {
                let (sum, squares) = &mut sums[column as usize];
                *sum += f64::from(value);
                *squares += f64::from(value) * f64::from(value);
            }
            Ok(())
        })?;
        let rows = self.rows().max(1) as f64;
        let deviation = |&(sum, squares): &(f64, f64)| (squares / rows - (sum / rows).powi(2)).max(0.0).sqrt();
        self.steps.deviations = Some(sums.iter().map(deviation).collect());
        let (counts, stored) = (self.counts.clone(), std::mem::take(&mut self.stored));
        *self = Self { counts, stored, steps: std::mem::take(&mut self.steps) }.settled()?;
        Ok(())
    }

    pub(crate) fn rows(&self) -> usize {
        self.counts.rows
    }

    pub(crate) fn columns(&self) -> usize {
        self.counts.columns
    }

    /// Calls `with` with the number of the first cell of each block, and the block.
    pub(crate) fn each(&self, with: impl FnMut(usize, &Csr) -> Result<()>) -> Result<()> {
        each(&self.counts, &self.steps, with)
    }

    /// The same with some genes alone.
    fn each_of(&self, keep: &[bool], with: impl FnMut(usize, &Csr) -> Result<()>) -> Result<()> {
        each(&self.counts.select_columns(keep), &self.steps.of_columns(keep), with)
    }

    /// The values of some genes.
    pub(crate) fn columns_of(&self, keep: &[bool]) -> Result<Csr> {
        let mut all = Csr::without_rows(keep.iter().filter(|keep| **keep).count());
        self.each_of(keep, |_, block| {
            all.append(block);
            Ok(())
        })?;
        Ok(all)
    }

    /// Ranges of genes whose values may be held together.
    pub(crate) fn groups(&self) -> Vec<Range<usize>> {
        groups(&self.stored, self.counts.room())
    }

    /// The values of some genes that lie beside each other: a row a gene, a column a cell.
    pub(crate) fn by_column(&self, genes: Range<usize>) -> Result<Csr> {
        let mut starts = vec![0];
        self.stored[genes.clone()].iter().for_each(|stored| starts.push(starts[starts.len() - 1] + stored));
        let all = starts[genes.len()];
        let (mut indices, mut values) = (vec![0; all], vec![0.0; all]);
        let mut next = starts.clone();
        let keep: Vec<bool> = (0..self.columns()).map(|gene| genes.contains(&gene)).collect();
        self.each_of(&keep, |first, block| {
            for i in 0..block.rows {
                let (columns, own) = block.row(i);
                for (&column, &value) in columns.iter().zip(own) {
                    let place = next[column as usize];
                    if place == starts[column as usize + 1] {
                        return Err(changed());
                    }
                    (indices[place], values[place]) = ((first + i) as u32, value);
                    next[column as usize] += 1;
                }
            }
            Ok(())
        })?;
        if next[..genes.len()] != starts[1..] {
            return Err(changed());
        }
        Ok(Csr { rows: genes.len(), columns: self.rows(), starts, indices, values })
    }
}

fn each(counts: &RowBlocks, steps: &Steps, mut with: impl FnMut(usize, &Csr) -> Result<()>) -> Result<()> {
    counts.each(|first, block| {
        if counts.is_held() {
            return with(first, block);
        }
        let mut values = block.clone();
        steps.apply(first, &mut values)?;
        with(first, &values)
    })
}

fn changed() -> anyhow::Error {
    user(
        "expected the same values whenever the matrix is read, found others",
        Some("was its file written to meanwhile?"),
    )
}

/// Ranges with sums of at most `most`, or of one.
fn groups(sizes: &[usize], most: usize) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut sum = 0;
    for (i, &size) in sizes.iter().enumerate() {
        match ranges.last_mut() {
            Some(last) if sum + size <= most => last.end = i + 1,
            _ => {
                ranges.push(i..i + 1);
                sum = 0;
            }
        }
        sum += size;
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_core::Matrix;

    fn example(data: [f32; 8]) -> RowBlocks {
        Csr::from_dense(&Matrix::new(4, 2, data.to_vec())).into()
    }

    #[test]
    fn columns_are_brought_to_variance_1() {
        for scale in [1.0, 3.0] {
            let data = [2.0, 5.0, 0.0, 5.0, 2.0, 5.0, 0.0, 5.0].map(|value| value * scale);
            let mut values = Transformed::of(&example(data), false, false).unwrap();
            values.standardize().unwrap();
            let found = values.columns_of(&[true, true]).unwrap().to_dense();
            let five = 5.0 * scale;
            assert_eq!(found.data(), [2.0, five, 0.0, five, 2.0, five, 0.0, five]);
        }
    }

    #[test]
    fn genes_come_in_groups() {
        assert_eq!(groups(&[3, 1, 0, 9, 2, 2], 4), [0..3, 3..4, 4..6]);
        assert_eq!(groups(&[0, 0, 2], 1), [0..2, 2..3]);
        assert!(groups(&[], 1).is_empty());
        let values = Transformed::of(&example([1.0, 0.0, 2.0, 3.0, 0.0, 4.0, 0.0, 0.0]), false, false).unwrap();
        let second = values.by_column(1..2).unwrap();
        assert_eq!((second.rows, second.indices, second.values), (1, vec![1, 2], vec![3.0, 4.0]));
        assert_eq!(values.by_column(0..2).unwrap(), values.columns_of(&[true, true]).unwrap().transposed());
    }

    #[test]
    fn negative_numbers_have_no_logarithm() {
        let wrong = Transformed::of(&example([1.0, 0.0, 0.0, 0.0, 0.0, -2.0, 0.0, 0.0]), false, true);
        let text = wrong.err().unwrap().to_string();
        assert!(text.starts_with("row 2, column 1: expected a number that is not negative, found -2"), "{text}");
    }
}
