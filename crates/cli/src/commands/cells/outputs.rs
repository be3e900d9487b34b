//! What is written: a folder with tables, a page and an h5ad file, or the h5ad file alone.

use super::cluster::ClusterArgs;
use super::clusters::{Clusters, Judged, Method, Tried};
use super::filter::{FilterArgs, Kept};
use super::input::Words;
use super::labels::Labels;
use super::page;
use super::pipeline::{Embedded, Prepared, Transform};
use super::quality::Quality;
use crate::commands::command_line;
use crate::report::cells::Dots;
use crate::table::{Table, count, duration};
use anyhow::Result;
use basewise_core::Matrix;
use basewise_io::cells::h5ad::{self, Additions, Value};
use basewise_io::cells::{CellMatrix, Column, Frame, Values};
use basewise_io::output::{write_dir, write_file};
use basewise_learn::unsupervised::Pca;
use basewise_learn::unsupervised::markers::Marker;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Everything that was found, for whoever writes it.
pub(crate) struct Found<'a> {
    /// As it was read.
    pub(crate) matrix: &'a CellMatrix,
    /// Of all cells that were read.
    pub(crate) quality: &'a Quality,
    pub(crate) kept: &'a Kept,
    /// The kept cells and genes.
    pub(crate) used: &'a CellMatrix,
    pub(crate) prepared: &'a Prepared,
    pub(crate) embedded: &'a Embedded,
    pub(crate) clusters: &'a Clusters,
    /// Of the kept cells.
    pub(crate) labels: Option<&'a Labels>,
    pub(crate) judged: &'a Judged,
    /// Of each cluster, the best first.
    pub(crate) markers: &'a [Vec<Marker>],
    /// Values of genes that further maps are coloured by.
    pub(crate) shades: &'a [Dots],
}

/// `cells.json`.
#[derive(Serialize)]
pub(crate) struct Summary {
    format_version: u32,
    version: &'static str,
    pub(crate) command: String,
    pub(crate) input: String,
    matrix: String,
    values: &'static str,
    transform: Transform,
    filter: FilterArgs,
    pub(crate) cells: Account,
    pub(crate) genes: Account,
    pub(crate) variable_genes: usize,
    /// Numbers of each cell that neighbours and clusters are found in.
    pub(crate) components: usize,
    /// Their name in obsm.
    coordinates: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    explained: Option<f64>,
    neighbors: usize,
    pub(crate) method: Method,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tried: Vec<Tried>,
    pub(crate) clusters: Vec<ClusterSummary>,
    pub(crate) metrics: BTreeMap<&'static str, f64>,
    seed: u64,
    pub(crate) seconds: f64,
}

#[derive(Serialize)]
pub(crate) struct Account {
    pub(crate) read: usize,
    pub(crate) used: usize,
}

#[derive(Serialize)]
pub(crate) struct ClusterSummary {
    pub(crate) cluster: usize,
    pub(crate) cells: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) silhouette: Option<f64>,
    /// The most frequent label and its share of the labelled cells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<(String, f64)>,
    pub(crate) markers: Vec<String>,
}

/// Genes that a line of the summary names.
const NAMED: usize = 5;

pub(crate) fn summary(found: &Found<'_>, args: &ClusterArgs, seconds: f64) -> Summary {
    let mut metrics = BTreeMap::new();
    if let Some([ari, nmi, homogeneity, completeness]) = found.judged.agreement {
        metrics.insert("ari", ari);
        metrics.insert("nmi", nmi);
        metrics.insert("homogeneity", homogeneity);
        metrics.insert("completeness", completeness);
    }
    if let Some(mean) = found.judged.silhouette.mean {
        metrics.insert("silhouette", mean);
    }
    if let Some(modularity) = found.clusters.modularity {
        metrics.insert("modularity", modularity);
    }
    let explained = |pca: &Pca| pca.variance.iter().sum::<f64>() / pca.total_variance.max(f64::MIN_POSITIVE);
    Summary {
        format_version: 1,
        version: env!("CARGO_PKG_VERSION"),
        command: command_line(),
        input: args.input.input.display().to_string(),
        matrix: found.matrix.part.clone(),
        values: found.matrix.values.words(),
        transform: found.prepared.transform,
        filter: args.limits.clone(),
        cells: Account { read: found.matrix.counts.rows, used: found.used.counts.rows },
        genes: Account { read: found.matrix.counts.columns, used: found.used.counts.columns },
        variable_genes: found.prepared.used().iter().filter(|used| **used).count(),
        components: found.embedded.coordinates.columns(),
        coordinates: found.embedded.name.clone(),
        explained: found.embedded.pca.as_ref().map(explained),
        neighbors: found.embedded.neighbors.count + 1,
        method: args.method,
        resolution: (args.method == Method::Leiden).then_some(args.resolution),
        tried: found.clusters.tried.clone(),
        clusters: (0..found.clusters.number).map(|cluster| one(found, cluster)).collect(),
        metrics,
        seed: args.seed,
        seconds,
    }
}

