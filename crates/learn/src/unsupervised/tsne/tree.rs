//! A quadtree over the points of a map, and the repulsion of its cells.

use rayon::prelude::*;

/// Points of a cell that is not divided.
const LEAF: usize = 8;
/// Levels of cells; points that share the smallest cell act as one.
const LEVELS: u32 = 16;
/// Points whose repulsion is summed together.
pub(super) const LANES: usize = 8;

/// A square with points in it. Cells stand before the cells within them, so that a walk goes on to the next cell or past
/// all within this one.
struct Cell {
    /// Mean of the points.
    centre: [f32; 2],
    count: f32,
    /// Squared width.
    width: f32,
    /// The cell after all cells within this one.
    end: u32,
    /// Points, in the order of the tree; none unless it is to be looked at point by point.
    points: std::ops::Range<u32>,
}

/// Points in an order in which neighbours stand together (Morton), and their cells.
pub(super) struct Tree {
    /// Places in the map.
    pub(super) order: Vec<u32>,
    points: Vec<[f32; 2]>,
    cells: Vec<Cell>,
}

/// What all points do to a few: `sum q² (y - y_j)` and `sum q` with `q = 1 / (1 + |y - y_j|²)`, itself included.
#[derive(Clone, Copy)]
pub(super) struct Repulsion {
    pub(super) force: [[f32; LANES]; 2],
    pub(super) sum: [f32; LANES],
}

impl Tree {
    pub(super) fn new(map: &[[f32; 2]]) -> Self {
        let bound =
            |axis: usize, worst: f32, better: fn(f32, f32) -> f32| map.iter().map(|p| p[axis]).fold(worst, better);
        let low = [0, 1].map(|axis| bound(axis, f32::INFINITY, f32::min));
        let high = [0, 1].map(|axis| bound(axis, f32::NEG_INFINITY, f32::max));
        let width = (high[0] - low[0]).max(high[1] - low[1]).max(f32::MIN_POSITIVE);
        let cells = (1_u32 << LEVELS) as f32;
        let place = |x: f32, low: f32| (((x - low) / width * cells) as u32).min((1 << LEVELS) - 1);
        let code = |p: &[f32; 2]| u64::from(spread(place(p[0], low[0])) | spread(place(p[1], low[1])) << 1);
        let mut codes: Vec<u64> =
            map.par_iter().enumerate().with_min_len(4096).map(|(i, p)| code(p) << 32 | i as u64).collect();
        codes.par_sort_unstable();
        let order: Vec<u32> = codes.iter().map(|&code| code as u32).collect();
        let points = order.iter().map(|&i| map[i as usize]).collect();
        let mut tree = Self { order, points, cells: Vec::with_capacity(map.len()) };
        if !map.is_empty() {
            tree.divide(&codes, 0, LEVELS, width);
        }
        tree
    }

    /// Adds the cell of the points with these codes and those within it; gives the sum of its points.
    fn divide(&mut self, codes: &[u64], first: usize, level: u32, width: f32) -> [f64; 2] {
        let at = self.cells.len();
        let (count, range) = (codes.len(), first as u32..(first + codes.len()) as u32);
        let leaf = count <= LEAF;
        let points = if leaf { range.clone() } else { 0..0 };
        self.cells.push(Cell { centre: [0.0; 2], count: count as f32, width: width * width, end: 0, points });
        let mut sum = [0.0_f64; 2];
        if leaf || level == 0 {
            for point in &self.points[range.start as usize..range.end as usize] {
                sum = [sum[0] + f64::from(point[0]), sum[1] + f64::from(point[1])];
            }
        } else {
            let shift = 32 + 2 * (level - 1);
            let mut from = 0;
            for quarter in 0..4 {
                let to = from + codes[from..].partition_point(|&code| (code >> shift) & 3 <= quarter);
                if to > from {
                    let part = self.divide(&codes[from..to], first + from, level - 1, width / 2.0);
                    sum = [sum[0] + part[0], sum[1] + part[1]];
                }
                from = to;
            }
        }
        let end = self.cells.len() as u32;
        let cell = &mut self.cells[at];
        cell.centre = sum.map(|sum| (sum / count as f64) as f32);
        cell.end = end;
        sum
    }

    /// The points at `LANES * group..` in the order of the tree; the last one again where there are no more.
    pub(super) fn group(&self, group: usize) -> [[f32; LANES]; 2] {
        let point = |lane: usize| self.points[(group * LANES + lane).min(self.points.len() - 1)];
        [0, 1].map(|axis| std::array::from_fn(|lane| point(lane)[axis]))
    }

    /// Repulsion of a few points. A cell acts as a whole if its width is below `theta` times its distance from the box
    /// around them all.
    pub(super) fn repulsion(&self, at: &[[f32; LANES]; 2], theta: f32) -> Repulsion {
        let low = at.map(|axis| axis.iter().copied().fold(f32::INFINITY, f32::min));
        let high = at.map(|axis| axis.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        let mut sums = Repulsion { force: [[0.0; LANES]; 2], sum: [0.0; LANES] };
        let theta = theta * theta;
        let mut next = 0;
        while let Some(cell) = self.cells.get(next) {
            let away = [0, 1].map(|axis| (low[axis] - cell.centre[axis]).max(cell.centre[axis] - high[axis]).max(0.0));
            let distance = away[0] * away[0] + away[1] * away[1];
            let smallest = cell.end as usize == next + 1;
            if cell.width < theta * distance || (smallest && cell.points.is_empty()) {
                sums.add(at, cell.centre, cell.count);
                next = cell.end as usize;
            } else {
                let points = &self.points[cell.points.start as usize..cell.points.end as usize];
                points.iter().for_each(|&point| sums.add(at, point, 1.0));
                next += 1;
            }
        }
        sums
    }
}

impl Repulsion {
    #[inline]
    fn add(&mut self, [xs, ys]: &[[f32; LANES]; 2], point: [f32; 2], count: f32) {
        for (lane, (x, y)) in xs.iter().zip(ys).enumerate() {
            let (x, y) = (x - point[0], y - point[1]);
            let q = 1.0 / (1.0 + x * x + y * y);
            let part = count * q;
            self.sum[lane] += part;
            self.force[0][lane] += part * q * x;
            self.force[1][lane] += part * q * y;
        }
    }
}

/// Moves each of 16 bits to twice its place.
fn spread(x: u32) -> u32 {
    let x = (x | x << 8) & 0x00FF_00FF;
    let x = (x | x << 4) & 0x0F0F_0F0F;
    let x = (x | x << 2) & 0x3333_3333;
    (x | x << 1) & 0x5555_5555
}
