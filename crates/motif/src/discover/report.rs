//! What each step let pass, and why nothing was found.

use super::Config;
use serde::{Deserialize, Serialize};

/// The counts of a discovery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Sequences that were given.
    pub sequences: usize,
    /// Their length in bases.
    pub length: usize,
    /// Positive and negative attributions.
    pub sides: Vec<SignReport>,
}

/// The counts of one sign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignReport {
    /// `+` or `-`.
    pub sign: char,
    /// Sum of a window beyond which it counts; none where no window differs from the null.
    pub threshold: Option<f64>,
    /// Windows beyond it.
    pub windows: usize,
    /// Seqlets cut around them, which do not overlap in their windows.
    pub seqlets: usize,
    /// Seqlets that were compared.
    pub used: usize,
    /// Those whose coarse and fine similarities agree.
    pub agreeing: usize,
    /// Patterns made of the clusters of the second round.
    pub clusters: usize,
    /// Patterns lost by merging.
    pub merged: usize,
    /// Patterns left out for want of seqlets.
    pub small: usize,
    /// Patterns left out for want of information.
    pub uninformative: usize,
    /// Patterns that were larger ones near each other by chance, and were dissolved into them.
    #[serde(default)]
    pub dissolved: usize,
    /// Patterns found.
    pub patterns: usize,
    /// Why there is none.
    pub stop: Option<Stop>,
}

impl SignReport {
    pub(super) fn new(sign: char) -> Self {
        Self {
            sign,
            threshold: None,
            windows: 0,
            seqlets: 0,
            used: 0,
            agreeing: 0,
            clusters: 0,
            merged: 0,
            small: 0,
            uninformative: 0,
            dissolved: 0,
            patterns: 0,
            stop: None,
        }
    }
}

/// The step at which a sign came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Stop {
    /// Sequences are shorter than a window, or there are none.
    TooShort,
    /// All windows have the same sum.
    Constant,
    /// No window differs enough from what chance gives.
    NoWindow,
    /// Fewer seqlets than [`Config::min_seqlets`].
    FewSeqlets,
    /// The coarse similarities of seqlets do not agree with the fine ones, as is so of noise.
    Disagreement,
    /// Clusters gave no pattern of the right sign.
    NoCluster,
    /// Patterns have fewer seqlets than [`Config::min_sites`].
    SmallClusters {
        /// Seqlets of the largest.
        largest: usize,
    },
    /// Patterns have fewer bits than [`Config::min_bits`].
    NoInformation,
    /// Patterns were larger ones near each other by chance.
    Dissolved,
}

impl Report {
    /// For each sign without a pattern, at which step it came to nothing, and what may help.
    pub fn reasons(&self, config: &Config) -> Vec<(String, String)> {
        self.sides.iter().filter_map(|side| Some(self.reason(side, side.stop.as_ref()?, config))).collect()
    }

    /// For each sign with patterns, how many clusters were none of their own, and where their seqlets are.
    pub fn left_out(&self) -> Vec<String> {
        let line = |side: &SignReport| {
            let sign = if side.sign == '+' { "positive" } else { "negative" };
            let (what, whose) = if side.dissolved == 1 { ("cluster was", "its") } else { ("clusters were", "their") };
            format!(
                "{} {sign} {what} larger patterns near each other by chance: {whose} seqlets went to these",
                side.dissolved
            )
        };
        self.sides.iter().filter(|side| side.stop.is_none() && side.dissolved > 0).map(line).collect()
    }

    fn reason(&self, side: &SignReport, stop: &Stop, config: &Config) -> (String, String) {
        let sign = if side.sign == '+' { "positive" } else { "negative" };
        let (found, hint) = match stop {
            Stop::TooShort => (
                format!("{} sequences of {} bases, where a window has {}", self.sequences, self.length, config.window),
                "take longer sequences, or a smaller --window",
            ),
            Stop::Constant => (
                "all windows have the same sum".to_owned(),
                "are these the attributions of a trained model? Look at a few with `basewise explain --logos`",
            ),
            Stop::NoWindow => (
                format!("no window differs from the null at a false discovery rate of {}", config.fdr),
                "explain more examples that the model is sure of, or raise --fdr",
            ),
            Stop::FewSeqlets => (
                format!("{} seqlets, fewer than {}", side.seqlets, config.min_seqlets),
                "explain more examples (--limit), or lower --min-seqlets",
            ),
            Stop::Disagreement => (
                format!("{} of {} seqlets have neighbours that stay near when aligned", side.agreeing, side.used),
                "the stretches of high attribution resemble each other no more than noise does: explain more examples",
            ),
            Stop::NoCluster => (
                format!("{} seqlets gave no cluster of this sign", side.agreeing),
                "explain more examples, or lower --min-sites",
            ),
            Stop::SmallClusters { largest } => (
                format!("the largest cluster has {largest} seqlets, fewer than {}", config.min_sites),
                "explain more examples (--limit), or lower --min-sites",
            ),
            Stop::NoInformation => (
                format!("{} clusters have less than {} bits in any 6 positions", side.uninformative, config.min_bits),
                "the seqlets of a cluster have no bases in common: explain more examples",
            ),
            Stop::Dissolved => (
                format!(
                    "{} of its clusters were motifs of the other sign that stand near each other by chance",
                    side.dissolved
                ),
                "their seqlets went to these motifs; nothing need be done",
            ),
        };
        (format!("no {sign} pattern: {found}"), hint.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_said_of_signs_with_patterns() {
        let side = |sign, dissolved, stop| SignReport { dissolved, stop, ..SignReport::new(sign) };
        let report = |sides| Report { sequences: 1, length: 1, sides }.left_out();
        let one = "1 positive cluster was larger patterns near each other by chance: its seqlets went to these";
        assert_eq!(report(vec![side('+', 1, None), side('-', 2, Some(Stop::Dissolved))]), [one]);
        let two = "2 negative clusters were larger patterns near each other by chance: their seqlets went to these";
        assert_eq!(report(vec![side('+', 0, None), side('-', 2, None)]), [two]);
    }
}
