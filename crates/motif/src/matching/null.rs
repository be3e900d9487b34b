//! The null distribution of the best alignment's score, by dynamic programming over query columns.

use basewise_kernels::Level;
use basewise_kernels::columns::{add_products, either};
use std::collections::BTreeMap;

/// Probabilities of whole-numbered scores from `low` upwards.
#[derive(Clone)]
pub(super) struct Distribution {
    pub(super) low: i64,
    pub(super) mass: Vec<f64>,
}

impl Distribution {
    /// How often each score occurs.
    #[cfg(test)]
    pub(super) fn of(values: &[i16]) -> Self {
        let low = values.iter().copied().min().unwrap_or(0);
        let high = values.iter().copied().max().unwrap_or(0);
        let share = |score: i16| values.iter().filter(|&&v| v == score).count() as f64 / values.len().max(1) as f64;
        Self { low: low.into(), mass: (low..=high).map(share).collect() }
    }

    /// What it can add to a sum at most.
    fn high(&self) -> i64 {
        (self.low + self.mass.len() as i64 - 1).max(0)
    }
}

/// The distribution of a sum of independent scores, and room for the next.
struct Sum {
    total: Distribution,
    /// Whether low scores were left out of `total`.
    is_cut: bool,
    spare: Vec<f64>,
    padded: Vec<f64>,
}

impl Sum {
    fn new() -> Self {
        Self { total: Distribution { low: 0, mass: vec![1.0] }, is_cut: false, spare: Vec::new(), padded: Vec::new() }
    }

    /// Adds a score, or takes it as the first. What is then below `needed` is left out; it must not have part in what is needed after
    /// the next score.
    fn extend(&mut self, is_first: bool, scores: &Distribution, needed: i64, level: Level) {
        if is_first {
            self.total.low = scores.low;
            self.total.mass.clone_from(&scores.mass);
            self.is_cut = false;
        } else {
            self.spare.clear();
            self.spare.resize(self.total.mass.len() + scores.mass.len() - 1, 0.0);
            add_products(level, &self.total.mass, &scores.mass, &mut self.padded, &mut self.spare);
            std::mem::swap(&mut self.total.mass, &mut self.spare);
            self.total.low += scores.low;
        }
        let below = (needed - self.total.low).clamp(0, self.total.mass.len() as i64 - 1);
        self.total.mass.drain(..below as usize);
        self.total.low += below;
        self.is_cut |= below > 0;
    }
}

/// P-values for targets of each width.
pub(super) struct Null {
    /// The score of the first entry of each table.
    low: i64,
    /// By width: how likely the best of all alignments reaches each score from `low` on; empty where no target has it.
    tables: Vec<Vec<f64>>,
}

impl Null {
    /// The null distributions of a query against targets of the given `widths`, ascending.
    ///
    /// An alignment has a stretch of query columns: one inside the query needs a target of its own width, one at an end any
    /// wider target too, and the whole query has several places in every wider target. Scores below `floor` are left out.
    pub(super) fn new(columns: &[Distribution], widths: &[usize], min_overlap: usize, floor: i64) -> Self {
        let low = columns.iter().map(|column| column.low.min(0)).sum::<i64>().max(floor);
        let high: i64 = columns.iter().map(Distribution::high).sum();
        let shape = Shape { low, length: (high - low + 1) as usize };
        let (n, level) = (columns.len(), Level::best());
        let widest = widths.last().copied().unwrap_or(0);
        let least = min_overlap.clamp(1, n.max(1));
        let stretches = Stretches::new(columns, widths, widest.min(n), shape);
        let mut tables = vec![Vec::new(); widest + 1];
        // And what the whole query reaches in any of its places.
        let (mut places, mut counted) = (vec![0.0; shape.length], n);
        // What stretches at the ends reach together, those of `least` columns and more, up to the width.
        let (mut ends, mut done) = (vec![0.0; shape.length], least);
        for &width in widths {
            let mut table = if width < least {
                stretches.ends.get(width).cloned().unwrap_or_else(|| vec![0.0; shape.length])
            } else {
                while done <= width && done < n {
                    either(level, &mut ends, &stretches.ends[done]);
                    done += 1;
                }
                ends.clone()
            };
            if let Some(inside) = stretches.inside.get(&width) {
                either(level, &mut table, inside);
            }
            while counted <= width {
                either(level, &mut places, &stretches.whole);
                counted += 1;
            }
            if width >= n {
                either(level, &mut table, &places);
            }
            tables[width] = table;
        }
        Self { low, tables }
    }

    /// Whether the lowest score has a probability that will do in a table: those below may have one as well.
    pub(super) fn is_cut_off(&self, will_do: impl Fn(f64) -> bool) -> bool {
        self.tables.iter().filter_map(|table| table.first()).any(|&p| will_do(p))
    }

    /// The lowest score of which the best alignment with a random target of this width has a probability that will do.
    pub(super) fn lowest(&self, width: usize, will_do: impl Fn(f64) -> bool) -> i64 {
        let table = self.tables.get(width).map_or(&[][..], Vec::as_slice);
        match table.iter().position(|&p| will_do(p)) {
            // Where all scores do, so do those below the table.
            Some(0) => i64::MIN,
            first => self.low + first.unwrap_or(table.len()) as i64,
        }
    }

    /// Probability that the best alignment with a random target of this width scores at least `score`.
    pub(super) fn p_value(&self, width: usize, score: i64) -> f64 {
        let Some(table) = self.tables.get(width).filter(|table| !table.is_empty()) else { return 1.0 };
        let index = (score - self.low).max(0) as usize;
        // Tables end at the highest score that any alignment can have.
        table.get(index).copied().unwrap_or(0.0)
    }
}

