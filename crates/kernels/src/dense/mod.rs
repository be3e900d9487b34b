//! A fully connected layer, on all threads: `y = x W + b`, `x` `[n, features]`, `W` `[features, units]`.
//!
//! Its weights are often the largest array of a network, so they are read once in each pass, as they lie, and every
//! thread takes a part of them. The parts depend on shapes only, and no sum is cut.

use crate::Level;
use crate::conv::bias_gradient;
use crate::matrix::{Columns, Packed, affine_columns, multiply, multiply_plain, multiply_transposed};
use crate::size::product;
use rayon::prelude::*;

/// Units that a task computes: a panel of the widest vectors.
const UNITS: usize = 64;
/// Features that a task computes: whole tiles of any height.
const FEATURES: usize = 240;
/// Partial sums of a product with few rows.
const PARTS: usize = 16;
/// Features of a partial sum, at least.
const LEAST_FEATURES: usize = 512;
/// So many rows are few: reading the weights costs more than the product.
const FEW_ROWS: usize = 128;
/// Features that go through at once: rows of weights that the second cache holds while all panels go over them.
const STRETCH: usize = 64;

/// The sizes of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Numbers in.
    pub features: usize,
    /// Numbers out.
    pub units: usize,
}

impl Shape {
    #[track_caller]
    fn check(&self, n: usize, x: usize, weights: usize, y: usize) {
        assert_eq!(x, product(&[n, self.features]), "input of {n} x {self:?}");
        assert_eq!(weights, product(&[self.features, self.units]), "weights of {self:?}");
        assert_eq!(y, product(&[n, self.units]), "output of {n} x {self:?}");
    }
}

/// A pointer that tasks share, each writing a part of its own.
#[derive(Clone, Copy)]
struct Shared(*mut f32);
// SAFETY: tasks write disjoint parts, as each use says.
unsafe impl Send for Shared {}
// SAFETY: tasks write disjoint parts, as each use says.
unsafe impl Sync for Shared {}

impl Shared {
    fn at(self, i: usize) -> *mut f32 {
        self.0.wrapping_add(i)
    }
}

/// `y = x W + b`, below zero cut off with `relu`.
pub fn forward(level: Level, s: &Shape, n: usize, x: &[f32], w: &[f32], b: &[f32], relu: bool, y: &mut [f32]) {
    s.check(n, x.len(), w.len(), y.len());
    assert_eq!(b.len(), s.units, "bias of {s:?}");
    let parts = (s.features / LEAST_FEATURES).clamp(1, PARTS);
    if parts == 1 || n > FEW_ROWS {
        return by_columns(level, s, n, x, w, b, relu, y);
    }
    // Few rows of a large matrix: each task reads a stretch of the weights from start to end, and sums in part.
    let part = s.features.div_ceil(parts);
    let mut sums = vec![0.0; parts * y.len()];
    sums.par_chunks_mut(y.len().max(1)).enumerate().for_each(|(task, sum)| {
        let end = s.features.min((task + 1) * part);
        for from in (task * part..end).step_by(STRETCH) {
            let count = STRETCH.min(end - from);
            let (x, w) = (&x[from.min(x.len())..], &w[from * s.units..]);
            multiply_plain(level, (n, count, s.units), (x, s.features), (w, s.units), (sum, s.units), true);
        }
    });
    for (i, y) in y.chunks_exact_mut(s.units).enumerate() {
        for (u, y) in y.iter_mut().enumerate() {
            let parts = (0..parts).map(|task| sums[(task * n + i) * s.units + u]);
            let sum = b[u] + parts.sum::<f32>();
            *y = if relu && sum < 0.0 { 0.0 } else { sum };
        }
    }
}

/// Each task a few columns.
fn by_columns(level: Level, s: &Shape, n: usize, x: &[f32], w: &[f32], b: &[f32], relu: bool, y: &mut [f32]) {
    let out = Shared(y.as_mut_ptr());
    (0..s.units.div_ceil(UNITS)).into_par_iter().for_each(|task| {
        let first = task * UNITS;
        let columns = Columns { first, count: UNITS.min(s.units - first), stride: s.units };
        // SAFETY: `y` has n rows of `units`, and each task writes columns of its own.
        unsafe { affine_columns(level, (n, s.features), x, w, b, relu, columns, out.at(first)) };
    });
}

