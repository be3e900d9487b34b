//! How much memory a network takes, asked before any of it is taken: an allocation that fails ends the program without
//! a word, so a network that cannot fit is refused first.

use crate::architecture::{Architecture, Inputs, Outputs, ShapeError};
use crate::engine::training_numbers;
use crate::network::Plan;
use std::fmt;

/// Bytes of a number.
const NUMBER: u64 = 4;
/// Copies of each weight while training, at their most, which is when a checkpoint is written: the weights, the best
/// ones and two moments, then both moments renamed, as bytes, and as a file; a step needs fewer.
const TRAINING_COPIES: u64 = 10;
/// One more, of the averaged weights.
const AVERAGE_COPIES: u64 = 1;
/// Copies of each weight of a model that predicts: on the host and on the device.
const MODEL_COPIES: u64 = 2;
/// What is taken to be there where the system does not say: more than it will be on most machines.
const UNKNOWN: u64 = 64 << 30;

/// A network that needs more memory than there is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} takes about {} of memory, and {} are available; {hint}", Bytes(*.needed), Bytes(*.available))]
pub struct MemoryError {
    /// What takes it, with its size.
    pub what: String,
    /// The estimate in bytes.
    pub needed: u64,
    /// What is free, in bytes.
    pub available: u64,
    /// What helps.
    pub hint: &'static str,
}

