//! Graphs on disk: tables of edges, and what is known of nodes.
//!
//! Nodes have names. Edges are a table with a header and a line an edge; what is known of nodes is a table with the names in
//! its first column, a Parquet file, or a numpy archive as `basewise features` writes it.

mod features;
#[cfg(test)]
mod tests;

pub use features::{NamedFeatures, read_features};

use crate::error::{Error, Result};
use crate::table;
use std::collections::BTreeMap;
use std::path::Path;

/// Which columns of a table hold edges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeColumns {
    /// Names of the two nodes.
    pub ends: [String; 2],
    /// Weights; without it the column `weight`, if there is one.
    pub weight: Option<String>,
    /// Kinds of edges; without it the column `type`, if there is one.
    pub kind: Option<String>,
}

impl Default for EdgeColumns {
    /// `source` and `target`.
    fn default() -> Self {
        Self { ends: ["source".to_owned(), "target".to_owned()], weight: None, kind: None }
    }
}

/// An edge as the file has it.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedEdge {
    /// Names of the two nodes.
    pub ends: [String; 2],
    /// Above 0; 1 without a column of weights.
    pub weight: f32,
    /// Name of its kind; empty without a column of kinds.
    pub kind: String,
    /// Line in the file, from 1.
    pub line: usize,
}

/// Reads a table of edges (see [`table::read`] for what it may be).
///
/// # Errors
/// Those of [`table::read`]; a column that is not there; an empty name; a weight that is no number above 0.
pub fn read_edges(path: &Path, columns: &EdgeColumns) -> Result<Vec<NamedEdge>> {
    let table = table::read(path)?;
    let [a, b] = &columns.ends;
    let column = |name: &str| {
        table.column(name).map_err(|error| {
            if columns.ends.iter().any(|end| end == name) {
                error.with_hint("the first line names the columns; --ends A,B says which two hold the nodes of an edge")
            } else {
                error
            }
        })
    };
    let (sources, targets) = (column(a)?, column(b)?);
    let optional = |asked: &Option<String>, usual: &str| match asked {
        Some(name) => table.column(name).map(Some),
        None if table.has(usual) => table.column(usual).map(Some),
        None => Ok(None),
    };
    let (weights, kinds) = (optional(&columns.weight, "weight")?, optional(&columns.kind, "type")?);
    let mut edges = Vec::with_capacity(table.rows());
    for row in 0..table.rows() {
        let line = table.line(row);
        let wrong = |message: String| Error::at_line(path, line, message);
        let name = |column: &[String], what: &str| match column[row].trim() {
            "" => Err(wrong(format!("expected the name of a node in column {what:?}, found none"))),
            name => Ok(name.to_owned()),
        };
        let weight = match weights.map(|weights| weights[row].trim()) {
            None => 1.0,
            Some(text) => {
                text.parse::<f32>().ok().filter(|&weight| weight > 0.0 && weight.is_finite()).ok_or_else(|| {
                    wrong(format!("expected a weight above 0, found {text:?}"))
                        .with_hint("leave out edges without weight; a sign can be a type of edge")
                })?
            }
        };
        let kind = kinds.map_or(String::new(), |kinds| kinds[row].trim().to_owned());
        if kinds.is_some() && kind.is_empty() {
            return Err(wrong("expected a type of edge, found none".to_owned()));
        }
        edges.push(NamedEdge { ends: [name(sources, a)?, name(targets, b)?], weight, kind, line });
    }
    Ok(edges)
}

/// Reads one word for each node: its name is in the first column, the word in the column `name`. Nodes without a word are
/// left out.
///
/// # Errors
/// Those of [`table::read`]; a column that is not there; a node that comes twice.
pub fn read_words(path: &Path, name: &str) -> Result<BTreeMap<String, (String, usize)>> {
    let table = table::read(path)?;
    let words = table.column(name)?;
    let first = table.names().first().cloned().unwrap_or_default();
    let nodes = table.column(&first)?;
    let mut found = BTreeMap::new();
    for (row, (node, word)) in nodes.iter().zip(words).enumerate() {
        let line = table.line(row);
        let old = found.insert(node.trim().to_owned(), (word.trim().to_owned(), line));
        if let Some((_, before)) = old {
            let message = format!("expected each node once, found {node:?} again; it was on line {before}");
            return Err(Error::at_line(path, line, message));
        }
    }
    found.retain(|_, (word, _)| !word.is_empty());
    Ok(found)
}
