//! The heads, which are appended when a network is built: from what the layers give to the outputs of the tasks.
//!
//! Scalar tasks get one dense layer on all values. A profile gets two heads (Avsec et al. 2021): a wide convolution to its
//! tracks, cut to the middle and averaged over bins, for the shape; and the mean over all positions with a dense layer to
//! its tracks, for the logarithms of totals. Where there is control signal, a convolution of it is added to the logits of the
//! shape, and the logarithms of its totals stand beside the mean. Everything is made of the same layers as the description,
//! joined side by side.

use super::shape::{Shape, sequence};
use super::{Architecture, ArchitectureError, ControlForm, Layer, Node, Padding, ShapeError};
use crate::suggest::{hint, nearest};
use basewise_core::{Task, TaskKind};
use serde::{Deserialize, Serialize};
use toml::Value;

/// Settings of the heads: `[head]` in a description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Head {
    /// Positions that the filters of a profile's head span.
    pub profile_width: usize,
    /// Bins that the filters on control signal span.
    pub control_width: usize,
    /// Whether they see `ln(1 + signal)`, so that a power of the control multiplies the shape, or the signal itself.
    pub control_log: bool,
    /// Covariates that the heads of a profile take; no part of a description.
    #[serde(skip)]
    pub(super) side: usize,
    /// Tracks of control signal that they take, in the bins of the profile; no part of a description.
    #[serde(skip)]
    pub(super) control: usize,
}

impl Default for Head {
    /// 75 positions, as in ChromBPNet (BPNet itself has 25); of the control the logarithm, bin by bin, because counts of
    /// hundreds make logits that nothing else is heard beside (BPNet takes the signal itself).
    fn default() -> Self {
        Self { profile_width: 75, control_width: 1, control_log: true, side: 0, control: 0 }
    }
}

const KEYS: &[&str] = &["profile_width", "control_width", "control_log"];

impl Head {
    pub(super) fn is_default(&self) -> bool {
        Self { side: 0, control: 0, ..*self } == Self::default()
    }

    /// Reads the table `[head]`.
    pub(super) fn read(value: &Value, source: &str) -> Result<Self, ArchitectureError> {
        let form = |message: String| ArchitectureError::Form { file: source.to_owned(), message };
        let Value::Table(table) = value else {
            return Err(form(format!("head: expected a [head] table, found {}", value.type_str())));
        };
        if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let near = hint(&nearest(key, KEYS));
            return Err(form(format!("head: unknown key {key:?}{near}; valid keys are {}", KEYS.join(", "))));
        }
        let head: Self =
            value.clone().try_into().map_err(|error: toml::de::Error| form(format!("head: {}", error.message())))?;
        head.fault().map_or(Ok(head), |fault| Err(form(fault)))
    }

    /// The first value out of range, in words.
    pub(super) fn fault(&self) -> Option<String> {
        let widths = [("profile_width", self.profile_width), ("control_width", self.control_width)];
        let zero = widths.into_iter().find(|(_, width)| *width == 0);
        zero.map(|(key, _)| format!("head: {key}: expected 1 or more, found 0"))
    }
}

/// What a network must put out: so many numbers, or what the tasks want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outputs(Vec<Part>);

/// Outputs that one head gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Numbers of scalar tasks.
    Dense(usize),
    /// A profile.
    Profile { tracks: usize, bins: usize, bin_size: usize },
}

impl From<usize> for Outputs {
    fn from(count: usize) -> Self {
        Self(vec![Part::Dense(count)])
    }
}

impl From<&[Task]> for Outputs {
    fn from(tasks: &[Task]) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        for task in tasks {
            match (&task.kind, parts.last_mut()) {
                (TaskKind::Profile(p), _) => {
                    parts.push(Part::Profile { tracks: p.tracks.len(), bins: p.bins, bin_size: p.bin_size.max(1) });
                }
                // Neighbours share a dense layer.
                (_, Some(Part::Dense(count))) => *count += task.outputs(),
                _ => parts.push(Part::Dense(task.outputs())),
            }
        }
        if parts.is_empty() { 0.into() } else { Self(parts) }
    }
}

