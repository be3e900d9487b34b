//! The networks that the project measures itself on, ready to be stepped. Not part of the library's interface.

use crate::architecture::Architecture;
use crate::attribute::{References, deeplift};
use crate::device::OpenedDevice;
use crate::engine::{Engine, Input};
use crate::model::Model;
use crate::network::{Mode, Plan, Weights};
use crate::optimizer::{Optimizer, OptimizerKind};
use basewise_core::random::{below, stream};
use basewise_core::{Alphabet, CasePolicy, Code, EDITS_AT_ONCE, Edit, Encoding, SequenceBatch, Task, TaskKind};

/// A network with a batch of random sequences.
#[derive(Debug)]
pub struct Workload {
    engine: Engine,
    weights: Weights,
    optimizer: Optimizer,
    gradients: Vec<Vec<f32>>,
    batch: SequenceBatch,
    loss: Loss,
}

#[derive(Clone, Copy, Debug)]
enum Loss {
    /// Mean binary cross-entropy against ones.
    Binary,
    /// Mean square of the first so many outputs of each example, plus that of the others.
    Squares(usize),
}

/// Basset (Kelley et al. 2016) without its last layer; a word in the lines of others.
const BASSET: &str = "conv 300 19, norm, relu, pool 3, conv 200 11, norm, relu, pool 4, conv 200 7, norm, relu, pool 4, \
                      flatten, dense 1000, relu, dense 1000, relu";

/// Name, sequences, length, and the network in the lines that [`toml`] takes.
const NETWORKS: &[(&str, usize, usize, &str)] = &[
    (
        "cnn-128x1000",
        128,
        1000,
        "conv 128 15, relu, pool 4, conv 128 9, relu, pool 4, conv 128 5, relu, global, dense 1",
    ),
    ("cnn-128x101", 128, 101, "conv 128 15, relu, pool 4, conv 128 9, relu, pool 4, conv 128 5, relu, global, dense 1"),
    ("basset-64x600", 64, 600, "basset, dense 164"),
    ("basset-64x1000", 64, 1000, "basset, dense 164"),
    ("danq-32x1000", 32, 1000, "valid 320 26, relu, pool 13, lstm 320, flatten, dense 925, relu, dense 919"),
    ("bpnet-32x2114", 32, 2114, "conv 64 21, relu, dilated 64 8, heads"),
];

/// The same, of networks of one output that are explained; the output is appended.
const EXPLAINED: &[(&str, usize, usize, &str)] = &[
    ("basset-8x1000", 8, 1000, "basset"),
    ("bpnet-4x2114", 4, 2114, "conv 64 21, relu, dilated 64 8, crop 557, mean"),
];

/// References of each sequence that is explained.
pub const REFERENCES: usize = 20;

/// The description of a network in TOML from a line of words.
fn toml(line: &str) -> String {
    let mut text = String::new();
    for part in line.split(", ") {
        let words: Vec<&str> = part.split_whitespace().collect();
        text += &match words.as_slice() {
            ["conv", f, w] => format!("[[layer]]\ntype='conv1d'\nfilters={f}\nwidth={w}\n"),
            ["valid", f, w] => format!("[[layer]]\ntype='conv1d'\nfilters={f}\nwidth={w}\npadding='valid'\n"),
            ["basset"] => toml(BASSET),
            ["relu"] => "[[layer]]\ntype='relu'\n".into(),
            ["norm"] => "[[layer]]\ntype='batch-norm'\n".into(),
            ["flatten"] => "[[layer]]\ntype='flatten'\n".into(),
            ["global"] => "[[layer]]\ntype='global-max-pool'\n".into(),
            ["pool", w] => format!("[[layer]]\ntype='max-pool1d'\nwidth={w}\n"),
            ["crop", c] => format!("[[layer]]\ntype='crop'\nleft={c}\nright={c}\n"),
            ["mean"] => "[[layer]]\ntype='global-avg-pool'\n".into(),
            ["dense", u] => format!("[[layer]]\ntype='dense'\nunits={u}\n"),
            ["lstm", u] => format!("[[layer]]\ntype='lstm'\nunits={u}\nbidirectional=true\n"),
            ["dilated", f, n] => (1..=n.parse().unwrap_or(0))
                .map(|i: u32| {
                    format!(
                        "[[layer]]\ntype='residual'\n[[layer.layer]]\ntype='conv1d'\nfilters={f}\nwidth=3\n\
                         dilation={}\n[[layer.layer]]\ntype='relu'\n",
                        1u32 << i
                    )
                })
                .collect(),
            // Profile of 1,000 positions, and counts from the mean of the middle.
            ["heads"] => "[[layer]]\ntype='concat'\n[[layer.branch]]\n[[layer.branch.layer]]\ntype='crop'\nleft=520\n\
                          right=520\n[[layer.branch.layer]]\ntype='conv1d'\nfilters=1\nwidth=75\npadding='valid'\n\
                          [[layer.branch.layer]]\ntype='flatten'\n[[layer.branch]]\n[[layer.branch.layer]]\n\
                          type='crop'\nleft=557\nright=557\n[[layer.branch.layer]]\ntype='global-avg-pool'\n\
                          [[layer.branch.layer]]\ntype='flatten'\n[[layer.branch.layer]]\ntype='dense'\nunits=1\n"
                .into(),
            _ => String::new(),
        };
    }
    text
}

