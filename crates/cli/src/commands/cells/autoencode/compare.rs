//! The latent numbers of an autoencoder beside as many principal components of the same cells.

use super::super::labels::Labels;
use super::AutoencodeArgs;
use anyhow::Result;
use basewise_core::Matrix;
use basewise_core::sparse::Csr;
use basewise_learn::unsupervised::scores;
use basewise_learn::unsupervised::{
    LeidenOptions, Metric, Neighbors, Pca, PcaOptions, PcaSolver, TsneOptions, counts, leiden,
};
use basewise_nn::autoencoder::{Autoencoder, Cells, History};
use serde::Serialize;

/// Cells whose silhouettes are looked at.
const SILHOUETTES: usize = 10_000;
/// Cells that a map needs at least.
const MAPPED: usize = 10;

/// What coordinates of cells are worth.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Worth {
    /// Mean squared error of held-out cells: of log(1 + normalized count), or of values that are taken as they are.
    pub(super) squared_error: f64,
    /// Leiden's clusters.
    pub(super) clusters: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ari: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nmi: Option<f64>,
    /// Mean silhouette by known labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) label_silhouette: Option<f64>,
    /// Mean silhouette by batch: near 0 where batches are mixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) batch_silhouette: Option<f64>,
}

/// Coordinates of cells with clusters and a map.
pub(super) struct Space {
    pub(super) coordinates: Matrix,
    pub(super) clusters: Vec<u32>,
    pub(super) map: Option<Matrix>,
    pub(super) worth: Worth,
}

/// The autoencoder's space, and that of principal components.
pub(super) struct Compared {
    pub(super) latent: Space,
    pub(super) pca: Space,
}

impl Compared {
    pub(super) fn of(
        model: &Autoencoder,
        cells: Cells<'_>,
        history: &History,
        shown: &[usize],
        [labels, batch]: [Option<&Labels>; 2],
        args: &AutoencodeArgs,
    ) -> Result<Self> {
        let space = |coordinates: Matrix, squared_error: f64| -> Result<Space> {
            let mut space = Space::of(coordinates, args)?;
            space.judge(labels, batch, args.seed)?;
            space.worth.squared_error = squared_error;
            Ok(space)
        };
        let mut values = cells.values.clone();
        if !model.config().as_is {
            counts::normalize(&mut values, Some(model.target()))?;
            counts::log1p(&mut values)?;
        }
        let mut held_out = vec![false; values.rows];
        history.held_out.iter().for_each(|&cell| held_out[cell] = true);
        let training: Vec<usize> = (0..values.rows).filter(|&cell| !held_out[cell]).collect();
        let least = training.len().min(values.columns).saturating_sub(1).max(1);
        let options = PcaOptions { components: args.latent.min(least), solver: PcaSolver::Auto, seed: args.seed };
        let pca = options.fit(&values.select_rows(&training))?;
        let coordinates = pca.transform(&values)?;
        let by_pca = squared_error(&pca, &coordinates, &values, shown);
        let own = model.evaluate(cells, shown, 0)?.squared_error;
        Ok(Self { latent: space(model.encode(cells)?, own)?, pca: space(coordinates, by_pca)? })
    }
}

/// Mean squared error of values that components give back.
fn squared_error(pca: &Pca, coordinates: &Matrix, values: &Csr, rows: &[usize]) -> f64 {
    let mut sum = 0.0;
    for &row in rows {
        let mut back = pca.mean.clone();
        for (component, &x) in pca.components.iter().zip(coordinates.row(row)) {
            back.iter_mut().zip(component).for_each(|(back, loading)| *back += loading * f64::from(x));
        }
        let (columns, own) = values.row(row);
        columns.iter().zip(own).for_each(|(&column, &value)| back[column as usize] -= f64::from(value));
        sum += back.iter().map(|difference| difference * difference).sum::<f64>();
    }
    sum / (rows.len() * values.columns).max(1) as f64
}

impl Space {
    fn of(coordinates: Matrix, args: &AutoencodeArgs) -> Result<Self> {
        let rows = coordinates.rows();
        let count = args.neighbors.saturating_sub(1).clamp(1, rows.saturating_sub(1).max(1));
        let graph = Neighbors::find(&coordinates, count, Metric::Euclidean)?.connectivities();
        let options = LeidenOptions { resolution: args.resolution, restarts: 1, seed: args.seed };
        let clusters = leiden(&graph, &options)?.labels;
        let map = if args.no_map || rows < MAPPED {
            None
        } else {
            let perplexity = 30.0_f64.min((rows - 1) as f64 / 3.0);
            Some(TsneOptions { perplexity, seed: args.seed, ..TsneOptions::default() }.fit(&coordinates)?.map)
        };
        Ok(Self { coordinates, clusters, map, worth: Worth::default() })
    }

    fn judge(&mut self, labels: Option<&Labels>, batch: Option<&Labels>, seed: u64) -> Result<()> {
        self.worth.clusters = self.clusters.iter().max().map_or(0, |&most| most as usize + 1);
        if let Some(labels) = labels {
            let (known, found) = labels.beside(&self.clusters);
            self.worth.ari = Some(scores::adjusted_rand(&known, &found)?);
            self.worth.nmi = Some(scores::normalized_mutual_information(&known, &found)?);
            self.worth.label_silhouette = self.silhouette(labels, seed)?;
        }
        if let Some(batch) = batch {
            self.worth.batch_silhouette = self.silhouette(batch, seed)?;
        }
        Ok(())
    }

    /// The mean silhouette of the cells that have a label.
    fn silhouette(&self, labels: &Labels, seed: u64) -> Result<Option<f64>> {
        let rows: Vec<usize> = (0..self.coordinates.rows()).filter(|&row| labels.codes[row].is_some()).collect();
        let codes: Vec<u32> = labels.codes.iter().flatten().copied().collect();
        let data = rows.iter().flat_map(|&row| self.coordinates.row(row)).copied().collect();
        let own = Matrix::new(rows.len(), self.coordinates.columns(), data);
        Ok(scores::silhouette(&own, &codes, Some(SILHOUETTES), seed)?.mean)
    }

    /// Where cells are on a picture.
    pub(super) fn points(&self) -> Vec<[f64; 2]> {
        let shown = self.map.as_ref().unwrap_or(&self.coordinates);
        let at = |row: usize, k: usize| shown.row(row).get(k).copied().map_or(0.0, f64::from);
        (0..shown.rows()).map(|row| [at(row, 0), at(row, 1)]).collect()
    }
}
