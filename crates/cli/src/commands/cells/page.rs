//! What the page of a clustering shows.

use super::clusters::Method;
use super::input::Words;
use super::outputs::{Found, Summary};
use crate::report::cells::{CellsReport, Dots, Group};
use crate::report::head::Head;
use crate::table::count;
use basewise_learn::unsupervised::Pca;
use std::path::Path;

/// The page of what was found.
pub(crate) fn of(found: &Found<'_>, summary: &Summary) -> CellsReport {
    let map = found.embedded.map.as_ref();
    let words = Words::of(found.matrix.values);
    let points: Vec<[f64; 2]> = match map {
        Some(map) => (0..map.rows()).map(|row| [f64::from(map.row(row)[0]), f64::from(map.row(row)[1])]).collect(),
        None => {
            let all = &found.embedded.coordinates;
            let at = |row: usize, k: usize| all.row(row).get(k).copied().map_or(0.0, f64::from);
            (0..all.rows()).map(|row| [at(row, 0), at(row, 1)]).collect()
        }
    };
    let names = (0..found.clusters.number).map(|cluster| cluster.to_string()).collect();
    let mut dots = vec![Dots {
        name: "cluster".to_owned(),
        groups: names,
        codes: found.clusters.labels.iter().map(|&label| Some(label)).collect(),
    }];
    if let Some(labels) = found.labels {
        dots.push(Dots { name: "label".to_owned(), groups: labels.names.clone(), codes: labels.codes.clone() });
    }
    let silhouette = &found.judged.silhouette;
    let mut silhouettes = vec![Vec::new(); found.clusters.number];
    for (&row, &value) in silhouette.rows.iter().zip(&silhouette.values) {
        silhouettes[found.clusters.labels[row] as usize].push(value);
    }
    silhouettes.iter_mut().for_each(|own| own.sort_by(|a, b| b.total_cmp(a)));
    let groups = summary.clusters.iter().map(|cluster| Group {
        name: cluster.cluster.to_string(),
        cells: cluster.cells,
        silhouette: cluster.silhouette,
        label: cluster.label.as_ref().map(|(name, share)| format!("{name} ({:.0} %)", 100.0 * share)),
        markers: cluster.markers.clone(),
    });
    CellsReport {
        head: Head {
            title: format!("{} of {}", if words.rows == "cells" { "Cells" } else { "Clusters" }, title(&summary.input)),
            generated_by: summary.command.clone(),
            account: account(found, summary),
        },
        words: (words.row, words.columns),
        axes: if map.is_some() { ("t-SNE 1", "t-SNE 2") } else { ("Component 1", "Component 2") },
        shades: found.shades.to_vec(),
        points,
        dots,
        scree: found.embedded.pca.as_ref().map_or_else(Vec::new, Pca::variance_ratio),
        silhouettes,
        groups: groups.collect(),
        labelled: found.labels.is_some(),
        tried: summary.tried.iter().map(|tried| (tried.clusters, tried.figure)).collect(),
        tried_by: if summary.method == Method::Mixture { "minus BIC" } else { "silhouette" },
    }
}

/// The name of a file or folder, without the way to it.
fn title(input: &str) -> String {
    Path::new(input).file_name().map_or_else(|| input.to_owned(), |name| name.to_string_lossy().into_owned())
}

fn account(found: &Found<'_>, summary: &Summary) -> String {
    let how = match summary.method {
        Method::Leiden => "Leiden's communities of the graph of neighbours",
        Method::Kmeans => "k-means on these",
        Method::Mixture => "a mixture of normal distributions on these",
    };
    let Words { rows, columns, .. } = Words::of(found.matrix.values);
    let on = if found.embedded.pca.is_some() {
        format!("{} {columns} went on to {}", count(summary.variable_genes), found.embedded.what)
    } else {
        format!("places of {rows} are {}", found.embedded.what)
    };
    let mut text = format!(
        "{} of {} {rows} and {} of {} {columns} were used. Values were {}; {on}. {} clusters are {how}.",
        count(summary.cells.used),
        count(summary.cells.read),
        count(summary.genes.used),
        count(summary.genes.read),
        found.prepared.transform.words(),
        count(summary.clusters.len())
    );
    if let Some([ari, nmi, ..]) = found.judged.agreement {
        text.push_str(&format!(
            " Beside the labels: adjusted Rand index {ari:.3}, normalized mutual information {nmi:.3} (1 is full agreement; \
             chance is 0 for the first)."
        ));
    }
    text
}
