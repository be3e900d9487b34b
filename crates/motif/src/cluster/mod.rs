//! Motifs that look alike, together, and one motif for each group.
//!
//! Two motifs are as alike as their best alignment: the sum of Pearson's correlations of the aligned columns over the number
//! of columns that the two cover together, so that a short motif inside a long one is not the same as the long one. Groups
//! are those of average linkage, or of matches by Tomtom that hang together.

mod linkage;
mod merge;
mod similarity;

pub use merge::{Member, merged};
pub use similarity::{Alignment, Similarities};

use crate::Motif;
use crate::matching::{MatchOptions, tomtom};
use basewise_core::similarity::DisjointSets;

/// Motifs that look alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Index of the motif that is most like the others.
    pub representative: usize,
    /// All members in the order of their indices, aligned to the representative.
    pub members: Vec<Member>,
}

/// Groups of average linkage: two groups are joined while the mean similarity of their motifs is at least `least`, -1 to 1.
/// By the number of members, then by the first of them.
pub fn by_average_linkage(similarities: &Similarities, least: f32) -> Vec<Cluster> {
    clusters(similarities, linkage::average(similarities, least))
}

/// Groups of motifs that are connected by matches with a q-value of `max_q` or less, in either direction.
/// By the number of members, then by the first of them.
pub fn by_matches(motifs: &[Motif], similarities: &Similarities, options: &MatchOptions, max_q: f64) -> Vec<Cluster> {
    let mut groups = DisjointSets::new(motifs.len());
    let options = MatchOptions { max_q, ..options.clone() };
    for (query, matches) in tomtom(motifs, motifs, &options).into_iter().enumerate() {
        matches.iter().for_each(|found| groups.join(query, found.target));
    }
    clusters(similarities, groups.roots())
}

/// Clusters of motifs that have the same label.
fn clusters(similarities: &Similarities, labels: Vec<usize>) -> Vec<Cluster> {
    let mut groups: Vec<Vec<usize>> = vec![Vec::new(); labels.len()];
    labels.into_iter().enumerate().for_each(|(i, label)| groups[label].push(i));
    groups.retain(|group| !group.is_empty());
    groups.sort_by_key(|group| (std::cmp::Reverse(group.len()), group[0]));
    groups.into_iter().map(|group| cluster(similarities, &group)).collect()
}

fn cluster(similarities: &Similarities, group: &[usize]) -> Cluster {
    let total = |&i: &usize| group.iter().map(|&j| f64::from(similarities.get(i, j).similarity)).sum::<f64>();
    // Of equal ones the first.
    let best = group.iter().rev().max_by(|a, b| total(a).total_cmp(&total(b)));
    let representative = best.copied().unwrap_or(0);
    let members = group.iter().map(|&motif| Member { motif, alignment: similarities.get(representative, motif) });
    Cluster { representative, members: members.collect() }
}

#[cfg(test)]
mod tests;
