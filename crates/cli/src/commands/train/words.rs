//! Flags whose values are words or pairs, by the names that settings have in files.

use crate::failure::user;
use anyhow::Result;
use basewise_core::{Task, TaskKind};
use basewise_nn::loss::{BinaryLoss, ClassesLoss, CountsLoss, LossConfig, RegressionLoss};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::de::DeserializeOwned;

/// One of the words that a setting knows, of which `--help` lists all.
pub(super) fn kebab<T: DeserializeOwned + Clone + Send + Sync + 'static>(
    names: &'static [&'static str],
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(names).try_map(|name| parse::<T>(&name))
}

/// A setting by its name in files.
pub(super) fn parse<T: DeserializeOwned>(name: &str) -> Result<T, serde_json::Error> {
    serde_json::from_value(serde_json::Value::String(name.to_owned()))
}

const LOSSES: [&str; 8] = ["bce", "focal", "cross-entropy", "mse", "mae", "huber", "poisson", "negative-binomial"];

pub(super) fn loss_names() -> impl TypedValueParser<Value = String> {
    PossibleValuesParser::new(LOSSES)
}

/// Gives a loss to all kinds of tasks that it fits.
///
/// # Errors
/// If the data set has no such task.
pub(super) fn set_loss(loss: &mut LossConfig, name: &str, tasks: &[Task]) -> Result<()> {
    let mut is_used = false;
    for task in tasks {
        is_used |= match &task.kind {
            TaskKind::Binary => put(&mut loss.binary, parse::<BinaryLoss>(name)),
            TaskKind::Classes { .. } => put(&mut loss.classes, parse::<ClassesLoss>(name)),
            TaskKind::Regression => put(&mut loss.regression, parse::<RegressionLoss>(name)),
            TaskKind::Counts => put(&mut loss.counts, parse::<CountsLoss>(name)),
            // Signal has one loss.
            TaskKind::Profile(_) => false,
        };
    }
    if is_used {
        return Ok(());
    }
    let kinds: Vec<String> = tasks.iter().map(|task| format!("{} ({})", task.name, task.kind.name())).collect();
    let message = format!("--loss {name} fits no task of the data set, which has {}", kinds.join(", "));
    Err(user(
        message,
        Some(
            "binary: bce, focal; classes: cross-entropy, focal; regression: mse, mae, huber; counts: poisson, negative-binomial",
        ),
    ))
}

fn put<T, E>(place: &mut T, value: Result<T, E>) -> bool {
    value.map(|value| *place = value).is_ok()
}

/// `NAME=NUMBER`, once for each.
pub(super) fn pairs(flag: &str, texts: &[String]) -> Result<Vec<(String, f64)>> {
    let pair = |text: &String| {
        let found = text.rsplit_once('=').and_then(|(name, number)| Some((name.to_owned(), number.parse().ok()?)));
        found.ok_or_else(|| user(format!("expected {flag} NAME=NUMBER, found {text:?}"), None))
    };
    texts.iter().map(pair).collect()
}