impl Workload {
    /// The names that [`Workload::new`] knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NETWORKS.iter().map(|network| network.0)
    }

    /// The network of that name with fresh weights and a batch.
    pub fn new(name: &str) -> Option<Self> {
        let &(_, n, length, line) = NETWORKS.iter().find(|network| network.0 == name)?;
        let architecture = Architecture::from_toml(&toml(line), name).ok()?;
        let plan = Plan::without_head(&architecture, 4, length).ok()?;
        let batch = random(n, length, 1)?;
        let loss = if line.ends_with("heads") { Loss::Squares(plan.outputs - 1) } else { Loss::Binary };
        Some(Self {
            engine: Engine::new(&plan),
            weights: Weights::initial(&plan, 1),
            optimizer: Optimizer::new(OptimizerKind::Adam.usual(0.0), &plan.parameters),
            gradients: Vec::new(),
            batch,
            loss,
        })
    }

    /// A training step: forward, loss, backward, Adam. Returns the loss.
    pub fn train(&mut self) -> f64 {
        let mode = Mode::Train { seed: 1, step: self.optimizer.steps };
        let (n, loss) = (self.batch.len(), self.loss);
        let (value, _) =
            self.engine.gradients(&self.weights, Input::Codes(&self.batch), mode, &mut self.gradients, |scores| {
                loss.slopes(n, scores)
            });
        self.optimizer.begin_step();
        for (i, gradient) in self.gradients.iter().enumerate() {
            self.optimizer.update(i, &mut self.weights.parameters[i].values, gradient, 1e-3, true);
        }
        value
    }

    /// Scores of the batch; returns their sum.
    pub fn infer(&mut self) -> f64 {
        let scores = self.engine.infer(&self.weights, Input::Codes(&self.batch));
        scores.iter().map(|&score| f64::from(score)).sum()
    }

    /// Scores of the first `copies` of all substitutions of the first sequence: by what each changes, or `plain`, by whole
    /// passes of [`EDITS_AT_ONCE`]. Returns their sum.
    pub fn mutate(&mut self, copies: usize, plain: bool) -> f64 {
        let edits: Vec<Edit> = substitutions(self.batch.sequence(0)).take(copies).collect();
        let whole = |engine: &mut Engine, weights: &Weights, batch: &SequenceBatch| -> Vec<f32> {
            let of_part = |part: &[Edit]| {
                let mut copies = batch.emptied();
                part.iter().for_each(|edit| edit.push(batch, 0, &mut copies));
                engine.infer(weights, Input::Codes(&copies))
            };
            edits.chunks(EDITS_AT_ONCE).flat_map(of_part).collect()
        };
        let Self { engine, weights, batch, .. } = self;
        let fast = if plain {
            None
        } else {
            let mut one = batch.emptied();
            one.push_row(batch, 0);
            engine.edits(weights, &one, &[&edits]).remove(0)
        };
        let scores = fast.unwrap_or_else(|| whole(engine, weights, batch));
        scores.iter().map(|&score| f64::from(score)).sum()
    }

    /// Substitutions of a sequence.
    pub fn substitutions(&self) -> usize {
        3 * self.batch.length()
    }
}

