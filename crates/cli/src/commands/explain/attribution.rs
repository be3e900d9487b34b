//! Attributions by gradients and by differences to references.

use super::Method;
use crate::failure::user;
use crate::printer::Printer;
use crate::trained::TrainedModel;
use anyhow::Result;
use basewise_core::SequenceBatch;
use basewise_core::average::Ensemble;
use basewise_nn::Model;
use basewise_nn::attribute::{
    Contributions, Delta, References, centre_bases, deeplift_with, expected_gradients, integrated_gradients,
    keep_bases, lossy_layer, saliency,
};
use clap::Args;
use serde::{Deserialize, Serialize};

/// Shuffles of each sequence, unless said otherwise.
const SHUFFLES: usize = 20;
/// Points of a way, unless said otherwise.
const STEPS: usize = 50;

/// What the methods by gradients and references can be asked.
#[derive(Args, Clone, Debug)]
pub(crate) struct ReferenceArgs {
    /// What sequences are compared with: a number of shuffles of each that keep its dinucleotides, `uniform` (a quarter of
    /// each base) or `zeros` [default: 20, for integrated-gradients uniform]
    #[arg(long, value_name = "N|uniform|zeros", value_parser = against)]
    references: Option<Against>,
    /// Points on the way from a reference to a sequence, with integrated-gradients [default: 50]
    #[arg(long, value_name = "N")]
    steps: Option<usize>,
    /// Seed of shuffles and of points
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// With saliency and input-x-gradient, leave in gradients the mean over the four bases, which says nothing about
    /// sequences
    #[arg(long)]
    uncorrected: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Against {
    Shuffles(usize),
    Uniform,
    Zeros,
}

fn against(text: &str) -> std::result::Result<Against, String> {
    match text {
        "uniform" => Ok(Against::Uniform),
        "zeros" => Ok(Against::Zeros),
        _ => match text.parse() {
            Ok(0) | Err(_) => Err(format!("expected a number of shuffles from 1 on, uniform or zeros, found {text:?}")),
            Ok(count) => Ok(Against::Shuffles(count)),
        },
    }
}

impl ReferenceArgs {
    /// Refuses what the method has no use for.
    pub(super) fn check(&self, method: Method) -> Result<()> {
        let given = [
            ("--references", self.references.is_some(), method.has_references()),
            ("--steps", self.steps.is_some(), method == Method::IntegratedGradients),
            ("--uncorrected", self.uncorrected, matches!(method, Method::Saliency | Method::InputXGradient)),
        ];
        match given.into_iter().find(|(_, given, useful)| *given && !useful) {
            Some((flag, ..)) => {
                let message = format!("--method {} has no use for {flag}", method.name());
                Err(user(message, Some("see `basewise explain --help`")))
            }
            None => Ok(()),
        }
    }

    /// The same without what the method has no use for.
    pub(super) fn only_for(&self, method: Method) -> Self {
        Self {
            references: self.references.filter(|_| method.has_references()),
            steps: self.steps.filter(|_| method == Method::IntegratedGradients),
            ..self.clone()
        }
    }

    fn references(&self, method: Method) -> Against {
        let usual = if method == Method::IntegratedGradients { Against::Uniform } else { Against::Shuffles(SHUFFLES) };
        self.references.unwrap_or(usual)
    }
}

/// What a method found.
pub(super) struct Attributed {
    /// `[n, 4, length]`.
    pub(super) values: Vec<f32>,
    /// Of methods with references, for every base: `[n, 4, length]`.
    pub(super) hypothetical: Option<Vec<f32>>,
    pub(super) convergence: Option<Sums>,
}

impl Attributed {
    pub(super) fn plain(values: Vec<f32>) -> Self {
        Self { values, hypothetical: None, convergence: None }
    }
}

/// How well contributions sum to the difference between the output of a sequence and that of its references.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sums {
    /// Such as `20 shuffles, seed 1`.
    pub(crate) references: String,
    /// Largest error, in units of the raw score.
    pub(crate) largest_error: f64,
    /// Median of the same.
    pub(crate) median_error: f64,
    /// Largest error over the size of the contributions that are added up.
    pub(crate) largest_relative_error: f64,
    /// The layer that loses most, if more is lost than rounding explains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lossy_layer: Option<String>,
}

impl Sums {
    /// For the screen.
    fn text(&self) -> String {
        format!(
            "contributions sum to the change of the score to {:.1e} at most, {:.1e} in the median ({})",
            self.largest_error, self.median_error, self.references
        )
    }
}

