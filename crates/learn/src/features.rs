//! The numbers that classical models read: rows of examples, named columns, dense or sparse.

use std::borrow::Cow;

/// Why numbers are no feature matrix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeaturesError {
    /// Values do not fill rows of this many columns.
    #[error("expected {rows} rows of {columns} features, found {found} values")]
    Shape {
        /// Rows said.
        rows: usize,
        /// Columns said.
        columns: usize,
        /// Values given.
        found: usize,
    },
    /// Row starts, column numbers and values of a sparse matrix contradict each other.
    #[error("row {row} of a sparse matrix: {what}")]
    Sparse {
        /// 0-based.
        row: usize,
        /// What is wrong.
        what: String,
    },
    /// Blocks that are put side by side have different numbers of rows.
    #[error("expected {expected} rows in each block of features, found {found}")]
    Rows {
        /// Rows of the first block.
        expected: usize,
        /// Rows of another one.
        found: usize,
    },
}

/// A feature matrix `[rows, columns]` with a name for each column. A value that is not stored is 0; NaN is missing.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    names: Vec<String>,
    rows: usize,
    values: Values,
}

#[derive(Clone, Debug, PartialEq)]
enum Values {
    /// Row after row.
    Dense(Vec<f32>),
    /// Compressed sparse rows; columns ascend within a row.
    Sparse { starts: Vec<usize>, columns: Vec<u32>, values: Vec<f32> },
}

/// The stored numbers of one row, for loops that must be fast.
pub(crate) enum RowValues<'a> {
    /// One number a column.
    Dense(&'a [f32]),
    /// Columns, ascending, and their numbers.
    Sparse(&'a [u32], &'a [f32]),
}

/// The same numbers column by column (compressed sparse columns), which coordinate descent and binning walk.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns {
    rows: usize,
    starts: Vec<usize>,
    /// Row and value together: both are always wanted.
    numbers: Vec<(u32, f32)>,
}

impl Features {
    /// From values row after row.
    ///
    /// # Errors
    /// If `values` does not hold `rows * names.len()` numbers.
    pub fn dense(names: Vec<String>, rows: usize, values: Vec<f32>) -> Result<Self, FeaturesError> {
        if rows.checked_mul(names.len()) != Some(values.len()) {
            return Err(FeaturesError::Shape { rows, columns: names.len(), found: values.len() });
        }
        Ok(Self { names, rows, values: Values::Dense(values) })
    }

    /// From compressed sparse rows: `starts[i]..starts[i + 1]` are the places of row `i` in `columns` and `values`.
    ///
    /// # Errors
    /// If starts do not ascend from 0 to the number of values, or the columns of a row do not ascend or are out of range.
    pub fn sparse(
        names: Vec<String>,
        starts: Vec<usize>,
        columns: Vec<u32>,
        values: Vec<f32>,
    ) -> Result<Self, FeaturesError> {
        let sparse = |row, what: &str| FeaturesError::Sparse { row, what: what.into() };
        if starts.first() != Some(&0) {
            return Err(sparse(0, "expected row starts that begin with 0"));
        }
        let rows = starts.len() - 1;
        if starts[rows] != values.len() || columns.len() != values.len() {
            return Err(sparse(
                rows.saturating_sub(1),
                "expected as many column numbers and values as the last start says",
            ));
        }
        for row in 0..rows {
            if starts[row] > starts[row + 1] || starts[row + 1] > columns.len() {
                return Err(sparse(row, "expected starts that ascend"));
            }
            let own = &columns[starts[row]..starts[row + 1]];
            if own.windows(2).any(|pair| pair[0] >= pair[1]) {
                return Err(sparse(row, "expected columns that ascend, each once"));
            }
            if own.last().is_some_and(|&column| column as usize >= names.len()) {
                return Err(sparse(row, "a column number is beyond the names"));
            }
        }
        Ok(Self { names, rows, values: Values::Sparse { starts, columns, values } })
    }

    /// [`Features::dense`] of values that are known to fit.
    pub(crate) fn from_dense_rows(names: Vec<String>, rows: usize, values: Vec<f32>) -> Self {
        debug_assert_eq!(rows * names.len(), values.len());
        Self { names, rows, values: Values::Dense(values) }
    }

    /// [`Features::sparse`] of rows that are known to be in order.
    pub(crate) fn from_sparse_rows(
        names: Vec<String>,
        starts: Vec<usize>,
        columns: Vec<u32>,
        values: Vec<f32>,
    ) -> Self {
        debug_assert_eq!(starts.last(), Some(&values.len()));
        Self { names, rows: starts.len() - 1, values: Values::Sparse { starts, columns, values } }
    }