/// The gradient of the input, `dx = dy Wᵀ`.
pub fn input_gradient(level: Level, s: &Shape, n: usize, dy: &[f32], w: &[f32], dx: &mut [f32]) {
    s.check(n, dx.len(), w.len(), dy.len());
    if n == 0 {
        return;
    }
    // Transposed: each row of the weights times the few columns of dyᵀ, so that the weights are read along their rows.
    let turned = Packed::transposed(level, s.units, n, dy);
    let out = Shared(dx.as_mut_ptr());
    (0..s.features.div_ceil(FEATURES)).into_par_iter().for_each_init(Vec::new, |product, task| {
        let first = task * FEATURES;
        let count = FEATURES.min(s.features - first);
        product.resize(count * n, 0.0);
        multiply(count, &w[first * s.units..], s.units, &turned, product, n, false);
        for i in 0..n {
            for (f, row) in product.chunks_exact(n).enumerate() {
                // SAFETY: `dx` has n rows of `features`, and each task writes columns of its own.
                unsafe { out.at(i * s.features + first + f).write(row[i]) };
            }
        }
    });
}

/// The gradients of weights and bias, `dw = xᵀ dy` and the sum of the rows of `dy`; both are overwritten.
pub fn weight_gradient(level: Level, s: &Shape, n: usize, x: &[f32], dy: &[f32], dw: &mut [f32], db: &mut [f32]) {
    s.check(n, x.len(), dw.len(), dy.len());
    assert_eq!(db.len(), s.units, "bias of {s:?}");
    db.fill(0.0);
    if n == 0 {
        return dw.fill(0.0);
    }
    bias_gradient(level, dy, db);
    dw.par_chunks_mut((FEATURES * s.units).max(1)).enumerate().for_each(|(task, dw)| {
        let first = task * FEATURES;
        let count = dw.len() / s.units;
        multiply_transposed(level, (n, count, s.units), &x[first..], s.features, dy, s.units, dw, s.units, false);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small whole numbers, so that sums in f32 are exact and any wrong place shows.
    fn values(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| (((i * 7919 + seed * 104_729 + i / 7) % 9) as f32) - 4.0).collect()
    }

    fn agree(n: usize, features: usize, units: usize) {
        let s = Shape { features, units };
        let (x, w, b) = (values(n * features, 1), values(features * units, 2), values(units, 3));
        let dy = values(n * units, 4);
        for level in Level::available() {
            let (mut y, mut dx) = (vec![9.0; n * units], vec![9.0; n * features]);
            let (mut dw, mut db) = (vec![9.0; features * units], vec![9.0; units]);
            forward(level, &s, n, &x, &w, &b, true, &mut y);
            input_gradient(level, &s, n, &dy, &w, &mut dx);
            weight_gradient(level, &s, n, &x, &dy, &mut dw, &mut db);
            for i in 0..n {
                for u in 0..units {
                    let sum: f32 = (0..features).map(|f| x[i * features + f] * w[f * units + u]).sum();
                    assert_eq!(y[i * units + u], (sum + b[u]).max(0.0), "{level}: output {i} {u}");
                }
                for f in 0..features {
                    let sum: f32 = (0..units).map(|u| dy[i * units + u] * w[f * units + u]).sum();
                    assert_eq!(dx[i * features + f], sum, "{level}: input gradient {i} {f}");
                }
            }
            for (at, dw) in dw.into_iter().enumerate() {
                let (f, u) = (at / units, at % units);
                let sum: f32 = (0..n).map(|i| x[i * features + f] * dy[i * units + u]).sum();
                assert_eq!(dw, sum, "{level}: weight gradient {f} {u}");
            }
            for (u, db) in db.into_iter().enumerate() {
                assert_eq!(db, (0..n).map(|i| dy[i * units + u]).sum::<f32>(), "{level}: bias gradient {u}");
            }
        }
    }

    #[test]
    fn all_passes_are_sums() {
        for (n, features, units) in [
            (0, 3, 2),
            (1, 1, 1),
            (3, 5, 1),
            (2, 300, 130),
            (7, 481, 65),
            (33, 17, 200),
            (5, 250, 63),
            (3, 2100, 70),
            (131, 1100, 5),
        ] {
            agree(n, features, units);
        }
    }

    #[test]
    #[should_panic(expected = "beyond all memory")]
    fn rows_whose_numbers_wrap_around_are_refused() {
        let s = Shape { features: 2, units: 2 };
        forward(Level::best(), &s, 1 << 63, &[], &[0.0; 4], &[0.0; 2], false, &mut []);
    }
}
