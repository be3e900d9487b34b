//! The columns of all targets, laid out for the alignments and for the null distributions.

use super::counts::Pool;
use super::similarity::ColumnSimilarity;
use crate::Motif;
use basewise_kernels::columns::{LANES, Lanes};

/// What queries are compared with.
pub(super) struct Database {
    pub(super) targets: usize,
    pub(super) similarity: ColumnSimilarity,
    /// Whether targets are there from their other strand too.
    pub(super) both_strands: bool,
    /// Targets without positions.
    pub(super) empty: Vec<usize>,
    /// Targets of one width, ascending.
    pub(super) groups: Vec<Group>,
    /// All columns of all targets, those of other strands too.
    pub(super) pool: Pool,
}

/// The targets of one width.
pub(super) struct Group {
    pub(super) width: usize,
    /// Indices of the targets.
    pub(super) members: Vec<usize>,
    /// All members as they are, then all from the other strand where that is asked for, in tiles of [`LANES`]; the last is filled up
    /// with zeros.
    pub(super) tiles: Vec<Tile>,
}

/// The points of some motifs of one width, `[column][coordinate][motif]`.
pub(super) type Tile = Vec<[Lanes<f32>; 3]>;

impl Database {
    pub(super) fn new(targets: &[Motif], both_strands: bool, similarity: ColumnSimilarity) -> Self {
        let (mut order, empty): (Vec<usize>, Vec<usize>) = (0..targets.len()).partition(|&i| !targets[i].is_empty());
        order.sort_by_key(|&i| targets[i].len());
        let mut points = Vec::new();
        let groups = order
            .chunk_by(|&a, &b| targets[a].len() == targets[b].len())
            .map(|members| {
                let mut motifs: Vec<Vec<[f32; 3]>> =
                    members.iter().map(|&i| strand(&targets[i], false, similarity)).collect();
                if both_strands {
                    motifs.extend(members.iter().map(|&i| strand(&targets[i], true, similarity)));
                }
                points.extend(motifs.iter().flatten());
                Group {
                    width: motifs[0].len(),
                    members: members.to_vec(),
                    tiles: motifs.chunks(LANES).map(tile).collect(),
                }
            })
            .collect();
        let pool = Pool::new(points, similarity);
        Self { targets: targets.len(), similarity, both_strands, empty, groups, pool }
    }

    /// The widths that occur, ascending, without 0.
    pub(super) fn widths(&self) -> Vec<usize> {
        self.groups.iter().map(|group| group.width).collect()
    }
}

/// The points of a motif's columns.
fn strand(motif: &Motif, reverse_complement: bool, similarity: ColumnSimilarity) -> Vec<[f32; 3]> {
    let rows = motif.probabilities.iter();
    if reverse_complement {
        rows.rev().map(|&[a, c, g, t]| similarity.point(&[t, g, c, a])).collect()
    } else {
        rows.map(|row| similarity.point(row)).collect()
    }
}

fn tile(motifs: &[Vec<[f32; 3]>]) -> Tile {
    let mut tile = vec![[[0.0; LANES]; 3]; motifs[0].len()];
    for (lane, motif) in motifs.iter().enumerate() {
        for (column, point) in tile.iter_mut().zip(motif) {
            column.iter_mut().zip(point).for_each(|(coordinate, &x)| coordinate[lane] = x);
        }
    }
    tile
}