    /// Number of examples.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of features.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.names.len()
    }

    /// Names of the columns.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether zeros are left out.
    #[must_use]
    pub fn is_sparse(&self) -> bool {
        matches!(self.values, Values::Sparse { .. })
    }

    /// Stored numbers.
    #[must_use]
    pub fn stored(&self) -> usize {
        match &self.values {
            Values::Dense(values) | Values::Sparse { values, .. } => values.len(),
        }
    }

    /// Bytes that the numbers take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.values {
            Values::Dense(values) => values.len() * 4,
            Values::Sparse { starts, values, .. } => starts.len() * size_of::<usize>() + values.len() * 8,
        }
    }

    /// The stored numbers of a row as slices.
    pub(crate) fn row_values(&self, row: usize) -> RowValues<'_> {
        match &self.values {
            Values::Dense(values) => RowValues::Dense(&values[row * self.names.len()..(row + 1) * self.names.len()]),
            Values::Sparse { starts, columns, values } => {
                let range = starts[row]..starts[row + 1];
                RowValues::Sparse(&columns[range.clone()], &values[range])
            }
        }
    }

    /// `[rows, columns]` of these rows with their zeros.
    pub(crate) fn filled_rows(&self, rows: std::ops::Range<usize>) -> Cow<'_, [f32]> {
        let width = self.names.len();
        match &self.values {
            Values::Dense(values) => Cow::Borrowed(&values[rows.start * width..rows.end * width]),
            Values::Sparse { starts, columns, values } => {
                let mut filled = vec![0.0; rows.len() * width];
                for (own, row) in filled.chunks_exact_mut(width.max(1)).zip(rows) {
                    let range = starts[row]..starts[row + 1];
                    columns[range.clone()]
                        .iter()
                        .zip(&values[range])
                        .for_each(|(&column, &value)| own[column as usize] = value);
                }
                Cow::Owned(filled)
            }
        }
    }

    /// Column and value of each stored number of a row, columns ascending.
    pub fn row(&self, row: usize) -> impl Iterator<Item = (usize, f32)> + '_ {
        let (columns, values) = match &self.values {
            Values::Dense(values) => (None, &values[row * self.names.len()..(row + 1) * self.names.len()]),
            Values::Sparse { starts, columns, values } => {
                let range = starts[row]..starts[row + 1];
                (Some(&columns[range.clone()]), &values[range])
            }
        };
        values.iter().enumerate().map(move |(place, &value)| (columns.map_or(place, |own| own[place] as usize), value))
    }

    /// One number.
    #[must_use]
    pub fn get(&self, row: usize, column: usize) -> f32 {
        match &self.values {
            Values::Dense(values) => values[row * self.names.len() + column],
            Values::Sparse { starts, columns, values } => {
                let range = starts[row]..starts[row + 1];
                columns[range.clone()].binary_search(&(column as u32)).map_or(0.0, |place| values[range][place])
            }
        }
    }

    /// These rows, in this order; a row may come more than once.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let values = match &self.values {
            Values::Dense(values) => {
                let width = self.names.len();
                Values::Dense(rows.iter().flat_map(|&row| &values[row * width..(row + 1) * width]).copied().collect())
            }
            Values::Sparse { starts, columns, values } => {
                let mut chosen = (vec![0], Vec::new(), Vec::new());
                for &row in rows {
                    let range = starts[row]..starts[row + 1];
                    chosen.1.extend_from_slice(&columns[range.clone()]);
                    chosen.2.extend_from_slice(&values[range]);
                    chosen.0.push(chosen.1.len());
                }
                Values::Sparse { starts: chosen.0, columns: chosen.1, values: chosen.2 }
            }
        };
        Self { names: self.names.clone(), rows: rows.len(), values }
    }

    /// Blocks of columns side by side. Dense if all blocks are, else sparse without the zeros of dense blocks.
    ///
    /// # Errors
    /// If the blocks have different numbers of rows.
    pub fn beside(blocks: &[Self]) -> Result<Self, FeaturesError> {
        let rows = blocks.first().map_or(0, Self::rows);
        if let Some(block) = blocks.iter().find(|block| block.rows != rows) {
            return Err(FeaturesError::Rows { expected: rows, found: block.rows });
        }
        let names: Vec<String> = blocks.iter().flat_map(|block| block.names.iter().cloned()).collect();
        if !blocks.iter().any(Self::is_sparse) {
            let all =
                (0..rows).flat_map(|row| blocks.iter().flat_map(move |block| block.row(row).map(|(_, value)| value)));
            return Ok(Self { rows, values: Values::Dense(all.collect()), names });
        }
        let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for row in 0..rows {
            let mut first = 0;
            for block in blocks {
                for (column, value) in block.row(row).filter(|&(_, value)| value != 0.0) {
                    columns.push((first + column) as u32);
                    values.push(value);
                }
                first += block.columns();
            }
            starts.push(columns.len());
        }
        Ok(Self { names, rows, values: Values::Sparse { starts, columns, values } })
    }

    /// The numbers that are not 0, column by column.
    #[must_use]
    pub fn by_column(&self) -> Columns {
        let mut starts = vec![0usize; self.columns() + 1];
        for row in 0..self.rows {
            self.row(row).filter(|&(_, value)| value != 0.0).for_each(|(column, _)| starts[column + 1] += 1);
        }
        for column in 0..self.columns() {
            starts[column + 1] += starts[column];
        }
        let mut next = starts.clone();
        let total = starts[self.columns()];
        let mut numbers = vec![(0, 0.0); total];
        for row in 0..self.rows {
            for (column, value) in self.row(row).filter(|&(_, value)| value != 0.0) {
                numbers[next[column]] = (row as u32, value);
                next[column] += 1;
            }
        }
        Columns { rows: self.rows, starts, numbers }
    }
}

