//! `basewise graph train`: classes of nodes.

use super::input::{Input, InputArgs};
use super::record::{Candidate, GraphRun, Question, judge};
use super::settings::{SettingsArgs, Usual, shares};
use super::{baselines, folder};
use crate::commands::command_line;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::table::count;
use anyhow::Result;
use basewise_core::{Matrix, Split, Task, TaskKind};
use basewise_io::graph::read_words;
use basewise_io::predictions::{self, Predictions, TaskLabels};
use basewise_nn::graph::baseline::label_propagation;
use basewise_nn::graph::links::LinkModel;
use basewise_nn::graph::nodes::{NodeTask, Trained, Training, probabilities, train};
use basewise_nn::graph::propagation::operators;
use basewise_nn::graph::split::stratified;
use basewise_nn::graph::{GRAPH_FORMAT, GraphModel, NetworkShape, NodeFeatures, Operator, SavedNetworks};
use clap::Args;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

const USUAL: Usual = Usual { hidden: 16, dropout: 0.5, weight_decay: 5e-4 };
/// Name of the task in tables of predictions.
const TASK: &str = "label";

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise graph simulate -o graph-help
  $ basewise graph train --edges graph-help/edges.tsv --features graph-help/features.tsv --labels graph-help/labels.tsv --epochs 50 -o graph-help-run
  $ basewise graph train --edges graph-help/edges.tsv --features graph-help/features.tsv --labels graph-help/labels.tsv --model rgcn --seeds 2 --epochs 30 -o graph-help-rgcn

