//! Eigenvectors of symmetric matrices, the largest first.

use super::UnsupervisedError;
use faer::{MatRef, Par, Side};

/// Eigenvalues in falling order and the eigenvectors, one after the other, of the `size x size` matrix in the lower
/// triangle of `values` (row-major).
pub(super) fn largest(
    values: &[f64],
    size: usize,
    count: usize,
) -> Result<(Vec<f64>, Vec<Vec<f64>>), UnsupervisedError> {
    if size == 0 {
        return Ok((Vec::new(), Vec::new()));
    }
    // One thread: sums of faer depend on how many there are.
    faer::set_global_parallelism(Par::Seq);
    let matrix = MatRef::from_row_major_slice(values, size, size);
    let found = matrix.self_adjoint_eigen(Side::Lower).map_err(|_| UnsupervisedError::Eigen { size })?;
    let (vectors, numbers) = (found.U(), found.S().column_vector());
    let places = (size - count.min(size)..size).rev();
    Ok(places.map(|at| (numbers[at], (0..size).map(|i| vectors[(i, at)]).collect::<Vec<f64>>())).unzip())
}
