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
/// More than the most steps that two columns can be apart: a power of two.
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

    /// What [`Self::measure`] measures of two columns' points is how far their similarity is below the best, in steps.
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
        let scale = if length > 1e-6 { f64::from(self.unit()) / length } else { 0.0 };
        point.map(|x| (x * scale) as f32)
    }

    /// How long the difference of two points is of which the columns differ by one, or a point of a correlation.
    pub(super) fn unit(self) -> f32 {
        match self {
            Self::Euclidean => STEPS.into(),
            Self::Pearson => f32::from(STEPS).sqrt(),
        }
    }

    /// The most steps that two columns can be apart.
    pub(super) fn most(self) -> usize {
        match self {
            // The square root of 2.
            Self::Euclidean => 2829,
            Self::Pearson => 4001,
        }
    }

    pub(super) fn measure(self) -> Measure {
        match self {
            Self::Euclidean => Measure::Distance,
            Self::Pearson => Measure::Product(STEPS.into()),
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
                steps_apart(Level::best(), similarity.measure(), point, [&x, &y, &z], &mut found);
                let expected = (best - similarity.score(a, b)) * f64::from(STEPS);
                assert!((f64::from(found[0]) - expected).abs() < 0.51, "{similarity:?} {a:?} {b:?}");
                assert!((0..=similarity.most() as i16).contains(&found[0]));
            }
        }
    }
}