impl Columns {
    /// Number of examples.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of features.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.starts.len() - 1
    }

    /// Row and value of each number of a column that is not 0, rows ascending.
    #[must_use]
    pub fn column(&self, column: usize) -> &[(u32, f32)] {
        &self.numbers[self.starts[column]..self.starts[column + 1]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|i| format!("f{i}")).collect()
    }

    /// The same numbers dense and sparse.
    fn both(rows: usize, columns: usize, values: &[f32]) -> (Features, Features) {
        let (mut starts, mut places, mut stored) = (vec![0], Vec::new(), Vec::new());
        for row in values.chunks(columns.max(1)).take(rows) {
            for (column, &value) in row.iter().enumerate().filter(|&(_, &value)| value != 0.0) {
                places.push(column as u32);
                stored.push(value);
            }
            starts.push(stored.len());
        }
        (
            Features::dense(names(columns), rows, values.to_vec()).unwrap(),
            Features::sparse(names(columns), starts, places, stored).unwrap(),
        )
    }

    fn numbers(features: &Features) -> Vec<f32> {
        (0..features.rows())
            .flat_map(|row| (0..features.columns()).map(move |column| features.get(row, column)))
            .collect()
    }

    proptest! {
        #[test]
        fn dense_and_sparse_hold_the_same_numbers(
            (rows, columns) in (1usize..6, 1usize..6),
            seed in proptest::collection::vec(prop_oneof![Just(0.0f32), -2.0f32..2.0], 36),
        ) {
            let values = &seed[..rows * columns];
            let (dense, sparse) = both(rows, columns, values);
            prop_assert_eq!(numbers(&dense), values.to_vec());
            prop_assert_eq!(numbers(&sparse), values.to_vec());
            prop_assert_eq!(dense.by_column(), sparse.by_column());
            let by_column = sparse.by_column();
            for column in 0..columns {
                for &(row, value) in by_column.column(column) {
                    prop_assert_eq!(dense.get(row as usize, column), value);
                }
            }
            let chosen = [rows - 1, 0, rows - 1];
            prop_assert_eq!(numbers(&dense.select(&chosen)), numbers(&sparse.select(&chosen)));
            let joined = Features::beside(&[dense.clone(), sparse.clone()]).unwrap();
            let plain = Features::beside(&[dense.clone(), dense]).unwrap();
            prop_assert!(joined.is_sparse() && !plain.is_sparse());
            prop_assert_eq!(numbers(&joined), numbers(&plain));
        }
    }

    #[test]
    fn contradictions_are_refused() {
        assert!(Features::dense(names(2), 2, vec![0.0; 3]).is_err());
        assert!(Features::sparse(names(2), vec![], vec![], vec![]).is_err());
        assert!(Features::sparse(names(2), vec![0, 2], vec![1, 0], vec![1.0, 1.0]).is_err());
        assert!(Features::sparse(names(2), vec![0, 1], vec![2], vec![1.0]).is_err());
        assert!(Features::sparse(names(2), vec![0, 5, 1], vec![0], vec![1.0]).is_err());
        let two = Features::dense(names(1), 2, vec![0.0; 2]).unwrap();
        let one = Features::dense(names(1), 1, vec![0.0; 1]).unwrap();
        assert_eq!(Features::beside(&[two, one]), Err(FeaturesError::Rows { expected: 2, found: 1 }));
    }
}