fn one(found: &Found<'_>, cluster: usize) -> ClusterSummary {
    let cells = found.clusters.labels.iter().filter(|&&label| label as usize == cluster).count();
    let label = found.labels.and_then(|labels| {
        let (known, clusters) = labels.beside(&found.clusters.labels);
        let mut counts = vec![0usize; labels.names.len()];
        let own = known.iter().zip(&clusters).filter(|(_, own)| **own as usize == cluster);
        own.for_each(|(&label, _)| counts[label as usize] += 1);
        let all: usize = counts.iter().sum();
        let most = (0..counts.len()).rev().max_by_key(|&label| counts[label]).filter(|_| all > 0)?;
        Some((labels.names[most].clone(), counts[most] as f64 / all as f64))
    });
    let markers = found.markers.get(cluster).map_or(&[][..], Vec::as_slice);
    let named = markers.iter().filter(|marker| marker.score > 0.0).take(NAMED);
    ClusterSummary {
        cluster,
        cells,
        silhouette: found.judged.silhouette.by_cluster.get(cluster).copied().flatten(),
        label,
        markers: named.map(|marker| found.used.genes.ids[marker.feature].clone()).collect(),
    }
}

/// The summary for a terminal.
pub(crate) fn text(summary: &Summary, found: &Found<'_>) -> String {
    let labelled = found.labels.is_some();
    let Words { rows, columns, .. } = Words::of(found.matrix.values);
    let marking = format!("marker {columns}");
    let mut header = vec!["cluster", rows, "silhouette"];
    header.extend(labelled.then_some("most are"));
    header.push(&marking);
    let mut table = Table::new(&header);
    for cluster in &summary.clusters {
        let mut row = vec![cluster.cluster.to_string(), count(cluster.cells)];
        row.push(cluster.silhouette.map_or("–".to_owned(), |value| format!("{value:.3}")));
        if labelled {
            let share = cluster.label.as_ref().map(|(name, share)| format!("{name} ({:.0} %)", 100.0 * share));
            row.push(share.unwrap_or_default());
        }
        row.push(cluster.markers.join(" "));
        table.row(row);
    }
    let mut text = table.render();
    let names = [
        ("ari", "adjusted Rand index"),
        ("nmi", "normalized mutual information"),
        ("silhouette", "silhouette"),
        ("modularity", "modularity"),
    ];
    let figures = names.iter().filter_map(|(key, name)| summary.metrics.get(key).map(|v| format!("{name} {v:.4}")));
    text.push_str(&format!("\n{}\n", figures.collect::<Vec<_>>().join(", ")));
    text.push_str(&format!(
        "{} {rows}, {} {columns}, {}; {}\n",
        count(summary.cells.used),
        count(summary.variable_genes),
        found.embedded.what,
        duration(summary.seconds)
    ));
    text
}