/// Bytes in the largest unit that leaves a number above 1.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
        match units.into_iter().find(|(_, shift)| self.0 >> shift > 0) {
            Some((unit, shift)) => write!(f, "{:.1} {unit}", self.0 as f64 / (1u64 << shift) as f64),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

/// Memory that can be taken without swapping, in bytes, as Linux tells; 64 GiB where the system does not say.
fn available() -> u64 {
    let text = fs_err::read_to_string("/proc/meminfo").unwrap_or_default();
    mem_available(&text).unwrap_or(UNKNOWN)
}

/// The entry `MemAvailable` of `/proc/meminfo`, in bytes.
fn mem_available(text: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

impl Architecture {
    /// Bytes that training on the processor takes at its most, about, with `batch` examples in a step: weights with their
    /// moments and checkpoints, what layers keep for their gradients, and the sums of these. Saturates.
    ///
    /// # Errors
    /// The first layer that does not fit its input.
    pub fn training_memory(
        &self,
        inputs: impl Into<Inputs>,
        length: usize,
        outputs: impl Into<Outputs>,
        batch: usize,
    ) -> Result<u64, ShapeError> {
        Ok(Plan::new(self, inputs, length, outputs)?.training_memory(batch, false))
    }
}

impl Plan {
    fn weights(&self) -> u64 {
        let sizes = self.parameters.iter().chain(&self.buffers).map(|spec| spec.size() as u64);
        sizes.fold(0, u64::saturating_add)
    }

    pub(crate) fn training_memory(&self, batch: usize, averaged: bool) -> u64 {
        let passes = training_numbers(self, batch).saturating_mul(NUMBER);
        let copies = TRAINING_COPIES + if averaged { AVERAGE_COPIES } else { 0 };
        self.weights().saturating_mul(copies * NUMBER).saturating_add(passes)
    }

    /// Refuses a network that cannot be trained on this many examples with the memory there is.
    pub(crate) fn check_training(&self, examples: usize, batch_size: usize, averaged: bool) -> Result<(), MemoryError> {
        let batch = batch_size.min(examples);
        let what =
            format!("training {} weights with batches of {batch} x {} positions", self.weights(), self.input.length);
        let hint = match self.recompute {
            true => "take a smaller batch, fewer filters or shorter sequences",
            false => {
                "take a smaller batch, fewer filters or shorter sequences, or keep less for the gradients (recompute)"
            }
        };
        enough(what, self.training_memory(batch, averaged), available(), hint)
    }

    /// Refuses a network whose weights alone are more than the memory there is.
    pub(crate) fn check_weights(&self) -> Result<(), MemoryError> {
        let needed = self.weights().saturating_mul(MODEL_COPIES * NUMBER);
        let hint = "take a network with fewer filters or a machine with more memory";
        enough(format!("a network of {} weights", self.weights()), needed, available(), hint)
    }
}

fn enough(what: String, needed: u64, available: u64, hint: &'static str) -> Result<(), MemoryError> {
    if needed > available { Err(MemoryError { what, needed, available, hint }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::net;

    #[test]
    fn the_estimate_counts_weights_outputs_and_sums() {
        let text = "[[layer]]\ntype='conv1d'\nfilters=2\nwidth=3\n[[layer]]\ntype='relu'\n\
                    [[layer]]\ntype='max-pool1d'\nwidth=2\n[[layer]]\ntype='flatten'\n\
                    [[layer]]\ntype='dense'\nunits=5";
        let bytes = net(text).training_memory(4, 12, 1, 6).unwrap();
        let weights = (2 * 4 * 3 + 2) + (12 * 5 + 5) + (5 + 1);
        // The convolution under its pool with the places of the maxima, flat, the dense layer, the head, the score's slope;
        // then the slopes around the flattening, and a sum of the convolution's table for each example.
        let kept = (12 + 12 / 4) + 12 + 5 + 1 + 1;
        let (passing, sums) = (12 + 12, 6 * 2 * (3 * 5 + 1));
        assert_eq!(bytes, 4 * (10 * weights + 6 * (kept + passing) + sums));
    }

    #[test]
    fn the_estimate_counts_layers_within_layers_and_gates() {
        let text = "[[layer]]\ntype='residual'\n[[layer.layer]]\ntype='conv1d'\nfilters=4\nwidth=3\n\
                    [[layer]]\ntype='gru'\nunits=2\nbidirectional=true\nlast=true";
        let bytes = net(text).training_memory(4, 10, 1, 6).unwrap();
        let weights = (4 * 4 * 3 + 4) + 2 * (4 + 2 + 2) * 6 + (4 + 1);
        // The input, the residual convolution with what its rectifier let pass, the last states with all states and what
        // is inside, the head, the score's slope.
        let kept = 40 + (40 + 40 / 4) + (4 + 2 * 2 * 5 * 10) + 1 + 1;
        // Around the recurrent layer: its slopes, those of its input in both directions, and of all states.
        let passing = (40 + 4) + 2 * 40 + 40;
        let sums = 6 * (4 * 4 * 3 + 4) + 2 * 6 * (4 + 2 + 2);
        assert_eq!(bytes, 4 * (10 * weights + 6 * (kept + passing) + sums));
    }

    #[test]
    fn averaged_weights_are_a_copy_and_recomputing_keeps_less() {
        let mut plan = Plan::new(&Architecture::preset("bpnet").unwrap(), 4, 2114, 1).unwrap();
        let plain = plan.training_memory(64, false);
        assert_eq!(plan.training_memory(64, true) - plain, 4 * plan.weights());
        plan.recompute = true;
        let less = plan.training_memory(64, false);
        assert!(3 * less < 2 * plain, "{less} bytes in place of {plain}");
    }

    #[test]
    fn the_presets_are_cheap_on_usual_data() {
        for (name, _) in Architecture::presets() {
            let bytes = Architecture::preset(name).unwrap().training_memory(4, 1000, 1, 64).unwrap();
            // The dense layers of danq and deepsea have 44 and 47 million weights, basset and dilated (and bpnet) keep
            // 1,000 x 300 and 1,000 x 64 values several times, and recurrent layers on bases what is inside them 1,000 times.
            let large = ["basset", "bpnet", "danq", "deepsea", "dilated", "lstm", "gru"].contains(name);
            let bound = if large { 4 << 30 } else { 1 << 30 };
            assert!((1 << 20..bound).contains(&bytes), "{name}: {bytes}");
        }
    }

    #[test]
    fn an_error_says_how_much_and_what_helps() {
        let error = enough("training".into(), 3 << 41, 3 << 29, "take less").unwrap_err();
        assert_eq!(error.to_string(), "training takes about 6.0 TiB of memory, and 1.5 GiB are available; take less");
        assert!(enough(String::new(), 5, 5, "").is_ok());
        assert_eq!(Bytes(7).to_string(), "7 bytes");
        assert_eq!(Bytes(2048).to_string(), "2.0 KiB");
    }

    #[test]
    fn linux_s_own_figure_is_read() {
        assert_eq!(mem_available("MemTotal:  9 kB\nMemAvailable:   12 kB\n"), Some(12 * 1024));
        assert_eq!(mem_available("MemTotal:  9 kB\nMemAvailable:   x kB\n"), None);
        assert_eq!(mem_available(""), None);
    }
}
