//! From files to a graph and features of its nodes.

use super::record::Account;
use crate::commands::evaluate::batch_of;
use crate::failure::user;
use crate::printer::Printer;
use crate::table::count;
use anyhow::Result;
use basewise_core::sparse::Csr;
use basewise_core::{CasePolicy, Encoding, Matrix, Predict, PredictError, SequenceBatch, Task};
use basewise_io::dataset::Source;
use basewise_io::graph::{EdgeColumns, NamedEdge, NamedFeatures, read_edges, read_features};
use basewise_learn::extract::{Extractor, FeatureSpec, Sources};
use basewise_nn::graph::features::Scale;
use basewise_nn::graph::{Edge, Graph, NodeFeatures};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The files of a graph, and how they are read; kept in `graph.json`.
#[derive(Args, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct InputArgs {
    /// Table of edges with a header: columns source, target and perhaps weight and type
    #[arg(long, value_name = "FILE")]
    pub(crate) edges: Option<PathBuf>,
    /// Columns of the two nodes of an edge
    #[arg(long, value_name = "A,B", value_delimiter = ',', default_value = "source,target")]
    ends: Vec<String>,
    /// Column of weights [default: weight, if there is one]
    #[arg(long, value_name = "COLUMN")]
    weight: Option<String>,
    /// Column of types of edges, which rgcn tells apart [default: type, if there is one]
    #[arg(long = "type", value_name = "COLUMN")]
    kind: Option<String>,
    /// Features of nodes: a table with names in its first column (.tsv, .csv, .parquet), or .npz as `basewise features` writes
    #[arg(long, value_name = "FILE")]
    features: Option<PathBuf>,
    /// Sequences of nodes (FASTA), whose k-mers are features
    #[arg(long, value_name = "FILE")]
    sequences: Option<PathBuf>,
    /// Embeddings of nodes, as `basewise predict --embeddings` writes them of their sequences, or of any other kind
    #[arg(long, value_name = "FILE")]
    #[serde(default)]
    embeddings: Option<PathBuf>,
    /// Lengths of k-mers: K or K-K
    #[arg(long, value_name = "K-K", default_value = "1-4", requires = "sequences")]
    kmers: String,
    /// How features are brought to one size
    #[arg(long, value_enum, default_value = "auto")]
    scale: ScaleArg,
    /// Leave out edges of nodes without features, and count them, instead of ending with an error
    #[arg(long)]
    skip_unknown: bool,
}

/// How features are brought to one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ScaleArg {
    /// standard for features of several files or with one below 0, else rows
    Auto,
    /// As they are
    None,
    /// Features of a node add up to 1
    Rows,
    /// Each feature has mean 0 and variance 1 over the nodes
    Standard,
}

/// A graph in memory.
pub(super) struct Input {
    /// Names of the nodes.
    pub(super) ids: Vec<String>,
    pub(super) graph: Graph,
    /// Names of the kinds of edges.
    pub(super) kinds: Vec<String>,
    /// `None` where nothing is known of nodes.
    pub(super) features: Option<NamedFeatures>,
    pub(super) account: Account,
    scale: ScaleArg,
    /// Whether there are k-mers among the features.
    words: bool,
    /// Whether features are of several files.
    mixed: bool,
    places: BTreeMap<String, u32>,
}

