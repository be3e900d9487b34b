//! Components by products with random directions (Halko, Martinsson and Tropp 2011, algorithms 4.4 and 5.1).

use super::{Pca, Rows, UnsupervisedError, complete, eigen, normalized};
use crate::unsupervised::rows::sum_of_pieces;
use basewise_core::Matrix;
use basewise_core::random::{normal, stream};

/// Directions beyond those that are asked for.
const MORE: usize = 10;

/// As many passes as scikit-learn makes: 7 where few components are wanted, else 4.
pub(super) fn fit(rows: Rows<'_>, count: usize, seed: u64) -> Result<Pca, UnsupervisedError> {
    let (n, columns) = (rows.rows(), rows.columns());
    let side = n.min(columns);
    let k = (count + MORE).min(side);
    let passes = if count * 10 < side { 7 } else { 4 };
    let mean = rows.means();
    let mut rng = stream(seed, "randomized pca", &[]);
    let mut right: Vec<f64> = (0..columns * k).map(|_| normal(&mut rng)).collect();
    for _ in 0..passes {
        let left = orthonormal(rows.centred_product(&mean, &right, k))?;
        right = rows.centred_transposed_product(&mean, &left);
        let narrow = right.iter().map(|&value| value as f32).collect();
        let narrow = orthonormal(Matrix::new(columns, k, narrow))?;
        right = narrow.data().iter().map(|&value| f64::from(value)).collect();
    }
    let left = orthonormal(rows.centred_product(&mean, &right, k))?;
    let last = rows.centred_transposed_product(&mean, &left);
    let products =
        sum_of_pieces(columns, k * k, |range, sums| add_products(&last[range.start * k..range.end * k], k, sums));
    let (values, vectors) = eigen::largest(&products, k, count)?;
    let along = |vector: &Vec<f64>| {
        let dot = |row: &[f64]| row.iter().zip(vector).map(|(a, b)| a * b).sum::<f64>();
        normalized(last.chunks_exact(k).map(dot).collect())
    };
    let mut components: Vec<Vec<f64>> = vectors.iter().map(along).collect();
    complete(&mut components);
    let freedom = (n - 1) as f64;
    let variance = values.iter().map(|value| value / freedom).collect();
    Ok(Pca { components, total_variance: total_variance(rows, &mean), mean, variance, rows: n }.signed())
}

/// Adds the products of pairs of columns of `rows`, `[_, k]`.
fn add_products(rows: &[f64], k: usize, sums: &mut [f64]) {
    for row in rows.chunks_exact(k) {
        for (sums, a) in sums.chunks_exact_mut(k).zip(row) {
            sums.iter_mut().zip(row).for_each(|(sum, b)| *sum += a * b);
        }
    }
}

/// Orthonormal columns with the span of those of `matrix`, by the eigenvectors of their products; twice, as rounding in
/// the first time grows with their condition. Directions that are lost in rounding become 0.
fn orthonormal(matrix: Matrix) -> Result<Matrix, UnsupervisedError> {
    let (n, k) = (matrix.rows(), matrix.columns());
    let mut matrix = matrix;
    for _ in 0..2 {
        let products = sum_of_pieces(n, k * k, |range, sums| {
            let rows: Vec<f64> = matrix.data()[range.start * k..range.end * k].iter().map(|&x| f64::from(x)).collect();
            add_products(&rows, k, sums);
        });
        let (values, vectors) = eigen::largest(&products, k, k)?;
        let least = values[0] * 1e-13;
        let mut right = vec![0.0; k * k];
        for (at, (value, vector)) in values.iter().zip(&vectors).enumerate().filter(|(_, (value, _))| **value > least) {
            vector.iter().enumerate().for_each(|(i, x)| right[i * k + at] = x / value.sqrt());
        }
        matrix = Rows::Dense(&matrix).centred_product(&vec![0.0; k], &right, k);
    }
    Ok(matrix)
}

/// Sum of the variances of the columns.
fn total_variance(rows: Rows<'_>, mean: &[f64]) -> f64 {
    let n = rows.rows();
    let squares = sum_of_pieces(n, 1, |range, sums| {
        range.for_each(|i| rows.each(i, |j, value| sums[0] += centred_square(rows, mean[j], value)));
    });
    let of_means = mean.iter().map(|mean| mean * mean).sum::<f64>() * n as f64;
    let all = if matches!(rows, Rows::Dense(_)) { squares[0] } else { squares[0] - of_means };
    all / (n - 1) as f64
}

/// Dense values are centred before they are squared, as nothing is lost then.
fn centred_square(rows: Rows<'_>, mean: f64, value: f32) -> f64 {
    let shift = if matches!(rows, Rows::Dense(_)) { mean } else { 0.0 };
    (f64::from(value) - shift).powi(2)
}
