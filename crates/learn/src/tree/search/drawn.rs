//! A few features drawn anew for each node (Breiman 2001).

use super::super::bins::Binned;
use super::super::grow::{Part, Search};
use super::super::split::{Rules, Split};
use super::super::statistics::Statistics;
use super::question;
use basewise_core::random::{Stream, below};

pub(in super::super) struct DrawnFeatures<'a> {
    pub(in super::super) binned: &'a Binned,
    pub(in super::super) statistics: &'a Statistics,
    pub(in super::super) rules: Rules,
    /// Rows of a node that is split, at least.
    pub(in super::super) min_split: usize,
    pub(in super::super) labels: &'a [f64],
    /// Features that are looked at in a node.
    pub(in super::super) drawn: usize,
    pub(in super::super) rng: Stream,
    scratch: Scratch,
}

struct Scratch {
    /// All features, in an order that draws change.
    features: Vec<usize>,
    ordered: Vec<i64>,
    histogram: Vec<i64>,
}

impl<'a> DrawnFeatures<'a> {
    pub(in super::super) fn new(
        (binned, statistics, labels): (&'a Binned, &'a Statistics, &'a [f64]),
        rules: Rules,
        (min_split, drawn): (usize, usize),
        rng: Stream,
    ) -> Self {
        let features = (0..binned.features()).filter(|&feature| binned.bins(feature) > 1).collect();
        let scratch = Scratch { features, ordered: Vec::new(), histogram: Vec::new() };
        Self { binned, statistics, rules, min_split, labels, drawn, rng, scratch }
    }

    fn find(&mut self, part: Part<'_>) -> Option<((), Split)> {
        if part.last || part.rows.len() < self.min_split.max(2 * self.rules.min_rows) || is_pure(part.rows, self.labels)
        {
            return None;
        }
        let units = self.statistics.units();
        let Scratch { features, ordered, histogram } = &mut self.scratch;
        self.statistics.gather(part.rows, ordered);
        let mut best: Option<Split> = None;
        let mut useful = 0;
        for seen in 0..features.len() {
            // As scikit-learn has it: features that are constant here count, unless all were.
            if seen >= self.drawn && useful > 0 {
                break;
            }
            let place = seen + below(&mut self.rng, features.len() - seen);
            features.swap(seen, place);
            let feature = features[seen];
            histogram.resize(self.binned.bins(feature) * units.lanes, 0);
            self.binned.fill_feature(feature, part.rows, ordered, part.total, histogram);
            let filled = histogram.chunks_exact(units.lanes).filter(|bin| units.count(bin) > 0).take(2).count();
            useful += usize::from(filled > 1);
            let missing = self.binned.has_missing(feature);
            let gain = best.as_ref().map(|best| best.gain);
            if let Some(cut) = self.rules.cut(&units, histogram, missing, part.total, gain) {
                best = Some(question(self.binned, &units, feature, histogram, cut));
            }
        }
        best.map(|split| ((), split))
    }
}

/// Whether all rows have the same label.
pub(super) fn is_pure(rows: &[u32], labels: &[f64]) -> bool {
    rows.iter().all(|&row| labels[row as usize] == labels[rows[0] as usize])
}

impl Search for DrawnFeatures<'_> {
    type Kept = ();

    fn root(&mut self, part: Part<'_>) -> Option<((), Split)> {
        self.find(part)
    }

    fn pair(&mut self, (): (), parts: [Part<'_>; 2]) -> [Option<((), Split)>; 2] {
        parts.map(|part| self.find(part))
    }

    fn partition(&mut self, split: &Split, rows: &mut [u32], scratch: &mut Vec<u32>) -> usize {
        self.binned.partition(split.feature as usize, (split.bin, split.missing_left), rows, scratch)
    }

    fn take_back(&mut self, (): ()) {}
}
