//! Control signal (see [`basewise_core::ControlSignal`]): what the network makes of it.

use serde::{Deserialize, Serialize};

/// What [`Layer::ControlSignal`](super::Layer::ControlSignal) gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControlForm {
    /// The signal in each bin.
    #[default]
    Bins,
    /// `ln(1 + signal)` of each bin: added to logits, a power of the signal that multiplies the shape.
    LogBins,
    /// `ln(1 + total)` of each track.
    LogTotals,
}

impl ControlForm {
    /// All forms.
    pub const ALL: [Self; 3] = [Self::Bins, Self::LogBins, Self::LogTotals];

    /// The word in TOML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bins => "bins",
            Self::LogBins => "log-bins",
            Self::LogTotals => "log-totals",
        }
    }

    /// Numbers that are made of `bins` bins.
    pub(crate) fn length(self, bins: usize) -> usize {
        if self == Self::LogTotals { 1 } else { bins }
    }
}

#[cfg(test)]
mod tests;
