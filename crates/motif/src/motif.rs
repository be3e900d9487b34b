//! The position probability matrix and what follows from it.

use basewise_core::Alphabet;
use serde::{Deserialize, Serialize};

/// Sites that a motif counts for where their number is unknown, as in the MEME format.
const DEFAULT_SITES: f64 = 20.0;

/// A sequence motif: the probability of each base at each position.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Motif {
    /// Accession, such as `MA0139.1`. Unique within most files, but not by rule.
    pub id: String,
    /// Readable name, such as `CTCF`; may be empty.
    pub name: String,
    /// DNA motifs are compared and scanned on both strands, RNA motifs on one.
    pub alphabet: Alphabet,
    /// One row a position, in the order A C G T (U); each row sums to 1.
    pub probabilities: Vec<[f64; 4]>,
    /// Aligned sites the matrix was estimated from; 0 if unknown.
    pub sites: f64,
    /// The counts themselves where the file held counts; rows match `probabilities`.
    pub counts: Option<Vec<[f64; 4]>>,
    /// Base frequencies that the motif was found against.
    pub background: [f64; 4],
}

impl Motif {
    /// A motif from rows of probabilities. Each row is divided by its sum; a row without any mass becomes uniform.
    pub fn from_probabilities(id: &str, name: &str, alphabet: Alphabet, rows: Vec<[f64; 4]>, sites: f64) -> Self {
        let probabilities = rows.into_iter().map(normalized).collect();
        Self { id: id.into(), name: name.into(), alphabet, probabilities, sites, counts: None, background: [0.25; 4] }
    }

    /// A motif from rows of counts, which are kept; the number of sites is the largest row sum.
    pub fn from_counts(id: &str, name: &str, alphabet: Alphabet, counts: Vec<[f64; 4]>) -> Self {
        let sites = counts.iter().map(|row| row.iter().sum::<f64>()).fold(0.0, f64::max);
        let mut motif = Self::from_probabilities(id, name, alphabet, counts.clone(), sites);
        motif.counts = Some(counts);
        motif
    }

    /// Number of positions.
    pub fn len(&self) -> usize {
        self.probabilities.len()
    }

    /// Whether there is no position.
    pub fn is_empty(&self) -> bool {
        self.probabilities.is_empty()
    }

    /// `name` where there is one, else `id`.
    pub fn label(&self) -> &str {
        if self.name.is_empty() { &self.id } else { &self.name }
    }

    /// The same motif read from the other strand. Id and name stay.
    #[must_use]
    pub fn reverse_complement(&self) -> Self {
        let turn = |rows: &[[f64; 4]]| rows.iter().rev().map(|&[a, c, g, t]| [t, g, c, a]).collect();
        let [a, c, g, t] = self.background;
        Self {
            probabilities: turn(&self.probabilities),
            counts: self.counts.as_deref().map(turn),
            background: [t, g, c, a],
            ..self.clone()
        }
    }

    /// The IUPAC consensus by the rule of Cavener (1987): one base if it is above one half and twice the next, two
    /// if they make more than three quarters, three if the fourth never occurs, else `N`.
    pub fn consensus(&self) -> String {
        self.probabilities.iter().map(|row| consensus_letter(row, self.alphabet)).collect()
    }

    /// Information content of each position in bits, `2 - H(p)`: 0 for a uniform row, 2 for a single base
    /// (Schneider and Stephens 1990).
    pub fn information(&self) -> Vec<f64> {
        self.probabilities.iter().map(|row| 2.0 - entropy(row)).collect()
    }

    /// [`Motif::information`] less the bias of few sites, `3 / (2 ln 2 sites)`, and never below 0 (Schneider et al.
    /// 1986). Without a number of sites nothing is taken off.
    pub fn information_corrected(&self) -> Vec<f64> {
        let bias = if self.sites > 0.0 { 3.0 / (2.0 * std::f64::consts::LN_2 * self.sites) } else { 0.0 };
        self.information().into_iter().map(|bits| (bits - bias).max(0.0)).collect()
    }

    /// Log-odds scores in bits, `log2(p' / background)`, one row a position.
    ///
    /// `pseudocount` sites spread as the background are added to the motif's own before dividing, so that with any
    /// positive pseudocount every score is finite. An unknown number of sites counts as 20. `background` is divided
    /// by its sum; frequencies below 1e-9 are taken as that.
    pub fn log_odds(&self, pseudocount: f64, background: [f64; 4]) -> Vec<[f64; 4]> {
        let background = normalized(background.map(|b| b.max(1e-9)));
        let sites = if self.sites > 0.0 { self.sites } else { DEFAULT_SITES };
        let score = |p: f64, b: f64| ((p * sites + pseudocount * b) / (sites + pseudocount) / b).log2();
        self.probabilities.iter().map(|row| std::array::from_fn(|base| score(row[base], background[base]))).collect()
    }
}