All nodes and edges take part in messages; classes are learned from the train split, the epoch is chosen on the valid split,
and figures are over the test split. Beside the network, always: label propagation (edges alone), and a multilayer perceptron
and logistic regression (features alone). Without --features or --sequences each node is a feature of its own, and only label
propagation is left to compare with.")]
pub(crate) struct NodesArgs {
    #[command(flatten)]
    input: InputArgs,
    /// Table with names of nodes in its first column and a column label
    #[arg(long, value_name = "FILE")]
    labels: PathBuf,
    /// Table with names of nodes in its first column and a column split: train, valid, test or none [default: a column split of
    /// --labels if there is one, else at random, in each class alike]
    #[arg(long, value_name = "FILE")]
    split: Option<PathBuf>,
    /// Random split: share of the labelled nodes for validation
    #[arg(long, default_value_t = 0.2, value_name = "0..1")]
    valid: f64,
    /// Random split: share of the labelled nodes for the test
    #[arg(long, default_value_t = 0.2, value_name = "0..1")]
    test: f64,
    #[command(flatten)]
    settings: SettingsArgs,
    /// Directory to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Replace a trained model that is there already
    #[arg(long)]
    overwrite: bool,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

/// Labels and splits by number of node.
struct Labelled {
    classes: Vec<String>,
    labels: Vec<Option<u32>>,
    train: Vec<u32>,
    valid: Vec<u32>,
    test: Vec<u32>,
    /// How nodes were held out, in words.
    split: String,
}

pub(crate) fn run(args: &NodesArgs, printer: &Printer) -> Result<Outcome> {
    let trainings = args.settings.trainings(&USUAL)?;
    shares(args.valid, args.test)?;
    let words = read_words(&args.labels, "label")?;
    let input = args.input.read()?;
    let labelled = args.labelled(&input, &words)?;
    folder::room(&args.output, args.overwrite)?;
    let scale = input.scale();
    input.tell(&scale, printer);
    labelled.tell(printer);
    let features = input.scaled(&scale);
    let shape = args.settings.shape(&USUAL, features.columns(), labelled.classes.len(), input.graph.kinds())?;
    let started = Instant::now();
    let operators = operators(&input.graph, shape.model);
    let trained = labelled.train_all(&shape, &operators, &features, &trainings);
    let seconds = started.elapsed().as_secs_f64();
    folder::converged(trained.iter().map(|trained| &trained.history), trainings[0].learning_rate)?;
    let candidates = labelled.candidates(&input, &features, &operators, &trained, &trainings)?;
    let task = Task { name: TASK.to_owned(), kind: TaskKind::Classes { classes: labelled.classes.clone() } };
    let judged =
        judge(&task, &labelled.numbers(&labelled.test), &candidates, &["accuracy", "f1"], &args.settings.resampling());
    let saved = SavedNetworks {
        format_version: GRAPH_FORMAT,
        decoder: None,
        seeds: trainings.iter().map(|training| training.seed).collect(),
        features: input.feature_names(),
        scale,
        classes: labelled.classes.clone(),
        kinds: input.kinds.clone(),
        models: trained.iter().map(|trained| LinkModel::of_nodes(trained.network.clone())).collect(),
        shape: shape.clone(),
    };
    let record = GraphRun {
        format_version: 1,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: command_line(),
        question: Question::Nodes,
        input: args.input.clone(),
        sources: args.input.sources()?,
        account: input.account.clone(),
        parameters: trained[0].network.parameter_count(),
        shape,
        training: trainings[0].clone(),
        seeds: trainings.len(),
        split: labelled.split.clone(),
        split_sizes: [labelled.train.len(), labelled.valid.len(), labelled.test.len()],
        threads: rayon::current_num_threads(),
        seconds,
    };
    labelled.write_predictions(&input, &candidates[0], &task, &args.output)?;
    let histories: Vec<_> = trained.into_iter().map(|trained| trained.history).collect();
    folder::write(&args.output, &record, &saved, &judged, &histories, printer)?;
    folder::tell(&record, &judged, args.json, printer)?;
    Ok(Outcome::Done)
}

impl NodesArgs {
    fn labelled(&self, input: &Input, words: &BTreeMap<String, (String, usize)>) -> Result<Labelled> {
        let file = self.labels.display();
        let mut labels = vec![None; input.ids.len()];
        let names: BTreeSet<&str> = words.values().map(|(word, _)| word.as_str()).collect();
        let mut classes: Vec<String> = names.into_iter().map(str::to_owned).collect();
        if classes.iter().all(|class| class.parse::<i64>().is_ok()) {
            classes.sort_by_key(|class| class.parse::<i64>().unwrap_or_default());
        }
        if classes.len() < 2 {
            return Err(user(format!("{file}: expected at least two labels, found {}", classes.join(", ")), None));
        }
        let numbers: BTreeMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
        for (node, (word, line)) in words {
            match input.place(node) {
                Some(place) => labels[place as usize] = numbers.get(word.as_str()).copied(),
                None if self.input.skips_unknown() => {}
                None => {
                    let message = format!("{file}: line {line}: expected a node of the graph, found {node:?}");
                    return Err(user(message, Some("give features of it, or leave it out with --skip-unknown")));
                }
            }
        }
        let (splits, split) = self.splits(input, &labels)?;
        let of = |split: Split| -> Vec<u32> {
            let own = |&node: &u32| splits[node as usize] == Some(split) && labels[node as usize].is_some();
            (0..labels.len() as u32).filter(own).collect()
        };
        let [train, valid, test] = [Split::Train, Split::Valid, Split::Test].map(of);
        for (nodes, name) in [(&train, "train"), (&test, "test")] {
            if nodes.is_empty() {
                return Err(user(format!("{file}: expected labelled nodes in the {name} split, found none"), None));
            }
        }
        for (class, name) in classes.iter().enumerate() {
            if !train.iter().any(|&node| labels[node as usize] == Some(class as u32)) {
                return Err(user(
                    format!("{file}: expected a node of each label in the train split, found none of {name:?}"),
                    Some("take the label out, or move some of its nodes"),
                ));
            }
        }
        Ok(Labelled { classes, labels, train, valid, test, split })
    }

