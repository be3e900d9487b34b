//! Which bases mattered, by gradients, and what the first layer's filters look for.

mod filters;
mod gradients;

pub use filters::{
    Activations, FilterError, FilterLayer, FilterWindows, FirstLayer, MAX_WINDOWS, Window, filter_windows,
    first_layer_activations, first_layer_shape,
};
pub use gradients::{AttributionError, input_x_gradient, saliency};

#[cfg(test)]
mod tests;
