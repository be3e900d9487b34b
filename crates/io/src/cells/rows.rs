//! Making sparse rows out of what files hold.

use crate::error::{Error, Result};
use basewise_core::sparse::Csr;
use std::path::Path;

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

fn wrong(path: &Path, what: &str, message: String) -> Error {
    let error = Error::of(path, message).at(what.to_owned());
    error.with_hint("the file is damaged, or was written by a program with a fault: write it again")
}

/// Refuses starts of rows that do not go with as many indices and values as there are; `what` names the matrix in messages.
pub(super) fn check_starts(
    path: &Path,
    what: &str,
    rows: usize,
    starts: &[usize],
    (indices, values): (usize, usize),
) -> Result<()> {
    let wrong = |message| Err(wrong(path, what, message));
    if indices != values {
        return wrong(format!("expected as many indices as values, {values}, found {indices}"));
    }
    if starts.len() != rows + 1 {
        return wrong(format!("expected {} starts of rows (indptr), found {}", rows + 1, starts.len()));
    }
    let ascending = starts.windows(2).all(|pair| pair[0] <= pair[1]);
    if starts[0] != 0 || starts[rows] != values || !ascending {
        return wrong(format!("expected starts of rows (indptr) that ascend from 0 to {values}, found others"));
    }
    Ok(())
}

/// The matrix of compressed rows that a file holds, checked: `what` names it in messages. Rows need not be sorted.
pub(super) fn checked(path: &Path, what: &str, matrix: Csr) -> Result<Csr> {
    check_starts(path, what, matrix.rows, &matrix.starts, (matrix.indices.len(), matrix.values.len()))?;
    sorted(path, what, 0, matrix)
}

/// Rows, of which the first is row `first` of the file, with columns that are checked and brought into order.
pub(super) fn sorted(path: &Path, what: &str, first: usize, mut matrix: Csr) -> Result<Csr> {
    let wrong = |message| Err(wrong(path, what, message));
    if let Some(index) = matrix.indices.iter().find(|&&index| index as usize >= matrix.columns) {
        return wrong(format!("expected indices below {}, found {index}", matrix.columns));
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
            let message = format!("expected one value a place, found two in row {}, column {}", first + i, twice[0].0);
            return wrong(message);
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
