//! Neural networks on sequence: described as data, trained reproducibly, and explained by their gradients.
//!
//! This is the only crate that names Burn, and no type of Burn's leaves it.
//!
//! | module | question |
//! |---|---|
//! | [`Architecture`] | which layers? shapes, parameters, receptive field |
//! | [`device`] | where does it run? |
//! | [`loss`] | what does training make small? |
//! | [`train()`] | how do weights come about, stop, and go on exactly where they stopped? |
//! | [`Model`] | weights with their purpose: load, save, predict |
//! | [`interchange`] | how do weights come from other programs, and models go to them? |
//! | [`graph`] | which class has a node of a graph, and which links are missing? |
//! | [`attribute`] | which bases mattered, and what do the first filters look for? |
//! | [`generative`] | how are new sequences made like those that are there? |
//! | [`autoencoder`] | what do cells look like through a few numbers? expression counts, without labels |

mod architecture;
pub mod attribute;
pub mod autoencoder;
#[doc(hidden)]
pub mod bench;
pub mod device;
mod engine;
pub mod generative;
pub mod graph;
pub mod interchange;
pub mod loss;
mod memory;
mod model;
mod network;
mod optimizer;
mod suggest;
#[cfg(test)]
mod testing;
mod train;

pub use architecture::{
    ARCHITECTURE_FORMAT, Architecture, ArchitectureError, Combine, ControlForm, Head, Inputs, Layer, Outputs, Padding,
    Positions, ShapeError, Summary, SummaryRow,
};
pub use device::{DeviceChoice, DeviceError, OpenedDevice, devices};
pub use memory::MemoryError;
pub use model::{MODEL_FORMAT, Model, ModelError, OutputWeights, TrainingSummary};
pub use optimizer::{OptimizerKind, Schedule};
pub use suggest::nearest;
pub use train::{
    CheckpointEvery, ConfigFile, Control, EpochRecord, EpochTiming, LayerPenalty, Monitor, Progress, RateTrial,
    StepProgress, Stopped, TrainConfig, TrainError, TrainOptions, TrainOutcome, WriteError, check, find_learning_rate,
    overridden, suggested_learning_rate, train, validation_metric,
};
