//! The rows of a sparse matrix with the largest products of each: all pairs, each once.
//!
//! Rows are taken in blocks. Of a block a list of entries by column is made, which is small enough for the cache, as are the
//! sums that a row's products with it become. A product of rows of two blocks counts for both. Weights are whole numbers, so
//! that sums do not depend on their order, and the result neither on blocks nor on threads.

use rayon::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};

/// Columns of a list, to which keys are hashed.
const COLUMN_BITS: u32 = 22;
/// Bits of the largest table of keys.
const KEY_BITS: u32 = 28;
/// What a weight of 1 is as a whole number. Products of rows of length 1 are 2^28 at most, which leaves room for columns that a
/// row has twice.
const UNIT: f32 = 16_384.0;
/// Rows of a block; with both strands they have twice as many sums, which 16 bits number.
const BLOCK: usize = 4096;
/// Rows that a thread takes at a time.
const TASK: usize = 32;
/// Sums that are looked at together.
const LANES: usize = 16;

/// A number of a row on both strands: the same weight under another key. Keys are hashes, of which the high bits say most.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) key: u32,
    pub(super) turned: u32,
    weight: i16,
}

/// The column that a key is in.
fn column(key: u32) -> usize {
    (key >> (32 - COLUMN_BITS)) as usize
}

impl Entry {
    /// `weight` lies between -1 and 1.
    pub(super) fn new(key: u32, turned: u32, weight: f32) -> Self {
        Self { key, turned, weight: (weight * UNIT).round() as i16 }
    }

    #[cfg(test)]
    pub(super) fn weight(&self) -> f32 {
        f32::from(self.weight) / UNIT
    }
}

/// For each row, whose squares add up to 1, the `k` others with the largest products above 0, on the better of both strands
/// where `turned` says so; all others where `k` is 0. By falling product; ties by row.
pub(super) fn nearest(mut rows: Vec<Vec<Entry>>, turned: bool, k: usize) -> Vec<Vec<(u32, f32)>> {
    keep_shared(&mut rows);
    in_blocks(&rows, turned, k, BLOCK)
}

/// Leaves out what stands in one row alone, on whatever strand, and adds nothing to any product.
fn keep_shared(rows: &mut [Vec<Entry>]) {
    let count: usize = rows.iter().map(Vec::len).sum();
    let bits = (usize::BITS - (16 * count).leading_zeros()).clamp(6, KEY_BITS);
    let table = || (0..1_usize << (bits - 6)).map(|_| AtomicU64::new(0)).collect::<Vec<_>>();
    let (once, twice) = (table(), table());
    // Either strand has the same place.
    let place = |entry: &Entry| {
        let at = (entry.key.min(entry.turned).wrapping_mul(0x9E37_79B1) >> (32 - bits)) as usize;
        (at / 64, 1_u64 << (at % 64))
    };
    rows.par_iter().flatten_iter().for_each(|entry| {
        let (at, bit) = place(entry);
        if once[at].fetch_or(bit, Ordering::Relaxed) & bit != 0 {
            twice[at].fetch_or(bit, Ordering::Relaxed);
        }
    });
    let is_shared = |entry: &Entry| {
        let (at, bit) = place(entry);
        twice[at].load(Ordering::Relaxed) & bit != 0
    };
    rows.par_iter_mut().for_each(|row| row.retain(is_shared));
}

fn in_blocks(rows: &[Vec<Entry>], turned: bool, k: usize, size: usize) -> Vec<Vec<(u32, f32)>> {
    let n = rows.len();
    let mut lists = vec![Nearest::new(k); n];
    let mut index = Index::default();
    for first in (0..n).step_by(size) {
        let block = first..(first + size).min(n);
        index.fill(&rows[block.clone()], turned);
        let (before, after) = lists.split_at_mut(block.end);
        let own = &mut before[first..];
        let none = vec![i32::MAX; block.len()];
        own.par_iter_mut().enumerate().for_each_init(
            || Sums::new(block.len(), turned),
            |sums, (at, list)| {
                sums.multiply(&index, &rows[first + at]);
                sums.each_from(list.least, &none, |j, product| {
                    if j != at {
                        list.push(product, (first + j) as u32);
                    }
                });
            },
        );
        // Rows of one later block at a time, so that what this block's rows have found says what they need not hear of.
        for (number, later) in after.chunks_mut(size).enumerate() {
            let start = block.end + number * size;
            let found = later_rows(&index, rows, own, later, start, first, turned);
            for (j, product, row) in found.into_iter().flatten() {
                own[usize::from(j)].push(product, row);
            }
        }
    }
    lists.into_par_iter().map(Nearest::sorted).collect()
}

