//! Which bases mattered, by gradients and by differences to references, and what the first layer's filters look for.

mod contributions;
mod deeplift;
mod filters;
mod gradients;
mod integrated;
mod references;

pub use contributions::{Contributions, Convergence, Delta, keep_bases};
pub use deeplift::{LossyLayer, deeplift, deeplift_with, lossy_layer};
pub use filters::{
    Activations, FilterError, FilterLayer, FilterWindows, FirstLayer, MAX_WINDOWS, Window, filter_windows,
    first_layer_activations, first_layer_shape,
};
pub use gradients::{AttributionError, centre_bases, saliency};
pub use integrated::{expected_gradients, integrated_gradients};
pub use references::References;

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod tests;
