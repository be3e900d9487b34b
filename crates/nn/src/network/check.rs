//! Gradients against central differences of the reference.

use super::{Mode, Plan, Weights, reference};
use basewise_core::random::{Stream, normal, stream};

/// Entries of an array that are compared at most, spread over it.
const ENTRIES: usize = 48;
/// Half the distance of the two sides, for a value around 1.
const STEP: f64 = 1e-5;
/// Where the slopes of both sides differ by more than this part of the largest, a kink lies between them.
const KINK: f64 = 1e-4;

/// A network, an input, and the scalar `sum(slopes * scores)` whose gradient is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) plan: Plan,
    pub(crate) weights: Weights,
    /// `[n, channels, length]`.
    pub(crate) x: Vec<f32>,
    /// Numbers beside the sequences, `[n, width]`: covariates, then control signal of at least 0.
    pub(crate) side: Vec<f32>,
    pub(crate) n: usize,
    pub(crate) mode: Mode,
    /// `[n, outputs]`.
    pub(crate) slopes: Vec<f32>,
}

/// How well gradients agree with differences.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agreement {
    /// Entries that were compared.
    pub(crate) compared: usize,
    /// Entries with a kink too near to be compared.
    pub(crate) kinks: usize,
    /// The largest relative error, and where it is.
    pub(crate) worst: f64,
    pub(crate) place: String,
}

impl Case {
    /// Random input, slopes, weights and running statistics: nothing is 0, so that biases and scales matter too.
    pub(crate) fn random(plan: Plan, n: usize, mode: Mode, seed: u64) -> Self {
        let mut rng = stream(seed, "test case", &[]);
        let mut weights = Weights::initial(&plan, seed);
        for value in weights.parameters.iter_mut().flat_map(|array| &mut array.values) {
            *value += 0.2 * normal(&mut rng) as f32;
        }
        for (i, array) in weights.buffers.iter_mut().enumerate() {
            for value in &mut array.values {
                let noise = 0.3 * normal(&mut rng) as f32;
                // Mean and variance take turns.
                *value = if i % 2 == 0 { noise } else { 0.5 + noise.abs() };
            }
        }
        let mut draw = |size: usize| -> Vec<f32> { (0..size).map(|_| value(&mut rng)).collect() };
        let (x, slopes) = (draw(n * plan.input.size()), draw(n * plan.outputs));
        let width = plan.inputs().beside();
        let mut side = draw(n * width);
        side.chunks_mut(width.max(1)).flat_map(|row| &mut row[plan.side..]).for_each(|value| *value = value.abs());
        Self { plan, weights, x, side, n, mode, slopes }
    }

    /// The scores `[n, outputs]` by the reference.
    pub(crate) fn scores(&self) -> Vec<f64> {
        let [parameters, buffers, x] = self.arrays();
        reference::forward(&self.plan, &parameters, &buffers, &x[0], &self.side, self.n, self.mode)
    }

    /// Parameters, buffers and, in a list of its own, the input.
    fn arrays(&self) -> [Vec<Vec<f64>>; 3] {
        let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        [
            self.weights.parameters.iter().map(|array| wide(&array.values)).collect(),
            self.weights.buffers.iter().map(|array| wide(&array.values)).collect(),
            vec![wide(&self.x)],
        ]
    }
}

fn value(rng: &mut Stream) -> f32 {
    normal(rng) as f32
}

/// Compares gradients of the parameters, in the plan's order, and of the input `[n, channels, length]` (left out with
/// `None`) with central differences of the reference.
///
/// An error is relative to the entry or, for small entries, to a hundredth of its array's largest and a thousandth of
/// all arrays' largest (a hundredth for an array whose gradient is zero), because a sum of terms that cancel cannot be
/// exact in f32.
pub(crate) fn gradients(case: &Case, parameters: &[Vec<f32>], input: Option<&[f32]>) -> Agreement {
    assert_eq!(parameters.len(), case.plan.parameters.len());
    let [mut values, buffers, x] = case.arrays();
    values.extend(x);
    let names = case.plan.parameters.iter().map(|spec| spec.name.as_str()).chain(["input"]);
    let analytic = parameters.iter().map(Vec::as_slice).map(Some).chain([input]);
    let mut found = Vec::new();
    for (array, (name, analytic)) in names.zip(analytic).enumerate() {
        let Some(analytic) = analytic else { continue };
        assert_eq!(analytic.len(), values[array].len(), "{name}");
        let stride = analytic.len().div_ceil(ENTRIES);
        let entries = (0..analytic.len()).step_by(stride).map(|at| {
            let [below, above] = differences(case, &buffers, &mut values, array, at);
            Entry { at, analytic: f64::from(analytic[at]), below, above }
        });
        found.push((name, entries.collect::<Vec<_>>()));
    }
    judge(&found)
}

/// An entry of a gradient beside the slopes on both of its sides.
struct Entry {
    at: usize,
    analytic: f64,
    below: f64,
    above: f64,
}

impl Entry {
    fn central(&self) -> f64 {
        (self.below + self.above) / 2.0
    }
}

/// The slopes below and above one entry.
fn differences(case: &Case, buffers: &[Vec<f64>], values: &mut [Vec<f64>], array: usize, at: usize) -> [f64; 2] {
    let (parameters, old) = (values.len() - 1, values[array][at]);
    let h = STEP * old.abs().max(1.0);
    let [down, here, up] = [-h, 0.0, h].map(|by| {
        values[array][at] = old + by;
        let (inputs, x) = (&values[..parameters], &values[parameters]);
        let scores = reference::forward(&case.plan, inputs, buffers, x, &case.side, case.n, case.mode);
        scores.iter().zip(&case.slopes).map(|(score, slope)| score * f64::from(*slope)).sum::<f64>()
    });
    values[array][at] = old;
    [(here - down) / h, (up - here) / h]
}

fn judge(found: &[(&str, Vec<Entry>)]) -> Agreement {
    let largest = |entries: &[Entry]| entries.iter().map(|entry| entry.central().abs()).fold(0.0, f64::max);
    let overall = found.iter().map(|(_, entries)| largest(entries)).fold(0.0, f64::max);
    let mut agreement = Agreement::default();
    for (name, entries) in found {
        // A bias before a batch norm changes nothing: its gradient is what rounding leaves of a sum that cancels.
        let part = if largest(entries) < 1e-6 * overall { 0.01 } else { 0.001 };
        let floor = (0.01 * largest(entries)).max(part * overall).max(f64::MIN_POSITIVE);
        for entry in entries {
            let central = entry.central();
            if (entry.below - entry.above).abs() > KINK * overall {
                agreement.kinks += 1;
                continue;
            }
            agreement.compared += 1;
            let error = (entry.analytic - central).abs() / central.abs().max(floor);
            // Not a number is worse than anything.
            let error = if error.is_nan() { f64::INFINITY } else { error };
            if error > agreement.worst {
                agreement.worst = error;
                agreement.place = format!("{name}[{}]: {} against {central}", entry.at, entry.analytic);
            }
        }
    }
    agreement
}