/// Products of the rows from `start` on, whose lists are `later`, with those of the block, whose lists are `own`; gives what
/// these need to hear.
fn later_rows(
    index: &Index,
    rows: &[Vec<Entry>],
    own: &[Nearest],
    later: &mut [Nearest],
    start: usize,
    first: usize,
    turned: bool,
) -> Vec<Vec<(u16, i32, u32)>> {
    let least: Vec<i32> = own.iter().map(|list| list.least).collect();
    let task = |sums: &mut Sums, (number, lists): (usize, &mut [Nearest])| {
        let mut found = Vec::new();
        for (at, list) in lists.iter_mut().enumerate() {
            let row = start + number * TASK + at;
            sums.multiply(index, &rows[row]);
            sums.each_from(list.least, &least, |j, product| {
                list.push(product, (first + j) as u32);
                if product >= least[j] {
                    found.push((j as u16, product, row as u32));
                }
            });
        }
        found
    };
    later.par_chunks_mut(TASK).enumerate().map_init(|| Sums::new(own.len(), turned), task).collect()
}

/// The largest products so far.
#[derive(Clone)]
struct Nearest {
    k: usize,
    kept: Vec<(i32, u32)>,
    /// Smaller products are not among the largest.
    least: i32,
}

impl Nearest {
    fn new(k: usize) -> Self {
        Self { k, kept: Vec::new(), least: 1 }
    }

    #[inline]
    fn push(&mut self, product: i32, row: u32) {
        if product < self.least {
            return;
        }
        self.kept.push((product, row));
        if self.k > 0 && self.kept.len() >= 2 * self.k {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.k > 0 && self.kept.len() > self.k {
            let (_, last, _) = self.kept.select_nth_unstable_by(self.k - 1, falling);
            self.least = last.0;
            self.kept.truncate(self.k);
        }
    }

    fn sorted(mut self) -> Vec<(u32, f32)> {
        self.cut();
        self.kept.sort_unstable_by(falling);
        self.kept.into_iter().map(|(product, row)| (row, product as f32 / (UNIT * UNIT))).collect()
    }
}

/// By falling product; ties by row.
fn falling(a: &(i32, u32), b: &(i32, u32)) -> std::cmp::Ordering {
    b.0.cmp(&a.0).then(a.1.cmp(&b.1))
}

/// The entries of a block by column; rows of the other strand are numbered after the others.
#[derive(Default)]
struct Index {
    starts: Vec<u32>,
    entries: Vec<(u16, i16)>,
}

impl Index {
    fn fill(&mut self, rows: &[Vec<Entry>], turned: bool) {
        const COLUMNS: usize = 1 << COLUMN_BITS;
        self.starts.clear();
        self.starts.resize(COLUMNS + 2, 0);
        // Each column's count two places on: after the sums its start is one place on, and after filling at its place.
        let starts = &mut self.starts;
        for entry in rows.iter().flatten() {
            starts[column(entry.key) + 2] += 1;
            if turned {
                starts[column(entry.turned) + 2] += 1;
            }
        }
        for column in 2..COLUMNS + 2 {
            starts[column] += starts[column - 1];
        }
        self.entries.clear();
        self.entries.resize(starts[COLUMNS + 1] as usize, (0, 0));
        let mut put = |key: u32, row: usize, weight: i16| {
            let at = &mut starts[column(key) + 1];
            self.entries[*at as usize] = (row as u16, weight);
            *at += 1;
        };
        for (number, row) in rows.iter().enumerate() {
            row.iter().for_each(|entry| put(entry.key, number, entry.weight));
        }
        if turned {
            for (number, row) in rows.iter().enumerate() {
                row.iter().for_each(|entry| put(entry.turned, rows.len() + number, entry.weight));
            }
        }
    }

    fn range(&self, key: u32) -> (u32, u32) {
        let column = column(key);
        (self.starts[column], self.starts[column + 1])
    }
}

/// Products of one row with a block.
struct Sums {
    /// As many as 16 bits can number, so that no place need be checked; only the first are used.
    sums: Box<[i32; 1 << 16]>,
    rows: usize,
    turned: bool,
    /// The other entries of columns, from one to another, with the row's weight.
    rest: Vec<(u32, u32, i32)>,
}

impl Sums {
    fn new(rows: usize, turned: bool) -> Self {
        Self { sums: Box::new([0; 1 << 16]), rows, turned, rest: Vec::new() }
    }