/// A row divided by its sum; uniform if the sum is not positive.
pub(crate) fn normalized(row: [f64; 4]) -> [f64; 4] {
    let total: f64 = row.iter().sum();
    if total > 0.0 && total.is_finite() { row.map(|x| x / total) } else { [0.25; 4] }
}

fn entropy(row: &[f64; 4]) -> f64 {
    -row.iter().filter(|&&p| p > 0.0).map(|p| p * p.log2()).sum::<f64>()
}

fn consensus_letter(row: &[f64; 4], alphabet: Alphabet) -> char {
    let mut order = [0, 1, 2, 3];
    order.sort_by(|&i, &j| row[j].total_cmp(&row[i]));
    let [first, second, third, fourth] = order;
    let bits = if row[first] > 0.5 && row[first] > 2.0 * row[second] {
        1 << first
    } else if row[first] + row[second] > 0.75 {
        1 << first | 1 << second
    } else if row[fourth] == 0.0 {
        1 << first | 1 << second | 1 << third
    } else {
        15
    };
    // Indexed by the set of bases, A = 1, C = 2, G = 4, T = 8.
    match b"NACMGRSVTWYHKDBN"[bits as usize] {
        b'T' => alphabet.letters()[3] as char,
        letter => letter as char,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn motif(rows: Vec<[f64; 4]>) -> Motif {
        Motif::from_probabilities("m", "", Alphabet::Dna, rows, 0.0)
    }

    #[test]
    fn information_runs_from_zero_to_two_bits() {
        let m = motif(vec![[0.25; 4], [1.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0]]);
        assert_eq!(m.information(), [0.0, 2.0, 1.0]);
        let few = Motif { sites: 10.0, ..m };
        let bias = 3.0 / (20.0 * std::f64::consts::LN_2);
        assert_eq!(few.information_corrected(), [0.0, 2.0 - bias, 1.0 - bias]);
    }

    #[test]
    fn reverse_complement_turns_rows_counts_and_background() {
        let mut m = Motif::from_counts("m", "n", Alphabet::Dna, vec![[4.0, 0.0, 0.0, 0.0], [0.0, 1.0, 2.0, 1.0]]);
        m.background = [0.4, 0.3, 0.2, 0.1];
        let rc = m.reverse_complement();
        assert_eq!(rc.probabilities, [[0.25, 0.5, 0.25, 0.0], [0.0, 0.0, 0.0, 1.0]]);
        assert_eq!(rc.counts.as_deref(), Some(&[[1.0, 2.0, 1.0, 0.0], [0.0, 0.0, 0.0, 4.0]][..]));
        assert_eq!(rc.background, [0.1, 0.2, 0.3, 0.4]);
        assert_eq!(rc.reverse_complement(), m);
    }

    #[test]
    fn consensus_uses_one_two_three_or_four_bases() {
        let rows =
            vec![[0.7, 0.1, 0.1, 0.1], [0.4, 0.0, 0.4, 0.2], [0.4, 0.3, 0.3, 0.0], [0.25; 4], [0.0, 0.0, 0.0, 1.0]];
        let m = motif(rows);
        assert_eq!(m.consensus(), "ARVNT");
        assert_eq!(Motif { alphabet: Alphabet::Rna, ..m }.consensus(), "ARVNU");
        assert_eq!(motif(vec![]).consensus(), "");
    }

    #[test]
    fn log_odds_are_finite_with_a_pseudocount_and_infinite_without() {
        let m = motif(vec![[1.0, 0.0, 0.0, 0.0]]);
        let scores = m.log_odds(1.0, [0.25; 4]);
        assert!((scores[0][0] - (20.25 / 21.0 / 0.25_f64).log2()).abs() < 1e-12);
        assert!((scores[0][1] - (0.25 / 21.0 / 0.25_f64).log2()).abs() < 1e-12);
        assert_eq!(m.log_odds(0.0, [0.25; 4])[0], [2.0, f64::NEG_INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY]);
        assert!(m.log_odds(0.1, [1.0, 0.0, 0.0, 0.0])[0].iter().all(|s| s.is_finite()));
    }

    #[test]
    fn a_row_without_mass_is_uniform() {
        assert_eq!(motif(vec![[0.0; 4]]).probabilities, [[0.25; 4]]);
    }
}