/// What goes into an h5ad file, a row a cell that was kept and a gene that was kept, under scanpy's names.
pub(crate) fn additions(found: &Found<'_>, args: &ClusterArgs) -> Additions {
    let names: Vec<String> = (0..found.clusters.number).map(|cluster| cluster.to_string()).collect();
    let clusters = Column::category(names, found.clusters.labels.iter().map(|&label| Some(label)));
    let quality = measured(found);
    let mut obs: Vec<_> = quality.into_iter().map(|(name, column)| (name, column.select(&found.kept.cells))).collect();
    obs.push((args.method.column().to_owned(), clusters));
    let mut obsm = Vec::new();
    if found.embedded.is_new {
        obsm.push((found.embedded.name.clone(), found.embedded.coordinates.clone()));
    }
    if let Some(map) = &found.embedded.map {
        obsm.push(("X_tsne".to_owned(), map.clone()));
    }
    let mut var = Vec::new();
    if let Some(genes) = &found.prepared.variable {
        let numbers = |of: &dyn Fn(&basewise_learn::unsupervised::counts::Variable) -> f64| {
            Column::Number(genes.iter().map(of).collect())
        };
        var.push(("highly_variable".to_owned(), Column::Flag(genes.iter().map(|gene| Some(gene.chosen)).collect())));
        var.push(("means".to_owned(), numbers(&|gene| gene.mean)));
        var.push(("dispersions".to_owned(), numbers(&|gene| gene.dispersion.unwrap_or(f64::NAN))));
        var.push(("dispersions_norm".to_owned(), numbers(&|gene| gene.normalized.unwrap_or(f64::NAN))));
    }
    Additions {
        obs,
        var,
        obsm,
        varm: found.embedded.pca.iter().map(|pca| ("PCs".to_owned(), loadings(found, pca))).collect(),
        obsp: vec![
            ("distances".to_owned(), found.embedded.neighbors.distance_graph()),
            ("connectivities".to_owned(), found.embedded.connectivities.clone()),
        ],
        uns: settings(found, args),
    }
}

/// Sums and numbers of genes of each cell, where values are of genes.
fn measured(found: &Found<'_>) -> Vec<(String, Column)> {
    if found.matrix.values == Values::Features { Vec::new() } else { found.quality.columns() }
}

/// Genes by components; 0 for genes that were not used.
fn loadings(found: &Found<'_>, pca: &Pca) -> Matrix {
    let components = &pca.components;
    let used = found.prepared.used();
    let mut data = vec![0.0; used.len() * components.len()];
    for (own, gene) in (0..used.len()).filter(|&gene| used[gene]).enumerate() {
        for (k, component) in components.iter().enumerate() {
            data[gene * components.len() + k] = component[own] as f32;
        }
    }
    Matrix::new(used.len(), components.len(), data)
}

