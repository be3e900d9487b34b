//! A network built from its description: which arrays it has, how they start, and how a batch runs through them.
//!
//! Weights live on the host as plain arrays, so that the optimizer's state, checkpoints and digests are exact; a step
//! copies them to the device as leaves of the gradient tape.

mod attention;
#[cfg(test)]
pub(crate) mod check;
mod dropout;
mod first;
mod forward;
mod plan;
mod recurrent;
#[cfg(test)]
pub(crate) mod reference;
mod strands;
mod weights;

pub(crate) use attention::rotary_angles;
pub(crate) use dropout::key as dropout_key;
pub(crate) use forward::{
    BATCH_NORM_EPSILON, LAYER_NORM_EPSILON, Leaves, Mode, RMS_NORM_EPSILON, forward, forward_batch,
    forward_steps_batch, side,
};
#[cfg(test)]
pub(crate) use forward::{forward_steps, input};
pub(crate) use plan::{Init, Plan, Spec, Step};
pub(crate) use strands::BASES;
pub(crate) use weights::{Array, Weights, hex};

#[cfg(test)]
pub(crate) mod golden_tests;
#[cfg(test)]
pub(crate) mod gradient_tests;
#[cfg(test)]
mod tests;
