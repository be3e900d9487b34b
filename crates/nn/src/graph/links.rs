//! Link prediction: a network turns nodes into vectors, a decoder scores pairs of them (Kipf and Welling 2016,
//! arXiv:1611.07308; DistMult: Yang et al. 2015, Schlichtkrull et al. 2018).

use super::data::{Edge, Graph};
use super::features::NodeFeatures;
use super::loss::binary_cross_entropy;
use super::network::{Network, NetworkShape};
use super::nodes::{Best, Epoch, Training, dropout_of};
use super::propagation::Operator;
use super::split::{Absent, Pair};
use crate::network::Array;
use crate::optimizer::Adam;
use basewise_core::metrics::auroc;
use basewise_kernels::Level;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How a pair of vectors becomes a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decoder {
    /// Their scalar product; kinds of edges are not told apart.
    Dot,
    /// `sum_i r_i u_i v_i` with a vector `r` for each kind of edge.
    DistMult,
}

/// A network and its decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkModel {
    /// Makes a vector for each node.
    pub network: Network,
    /// Vectors of kinds for [`Decoder::DistMult`], `[kinds, outputs]`; none for a scalar product.
    pub(super) kinds: Option<Array>,
}

/// What is learned, and from which links.
#[derive(Clone, Copy, Debug)]
pub struct LinkTask<'a> {
    /// The graph of the messages, whose edges are learned: no held-out link is among them.
    pub graph: &'a Graph,
    /// Links that decide which epoch is kept, and as many pairs without one.
    pub valid: &'a [Pair],
    /// Which of them are links.
    pub valid_labels: &'a [bool],
}

/// A trained model of links.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainedLinks {
    /// With the weights of the best epoch.
    pub model: LinkModel,
    /// Every epoch that was run.
    pub history: Vec<Epoch>,
    /// The epoch with the lowest validation loss, from 1; the last one without validation.
    pub best_epoch: usize,
}

impl LinkModel {
    /// A model at the start of training. Vectors of kinds begin as ones: as a scalar product.
    #[must_use]
    pub fn new(shape: NetworkShape, decoder: Decoder, seed: u64) -> Self {
        Self { network: Network::new(shape.clone(), seed), ..Self::zeros(shape, decoder) }
    }

    /// A model of classes of nodes.
    #[must_use]
    pub fn of_nodes(network: Network) -> Self {
        Self { network, kinds: None }
    }

    /// A model whose network has no weights yet.
    pub(super) fn zeros(shape: NetworkShape, decoder: Decoder) -> Self {
        let kinds = (decoder == Decoder::DistMult).then(|| Array {
            name: "decoder.kinds".to_owned(),
            shape: vec![shape.kinds, shape.outputs],
            values: vec![1.0; shape.kinds * shape.outputs],
        });
        Self { network: Network::zeros(shape), kinds }
    }

    /// How pairs are scored.
    #[must_use]
    pub fn decoder(&self) -> Decoder {
        if self.kinds.is_some() { Decoder::DistMult } else { Decoder::Dot }
    }