impl InputArgs {
    /// Reads the graph. Its nodes are those that have features; without features, those that have an edge.
    pub(super) fn read(&self) -> Result<Input> {
        let Some(path) = &self.edges else {
            return Err(user("expected --edges with a table of edges, found none", None));
        };
        let [a, b] = self.ends.as_slice() else {
            return Err(user(format!("expected two columns in --ends, found {}", self.ends.len()), None));
        };
        let columns =
            EdgeColumns { ends: [a.clone(), b.clone()], weight: self.weight.clone(), kind: self.kind.clone() };
        let edges = read_edges(path, &columns)?;
        let features = self.node_features()?;
        let ids: Vec<String> = match &features {
            Some(features) => features.nodes.clone(),
            None => edges.iter().flat_map(|edge| &edge.ends).collect::<BTreeSet<_>>().into_iter().cloned().collect(),
        };
        let places: BTreeMap<String, u32> = ids.iter().cloned().zip(0..).collect();
        let kinds: BTreeSet<&str> = edges.iter().map(|edge| edge.kind.as_str()).collect();
        let kinds: Vec<String> = kinds.into_iter().map(str::to_owned).collect();
        let (edges, unknown) = self.numbered(path, edges, &places, &kinds)?;
        if edges.is_empty() {
            return Err(user(format!("{}: expected edges between nodes, found none", path.display()), None));
        }
        let (graph, counts) = Graph::new(ids.len(), kinds.len(), edges)?;
        let account = Account {
            nodes: ids.len(),
            edges: graph.edges().len(),
            features: features.as_ref().map_or(0, |features| features.names.len()),
            kinds: kinds.clone(),
            self_loops: counts.self_loops,
            repeated: counts.repeated,
            both_directions: counts.both_directions,
            unknown,
            isolated: graph.isolated(),
        };
        let (words, mixed) = (self.sequences.is_some(), self.feature_files().count() > 1);
        Ok(Input { ids, graph, kinds, features, account, scale: self.scale, words, mixed, places })
    }

    /// Edges between numbers of nodes, and how many were left out.
    fn numbered(
        &self,
        path: &Path,
        edges: Vec<NamedEdge>,
        places: &BTreeMap<String, u32>,
        kinds: &[String],
    ) -> Result<(Vec<Edge>, usize)> {
        let (mut known, mut unknown) = (Vec::with_capacity(edges.len()), 0);
        for NamedEdge { ends, weight, kind, line } in edges {
            let [a, b] = ends.each_ref().map(|end| places.get(end).copied());
            let (Some(a), Some(b)) = (a, b) else {
                if self.skip_unknown {
                    unknown += 1;
                    continue;
                }
                let name = if a.is_none() { &ends[0] } else { &ends[1] };
                let from: Vec<String> = self.feature_files().map(|path| path.display().to_string()).collect();
                let from = from.join(" and ");
                return Err(user(
                    format!("{}: line {line}: expected a node of {from}, found {name:?}", path.display()),
                    Some("give features of it, or leave such edges out with --skip-unknown"),
                ));
            };
            let kind = kinds.binary_search(&kind).unwrap_or(0) as u32;
            known.push(Edge { ends: [a, b], kind, weight });
        }
        Ok((known, unknown))
    }

    /// Files that say what nodes are.
    fn feature_files(&self) -> impl Iterator<Item = &PathBuf> {
        self.features.iter().chain(&self.sequences).chain(&self.embeddings)
    }

    /// Features of all files side by side.
    fn node_features(&self) -> Result<Option<NamedFeatures>> {
        let mut joined: Option<(NamedFeatures, &PathBuf)> = None;
        for path in self.feature_files() {
            let own =
                if self.sequences.as_ref() == Some(path) { self.of_sequences(path)? } else { read_features(path)? };
            joined = Some(match joined {
                Some((all, first)) => (joined_features(all, own, [first, path], self.skip_unknown)?, first),
                None => (own, path),
            });
        }
        Ok(joined.map(|(features, _)| features))
    }

