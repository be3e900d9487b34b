//! Making sparse rows out of what files hold.

use crate::error::{Error, Result};
use basewise_core::sparse::Csr;
use std::path::Path;

/// A matrix without rows, to which rows are appended by [`push_dense`].
pub(super) fn empty(columns: usize) -> Csr {
    Csr { rows: 0, columns, starts: vec![0], indices: Vec::new(), values: Vec::new() }
}

/// Appends a row of `columns` numbers.
pub(super) fn push_dense(matrix: &mut Csr, row: &[f32]) {
    for (column, &value) in row.iter().enumerate() {
        if value != 0.0 {
            matrix.indices.push(column as u32);
            matrix.values.push(value);
        }
    }
    matrix.rows += 1;
    matrix.starts.push(matrix.values.len());
}

/// The matrix of compressed rows that a file holds, checked: `what` names it in messages. Rows need not be sorted.
pub(super) fn checked(path: &Path, what: &str, mut matrix: Csr) -> Result<Csr> {
    let wrong = |message: String| {
        let error = Error::of(path, message).at(what.to_owned());
        error.with_hint("the file is damaged, or was written by a program with a fault: write it again")
    };
    let stored = matrix.values.len();
    if matrix.indices.len() != stored {
        return Err(wrong(format!("expected as many indices as values, {stored}, found {}", matrix.indices.len())));
    }
    if matrix.starts.len() != matrix.rows + 1 {
        let found = matrix.starts.len();
        return Err(wrong(format!("expected {} starts of rows (indptr), found {found}", matrix.rows + 1)));
    }
    let ascending = matrix.starts.windows(2).all(|pair| pair[0] <= pair[1]);
    if matrix.starts[0] != 0 || matrix.starts[matrix.rows] != stored || !ascending {
        return Err(wrong(format!("expected starts of rows (indptr) that ascend from 0 to {stored}, found others")));
    }
    if let Some(index) = matrix.indices.iter().find(|&&index| index as usize >= matrix.columns) {
        return Err(wrong(format!("expected indices below {}, found {index}", matrix.columns)));
    }
    for i in 0..matrix.rows {
        let range = matrix.starts[i]..matrix.starts[i + 1];
        let columns = &mut matrix.indices[range.clone()];
        if columns.windows(2).all(|pair| pair[0] < pair[1]) {
            continue;
        }
        let mut pairs: Vec<(u32, f32)> =
            columns.iter().copied().zip(matrix.values[range.clone()].iter().copied()).collect();
        pairs.sort_by_key(|pair| pair.0);
        if let Some(twice) = pairs.windows(2).find(|two| two[0].0 == two[1].0) {
            return Err(wrong(format!("expected one value a place, found two in row {i}, column {}", twice[0].0)));
        }
        for (at, (column, value)) in range.zip(pairs) {
            matrix.indices[at] = column;
            matrix.values[at] = value;
        }
    }
    Ok(matrix)
}

/// Forgets stored zeros.
pub(super) fn drop_zeros(matrix: &mut Csr) {
    if matrix.values.iter().all(|&value| value != 0.0) {
        return;
    }
    let mut kept = 0;
    let mut from = 0;
    for i in 0..matrix.rows {
        let to = matrix.starts[i + 1];
        for at in from..to {
            if matrix.values[at] != 0.0 {
                matrix.indices[kept] = matrix.indices[at];
                matrix.values[kept] = matrix.values[at];
                kept += 1;
            }
        }
        from = to;
        matrix.starts[i + 1] = kept;
    }
    matrix.indices.truncate(kept);
    matrix.values.truncate(kept);
}
