//! What the first layer's filters respond to, so that the windows which excite them can be stacked into matrices
//! (Alipanahi et al. 2015; Kelley et al. 2016).

use super::gradients::device_values;
use crate::architecture::{Layer, padding_of};
use crate::model::{Model, parts};
use crate::network::{Mode, Step, forward_steps_batch};
use basewise_core::{PredictError, SequenceBatch};

/// Why filters could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// The network does not begin with a convolution.
    #[error("expected a network whose first layer is conv1d, found {found}; its filters cannot be read as motifs")]
    FirstLayer {
        /// The first layer.
        found: String,
    },
    /// The sequences do not fit the model, or the device failed.
    #[error(transparent)]
    Predict(#[from] PredictError),
}

/// Activations of the first layer after its non-linearity.
#[derive(Clone, Debug, PartialEq)]
pub struct Activations {
    /// Number of filters.
    pub filters: usize,
    /// Positions of the layer's output.
    pub length: usize,
    /// Row-major `[n, filters, length]`.
    pub values: Vec<f32>,
}

/// The geometry of the first layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstLayer {
    /// Number of filters.
    pub filters: usize,
    /// Weights of a filter along the sequence.
    pub width: usize,
    /// Positions from one weight to the next.
    pub dilation: usize,
    /// Positions from one output to the next.
    pub stride: usize,
    /// Zeros before the sequence: output `i` looks at positions from `i * stride - pad_left` on.
    pub pad_left: usize,
}

/// A stretch of a sequence that excites a filter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Row in the batch.
    pub sequence: usize,
    /// First position under the filter, 0-based; negative or near the end where it reaches into the padding.
    pub start: i64,
    /// The filter's activation there.
    pub activation: f32,
}

/// What excites one filter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FilterWindows {
    /// The largest activation over all sequences and positions; at most 0 for a silent filter.
    pub max_activation: f32,
    /// The largest activation in each sequence.
    pub sequence_maxima: Vec<f32>,
    /// Windows above the threshold, by sequence and start; the strongest [`MAX_WINDOWS`] if there are more.
    pub windows: Vec<Window>,
}

/// The windows of all filters.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterLayer {
    /// Positions that a filter spans.
    pub width: usize,
    /// One entry a filter.
    pub filters: Vec<FilterWindows>,
}

/// Windows that are kept of one filter.
pub const MAX_WINDOWS: usize = 20_000;

/// The geometry of the first layer.
///
/// # Errors
/// If it is no convolution.
pub fn first_layer_shape(model: &Model) -> Result<FirstLayer, FilterError> {
    match leading_layers(&model.architecture.layers).first() {
        Some(&Layer::Conv1d { filters, width, stride, dilation, padding, .. }) => {
            let span = (width - 1) * dilation + 1;
            let (pad_left, _) = padding_of(padding, model.plan.input.length, span, stride);
            Ok(FirstLayer { filters, width, dilation, stride, pad_left })
        }
        other => {
            let found = other.map_or_else(|| "no layer but the head".to_owned(), Layer::label);
            Err(FilterError::FirstLayer { found })
        }
    }
}

/// Activations of the first layer for a batch that fits into memory; [`filter_windows`] has no such bound.
///
/// They are taken after the layer's non-linearity (and a batch norm before it), or after the convolution if none
/// follows at once.
///
/// # Errors
/// If the first layer is no convolution, or the sequences do not fit the model.
pub fn first_layer_activations(model: &Model, batch: &SequenceBatch) -> Result<Activations, FilterError> {
    let shape = first_layer_shape(model)?;
    let mut activations =
        Activations { filters: shape.filters, length: trunk(model)[0].output.length, values: Vec::new() };
    each_part(model, batch, |_, values| activations.values.extend_from_slice(values))?;
    Ok(activations)
}

