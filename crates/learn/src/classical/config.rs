//! Settings of a classical model: one flat list, of which each kind of model has its part.

use crate::extract::FeatureSpec;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Which model is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Logistic or multinomial regression, for classes.
    Logistic,
    /// Linear regression for numbers, Poisson regression for counts.
    Linear,
    /// One decision tree.
    Tree,
    /// Random forest.
    Forest,
    /// Gradient boosting.
    Gbdt,
}

impl Kind {
    /// All, as they are called.
    pub const ALL: [Self; 5] = [Self::Logistic, Self::Linear, Self::Tree, Self::Forest, Self::Gbdt];

    /// `logistic`, `linear`, `tree`, `forest` or `gbdt`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Logistic => "logistic",
            Self::Linear => "linear",
            Self::Tree => "tree",
            Self::Forest => "forest",
            Self::Gbdt => "gbdt",
        }
    }

    /// What it is good for, in a line.
    #[must_use]
    pub fn purpose(self) -> &'static str {
        match self {
            Self::Logistic => {
                "classes from a weighted sum of features; coefficients that can be read, seconds to train"
            }
            Self::Linear => "numbers and counts from a weighted sum of features; coefficients that can be read",
            Self::Tree => "a few questions that can be drawn; weak alone",
            Self::Forest => "many deep trees on random parts of the data; few settings, hard to spoil",
            Self::Gbdt => {
                "trees that each mend what those before left over; often the best on features of different kinds"
            }
        }
    }

    /// Whether it is a weighted sum of features.
    #[must_use]
    pub fn is_linear(self) -> bool {
        matches!(self, Self::Logistic | Self::Linear)
    }

    /// The settings that it has.
    #[must_use]
    pub fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Logistic | Self::Linear => &["c", "lambda", "l1_ratio", "standardize"],
            Self::Tree => &["max_depth", "min_leaf"],
            Self::Forest => &["trees", "max_depth", "min_leaf", "features_per_split", "bins"],
            Self::Gbdt => &[
                "rounds",
                "learning_rate",
                "patience",
                "leaves",
                "max_depth",
                "min_leaf",
                "l2",
                "row_fraction",
                "column_fraction",
                "bins",
            ],
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name).join(", ");
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| format!("expected one of {names}, found {text:?}"))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How much each class counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassWeighting {
    /// Each example the same.
    #[default]
    Equal,
    /// Each class the same in all.
    Balanced,
}

/// What decides a fit, besides the data set. A setting that is `None` is as usual for the kind ([`ClassicalConfig::resolved`]), or
/// none of its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassicalConfig {
    /// Which model.
    pub model: Kind,
    /// What it is told of a sequence.
    pub features: FeatureSpec,
    /// Seed of what is drawn.
    pub seed: u64,
    /// How much each class counts.
    #[serde(default)]
    pub class_weights: ClassWeighting,
    /// Inverse strength of the penalty of a linear model, as scikit-learn's `C`. Without it and `lambda`, the penalty with the
    /// lowest loss on the validation examples is taken.
    #[serde(default)]
    pub c: Option<f64>,
    /// Strength of the penalty as [`crate::linear::Penalty`] has it, instead of `c`.
    #[serde(default)]
    pub lambda: Option<f64>,
    /// Share of absolute values in the penalty: 0 is L2, 1 is L1.
    #[serde(default)]
    pub l1_ratio: Option<f64>,
    /// Whether coefficients are penalized as those of features of standard deviation 1.
    #[serde(default)]
    pub standardize: Option<bool>,
    /// Trees of a forest.
    #[serde(default)]
    pub trees: Option<usize>,
    /// Rounds of boosting, at most.
    #[serde(default)]
    pub rounds: Option<usize>,
    /// What each tree of boosting is multiplied with.
    #[serde(default)]
    pub learning_rate: Option<f64>,
    /// Rounds without a lower loss on the validation examples after which boosting ends; 0 for never.
    #[serde(default)]
    pub patience: Option<usize>,
    /// Leaves of a tree of boosting, at most.
    #[serde(default)]
    pub leaves: Option<usize>,
    /// Questions on the way to a leaf, at most; 0 for no limit.
    #[serde(default)]
    pub max_depth: Option<usize>,
    /// Examples of a leaf, at least.
    #[serde(default)]
    pub min_leaf: Option<usize>,
    /// Features that a forest looks at in a node; 0 for the root of their number (a third for numbers).
    #[serde(default)]
    pub features_per_split: Option<usize>,
    /// Penalty of squared values of leaves.
    #[serde(default)]
    pub l2: Option<f64>,
    /// Share of examples that a round of boosting sees.
    #[serde(default)]
    pub row_fraction: Option<f64>,
    /// Share of features that a tree of boosting may ask for.
    #[serde(default)]
    pub column_fraction: Option<f64>,
    /// Bins a feature.
    #[serde(default)]
    pub bins: Option<usize>,
}