    /// Number of weights.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.network.parameter_count() + self.kinds.as_ref().map_or(0, |kinds| kinds.values.len())
    }

    /// Scores (logits) of pairs, for vectors that the network made.
    #[must_use]
    pub fn scores(&self, vectors: &[f32], pairs: &[Pair]) -> Vec<f32> {
        pairs.par_iter().map(|pair| self.score(vectors, *pair)).collect()
    }

    /// The score of one pair.
    fn score(&self, vectors: &[f32], Pair { ends: [a, b], kind }: Pair) -> f32 {
        let width = self.network.shape().outputs;
        let vector = |node: u32| &vectors[node as usize * width..(node as usize + 1) * width];
        let (a, b) = (vector(a).iter(), vector(b));
        match &self.kinds {
            None => a.zip(b).map(|(a, b)| a * b).sum(),
            Some(kinds) => {
                let own = &kinds.values[kind as usize * width..(kind as usize + 1) * width];
                a.zip(b).zip(own).map(|((a, b), r)| a * b * r).sum()
            }
        }
    }

    /// Gradients of vectors and of kinds, for those of scores.
    pub(super) fn backward(&self, vectors: &[f32], pairs: &[Pair], gradient: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let width = self.network.shape().outputs;
        let mut d_vectors = vec![0.0; vectors.len()];
        let mut d_kinds = vec![0.0; self.kinds.as_ref().map_or(0, |kinds| kinds.values.len())];
        for (&Pair { ends, kind }, &g) in pairs.iter().zip(gradient) {
            let [a, b] = ends.map(|end| end as usize * width);
            for i in 0..width {
                let (u, v) = (vectors[a + i], vectors[b + i]);
                let mut factor = g;
                if let Some(kinds) = &self.kinds {
                    let place = kind as usize * width + i;
                    factor *= kinds.values[place];
                    d_kinds[place] += g * u * v;
                }
                d_vectors[a + i] += factor * v;
                d_vectors[b + i] += factor * u;
            }
        }
        (d_vectors, d_kinds)
    }

    pub(super) fn arrays(&mut self) -> impl Iterator<Item = &mut Array> {
        self.network.parameters.iter_mut().chain(self.kinds.as_mut())
    }
}

/// Trains a model of links. In each epoch every edge of the graph is set against a random pair of the same kind without an
/// edge in that graph: held-out links may be drawn as such, since to leave them out would tell which they are.
///
/// # Panics
/// If features and operators are not those of the graph.
#[must_use]
pub fn train(
    shape: &NetworkShape,
    decoder: Decoder,
    operators: &[Operator],
    features: &NodeFeatures,
    task: &LinkTask<'_>,
    training: &Training,
) -> TrainedLinks {
    let mut model = LinkModel::new(shape.clone(), decoder, training.seed);
    let first = model.network.first_layer();
    let sizes: Vec<usize> = model.arrays().map(|array| array.values.len()).collect();
    let mut adam = Adam::new(sizes);
    let mut best = Best::new(&model);
    let edges: Vec<Pair> = task.graph.edges().iter().map(|&Edge { ends, kind, .. }| Pair { ends, kind }).collect();
    let absent = Absent::new(task.graph);
    let mut history = Vec::new();
    for epoch in 1..=training.epochs {
        let pass = model.network.forward(operators, features, Some(dropout_of(training, epoch)));
        let mut pairs = edges.clone();
        pairs.extend(absent.draw(&edges, training.seed, "graph negatives", epoch as u64));
        let scores = model.scores(&pass.output, &pairs);
        let (train_loss, gradient) = binary_cross_entropy(&scores, |i| i < edges.len());
        let (d_vectors, d_kinds) = model.backward(&pass.output, &pairs, &gradient);
        let mut gradients = model.network.backward(operators, &pass, d_vectors);
        gradients.extend(model.kinds.is_some().then_some(d_kinds));
        let decays = (0..).map(|i| if i < first { training.weight_decay } else { 0.0 });
        let moving = model.arrays().zip(&gradients).zip(decays);
        let moving = moving.map(|((array, gradient), decay)| (&mut array.values[..], &gradient[..], decay));
        adam.step(Level::best(), training.learning_rate, moving);
        let mut record = Epoch { epoch, train_loss, valid_loss: None, valid_metric: None };
        if !task.valid.is_empty() {
            let scores = model.scores(&model.network.predict(operators, features), task.valid);
            record.valid_loss = Some(binary_cross_entropy(&scores, |i| task.valid_labels[i]).0);
            let labels: Vec<f64> = task.valid_labels.iter().map(|&link| f64::from(u8::from(link))).collect();
            record.valid_metric = auroc(&labels, &scores.iter().map(|&s| f64::from(s)).collect::<Vec<_>>());
        }
        history.push(record);
        if !record.is_finite() || !best.goes_on(&model, epoch, record.valid_loss, training.patience) {
            break;
        }
    }
    TrainedLinks { model: best.kept, history, best_epoch: best.epoch }
}