fn map(entries: Vec<(&str, Value)>) -> Value {
    Value::Map(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn word(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn settings(found: &Found<'_>, args: &ClusterArgs) -> Vec<(String, Value)> {
    let whole = |n: usize| Value::Whole(n as i64);
    let mut all = Vec::new();
    if let Some(pca) = &found.embedded.pca {
        let params = vec![("zero_center", Value::Flag(true)), ("use_highly_variable", Value::Flag(true))];
        all.push((
            "pca",
            map(vec![
                ("params", map(params)),
                ("variance", Value::Numbers(pca.variance.clone())),
                ("variance_ratio", Value::Numbers(pca.variance_ratio())),
            ]),
        ));
    }
    let params = vec![
        ("n_neighbors", whole(found.embedded.neighbors.count + 1)),
        ("method", word("umap")),
        ("metric", word("euclidean")),
        ("use_rep", word(&found.embedded.name)),
    ];
    all.push((
        "neighbors",
        map(vec![
            ("connectivities_key", word("connectivities")),
            ("distances_key", word("distances")),
            ("params", map(params)),
        ]),
    ));
    all.push(("basewise_markers", Value::Table(marker_table(found))));
    if let Some(ranked) = ranked(found, args) {
        all.push(("rank_genes_groups", ranked));
    }
    let seed = Value::Whole(args.seed as i64);
    if args.method == Method::Leiden {
        let params = map(vec![("resolution", Value::Number(args.resolution)), ("random_state", seed)]);
        all.push(("leiden", map(vec![("params", params)])));
    } else {
        let params = map(vec![("n_clusters", whole(found.clusters.number)), ("random_state", seed)]);
        all.push((args.method.column(), map(vec![("params", params)])));
    }
    if found.prepared.variable.is_some() {
        all.push(("hvg", map(vec![("flavor", word("seurat"))])));
    }
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Markers as scanpy's `rank_genes_groups` leaves them: a field a cluster, a record a rank. `None` if no cluster has any.
fn ranked(found: &Found<'_>, args: &ClusterArgs) -> Option<Value> {
    let groups: Vec<(String, &Vec<Marker>)> =
        found.markers.iter().enumerate().map(|(cluster, own)| (cluster.to_string(), own)).collect();
    let ranks = groups.iter().map(|(_, own)| own.len()).min().filter(|&ranks| ranks > 0)?;
    let numbers = |of: fn(&Marker) -> f64| {
        let field = |(name, own): &(String, &Vec<Marker>)| {
            (name.clone(), Column::Number(own.iter().take(ranks).map(of).collect()))
        };
        Value::Records(groups.iter().map(field).collect())
    };
    let names = |(name, own): &(String, &Vec<Marker>)| {
        let genes = own.iter().take(ranks).map(|marker| Some(found.used.genes.ids[marker.feature].clone()));
        (name.clone(), Column::Text(genes.collect()))
    };
    let params = vec![
        ("groupby", word(args.method.column())),
        ("reference", word("rest")),
        ("method", word("wilcoxon")),
        ("corr_method", word("benjamini-hochberg")),
        ("use_raw", Value::Flag(false)),
    ];
    Some(map(vec![
        ("params", map(params)),
        ("names", Value::Records(groups.iter().map(names).collect())),
        ("scores", numbers(|marker| marker.score)),
        ("pvals", numbers(|marker| marker.p)),
        ("pvals_adj", numbers(|marker| marker.q)),
        ("logfoldchanges", numbers(|marker| marker.log2_fold_change)),
    ]))
}

fn marker_table(found: &Found<'_>) -> Frame {
    let all: Vec<(usize, &Marker)> = found
        .markers
        .iter()
        .enumerate()
        .flat_map(|(cluster, own)| own.iter().map(move |marker| (cluster, marker)))
        .collect();
    let number = |of: fn(&Marker) -> f64| Column::Number(all.iter().map(|(_, marker)| of(marker)).collect());
    let text = |of: &dyn Fn(&(usize, &Marker)) -> String| Column::Text(all.iter().map(|own| Some(of(own))).collect());
    let columns = vec![
        ("cluster", text(&|(cluster, _)| cluster.to_string())),
        ("gene", text(&|(_, marker)| found.used.genes.ids[marker.feature].clone())),
        ("score", number(|marker| marker.score)),
        ("log2_fold_change", number(|marker| marker.log2_fold_change)),
        ("p", number(|marker| marker.p)),
        ("q", number(|marker| marker.q)),
        ("fraction_in", number(|marker| marker.fraction_in)),
        ("fraction_out", number(|marker| marker.fraction_out)),
    ];
    let columns = columns.into_iter().map(|(name, column)| (name.to_owned(), column)).collect();
    Frame { ids: (0..all.len()).map(|row| row.to_string()).collect(), columns }
}

/// Writes an h5ad file: a copy of the input with `additions` where that is h5ad, else a new one with the kept counts.
///
/// `additions` have a row a kept cell and a kept gene; cells and genes that were left out of a copied file get nothing
/// (NaN, no category, no).
pub(crate) fn write_h5ad(
    input: &Path,
    output: &Path,
    used: &CellMatrix,
    kept: &Kept,
    additions: &Additions,
) -> basewise_io::Result<()> {
    if !h5ad::is_h5ad(input)? {
        return h5ad::create(output, used, additions);
    }
    let (cells, genes) = h5ad::axes(input)?;
    let place: BTreeMap<&str, usize> = genes.iter().map(String::as_str).zip(0..).collect();
    // Genes of raw may be others than those of X.
    let (from, to): (Vec<usize>, Vec<usize>) = used
        .genes
        .ids
        .iter()
        .enumerate()
        .filter_map(|(own, gene)| place.get(gene.as_str()).map(|&at| (own, at)))
        .unzip();
    let of_genes = |column: &Column| column.select(&from).scatter(&to, genes.len());
    let kept = &kept.cells;
    let all = Additions {
        obs: additions.obs.iter().map(|(name, column)| (name.clone(), column.scatter(kept, cells))).collect(),
        var: additions.var.iter().map(|(name, column)| (name.clone(), of_genes(column))).collect(),
        obsm: additions
            .obsm
            .iter()
            .map(|(name, own)| (name.clone(), spread(own, kept, kept, cells, f32::NAN)))
            .collect(),
        varm: additions
            .varm
            .iter()
            .map(|(name, own)| (name.clone(), spread(&take(own, &from), &from, &to, genes.len(), 0.0)))
            .collect(),
        obsp: additions.obsp.iter().map(|(name, own)| (name.clone(), spread_pairs(own, kept, cells))).collect(),
        uns: additions.uns.clone(),
    };
    h5ad::add(input, output, &all)
}

fn take(matrix: &Matrix, rows: &[usize]) -> Matrix {
    Matrix::new(rows.len(), matrix.columns(), rows.iter().flat_map(|&row| matrix.row(row)).copied().collect())
}

/// Rows of `matrix`, as many as `from`, at `to` of a matrix of `rows` rows.
fn spread(matrix: &Matrix, from: &[usize], to: &[usize], rows: usize, missing: f32) -> Matrix {
    let mut all = Matrix::new(rows, matrix.columns(), vec![missing; rows * matrix.columns()]);
    for (own, &row) in (0..from.len()).zip(to) {
        all.row_mut(row).copy_from_slice(matrix.row(own));
    }
    all
}

/// A matrix of kept cells by kept cells as one of all cells by all cells.
fn spread_pairs(pairs: &basewise_core::sparse::Csr, kept: &[usize], cells: usize) -> basewise_core::sparse::Csr {
    let mut starts = vec![0; cells + 1];
    for (own, &cell) in kept.iter().enumerate() {
        starts[cell + 1] = pairs.row(own).0.len();
    }
    for i in 0..cells {
        starts[i + 1] += starts[i];
    }
    let indices = pairs.indices.iter().map(|&own| kept[own as usize] as u32).collect();
    basewise_core::sparse::Csr { rows: cells, columns: cells, starts, indices, values: pairs.values.clone() }
}

/// Writes a folder with all results.
pub(crate) fn write_folder(
    output: &Path,
    overwrite: bool,
    found: &Found<'_>,
    args: &ClusterArgs,
    summary: &Summary,
) -> Result<()> {
    let json = serde_json::to_string_pretty(summary)? + "\n";
    let page = crate::report::render_cells(&page::of(found, summary));
    let additions = additions(found, args);
    write_dir(output, overwrite, |folder| {
        let text = |name: &str, text: &str| write_file(&folder.join(name), |sink| sink.write_all(text.as_bytes()));
        text("cells.json", &json)?;
        text("clusters.tsv", &cells_table(found, args))?;
        text("markers.tsv", &tsv(&marker_table(found)))?;
        if let Some(pca) = &found.embedded.pca {
            text("components.tsv", &components(pca))?;
        }
        text("report.html", &page)?;
        write_h5ad(&args.input.input, &folder.join("cells.h5ad"), found.used, found.kept, &additions)
    })?;
    Ok(())
}

/// A field of a table: without what would end it.
fn field(text: &str) -> String {
    text.replace(['\t', '\n', '\r'], " ")
}

/// A table of a frame's columns.
pub(crate) fn tsv(frame: &Frame) -> String {
    let names: Vec<String> = frame.columns.iter().map(|(name, _)| field(name)).collect();
    let mut text = names.join("\t") + "\n";
    for row in 0..frame.ids.len() {
        let fields = frame.columns.iter().map(|(_, column)| field(&column.text(row).unwrap_or_default()));
        text.push_str(&fields.collect::<Vec<_>>().join("\t"));
        text.push('\n');
    }
    text
}

fn cells_table(found: &Found<'_>, args: &ClusterArgs) -> String {
    let mut columns = vec![("cell".to_owned(), Column::Text(found.used.cells.ids.iter().cloned().map(Some).collect()))];
    let clusters = found.clusters.labels.iter().map(|&label| Some(i64::from(label))).collect();
    columns.push((args.method.column().to_owned(), Column::Whole(clusters)));
    if let Some(labels) = found.labels {
        columns.push(("label".to_owned(), Column::category(labels.names.clone(), labels.codes.iter().copied())));
    }
    let silhouette = &found.judged.silhouette;
    let mut values = vec![f64::NAN; found.used.counts.rows];
    silhouette.rows.iter().zip(&silhouette.values).for_each(|(&row, &value)| values[row] = value);
    columns.push(("silhouette".to_owned(), Column::Number(values)));
    if let Some(map) = &found.embedded.map {
        for k in 0..2 {
            columns.push((format!("tsne_{}", k + 1), Column::Number(map.column(k).map(f64::from).collect())));
        }
    }
    for (name, column) in measured(found) {
        columns.push((name, column.select(&found.kept.cells)));
    }
    tsv(&Frame { ids: found.used.cells.ids.clone(), columns })
}

fn components(pca: &Pca) -> String {
    let mut text = "component\tvariance\tshare\n".to_owned();
    for (i, (variance, share)) in pca.variance.iter().zip(pca.variance_ratio()).enumerate() {
        text.push_str(&format!("{}\t{variance}\t{share}\n", i + 1));
    }
    text
}