impl ClassicalConfig {
    /// All as usual: 1- to 6-mers weighted as sublinear TF-IDF for linear models; GC content and counts of 1- to 5-mers for
    /// trees, to which weights of words make no difference.
    #[must_use]
    pub fn new(model: Kind) -> Self {
        use crate::extract::{Block, Weighting};
        let kmers = |longest, weighting| Block::Kmers { shortest: 1, longest, weighting, canonical: false };
        let blocks = if model.is_linear() {
            vec![kmers(6, Weighting::SublinearTfidf)]
        } else {
            vec![Block::Gc, kmers(5, Weighting::Counts)]
        };
        Self {
            model,
            features: FeatureSpec { blocks },
            seed: 1,
            class_weights: ClassWeighting::default(),
            c: None,
            lambda: None,
            l1_ratio: None,
            standardize: None,
            trees: None,
            rounds: None,
            learning_rate: None,
            patience: None,
            leaves: None,
            max_depth: None,
            min_leaf: None,
            features_per_split: None,
            l2: None,
            row_fraction: None,
            column_fraction: None,
            bins: None,
        }
    }

    /// With the usual value for each setting of the kind that is not given; the penalty stays open.
    #[must_use]
    pub fn resolved(mut self) -> Self {
        let given = |value: &mut Option<usize>, usual| *value = value.or(Some(usual));
        let number = |value: &mut Option<f64>, usual| *value = value.or(Some(usual));
        match self.model {
            Kind::Logistic | Kind::Linear => {
                number(&mut self.l1_ratio, 0.0);
                let of_different_size = self.features.blocks.iter().any(|block| !block.is_of_words());
                self.standardize = self.standardize.or(Some(of_different_size));
            }
            Kind::Tree => {
                given(&mut self.max_depth, 5);
                given(&mut self.min_leaf, 10);
            }
            Kind::Forest => {
                given(&mut self.trees, 300);
                given(&mut self.max_depth, 0);
                given(&mut self.min_leaf, 1);
                given(&mut self.features_per_split, 0);
                given(&mut self.bins, 255);
            }
            Kind::Gbdt => {
                given(&mut self.rounds, 1000);
                number(&mut self.learning_rate, 0.05);
                given(&mut self.patience, 50);
                given(&mut self.leaves, 31);
                given(&mut self.max_depth, 0);
                given(&mut self.min_leaf, 20);
                number(&mut self.l2, 0.0);
                number(&mut self.row_fraction, 1.0);
                number(&mut self.column_fraction, 1.0);
                given(&mut self.bins, 255);
            }
        }
        self
    }

    /// What is wrong with the settings by themselves, if anything is: one that the kind does not have, or two that say the
    /// same. What is out of its range is found by the fit.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let kind = self.model;
        let foreign = self.given().into_iter().find(|name| !kind.settings().contains(&name.as_str()));
        if let Some(name) = foreign {
            return Some(format!("{name} is no setting of {kind}, which has {}", kind.settings().join(", ")));
        }
        if self.c.is_some() && self.lambda.is_some() {
            return Some("expected c or lambda, found both: they say the same".into());
        }
        if let Some(c) = self.c.filter(|c| !(c.is_finite() && *c > 0.0)) {
            return Some(format!("c: expected a number above 0, found {c}"));
        }
        let empty = [("trees", self.trees), ("rounds", self.rounds)].into_iter().find(|(_, count)| *count == Some(0));
        empty.map(|(name, _)| format!("{name}: expected 1 or more, found 0"))
    }

    /// Names of the settings of single kinds that have a value.
    #[must_use]
    pub fn given(&self) -> Vec<String> {
        let all = serde_json::to_value(self).unwrap_or_default();
        let all = all.as_object().into_iter().flatten();
        let given = all.filter(|(name, value)| !value.is_null() && !COMMON.contains(&name.as_str()));
        given.map(|(name, _)| name.clone()).collect()
    }
}

/// Settings that every kind has.
const COMMON: [&str; 4] = ["model", "features", "seed", "class_weights"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own_settings_and_no_other() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse::<Kind>(), Ok(kind));
            let config = ClassicalConfig::new(kind).resolved();
            assert_eq!(config.fault(), None);
            let open = ["c", "lambda"];
            let expected: Vec<_> = kind.settings().iter().copied().filter(|name| !open.contains(name)).collect();
            let mut given = config.given();
            given.sort_by_key(|name| expected.iter().position(|other| *other == name));
            assert_eq!(given, expected);
            let text = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<ClassicalConfig>(&text).unwrap(), config);
        }
        let odd = ClassicalConfig { trees: Some(3), ..ClassicalConfig::new(Kind::Logistic) };
        assert!(odd.fault().unwrap().starts_with("trees is no setting of logistic, which has c, lambda"));
        let both = ClassicalConfig { c: Some(1.0), lambda: Some(0.1), ..ClassicalConfig::new(Kind::Linear) };
        assert!(both.fault().unwrap().contains("found both"));
        let below = ClassicalConfig { c: Some(0.0), ..ClassicalConfig::new(Kind::Linear) };
        assert_eq!(below.fault().unwrap(), "c: expected a number above 0, found 0");
        assert!("svm".parse::<Kind>().unwrap_err().contains("logistic, linear, tree, forest, gbdt"));
    }

    #[test]
    fn features_of_different_size_are_standardized() {
        let standardized = |features: &str| {
            let config =
                ClassicalConfig { features: features.parse().unwrap(), ..ClassicalConfig::new(Kind::Logistic) };
            config.resolved().standardize.unwrap()
        };
        assert!(
            !standardized("kmers=1-6:sublinear-tfidf") && !standardized("positional=2") && !standardized("kmers=3")
        );
        assert!(standardized("gc,kmers=3") && standardized("covariates"));
    }
}
