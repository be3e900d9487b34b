//! From chosen counts to coordinates and neighbours: what scanpy's tutorial does, with its defaults.

use super::cluster::ClusterArgs;
use super::transformed::Transformed;
use anyhow::Result;
use basewise_core::Matrix;
use basewise_core::sparse::Csr;
use basewise_io::cells::{CellMatrix, Values};
use basewise_learn::unsupervised::counts::{Variable, VariableOptions, VariableSums};
use basewise_learn::unsupervised::neighbors::{Metric, Neighbors};
use basewise_learn::unsupervised::{Pca, PcaOptions, PcaSolver, TsneOptions};
use clap::ValueEnum;
use serde::Serialize;

/// What is done to values before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Transform {
    /// normalize-log for counts, as-is for other values
    Auto,
    /// Each cell's sum becomes the median of sums, then the logarithm of 1 + value
    NormalizeLog,
    /// The logarithm of 1 + value
    Log,
    /// Nothing: values are normalized, or logarithms, already
    AsIs,
}

impl Transform {
    /// What is meant for values of this kind.
    pub(crate) fn of(self, values: Values) -> Self {
        match (self, values) {
            (Self::Auto, Values::Counts) => Self::NormalizeLog,
            (Self::Auto, _) => Self::AsIs,
            (given, _) => given,
        }
    }

    /// In words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Auto => "chosen by the values",
            Self::NormalizeLog => "normalized to the median of sums, then log(1 + value)",
            Self::Log => "log(1 + value)",
            Self::AsIs => "taken as they are",
        }
    }
}

/// Values that were transformed, and the genes to go on with.
pub(crate) struct Prepared {
    /// Cells by genes.
    pub(crate) values: Transformed,
    pub(crate) transform: Transform,
    /// Of each gene; `None` if all are used.
    pub(crate) variable: Option<Vec<Variable>>,
}

impl Prepared {
    /// Whether each gene is used.
    pub(crate) fn used(&self) -> Vec<bool> {
        match &self.variable {
            Some(variable) => variable.iter().map(|gene| gene.chosen).collect(),
            None => vec![true; self.values.columns()],
        }
    }
}

/// Transforms values and chooses the `top` most variable genes, or all where there are no more, or values are negative. Then,
/// if this is asked for, divides each column by its standard deviation.
pub(crate) fn prepare(matrix: &CellMatrix, transform: Transform, top: usize, standardize: bool) -> Result<Prepared> {
    let transform = transform.of(matrix.values);
    let log = matches!(transform, Transform::NormalizeLog | Transform::Log);
    let mut values = Transformed::of(&matrix.counts, transform == Transform::NormalizeLog, log)?;
    let measured = !matches!(matrix.values, Values::Signed | Values::Features);
    let many = top > 0 && values.columns() > top && values.rows() > 1 && measured;
    let variable = if many { Some(variable(&values, top)?) } else { None };
    if standardize {
        values.standardize()?;
    }
    Ok(Prepared { values, transform, variable })
}

/// How variable each gene is, by two passes over the values.
fn variable(values: &Transformed, top: usize) -> Result<Vec<Variable>> {
    let mut sums = VariableSums::new(values.columns());
    values.each(|_, block| Ok(sums.add(block)?))?;
    sums.centre();
    values.each(|_, block| Ok(sums.add(block)?))?;
    Ok(sums.finish(&VariableOptions { top: Some(top), ..VariableOptions::default() })?)
}

/// Coordinates of cells that are not made of the values.
pub(crate) struct Given {
    /// As in `obsm`.
    pub(crate) name: String,
    /// What they are, in words.
    pub(crate) what: String,
    /// Cells by numbers.
    pub(crate) coordinates: Matrix,
    /// Whether the file that they come from has them already.
    pub(crate) is_there: bool,
}

/// Coordinates of cells, their neighbours and their map.
pub(crate) struct Embedded {
    /// Where the coordinates are principal components.
    pub(crate) pca: Option<Pca>,
    /// Name of the coordinates in `obsm`.
    pub(crate) name: String,
    /// What they are, in words.
    pub(crate) what: String,
    /// Whether they are to be written.
    pub(crate) is_new: bool,
    /// Cells by components.
    pub(crate) coordinates: Matrix,
    pub(crate) neighbors: Neighbors,
    /// Cells by cells, UMAP's weights.
    pub(crate) connectivities: Csr,
    /// Cells by 2; none if no map was asked for, or cells are too few for one.
    pub(crate) map: Option<Matrix>,
}

/// Cells that a map needs at least.
const MAPPED: usize = 10;

/// Components of prepared values, or given coordinates; their neighbours and a map.
pub(crate) fn embed(prepared: &Prepared, given: Option<Given>, args: &ClusterArgs) -> Result<Embedded> {
    let (pca, given) = match given {
        Some(given) => (None, given),
        None => {
            let (pca, given) = components(prepared, args)?;
            (Some(pca), given)
        }
    };
    let Given { name, what, coordinates, is_there } = given;
    let rows = coordinates.rows();
    // The cell itself counts as a neighbour in scanpy's number.
    let count = args.neighbors.saturating_sub(1).clamp(1, rows.saturating_sub(1).max(1));
    let neighbors = Neighbors::find(&coordinates, count, Metric::Euclidean)?;
    let connectivities = neighbors.connectivities();
    let map = if args.no_map || rows < MAPPED {
        None
    } else {
        let perplexity = args.perplexity.min((rows - 1) as f64 / 3.0);
        Some(TsneOptions { perplexity, seed: args.seed, ..TsneOptions::default() }.fit(&coordinates)?.map)
    };
    Ok(Embedded { pca, name, what, is_new: !is_there, coordinates, neighbors, connectivities, map })
}

fn components(prepared: &Prepared, args: &ClusterArgs) -> Result<(Pca, Given)> {
    let chosen = prepared.values.columns_of(&prepared.used())?;
    let components = args.components.min(chosen.rows.saturating_sub(1)).min(chosen.columns.saturating_sub(1)).max(1);
    let pca = PcaOptions { components, solver: PcaSolver::Auto, seed: args.seed }.fit(&chosen)?;
    let coordinates = pca.transform(&chosen)?;
    let what = format!("{} principal components", coordinates.columns());
    Ok((pca, Given { name: "X_pca".to_owned(), what, coordinates, is_there: false }))
}
