//! Sorting once, so that a resample costs one pass: everything here takes the multiplicity of each row.

/// Rows in descending order of a score, cut into groups of equal scores.
pub(super) struct Ranking {
    order: Vec<u32>,
    ends: Vec<u32>,
}

impl Ranking {
    pub(super) fn new(scores: &[f64]) -> Self {
        let mut order: Vec<u32> = (0..scores.len() as u32).collect();
        order.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]).then(a.cmp(&b)));
        let mut ends: Vec<u32> = Vec::new();
        for i in 1..=order.len() {
            // Compared as numbers, so that 0.0 and -0.0 tie.
            if i == order.len() || scores[order[i] as usize] != scores[order[i - 1] as usize] {
                ends.push(i as u32);
            }
        }
        Self { order, ends }
    }

    /// The groups of equal scores, highest first.
    pub(super) fn groups(&self) -> impl Iterator<Item = &[u32]> {
        self.ends.iter().scan(0, |start, &end| {
            let group = &self.order[*start as usize..end as usize];
            *start = end;
            Some(group)
        })
    }

    /// Positives and negatives with a score at least that of each group in turn.
    pub(super) fn cumulative(&self, positive: &[bool], weights: &[u32]) -> impl Iterator<Item = (u64, u64)> {
        self.groups().scan((0, 0), move |(positives, negatives), group| {
            for &row in group {
                let weight = u64::from(weights[row as usize]);
                if positive[row as usize] { *positives += weight } else { *negatives += weight }
            }
            Some((*positives, *negatives))
        })
    }

    /// Area under the ROC curve: the chance that a positive scores above a negative, ties half.
    pub(super) fn auroc(&self, positive: &[bool], weights: &[u32]) -> Option<f64> {
        let (mut area, mut last) = (0.0, (0, 0));
        for (tp, fp) in self.cumulative(positive, weights) {
            area += (fp - last.1) as f64 * (tp + last.0) as f64 / 2.0;
            last = (tp, fp);
        }
        let pairs = last.0 as f64 * last.1 as f64;
        (pairs > 0.0).then(|| area / pairs)
    }

    /// Sum over thresholds of precision times the gain in recall; undefined without both classes.
    pub(super) fn average_precision(&self, positive: &[bool], weights: &[u32]) -> Option<f64> {
        let (mut sum, mut last) = (0.0, (0, 0));
        for (tp, fp) in self.cumulative(positive, weights) {
            if tp > last.0 {
                sum += (tp - last.0) as f64 * (tp as f64 / (tp + fp) as f64);
            }
            last = (tp, fp);
        }
        (last.0 > 0 && last.1 > 0).then(|| sum / last.0 as f64)
    }

    /// Ascending average ranks from 1 of the resample; a row without multiplicity gets an arbitrary one.
    pub(super) fn ranks(&self, weights: &[u32]) -> Vec<f64> {
        let total: u64 = weights.iter().map(|&w| u64::from(w)).sum();
        let mut ranks = vec![0.0; weights.len()];
        let mut above = 0;
        for group in self.groups() {
            let size: u64 = group.iter().map(|&row| u64::from(weights[row as usize])).sum();
            let rank = (total - above) as f64 - (size as f64 - 1.0) / 2.0;
            group.iter().for_each(|&row| ranks[row as usize] = rank);
            above += size;
        }
        ranks
    }
}
