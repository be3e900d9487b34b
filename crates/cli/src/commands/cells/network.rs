//! Cells as a sequence network knows them: the weights of each cell's output (scBasset, Yuan and Kelley 2022).

use super::pipeline::Given;
use crate::failure::user;
use crate::run_dir::RunDir;
use anyhow::Result;
use basewise_core::Matrix;
use basewise_nn::OutputWeights;
use std::collections::BTreeMap;
use std::path::Path;

/// Name of the coordinates in `obsm`.
pub(crate) const NAME: &str = "X_bw_scbasset";

/// Weights of the outputs of a network by the names of their tasks.
pub(crate) struct CellWeights {
    by_cell: BTreeMap<String, Vec<f32>>,
    width: usize,
    run: String,
}

impl CellWeights {
    /// Of the network of a run that was trained on a data set with a task a cell.
    pub(crate) fn of(run: &Path) -> Result<Self> {
        let model = RunDir::open(run)?.single_model("--network")?;
        let Some(weights) = model.output_weights() else {
            return Err(user(
                format!(
                    "{}: expected a network that ends in a vector and one dense layer to its outputs",
                    run.display()
                ),
                Some(
                    "make a data set with `basewise cells dataset` and train a network on it, such as --model deepbind",
                ),
            ));
        };
        let width = weights.first().map_or(0, |own| own.weights.len());
        let by_cell = weights.into_iter().map(|OutputWeights { name, weights, .. }| (name, weights)).collect();
        Ok(Self { by_cell, width, run: run.display().to_string() })
    }

    /// Whether the network has an output for this cell.
    pub(crate) fn has(&self, cell: &str) -> bool {
        self.by_cell.contains_key(cell)
    }

    /// Coordinates of some cells, all of which it has.
    pub(crate) fn of_cells(&self, cells: &[String]) -> Given {
        let data = cells.iter().filter_map(|cell| self.by_cell.get(cell)).flatten().copied().collect();
        Given {
            name: NAME.to_owned(),
            what: format!("{} weights of each cell in the network of {}", self.width, self.run),
            coordinates: Matrix::new(cells.len(), self.width, data),
            is_there: false,
        }
    }

    /// That no cell is known.
    pub(crate) fn unknown(&self, cell: &str) -> anyhow::Error {
        let known = self.by_cell.keys().next().cloned().unwrap_or_default();
        user(
            format!(
                "{}: expected a network with a task for each cell, such as {cell:?}, found tasks such as {known:?}",
                self.run
            ),
            Some("`basewise cells dataset` makes the data set to train it on"),
        )
    }
}
