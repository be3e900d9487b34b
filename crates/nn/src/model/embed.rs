//! What a network knows of a sequence before its head: embeddings, and the weights of each output on them.

use super::{Model, Purpose};
use crate::architecture::{Architecture, Layer, ShapeError};
use crate::network::{Plan, Weights};
use basewise_core::{Task, TaskKind};

/// One linear output of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputWeights {
    /// Name of the output.
    pub name: String,
    /// Its weight for each number of an embedding.
    pub weights: Vec<f32>,
    /// What is added.
    pub bias: f32,
}

impl Model {
    /// The network up to its head: raw scores are what the head reads, one number a unit of the last layer. Its tasks are
    /// `embedding:1`, `embedding:2`, ..., numbers of no scale of their own.
    ///
    /// Where the last layer still has positions, they are the means over all positions, one number a channel.
    ///
    /// # Errors
    /// None for a model that was built or loaded: its shapes were checked then.
    pub fn embedder(&self) -> Result<Self, ShapeError> {
        let inputs = self.plan.inputs();
        let trunk = |architecture: &Architecture| Plan::without_head(architecture, inputs, self.plan.input.length);
        let mut architecture = self.architecture.clone();
        let mut plan = trunk(&architecture)?;
        let end = plan.steps.last().map_or(plan.input, |step| step.output);
        if end.length > 1 {
            architecture.layers.push(Layer::GlobalAvgPool);
            plan = trunk(&architecture)?;
        }
        // Arrays of the head come last.
        let weights = Weights {
            parameters: self.weights.parameters[..plan.parameters.len()].to_vec(),
            buffers: self.weights.buffers[..plan.buffers.len()].to_vec(),
        };
        let task = |i: usize| Task { name: format!("embedding:{}", i + 1), kind: TaskKind::Regression };
        let purpose = Purpose {
            tasks: (0..plan.outputs).map(task).collect(),
            encoding: self.encoding,
            length: self.length,
            covariates: self.covariates.clone(),
            control: self.control.clone(),
            training: None,
        };
        Ok(Self::assemble(architecture, plan, weights, purpose, &self.device))
    }

    /// The weights of every output on the last layer, in the order of the outputs; `None` where the head is more than one
    /// dense layer on a vector: for profiles, or if the last layer has positions.
    pub fn output_weights(&self) -> Option<Vec<OutputWeights>> {
        let end = self.plan.steps.iter().rfind(|step| step.name == "head")?;
        let trunk = self.plan.steps.iter().rfind(|step| step.name.starts_with("layer"))?;
        if !matches!(end.layer, Layer::Dense { .. }) || trunk.output.length > 1 {
            return None;
        }
        let (weight, bias) =
            (self.weights.parameters.get(end.parameter)?, self.weights.parameters.get(end.parameter + 1)?);
        let outputs = bias.values.len();
        let one = |(output, name): (usize, String)| OutputWeights {
            name,
            weights: weight.values.iter().skip(output).step_by(outputs.max(1)).copied().collect(),
            bias: bias.values[output],
        };
        Some(self.output_names().into_iter().enumerate().map(one).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::OpenedDevice;
    use basewise_core::{Alphabet, CasePolicy, Encoding, Predict, SequenceBatch};

    fn model(preset: &str, tasks: usize, length: usize) -> Model {
        let encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };
        let tasks: Vec<Task> = (0..tasks).map(|i| Task { name: format!("t{i}"), kind: TaskKind::Binary }).collect();
        let device = OpenedDevice::cpu();
        Model::untrained(&Architecture::preset(preset).unwrap(), &tasks, encoding, length, 3, &device).unwrap()
    }

    fn batch(length: usize) -> SequenceBatch {
        let encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };
        let mut batch = SequenceBatch::new(encoding, length);
        for i in 0..5usize {
            let letters: Vec<u8> = (0..length).map(|at| b"ACGTN"[(at * (i + 2) + at / 7 + i) % 5]).collect();
            batch.push(&letters).unwrap();
        }
        batch
    }

    #[test]
    fn weights_of_outputs_times_embeddings_are_the_scores() {
        for preset in ["cnn", "deepbind", "cnn-lstm", "mlp", "dilated", "transformer"] {
            let (model, batch) = (model(preset, 3, 120), batch(120));
            let scores = model.predict(&batch).unwrap();
            let embedded = model.embedder().unwrap().predict(&batch).unwrap();
            let outputs = model.output_weights().unwrap();
            assert_eq!(outputs.iter().map(|own| own.name.as_str()).collect::<Vec<_>>(), ["t0", "t1", "t2"]);
            for row in 0..5 {
                for (own, &score) in outputs.iter().zip(scores.row(row)) {
                    assert_eq!(own.weights.len(), embedded.columns(), "{preset}");
                    let product: f32 = own.weights.iter().zip(embedded.row(row)).map(|(w, x)| w * x).sum();
                    assert!((product + own.bias - score).abs() < 1e-4, "{preset}: {product} {score}");
                }
            }
        }
    }

    #[test]
    fn positions_are_averaged() {
        let (model, batch) = (model("bpnet", 1, 300), batch(300));
        let embedder = model.embedder().unwrap();
        assert_eq!(Predict::tasks(&embedder)[63].name, "embedding:64");
        assert_eq!(embedder.predict(&batch).unwrap().columns(), 64);
        assert_eq!(model.output_weights(), None);
    }
}
