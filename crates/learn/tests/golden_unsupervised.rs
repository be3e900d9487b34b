//! Methods without labels against scikit-learn 1.9.1, scanpy 1.11.5 and openTSNE 1.0.4; see `tests/golden/unsupervised/make.py`.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

use basewise_core::Matrix;
use basewise_core::sparse::Csr;
use basewise_learn::unsupervised::counts::{self, Flavor, VariableOptions, highly_variable};
use basewise_learn::unsupervised::markers::{MarkerTest, markers};
use basewise_learn::unsupervised::{
    Covariance, Metric, MixtureOptions, Neighbors, PcaOptions, PcaSolver, TsneOptions, scores,
};
use serde::Deserialize;
use std::collections::BTreeMap;

const CASES: &str = include_str!("../../../tests/golden/unsupervised/cases.json");

#[derive(Deserialize)]
struct Cases {
    rows: usize,
    columns: usize,
    counts: Vec<f32>,
    kind: Vec<u32>,
    clusters: Vec<u32>,
    /// Sums of rows.
    log: Vec<f64>,
    /// Every logarithm as scanpy has it.
    logarithms: Vec<f32>,
    pca: BTreeMap<String, Vec<f64>>,
    at: Vec<f32>,
    connectivities: (Vec<usize>, Vec<usize>, Vec<f64>),
    mixtures: BTreeMap<String, BTreeMap<String, f64>>,
    scores: BTreeMap<String, f64>,
    divergence: f64,
    markers: BTreeMap<String, Vec<MarkerCase>>,
    seurat: Seurat,
    seurat_v3: SeuratV3,
}

#[derive(Deserialize)]
struct MarkerCase {
    scores: Vec<f64>,
    pvals: Vec<f64>,
    pvals_adj: Vec<f64>,
    logfoldchanges: Vec<f64>,
}

#[derive(Deserialize)]
struct Seurat {
    mean: Vec<f64>,
    normalized: Vec<Option<f64>>,
    top: Vec<bool>,
    limits: Vec<bool>,
}

#[derive(Deserialize)]
struct SeuratV3 {
    mean: Vec<f64>,
    variance: Vec<f64>,
    normalized: Vec<f64>,
    top: Vec<bool>,
}

impl Cases {
    fn read() -> Self {
        serde_json::from_str(CASES).unwrap()
    }

    fn counts(&self) -> Csr {
        Csr::from_dense(&Matrix::new(self.rows, self.columns, self.counts.clone()))
    }

    fn logarithms(&self) -> Csr {
        let mut values = self.counts();
        counts::normalize(&mut values, None).unwrap();
        counts::log1p(&mut values).unwrap();
        values
    }

    /// Five principal components.
    fn at(&self) -> Matrix {
        Matrix::new(self.rows, 5, self.at.clone())
    }
}

fn near(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() <= tolerance * expected.abs().max(1.0), "{what}: {found}, expected {expected}");
}

#[test]
fn logarithms_and_components() {
    let cases = Cases::read();
    let values = cases.logarithms();
    counts::totals(&values).iter().zip(&cases.log).for_each(|(a, b)| near(*a, *b, 1e-5, "sum of logarithms"));
    // A random subspace comes near the components, the nearer the more their variances differ; here the last ones hardly do.
    for (solver, tolerance) in [(PcaSolver::Exact, 1e-4), (PcaSolver::Randomized, 1e-2)] {
        let pca = PcaOptions { components: 5, solver, seed: 2 }.fit(&values).unwrap();
        let check = |found: &[f64], name: &str| {
            found
                .iter()
                .zip(&cases.pca[name])
                .for_each(|(a, b)| near(*a, *b, tolerance, &format!("{name} {solver:?}")));
            assert_eq!(found.len(), cases.pca[name].len());
        };
        check(&pca.components.concat(), "components");
        check(&pca.variance, "variance");
        check(&pca.variance_ratio(), "ratio");
        check(&pca.singular_values(), "singular");
        let at = pca.transform(&values).unwrap();
        at.data()
            .iter()
            .zip(&cases.at)
            .for_each(|(a, b)| near(f64::from(*a), f64::from(*b), 2.0 * tolerance, "coordinates"));
    }
}

#[test]
fn connections_are_those_of_scanpy() {
    let cases = Cases::read();
    let found = Neighbors::find(&cases.at(), 14, Metric::Euclidean).unwrap().connectivities().to_dense();
    let mut expected = vec![0.0; cases.rows * cases.rows];
    let (rows, columns, values) = &cases.connectivities;
    rows.iter().zip(columns).zip(values).for_each(|((i, j), value)| expected[i * cases.rows + j] = *value);
    found.data().iter().zip(expected).for_each(|(a, b)| near(f64::from(*a), b, 1e-4, "connection"));
}

