//! Training for classes of nodes: the whole graph is one batch, an epoch is one step.

use super::features::NodeFeatures;
use super::loss::cross_entropy;
use super::network::{Dropout, Network, NetworkShape};
use super::propagation::Operator;
use crate::network::Array;
use crate::optimizer::Adam;
use basewise_core::random::stream;
use basewise_kernels::{Level, softmax};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// Settings of training. The defaults are those of Kipf and Welling (2017), section 5.2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// Epochs at most.
    pub epochs: usize,
    /// Of Adam.
    pub learning_rate: f64,
    /// L2 penalty on the first layer: half of it times the squared weights is added to the loss.
    pub weight_decay: f64,
    /// Share of features and hidden units that are dropped in a step, at least 0 and below 1.
    pub dropout: f32,
    /// Training stops when the validation loss has not fallen for so many epochs; 0 for never.
    pub patience: usize,
    /// Seed of weights, dropout and negative links.
    pub seed: u64,
}

impl Default for Training {
    fn default() -> Self {
        Self { epochs: 200, learning_rate: 0.01, weight_decay: 5e-4, dropout: 0.5, patience: 0, seed: 1 }
    }
}

/// What is learned, and from which nodes.
#[derive(Clone, Copy, Debug)]
pub struct NodeTask<'a> {
    /// The class of each node, if it is known.
    pub labels: &'a [Option<u32>],
    /// Nodes that are learned from; their classes are known.
    pub train: &'a [u32],
    /// Nodes that decide which epoch is kept; their classes are known.
    pub valid: &'a [u32],
}

/// One epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// From 1.
    pub epoch: usize,
    /// Loss of the step, with dropout and without penalty.
    pub train_loss: f64,
    /// After the step; `None` without validation nodes.
    pub valid_loss: Option<f64>,
    /// Accuracy of classes, or AUROC of links, after the step.
    pub valid_metric: Option<f64>,
}

impl Epoch {
    /// Whether all its losses are numbers: training ends with the first epoch of which this is not true.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.train_loss.is_finite() && self.valid_loss.is_none_or(f64::is_finite)
    }
}

/// A trained network.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// With the weights of the best epoch.
    pub network: Network,
    /// Every epoch that was run.
    pub history: Vec<Epoch>,
    /// The epoch with the lowest validation loss, from 1; the last one without validation.
    pub best_epoch: usize,
}

/// Keeps the weights of the best epoch, and says when to stop.
pub(super) struct Best<T> {
    pub(super) kept: T,
    loss: f64,
    pub(super) epoch: usize,
}

impl<T: Clone> Best<T> {
    pub(super) fn new(start: &T) -> Self {
        Self { kept: start.clone(), loss: f64::INFINITY, epoch: 0 }
    }

    /// Takes note of an epoch; whether to go on.
    pub(super) fn goes_on(&mut self, now: &T, epoch: usize, loss: Option<f64>, patience: usize) -> bool {
        if loss.is_none_or(|loss| loss < self.loss) {
            self.kept.clone_from(now);
            self.loss = loss.unwrap_or(self.loss);
            self.epoch = epoch;
        }
        patience == 0 || epoch - self.epoch < patience
    }
}

/// The key of a step's dropout.
pub(super) fn dropout_of(training: &Training, epoch: usize) -> Dropout {
    Dropout { key: stream(training.seed, "graph dropout", &[epoch as u64]).next_u64(), rate: training.dropout }
}

/// Trains a network to tell classes of nodes; all nodes take part in messages, whether or not their class is known.
///
/// # Panics
/// If features, operators and labels are of different numbers of nodes, or a class is beyond the network's outputs.
#[must_use]
pub fn train(
    shape: &NetworkShape,
    operators: &[Operator],
    features: &NodeFeatures,
    task: &NodeTask<'_>,
    training: &Training,
) -> Trained {
    let classes = shape.outputs;
    let mut network = Network::new(shape.clone(), training.seed);
    let first = network.first_layer();
    let sizes = network.parameters.iter().map(|array| array.values.len());
    let mut adam = Adam::new(sizes);
    let mut best = Best::<Vec<Array>>::new(&network.parameters);
    let mut history = Vec::new();
    for epoch in 1..=training.epochs {
        let pass = network.forward(operators, features, Some(dropout_of(training, epoch)));
        let (train_loss, gradient) = cross_entropy(&pass.output, classes, task.train, task.labels);
        let gradients = network.backward(operators, &pass, gradient);
        let decays = (0..).map(|i| if i < first { training.weight_decay } else { 0.0 });
        let moving = network.parameters.iter_mut().zip(&gradients).zip(decays);
        let moving = moving.map(|((array, gradient), decay)| (&mut array.values[..], &gradient[..], decay));
        adam.step(Level::best(), training.learning_rate, moving);
        let mut record = Epoch { epoch, train_loss, valid_loss: None, valid_metric: None };
        if !task.valid.is_empty() {
            let scores = network.predict(operators, features);
            record.valid_loss = Some(cross_entropy(&scores, classes, task.valid, task.labels).0);
            record.valid_metric = Some(accuracy(&scores, classes, task.valid, task.labels));
        }
        history.push(record);
        if !record.is_finite() || !best.goes_on(&network.parameters, epoch, record.valid_loss, training.patience) {
            break;
        }
    }
    network.parameters = best.kept;
    Trained { network, history, best_epoch: best.epoch }
}

/// Share of `rows` whose class has the largest score.
fn accuracy(scores: &[f32], classes: usize, rows: &[u32], labels: &[Option<u32>]) -> f64 {
    let right = |&&node: &&u32| {
        let own = &scores[node as usize * classes..(node as usize + 1) * classes];
        let best = (1..classes).fold(0, |best, class| if own[class] > own[best] { class } else { best });
        labels[node as usize] == Some(best as u32)
    };
    rows.iter().filter(right).count() as f64 / rows.len().max(1) as f64
}

/// Probabilities of classes `[nodes, classes]` out of scores.
#[must_use]
pub fn probabilities(mut scores: Vec<f32>, classes: usize) -> Vec<f32> {
    if classes > 0 {
        softmax::forward_in_place(Level::best(), classes, &mut scores);
    }
    scores
}