impl From<&Vec<Task>> for Outputs {
    fn from(tasks: &Vec<Task>) -> Self {
        tasks.as_slice().into()
    }
}

impl Outputs {
    /// Whether any of them is a profile.
    pub(crate) fn has_profile(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Profile { .. }))
    }

    /// Numbers in all.
    pub fn count(&self) -> usize {
        let size = |part: &Part| match *part {
            Part::Dense(count) => count,
            Part::Profile { tracks, bins, .. } => tracks.saturating_mul(bins.saturating_add(1)),
        };
        self.0.iter().map(size).fold(0, usize::saturating_add)
    }
}

impl Architecture {
    /// The layers of the heads, after layers that end in `end`.
    pub(super) fn head_layers(&self, outputs: &Outputs, end: Shape, nodes: &[Node]) -> Result<Vec<Layer>, ShapeError> {
        if let [Part::Dense(units)] = outputs.0[..] {
            return Ok(vec![Layer::Flatten, Layer::Dense { units }]);
        }
        let mut branches = Vec::new();
        for part in &outputs.0 {
            match *part {
                Part::Dense(units) => branches.push(self.dense_after(Layer::Flatten, units)),
                Part::Profile { tracks, bins, .. } => {
                    let mut shape = self.profile_layers(part, end, spacing(nodes))?;
                    shape.extend(self.control_of_shape(tracks, bins));
                    shape.push(Layer::Flatten);
                    branches.push(shape);
                    branches.push(self.dense_after(self.mean_and_control(bins), tracks));
                }
            }
        }
        Ok(vec![Layer::Concat { branches }])
    }

    /// A dense layer on what `first` makes a vector of, with the numbers beside the sequence.
    fn dense_after(&self, first: Layer, units: usize) -> Vec<Layer> {
        let width = self.head.side;
        let side = (width > 0).then_some(Layer::SideInputs { width });
        [first].into_iter().chain(side).chain([Layer::Dense { units }]).collect()
    }

    /// The mean over all positions, and the logarithms of the control's totals beside it.
    fn mean_and_control(&self, bins: usize) -> Layer {
        match self.control(ControlForm::LogTotals, bins) {
            Some(totals) => Layer::Concat { branches: vec![vec![Layer::GlobalAvgPool], vec![totals]] },
            None => Layer::GlobalAvgPool,
        }
    }

    /// Adds a convolution of the control to the logits of `tracks`.
    fn control_of_shape(&self, tracks: usize, bins: usize) -> Option<Layer> {
        let Head { control_width: width, control_log, .. } = self.head;
        let form = if control_log { ControlForm::LogBins } else { ControlForm::Bins };
        let signal = self.control(form, bins)?;
        let padding = Padding::Same;
        let convolution = Layer::Conv1d { filters: tracks, width, stride: 1, dilation: 1, groups: 1, padding };
        Some(Layer::Residual { layers: vec![signal, convolution] })
    }

    /// The control signal that the heads take, if they take any.
    fn control(&self, form: ControlForm, bins: usize) -> Option<Layer> {
        let tracks = self.head.control;
        (tracks > 0).then_some(Layer::ControlSignal { form, tracks, bins })
    }

