//! Average linkage by chains of nearest neighbours.

use super::Similarities;
use basewise_core::similarity::DisjointSets;

/// For each motif the index of the first member of its group: groups are joined while their mean similarity is at least
/// `least`.
///
/// The chain goes from a group to the one most like it until two are most like each other, which are joined (Murtagh 1983).
/// Average linkage is reducible, so that these are the groups of joining the most similar pair of all each time.
pub(super) fn average(similarities: &Similarities, least: f32) -> Vec<usize> {
    let n = similarities.len();
    let mut table: Vec<f32> = Vec::with_capacity(n * n);
    (0..n).for_each(|i| table.extend((0..n).map(|j| similarities.get(i, j).similarity)));
    let mut sizes = vec![1_usize; n];
    let mut joins: Vec<(f32, usize, usize)> = Vec::new();
    let mut chain: Vec<usize> = Vec::new();
    let mut first = 0;
    loop {
        if chain.is_empty() {
            while first < n && sizes[first] == 0 {
                first += 1;
            }
            if first == n {
                break;
            }
            chain.push(first);
        }
        let Some(&end) = chain.last() else { break };
        let before = chain.len().checked_sub(2).map(|i| chain[i]);
        let Some((next, similarity)) = nearest(&table[end * n..(end + 1) * n], &sizes, end, before) else { break };
        if Some(next) != before {
            chain.push(next);
            continue;
        }
        chain.truncate(chain.len() - 2);
        let (low, high) = (end.min(next), end.max(next));
        joins.push((similarity, low, high));
        let (a, b) = (sizes[low] as f32, sizes[high] as f32);
        for k in (0..n).filter(|&k| sizes[k] > 0 && k != low && k != high) {
            let mean = (a * table[low * n + k] + b * table[high * n + k]) / (a + b);
            table[low * n + k] = mean;
            table[k * n + low] = mean;
        }
        sizes[low] += sizes[high];
        sizes[high] = 0;
    }
    let mut groups = DisjointSets::new(n);
    joins.iter().filter(|join| join.0 >= least).for_each(|&(_, low, high)| groups.join(low, high));
    groups.roots()
}

/// The group most like this one: of equal ones the one that the chain came from, then the first. None if it is alone.
fn nearest(row: &[f32], sizes: &[usize], of: usize, before: Option<usize>) -> Option<(usize, f32)> {
    let mut best = before.map(|i| (i, row[i]));
    for (i, &similarity) in row.iter().enumerate().filter(|&(i, _)| i != of && sizes[i] > 0) {
        if best.is_none_or(|(_, highest)| similarity > highest) {
            best = Some((i, similarity));
        }
    }
    best
}
