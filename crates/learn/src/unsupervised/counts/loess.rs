//! Local quadratic regression (Cleveland, Devlin and Grosse 1988).

use rayon::prelude::*;

/// Fitted values at `x` of a quadratic through the nearest `span` of all points, weighted by `(1 - d³)³` of the distance as a
/// part of the largest one. Each is fitted directly, where other programs interpolate between a few.
pub(super) fn fitted(x: &[f64], y: &[f64], span: f64) -> Vec<f64> {
    let n = x.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| x[a].total_cmp(&x[b]));
    let sorted: Vec<(f64, f64)> = order.iter().map(|&i| (x[i], y[i])).collect();
    let near = ((n as f64 * span + 1e-5) as usize).clamp(1, n.max(1));
    let values: Vec<f64> = (0..n).into_par_iter().map(|at| at_point(&sorted, at, near)).collect();
    let mut fitted = vec![0.0; n];
    order.iter().zip(values).for_each(|(&i, value)| fitted[i] = value);
    fitted
}

/// The fit at the point `at` of sorted points.
fn at_point(points: &[(f64, f64)], at: usize, near: usize) -> f64 {
    let middle = points[at].0;
    let window = nearest(points, at, near);
    let width = (middle - points[window.start].0).max(points[window.end - 1].0 - middle);
    // Sums of weights times powers of the distance, and times y.
    let (mut powers, mut products) = ([0.0; 5], [0.0; 3]);
    for &(x, y) in &points[window] {
        let t = if width > 0.0 { (x - middle) / width } else { 0.0 };
        let weight = (1.0 - t.abs().powi(3)).max(0.0).powi(3);
        let mut term = weight;
        for (power, sum) in powers.iter_mut().enumerate() {
            *sum += term;
            if power < 3 {
                products[power] += term * y;
            }
            term *= t;
        }
    }
    intercept(&powers, &products)
}

/// The range of the `near` points that are nearest to point `at`.
fn nearest(points: &[(f64, f64)], at: usize, near: usize) -> std::ops::Range<usize> {
    let middle = points[at].0;
    let (mut low, mut high) = (at.saturating_sub(near - 1), at.min(points.len() - near));
    // The first window whose left end is not farther than the point after its right end.
    while low < high {
        let start = usize::midpoint(low, high);
        if middle - points[start].0 > points[start + near].0 - middle {
            low = start + 1;
        } else {
            high = start;
        }
    }
    low..low + near
}

/// The constant of a weighted quadratic; of a line or a mean where points are too few to tell.
fn intercept(powers: &[f64; 5], products: &[f64; 3]) -> f64 {
    for size in (1..=3).rev() {
        let mut rows = [[0.0; 4]; 3];
        for (i, row) in rows.iter_mut().enumerate().take(size) {
            (0..size).for_each(|j| row[j] = powers[i + j]);
            row[3] = products[i];
        }
        if let Some(value) = solve(rows, size, powers[0]) {
            return value;
        }
    }
    0.0
}

/// The first unknown of a symmetric system by elimination from the last one; none if it is singular.
fn solve(mut rows: [[f64; 4]; 3], size: usize, scale: f64) -> Option<f64> {
    for pivot in (0..size).rev() {
        if rows[pivot][pivot] <= 1e-10 * scale {
            return None;
        }
        for i in 0..pivot {
            let factor = rows[i][pivot] / rows[pivot][pivot];
            for j in [0, 1, 2, 3] {
                rows[i][j] -= factor * rows[pivot][j];
            }
        }
    }
    Some(rows[0][3] / rows[0][0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quadratic_is_fitted_exactly() {
        let x: Vec<f64> = (0..40).map(|i| (f64::from(i) * 0.7).sin() * 3.0).collect();
        let y: Vec<f64> = x.iter().map(|x| 1.0 - 2.0 * x + 0.5 * x * x).collect();
        fitted(&x, &y, 0.3).iter().zip(&y).for_each(|(a, b)| assert!((a - b).abs() < 1e-9, "{a} {b}"));
    }

    #[test]
    fn few_points_and_copies() {
        assert!(fitted(&[], &[], 0.3).is_empty());
        assert_eq!(fitted(&[1.0], &[2.0], 0.3), [2.0]);
        fitted(&[1.0; 6], &[1.0, 2.0, 3.0, 1.0, 2.0, 3.0], 1.0).iter().for_each(|v| assert!((v - 2.0).abs() < 1e-12));
    }

    #[test]
    fn windows_are_of_the_nearest_points() {
        let points: Vec<(f64, f64)> = [0.0, 1.0, 3.0, 6.0, 10.0].map(|x| (x, 0.0)).to_vec();
        let all: Vec<_> = (0..5).map(|at| nearest(&points, at, 3)).collect();
        assert_eq!(all, [0..3, 0..3, 0..3, 2..5, 2..5]);
    }
}
