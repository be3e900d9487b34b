//! Muon: momentum whose steps are made orthogonal by Newton-Schulz iterations (Jordan et al. 2024).

use basewise_kernels::{Level, matrix};
use rayon::prelude::*;

/// Coefficients of the quintic polynomial, and iterations.
const COEFFICIENTS: [f32; 3] = [3.4445, -4.775, 2.0315];
const ITERATIONS: usize = 5;
/// The smallest norm that a matrix is divided by.
const LEAST_NORM: f64 = 1e-7;
/// The root mean square of a step, which is about that of Adam's (Liu et al. 2025, eq. 4).
const SIZE: f64 = 0.2;
/// Rows that one thread works on at a time.
const ROWS: usize = 16;

/// One step for a matrix.
#[derive(Clone, Copy, Debug)]
pub(super) struct Muon {
    pub(super) rate: f64,
    pub(super) momentum: f32,
    pub(super) nesterov: bool,
    pub(super) decay: f64,
}

impl Muon {
    /// Moves `values`, `[rows, columns]`; `mean` is the running mean of gradients.
    pub(super) fn step(&self, values: &mut [f32], gradient: &[f32], mean: &mut [f32], rows: usize) {
        let momentum = self.momentum;
        mean.iter_mut().zip(gradient).for_each(|(m, g)| *m += (1.0 - momentum) * (g - *m));
        let ahead = |(m, g): (&f32, &f32)| if self.nesterov { g + momentum * (m - g) } else { *m };
        let update: Vec<f32> = mean.iter().zip(gradient).map(ahead).collect();
        let columns = values.len() / rows.max(1);
        let update = orthogonal(update, rows, columns);
        let rate = (self.rate * SIZE * (rows.max(columns) as f64).sqrt()) as f32;
        let shrink = (1.0 - self.rate * self.decay) as f32;
        values.iter_mut().zip(&update).for_each(|(w, u)| *w = *w * shrink - rate * u);
    }
}

/// The nearest orthogonal matrix, about: singular values come to lie between 0.7 and 1.2 (Jordan et al. 2024).
pub(super) fn orthogonal(x: Vec<f32>, rows: usize, columns: usize) -> Vec<f32> {
    if rows > columns {
        let turned = orthogonal(transposed(&x, rows, columns), columns, rows);
        return transposed(&turned, columns, rows);
    }
    let (mut x, [a, b, c]) = (x, COEFFICIENTS);
    let norm = x.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>().sqrt().max(LEAST_NORM);
    x.iter_mut().for_each(|v| *v = (f64::from(*v) / norm) as f32);
    for _ in 0..ITERATIONS {
        let gram = product(&x, &transposed(&x, rows, columns), (rows, columns, rows));
        let mut factor = product(&gram, &gram, (rows, rows, rows));
        factor.iter_mut().zip(&gram).for_each(|(square, gram)| *square = b * gram + c * *square);
        let bent = product(&factor, &x, (rows, rows, columns));
        x.iter_mut().zip(&bent).for_each(|(x, bent)| *x = a * *x + bent);
    }
    x
}

fn transposed(x: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    for (i, row) in x.chunks_exact(columns.max(1)).enumerate() {
        row.iter().enumerate().for_each(|(j, &value)| out[j * rows + i] = value);
    }
    out
}

/// `a b` for `a` of `[m, k]` and `b` of `[k, n]`, cut by rows of the product, whose number decides the pieces.
fn product(a: &[f32], b: &[f32], (m, k, n): (usize, usize, usize)) -> Vec<f32> {
    let mut c = vec![0.0; m * n];
    if c.is_empty() || k == 0 {
        return c;
    }
    c.par_chunks_mut(ROWS * n).zip(a.par_chunks(ROWS * k)).for_each(|(c, a)| {
        let rows = c.len() / n;
        matrix::multiply_plain(Level::best(), (rows, k, n), (a, k), (b, n), (c, n), false);
    });
    c
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_core::random::{normal, stream};

    #[test]
    fn products_and_transposes_by_hand() {
        assert_eq!(product(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[1.0, -1.0, 2.0], (2, 3, 1)), [5.0, 11.0]);
        assert_eq!(transposed(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }

    #[test]
    fn rows_or_columns_become_orthogonal() {
        for (rows, columns) in [(3, 7), (20, 6), (18, 18), (1, 5), (4, 1)] {
            let mut rng = stream(1, "test muon", &[rows as u64]);
            let x: Vec<f32> = (0..rows * columns).map(|_| normal(&mut rng) as f32).collect();
            let y = orthogonal(x, rows, columns);
            let (m, y) = if rows > columns { (columns, transposed(&y, rows, columns)) } else { (rows, y) };
            let gram = product(&y, &transposed(&y, m, y.len() / m), (m, y.len() / m, m));
            // The trace is the sum of squared singular values, each between 0.7 and 1.2 unless it was tiny.
            let trace: f32 = (0..m).map(|i| gram[i * m + i]).sum();
            assert!((0.4 * m as f32..1.5 * m as f32).contains(&trace), "{rows} x {columns}: {trace}");
        }
    }

    #[test]
    fn nothing_becomes_nothing() {
        assert_eq!(orthogonal(vec![0.0; 6], 2, 3), [0.0; 6]);
        assert_eq!(orthogonal(Vec::new(), 0, 0), [0.0; 0]);
    }
}
