//! The network: layers over the operators of a graph, forwards and backwards.

use super::features::{Input, NodeFeatures, add_input_gradient, dense_times};
use super::propagation::Operator;
use crate::network::Array;
use basewise_core::random::{stream, uniform};
use basewise_kernels::{Level, random};
use serde::{Deserialize, Serialize};

/// Kinds of networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GraphModel {
    /// Multilayer perceptron: features alone, no edges.
    Mlp,
    /// Graph convolutional network (Kipf and Welling 2017).
    Gcn,
    /// GraphSAGE with the mean of all neighbours (Hamilton et al. 2017), without normalization of outputs.
    Sage,
    /// Relational graph convolutional network: weights for each kind of edge (Schlichtkrull et al. 2018).
    Rgcn,
}

impl GraphModel {
    /// As users write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mlp => "mlp",
            Self::Gcn => "gcn",
            Self::Sage => "sage",
            Self::Rgcn => "rgcn",
        }
    }

    /// Whether a node's own features have weights of their own.
    fn has_own(self) -> bool {
        self != Self::Gcn
    }

    /// Operators of a graph with so many kinds of edges.
    fn operators(self, kinds: usize) -> usize {
        match self {
            Self::Mlp => 0,
            Self::Gcn | Self::Sage => 1,
            Self::Rgcn => kinds,
        }
    }
}

/// Sizes of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkShape {
    /// Its kind.
    pub model: GraphModel,
    /// Features of a node.
    pub features: usize,
    /// Units of each hidden layer; a layer of `outputs` units follows the last.
    pub hidden: Vec<usize>,
    /// Numbers out: classes, or the size of an embedding.
    pub outputs: usize,
    /// Kinds of edges; counts for R-GCN only.
    pub kinds: usize,
    /// R-GCN: weights of kinds are mixtures of so many matrices (Schlichtkrull et al. 2018, equation 3); `None` for
    /// matrices of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bases: Option<usize>,
}

impl NetworkShape {
    /// Numbers of its weights, as far as they can be counted.
    pub(super) fn numbers(&self) -> usize {
        let operators = self.model.operators(self.kinds);
        let bases = self.bases.filter(|_| self.model == GraphModel::Rgcn);
        let arrays = bases.unwrap_or(operators).saturating_add(usize::from(self.model.has_own()));
        let mixture = bases.map_or(0, |bases| bases.saturating_mul(operators));
        let layer = |pair: &[usize]| {
            let weights = pair[0].saturating_mul(pair[1]).saturating_mul(arrays);
            weights.saturating_add(pair[1]).saturating_add(mixture)
        };
        self.sizes().windows(2).map(layer).fold(0, usize::saturating_add)
    }

    /// Features, hidden units, outputs.
    fn sizes(&self) -> Vec<usize> {
        std::iter::once(self.features).chain(self.hidden.iter().copied()).chain([self.outputs]).collect()
    }
}

/// Places of a layer's arrays among the parameters.
#[derive(Clone, Debug, PartialEq)]
struct Layer {
    inputs: usize,
    outputs: usize,
    own: Option<usize>,
    /// One an operator, or one a basis.
    messages: Vec<usize>,
    /// `[operators, bases]`.
    coefficients: Option<usize>,
    bias: usize,
}

/// A network with its weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    shape: NetworkShape,
    layers: Vec<Layer>,
    pub(super) parameters: Vec<Array>,
}

/// What a pass keeps for the way back.
pub(super) struct Pass<'a> {
    /// Of each layer.
    inputs: Vec<Input<'a>>,
    /// What came out of each hidden layer's rectifier, before dropout.
    activations: Vec<Vec<f32>>,
    /// `[nodes, outputs]`.
    pub(super) output: Vec<f32>,
    dropout: Option<Dropout>,
}

/// The dropout of a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dropout {
    pub(super) key: u64,
    pub(super) rate: f32,
}

impl Dropout {
    fn key(self, layer: usize) -> u64 {
        self.key.wrapping_add(layer as u64)
    }
}

impl Network {
    /// A network with weights drawn by Glorot and Bengio (2010), uniformly, and biases of 0.
    #[must_use]
    pub fn new(shape: NetworkShape, seed: u64) -> Self {
        let mut network = Self::zeros(shape);
        for (number, array) in network.parameters.iter_mut().enumerate() {
            let [inputs, outputs] = array.shape[..] else { continue };
            let limit = (6.0 / (inputs + outputs) as f64).sqrt();
            let mut rng = stream(seed, "graph weights", &[number as u64]);
            array.values.iter_mut().for_each(|value| *value = ((2.0 * uniform(&mut rng) - 1.0) * limit) as f32);
        }
        network
    }

