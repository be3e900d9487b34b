//! `basewise graph predict`: classes of all nodes, or scores of pairs.

use super::input::{Input, InputArgs};
use super::record::{GraphRun, Question};
use super::{baselines, folder, links};
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::table::count;
use anyhow::Result;
use basewise_core::{Matrix, Task, TaskKind};
use basewise_io::graph::{EdgeColumns, read_edges};
use basewise_io::predictions::{self, Predictions};
use basewise_nn::graph::nodes::probabilities;
use basewise_nn::graph::propagation::operators;
use basewise_nn::graph::split::Pair;
use basewise_nn::graph::{Graph, NodeFeatures, SavedNetworks};
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise graph simulate -o graph-predict-help
  $ basewise graph train --edges graph-predict-help/edges.tsv --features graph-predict-help/features.tsv --labels graph-predict-help/labels.tsv --epochs 20 -o graph-predict-run
  $ basewise graph predict graph-predict-run -o graph-predictions.tsv

The graph is that of the run, unless --edges and --features name another one with the same features. Probabilities are means
over the networks of the run. For a run of links, --pairs is a table with columns source and target, and perhaps type; all
edges take part in messages then.")]
pub(crate) struct PredictArgs {
    /// Run of `basewise graph train` or `basewise graph links`
    run: PathBuf,
    #[command(flatten)]
    input: InputArgs,
    /// Links: table of the pairs to score
    #[arg(long, value_name = "FILE")]
    pairs: Option<PathBuf>,
    /// Table to write: .tsv, .csv or .parquet; - is stdout as TSV
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// A graph and features as the networks of a run know them.
pub(super) struct Fitted {
    pub(super) input: Input,
    pub(super) graph: Graph,
    pub(super) features: NodeFeatures,
}

pub(crate) fn run(args: &PredictArgs, printer: &Printer) -> Result<Outcome> {
    predictions::check_name(&args.output)?;
    let (record, saved) = folder::open(&args.run, None)?;
    let fitted = fit(&args.run, &record, &saved, &args.input)?;
    let table = match (record.question, &args.pairs) {
        (Question::Nodes, None) => nodes(&fitted, &saved),
        (Question::Links, Some(pairs)) => of_pairs(&fitted, &saved, pairs)?,
        (Question::Links, None) => {
            return Err(user(
                format!("{}: expected --pairs for a run of links, found none", args.run.display()),
                Some("the most probable new links are in links.tsv of the run"),
            ));
        }
        (Question::Nodes, Some(_)) => {
            return Err(user(format!("{}: expected a run of links beside --pairs", args.run.display()), None));
        }
    };
    predictions::write(&args.output, &table)?;
    if args.output != Path::new("-") {
        printer.talk(&format!("{} rows in {}", count(table.ids.len()), args.output.display()));
    }
    Ok(Outcome::Done)
}

/// The graph of a run, or another one, in the terms of the run's networks.
pub(super) fn fit(directory: &Path, record: &GraphRun, saved: &SavedNetworks, other: &InputArgs) -> Result<Fitted> {
    let mut input = if other.edges.is_some() {
        other.read()?
    } else {
        folder::same_files(record)?;
        record.input.read()?
    };
    input.align_words(&saved.features);
    let name = directory.display();
    if input.feature_names() != saved.features {
        let place = input.feature_names().iter().zip(&saved.features).position(|(own, other)| own != other);
        let place = place.unwrap_or(saved.features.len().min(input.feature_names().len()));
        let word = |names: &[String]| names.get(place).map_or("none".to_owned(), |name| format!("{name:?}"));
        return Err(user(
            format!(
                "{name}: expected the {} features of the run; feature {} is {} there and {} here",
                count(saved.features.len()),
                place + 1,
                word(&saved.features),
                word(&input.feature_names())
            ),
            None,
        ));
    }
    if saved.features.is_empty() && saved.shape.features != input.ids.len() {
        return Err(user(
            format!("{name}: expected the nodes of the run, which are its features, found another graph"),
            Some("a network trained with --features can be used on other graphs"),
        ));
    }
    if let Some(kind) = input.kinds.iter().find(|kind| !saved.kinds.contains(kind)) {
        let known = saved.kinds.join(", ");
        return Err(user(format!("{name}: expected edges of the types {known}, found {kind:?}"), None));
    }
    let number = |kind: u32| saved.kinds.iter().position(|own| *own == input.kinds[kind as usize]).unwrap_or(0) as u32;
    let edges = input.graph.edges().iter().map(|edge| basewise_nn::graph::Edge { kind: number(edge.kind), ..*edge });
    let (graph, _) = Graph::new(input.ids.len(), saved.kinds.len(), edges.collect())?;
    let features = input.scaled(&saved.scale);
    Ok(Fitted { input, graph, features })
}

fn nodes(fitted: &Fitted, saved: &SavedNetworks) -> Predictions {
    let classes = saved.classes.len();
    let operators = operators(&fitted.graph, saved.shape.model);
    let one = |model: &basewise_nn::graph::links::LinkModel| {
        let shares = probabilities(model.network.predict(&operators, &fitted.features), classes);
        Matrix::new(fitted.input.ids.len(), classes, shares)
    };
    let each: Vec<Matrix> = saved.models.iter().map(one).collect();
    let task = Task { name: "label".to_owned(), kind: TaskKind::Classes { classes: saved.classes.clone() } };
    Predictions::of_ids(fitted.input.ids.clone(), task.output_names(), baselines::mean(&each))
}

fn of_pairs(fitted: &Fitted, saved: &SavedNetworks, file: &Path) -> Result<Predictions> {
    let (mut ids, mut pairs) = (Vec::new(), Vec::new());
    for edge in read_edges(file, &EdgeColumns::default())? {
        let node = |name: &String| {
            let wrong =
                || format!("{}: line {}: expected a node of the graph, found {name:?}", file.display(), edge.line);
            fitted.input.place(name).ok_or_else(|| user(wrong(), None))
        };
        let (a, b) = (node(&edge.ends[0])?, node(&edge.ends[1])?);
        if a == b {
            let (file, line) = (file.display(), edge.line);
            return Err(user(format!("{file}: line {line}: expected two nodes, found {:?} twice", edge.ends[0]), None));
        }
        let kind = saved.kinds.iter().position(|kind| *kind == edge.kind);
        let kind = match kind {
            Some(kind) => kind,
            None if saved.kinds.len() == 1 || saved.decoder != Some(basewise_nn::graph::links::Decoder::DistMult) => 0,
            None => {
                let (line, known) = (edge.line, saved.kinds.join(", "));
                let message = format!(
                    "{}: line {line}: expected one of the types {known}, found {:?}",
                    file.display(),
                    edge.kind
                );
                return Err(user(message, Some("a column type says which link is asked for")));
            }
        };
        let typed = if edge.kind.is_empty() { String::new() } else { format!(" {}", edge.kind) };
        ids.push(format!("{}{typed} {}", edge.ends[0], edge.ends[1]));
        pairs.push(Pair { ends: [a.min(b), a.max(b)], kind: kind as u32 });
    }
    let operators = operators(&fitted.graph, saved.shape.model);
    let each = links::probabilities(&saved.models, &operators, &fitted.features, &pairs);
    Ok(Predictions::of_ids(ids, vec!["link".to_owned()], baselines::mean(&each)))
}
