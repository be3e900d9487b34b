//! From similarities to a graph: nearness is counted in neighbours, as in t-SNE, so that dense and loose clusters weigh
//! alike (van der Maaten and Hinton 2008; Shrikumar et al. 2018).

use super::Seqlet;
use super::coarse::Neighbours;
use basewise_core::communities::Graph;
use rayon::prelude::*;

/// Keeps the seqlets whose coarse and fine similarities correlate by ranks above `least`, and the neighbours that are kept.
pub(super) fn agreeing(
    seqlets: Vec<Seqlet>,
    coarse: &Neighbours,
    fine: Neighbours,
    least: f64,
) -> (Vec<Seqlet>, Neighbours) {
    let keep: Vec<bool> = coarse
        .rows
        .par_iter()
        .zip(&fine.rows)
        .map(|(coarse, fine)| {
            let pairs = coarse.iter().zip(fine).filter(|(_, f)| f.1 != 0.0);
            let (coarse, fine): (Vec<f64>, Vec<f64>) = pairs.map(|(c, f)| (f64::from(c.1), f64::from(f.1))).unzip();
            basewise_core::metrics::spearman(&coarse, &fine).is_some_and(|r| r > least)
        })
        .collect();
    let mut number = 0;
    let numbers: Vec<Option<u32>> = keep
        .iter()
        .map(|&kept| {
            number += u32::from(kept);
            kept.then(|| number - 1)
        })
        .collect();
    let renumbered =
        |row: Vec<(u32, f32)>| row.into_iter().filter_map(|(j, s)| Some((numbers[j as usize]?, s))).collect();
    let rows = fine.rows.into_iter().zip(&keep).filter(|(_, k)| **k).map(|(row, _)| renumbered(row)).collect();
    let seqlets = seqlets.into_iter().zip(&keep).filter(|(_, k)| **k).map(|(seqlet, _)| seqlet).collect();
    (seqlets, Neighbours { rows })
}

/// The graph of rows: the geometric mean of how likely each of two takes the other for its neighbour.
pub(super) fn graph(near: &Neighbours, perplexity: f64) -> Graph {
    let distances = symmetric(near);
    let scales: Vec<Scale> = distances.par_iter().map(|row| Scale::new(row, perplexity)).collect();
    let likely = |i: usize, distance: f32| scales[i].probability(distance);
    let rows: Vec<Vec<(u32, f32)>> = distances
        .par_iter()
        .enumerate()
        .map(|(i, row)| {
            let weight = |j: u32, d: f32| (likely(i, d) * likely(j as usize, d)).sqrt() as f32;
            row.iter().map(|&(j, d)| (j, weight(j, d))).filter(|&(_, w)| w > 0.0).collect()
        })
        .collect();
    Graph::new(&rows)
}

/// Distances `ln(2 / similarity - 1)`, not below 0, of all pairs of which at least one takes the other for a neighbour: the
/// mean where both do. Rows by rising number.
fn symmetric(near: &Neighbours) -> Vec<Vec<(u32, f32)>> {
    let distance = |s: f32| ((2.0 / f64::from(s).max(1e-7) - 1.0).ln()).max(0.0) as f32;
    let mut rows: Vec<Vec<(u32, f32)>> = vec![Vec::new(); near.rows.len()];
    for (i, row) in near.rows.iter().enumerate() {
        for &(j, s) in row {
            let d = distance(s);
            rows[i].push((j, d));
            rows[j as usize].push((i as u32, d));
        }
    }
    rows.par_iter_mut().for_each(|row| {
        row.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        // Both directions give two entries of equal number.
        row.dedup_by(|b, a| {
            let same = a.0 == b.0;
            if same {
                a.1 = (a.1 + b.1) / 2.0;
            }
            same
        });
    });
    rows
}

/// How fast the likeness of a row's neighbours falls with distance: as `exp(-slope (distance - nearest)) / norm`.
///
/// The reference counts a row as its own neighbour at distance 0, which takes nearly all of a row whose neighbours are about
/// equally far, and then gives many clusters of one.
struct Scale {
    slope: f64,
    nearest: f64,
    norm: f64,
}

impl Scale {
    /// The slope at which a row has the wanted perplexity.
    fn new(row: &[(u32, f32)], perplexity: f64) -> Self {
        let nearest = f64::from(row.iter().map(|r| r.1).fold(f32::INFINITY, f32::min));
        let wanted = perplexity.min(row.len() as f64).max(1.0).ln();
        let (mut low, mut high) = (0.0, f64::INFINITY);
        let mut new = Self { slope: 1.0, nearest, norm: 1.0 };
        for _ in 0..100 {
            let (mut sum, mut moment) = (0.0, 0.0);
            for &(_, d) in row {
                let d = f64::from(d) - nearest;
                let p = (-new.slope * d).exp();
                sum += p;
                moment += p * d;
            }
            new.norm = sum;
            let excess = sum.ln() + new.slope * moment / sum - wanted;
            if excess.is_nan() || excess.abs() < 1e-5 {
                break;
            }
            if excess > 0.0 {
                low = new.slope;
                new.slope = if high.is_finite() { f64::midpoint(new.slope, high) } else { 2.0 * new.slope };
            } else {
                high = new.slope;
                new.slope = f64::midpoint(new.slope, low);
            }
        }
        new
    }

    fn probability(&self, distance: f32) -> f64 {
        (-self.slope * (f64::from(distance) - self.nearest)).exp() / self.norm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_perplexity_is_reached() {
        let row: Vec<(u32, f32)> = (0..300).map(|j| (j, 0.01 * j as f32)).collect();
        for shift in [0.0, 5.0] {
            let row: Vec<(u32, f32)> = row.iter().map(|&(j, d)| (j, d + shift)).collect();
            let scale = Scale::new(&row, 10.0);
            let p: Vec<f64> = row.iter().map(|r| scale.probability(r.1)).collect();
            assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            let entropy: f64 = p.iter().map(|p| -p * p.ln()).sum();
            assert!((entropy.exp() - 10.0).abs() < 1e-3, "{}", entropy.exp());
        }
    }

    #[test]
    fn distances_are_means_of_both_directions_and_zero_for_the_same() {
        let near = Neighbours { rows: vec![vec![(1, 1.0), (2, 0.5)], vec![(0, 0.5)], vec![]] };
        let rows = symmetric(&near);
        let third = 3.0_f32.ln();
        assert_eq!(rows, [vec![(1, third / 2.0), (2, third)], vec![(0, third / 2.0)], vec![(0, third)]]);
    }

    #[test]
    fn a_seqlet_with_few_or_no_neighbours_is_no_trouble() {
        let near = Neighbours { rows: vec![vec![], vec![(2, 0.3)], vec![(1, 0.3)]] };
        let graph = graph(&near, 10.0);
        assert_eq!(graph.len(), 3);
        assert!(graph.total() > 0.0 && graph.total().is_finite());
    }
}
