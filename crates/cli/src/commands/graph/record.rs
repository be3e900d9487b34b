//! What a run of `basewise graph` leaves: `graph.json` and `metrics.json`.

use super::input::InputArgs;
use crate::table::{Table, count};
use basewise_core::metrics::{BootstrapOptions, Difference, Estimate, panels};
use basewise_core::{Matrix, Task};
use basewise_io::dataset::Source;
use basewise_nn::graph::NetworkShape;
use basewise_nn::graph::nodes::{Epoch, Training};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What was asked of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Question {
    Nodes,
    Links,
}

/// What was read, and what was left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) nodes: usize,
    /// Pairs of nodes and types that are joined.
    pub(crate) edges: usize,
    pub(crate) features: usize,
    /// Types of edges.
    pub(crate) kinds: Vec<String>,
    pub(crate) self_loops: usize,
    pub(crate) repeated: usize,
    pub(crate) both_directions: usize,
    /// Edges of nodes without features.
    pub(crate) unknown: usize,
    pub(crate) isolated: usize,
}

impl Account {
    /// What a reader should know, in sentences.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec!["edges have no direction here: each counts in both".to_owned()];
        let mut say = |number: usize, text: &str| {
            if number > 0 {
                lines.push(format!("{} {text}", count(number)));
            }
        };
        say(self.both_directions, "were given in both directions and count once");
        say(self.repeated, "were given more than once; the largest weight counts");
        say(self.self_loops, "from a node to itself were left out");
        say(self.unknown, "of nodes without features were left out");
        say(self.isolated, "nodes have no edge");
        lines
    }
}

/// `graph.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct GraphRun {
    pub(crate) format_version: u32,
    /// Version of basewise that trained.
    pub(crate) version: String,
    /// The command line.
    pub(crate) command: String,
    pub(crate) question: Question,
    pub(crate) input: InputArgs,
    /// Its files, with digests.
    pub(crate) sources: Vec<Source>,
    pub(crate) account: Account,
    pub(crate) shape: NetworkShape,
    /// Of the first network; the others have the seeds that follow.
    pub(crate) training: Training,
    pub(crate) seeds: usize,
    /// How nodes or links were held out, in words.
    pub(crate) split: String,
    /// Nodes, or links, of the training, validation and test splits.
    pub(crate) split_sizes: [usize; 3],
    pub(crate) parameters: usize,
    pub(crate) threads: usize,
    /// For all networks with the same edges; baselines not counted.
    pub(crate) seconds: f64,
}

/// A line of `history.jsonl`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct SeedEpoch {
    pub(crate) seed: u64,
    #[serde(flatten)]
    pub(crate) epoch: Epoch,
}

/// `metrics.json`: the network and its baselines on the test split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Judged {
    pub(crate) format_version: u32,
    pub(crate) task: String,
    pub(crate) kind: String,
    /// Nodes, or pairs, that figures are over.
    pub(crate) n: usize,
    /// The figures that matter most, in order.
    pub(crate) headline: Vec<String>,
    /// The network first, then baselines.
    pub(crate) models: Vec<ModelFigures>,
}

/// What one model reaches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ModelFigures {
    pub(crate) name: String,
    /// Whether it is the network that was asked for.
    pub(crate) network: bool,
    /// Means over the seeds.
    pub(crate) metrics: BTreeMap<String, Estimate>,
    /// The first headline figure for each seed.
    pub(crate) seeds: Vec<Option<f64>>,
    /// First headline figure of the network minus that of this baseline, on the same resamples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) network_minus: Option<Difference>,
}

/// A model and its predictions for the test rows, one matrix a seed.
pub(super) struct Candidate {
    pub(super) name: String,
    pub(super) predictions: Vec<Matrix>,
    /// Whether its numbers are scores that only order, not probabilities.
    pub(super) orders_only: bool,
}

/// Judges candidates, of which the first is the network.
pub(super) fn judge(
    task: &Task,
    labels: &[f64],
    candidates: &[Candidate],
    headline: &[&str],
    options: &BootstrapOptions<'_>,
) -> Judged {
    let rows: Vec<&[f64]> = labels.iter().map(std::slice::from_ref).collect();
    let predictions: Vec<&[Matrix]> = candidates.iter().map(|candidate| candidate.predictions.as_slice()).collect();
    let panel = panels(std::slice::from_ref(task), &rows, &predictions, options).into_iter().next();
    let figures = |(number, candidate): (usize, &Candidate)| {
        let mut metrics = panel.as_ref().map(|panel| panel.metrics(number)).unwrap_or_default();
        if candidate.orders_only {
            metrics.retain(|name, _| name == "auroc" || name == "average_precision");
        }
        ModelFigures {
            name: candidate.name.clone(),
            network: number == 0,
            metrics,
            seeds: panel.as_ref().map(|panel| panel.repeats(number, headline[0])).unwrap_or_default(),
            network_minus: panel.as_ref().filter(|_| number > 0).map(|panel| panel.difference(0, number, headline[0])),
        }
    };
    Judged {
        format_version: 1,
        task: task.name.clone(),
        kind: panel.as_ref().map(|panel| panel.counts().kind.clone()).unwrap_or_default(),
        n: labels.len(),
        headline: headline.iter().map(|&name| name.to_owned()).collect(),
        models: candidates.iter().enumerate().map(figures).collect(),
    }
}

impl Judged {
    /// The table that is printed.
    pub(super) fn text(&self) -> String {
        let first = self.headline[0].as_str();
        let several = self.models.iter().any(|model| model.seeds.len() > 1);
        let mut header = vec!["model", first, "95 % interval"];
        header.extend(several.then_some("over seeds"));
        header.extend(self.headline[1..].iter().map(String::as_str));
        header.push("network minus it");
        let mut table = Table::new(&header);
        for model in &self.models {
            let own = model.metrics.get(first).copied().unwrap_or_default();
            let mut cells = vec![model.name.clone(), number(own.value), interval(&own)];
            cells.extend(several.then(|| range(&model.seeds)));
            cells.extend(
                self.headline[1..].iter().map(|name| number(model.metrics.get(name).and_then(|figure| figure.value))),
            );
            cells.push(model.network_minus.map_or(String::new(), |minus| {
                format!("{} ({})", number(minus.estimate.value), interval(&minus.estimate))
            }));
            table.row(cells);
        }
        table.render()
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.4}"))
}

fn interval(estimate: &Estimate) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!("{low:.4} to {high:.4}"),
        _ => "–".to_owned(),
    }
}

fn range(seeds: &[Option<f64>]) -> String {
    let known = || seeds.iter().copied().flatten();
    match (known().reduce(f64::min), known().reduce(f64::max)) {
        (Some(low), Some(high)) if seeds.len() > 1 => format!("{low:.4} to {high:.4}"),
        _ => String::new(),
    }
}
