//! Clusters of cells by communities, means or mixtures; how well they agree with labels; the genes that mark them.

use super::cluster::ClusterArgs;
use super::labels::Labels;
use super::pipeline::{Embedded, Prepared};
use super::transformed::Transformed;
use crate::failure::user;
use anyhow::Result;
use basewise_learn::unsupervised::kmeans::KMeansOptions;
use basewise_learn::unsupervised::markers::{Marker, MarkerSearch, MarkerTest};
use basewise_learn::unsupervised::mixture::{Covariance, MixtureOptions};
use basewise_learn::unsupervised::scores::{self, Silhouette};
use basewise_learn::unsupervised::{LeidenOptions, leiden};
use clap::ValueEnum;
use serde::Serialize;
use std::str::FromStr;

/// How clusters are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Method {
    /// Communities of the graph of neighbours, by Leiden
    Leiden,
    /// k-means on the components
    Kmeans,
    /// A mixture of normal distributions, each with its own variances, on the components
    Mixture,
}

impl Method {
    /// Name of the column of cells.
    pub(crate) fn column(self) -> &'static str {
        match self {
            Self::Leiden => "leiden",
            Self::Kmeans => "kmeans",
            Self::Mixture => "mixture",
        }
    }
}

/// A number of clusters, or numbers among which one is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ClusterRange {
    pub(crate) least: usize,
    pub(crate) most: usize,
}

impl FromStr for ClusterRange {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (least, most) = text.split_once('-').unwrap_or((text, text));
        match (least.parse(), most.parse()) {
            (Ok(least), Ok(most)) if 1 <= least && least <= most && most <= 1000 => Ok(Self { least, most }),
            _ => Err(format!("expected a number from 1 to 1000, or two such as 2-20, found {text:?}")),
        }
    }
}

/// One number of clusters that was tried: its figure is the silhouette (k-means) or BIC (mixtures).
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Tried {
    pub(crate) clusters: usize,
    pub(crate) figure: f64,
}

/// Clusters, numbered by falling size.
pub(crate) struct Clusters {
    pub(crate) labels: Vec<u32>,
    pub(crate) number: usize,
    /// Of Leiden's communities.
    pub(crate) modularity: Option<f64>,
    /// If a number was chosen: all that were tried.
    pub(crate) tried: Vec<Tried>,
}

pub(crate) fn find(embedded: &Embedded, args: &ClusterArgs) -> Result<Clusters> {
    let (labels, modularity, tried) = match args.method {
        Method::Leiden => {
            if args.clusters.is_some() {
                return Err(user(
                    "expected --resolution, which says how fine communities are, found --clusters",
                    Some("--method kmeans and --method mixture take --clusters"),
                ));
            }
            let options = LeidenOptions { resolution: args.resolution, restarts: 1, seed: args.seed };
            let found = leiden(&embedded.connectivities, &options)?;
            (found.labels, Some(found.modularity), Vec::new())
        }
        Method::Kmeans => {
            let (labels, tried) = best(embedded, args, &kmeans)?;
            (labels, None, tried)
        }
        Method::Mixture => {
            let (labels, tried) = best(embedded, args, &mixture)?;
            (labels, None, tried)
        }
    };
    let (labels, number) = by_size(&labels);
    Ok(Clusters { labels, number, modularity, tried })
}

/// Labels and a figure, the higher the better.
type Fit<'a> = dyn Fn(&Embedded, &ClusterArgs, usize, bool) -> Result<(Vec<u32>, f64)> + 'a;

/// The best of the numbers of clusters that are asked for.
fn best(embedded: &Embedded, args: &ClusterArgs, fit: &Fit<'_>) -> Result<(Vec<u32>, Vec<Tried>)> {
    let range = args.clusters.unwrap_or(ClusterRange { least: 2, most: 20 });
    let cells = embedded.coordinates.rows();
    if range.least > cells {
        return Err(user(format!("expected at most {cells} clusters, one a cell, found {}", range.least), None));
    }
    let several = range.most > range.least;
    let mut kept: Option<(f64, Vec<u32>)> = None;
    let mut tried = Vec::new();
    for clusters in range.least..=range.most.min(cells) {
        let (labels, figure) = fit(embedded, args, clusters, several)?;
        if several {
            tried.push(Tried { clusters, figure });
        }
        if kept.as_ref().is_none_or(|(best, _)| figure > *best) {
            kept = Some((figure, labels));
        }
    }
    Ok((kept.map_or_else(Vec::new, |(_, labels)| labels), tried))
}

/// Cells whose silhouettes are looked at where many clusterings are compared, and in all.
const COMPARED: usize = 2000;
const SILHOUETTES: usize = 10_000;

