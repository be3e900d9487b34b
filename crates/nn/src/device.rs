//! Where tensors live: chosen once at run time, and said aloud.

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
    /// A graphics card: the best one, or the discrete one of that number.
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
    /// The GPU is not there or does not work.
    #[error("the GPU could not be opened: {0}; use --device cpu")]
    Failed(String),
}

/// A device that has answered, ready to hold tensors.
#[derive(Clone, Debug)]
pub struct OpenedDevice {
    /// What it is, such as `CPU (2 threads)`.
    pub description: String,
    /// Why it was chosen, such as `asked for` or `auto: this build has no GPU support`.
    pub reason: String,
    pub(crate) device: Device,
}

impl OpenedDevice {
    /// The processor, which is always there.
    pub fn cpu() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let description = format!("CPU ({threads} thread{})", if threads == 1 { "" } else { "s" });
        Self { description, reason: "asked for".into(), device: Device::flex() }
    }
}

/// Devices that this build can open on this machine, in words, the CPU first.
pub fn devices() -> Vec<String> {
    let gpu = match open_gpu(None) {
        Ok(gpu) => gpu.description,
        Err(error) => format!("no GPU: {error}"),
    };
    vec![OpenedDevice::cpu().description, gpu]
}

/// Opens the device, computing something on it first.
///
/// # Errors
/// If a GPU is asked for that this build or machine does not have; `auto` falls back to the CPU and says why.
pub fn open(choice: DeviceChoice) -> Result<OpenedDevice, DeviceError> {
    match choice {
        DeviceChoice::Cpu => Ok(OpenedDevice::cpu()),
        DeviceChoice::Gpu(index) => open_gpu(index),
        DeviceChoice::Auto => match open_gpu(None) {
            Ok(gpu) => Ok(OpenedDevice { reason: "auto: a GPU is available".into(), ..gpu }),
            Err(error) => {
                let why = match error {
                    DeviceError::NotBuilt => "this build has no GPU support".to_owned(),
                    other => other.to_string(),
                };
                Ok(OpenedDevice { reason: format!("auto: {why}"), ..OpenedDevice::cpu() })
            }
        },
    }
}

#[cfg(not(feature = "gpu"))]
fn open_gpu(_index: Option<usize>) -> Result<OpenedDevice, DeviceError> {
    Err(DeviceError::NotBuilt)
}

/// Burn's GPU runtime starts with the first kernel and may panic where there is no driver, so one sum is computed
/// and read back under a guard.
#[cfg(feature = "gpu")]
fn open_gpu(index: Option<usize>) -> Result<OpenedDevice, DeviceError> {
    use burn_tensor::{DeviceKind, Tensor};
    let kind = index.map_or(DeviceKind::DefaultDevice, DeviceKind::DiscreteGpu);
    let probe = std::panic::catch_unwind(|| {
        let device = Device::wgpu(kind);
        let sum = Tensor::<1>::ones([4], &device).sum().try_into_scalar::<f32>().map_err(|e| e.to_string())?;
        let name = device.identity().map_or_else(|| "GPU".to_owned(), |identity| format!("GPU {identity:?}"));
        if sum == 4.0 { Ok((device, name)) } else { Err(format!("expected 1 + 1 + 1 + 1 = 4, found {sum}")) }
    });
    match probe {
        Ok(Ok((device, description))) => Ok(OpenedDevice { description, reason: "asked for".into(), device }),
        Ok(Err(message)) => Err(DeviceError::Failed(message)),
        Err(_) => Err(DeviceError::Failed("no usable Vulkan, Metal or DirectX driver was found".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_are_refused() {
        for text in ["auto", "cpu", "gpu", "gpu:3"] {
            assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
        }
        for text in ["", "cuda", "gpu:", "gpu:-1", "GPU"] {
            assert!(text.parse::<DeviceChoice>().unwrap_err().to_string().contains("expected a device"), "{text}");
        }
    }

    #[test]
    fn the_cpu_is_always_there_and_auto_says_what_it_chose() {
        assert!(open(DeviceChoice::Cpu).unwrap().description.starts_with("CPU ("));
        assert!(open(DeviceChoice::Auto).unwrap().reason.starts_with("auto: "));
    }

    #[cfg(not(feature = "gpu"))]
    #[test]
    fn a_gpu_that_was_not_built_in_is_an_error() {
        assert_eq!(open(DeviceChoice::Gpu(None)).unwrap_err(), DeviceError::NotBuilt);
    }
}
