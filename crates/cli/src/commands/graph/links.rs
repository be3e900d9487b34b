//! `basewise graph links`: which links are missing.

use super::input::{Input, InputArgs};
use super::record::{Candidate, GraphRun, Question, judge};
use super::settings::{SettingsArgs, Usual, shares};
use super::{baselines, folder};
use crate::commands::command_line;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::write_text;
use crate::table::count;
use anyhow::Result;
use basewise_core::{Matrix, Task, TaskKind};
use basewise_nn::graph::baseline::common_neighbours;
use basewise_nn::graph::links::{Decoder, LinkModel, LinkTask, TrainedLinks, train};
use basewise_nn::graph::nodes::Training;
use basewise_nn::graph::propagation::operators;
use basewise_nn::graph::split::{Absent, LinkSplit, Pair, links};
use basewise_nn::graph::{GRAPH_FORMAT, GraphModel, NetworkShape, NodeFeatures, Operator, SavedNetworks};
use clap::{Args, ValueEnum};
use rayon::prelude::*;
use std::path::PathBuf;
use std::time::Instant;

const USUAL: Usual = Usual { hidden: 32, dropout: 0.0, weight_decay: 0.0 };
/// Pairs that are scored in a search for new links, at most.
const MOST_PAIRS: usize = 2_000_000_000;
/// Pairs that logistic regression learns from, at most of either kind.
const MOST_LEARNED: usize = 20_000;

/// How two vectors become a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DecoderArg {
    /// Their scalar product
    Dot,
    /// A weighted scalar product, with weights for each type of edge
    Distmult,
}

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise graph simulate -o graph-links-help
  $ basewise graph links --edges graph-links-help/edges.tsv --features graph-links-help/features.tsv --epochs 50 --top 10 -o graph-links-run

Shares of the joined pairs of nodes are held out before anything is learned: their edges, of any type and in both directions,
are in no message and in no loss. They are judged against as many random pairs that no edge of the whole graph joins. Beside
the network, always: common neighbours, the index of Adamic and Adar, and, with features, the same network without messages
and logistic regression on products of features. DIR/links.tsv has the pairs without an edge that score highest when all
edges take part in messages.")]
pub(crate) struct LinksArgs {
    #[command(flatten)]
    input: InputArgs,
    /// How two vectors become a score [default: distmult for rgcn, else dot]
    #[arg(long, value_enum)]
    decoder: Option<DecoderArg>,
    /// Numbers of the vector of a node
    #[arg(long, default_value_t = 16, value_name = "N")]
    vector: usize,
    /// Share of the links for validation
    #[arg(long, default_value_t = 0.05, value_name = "0..1")]
    valid: f64,
    /// Share of the links for the test
    #[arg(long, default_value_t = 0.1, value_name = "0..1")]
    test: f64,
    /// New links to write, the most probable first
    #[arg(long, default_value_t = 100, value_name = "N")]
    top: usize,
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

pub(crate) fn run(args: &LinksArgs, printer: &Printer) -> Result<Outcome> {
    let trainings = args.settings.trainings(&USUAL)?;
    shares(args.valid, args.test)?;
    if !(1..=4096).contains(&args.vector) {
        return Err(user(format!("expected --vector of 1 to 4096, found {}", args.vector), None));
    }
    let input = args.input.read()?;
    args.bounded(&input)?;
    folder::room(&args.output, args.overwrite)?;
    let scale = input.scale();
    input.tell(&scale, printer);
    let split = links(&input.graph, args.valid, args.test, args.settings.seed);
    if split.test.is_empty() || split.train.edges().is_empty() {
        return Err(user(
            format!("expected links to learn from and links to hold out, found {} in all", input.graph.edges().len()),
            Some("change --test and --valid"),
        ));
    }
    tell(&split, printer);
    let features = input.scaled(&scale);
    let shape = args.settings.shape(&USUAL, features.columns(), args.vector, input.graph.kinds())?;
    let decoder = args.decoder(shape.model);
    let started = Instant::now();
    let messages = operators(&split.train, shape.model);
    let trained = train_all(&split, &shape, decoder, &messages, &features, &trainings);
    let seconds = started.elapsed().as_secs_f64();
    folder::converged(trained.iter().map(|trained| &trained.history), trainings[0].learning_rate)?;
    let candidates = candidates(&input, &split, &features, &messages, &trained, &trainings)?;
    let task = Task { name: "link".to_owned(), kind: TaskKind::Binary };
    let labels: Vec<f64> = LinkSplit::labels(&split.test).iter().map(|&link| f64::from(u8::from(link))).collect();
    let judged = judge(&task, &labels, &candidates, &["auroc", "average_precision"], &args.settings.resampling());
    let models: Vec<LinkModel> = trained.iter().map(|trained| trained.model.clone()).collect();
    write_text(&args.output.join("links.tsv"), &new_links(&input, &features, &models, args.top))?;
    let record = GraphRun {
        format_version: 1,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: command_line(),
        question: Question::Links,
        input: args.input.clone(),
        sources: args.input.sources()?,
        account: input.account.clone(),
        parameters: models[0].parameter_count(),
        shape: shape.clone(),
        training: trainings[0].clone(),
        seeds: trainings.len(),
        split: "at random; the edges of held-out pairs, of any type and in both directions, are in no message"
            .to_owned(),
        split_sizes: [split.train.edges().len(), split.valid.len() / 2, split.test.len() / 2],
        threads: rayon::current_num_threads(),
        seconds,
    };
    let saved = SavedNetworks {
        format_version: GRAPH_FORMAT,
        decoder: Some(decoder),
        seeds: trainings.iter().map(|training| training.seed).collect(),
        features: input.feature_names(),
        scale,
        classes: Vec::new(),
        kinds: input.kinds.clone(),
        models,
        shape,
    };
    let histories: Vec<_> = trained.into_iter().map(|trained| trained.history).collect();
    folder::write(&args.output, &record, &saved, &judged, &histories, printer)?;
    folder::tell(&record, &judged, args.json, printer)?;
    Ok(Outcome::Done)
}

impl LinksArgs {
    fn decoder(&self, model: GraphModel) -> Decoder {
        match self.decoder {
            Some(DecoderArg::Distmult) => Decoder::DistMult,
            None if model == GraphModel::Rgcn => Decoder::DistMult,
            Some(DecoderArg::Dot) | None => Decoder::Dot,
        }
    }

