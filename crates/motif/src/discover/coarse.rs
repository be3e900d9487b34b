//! Which seqlets may resemble each other: cosines of gapped k-mers, weighted by contribution.
//!
//! Of the positions with the highest contributions, each choice of 4 to 6 within 15 bases is a gapped k-mer; its weight is
//! their mean contribution. Keys are hashed to columns (Weinberger et al. 2009), so no list of keys is kept.

use super::tracks::Tracks;
use super::{Config, Seqlet};
use rayon::prelude::*;

/// Positions of a seqlet that are looked at.
const POSITIONS: usize = 15;
/// Letters of a gapped k-mer.
const LETTERS: std::ops::RangeInclusive<usize> = 4..=6;
/// Bases from its first to its last letter, both included.
const SPAN: i64 = 15;
/// Gapped k-mers that are kept for a seqlet, those of the largest weights.
const KEPT: usize = 500;
/// Columns that keys are hashed to.
const COLUMN_BITS: u32 = 22;

/// For each row, other rows with a similarity, the nearest first.
pub(super) struct Neighbours {
    pub(super) rows: Vec<Vec<(u32, f32)>>,
}

/// A sparse vector of length 1.
type Sparse = Vec<(u32, f32)>;

/// The nearest seqlets of each, by the larger cosine of both strands; only those above 0.
pub(super) fn neighbours(tracks: &Tracks<'_>, seqlets: &[Seqlet], sign: f32, config: &Config) -> Neighbours {
    let vectors: Vec<(Sparse, Sparse)> =
        seqlets.par_iter().map_init(Table::default, |table, seqlet| embed(tracks, seqlet, sign, table)).collect();
    let n = seqlets.len();
    let turned = if tracks.both_strands() { n } else { 0 };
    let index = Index::new(vectors.iter().map(|v| &v.0).chain(vectors[..turned].iter().map(|v| &v.1)));
    let rows = vectors
        .par_iter()
        .enumerate()
        .map_init(
            || vec![0.0_f32; n + turned],
            |sums, (i, (vector, _))| {
                index.products(vector, sums);
                let best = |j: usize| if turned > 0 { sums[j].max(sums[n + j]) } else { sums[j] };
                let row = (0..n).filter(|&j| j != i).map(|j| (j as u32, best(j))).filter(|&(_, s)| s > 0.0);
                nearest(row.collect(), config.neighbours)
            },
        )
        .collect();
    Neighbours { rows }
}

/// The first `k` by falling similarity; ties by row.
fn nearest(mut row: Vec<(u32, f32)>, k: usize) -> Vec<(u32, f32)> {
    let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if row.len() > k && k > 0 {
        row.select_nth_unstable_by(k - 1, order);
        row.truncate(k);
    }
    row.sort_unstable_by(order);
    row
}

/// Lists of rows by column.
struct Index {
    starts: Vec<u32>,
    entries: Vec<(u32, f32)>,
}

impl Index {
    fn new<'v>(rows: impl Iterator<Item = &'v Sparse> + Clone) -> Self {
        let mut starts = vec![0_u32; (1 << COLUMN_BITS) + 1];
        for (column, _) in rows.clone().flatten() {
            starts[*column as usize + 1] += 1;
        }
        for column in 0..1 << COLUMN_BITS {
            starts[column + 1] += starts[column];
        }
        let mut next = starts.clone();
        let mut entries = vec![(0, 0.0); starts[1 << COLUMN_BITS] as usize];
        for (row, vector) in rows.enumerate() {
            for (column, value) in vector {
                let at = &mut next[*column as usize];
                entries[*at as usize] = (row as u32, *value);
                *at += 1;
            }
        }
        Self { starts, entries }
    }

    /// Products of a vector with all rows.
    fn products(&self, vector: &Sparse, sums: &mut [f32]) {
        sums.fill(0.0);
        for (column, value) in vector {
            let (from, to) = (self.starts[*column as usize] as usize, self.starts[*column as usize + 1] as usize);
            for (row, other) in &self.entries[from..to] {
                sums[*row as usize] += value * other;
            }
        }
    }
}

/// Sums by column, with the column of the same gapped k-mer on the other strand. Reused from seqlet to seqlet.
#[derive(Default)]
struct Table {
    slots: Vec<u32>,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    key: u64,
    turned: u64,
    sum: f32,
}

impl Table {
    fn clear(&mut self) {
        if self.slots.is_empty() {
            self.slots = vec![0; 4096];
        }
        self.slots.fill(0);
        self.entries.clear();
    }

    fn add(&mut self, key: u64, turned: u64, value: f32) {
        if 2 * self.entries.len() >= self.slots.len() {
            self.grow();
        }
        let slot = self.slot_of(key);
        match self.slots[slot] {
            0 => {
                self.entries.push(Entry { key, turned, sum: value });
                self.slots[slot] = self.entries.len() as u32;
            }
            rank => self.entries[rank as usize - 1].sum += value,
        }
    }

