//! A trained network with everything needed to use it.

mod embed;
mod file;

pub use embed::OutputWeights;
pub use file::{MODEL_FORMAT, ModelError, TrainingSummary};
pub(crate) use file::{arrays_of, read_arrays, read_bounded, read_with_header, write_arrays, write_whole};

use crate::architecture::{Architecture, Inputs, Outputs, ShapeError, Summary};
use crate::device::OpenedDevice;
use crate::engine::{Input, Placed, edit_share, edit_spread};
use crate::network::{Leaves, Mode, Plan, Weights, forward, forward_batch};
use basewise_core::{
    ControlSignal, Covariate, Edit, Encoding, Matrix, Predict, PredictError, SequenceBatch, Task, check_edits,
    predict_edits_plainly,
};
use burn_tensor::{Device, Tensor, TensorData};

/// A network with its weights, the tasks that it predicts and the form of its input. It predicts through
/// [`Predict`], in evaluation mode, for any number of sequences.
#[derive(Clone, Debug)]
pub struct Model {
    pub(crate) architecture: Architecture,
    pub(crate) plan: Plan,
    pub(crate) weights: Weights,
    placed: Placed,
    pub(crate) device: Device,
    tasks: Vec<Task>,
    encoding: Encoding,
    length: usize,
    covariates: Vec<Covariate>,
    control: Option<ControlSignal>,
    training: Option<TrainingSummary>,
}

/// What a model is about, beside its weights.
#[derive(Clone, Debug)]
pub(crate) struct Purpose {
    pub(crate) tasks: Vec<Task>,
    pub(crate) encoding: Encoding,
    pub(crate) length: usize,
    pub(crate) covariates: Vec<Covariate>,
    pub(crate) control: Option<ControlSignal>,
    pub(crate) training: Option<TrainingSummary>,
}

impl Model {
    /// A network with fresh weights, a function of the seed, for sequences alone.
    ///
    /// # Errors
    /// If a value is out of range, a layer does not fit what comes into it, or the weights are more than the memory
    /// holds.
    pub fn untrained(
        architecture: &Architecture,
        tasks: &[Task],
        encoding: Encoding,
        length: usize,
        seed: u64,
        device: &OpenedDevice,
    ) -> Result<Self, ModelError> {
        let (tasks, covariates) = (tasks.to_vec(), Vec::new());
        let purpose = Purpose { tasks, encoding, length, covariates, control: None, training: None };
        Self::fresh(architecture, purpose, seed, device)
    }

    /// The same, perhaps with numbers beside the sequences.
    pub(crate) fn fresh(
        architecture: &Architecture,
        purpose: Purpose,
        seed: u64,
        device: &OpenedDevice,
    ) -> Result<Self, ModelError> {
        let source = architecture.name.as_deref().unwrap_or("the network");
        architecture.check(source)?;
        let shape = |error| ModelError::Shape { file: source.to_owned(), source: Box::new(error) };
        if let Some(message) = purpose.control.as_ref().and_then(|control| control.fault(&purpose.tasks)) {
            return Err(ModelError::Content { file: source.to_owned(), message });
        }
        let (channels, covariates) = (purpose.encoding.channels(), purpose.covariates.len());
        let inputs = Inputs::new(channels, covariates, purpose.control.as_ref());
        let outputs = Outputs::from(&purpose.tasks);
        let architecture = architecture.joined(inputs, &outputs).map_err(shape)?;
        let plan = Plan::new(&architecture, inputs, purpose.length, outputs).map_err(shape)?;
        plan.check_weights()?;
        let weights = Weights::initial(&plan, seed);
        Ok(Self::assemble(architecture, plan, weights, purpose, &device.device))
    }

    /// Puts parts together that were made for each other.
    pub(crate) fn assemble(
        architecture: Architecture,
        plan: Plan,
        weights: Weights,
        purpose: Purpose,
        device: &Device,
    ) -> Self {
        let device = device.clone().without_autodiff();
        let placed = Placed::new(&weights, &device);
        let Purpose { tasks, encoding, length, covariates, control, training } = purpose;
        Self { architecture, plan, weights, placed, device, tasks, encoding, length, covariates, control, training }
    }

    /// The same model with other weights, which were made for its plan.
    pub(crate) fn with_weights(mut self, weights: Weights) -> Self {
        self.placed = Placed::new(&weights, &self.device);
        self.weights = weights;
        self
    }

    /// The same model on another device.
    pub fn to_device(mut self, device: &OpenedDevice) -> Self {
        self.device = device.device.clone().without_autodiff();
        self.placed = Placed::new(&self.weights, &self.device);
        self
    }

    /// The weights as tensors, for what runs on Burn everywhere.
    pub(crate) fn leaves(&self) -> Leaves {
        Leaves::new(&self.weights, &self.device)
    }

    /// The network's description, without the head.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// How it was trained; `None` for fresh weights.
    pub fn training(&self) -> Option<&TrainingSummary> {
        self.training.as_ref()
    }

    /// Layers, shapes, parameters and receptive field.
    ///
    /// # Errors
    /// None for a model that was built or loaded: its shapes were checked then.
    pub fn summary(&self) -> Result<Summary, ShapeError> {
        self.architecture.summary(self.plan.inputs(), self.plan.input.length, &self.tasks)
    }

    /// About the share of a pass that [`Predict::predict_edits`] takes for a substitution, from 0 to 1, as a mean over
    /// the sequence: 1 where whole copies go through the network, as on other devices than the processor.
    pub fn edit_share(&self) -> f64 {
        match self.placed {
            Placed::Host => edit_share(&self.plan),
            Placed::Device(_) => 1.0,
        }
    }