    /// Frequencies of k-mers.
    fn of_sequences(&self, path: &Path) -> Result<NamedFeatures> {
        let spec: FeatureSpec = format!("kmers={}:frequencies", self.kmers).parse()?;
        let records: Vec<_> = basewise_io::fasta::read(path)?.collect::<basewise_io::Result<_>>()?;
        let longest = records.iter().map(|record| record.sequence.len()).max().unwrap_or(0);
        let batch = batch_of(&Letters { longest }, records.iter().map(|record| record.sequence.as_slice()))?;
        let features = Extractor::fit(&spec, &batch, &Sources::default())?.transform(&batch)?;
        let mut values = Csr { rows: features.rows(), columns: features.columns(), starts: vec![0], ..Csr::default() };
        for row in 0..features.rows() {
            for (column, value) in features.row(row).filter(|(_, value)| *value != 0.0) {
                values.indices.push(column as u32);
                values.values.push(value);
            }
            values.starts.push(values.indices.len());
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = records.iter().find(|record| !seen.insert(&record.id)) {
            let (line, id) = (twice.line, &twice.id);
            let message = format!("{}: line {line}: expected each node once, found {id:?} again", path.display());
            return Err(user(message, None));
        }
        let nodes = records.into_iter().map(|record| record.id).collect();
        Ok(NamedFeatures { nodes, names: features.names().to_vec(), values })
    }

    /// Whether nodes that are not in the graph are passed over.
    pub(super) fn skips_unknown(&self) -> bool {
        self.skip_unknown
    }

    /// The files, with digests.
    pub(super) fn sources(&self) -> Result<Vec<Source>> {
        let paths = self.edges.iter().chain(self.feature_files());
        Ok(paths.map(|path| Source::of(path)).collect::<basewise_io::Result<_>>()?)
    }
}

impl Input {
    /// The number of a node.
    pub(super) fn place(&self, node: &str) -> Option<u32> {
        self.places.get(node).copied()
    }

    /// How features are brought to one size, fitted on all nodes.
    pub(super) fn scale(&self) -> Scale {
        let Some(features) = &self.features else { return Scale::None };
        let positive = features.values.values.iter().all(|&value| value >= 0.0);
        match self.scale {
            ScaleArg::None => Scale::None,
            ScaleArg::Rows => Scale::Rows,
            ScaleArg::Auto if positive && !self.mixed => Scale::Rows,
            ScaleArg::Auto | ScaleArg::Standard => Scale::standard(&features.values),
        }
    }

    /// What networks read: scaled features, or one feature a node.
    pub(super) fn scaled(&self, scale: &Scale) -> NodeFeatures {
        match &self.features {
            Some(features) => scale.apply(&features.values),
            None => NodeFeatures::identity(self.ids.len()),
        }
    }

    /// Brings k-mers to the order of a run: a word that no sequence has is 0, one that the run does not know is left out.
    /// Other features are left as they are.
    pub(super) fn align_words(&mut self, names: &[String]) {
        let Some(features) = self.features.as_mut().filter(|_| self.words) else { return };
        let others =
            |names: &[String]| names.iter().filter(|name| !name.starts_with("kmer:")).cloned().collect::<Vec<_>>();
        if others(names) != others(&features.names) {
            return;
        }
        let places: BTreeMap<&str, u32> = names.iter().map(String::as_str).zip(0..).collect();
        let mut values = Csr { rows: self.ids.len(), columns: names.len(), starts: vec![0], ..Csr::default() };
        for row in 0..self.ids.len() {
            let own = features.values.starts[row]..features.values.starts[row + 1];
            let numbers = features.values.indices[own.clone()].iter().zip(&features.values.values[own]);
            let place = |column: u32| places.get(features.names[column as usize].as_str()).copied();
            let mut known: Vec<(u32, f32)> =
                numbers.filter_map(|(&column, &value)| Some((place(column)?, value))).collect();
            known.sort_by_key(|(column, _)| *column);
            values.indices.extend(known.iter().map(|(column, _)| *column));
            values.values.extend(known.iter().map(|(_, value)| *value));
            values.starts.push(values.indices.len());
        }
        features.values = values;
        features.names = names.to_vec();
    }

    /// Names of the features; none where each node is one.
    pub(super) fn feature_names(&self) -> Vec<String> {
        self.features.as_ref().map_or_else(Vec::new, |features| features.names.clone())
    }