    /// A network whose weights are all 0.
    pub(super) fn zeros(shape: NetworkShape) -> Self {
        let mut parameters: Vec<Array> = Vec::new();
        let mut add = |name: String, shape: Vec<usize>| {
            let count = shape.iter().product();
            parameters.push(Array { name, shape, values: vec![0.0; count] });
            parameters.len() - 1
        };
        let sizes = shape.sizes();
        let operators = shape.model.operators(shape.kinds);
        let mut layers = Vec::new();
        for (number, pair) in sizes.windows(2).enumerate() {
            let (inputs, outputs) = (pair[0], pair[1]);
            let name = |what: &str| format!("layer.{number}.{what}");
            let own = shape.model.has_own().then(|| add(name("own"), vec![inputs, outputs]));
            let count = shape.bases.filter(|_| shape.model == GraphModel::Rgcn).unwrap_or(operators);
            let word = if count == operators { "message" } else { "basis" };
            let messages = (0..count).map(|i| add(name(&format!("{word}.{i}")), vec![inputs, outputs])).collect();
            let mixed = shape.bases.is_some() && shape.model == GraphModel::Rgcn;
            let coefficients = mixed.then(|| add(name("coefficients"), vec![operators, count]));
            let bias = add(name("bias"), vec![outputs]);
            layers.push(Layer { inputs, outputs, own, messages, coefficients, bias });
        }
        Self { shape, layers, parameters }
    }

    /// Its sizes.
    #[must_use]
    pub fn shape(&self) -> &NetworkShape {
        &self.shape
    }