/// The windows whose activation exceeds `fraction` of their filter's largest over `batch`; one half is the usual
/// choice. A filter that is never positive has none.
///
/// The batch is read twice, a part at a time, so memory is bounded by the windows that are kept.
///
/// # Errors
/// If the first layer is no convolution, or the sequences do not fit the model.
pub fn filter_windows(model: &Model, batch: &SequenceBatch, fraction: f32) -> Result<FilterLayer, FilterError> {
    let shape = first_layer_shape(model)?;
    let length = trunk(model)[0].output.length;
    let mut filters =
        vec![FilterWindows { max_activation: f32::NEG_INFINITY, ..FilterWindows::default() }; shape.filters];
    each_part(model, batch, |_, values| {
        for (row, activations) in values.chunks_exact(length).enumerate() {
            let filter = &mut filters[row % shape.filters];
            let top = activations.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            filter.sequence_maxima.push(top);
            filter.max_activation = filter.max_activation.max(top);
        }
    })?;
    each_part(model, batch, |first, values| {
        for (row, activations) in values.chunks_exact(length).enumerate() {
            let (sequence, filter) = (first + row / shape.filters, &mut filters[row % shape.filters]);
            let threshold = (fraction * filter.max_activation).max(0.0);
            let start = |at: usize| (at * shape.stride) as i64 - shape.pad_left as i64;
            let above = activations.iter().enumerate().filter(|(_, activation)| **activation > threshold);
            filter.windows.extend(above.map(|(at, &activation)| Window { sequence, start: start(at), activation }));
            if filter.windows.len() > 2 * MAX_WINDOWS {
                keep_strongest(&mut filter.windows);
            }
        }
    })?;
    for filter in &mut filters {
        keep_strongest(&mut filter.windows);
        filter.max_activation = if batch.is_empty() { 0.0 } else { filter.max_activation };
    }
    Ok(FilterLayer { width: (shape.width - 1) * shape.dilation + 1, filters })
}

/// Cuts to the strongest windows, earlier ones first among equals, back in order of place.
fn keep_strongest(windows: &mut Vec<Window>) {
    if windows.len() > MAX_WINDOWS {
        windows.sort_by(|a, b| b.activation.total_cmp(&a.activation));
        windows.truncate(MAX_WINDOWS);
        windows.sort_by_key(|window| (window.sequence, window.start));
    }
}

/// Calls `visit(first row, activations [rows, filters, length])` for consecutive parts of the batch.
fn each_part(model: &Model, batch: &SequenceBatch, mut visit: impl FnMut(usize, &[f32])) -> Result<(), FilterError> {
    model.check(batch)?;
    let rows = model.batch_rows();
    let trunk = trunk(model);
    let steps = &trunk[..leading(trunk)];
    let leaves = model.leaves();
    for (i, part) in parts(batch, rows).enumerate() {
        let (activations, _) = forward_steps_batch(steps, &leaves, &part, &model.device, Mode::Evaluate);
        visit(i * rows, &device_values(activations)?);
    }
    Ok(())
}

/// The layers that see the sequence as it is given: within strands, those on the given strand.
fn leading_layers(layers: &[Layer]) -> &[Layer] {
    match layers.first() {
        Some(Layer::Strands { layers, .. }) => layers,
        _ => layers,
    }
}

/// Their steps.
fn trunk(model: &Model) -> &[Step] {
    match model.plan.steps.first() {
        Some(Step { layer: Layer::Strands { .. }, inner, .. }) => inner.first().map_or(&[], Vec::as_slice),
        _ => &model.plan.steps,
    }
}

/// Steps up to and including the first non-linearity, if only batch norm and dropout stand before it.
fn leading(trunk: &[Step]) -> usize {
    let passes = |layer: &Layer| matches!(layer, Layer::BatchNorm | Layer::Dropout { .. });
    let after = &trunk[1..];
    let between = after.iter().take_while(|step| passes(&step.layer)).count();
    match after.get(between) {
        Some(step) if step.layer.is_activation() => between + 2,
        _ => 1,
    }
}
