//! The flags of classical models, each a setting of [`ClassicalConfig`] by the same name.

use super::args::{TrainArgs, replace};
use crate::failure::user;
use anyhow::Result;
use basewise_core::source::Header;
use basewise_learn::classical::{ClassWeighting, ClassicalConfig, Kind};
use basewise_learn::extract::FeatureSpec;
use basewise_nn::TrainConfig;
use basewise_nn::loss::{ClassWeights, WeightRule};
use clap::Args;

#[derive(Args)]
#[command(next_help_heading = "Classical models: logistic, linear, tree, forest, gbdt")]
pub(super) struct ClassicalArgs {
    /// What they are told of a sequence, as `basewise features --help` describes it [default: by the model]
    #[arg(long, value_name = "SPEC", value_parser = |text: &str| text.parse::<FeatureSpec>())]
    features: Option<FeatureSpec>,
    /// Inverse strength of the penalty of linear models [default: chosen on the validation split]
    #[arg(long, allow_negative_numbers = true, value_name = "X")]
    c: Option<f64>,
    /// Strength of the penalty for a mean loss, instead of --c
    #[arg(long, allow_negative_numbers = true, value_name = "X")]
    lambda: Option<f64>,
    /// Share of the penalty that is L1: 0 ridge, 1 lasso, between them elastic net [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "0..1")]
    l1_ratio: Option<f64>,
    /// Whether the penalty sees features with standard deviation 1 [default: if they are not words alone]
    #[arg(long, value_name = "true|false")]
    standardize: Option<bool>,
    /// Trees of a forest [default: 300]
    #[arg(long, value_name = "N")]
    trees: Option<usize>,
    /// Rounds of boosting, at most; --learning-rate [default: 0.05] and --patience [50] go with them [default: 1000]
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Leaves of each tree of boosting, at most [default: 31]
    #[arg(long, value_name = "N")]
    leaves: Option<usize>,
    /// Questions on the way to a leaf, at most; 0 for no limit [default: tree 5, else 0]
    #[arg(long, value_name = "N")]
    max_depth: Option<usize>,
    /// Examples of a leaf, at least [default: tree 10, forest 1, gbdt 20]
    #[arg(long, value_name = "N")]
    min_leaf: Option<usize>,
    /// Features that a forest looks at in a node [default: the root of their number, for numbers a third]
    #[arg(long, value_name = "N")]
    features_per_split: Option<usize>,
    /// Share of the examples that a round of boosting sees [default: 1]
    #[arg(long, allow_negative_numbers = true, value_name = "0..1")]
    row_fraction: Option<f64>,
    /// Share of the features that a tree of boosting may ask for [default: 1]
    #[arg(long, allow_negative_numbers = true, value_name = "0..1")]
    column_fraction: Option<f64>,
    /// Bins of a feature in forests and boosting [default: 255]
    #[arg(long, value_name = "N")]
    bins: Option<usize>,
}

impl ClassicalArgs {
    /// The first of the flags that was given.
    fn given(&self) -> Option<String> {
        let mut config = ClassicalConfig::new(Kind::Logistic);
        self.over(&mut config);
        let features = self.features.as_ref().map(|_| "features".to_owned());
        features.or_else(|| config.given().into_iter().next()).map(|name| format!("--{}", name.replace('_', "-")))
    }

    /// Refuses flags that a network does not have.
    pub(super) fn refuse(&self, model: &str) -> Result<()> {
        let Some(flag) = self.given() else { return Ok(()) };
        let kinds = Kind::ALL.map(Kind::name).join(", ");
        Err(user(
            format!("{flag} is no setting of the network {model}"),
            Some(&format!("it belongs to --model {kinds}")),
        ))
    }

    fn over(&self, config: &mut ClassicalConfig) {
        // Settings are options already, the features are not.
        let own = Self { features: self.features.clone(), ..*self };
        replace!(config, own, features, c, lambda, l1_ratio, standardize, trees, rounds, leaves, max_depth, min_leaf);
        replace!(config, own, features_per_split, row_fraction, column_fraction, bins);
    }
}

/// Flags of networks that classical models share, by the settings' names.
const SHARED: [&str; 4] = ["seed", "patience", "learning_rate", "l2"];

impl TrainArgs {
    /// The settings of a classical model with the flags in their place.
    pub(super) fn over_classical(&self, mut config: ClassicalConfig, header: &Header) -> Result<ClassicalConfig> {
        let usual = Self::usual(header);
        let asked = self.over(usual.clone(), header)?;
        if let Some(flag) = self.foreign(&usual, &asked)? {
            return Err(user(
                format!("{flag} is no setting of {}", config.model),
                Some(&format!(
                    "its settings are features, seed, class_weights, {}",
                    config.model.settings().join(", ")
                )),
            ));
        }
        self.classical.over(&mut config);
        config.seed = self.seed.unwrap_or(config.seed);
        config.patience = self.patience.or(config.patience);
        config.learning_rate = self.learning_rate().or(config.learning_rate);
        config.l2 = self.l2().or(config.l2);
        if asked.loss.class_weights != usual.loss.class_weights {
            config.class_weights = match asked.loss.class_weights {
                ClassWeights::Rule(WeightRule::Balanced) => ClassWeighting::Balanced,
                ClassWeights::Rule(WeightRule::Equal) => ClassWeighting::Equal,
                ClassWeights::Given(_) => {
                    return Err(user(
                        format!("expected --class-weights equal or balanced for {}, found numbers", config.model),
                        None,
                    ));
                }
            };
        }
        let config = config.resolved();
        match config.fault() {
            Some(fault) => Err(user(fault, None)),
            None => Ok(config),
        }
    }

    /// The first flag that only a network has.
    fn foreign(&self, usual: &TrainConfig, asked: &TrainConfig) -> Result<Option<String>> {
        if let Some(flag) = self.network_only() {
            return Ok(Some(flag.to_owned()));
        }
        let mut asked = asked.clone();
        asked.loss.class_weights = usual.loss.class_weights.clone();
        let (before, after) = (serde_json::to_value(usual)?, serde_json::to_value(asked)?);
        let changed = after
            .as_object()
            .into_iter()
            .flatten()
            .find(|(name, value)| !SHARED.contains(&name.as_str()) && before.get(name.as_str()) != Some(value));
        Ok(changed.map(|(name, value)| match (value, before.get(name)) {
            (serde_json::Value::Object(inner), Some(before)) => {
                let own = inner.iter().find(|(key, value)| before.get(key.as_str()) != Some(value));
                match own.map_or(name.as_str(), |(key, _)| key.as_str()) {
                    // The loss of each kind of task is a setting of its own, and one flag names it.
                    "binary" | "classes" | "regression" | "counts" => "--loss".to_owned(),
                    key => format!("--{}", key.replace('_', "-")),
                }
            }
            _ => format!("--{}", name.replace('_', "-")),
        }))
    }
}