    /// Number of weights.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(|array| array.values.len()).sum()
    }

    /// The parameters of the first layer, which alone have weight decay.
    pub(super) fn first_layer(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.bias + 1)
    }

    /// The weights of each operator in a layer.
    fn messages(&self, layer: &Layer, operators: usize) -> Vec<Vec<f32>> {
        let values = |&place: &usize| self.parameters[place].values.clone();
        let Some(coefficients) = layer.coefficients else { return layer.messages.iter().map(values).collect() };
        let (bases, mixture) = (layer.messages.len(), &self.parameters[coefficients].values);
        let mix = |operator: usize| {
            let mut weights = vec![0.0; layer.inputs * layer.outputs];
            for (basis, &place) in layer.messages.iter().enumerate() {
                let share = mixture[operator * bases + basis];
                weights.iter_mut().zip(&self.parameters[place].values).for_each(|(w, v)| *w += share * v);
            }
            weights
        };
        (0..operators).map(mix).collect()
    }

    /// Scores or embeddings, `[nodes, outputs]`, without dropout.
    ///
    /// # Panics
    /// If features and operators are not those that the network is made for.
    #[must_use]
    pub fn predict(&self, operators: &[Operator], features: &NodeFeatures) -> Vec<f32> {
        self.forward(operators, features, None).output
    }

    /// A pass over all nodes.
    pub(super) fn forward<'a>(
        &self,
        operators: &[Operator],
        features: &'a NodeFeatures,
        dropout: Option<Dropout>,
    ) -> Pass<'a> {
        assert_eq!(features.columns(), self.shape.features, "features of a node");
        assert_eq!(operators.len(), self.shape.model.operators(self.shape.kinds), "operators of the graph");
        let rate = dropout.map_or(0.0, |dropout| dropout.rate);
        let mut input = features.dropped(dropout.map_or(0, |dropout| dropout.key(0)), rate);
        let (mut inputs, mut activations) = (Vec::new(), Vec::new());
        for (number, layer) in self.layers.iter().enumerate() {
            let mut y = self.layer_forward(layer, operators, &input);
            inputs.push(input);
            if number + 1 == self.layers.len() {
                return Pass { inputs, activations, output: y, dropout };
            }
            y.iter_mut().for_each(|y| *y = y.max(0.0));
            activations.push(y.clone());
            if let Some(dropout) = dropout.filter(|dropout| dropout.rate > 0.0) {
                random::dropout(Level::best(), dropout.key(number + 1), 0, rate, &mut y);
            }
            input = Input::Own { columns: layer.outputs, values: y };
        }
        Pass { inputs, activations, output: Vec::new(), dropout }
    }

    fn layer_forward(&self, layer: &Layer, operators: &[Operator], x: &Input<'_>) -> Vec<f32> {
        let width = layer.outputs;
        let mut y = layer.own.map(|own| x.times(&self.parameters[own].values, width));
        for (operator, weights) in operators.iter().zip(self.messages(layer, operators.len())) {
            let z = x.times(&weights, width);
            operator.add_product(width, &z, y.get_or_insert_with(|| vec![0.0; z.len()]));
        }
        let mut y = y.unwrap_or_default();
        let bias = &self.parameters[layer.bias].values;
        y.chunks_exact_mut(width.max(1)).for_each(|y| y.iter_mut().zip(bias).for_each(|(y, b)| *y += b));
        y
    }

    /// The gradient of each parameter, in their order, for the gradient `dy` of the output.
    pub(super) fn backward(&self, operators: &[Operator], pass: &Pass<'_>, mut dy: Vec<f32>) -> Vec<Vec<f32>> {
        let mut gradients: Vec<Vec<f32>> = self.parameters.iter().map(|_| Vec::new()).collect();
        for (number, layer) in self.layers.iter().enumerate().rev() {
            let mut dx = (number > 0).then(|| vec![0.0; dy.len() / layer.outputs.max(1) * layer.inputs]);
            self.layer_backward(layer, operators, &pass.inputs[number], &dy, dx.as_deref_mut(), &mut gradients);
            let Some(mut dx) = dx else { break };
            if let Some(dropout) = pass.dropout.filter(|dropout| dropout.rate > 0.0) {
                random::dropout_backward(Level::best(), dropout.key(number), 0, dropout.rate, &mut dx);
            }
            let active = &pass.activations[number - 1];
            dx.iter_mut().zip(active).for_each(|(dx, &y)| *dx = if y > 0.0 { *dx } else { 0.0 });
            dy = dx;
        }
        gradients
    }

    fn layer_backward(
        &self,
        layer: &Layer,
        operators: &[Operator],
        x: &Input<'_>,
        dy: &[f32],
        mut dx: Option<&mut [f32]>,
        gradients: &mut [Vec<f32>],
    ) {
        let width = layer.outputs;
        let mut bias = vec![0f64; width];
        dy.chunks_exact(width.max(1)).for_each(|dy| bias.iter_mut().zip(dy).for_each(|(b, &d)| *b += f64::from(d)));
        gradients[layer.bias] = bias.into_iter().map(|b| b as f32).collect();
        let mut through = |dz: &[f32], weights: &[f32]| {
            if let Some(dx) = dx.as_deref_mut() {
                add_input_gradient(dz, width, weights, layer.inputs, dx);
            }
            x.weight_gradient(dz, width)
        };
        if let Some(own) = layer.own {
            gradients[own] = through(dy, &self.parameters[own].values);
        }
        let mut messages = Vec::new();
        for (operator, weights) in operators.iter().zip(self.messages(layer, operators.len())) {
            let mut dz = vec![0.0; dy.len()];
            operator.add_gradient(width, dy, &mut dz);
            messages.push(through(&dz, &weights));
        }
        let Some(coefficients) = layer.coefficients else {
            layer.messages.iter().zip(messages).for_each(|(&place, gradient)| gradients[place] = gradient);
            return;
        };
        let (bases, mixture) = (layer.messages.len(), &self.parameters[coefficients].values);
        let mut shares = vec![0.0; mixture.len()];
        for (basis, &place) in layer.messages.iter().enumerate() {
            let values = &self.parameters[place].values;
            let mut sum = vec![0.0; values.len()];
            for (operator, gradient) in messages.iter().enumerate() {
                let share = mixture[operator * bases + basis];
                sum.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += share * g);
                let product = gradient.iter().zip(values).map(|(&g, &v)| f64::from(g) * f64::from(v)).sum::<f64>();
                shares[operator * bases + basis] = product as f32;
            }
            gradients[place] = sum;
        }
        gradients[coefficients] = shares;
    }

    /// What features become before they go along edges: `x W` of each array of the first layer, own weights first, for
    /// explanations that compute on from there.
    pub(super) fn first_products(&self, features: &NodeFeatures, operators: usize) -> Vec<Vec<f32>> {
        let Some(layer) = self.layers.first() else { return Vec::new() };
        let input = features.dropped(0, 0.0);
        self.weights_of(layer, operators).iter().map(|weights| input.times(weights, layer.outputs)).collect()
    }

    /// The weights of the first layer, own weights first, as [`Network::first_products`] has them.
    pub(super) fn first_weights(&self, operators: usize) -> Vec<Vec<f32>> {
        self.layers.first().map_or_else(Vec::new, |layer| self.weights_of(layer, operators))
    }

    fn weights_of(&self, layer: &Layer, operators: usize) -> Vec<Vec<f32>> {
        let own = layer.own.map(|own| self.parameters[own].values.clone());
        own.into_iter().chain(self.messages(layer, operators)).collect()
    }

    /// The output for given [`Network::first_products`], on operators of as many nodes.
    pub(super) fn predict_from(&self, operators: &[Operator], products: &[Vec<f32>]) -> Vec<f32> {
        let mut products = products.to_vec();
        for (number, layer) in self.layers.iter().enumerate() {
            let width = layer.outputs;
            let mut parts = products.iter();
            let mut y = layer.own.and_then(|_| parts.next().cloned());
            for (operator, z) in operators.iter().zip(parts) {
                operator.add_product(width, z, y.get_or_insert_with(|| vec![0.0; z.len()]));
            }
            let mut y = y.unwrap_or_default();
            let bias = &self.parameters[layer.bias].values;
            y.chunks_exact_mut(width.max(1)).for_each(|y| y.iter_mut().zip(bias).for_each(|(y, b)| *y += b));
            let Some(next) = self.layers.get(number + 1) else { return y };
            y.iter_mut().for_each(|y| *y = y.max(0.0));
            let weights = self.weights_of(next, operators.len());
            products = weights.iter().map(|w| dense_times(&y, width, w, next.outputs)).collect();
        }
        Vec::new()
    }

    /// Number of layers: how many edges away a node can be that a prediction depends on.
    #[must_use]
    pub fn reach(&self) -> usize {
        if self.shape.model == GraphModel::Mlp { 0 } else { self.layers.len() }
    }
}
