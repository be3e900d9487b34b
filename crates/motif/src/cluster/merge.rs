//! One motif out of several.

use super::{Alignment, Cluster};
use crate::Motif;

/// A motif of a cluster, and how it lies on the representative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Member {
    /// Index of the motif.
    pub motif: usize,
    /// Its alignment with the representative.
    pub alignment: Alignment,
}

/// The members of a cluster, laid over each other as they are aligned with the representative, averaged.
///
/// Each member counts the same. Of the positions that any member covers those stay, from the first to the last, that at least
/// half of the members cover; a position is the mean over the members that cover it. The number of sites is the sum of the
/// members' own. The name is the representative's, and the alphabet too.
///
/// # Panics
/// If there is no motif of a member's index.
pub fn merged(cluster: &Cluster, motifs: &[Motif], id: &str) -> Motif {
    let representative = &motifs[cluster.representative];
    let start = |member: &Member| member.alignment.offset;
    let end = |member: &Member| member.alignment.offset + motifs[member.motif].len() as i32;
    let first = cluster.members.iter().map(start).min().unwrap_or(0);
    let last = cluster.members.iter().map(end).max().unwrap_or(0);
    let mut sums = vec![[0.0; 4]; (last - first).max(0) as usize];
    let mut covered = vec![0_usize; sums.len()];
    for member in &cluster.members {
        let motif = &motifs[member.motif];
        let motif = if member.alignment.reverse_complement { motif.reverse_complement() } else { motif.clone() };
        let at = (start(member) - first) as usize;
        for (i, row) in motif.probabilities.iter().enumerate() {
            covered[at + i] += 1;
            (0..4).for_each(|base| sums[at + i][base] += row[base]);
        }
    }
    let is_kept = |&count: &usize| 2 * count >= cluster.members.len();
    let from = covered.iter().position(is_kept).unwrap_or(0);
    let to = covered.iter().rposition(is_kept).map_or(from, |last| last + 1);
    let sites = cluster.members.iter().map(|member| motifs[member.motif].sites).sum();
    let name = representative.label();
    Motif {
        background: representative.background,
        ..Motif::from_probabilities(id, name, representative.alphabet, sums[from..to].to_vec(), sites)
    }
}
