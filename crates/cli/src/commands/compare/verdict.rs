//! Whether a network earned its keep, in words.

use crate::comparison::{Kind, Paired, Ranked, TaskComparison};
use crate::report::metric_name;
use basewise_core::metrics::Estimate;

/// Corrected p-values up to this are called more than chance.
const ALPHA: f64 = 0.05;

/// One or two sentences on a ranking that is complete but for these.
pub(super) fn words(task: &TaskComparison) -> String {
    let metric = match task.metrics[0].as_str() {
        "accuracy" => "accuracy",
        metric => metric_name(metric),
    };
    let Some(best) = task.best.as_deref().and_then(|name| task.find(name)) else { return undefined(task, metric) };
    let of_kind = |kind| task.ranking.iter().find(|r| r.kind == kind && task.figure(r).value.is_some());
    let classical = task.best_classical.as_deref();
    let mut text = match (of_kind(Kind::Network), classical) {
        (Some(network), Some(classical)) => earned(network, classical),
        (None, _) => format!(
            "no network was compared; {} did best, with {metric} of {}",
            best.model,
            with_interval(&task.figure(best))
        ),
        (Some(_), None) => format!(
            "no classical model was compared; {} did best, with {metric} of {}",
            best.model,
            with_interval(&task.figure(best))
        ),
    };
    if let Some(guess) = of_kind(Kind::Baseline).filter(|guess| !is_behind(guess)) {
        text += &format!("; no model is better than {} beyond chance", guess.model);
    }
    text
}

/// Whether the best model is better than this one, beyond chance.
fn is_behind(guess: &Ranked) -> bool {
    guess.to_best.as_ref().is_some_and(|pair| is_more_than_chance(pair) || pair.p_corrected.is_none())
}

fn is_more_than_chance(pair: &Paired) -> bool {
    pair.p_corrected.is_some_and(|p| p <= ALPHA)
}

/// The best network against the best classical model.
fn earned(network: &Ranked, classical: &str) -> String {
    let against = format!("the best classical model ({classical})");
    let Some(pair) = &network.to_best_classical else { return format!("no network was set against {against}") };
    let Some(value) = pair.estimate.value else { return format!("no network was set against {against}") };
    let alike = value.abs() < 5e-4;
    let size = by(&pair.estimate, value < 0.0 && !alike);
    let name = &network.model;
    match pair.p_corrected {
        None => format!("{name} and {against} differ by {size}; without resamples nothing is known about chance"),
        Some(_) if is_more_than_chance(pair) && value > 0.0 => format!("{name} is ahead of {against} by {size}"),
        Some(_) if is_more_than_chance(pair) => {
            format!("no network is better than {against}: {name}, the best of them, is behind by {size}")
        }
        Some(_) => {
            let place = match value {
                _ if alike => format!("reaches the same, with a difference of {size}"),
                _ if value < 0.0 => format!("is behind by {size}"),
                _ => format!("is ahead by {size}"),
            };
            format!("no network is better than {against} beyond chance: {name}, the best of them, {place}")
        }
    }
}

fn undefined(task: &TaskComparison, metric: &str) -> String {
    let why = match task.positives {
        _ if task.n == 0 => ": no test example has a label",
        Some(positives) if positives == 0 || positives == task.n => ": the test split has one class only",
        _ => "",
    };
    format!("models cannot be ranked, because {metric} is undefined{why}")
}

/// `0.012 (0.004 to 0.020)`; turned around where it is said to be behind.
fn by(difference: &Estimate, turn: bool) -> String {
    let sign = if turn { -1.0 } else { 1.0 };
    let (low, high) = if turn { (difference.high, difference.low) } else { (difference.low, difference.high) };
    let turned = |end: Option<f64>| end.map(|end| sign * end);
    with_interval(&Estimate { value: turned(difference.value), low: turned(low), high: turned(high) })
}

fn with_interval(estimate: &Estimate) -> String {
    let value = estimate.value.map_or("–".to_owned(), |value| format!("{value:.3}"));
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!("{value} ({low:.3} to {high:.3})"),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(value: f64) -> Estimate {
        Estimate { value: Some(value), low: Some(value - 0.01), high: Some(value + 0.02) }
    }

    fn pair(value: f64, p: Option<f64>) -> Paired {
        Paired { other: "x".into(), estimate: estimate(value), p, p_corrected: p, test: "bootstrap".into() }
    }

    fn ranked(model: &str, kind: Kind, value: f64) -> Ranked {
        Ranked {
            model: model.into(),
            kind,
            metrics: [("auroc".to_owned(), estimate(value))].into(),
            repeats: Vec::new(),
            to_best: Some(pair(-0.3, Some(0.002))),
            to_best_classical: None,
        }
    }

    fn task(ranking: Vec<Ranked>) -> TaskComparison {
        let classical = ranking.iter().find(|r| r.kind == Kind::Classical).map(|r| r.model.clone());
        TaskComparison {
            task: "label".into(),
            kind: "binary".into(),
            n: 100,
            positives: Some(50),
            metrics: ["auroc".into(), "average_precision".into()],
            best: ranking.first().map(|r| r.model.clone()),
            best_classical: classical,
            verdict: String::new(),
            ranking,
        }
    }

    fn with_network(difference: f64, p: Option<f64>) -> String {
        let mut network = ranked("cnn", Kind::Network, 0.9);
        network.to_best_classical = Some(pair(difference, p));
        words(&task(vec![network, ranked("forest", Kind::Classical, 0.9), ranked("majority", Kind::Baseline, 0.5)]))
    }

    #[test]
    fn the_best_network_is_set_against_the_best_classical_model() {
        assert_eq!(
            with_network(0.03, Some(0.01)),
            "cnn is ahead of the best classical model (forest) by 0.030 (0.020 to 0.050)"
        );
        assert_eq!(
            with_network(-0.03, Some(0.05)),
            "no network is better than the best classical model (forest): cnn, the best of them, is behind by 0.030 (0.010 to 0.040)"
        );
        assert_eq!(
            with_network(0.005, Some(0.3)),
            "no network is better than the best classical model (forest) beyond chance: cnn, the best of them, is ahead by 0.005 (-0.005 to 0.025)"
        );
        assert!(
            with_network(0.0, Some(1.0)).ends_with("reaches the same, with a difference of 0.000 (-0.010 to 0.020)")
        );
        assert!(with_network(0.005, None).contains("nothing is known about chance"));
    }

    #[test]
    fn what_was_not_compared_or_cannot_be_is_said() {
        let network = || ranked("cnn", Kind::Network, 0.9);
        let alone = words(&task(vec![network()]));
        assert_eq!(alone, "no classical model was compared; cnn did best, with AUROC of 0.900 (0.890 to 0.920)");
        assert!(words(&task(vec![ranked("forest", Kind::Classical, 0.9)])).starts_with("no network was compared"));
        let mut guess = ranked("majority", Kind::Baseline, 0.5);
        guess.to_best = Some(pair(-0.001, Some(0.8)));
        assert!(words(&task(vec![network(), guess])).ends_with("; no model is better than majority beyond chance"));
        let mut none = task(vec![network()]);
        (none.best, none.positives) = (None, Some(100));
        assert_eq!(
            words(&none),
            "models cannot be ranked, because AUROC is undefined: the test split has one class only"
        );
    }
}