#[test]
fn mixtures_are_as_likely() {
    let cases = Cases::read();
    let at = cases.at();
    for (name, covariance) in [
        ("full", Covariance::Full),
        ("diagonal", Covariance::Diagonal),
        ("tied", Covariance::Tied),
        ("spherical", Covariance::Spherical),
    ] {
        let options = MixtureOptions {
            components: 3,
            covariance,
            iterations: 500,
            tolerance: 1e-6,
            restarts: 10,
            ..MixtureOptions::default()
        };
        let fit = options.fit(&at).unwrap();
        let expected = &cases.mixtures[name];
        near(fit.log_likelihood, expected["log_likelihood"], 2e-3, name);
        near(fit.bic(&at).unwrap(), expected["bic"], 2e-3, name);
        near(fit.aic(&at).unwrap(), expected["aic"], 2e-3, name);
    }
}

#[test]
fn scores_agree() {
    let cases = Cases::read();
    let (kind, clusters) = (&cases.kind, &cases.clusters);
    let check = |found: f64, name: &str, tolerance| near(found, cases.scores[name], tolerance, name);
    check(scores::adjusted_rand(kind, clusters).unwrap(), "adjusted_rand", 1e-12);
    check(scores::normalized_mutual_information(kind, clusters).unwrap(), "normalized_mutual_information", 1e-12);
    check(scores::homogeneity(kind, clusters).unwrap(), "homogeneity", 1e-12);
    check(scores::completeness(kind, clusters).unwrap(), "completeness", 1e-12);
    check(scores::silhouette(&cases.at(), clusters, None, 0).unwrap().mean.unwrap(), "silhouette", 1e-6);
}

#[test]
fn maps_diverge_as_little_as_those_of_open_tsne() {
    let cases = Cases::read();
    // Maps of so few rows end in minima that differ by a tenth, with either program, so that the best of four starts counts.
    let map =
        |seed| TsneOptions { perplexity: 20.0, seed, ..TsneOptions::default() }.fit(&cases.at()).unwrap().divergence;
    let least = (0..4).map(map).fold(f64::INFINITY, f64::min);
    assert!(least < 1.02 * cases.divergence, "{least} {}", cases.divergence);
}

#[test]
fn markers_are_those_of_scanpy() {
    let cases = Cases::read();
    // Which values are equal, and so their ranks, hangs on the last bit of the logarithms.
    let values = Csr::from_dense(&Matrix::new(cases.rows, cases.columns, cases.logarithms.clone()));
    for (name, test) in [("rank-sum", MarkerTest::RankSum), ("t-test", MarkerTest::TTest)] {
        let found = markers(&values, &cases.kind, test).unwrap();
        for (cluster, expected) in found.iter().zip(&cases.markers[name]) {
            assert_eq!(cluster.len(), cases.columns);
            for marker in cluster {
                let at = marker.feature;
                near(marker.score, expected.scores[at], 2e-5, "score");
                near(marker.p.ln(), expected.pvals[at].ln(), 1e-4, "p");
                near(marker.q.ln(), expected.pvals_adj[at].ln(), 1e-4, "q");
                near(marker.log2_fold_change, expected.logfoldchanges[at], 1e-4, "fold change");
            }
        }
    }
}

#[test]
fn variable_columns_are_those_of_scanpy() {
    let cases = Cases::read();
    let logarithms = cases.logarithms();
    let options = VariableOptions { top: Some(15), ..VariableOptions::default() };
    let found = highly_variable(&logarithms, &options).unwrap();
    let limits = highly_variable(&logarithms, &VariableOptions::default()).unwrap();
    for (j, column) in found.iter().enumerate() {
        near(column.mean, cases.seurat.mean[j], 1e-5, "mean");
        assert_eq!(column.normalized.is_some(), cases.seurat.normalized[j].is_some());
        near(
            column.normalized.unwrap_or(0.0),
            cases.seurat.normalized[j].unwrap_or(0.0),
            1e-4,
            "normalized dispersion",
        );
        assert_eq!((column.chosen, limits[j].chosen), (cases.seurat.top[j], cases.seurat.limits[j]), "column {j}");
    }
    let found = highly_variable(&cases.counts(), &VariableOptions { flavor: Flavor::SeuratV3, ..options }).unwrap();
    for (j, column) in found.iter().enumerate() {
        near(column.mean, cases.seurat_v3.mean[j], 1e-6, "mean");
        near(column.dispersion.unwrap(), cases.seurat_v3.variance[j], 1e-6, "variance");
        // The other program interpolates its regression.
        near(column.normalized.unwrap(), cases.seurat_v3.normalized[j], 0.05, "normalized variance");
    }
    let same = found.iter().zip(&cases.seurat_v3.top).filter(|(column, top)| column.chosen && **top).count();
    assert!(same >= 14, "{same}");
}
