//! How alike two columns are.

use basewise_kernels::columns::Measure;

/// How alike two columns are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ColumnSimilarity {
    /// Minus the Euclidean distance of the probabilities: 0 at best. The default of Tomtom since 2007.
    #[default]
    Euclidean,
    /// Pearson's correlation of the probabilities: 1 at best; 0 where a column is uniform.
    Pearson,
}

/// Steps of a unit of similarity. Similarities are counted in whole steps below the best, so that they are within half of one of
/// those of the definition.
pub(super) const STEPS: i16 = 2000;
/// As many steps as any similarity is below the best, and more: a power of two.
pub(super) const FINE: usize = 4096;

impl ColumnSimilarity {
    /// The similarity by its definition.
    #[cfg(test)]
    pub(super) fn score(self, a: &[f64; 4], b: &[f64; 4]) -> f64 {
        match self {
            Self::Euclidean => -(0..4).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt(),
            Self::Pearson => {
                // The mean of a column of probabilities is one quarter.
                let dot = |x: &[f64; 4], y: &[f64; 4]| (0..4).map(|i| (x[i] - 0.25) * (y[i] - 0.25)).sum::<f64>();
                let scale = (dot(a, a) * dot(b, b)).sqrt();
                if scale > 1e-12 { dot(a, b) / scale } else { 0.0 }
            }
        }
    }

    /// What [`Self::measure`] measures of two columns' points is how far their similarity is below the best.
    ///
    /// Probabilities add up to 1, so that three numbers say them: half the differences between pairs of bases, which is a rotation
    /// (of Hadamard) that keeps distances and products. A correlation is the product of points at a distance of 1.
    pub(super) fn point(self, column: &[f64; 4]) -> [f32; 3] {
        let [a, c, g, t] = column;
        let point = [(a + t) - (c + g), (a + c) - (g + t), (a + g) - (c + t)].map(|difference| difference / 2.0);
        let length = match self {
            Self::Euclidean => 1.0,
            Self::Pearson => point.iter().map(|x| x * x).sum::<f64>().sqrt(),
        };
        // A uniform column has no direction.
        if length > 1e-6 { point.map(|x| (x / length) as f32) } else { [0.0; 3] }
    }

    pub(super) fn measure(self) -> Measure {
        match self {
            Self::Euclidean => Measure::Distance,
            Self::Pearson => Measure::Product,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_kernels::{Level, columns::steps_apart};

    const BOTH: [ColumnSimilarity; 2] = [ColumnSimilarity::Euclidean, ColumnSimilarity::Pearson];

    #[test]
    fn similarities_of_equal_opposite_and_uniform_columns() {
        let (a, c) = ([1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]);
        let [euclidean, pearson] = BOTH;
        assert_eq!((euclidean.score(&a, &a), euclidean.score(&a, &c)), (0.0, -(2_f64.sqrt())));
        assert!((pearson.score(&a, &a) - 1.0).abs() < 1e-12);
        assert!((pearson.score(&a, &c) + 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(pearson.score(&a, &[0.25; 4]), 0.0);
    }

    #[test]
    fn points_are_as_far_apart_as_columns() {
        let columns = [
            [1.0, 0.0, 0.0, 0.0],
            [0.0, 1.0, 0.0, 0.0],
            [0.25; 4],
            [0.7, 0.1, 0.15, 0.05],
            [0.1, 0.2, 0.3, 0.4],
            [0.0, 0.5, 0.5, 0.0],
            [0.5, 0.0, 0.0, 0.5],
        ];
        for (similarity, best) in BOTH.into_iter().zip([0.0, 1.0]) {
            for (a, b) in columns.iter().flat_map(|a| columns.iter().map(move |b| (a, b))) {
                let [x, y, z] = similarity.point(b).map(|x| [x]);
                let mut found = [0];
                let point = similarity.point(a);
                steps_apart(Level::best(), similarity.measure(), point, [&x, &y, &z], STEPS.into(), &mut found);
                let expected = (best - similarity.score(a, b)) * f64::from(STEPS);
                assert!((f64::from(found[0]) - expected).abs() < 0.51, "{similarity:?} {a:?} {b:?}");
                assert!((found[0] as usize) < FINE);
            }
        }
    }
}
