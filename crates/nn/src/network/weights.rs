//! The numbers of a network, on the host.

use super::{Init, Plan, Spec};
use basewise_core::random::{Stream, normal, stream, uniform};
use sha2::{Digest, Sha256};

/// A named array, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

/// All numbers of a network in the plan's order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weights {
    pub(crate) parameters: Vec<Array>,
    pub(crate) buffers: Vec<Array>,
}

impl Weights {
    /// Fresh weights, a function of the seed and of each array's place.
    pub(crate) fn initial(plan: &Plan, seed: u64) -> Self {
        let parameters = plan
            .parameters
            .iter()
            .enumerate()
            .map(|(i, spec)| fill(spec, &mut stream(seed, "init", &[i as u64])))
            .collect();
        let buffers = plan.buffers.iter().map(|spec| fill(spec, &mut stream(seed, "init", &[u64::MAX]))).collect();
        Self { parameters, buffers }
    }

    /// Parameters, then buffers.
    pub(crate) fn arrays(&self) -> impl Iterator<Item = &Array> {
        self.parameters.iter().chain(&self.buffers)
    }

    /// SHA-256 over names, shapes and bits of all arrays in order, in hex.
    pub(crate) fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for array in self.arrays() {
            hasher.update(array.name.as_bytes());
            hasher.update([0]);
            for &side in &array.shape {
                hasher.update((side as u64).to_le_bytes());
            }
            for value in &array.values {
                hasher.update(value.to_le_bytes());
            }
        }
        hex(&hasher.finalize())
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn fill(spec: &Spec, rng: &mut Stream) -> Array {
    let values = match spec.init {
        Init::Constant(value) => vec![value; spec.size()],
        Init::He { fan_in } => {
            let deviation = (2.0 / fan_in.max(1) as f64).sqrt();
            (0..spec.size()).map(|_| (deviation * normal(rng)) as f32).collect()
        }
        Init::Glorot { fan_in, fan_out } => {
            let bound = (6.0 / (fan_in + fan_out).max(1) as f64).sqrt();
            (0..spec.size()).map(|_| (bound * (2.0 * uniform(rng) - 1.0)) as f32).collect()
        }
        Init::Recurrent { units } => {
            let bound = 1.0 / (units.max(1) as f64).sqrt();
            (0..spec.size()).map(|_| (bound * (2.0 * uniform(rng) - 1.0)) as f32).collect()
        }
        Init::Diagonal { side, value } => {
            (0..spec.size()).map(|i| if i / side.max(1) == i % side.max(1) { value } else { 0.0 }).collect()
        }
        Init::ForgetGate { units } => (0..spec.size()).map(|i| f32::from(u8::from(i / units.max(1) == 1))).collect(),
    };
    Array { name: spec.name.clone(), shape: spec.shape.clone(), values }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Architecture;

    #[test]
    fn weights_start_with_the_variance_of_their_fan() {
        let plan = Plan::new(&Architecture::preset("cnn").unwrap(), 4, 140, 1).unwrap();
        let weights = Weights::initial(&plan, 1);
        let names: Vec<&str> = weights.arrays().map(|a| a.name.as_str()).take(2).collect();
        assert_eq!(names, ["layer1.weight", "layer1.bias"]);
        let first = &weights.parameters[0].values;
        let variance = first.iter().map(|v| f64::from(v * v)).sum::<f64>() / first.len() as f64;
        let expected = 2.0 / (4.0 * plan.parameters[0].shape[2] as f64);
        assert!((variance / expected - 1.0).abs() < 0.1, "{variance} against {expected}");
        assert!(weights.parameters[1].values.iter().all(|&v| v == 0.0));
    }

    #[test]
    fn the_digest_follows_seed_and_every_bit() {
        let plan = Plan::new(&Architecture::preset("cnn").unwrap(), 4, 140, 1).unwrap();
        let mut weights = Weights::initial(&plan, 1);
        let digest = weights.digest();
        assert_eq!(digest, Weights::initial(&plan, 1).digest());
        assert_ne!(digest, Weights::initial(&plan, 2).digest());
        weights.parameters[1].values[0] = -0.0;
        assert_ne!(digest, weights.digest());
        assert_eq!(digest.len(), 64);
    }
}
