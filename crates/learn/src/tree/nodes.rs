//! A tree as a list of nodes.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A node: a question, or a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Column that the question is about.
    pub feature: u32,
    /// A value that is not above it goes left.
    pub threshold: f32,
    /// Whether NaN goes left.
    pub missing_left: bool,
    /// Place of the left child; the right one follows. 0 for a leaf.
    pub left: u32,
    /// What the question gained in training: a fall of impurity times weight, or twice a fall of loss.
    pub gain: f64,
    /// Training rows that came here.
    pub rows: u32,
    /// Sum of their weights.
    pub weight: f64,
}

impl Node {
    /// Whether no question follows.
    #[must_use]
    pub fn is_leaf(&self) -> bool {
        self.left == 0
    }

    /// Places of the children, left and right, unless it is a leaf.
    #[must_use]
    pub fn children(&self) -> Option<[usize; 2]> {
        (self.left > 0).then_some([self.left as usize, self.left as usize + 1])
    }

    /// The child that a value goes to; NaN is missing.
    #[inline(always)]
    pub(super) fn child(&self, value: f32) -> usize {
        let is_left = value <= self.threshold || (self.missing_left && value.is_nan());
        self.left as usize + usize::from(!is_left)
    }
}

/// Nodes, the root first and children after their parent, with the values that each stands for: those of a leaf, and
/// elsewhere the mean of the leaves below by their weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    nodes: Vec<Node>,
    /// `[nodes, outputs]`
    values: Vec<f64>,
    outputs: usize,
}

impl Tree {
    /// A root alone.
    pub(super) fn new(outputs: usize) -> Self {
        let mut tree = Self { nodes: Vec::new(), values: Vec::new(), outputs };
        tree.push();
        tree
    }

    fn push(&mut self) {
        self.nodes.push(Node {
            feature: 0,
            threshold: 0.0,
            missing_left: false,
            left: 0,
            gain: 0.0,
            rows: 0,
            weight: 0.0,
        });
        self.values.resize(self.nodes.len() * self.outputs, 0.0);
    }

    /// Gives a leaf a question and two children; gives the place of the left one.
    pub(super) fn split(&mut self, node: usize, feature: u32, threshold: f32, missing_left: bool, gain: f64) -> usize {
        let left = self.nodes.len();
        self.push();
        self.push();
        let own = &mut self.nodes[node];
        (own.feature, own.threshold, own.missing_left, own.gain, own.left) =
            (feature, threshold, missing_left, gain, left as u32);
        left
    }

    /// Fills in a leaf.
    pub(super) fn set_leaf(&mut self, node: usize, rows: usize, weight: f64, values: &[f64]) {
        self.nodes[node].rows = rows as u32;
        self.nodes[node].weight = weight;
        self.values[node * self.outputs..(node + 1) * self.outputs].copy_from_slice(values);
    }

    /// Rows, weights and values of inner nodes from those of leaves.
    pub(super) fn sum_up(&mut self) {
        for node in (0..self.nodes.len()).rev() {
            let Some([left, right]) = self.nodes[node].children() else { continue };
            self.nodes[node].rows = self.nodes[left].rows + self.nodes[right].rows;
            let weights = [self.nodes[left].weight, self.nodes[right].weight];
            let weight = weights[0] + weights[1];
            self.nodes[node].weight = weight;
            for output in 0..self.outputs {
                let values = [left, right].map(|child| self.values[child * self.outputs + output]);
                self.values[node * self.outputs + output] = values[0] + (values[1] - values[0]) * (weights[1] / weight);
            }
        }
    }

    /// All nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Numbers that a leaf gives.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// What a node stands for.
    #[must_use]
    pub fn values(&self, node: usize) -> &[f64] {
        &self.values[self.place(node)]
    }

    fn place(&self, node: usize) -> Range<usize> {
        node * self.outputs..(node + 1) * self.outputs
    }

    /// Number of leaves.
    #[must_use]
    pub fn leaves(&self) -> usize {
        self.nodes.iter().filter(|node| node.is_leaf()).count()
    }

    /// Questions on the longest way down.
    #[must_use]
    pub fn depth(&self) -> usize {
        let mut depths = vec![0; self.nodes.len()];
        for (place, node) in self.nodes.iter().enumerate() {
            node.children().into_iter().flatten().for_each(|child| depths[child] = depths[place] + 1);
        }
        depths.into_iter().max().unwrap_or(0)
    }

    /// The leaf of an example whose features are `value(column)`.
    #[inline(always)]
    pub fn leaf(&self, value: impl Fn(usize) -> f32) -> usize {
        let mut place = 0;
        loop {
            let node = &self.nodes[place];
            if node.is_leaf() {
                return place;
            }
            place = node.child(value(node.feature as usize));
        }
    }

    /// Whether the nodes are a tree over so many features, as those of a file may not be.
    pub(super) fn is_sound(&self, features: usize) -> bool {
        let mut parents = vec![0; self.nodes.len()];
        for (place, node) in self.nodes.iter().enumerate() {
            for child in node.children().into_iter().flatten() {
                if child <= place || child >= self.nodes.len() || node.feature as usize >= features {
                    return false;
                }
                parents[child] += 1;
            }
        }
        let one_parent = parents.iter().skip(1).all(|&count| count == 1);
        let numbers = self.values.iter().all(|value| value.is_finite());
        let weights = self.nodes.iter().all(|node| node.weight > 0.0 && node.weight.is_finite());
        one_parent
            && numbers
            && weights
            && !self.nodes.is_empty()
            && self.outputs > 0
            && self.nodes.len().checked_mul(self.outputs) == Some(self.values.len())
    }
}