    /// The type of the layer from which on a substitution in the middle of a sequence changes every position, if one does
    /// so while there are positions.
    pub fn edit_spread(&self) -> Option<&'static str> {
        edit_spread(&self.plan)
    }

    /// SHA-256 over names, shapes and bits of all weights, in hex: equal for equal models on any device.
    pub fn digest(&self) -> String {
        self.weights.digest()
    }

    /// Names of the outputs in order.
    pub fn output_names(&self) -> Vec<String> {
        self.tasks.iter().flat_map(Task::output_names).collect()
    }

    /// Sequences that go through the network at once.
    pub(crate) fn batch_rows(&self) -> usize {
        self.plan.evaluation_rows()
    }

    /// Raw scores of any numbers `[n, channels, length]`, with `[n, width]` beside them.
    pub(crate) fn scores_of_numbers(&self, x: &[f32], side: &[f32]) -> Result<Vec<f32>, String> {
        let plan = &self.plan;
        match &self.placed {
            Placed::Host => Ok(plan.engines.with(plan, |engine| engine.infer(&self.weights, Input::Floats(x, side)))),
            Placed::Device(leaves) => {
                let n = x.len() / plan.input.size().max(1);
                let shape = [n, plan.input.channels, plan.input.length];
                let x = Tensor::from_data(TensorData::new(x.to_vec(), shape), &self.device);
                let side = crate::network::side(side, n, &self.device);
                values(forward(plan, leaves, x, &side, Mode::Evaluate).scores)
            }
        }
    }

    /// Whether the network can take these sequences.
    pub(crate) fn check(&self, batch: &SequenceBatch) -> Result<(), PredictError> {
        let channels = batch.encoding().channels();
        if batch.length() != self.length || channels != self.encoding.channels() {
            return Err(PredictError::Shape {
                expected_length: self.length,
                expected_channels: self.encoding.channels(),
                length: batch.length(),
                channels,
            });
        }
        if batch.control() != self.control.as_ref() {
            let shown = |control: Option<&ControlSignal>| control.map_or("none".to_owned(), ToString::to_string);
            let (expected, found) = (shown(self.control.as_ref()), shown(batch.control()));
            return Err(PredictError::Control { expected, found });
        }
        let (expected, rows, found) = (self.covariates.len(), batch.len(), batch.side().len());
        if found != rows * self.plan.inputs().beside() {
            let found = found.saturating_sub(rows * self.control.as_ref().map_or(0, ControlSignal::size));
            return Err(PredictError::Covariates { expected, rows, found });
        }
        Ok(())
    }
}

impl Predict for Model {
    fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    fn encoding(&self) -> Encoding {
        self.encoding
    }

    fn length(&self) -> usize {
        self.length
    }

    fn covariates(&self) -> &[Covariate] {
        &self.covariates
    }

    fn control(&self) -> Option<&ControlSignal> {
        self.control.as_ref()
    }

    fn predict(&self, batch: &SequenceBatch) -> Result<Matrix, PredictError> {
        self.check(batch)?;
        let mut scores = Vec::with_capacity(batch.len() * self.plan.outputs);
        for part in parts(batch, self.batch_rows()) {
            let part = predict_rows(&self.plan, &self.weights, &self.placed, &part, &self.device);
            scores.extend(part.map_err(PredictError::Device)?);
        }
        Ok(Matrix::new(batch.len(), self.plan.outputs, scores))
    }

    /// On the processor, what an edit leaves as it is is computed once for all edits of a row.
    fn predict_row_edits(&self, batch: &SequenceBatch, edits: &[&[Edit]]) -> Result<Vec<Matrix>, PredictError> {
        self.check(batch)?;
        check_edits(batch, edits)?;
        let Placed::Host = self.placed else { return predict_edits_plainly(self, batch, edits) };
        let fast = self.plan.engines.with(&self.plan, |engine| engine.edits(&self.weights, batch, edits));
        // A difference of infinite numbers says nothing about what a whole pass gives.
        let is_done = |scores: &Option<Vec<f32>>| scores.as_ref().is_some_and(|all| all.iter().all(|v| v.is_finite()));
        let left: Vec<&[Edit]> =
            fast.iter().zip(edits).map(|(fast, own)| if is_done(fast) { &[][..] } else { own }).collect();
        let mut scores = predict_edits_plainly(self, batch, &left)?;
        for ((all, fast), own) in scores.iter_mut().zip(fast).zip(edits) {
            if let Some(fast) = fast.filter(|_| all.rows() < own.len()) {
                *all = Matrix::new(own.len(), self.plan.outputs, fast);
            }
        }
        Ok(scores)
    }
}

/// Consecutive pieces of at most `rows` sequences.
pub(crate) fn parts(batch: &SequenceBatch, rows: usize) -> impl Iterator<Item = SequenceBatch> + '_ {
    (0..batch.len()).step_by(rows).map(move |start| {
        let mut part = batch.emptied();
        (start..batch.len().min(start + rows)).for_each(|i| part.push_row(batch, i));
        part
    })
}

/// Reads a tensor's values, row-major.
pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, String> {
    tensor.try_into_vec_as::<f32>().map_err(|error| error.to_string())
}

/// Raw scores of one batch in evaluation mode, row-major.
pub(crate) fn predict_rows(
    plan: &Plan,
    weights: &Weights,
    placed: &Placed,
    batch: &SequenceBatch,
    device: &Device,
) -> Result<Vec<f32>, String> {
    match placed {
        Placed::Host => Ok(plan.engines.with(plan, |engine| engine.infer(weights, Input::Codes(batch)))),
        Placed::Device(leaves) => values(forward_batch(plan, leaves, batch, device, Mode::Evaluate).scores),
    }
}

#[cfg(test)]
mod tests;