    /// Where a key is, or where it would go.
    fn slot_of(&self, key: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = (hash(key) >> 20) as usize & mask;
        while self.slots[slot] != 0 && self.entries[self.slots[slot] as usize - 1].key != key {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grow(&mut self) {
        self.slots = vec![0; 2 * self.slots.len()];
        for rank in 0..self.entries.len() {
            let slot = self.slot_of(self.entries[rank].key);
            self.slots[slot] = rank as u32 + 1;
        }
    }
}

/// A multiplicative hash (Fibonacci); the high bits are the good ones.
fn hash(key: u64) -> u64 {
    key.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// The vectors of a seqlet as it reads and on its other strand.
fn embed(tracks: &Tracks<'_>, seqlet: &Seqlet, sign: f32, table: &mut Table) -> (Sparse, Sparse) {
    let window = tracks.window(seqlet);
    let mut order: Vec<usize> = (0..window.len()).filter(|&i| window[i].base < 4).collect();
    order.sort_by(|&i, &j| (sign * window[j].contribution).total_cmp(&(sign * window[i].contribution)).then(i.cmp(&j)));
    order.truncate(POSITIONS);
    order.sort_unstable();
    let letters: Vec<Letter> = order
        .iter()
        .map(|&i| Letter { at: i as i64, base: u64::from(window[i].base), value: sign * window[i].contribution })
        .collect();
    table.clear();
    for (i, first) in letters.iter().enumerate() {
        let start =
            Partial { key: first.base + 1, turned: 4 - first.base, sum: first.value, letters: 1, last: first.at };
        extend(&letters[i + 1..], first.at, start, table);
    }
    let order = |a: &Entry, b: &Entry| b.sum.abs().total_cmp(&a.sum.abs()).then(a.key.cmp(&b.key));
    if table.entries.len() > KEPT {
        table.entries.select_nth_unstable_by(KEPT - 1, order);
        table.entries.truncate(KEPT);
    }
    table.entries.sort_unstable_by(order);
    let norm = table.entries.iter().map(|e| e.sum * e.sum).sum::<f32>().sqrt();
    if norm.is_nan() || norm <= 0.0 {
        return (Vec::new(), Vec::new());
    }
    let column = |key: u64| (hash(key) >> (64 - COLUMN_BITS)) as u32;
    let vector = |key: fn(&Entry) -> u64| table.entries.iter().map(|e| (column(key(e)), e.sum / norm)).collect();
    (vector(|e| e.key), vector(|e| e.turned))
}

#[derive(Clone, Copy)]
struct Letter {
    at: i64,
    base: u64,
    value: f32,
}

/// A gapped k-mer on the way. `key` has the base of each offset from the first letter as a digit in base 5, 0 for a gap;
/// `turned` is the key of the other strand.
#[derive(Clone, Copy)]
struct Partial {
    key: u64,
    turned: u64,
    sum: f32,
    letters: usize,
    last: i64,
}

fn extend(rest: &[Letter], first: i64, partial: Partial, table: &mut Table) {
    for (i, letter) in rest.iter().enumerate() {
        if letter.at - first >= SPAN {
            break;
        }
        let next = Partial {
            key: partial.key + (letter.base + 1) * POWERS[(letter.at - first) as usize],
            turned: partial.turned * POWERS[(letter.at - partial.last) as usize] + 4 - letter.base,
            sum: partial.sum + letter.value,
            letters: partial.letters + 1,
            last: letter.at,
        };
        if next.letters >= *LETTERS.start() {
            table.add(next.key, next.turned, next.sum / next.letters as f32);
        }
        if next.letters < *LETTERS.end() {
            extend(&rest[i + 1..], first, next, table);
        }
    }
}

const POWERS: [u64; SPAN as usize] = {
    let mut powers = [1; SPAN as usize];
    let mut i = 1;
    while i < powers.len() {
        powers[i] = powers[i - 1] * 5;
        i += 1;
    }
    powers
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::Attributions;
    use basewise_core::{Alphabet, Code};

    fn codes(letters: &str) -> Vec<Code> {
        letters.bytes().map(|b| Code::new(b"ACGT".iter().position(|&l| l == b).map_or(4, |i| i as u8))).collect()
    }

    #[test]
    fn a_seqlet_and_its_reverse_complement_are_the_same() {
        let (forward, turned) = (codes("ACGGTTCAANCAGGT"), codes("ACCTGNTTGAACCGT"));
        let all: Vec<Code> = forward.iter().chain(&turned).copied().collect();
        let values: Vec<f32> = (0..15).map(|i| 1.0 + (i * 7 % 15) as f32).collect();
        let contributions: Vec<f32> = values.iter().chain(values.iter().rev()).copied().collect();
        let data = Attributions::new(Alphabet::Dna, 15, &all, &contributions, None).unwrap();
        let tracks = Tracks::new(&data);
        let seqlet = |example| Seqlet { example, start: 0, end: 15, reverse: false };
        let mut table = Table::default();
        let (a, a_turned) = embed(&tracks, &seqlet(0), 1.0, &mut table);
        let (b, b_turned) = embed(&tracks, &seqlet(1), 1.0, &mut table);
        let sorted = |mut v: Sparse| {
            v.sort_by_key(|x| x.0);
            v.into_iter().map(|(column, value)| (column, (value * 1e4).round())).collect::<Vec<_>>()
        };
        assert!(a.len() > 300);
        assert_eq!(sorted(a.clone()), sorted(b_turned));
        assert_eq!(sorted(a_turned), sorted(b));
        let near = neighbours(&tracks, &[seqlet(0), seqlet(1)], 1.0, &Config::default());
        assert!((near.rows[0][0].1 - 1.0).abs() < 1e-5 && near.rows[0][0].0 == 1);
    }

    #[test]
    fn the_index_gives_the_products_of_the_definition() {
        let rows: Vec<Sparse> = vec![vec![(3, 0.6), (9, 0.8)], vec![(9, 1.0)], vec![], vec![(3, 1.0)]];
        let index = Index::new(rows.iter());
        let mut sums = vec![0.0; 4];
        index.products(&rows[0], &mut sums);
        assert_eq!(sums, [0.6 * 0.6 + 0.8 * 0.8, 0.8, 0.0, 0.6]);
        assert_eq!(nearest(vec![(0, 0.1), (1, 0.5), (2, 0.5)], 2), [(1, 0.5), (2, 0.5)]);
    }
}