/// The scores of all tables.
#[derive(Clone, Copy)]
struct Shape {
    low: i64,
    length: usize,
}

impl Shape {
    /// `one` becomes the probability that it happens, or that an independent alignment reaches each score.
    fn or_reached(self, one: &mut [f64], sum: &Sum) {
        let Distribution { low, mass } = &sum.total;
        let first = (low - self.low).max(0) as usize;
        let mass = &mass[((self.low - low).max(0) as usize).min(mass.len())..];
        let mut above = 0.0;
        for (slot, mass) in one[first..].iter_mut().zip(mass).rev() {
            above += mass;
            *slot += f64::min(above, 1.0) * (1.0 - *slot);
        }
        if *low >= self.low && !sum.is_cut {
            // At and below the lowest score the sum is 1 but for rounding.
            one[..=first].fill(1.0);
        }
    }
}

/// What the stretches of a query's columns reach.
struct Stretches {
    /// By number of columns: either of the two at the ends that are not the whole query.
    ends: Vec<Vec<f64>>,
    /// By number of columns: any of those that touch no end.
    inside: BTreeMap<usize, Vec<f64>>,
    whole: Vec<f64>,
}

impl Stretches {
    /// Stretches of up to `widest` columns; those inside the query only of the `widths` of targets.
    fn new(columns: &[Distribution], widths: &[usize], widest: usize, shape: Shape) -> Self {
        let n = columns.len();
        let level = Level::best();
        let mut found = Self {
            ends: vec![vec![0.0; shape.length]; n.max(1)],
            inside: BTreeMap::new(),
            whole: vec![0.0; shape.length],
        };
        let mut sum = Sum::new();
        for start in 0..n {
            // Stretches up to the query's last column are built from the right, below.
            let last = (start + widest).min(if start == 0 { n } else { n - 1 });
            let mut rest: i64 = columns[start..last].iter().map(Distribution::high).sum();
            for end in start + 1..=last {
                rest -= columns[end - 1].high();
                sum.extend(end == start + 1, &columns[end - 1], shape.low - rest, level);
                let width = end - start;
                if start == 0 && end == n {
                    shape.or_reached(&mut found.whole, &sum);
                } else if start == 0 {
                    shape.or_reached(&mut found.ends[width], &sum);
                } else if widths.binary_search(&width).is_ok() {
                    let inside = found.inside.entry(width).or_insert_with(|| vec![0.0; shape.length]);
                    shape.or_reached(inside, &sum);
                }
            }
        }
        let first = n.saturating_sub(widest).max(1);
        let mut rest: i64 = columns.iter().skip(first).map(Distribution::high).sum();
        for start in (first..n).rev() {
            rest -= columns[start].high();
            sum.extend(start == n - 1, &columns[start], shape.low - rest, level);
            shape.or_reached(&mut found.ends[n - start], &sum);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two query columns, each -1 or 1 with equal odds.
    fn coin() -> Vec<Distribution> {
        vec![Distribution::of(&[-1, 1]); 2]
    }

    #[test]
    fn one_column_targets_have_two_alignments() {
        let null = Null::new(&coin(), &[1], 1, i64::MIN);
        assert!((null.p_value(1, 1) - 0.75).abs() < 1e-12);
        assert_eq!(null.p_value(1, -1), 1.0);
        assert_eq!(null.p_value(1, 2), 0.0);
    }

    #[test]
    fn wider_targets_add_overhangs() {
        // Both ends overhang with one column, p(1) = 1/2 each; two columns together reach 1 only as 2, p = 1/4.
        let null = Null::new(&coin(), &[2, 3], 1, i64::MIN);
        assert!((null.p_value(2, 1) - (1.0 - 0.5 * 0.5 * 0.75)).abs() < 1e-12);
        assert!((null.p_value(3, 2) - (1.0 - 0.75 * 0.75)).abs() < 1e-12);
        let full = Null::new(&coin(), &[2], 2, i64::MIN);
        assert!((full.p_value(2, 2) - 0.25).abs() < 1e-12);
    }

    #[test]
    fn the_sum_of_two_coins_is_binomial() {
        let column = Distribution::of(&[-1, 1]);
        let mut sum = Sum::new();
        [true, false].iter().for_each(|&is_first| sum.extend(is_first, &column, -2, Level::best()));
        assert_eq!((sum.total.low, sum.total.mass), (-2, vec![0.25, 0.0, 0.5, 0.0, 0.25]));
    }

    #[test]
    fn a_floor_leaves_the_scores_above_it_as_they_are() {
        let columns: Vec<Distribution> = [&[-3, -1, 0, 2][..], &[-5, 0, 1], &[0], &[-2, 0, 0, 3], &[-1, 4]]
            .iter()
            .map(|values| Distribution::of(values))
            .collect();
        for n in 0..=columns.len() {
            let (columns, widths) = (&columns[..n], [1, 2, 3, 5, 8]);
            let all = Null::new(columns, &widths, 1, i64::MIN);
            for floor in -12..=0 {
                let above = Null::new(columns, &widths, 1, floor);
                for (width, score) in widths.iter().flat_map(|&w| (floor..13).map(move |s| (w, s))) {
                    let (found, expected) = (above.p_value(width, score), all.p_value(width, score));
                    assert_eq!(found, expected, "{n} {floor} {width} {score}");
                }
            }
        }
    }
}