/// The three other bases at each position.
fn substitutions(sequence: &[Code]) -> impl Iterator<Item = Edit> + '_ {
    sequence.iter().enumerate().flat_map(|(position, &old)| {
        (0..4).filter(move |&base| base != old.base()).map(move |base| Edit::substitution(position, old, base))
    })
}

const ENCODING: Encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };

/// Random sequences.
fn random(n: usize, length: usize, seed: u64) -> Option<SequenceBatch> {
    let mut rng = stream(seed, "bench", &[]);
    let mut batch = SequenceBatch::new(ENCODING, length);
    for _ in 0..n {
        let letters: Vec<u8> = (0..length).map(|_| b"ACGT"[below(&mut rng, 4)]).collect();
        batch.push(&letters).ok()?;
    }
    Some(batch)
}

/// A network with sequences and their references.
#[derive(Debug)]
pub struct Explained {
    model: Model,
    batch: SequenceBatch,
    references: References,
}

impl Explained {
    /// The names that [`Explained::new`] knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        EXPLAINED.iter().map(|network| network.0)
    }

    /// The network of that name with fresh weights, random sequences, and [`REFERENCES`] random references of each.
    pub fn new(name: &str) -> Option<Self> {
        let &(_, n, length, line) = EXPLAINED.iter().find(|network| network.0 == name)?;
        let architecture = Architecture::from_toml(&toml(line), name).ok()?;
        let tasks = [Task { name: "count".to_owned(), kind: TaskKind::Regression }];
        let model = Model::untrained(&architecture, &tasks, ENCODING, length, 1, &OpenedDevice::cpu()).ok()?;
        let references = References::Given { count: REFERENCES, sequences: random(n * REFERENCES, length, 2)? };
        Some(Self { model, batch: random(n, length, 1)?, references })
    }

    /// DeepLIFT contributions of all sequences. Returns the largest error of their sums, over their sizes; not a number if
    /// they could not be computed.
    pub fn explain(&mut self) -> f64 {
        let found = deeplift(&self.model, &self.batch, &self.references, 0);
        found.map_or(f64::NAN, |found| found.convergence().largest_relative)
    }
}

impl Loss {
    fn slopes(self, n: usize, scores: &[f32]) -> (f64, Vec<f32>) {
        let outputs = scores.len() / n.max(1);
        match self {
            Self::Binary => {
                let count = scores.len() as f64;
                let loss = scores.iter().map(|&s| (-f64::from(s)).exp().ln_1p()).sum::<f64>() / count;
                let slope = |&s: &f32| (-1.0 / (1.0 + f64::from(s).exp()) / count) as f32;
                (loss, scores.iter().map(slope).collect())
            }
            Self::Squares(first) => {
                let counts = [n * first, n * (outputs - first)].map(|count| count.max(1) as f64);
                let part = |at: usize| counts[usize::from(at % outputs >= first)];
                let squares = scores.iter().enumerate().map(|(at, &s)| f64::from(s) * f64::from(s) / part(at));
                let slopes = scores.iter().enumerate().map(|(at, &s)| (2.0 * f64::from(s) / part(at)) as f32);
                (squares.sum(), slopes.collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_small_one_learns() {
        let mut workload = Workload::new("cnn-128x101").unwrap();
        let first = workload.train();
        let last = (0..5).map(|_| workload.train()).last().unwrap();
        assert!(last < first && workload.infer().is_finite(), "{first} {last}");
        assert!(Workload::new("none").is_none() && Workload::names().count() == 6);
    }

    #[test]
    fn edits_cost_less_and_give_the_same() {
        let mut workload = Workload::new("cnn-128x101").unwrap();
        let copies = workload.substitutions();
        let [fast, plain] = [false, true].map(|plain| workload.mutate(copies, plain));
        assert!((fast - plain).abs() < 1e-4 * plain.abs(), "{fast} {plain}");
    }
}
