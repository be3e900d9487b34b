//! Which learning rate? A short run in which it grows from step to step (Smith 2017).

use super::loader::{Loader, Recipe};
use super::prepared::Prepared;
use super::update::update;
use super::{TrainConfig, TrainError};
use crate::architecture::Architecture;
use crate::device::OpenedDevice;
use basewise_core::source::ExampleSource;
use serde::Serialize;
use std::sync::atomic::AtomicBool;

/// Steps of the run, at most.
const STEPS: usize = 100;
/// The first and the last rate.
const RATES: [f64; 2] = [1e-6, 1.0];
/// The run ends where the smoothed loss is this many times the smallest one.
const DIVERGED: f64 = 4.0;
/// Decay of the moving average of losses.
const SMOOTHING: f64 = 0.9;

/// One step of the search.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RateTrial {
    /// The rate of the step.
    pub learning_rate: f64,
    /// The training loss of the step's examples before it.
    pub loss: f64,
    /// The loss averaged over the steps so far, recent ones most.
    pub smoothed_loss: f64,
}

/// Trains from the first weights with a learning rate that grows by the same factor in each step, from 10^-6 to 1 in 100
/// steps, until the loss diverges. Nothing is written. Schedule, `learning_rate`, epochs and patience of `config` do not
/// matter.
///
/// # Errors
/// See [`TrainError`].
pub fn find_learning_rate(
    source: &dyn ExampleSource,
    architecture: &Architecture,
    config: &TrainConfig,
    device: &OpenedDevice,
) -> Result<Vec<RateTrial>, TrainError> {
    // One epoch for each step at most, so that the loader never ends.
    let config = TrainConfig { epochs: STEPS, ..config.clone() };
    let prepared = Prepared::new(source, architecture, &config)?;
    let stop = AtomicBool::new(false);
    let recipe = Recipe { windows: &prepared.train, config: &config, from: (0, 0), stop: &stop };
    std::thread::scope(|scope| search(&prepared, &mut Loader::start(scope, recipe, 1)?, device))
}

fn search(
    prepared: &Prepared<'_>,
    loader: &mut Loader<'_>,
    device: &OpenedDevice,
) -> Result<Vec<RateTrial>, TrainError> {
    let device = device.device.clone().autodiff();
    let (mut weights, mut optimizer) = prepared.beginning()?;
    let mut trials: Vec<RateTrial> = Vec::with_capacity(STEPS);
    let (batches, accumulate) = (prepared.batches_per_epoch(), prepared.config.accumulate);
    let mut left = batches;
    let mut average = 0.0;
    for step in 0..STEPS {
        let taken = left.min(accumulate);
        left = if left == taken { batches } else { left - taken };
        let parts = (0..taken).map(|_| loader.next()).collect::<Result<Vec<_>, _>>()?;
        let learning_rate = RATES[0] * (RATES[1] / RATES[0]).powf(step as f64 / (STEPS - 1) as f64);
        let sums = update(prepared, &mut weights, &mut optimizer, &parts, learning_rate, &device)?;
        let Some(loss) = sums.map(|sums| sums.mean()).filter(|loss| loss.is_finite()) else { break };
        average = SMOOTHING * average + (1.0 - SMOOTHING) * loss;
        // Without the zero that the average began with.
        let smoothed_loss = average / (1.0 - SMOOTHING.powi(step as i32 + 1));
        trials.push(RateTrial { learning_rate, loss, smoothed_loss });
        let least = trials.iter().map(|trial| trial.smoothed_loss).fold(f64::INFINITY, f64::min);
        if smoothed_loss > DIVERGED * least {
            break;
        }
    }
    Ok(trials)
}

/// A tenth of the rate at which the smoothed loss is smallest, a usual choice; `None` if there are no trials.
pub fn suggested_learning_rate(trials: &[RateTrial]) -> Option<f64> {
    let best = trials.iter().min_by(|a, b| a.smoothed_loss.total_cmp(&b.smoothed_loss))?;
    Some(best.learning_rate / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{SMALL, cpu, net, planted};

    #[test]
    fn rates_grow_until_the_loss_diverges_and_the_suggestion_lies_below() {
        let dataset = planted(100, 24);
        let config = TrainConfig { batch_size: 32, accumulate: 2, ..TrainConfig::default() };
        let trials = find_learning_rate(&dataset, &net(SMALL), &config, &cpu()).unwrap();
        assert!(trials.len() > 50 && trials.len() <= STEPS, "{}", trials.len());
        assert_eq!(trials[0].learning_rate, 1e-6);
        assert!((trials[0].smoothed_loss - trials[0].loss).abs() < 1e-12);
        assert!(trials.windows(2).all(|pair| (pair[1].learning_rate / pair[0].learning_rate - 1.1497).abs() < 1e-3));
        let suggested = suggested_learning_rate(&trials).unwrap();
        assert!((1e-4..0.2).contains(&suggested), "{suggested}");
        assert_eq!(trials, find_learning_rate(&dataset, &net(SMALL), &config, &cpu()).unwrap());
        assert_eq!(suggested_learning_rate(&[]), None);
    }
}