    /// Refuses a search for new links that would not end.
    fn bounded(&self, input: &Input) -> Result<()> {
        let nodes = input.ids.len();
        let pairs = nodes.saturating_mul(nodes) / 2 * input.kinds.len();
        if self.top == 0 || pairs <= MOST_PAIRS {
            return Ok(());
        }
        Err(user(
            format!(
                "expected at most {} pairs of nodes to search for new links, found {}",
                count(MOST_PAIRS),
                count(pairs)
            ),
            Some(
                "leave the search out with --top 0, and score pairs of interest with `basewise graph predict --pairs`",
            ),
        ))
    }
}

fn tell(split: &LinkSplit, printer: &Printer) {
    printer.talk(&format!(
        "{} links to learn from; {} held out for validation and {} for the test, with as many random pairs without an edge",
        count(split.train.edges().len()),
        count(split.valid.len() / 2),
        count(split.test.len() / 2)
    ));
    printer.talk("edges of held-out pairs, of any type and in both directions, are in no message");
}

fn train_all(
    split: &LinkSplit,
    shape: &NetworkShape,
    decoder: Decoder,
    operators: &[Operator],
    features: &NodeFeatures,
    trainings: &[Training],
) -> Vec<TrainedLinks> {
    let valid_labels = LinkSplit::labels(&split.valid);
    let task = LinkTask { graph: &split.train, valid: &split.valid, valid_labels: &valid_labels };
    trainings.par_iter().map(|training| train(shape, decoder, operators, features, &task, training)).collect()
}

/// Mean probabilities of links over networks.
pub(super) fn probabilities(
    models: &[LinkModel],
    operators: &[Operator],
    features: &NodeFeatures,
    pairs: &[Pair],
) -> Vec<Matrix> {
    let one = |model: &LinkModel| {
        let scores = model.scores(&model.network.predict(operators, features), pairs);
        Matrix::new(pairs.len(), 1, scores.into_iter().map(sigmoid).collect())
    };
    models.iter().map(one).collect()
}

fn sigmoid(score: f32) -> f32 {
    1.0 / (1.0 + (-score).exp())
}

fn candidates(
    input: &Input,
    split: &LinkSplit,
    features: &NodeFeatures,
    operators: &[Operator],
    trained: &[TrainedLinks],
    trainings: &[Training],
) -> Result<Vec<Candidate>> {
    let models = |trained: &[TrainedLinks]| trained.iter().map(|t| t.model.clone()).collect::<Vec<_>>();
    let shape = trained[0].model.network.shape();
    let decoder = trained[0].model.decoder();
    let candidate =
        |name: &str, predictions, orders_only| Candidate { name: name.to_owned(), predictions, orders_only };
    let predicted = probabilities(&models(trained), operators, features, &split.test);
    let mut all = vec![candidate(shape.model.name(), predicted, false)];
    let (counts, indices) = common_neighbours(&split.train, &split.test);
    for (name, scores) in [("common neighbours", counts), ("Adamic-Adar", indices)] {
        // Between 0 and 1, in the same order.
        let scores = scores.into_iter().map(|score| score / (1.0 + score)).collect();
        all.push(candidate(name, vec![Matrix::new(split.test.len(), 1, scores)], true));
    }
    if input.features.is_some() {
        let plain = NetworkShape { model: GraphModel::Mlp, bases: None, ..shape.clone() };
        let fitted = models(&train_all(split, &plain, decoder, &[], features, trainings));
        all.push(candidate("mlp", probabilities(&fitted, &[], features, &split.test), false));
        let (pairs, labels) = learned_pairs(split, trainings[0].seed);
        let valid_labels = LinkSplit::labels(&split.valid);
        let (train, valid) = ((pairs.as_slice(), labels.as_slice()), (split.valid.as_slice(), valid_labels.as_slice()));
        let predicted = baselines::logistic_of_pairs(features, train, valid, &split.test)?;
        all.push(candidate("logistic of products", vec![predicted], false));
    }
    Ok(all)
}

/// Links of the training graph, evenly chosen if there are many, and as many pairs without one.
fn learned_pairs(split: &LinkSplit, seed: u64) -> (Vec<Pair>, Vec<bool>) {
    let edges = split.train.edges();
    let step = edges.len().div_ceil(MOST_LEARNED).max(1);
    let mut pairs: Vec<Pair> =
        edges.iter().step_by(step).map(|edge| Pair { ends: edge.ends, kind: edge.kind }).collect();
    let links = pairs.len();
    pairs.extend(Absent::new(&split.train).draw(&pairs, seed, "graph regression negatives", 0));
    let labels = (0..pairs.len()).map(|i| i < links).collect();
    (pairs, labels)
}

/// The pairs without an edge that score highest, as a table.
fn new_links(input: &Input, features: &NodeFeatures, models: &[LinkModel], top: usize) -> String {
    let operators = operators(&input.graph, models[0].network.shape().model);
    let vectors: Vec<Vec<f32>> = models.iter().map(|model| model.network.predict(&operators, features)).collect();
    let absent = Absent::new(&input.graph);
    let kinds = if models[0].decoder() == Decoder::DistMult { input.kinds.len() as u32 } else { 1 };
    let nodes = input.ids.len() as u32;
    let order = |a: &(f32, Pair), b: &(f32, Pair)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    let best = |mut found: Vec<(f32, Pair)>| {
        found.sort_by(order);
        found.truncate(top);
        found
    };
    let of_node = |a: u32| {
        let ends = (a + 1..nodes).map(|b| [a, b]).filter(|&ends| !absent.is_joined(ends));
        let pairs: Vec<Pair> = ends.flat_map(|ends| (0..kinds).map(move |kind| Pair { ends, kind })).collect();
        let mut mean = vec![0.0; pairs.len()];
        for (model, vectors) in models.iter().zip(&vectors) {
            let scores = model.scores(vectors, &pairs);
            mean.iter_mut().zip(scores).for_each(|(mean, score)| *mean += sigmoid(score) / models.len() as f32);
        }
        best(mean.into_iter().zip(pairs).collect())
    };
    let join = |mut one: Vec<(f32, Pair)>, other: Vec<(f32, Pair)>| {
        one.extend(other);
        best(one)
    };
    let found = if top == 0 { Vec::new() } else { (0..nodes).into_par_iter().map(of_node).reduce(Vec::new, join) };
    let mut text = "source\ttarget\ttype\tprobability\n".to_owned();
    for (probability, Pair { ends: [a, b], kind }) in found {
        let (a, b) = (&input.ids[a as usize], &input.ids[b as usize]);
        let kind = if kinds > 1 { input.kinds[kind as usize].as_str() } else { "" };
        text += &format!("{a}\t{b}\t{kind}\t{probability:.6}\n");
    }
    text
}
