//! Shapley values of features for trees, path-dependent (TreeSHAP; Lundberg et al. 2018, 2020).
//!
//! A leaf is reached with probability `prod_j (o_j if j is known else z_j)`: `o_j` says whether the example keeps to all
//! questions about feature `j` on the way, `z_j` is the share of training weight that does. The Shapley value of such a
//! product is the integral over `t` in `0..1` of `(o_i - z_i) prod_{j != i} (t o_j + (1 - t) z_j)` (the multilinear
//! extension; Owen 1972): a polynomial, so that a Gauss-Legendre rule with half as many points as features is exact.
//! All terms have one sign, so nothing cancels, however deep the tree.

use super::{Tree, TreeEnsemble, TreeError};
use crate::Features;
use rayon::prelude::*;

/// What each feature adds to each raw prediction.
#[derive(Clone, Debug, PartialEq)]
pub struct ShapValues {
    /// The mean raw prediction over the training examples, one an output.
    pub base: Vec<f64>,
    /// `[rows, outputs, features]`; with the base, the features of a row sum to its raw prediction.
    pub values: Vec<f64>,
}

/// All questions about one feature on the way to a leaf.
struct Condition {
    feature: usize,
    above: f32,
    up_to: f32,
    missing: bool,
    /// Share of the weight that keeps to them.
    share: f64,
}

impl Condition {
    fn holds(&self, value: f32) -> bool {
        if value.is_nan() { self.missing } else { value > self.above && value <= self.up_to }
    }
}

/// A leaf, and the features on the way there, each once.
struct Path {
    leaf: usize,
    conditions: Vec<Condition>,
}

impl TreeEnsemble {
    /// SHAP values of raw predictions (see [`TreeEnsemble::raw`]): log odds for a logistic link.
    ///
    /// Takes `8 * rows * outputs * features` bytes, and time in proportion to rows, leaves and squared depth.
    ///
    /// # Errors
    /// If the features are not those of training.
    pub fn shap(&self, features: &Features) -> Result<ShapValues, TreeError> {
        self.check(features)?;
        let (columns, outputs) = (features.columns(), self.outputs());
        let mut shap =
            ShapValues { base: self.base().to_vec(), values: vec![0.0; features.rows() * outputs * columns] };
        for (place, tree) in self.trees().iter().enumerate() {
            let first = self.first_output(place);
            let root = tree.values(0).iter().enumerate();
            root.for_each(|(output, value)| shap.base[first + output] += self.scale() * value);
            let paths = paths(tree);
            let longest = paths.iter().map(|path| path.conditions.len()).max().unwrap_or(0);
            let rules: Vec<_> = (0..=longest.div_ceil(2)).map(gauss_legendre).collect();
            shap.values.par_chunks_mut((outputs * columns).max(1)).enumerate().for_each(|(row, own)| {
                for path in &paths {
                    explain(
                        path,
                        &rules,
                        |feature| features.get(row, feature),
                        |feature, share| {
                            for (output, value) in tree.values(path.leaf).iter().enumerate() {
                                own[(first + output) * columns + feature] += self.scale() * value * share;
                            }
                        },
                    );
                }
            });
        }
        Ok(shap)
    }
}

/// Gives `add` the Shapley value of each feature for reaching a leaf.
fn explain(path: &Path, rules: &[Vec<(f64, f64)>], value: impl Fn(usize) -> f32, mut add: impl FnMut(usize, f64)) {
    let count = path.conditions.len();
    let pairs: Vec<(f64, f64)> = path
        .conditions
        .iter()
        .map(|condition| (f64::from(u8::from(condition.holds(value(condition.feature)))), condition.share))
        .collect();
    let mut sums = vec![0.0; count];
    for &(t, weight) in &rules[count.div_ceil(2)] {
        let factor = |&(holds, share): &(f64, f64)| t * holds + (1.0 - t) * share;
        let product: f64 = pairs.iter().map(factor).product();
        for (sum, pair) in sums.iter_mut().zip(&pairs) {
            *sum += weight * product / factor(pair);
        }
    }
    for ((condition, (holds, share)), sum) in path.conditions.iter().zip(pairs).zip(sums) {
        add(condition.feature, (holds - share) * sum);
    }
}

/// All leaves with the ways there.
fn paths(tree: &Tree) -> Vec<Path> {
    let mut found = Vec::new();
    let mut open = vec![Path { leaf: 0, conditions: Vec::new() }];
    while let Some(path) = open.pop() {
        let node = &tree.nodes()[path.leaf];
        let Some([left, right]) = node.children() else {
            found.push(path);
            continue;
        };
        let other = path.conditions.iter().map(|condition| Condition { ..*condition }).collect();
        let sides = [(left, path.conditions), (right, other)];
        for (side, (child, mut conditions)) in sides.into_iter().enumerate() {
            let feature = node.feature as usize;
            let place = conditions.iter().position(|condition| condition.feature == feature).unwrap_or_else(|| {
                let (above, up_to) = (f32::NEG_INFINITY, f32::INFINITY);
                conditions.push(Condition { feature, above, up_to, missing: true, share: 1.0 });
                conditions.len() - 1
            });
            let own = &mut conditions[place];
            own.share *= tree.nodes()[child].weight / node.weight;
            own.missing &= node.missing_left == (side == 0);
            if side == 0 {
                own.up_to = own.up_to.min(node.threshold);
            } else {
                own.above = own.above.max(node.threshold);
            }
            open.push(Path { leaf: child, conditions });
        }
    }
    found
}

/// Points in `0..1` and weights of the rule that is exact for polynomials of degree `2 * points - 1`.
fn gauss_legendre(points: usize) -> Vec<(f64, f64)> {
    let n = points as f64;
    let point = |place: usize| {
        let mut x = (std::f64::consts::PI * (place as f64 + 0.75) / (n + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..100 {
            let (mut last, mut own) = (1.0, x);
            for degree in 2..=points {
                let k = degree as f64;
                (last, own) = (own, ((2.0 * k - 1.0) * x * own - (k - 1.0) * last) / k);
            }
            slope = n * (x * own - last) / (x * x - 1.0);
            let step = own / slope;
            x -= step;
            if step.abs() < 1e-15 {
                break;
            }
        }
        ((1.0 - x) / 2.0, 1.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..points).map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quadrature_is_exact_for_its_degree() {
        for points in 1..40usize {
            let rule = gauss_legendre(points);
            for degree in 0..2 * points {
                let sum: f64 = rule.iter().map(|(t, weight)| weight * t.powi(degree as i32)).sum();
                assert!((sum * (degree + 1) as f64 - 1.0).abs() < 1e-12, "{points} points, degree {degree}: {sum}");
            }
        }
        assert!(gauss_legendre(0).is_empty());
    }
}
