//! Numbers beside the sequence: what is known of a place besides its letters.

use serde::{Deserialize, Serialize};

/// What is done to a value before it is standardized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transform {
    /// Nothing.
    #[default]
    None,
    /// `sign(x) ln(1 + |x|)`, for distances and counts, which span orders of magnitude.
    Log,
}

impl Transform {
    /// The transformed value; finite for every finite `x`.
    pub fn apply(self, x: f64) -> f64 {
        match self {
            Self::None => x,
            Self::Log => x.abs().ln_1p().copysign(x),
        }
    }
}

/// A number that each example has beside its sequence, such as the distance to a transcription start site, and how a model
/// is shown it: transformed, then brought to mean 0 and standard deviation 1 over the known values of the training split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Covariate {
    /// Name of its column.
    pub name: String,
    /// What is done to it first.
    #[serde(default)]
    pub transform: Transform,
    /// Mean of the transformed known values of the training split; 0 if there is none.
    pub mean: f64,
    /// Their standard deviation (population formula); 1 if it would be 0.
    pub deviation: f64,
}

impl Covariate {
    /// A covariate with the statistics of these values of the training split, of which NaN is unknown.
    pub fn fit(name: &str, transform: Transform, values: impl Iterator<Item = f64> + Clone) -> Self {
        let known = || values.clone().filter(|value| !value.is_nan()).map(|value| transform.apply(value));
        let n = known().count().max(1) as f64;
        // From 0, because the sum of nothing is -0.
        let mean = known().fold(0.0, |sum, value| sum + value) / n;
        let deviation = (known().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
        let deviation = if deviation > 0.0 && deviation.is_finite() { deviation } else { 1.0 };
        Self { name: name.to_owned(), transform, mean, deviation }
    }

    /// What a model is shown of a value: 0, which is the mean, where it is unknown (NaN).
    pub fn standardize(&self, value: f64) -> f32 {
        if value.is_nan() { 0.0 } else { ((self.transform.apply(value) - self.mean) / self.deviation) as f32 }
    }

    /// What is wrong with its description, if anything is.
    pub fn fault(&self) -> Option<String> {
        let sound = self.mean.is_finite() && self.deviation.is_finite() && self.deviation > 0.0;
        let Self { name, mean, deviation, .. } = self;
        (!sound).then(|| {
            format!(
                "covariate {name:?}: expected a mean and a standard deviation above 0, found {mean} and {deviation}"
            )
        })
    }
}

/// What is wrong with the description of several covariates, if anything is.
pub fn covariates_fault(covariates: &[Covariate]) -> Option<String> {
    let mut names = std::collections::BTreeSet::new();
    let twice = covariates.iter().find(|covariate| !names.insert(covariate.name.as_str()));
    let twice = twice.map(|covariate| format!("expected different covariates, found {:?} twice", covariate.name));
    twice.or_else(|| covariates.iter().find_map(Covariate::fault))
}

/// Whether a row has a value for each covariate; NaN is an unknown one.
///
/// # Errors
/// What does not fit, in words.
pub fn check_covariates(values: &[f64], covariates: &[Covariate]) -> Result<(), String> {
    if values.len() != covariates.len() {
        return Err(format!("expected {} covariates, found {}", covariates.len(), values.len()));
    }
    match values.iter().zip(covariates).find(|(value, _)| value.is_infinite()) {
        Some((value, covariate)) => {
            Err(format!("covariate {:?}: expected a finite value, found {value}", covariate.name))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_get_mean_0_and_deviation_1() {
        let values = [2.0, f64::NAN, 4.0, 6.0];
        let covariate = Covariate::fit("x", Transform::None, values.into_iter());
        assert_eq!((covariate.mean, covariate.deviation), (4.0, (8.0f64 / 3.0).sqrt()));
        let shown = values.map(|value| covariate.standardize(value));
        assert_eq!((shown[1], shown[2], shown[0]), (0.0, 0.0, -shown[3]));
        assert!((shown[3] - 1.224_744_9).abs() < 1e-6);
    }

    #[test]
    fn distances_keep_their_sign_in_logarithms() {
        let log = |x| Transform::Log.apply(x);
        assert_eq!((log(0.0), log(-1.0), log(1.0)), (0.0, -std::f64::consts::LN_2, std::f64::consts::LN_2));
        let covariate = Covariate::fit("d", Transform::Log, [-1.0, 1.0].into_iter());
        assert!(covariate.mean == 0.0 && (covariate.standardize(1.0) - 1.0).abs() < 1e-7);
    }

    #[test]
    fn without_values_or_without_variance_nothing_is_divided_by_0() {
        for values in [vec![], vec![f64::NAN], vec![3.0, 3.0]] {
            let covariate = Covariate::fit("x", Transform::None, values.iter().copied());
            assert_eq!((covariate.deviation, covariate.fault()), (1.0, None));
        }
        let broken = Covariate { deviation: 0.0, ..Covariate::fit("x", Transform::None, std::iter::empty()) };
        assert!(broken.fault().unwrap().contains("above 0, found 0 and 0"));
        let x = Covariate::fit("x", Transform::None, std::iter::empty());
        assert!(covariates_fault(&[x.clone(), x.clone()]).unwrap().contains("\"x\" twice"));
        assert_eq!(check_covariates(&[f64::NAN], std::slice::from_ref(&x)), Ok(()));
        assert!(check_covariates(&[], std::slice::from_ref(&x)).is_err());
        assert!(check_covariates(&[f64::INFINITY], &[x]).unwrap_err().contains("found inf"));
    }
}
