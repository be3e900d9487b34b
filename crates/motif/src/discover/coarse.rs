//! Which seqlets may resemble each other: cosines of gapped k-mers, weighted by contribution.
//!
//! Of the positions with the highest contributions, each choice of 4 to 6 within 15 bases is a gapped k-mer; its weight is
//! their mean contribution. Keys are hashed to columns (Weinberger et al. 2009), so no list of keys is kept.

use super::products::{self, Entry};
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

/// For each row, other rows with a similarity, the nearest first.
pub(super) struct Neighbours {
    pub(super) rows: Vec<Vec<(u32, f32)>>,
}

/// The nearest seqlets of each, by the larger cosine of both strands; only those above 0.
pub(super) fn neighbours(tracks: &Tracks<'_>, seqlets: &[Seqlet], sign: f32, config: &Config) -> Neighbours {
    let vectors: Vec<Vec<Entry>> =
        seqlets.par_iter().map_init(Table::default, |table, seqlet| embed(tracks, seqlet, sign, table)).collect();
    Neighbours { rows: products::nearest(vectors, tracks.both_strands(), config.neighbours) }
}

/// Sums by column, with the column of the same gapped k-mer on the other strand. Reused from seqlet to seqlet.
#[derive(Default)]
struct Table {
    slots: Vec<u32>,
    entries: Vec<Sum>,
}

#[derive(Clone, Copy)]
struct Sum {
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
                self.entries.push(Sum { key, turned, sum: value });
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

/// The vector of a seqlet, of length 1, as it reads and on its other strand.
fn embed(tracks: &Tracks<'_>, seqlet: &Seqlet, sign: f32, table: &mut Table) -> Vec<Entry> {
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
    let order = |a: &Sum, b: &Sum| b.sum.abs().total_cmp(&a.sum.abs()).then(a.key.cmp(&b.key));
    if table.entries.len() > KEPT {
        table.entries.select_nth_unstable_by(KEPT - 1, order);
        table.entries.truncate(KEPT);
    }
    table.entries.sort_unstable_by(order);
    let norm = table.entries.iter().map(|e| e.sum * e.sum).sum::<f32>().sqrt();
    if norm.is_nan() || norm <= 0.0 {
        return Vec::new();
    }
    let short = |key: u64| (hash(key) >> 32) as u32;
    table.entries.iter().map(|e| Entry::new(short(e.key), short(e.turned), e.sum / norm)).collect()
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
        let (a, b) = (embed(&tracks, &seqlet(0), 1.0, &mut table), embed(&tracks, &seqlet(1), 1.0, &mut table));
        let sorted = |entries: &[Entry], key: fn(&Entry) -> u32| {
            let mut found: Vec<_> = entries.iter().map(|e| (key(e), (e.weight() * 1e4).round())).collect();
            found.sort_by_key(|x| x.0);
            found
        };
        assert!(a.len() > 300);
        assert_eq!(sorted(&a, |e| e.key), sorted(&b, |e| e.turned));
        assert_eq!(sorted(&a, |e| e.turned), sorted(&b, |e| e.key));
        let near = neighbours(&tracks, &[seqlet(0), seqlet(1)], 1.0, &Config::default());
        assert!((near.rows[0][0].1 - 1.0).abs() < 1e-3 && near.rows[0][0].0 == 1);
    }
}