fn kmeans(embedded: &Embedded, args: &ClusterArgs, clusters: usize, compared: bool) -> Result<(Vec<u32>, f64)> {
    let options = KMeansOptions { clusters, seed: args.seed, ..KMeansOptions::default() };
    let labels = options.fit(&embedded.coordinates)?.labels;
    if !compared {
        return Ok((labels, 0.0));
    }
    let silhouette = scores::silhouette(&embedded.coordinates, &labels, Some(COMPARED), args.seed)?;
    Ok((labels, silhouette.mean.unwrap_or(-1.0)))
}

fn mixture(embedded: &Embedded, args: &ClusterArgs, clusters: usize, compared: bool) -> Result<(Vec<u32>, f64)> {
    let covariance = Covariance::Diagonal;
    let options = MixtureOptions { components: clusters, covariance, seed: args.seed, ..MixtureOptions::default() };
    let fit = options.fit(&embedded.coordinates)?;
    let labels = fit.labels(&embedded.coordinates)?;
    let figure = if compared { -fit.bic(&embedded.coordinates)? } else { 0.0 };
    Ok((labels, figure))
}

/// Clusters renumbered by falling size, and their number; of equal ones the one met first has the lower number.
fn by_size(labels: &[u32]) -> (Vec<u32>, usize) {
    let most = labels.iter().max().map_or(0, |&label| label as usize + 1);
    let mut sizes = vec![0usize; most];
    labels.iter().for_each(|&label| sizes[label as usize] += 1);
    let mut order: Vec<usize> = (0..most).filter(|&label| sizes[label] > 0).collect();
    order.sort_by_key(|&label| std::cmp::Reverse(sizes[label]));
    let mut new = vec![0; most];
    for (number, &label) in order.iter().enumerate() {
        new[label] = number as u32;
    }
    (labels.iter().map(|&label| new[label as usize]).collect(), order.len())
}

/// How good clusters are: apart from each other, and beside labels.
pub(crate) struct Judged {
    pub(crate) silhouette: Silhouette,
    /// Adjusted Rand index, normalized mutual information, homogeneity and completeness, of the cells with a label.
    pub(crate) agreement: Option<[f64; 4]>,
}

pub(crate) fn judge(embedded: &Embedded, clusters: &Clusters, labels: Option<&Labels>, seed: u64) -> Result<Judged> {
    let silhouette = scores::silhouette(&embedded.coordinates, &clusters.labels, Some(SILHOUETTES), seed)?;
    let agreement = match labels {
        Some(labels) => {
            let (known, found) = labels.beside(&clusters.labels);
            Some([
                scores::adjusted_rand(&known, &found)?,
                scores::normalized_mutual_information(&known, &found)?,
                scores::homogeneity(&known, &found)?,
                scores::completeness(&known, &found)?,
            ])
        }
        None => None,
    };
    Ok(Judged { silhouette, agreement })
}

/// The `top` genes that mark each cluster, by Wilcoxon's rank sum.
pub(crate) fn mark(prepared: &Prepared, clusters: &Clusters, top: usize) -> Result<Vec<Vec<Marker>>> {
    let mut all = markers(&prepared.values, &clusters.labels)?;
    all.iter_mut().for_each(|own| own.truncate(top));
    Ok(all)
}

/// All genes for each cluster, a group of genes at a time.
fn markers(values: &Transformed, clusters: &[u32]) -> Result<Vec<Vec<Marker>>> {
    let mut search = MarkerSearch::new(clusters, MarkerTest::RankSum);
    for genes in values.groups() {
        search.add(&values.by_column(genes)?)?;
    }
    Ok(search.finish())
}

/// Features that are higher in a cluster with `q <= max_q`, the highest score first; each only in the cluster where its score is
/// highest.
pub(crate) fn marking(prepared: &Prepared, clusters: &[u32], max_q: f64) -> Result<Vec<Vec<Marker>>> {
    let mut all = markers(&prepared.values, clusters)?;
    let mut best = vec![(f64::NEG_INFINITY, 0); prepared.values.columns()];
    for (cluster, own) in all.iter().enumerate() {
        for marker in own {
            if marker.score > best[marker.feature].0 {
                best[marker.feature] = (marker.score, cluster);
            }
        }
    }
    for (cluster, own) in all.iter_mut().enumerate() {
        own.retain(|marker| marker.score > 0.0 && marker.q <= max_q && best[marker.feature].1 == cluster);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_clusters_are_read() {
        assert_eq!("7".parse(), Ok(ClusterRange { least: 7, most: 7 }));
        assert_eq!("2-20".parse(), Ok(ClusterRange { least: 2, most: 20 }));
        for wrong in ["", "0", "5-2", "a", "2-", "-3", "2-2000"] {
            assert!(wrong.parse::<ClusterRange>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_largest_cluster_is_the_first() {
        assert_eq!(by_size(&[2, 2, 0, 5, 5, 5]), (vec![1, 1, 2, 0, 0, 0], 3));
        assert_eq!(by_size(&[1, 0]), (vec![1, 0], 2));
        assert_eq!(by_size(&[]), (vec![], 0));
    }
}
