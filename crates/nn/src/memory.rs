//! How much memory a network takes, asked before any of it is taken: an allocation that fails ends the program without
//! a word, so a network that cannot fit is refused first.

use crate::architecture::{Architecture, Layer, ShapeError, directions};
use crate::network::{Plan, Step};
use std::fmt;

/// Bytes of a number.
const NUMBER: u64 = 4;
/// Copies of each weight while training, at their most, which is when a checkpoint is written: the weights, the best
/// ones and two moments, then both moments renamed, as bytes, and as a file; a step needs fewer.
const TRAINING_COPIES: u64 = 10;
/// Copies of each weight of a model that predicts: on the host and on the device.
const MODEL_COPIES: u64 = 2;
/// Each layer's output is there forwards and backwards, and once more while its gradient is made.
const OUTPUT_COPIES: u64 = 3;
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
    /// Bytes that training takes at its most, about, with `batch` examples in a step: weights with their moments and
    /// checkpoints, and the outputs of all layers with their gradients. Saturates.
    ///
    /// # Errors
    /// The first layer that does not fit its input.
    pub fn training_memory(
        &self,
        channels: usize,
        length: usize,
        outputs: usize,
        batch: usize,
    ) -> Result<u64, ShapeError> {
        Ok(Plan::new(self, channels, length, outputs)?.training_memory(batch))
    }
}

impl Plan {
    fn weights(&self) -> u64 {
        let sizes = self.parameters.iter().chain(&self.buffers).map(|spec| spec.size() as u64);
        sizes.fold(0, u64::saturating_add)
    }

    pub(crate) fn training_memory(&self, batch: usize) -> u64 {
        let outputs = self.steps_deep().map(values).fold(0, u64::saturating_add);
        // The first layer's windows stay until its gradient; those of later ones are made and dropped one at a time.
        let first = self.steps_deep().next().map_or(0, windows);
        let passing = self.steps_deep().skip(1).map(windows).max().unwrap_or(0);
        let example = outputs.saturating_mul(OUTPUT_COPIES).saturating_add(first).saturating_add(passing);
        let activations = example.saturating_mul(batch as u64).saturating_mul(NUMBER);
        self.weights().saturating_mul(TRAINING_COPIES * NUMBER).saturating_add(activations)
    }

    /// Refuses a network that cannot be trained on this many examples with the memory there is.
    pub(crate) fn check_training(&self, examples: usize, batch_size: usize) -> Result<(), MemoryError> {
        let batch = batch_size.min(examples);
        let what =
            format!("training {} weights with batches of {batch} x {} positions", self.weights(), self.input.length);
        let hint = "take a smaller batch, fewer filters or shorter sequences";
        enough(what, self.training_memory(batch), available(), hint)
    }

    /// Refuses a network whose weights alone are more than the memory there is.
    pub(crate) fn check_weights(&self) -> Result<(), MemoryError> {
        let needed = self.weights().saturating_mul(MODEL_COPIES * NUMBER);
        let hint = "take a network with fewer filters or a machine with more memory";
        enough(format!("a network of {} weights", self.weights()), needed, available(), hint)
    }
}

/// Values that one example leaves behind in a layer for its gradient.
fn values(step: &Step) -> u64 {
    let inside = match step.layer {
        // At each position the gates, before and after their functions, the memory and its tangent.
        Layer::Lstm { units, bidirectional, .. } => recurrent(step, units, bidirectional, 4),
        Layer::Gru { units, bidirectional, .. } => recurrent(step, units, bidirectional, 3),
        _ => 0,
    };
    inside.saturating_add(step.output.size() as u64)
}

fn recurrent(step: &Step, units: usize, bidirectional: bool, gates: u64) -> u64 {
    let states = (units as u64).saturating_mul(directions(bidirectional) as u64);
    states.saturating_mul(2 * gates + 2).saturating_mul(step.input.length as u64)
}

/// Values in the windows of a convolution on one example.
fn windows(step: &Step) -> u64 {
    match step.layer {
        Layer::Conv1d { width, groups, .. } => (step.input.channels as u64 / groups as u64)
            .saturating_mul(width as u64)
            .saturating_mul(step.output.length as u64),
        _ => 0,
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
    fn the_estimate_counts_weights_outputs_and_windows() {
        let text = "[[layer]]\ntype='conv1d'\nfilters=2\nwidth=3\n[[layer]]\ntype='conv1d'\nfilters=5\nwidth=7\n\
                    [[layer]]\ntype='global-max-pool'";
        let bytes = net(text).training_memory(4, 10, 1, 6).unwrap();
        let weights = (2 * 4 * 3 + 2) + (5 * 2 * 7 + 5) + (5 + 1);
        // Both convolutions, the pool, the flattening before the head, the head.
        let outputs = 20 + 50 + 5 + 5 + 1;
        let windows = 4 * 3 * 10 + 2 * 7 * 10;
        assert_eq!(bytes, 4 * (10 * weights + 6 * (3 * outputs + windows)));
    }

    #[test]
    fn the_estimate_counts_layers_within_layers_and_gates() {
        let text = "[[layer]]\ntype='residual'\n[[layer.layer]]\ntype='conv1d'\nfilters=4\nwidth=3\n\
                    [[layer]]\ntype='gru'\nunits=2\nbidirectional=true\nlast=true";
        let bytes = net(text).training_memory(4, 10, 1, 6).unwrap();
        let weights = (4 * 4 * 3 + 4) + 2 * (4 + 2 + 2) * 6 + (4 + 1);
        // The sum, the convolution, the states with what is inside, the flattening before the head, the head.
        let outputs = 40 + 40 + (4 + 2 * 2 * 8 * 10) + 4 + 1;
        assert_eq!(bytes, 4 * (10 * weights + 6 * (3 * outputs + 4 * 3 * 10)));
    }

    #[test]
    fn the_presets_are_cheap_on_usual_data() {
        for (name, _) in Architecture::presets() {
            let bytes = Architecture::preset(name).unwrap().training_memory(4, 1000, 1, 64).unwrap();
            // Danq's dense layer has 44 million weights, and dilated keeps 1,000 x 64 values 26 times.
            let bound = if ["danq", "dilated"].contains(name) { 4 << 30 } else { 1 << 30 };
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