    /// From `end`, whose neighbours are `jump` bases apart, to the bins of all tracks.
    fn profile_layers(&self, part: &Part, end: Shape, jump: usize) -> Result<Vec<Layer>, ShapeError> {
        let Part::Profile { tracks, bins, bin_size } = *part else { return Ok(Vec::new()) };
        let misfit = |expected: String, hint: &str| ShapeError {
            path: (self.layers.len() + 1).to_string(),
            layer: format!("head profile, {bins} bins of {bin_size}"),
            expected,
            found: format!("{end}, {jump} bases apart"),
            hint: hint.to_owned(),
        };
        let positions = bins.saturating_mul(bin_size).div_ceil(jump);
        if positions > end.length {
            let hint = "; end in layers that keep positions, without flatten or global pool, such as the preset bpnet";
            return Err(misfit(format!("a length of at least {positions}"), hint));
        }
        if !bin_size.is_multiple_of(jump) {
            let hint = "; pool less, or make bins that are a multiple of the pools";
            return Err(misfit(format!("positions that {bin_size} bases are a multiple of"), hint));
        }
        let pool = bin_size / jump;
        let width = self.head.profile_width;
        let convolution =
            |padding| Layer::Conv1d { filters: tracks, width, stride: 1, dilation: 1, groups: 1, padding };
        let spare = end.length - positions;
        let (left, before) = (spare / 2, (width - 1) / 2);
        let crop = |left: usize, right: usize| (left + right > 0).then_some(Layer::Crop { left, right });
        let mut layers = Vec::new();
        // Where there are neighbours on both sides, what is cut off is cut off first: the same numbers for less work.
        if let (Some(first), Some(last)) = (left.checked_sub(before), (spare - left).checked_sub(width - 1 - before)) {
            layers.extend(crop(first, last));
            layers.push(convolution(Padding::Valid));
        } else {
            layers.push(convolution(Padding::Same));
            layers.extend(crop(left, spare - left));
        }
        if pool > 1 {
            layers.push(Layer::AvgPool1d { width: pool, stride: None });
        }
        Ok(layers)
    }
}

/// The path of a node in a part of the heads.
fn path_of(node: &Node, part: &str) -> String {
    match node.layer {
        Layer::Conv1d { .. } | Layer::Dense { .. } => part.to_owned(),
        other => format!("{part}.{}", other.type_name()),
    }
}

/// Whether the layer is what the totals of a profile begin with.
fn is_mean(layer: &Layer) -> bool {
    let inside = layer.inner().first().and_then(|layers| layers.first());
    *layer == Layer::GlobalAvgPool || inside.is_some_and(|layer| *layer == Layer::GlobalAvgPool)
}

/// Bases between two neighbouring values after these layers, at least 1.
fn spacing(nodes: &[Node]) -> usize {
    let after = |bases: usize, node: &Node| match *node.layer {
        Layer::Conv1d { stride, .. } => bases.saturating_mul(stride),
        Layer::MaxPool1d { width, stride } | Layer::AvgPool1d { width, stride } => {
            bases.saturating_mul(stride.unwrap_or(width))
        }
        Layer::AttentionPool { width: Some(width) } => bases.saturating_mul(width),
        Layer::Upsample { factor } => bases.div_ceil(factor),
        // Branches end in one length, so that one of them speaks for all.
        _ => bases.saturating_mul(node.inner.first().map_or(1, |nodes| spacing(nodes))),
    };
    nodes.iter().fold(1, after)
}

/// Lays the heads out after `count` layers that end in `end`. Their paths say what they are about: nothing for a dense
/// layer on its own; `.profile`, `.control`, `.counts` and `.dense` for those side by side, after a number (from 1) where
/// there are several profiles; layers without weights have their type after it, so that no two paths are the same.
pub(crate) fn lay_out_head(layers: &[Layer], count: usize, end: Shape) -> Result<Vec<Node<'_>>, ShapeError> {
    let place = |error: ShapeError| ShapeError { path: (count + 1).to_string(), ..error };
    let mut nodes = sequence(layers, end, "").map_err(place)?;
    for node in &mut nodes {
        // A profile has two branches, and at most one of scalar tasks stands before or after it.
        let (several, mut number) = (node.inner.len() > 3, 1);
        node.path = String::new();
        for branch in &mut node.inner {
            let totals = branch.first().is_some_and(|first| is_mean(first.layer));
            let profile = branch.iter().any(|inner| matches!(inner.layer, Layer::Conv1d { .. }));
            let part = if profile {
                "profile"
            } else if totals {
                "counts"
            } else {
                "dense"
            };
            let named = |part: &str| if several { format!(".{number}.{part}") } else { format!(".{part}") };
            for inner in branch.iter_mut() {
                inner.path = path_of(inner, &named(part));
                let within = if profile { named("control") } else { named(part) };
                inner.inner.iter_mut().flatten().for_each(|node| node.path = path_of(node, &within));
            }
            number += usize::from(totals);
        }
    }
    Ok(nodes)
}

#[cfg(test)]
mod tests;