    /// The split of each node, and where it comes from.
    fn splits(&self, input: &Input, labels: &[Option<u32>]) -> Result<(Vec<Option<Split>>, String)> {
        let table = basewise_io::table::read(&self.labels)?;
        let file = match &self.split {
            Some(file) => file,
            None if table.has("split") => &self.labels,
            None => {
                let splits = stratified(labels, self.valid, self.test, self.settings.seed);
                return Ok((splits, "at random, in each class alike".to_owned()));
            }
        };
        let mut splits = vec![None; labels.len()];
        for (node, (word, line)) in read_words(file, "split")? {
            if ["none", "unused", "-"].contains(&word.as_str()) {
                continue;
            }
            let split = word.parse().map_err(|expected| {
                user(
                    format!("{}: line {line}: {expected}", file.display()),
                    Some("none leaves a node out of all three"),
                )
            })?;
            match input.place(&node) {
                Some(place) => splits[place as usize] = Some(split),
                None if self.input.skips_unknown() => {}
                None => {
                    let message =
                        format!("{}: line {line}: expected a node of the graph, found {node:?}", file.display());
                    return Err(user(message, Some("leave it out with --skip-unknown")));
                }
            }
        }
        Ok((splits, format!("as {} says", file.display())))
    }
}

impl Labelled {
    fn tell(&self, printer: &Printer) {
        let labelled = self.labels.iter().flatten().count();
        printer.talk(&format!(
            "{} of {} nodes have one of {} labels; {} train, {} valid, {} test, {}",
            count(labelled),
            count(self.labels.len()),
            self.classes.len(),
            count(self.train.len()),
            count(self.valid.len()),
            count(self.test.len()),
            self.split
        ));
    }

    fn train_all(
        &self,
        shape: &NetworkShape,
        operators: &[Operator],
        features: &NodeFeatures,
        trainings: &[Training],
    ) -> Vec<Trained> {
        let task = NodeTask { labels: &self.labels, train: &self.train, valid: &self.valid };
        trainings.par_iter().map(|training| train(shape, operators, features, &task, training)).collect()
    }

    /// The network and what it must beat, on the test nodes.
    fn candidates(
        &self,
        input: &Input,
        features: &NodeFeatures,
        operators: &[Operator],
        trained: &[Trained],
        trainings: &[Training],
    ) -> Result<Vec<Candidate>> {
        let classes = self.classes.len();
        let chosen = |all: &[f32]| -> Matrix {
            let rows = self.test.iter().map(|&node| &all[node as usize * classes..(node as usize + 1) * classes]);
            Matrix::new(self.test.len(), classes, rows.flatten().copied().collect())
        };
        let predicted = |trained: &[Trained], operators: &[Operator]| -> Vec<Matrix> {
            let one = |trained: &Trained| chosen(&probabilities(trained.network.predict(operators, features), classes));
            trained.par_iter().map(one).collect()
        };
        let candidate = |name: &str, predictions| Candidate { name: name.to_owned(), predictions, orders_only: false };
        let shape = trained[0].network.shape();
        let mut all = vec![candidate(shape.model.name(), predicted(trained, operators))];
        let spread = label_propagation(&input.graph, &self.labels, classes, &self.train);
        all.push(candidate("label propagation", vec![chosen(&spread)]));
        if input.features.is_some() {
            let plain = NetworkShape { model: GraphModel::Mlp, bases: None, ..shape.clone() };
            all.push(candidate("mlp", predicted(&self.train_all(&plain, &[], features, trainings), &[])));
            let splits = [&self.train, &self.valid, &self.test].map(Vec::as_slice);
            all.push(candidate(
                "logistic",
                vec![baselines::logistic_of_nodes(features, &self.labels, classes, splits)?],
            ));
        }
        Ok(all)
    }

    /// Labels as numbers.
    fn numbers(&self, nodes: &[u32]) -> Vec<f64> {
        nodes.iter().map(|&node| self.labels[node as usize].map_or(f64::NAN, f64::from)).collect()
    }

    /// Mean probabilities of the test nodes.
    fn write_predictions(&self, input: &Input, network: &Candidate, task: &Task, directory: &Path) -> Result<()> {
        let ids = self.test.iter().map(|&node| input.ids[node as usize].clone()).collect();
        let labels =
            TaskLabels { task: TASK.to_owned(), classes: self.classes.clone(), values: self.numbers(&self.test) };
        let predictions = Predictions {
            splits: Some(vec![Split::Test; self.test.len()]),
            labels: vec![labels],
            ..Predictions::of_ids(ids, task.output_names(), baselines::mean(&network.predictions))
        };
        Ok(predictions::write(&directory.join("predictions.parquet"), &predictions)?)
    }
}