/// Attributions `[n, 4, length]` of the raw output `target`: of the weighted mean of the members' scores, that is the
/// weighted mean of their attributions.
pub(super) fn attribute(
    (method, args): (Method, &ReferenceArgs),
    models: &Ensemble<TrainedModel>,
    batch: &SequenceBatch,
    target: usize,
    printer: &Printer,
) -> Result<Attributed> {
    let networks = models.members().iter().map(|model| model.network("a gradient")).collect::<Result<Vec<&Model>>>()?;
    if !method.has_references() {
        let each = networks.iter().map(|model| gradient((method, args), model, batch, target));
        return Ok(Attributed::plain(mean(&each.collect::<Result<Vec<_>>>()?, models.weights())));
    }
    let (references, named) = references(args, method);
    let bar =
        printer.bar((batch.len() * networks.len()) as u64, "contributions {bar:24} {pos}/{len} sequences, {eta} left");
    let mut found = Vec::with_capacity(networks.len());
    for (i, model) in networks.iter().enumerate() {
        let tell = &mut |done: usize| bar.set_position((i * batch.len() + done) as u64);
        found.push(contributions((method, args), model, batch, &references, target, tell)?);
    }
    bar.finish_and_clear();
    let sums = sums(method, &networks, batch, &references, target, (named, &found))?;
    printer.talk(&sums.text());
    if let Some(layer) = &sums.lossy_layer {
        printer.talk(&format!("warning: {layer} loses part of the change: do not trust these contributions"));
    }
    let all: Vec<Vec<f32>> = found.into_iter().map(|one| one.hypothetical).collect();
    let hypothetical = mean(&all, models.weights());
    let contributions = Contributions { hypothetical, deltas: Vec::new() };
    let values = contributions.projected(batch);
    Ok(Attributed { values, hypothetical: Some(contributions.hypothetical), convergence: Some(sums) })
}

/// A gradient, at all bases or at those that are there, usually without what leaves the space of sequences.
fn gradient(
    (method, args): (Method, &ReferenceArgs),
    model: &Model,
    batch: &SequenceBatch,
    target: usize,
) -> Result<Vec<f32>> {
    let mut gradient = saliency(model, batch, target)?;
    if !args.uncorrected {
        centre_bases(&mut gradient, batch.length());
    }
    if method == Method::InputXGradient {
        keep_bases(&mut gradient, batch);
    }
    Ok(gradient)
}

fn references(args: &ReferenceArgs, method: Method) -> (References, String) {
    let seed = args.seed;
    match args.references(method) {
        Against::Shuffles(count) => {
            (References::Shuffled { count, seed }, format!("{count} shuffles of each sequence, seed {seed}"))
        }
        Against::Uniform => (References::Uniform, "a quarter of each base".to_owned()),
        Against::Zeros => (References::Zeros, "zeros".to_owned()),
    }
}

fn contributions(
    (method, args): (Method, &ReferenceArgs),
    model: &Model,
    batch: &SequenceBatch,
    references: &References,
    target: usize,
    tell: &mut dyn FnMut(usize),
) -> Result<Contributions> {
    let (steps, seed) = (args.steps.unwrap_or(STEPS), args.seed);
    Ok(match method {
        Method::IntegratedGradients => integrated_gradients(model, batch, references, steps, target, tell)?,
        Method::ExpectedGradients => expected_gradients(model, batch, references, seed, target, tell)?,
        _ => deeplift_with(model, batch, references, target, tell)?,
    })
}

/// Means of arrays of one size by weights.
pub(super) fn mean(each: &[Vec<f32>], weights: &[f64]) -> Vec<f32> {
    let total: f64 = weights.iter().sum();
    let mean = |i: usize| each.iter().zip(weights).map(|(values, w)| w * f64::from(values[i])).sum::<f64>() / total;
    (0..each.first().map_or(0, Vec::len)).map(|i| mean(i) as f32).collect()
}

/// The errors of all members together.
fn sums(
    method: Method,
    networks: &[&Model],
    batch: &SequenceBatch,
    references: &References,
    target: usize,
    (named, found): (String, &[Contributions]),
) -> Result<Sums> {
    let deltas: Vec<Delta> = found.iter().flat_map(|one| one.deltas.iter().copied()).collect();
    let all = Contributions { hypothetical: Vec::new(), deltas }.convergence();
    let mut lossy = None;
    if method == Method::Deeplift {
        for (model, one) in networks.iter().zip(found) {
            if let (None, Some(delta)) = (&lossy, one.deltas.iter().find(|delta| delta.is_lossy())) {
                lossy = lossy_layer(model, batch, references, target, delta)?;
            }
        }
    }
    Ok(Sums {
        references: named,
        largest_error: all.largest,
        median_error: all.median,
        largest_relative_error: all.largest_relative,
        lossy_layer: lossy.map(|lossy| lossy.layer),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_a_number_or_a_word() {
        assert_eq!(against("20"), Ok(Against::Shuffles(20)));
        assert_eq!(against("uniform"), Ok(Against::Uniform));
        assert_eq!(against("zeros"), Ok(Against::Zeros));
        for wrong in ["0", "-1", "many", ""] {
            assert!(against(wrong).unwrap_err().contains("from 1 on, uniform or zeros"), "{wrong}");
        }
    }

    #[test]
    fn members_count_by_their_weights() {
        assert_eq!(mean(&[vec![1.0, 4.0], vec![3.0, 0.0]], &[3.0, 1.0]), [1.5, 3.0]);
        assert!(mean(&[], &[]).is_empty());
    }
}
