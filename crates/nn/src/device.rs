//! Where tensors live: chosen once at run time, and said aloud.
//!
//! The CPU is always there. With the cargo feature `gpu`, graphics cards are reached through wgpu (Vulkan, Metal or
//! DirectX 12). This is the only file that asks which of them was built.

#[cfg(feature = "gpu")]
mod gpu;
#[cfg(test)]
#[cfg(feature = "gpu")]
mod gpu_tests;
#[cfg(test)]
mod tests;

use burn_tensor::Device;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What the user asked for: `auto`, `cpu`, `gpu` or `gpu:N`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DeviceChoice {
    /// A GPU if this build and this machine have one, else the CPU.
    #[default]
    Auto,
    /// The processor, on as many threads as the thread pool has.
    Cpu,
    /// A graphics card: the best one, or that of a number in the order of [`devices`]. Named so, a software driver
    /// counts as one.
    Gpu(Option<usize>),
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Gpu(None) => f.write_str("gpu"),
            Self::Gpu(Some(index)) => write!(f, "gpu:{index}"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "gpu" => Ok(Self::Gpu(None)),
            _ => text
                .strip_prefix("gpu:")
                .and_then(|index| index.parse().ok())
                .map(|index| Self::Gpu(Some(index)))
                .ok_or_else(|| DeviceError::Unknown { found: text.to_owned() }),
        }
    }
}

impl TryFrom<String> for DeviceChoice {
    type Error = DeviceError;

    fn try_from(text: String) -> Result<Self, DeviceError> {
        text.parse()
    }
}

impl From<DeviceChoice> for String {
    fn from(choice: DeviceChoice) -> Self {
        choice.to_string()
    }
}

/// Why a device could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// Not a device's name.
    #[error("expected a device auto, cpu, gpu or gpu:N, found {found:?}")]
    Unknown {
        /// The text.
        found: String,
    },
    /// This program was built without GPU support.
    #[error("this build has no GPU support; build with `--features gpu`, or use --device cpu")]
    NotBuilt,
    /// No driver answered.
    #[error(
        "no GPU was found through Vulkan, Metal or DirectX 12; install the card's driver (on Linux its Vulkan driver), \
         or use --device cpu"
    )]
    NoGpu,
    /// There are GPUs, but none of that number.
    #[error("expected a GPU from gpu:0 to gpu:{}, found gpu:{index}; `basewise doctor` lists them", count - 1)]
    NoSuchGpu {
        /// The number asked for.
        index: usize,
        /// How many there are, at least 1.
        count: usize,
    },
    /// A GPU that is there does not work.
    #[error("{gpu} could not be opened: {message}; update its driver, or use --device cpu")]
    Failed {
        /// Which, in words.
        gpu: String,
        /// What its driver or the runtime said.
        message: String,
    },
}

/// A device that has answered, ready to hold tensors.
#[derive(Clone, Debug)]
pub struct OpenedDevice {
    /// What it is, such as `CPU (2 threads)` or `GPU NVIDIA H100 PCIe (discrete, Vulkan, driver 550.54.15)`.
    pub description: String,
    /// Why it was chosen, such as `asked for` or `auto: this build has no GPU support`.
    pub reason: String,
    pub(crate) device: Device,
}

impl OpenedDevice {
    /// Whether networks run on the processor, by the engine of this crate.
    pub fn is_processor(&self) -> bool {
        crate::engine::on_processor(&self.device)
    }

    /// The processor, which is always there.
    pub fn cpu() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let description = format!("CPU ({threads} thread{})", if threads == 1 { "" } else { "s" });
        Self { description, reason: "asked for".into(), device: Device::flex() }
    }
}

/// Devices of this build on this machine, in words: the CPU, then each GPU as `gpu:N`, tried out, or why there is none.
pub fn devices() -> Vec<String> {
    let mut all = vec![OpenedDevice::cpu().description];
    for index in 0.. {
        match open_gpu(index) {
            Ok(gpu) => all.push(format!("gpu:{index}: {}", gpu.description)),
            Err(error @ DeviceError::Failed { .. }) => all.push(format!("gpu:{index}: {error}")),
            Err(error) if index == 0 => {
                all.push(format!("no GPU: {error}"));
                break;
            }
            Err(_) => break,
        }
    }
    all
}

/// Opens the device, computing something on it first.
///
/// `auto` takes a graphics card that works, never a software driver, which is slower than the CPU; otherwise it takes
/// the CPU and says why.
///
/// # Errors
/// If a GPU is asked for that this build or machine does not have; nothing stands in for it.
pub fn open(choice: DeviceChoice) -> Result<OpenedDevice, DeviceError> {
    match choice {
        DeviceChoice::Cpu => Ok(OpenedDevice::cpu()),
        DeviceChoice::Gpu(index) => open_gpu(index.unwrap_or(0)),
        DeviceChoice::Auto => Ok(match open_card() {
            Ok(gpu) => OpenedDevice { reason: "auto: a GPU is available".into(), ..gpu },
            Err(why) => OpenedDevice { reason: format!("auto: {why}"), ..OpenedDevice::cpu() },
        }),
    }
}

#[cfg(not(feature = "gpu"))]
fn open_gpu(_index: usize) -> Result<OpenedDevice, DeviceError> {
    Err(DeviceError::NotBuilt)
}

/// The best real graphics card, or why there is none to use.
#[cfg(not(feature = "gpu"))]
fn open_card() -> Result<OpenedDevice, String> {
    Err("this build has no GPU support".into())
}

#[cfg(feature = "gpu")]
use gpu::{open_card, open_gpu};