    /// Says what was read.
    pub(super) fn tell(&self, scale: &Scale, printer: &Printer) {
        let account = &self.account;
        let features = match &self.features {
            None => "without features: each node is one of its own".to_owned(),
            Some(_) => {
                let scale = match scale {
                    Scale::None => "as they are",
                    Scale::Rows => "scaled to sum 1 in each node",
                    Scale::Standard { .. } => "scaled to mean 0 and variance 1",
                };
                format!("{} features, {scale}", count(account.features))
            }
        };
        printer.talk(&format!("{} nodes, {} edges; {features}", count(account.nodes), count(account.edges)));
        account.lines().iter().for_each(|line| printer.talk(line));
    }
}

/// Two sets of features of the same nodes, in the order of the first; with `skip`, of the nodes that both have.
fn joined_features(a: NamedFeatures, b: NamedFeatures, paths: [&PathBuf; 2], skip: bool) -> Result<NamedFeatures> {
    let places: BTreeMap<&str, usize> = b.nodes.iter().map(String::as_str).zip(0..).collect();
    let own: BTreeSet<&str> = a.nodes.iter().map(String::as_str).collect();
    let missing = a.nodes.iter().find(|node| !places.contains_key(node.as_str())).map(|node| (node, paths[1]));
    let missing =
        missing.or_else(|| b.nodes.iter().find(|node| !own.contains(node.as_str())).map(|node| (node, paths[0])));
    if let Some((node, path)) = missing.filter(|_| !skip) {
        return Err(user(
            format!("{}: expected features of node {node:?}, as in the other file, found none", path.display()),
            Some("--skip-unknown leaves out nodes that one of the files lacks"),
        ));
    }
    if let Some(twice) = b.names.iter().find(|name| a.names.contains(name)) {
        let message =
            format!("{}: expected features of other names, found {twice:?} in both files", paths[1].display());
        return Err(user(message, None));
    }
    let columns = a.names.len();
    let mut values = Csr { columns: columns + b.names.len(), starts: vec![0], ..Csr::default() };
    let mut nodes = Vec::new();
    for (row, node) in a.nodes.iter().enumerate() {
        let Some(&other) = places.get(node.as_str()) else { continue };
        for (features, row, first) in [(&a, row, 0), (&b, other, columns)] {
            let (indices, numbers) = features.values.row(row);
            values.indices.extend(indices.iter().map(|&column| column + first as u32));
            values.values.extend(numbers);
        }
        values.starts.push(values.indices.len());
        values.rows += 1;
        nodes.push(node.clone());
    }
    if nodes.is_empty() {
        let message = format!("{}: expected nodes of {}, found none of them", paths[1].display(), paths[0].display());
        return Err(user(message, None));
    }
    let names = a.names.into_iter().chain(b.names).collect();
    Ok(NamedFeatures { nodes, names, values })
}

/// What sequences are encoded for.
struct Letters {
    longest: usize,
}

impl Predict for Letters {
    fn tasks(&self) -> &[Task] {
        &[]
    }

    fn encoding(&self) -> Encoding {
        Encoding { alphabet: basewise_core::Alphabet::Dna, case: CasePolicy::Ignore }
    }

    fn length(&self) -> usize {
        self.longest
    }

    fn predict(&self, batch: &SequenceBatch) -> Result<Matrix, PredictError> {
        Ok(Matrix::new(batch.len(), 0, Vec::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(nodes: &[&str], names: &[&str], values: &[f32]) -> NamedFeatures {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let values = Csr::from_dense(&Matrix::new(nodes.len(), names.len(), values.to_vec()));
        NamedFeatures { nodes: words(nodes), names: words(names), values }
    }

    #[test]
    fn features_of_two_files_stand_side_by_side() {
        let a = features(&["x", "y", "z"], &["kmer:A"], &[1.0, 0.0, 3.0]);
        let b = features(&["z", "x"], &["e1", "e2"], &[5.0, 6.0, -1.0, 0.0]);
        let (one, two) = (PathBuf::from("a"), PathBuf::from("b"));
        let joined = joined_features(a.clone(), b.clone(), [&one, &two], true).unwrap();
        assert_eq!(
            (joined.nodes, joined.names),
            (vec!["x".to_owned(), "z".into()], vec!["kmer:A".to_owned(), "e1".into(), "e2".into()])
        );
        assert_eq!(joined.values.to_dense().data(), [1.0, -1.0, 0.0, 3.0, 5.0, 6.0]);
        let error = joined_features(a.clone(), b, [&one, &two], false).unwrap_err().to_string();
        assert!(error.starts_with("b: expected features of node \"y\""), "{error}");
        let error = joined_features(a.clone(), a, [&one, &two], false).unwrap_err().to_string();
        assert!(error.contains("found \"kmer:A\" in both"), "{error}");
    }
}