    /// Columns are anywhere in memory. Their first entries are taken one after another, none of which need wait for what another
    /// loads, before those that have more.
    fn multiply(&mut self, index: &Index, row: &[Entry]) {
        let used = if self.turned { 2 * self.rows } else { self.rows };
        self.sums[..used].fill(0);
        self.rest.clear();
        for entry in row {
            let (from, to) = index.range(entry.key);
            let weight = i32::from(entry.weight);
            if from < to {
                let (row, other) = index.entries[from as usize];
                self.sums[usize::from(row)] += weight * i32::from(other);
                if from + 1 < to {
                    self.rest.push((from + 1, to, weight));
                }
            }
        }
        for &(from, to, weight) in &self.rest {
            for &(row, other) in &index.entries[from as usize..to as usize] {
                self.sums[usize::from(row)] += weight * i32::from(other);
            }
        }
    }

    /// Gives the products, on the better strand, of the rows whose product is at least `enough`, or their own of `least`.
    #[inline(always)]
    fn each_from(&self, enough: i32, least: &[i32], mut each: impl FnMut(usize, i32)) {
        let forward = &self.sums[..self.rows];
        let other = if self.turned { &self.sums[self.rows..2 * self.rows] } else { forward };
        let least = &least[..self.rows];
        let (blocks, _) = forward.as_chunks::<LANES>();
        let (other_blocks, _) = other.as_chunks::<LANES>();
        let (least_blocks, _) = least.as_chunks::<LANES>();
        let mut one = |j: usize| {
            let product = forward[j].max(other[j]);
            if product >= enough.min(least[j]) {
                each(j, product);
            }
        };
        for (block, ((a, b), floor)) in blocks.iter().zip(other_blocks).zip(least_blocks).enumerate() {
            // All lanes are looked at, which vectors do at once; few blocks have one.
            let mut any = 0;
            for lane in 0..LANES {
                any |= i32::from(a[lane].max(b[lane]) >= enough.min(floor[lane]));
            }
            if any != 0 {
                (block * LANES..(block + 1) * LANES).for_each(&mut one);
            }
        }
        (blocks.len() * LANES..self.rows).for_each(&mut one);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_core::random::{below, stream, uniform};

    /// Rows of a few columns each, of length 1.
    fn random(n: usize) -> Vec<Vec<Entry>> {
        let mut rng = stream(3, "products test", &[]);
        let mut row = |i: usize| {
            let values: Vec<f64> = (0..i % 9).map(|_| uniform(&mut rng) - 0.2).collect();
            let norm = values.iter().map(|v| v * v).sum::<f64>().sqrt();
            // As with real keys, the other strand of the other strand is the first.
            let first = below(&mut rng, 20);
            let entry = |(at, v): (usize, &f64)| {
                let (number, unit) = (((first + at) % 20) as u32, 0x0800_0001);
                Entry::new(number * unit, (19 - number) * unit, (v / norm) as f32)
            };
            values.iter().enumerate().map(entry).collect()
        };
        (0..n).map(&mut row).collect()
    }

    /// The product of row `i` with row `j` or its other strand.
    fn naive(rows: &[Vec<Entry>], i: usize, j: usize, turned: bool) -> f64 {
        let sum = |of: &dyn Fn(&Entry) -> u32| -> f64 {
            let pairs = rows[i].iter().flat_map(|a| rows[j].iter().map(move |b| (a, b)));
            pairs.filter(|(a, b)| a.key == of(b)).map(|(a, b)| f64::from(a.weight()) * f64::from(b.weight())).sum()
        };
        let forward = sum(&|b| b.key);
        if turned { forward.max(sum(&|b| b.turned)) } else { forward }
    }

    #[test]
    fn products_are_those_of_the_definition() {
        let rows = random(50);
        for turned in [false, true] {
            let all = nearest(rows.clone(), turned, 0);
            for (i, list) in all.iter().enumerate() {
                let expected: Vec<f64> = (0..50).map(|j| naive(&rows, i, j, turned)).collect();
                let found = |j: usize| list.iter().find(|(row, _)| *row as usize == j).map_or(0.0, |(_, s)| *s);
                for j in (0..50).filter(|&j| j != i) {
                    assert!((f64::from(found(j)) - expected[j].max(0.0)).abs() < 1e-4, "{i} {j}");
                }
                assert!(list.iter().all(|&(j, s)| j as usize != i && s > 0.0));
                assert!(list.windows(2).all(|w| w[0].1 > w[1].1 || (w[0].1 == w[1].1 && w[0].0 < w[1].0)));
            }
        }
    }

    #[test]
    fn few_are_the_first_of_all_whatever_the_blocks() {
        let rows = random(70);
        let all = nearest(rows.clone(), false, 0);
        for k in [1, 5, 30] {
            for size in [1, 7, 32, 70] {
                let few = in_blocks(&rows, false, k, size);
                for (few, all) in few.iter().zip(&all) {
                    assert_eq!(few[..], all[..k.min(all.len())], "{k} {size}");
                }
            }
        }
        assert!(nearest(Vec::new(), true, 5).is_empty());
    }
}
