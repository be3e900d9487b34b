//! Dividing rows into train, valid and test without letting copies of a sequence stand on both sides.

use crate::identity::{canonical, group_numbers, members};
use crate::random::{self, stream};
use crate::{Alphabet, Split};
use std::collections::BTreeSet;

/// The shares of the rows that go to valid and test; the rest is train.
///
/// Values outside `0..=1` and NaN read as the nearest bound (NaN as 0), and valid gives way where both exceed 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fractions {
    /// Share of valid, 0 to 1.
    pub valid: f64,
    /// Share of test, 0 to 1.
    pub test: f64,
}

impl Default for Fractions {
    /// A tenth each.
    fn default() -> Self {
        Self { valid: 0.1, test: 0.1 }
    }
}

/// Why rows could not be divided as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// A chromosome was asked for that no row has.
    #[error("no row is on chromosome {name:?}; the rows are on {present}{hint}")]
    UnknownChromosome {
        /// As asked.
        name: String,
        /// The chromosomes that do occur.
        present: String,
        /// What may have been meant; empty, or starts with `; `.
        hint: String,
    },
    /// One chromosome was asked for on both sides.
    #[error("chromosome {name:?} is asked for both as valid and as test; name it once")]
    TwiceAsked {
        /// As asked.
        name: String,
    },
    /// Nothing is left to train on.
    #[error(
        "no row is left in train (train {train}, valid {valid}, test {test}); ask for smaller fractions or fewer \
         chromosomes of valid and test"
    )]
    EmptyTrain {
        /// Rows in train.
        train: usize,
        /// Rows in valid.
        valid: usize,
        /// Rows in test.
        test: usize,
    },
    /// Two columns that describe the same rows differ in length.
    #[error("expected one {what} for each of the {expected} sequences, found {found}")]
    Rows {
        /// The column.
        what: &'static str,
        /// Number of sequences.
        expected: usize,
        /// Number of its values.
        found: usize,
    },
}

/// Random rows, but sequences that are the same (whatever their case, `U` as `T`, for DNA also as reverse complements)
/// fall together.
///
/// A part with a fraction above 0 gets at least one group as long as train keeps one; see [`require_train`] for the
/// case that it cannot.
pub fn random_grouped(sequences: &[&[u8]], alphabet: Alphabet, fractions: Fractions, seed: u64) -> Vec<Split> {
    random_stratified(sequences, &vec![0; sequences.len()], alphabet, fractions, seed)
}

/// [`random_grouped`] with the same fractions in every stratum (usually a class): row `i` is of stratum `strata[i]`,
/// rows beyond the end of `strata` of stratum 0. A group is of the stratum of its first row.
pub fn random_stratified(
    sequences: &[&[u8]],
    strata: &[usize],
    alphabet: Alphabet,
    fractions: Fractions,
    seed: u64,
) -> Vec<Split> {
    let groups = members(&group_numbers(sequences.iter().map(|s| canonical(s, alphabet))));
    divide(&groups, strata, sequences.len(), fractions, seed)
}

/// Whole groups (genes, chromosomes, donors) together; the shares of rows come as close to `fractions` as a random order
/// of the groups allows.
pub fn by_group(groups: &[&str], fractions: Fractions, seed: u64) -> Vec<Split> {
    divide(&members(&group_numbers(groups.iter())), &[], groups.len(), fractions, seed)
}

/// Whole groups together, and in every split the share of each stratum (usually a class) as close to `fractions` as whole
/// groups permit: the largest group first, each goes where the squared differences between rows and what is asked for, of
/// the split and of its strata, relative to what is asked for, grow least. Groups of one size come in an order drawn by the
/// seed.
///
/// Row `i` is of group `groups[i]` and of stratum `strata[i]` (of stratum 0 beyond the end of `strata`). A group that is
/// larger than a split should be goes to train, as far as train has room.
pub fn by_group_stratified(groups: &[usize], strata: &[usize], fractions: Fractions, seed: u64) -> Vec<Split> {
    let asked = asked(fractions);
    let groups_of = members(&group_numbers(groups.iter()));
    let mut order: Vec<usize> = (0..groups_of.len()).collect();
    random::shuffle(&mut order, &mut stream(seed, "split", &[]));
    order.sort_by_key(|&g| std::cmp::Reverse(groups_of[g].len()));
    let mut shares = Shares::new((0..groups.len()).map(|row| strata.get(row).copied().unwrap_or(0)), asked);
    let mut of_group = vec![Split::Train; groups_of.len()];
    order.iter().for_each(|&g| of_group[g] = shares.take(&groups_of[g]));
    fill_empty(&groups_of, &order, &mut of_group, asked);
    spread(&groups_of, &of_group, groups.len())
}

/// What each split should get, and has.
struct Shares {
    /// Of every row; one more stratum is that of all rows.
    stratum: Vec<usize>,
    strata: usize,
    /// Splits of which something is asked for, with the rows of each stratum that they should get, and those that they have.
    sides: Vec<(Split, Vec<f64>, Vec<f64>)>,
}

impl Shares {
    fn new(strata: impl Iterator<Item = usize>, asked: [(Split, f64); 2]) -> Self {
        let stratum = group_numbers(strata);
        let strata = stratum.iter().max().map_or(0, |&top| top + 1) + 1;
        let mut shares = Self { stratum, strata, sides: Vec::new() };
        let total = shares.count(&(0..shares.stratum.len()).collect::<Vec<_>>());
        let train = 1.0 - asked[0].1 - asked[1].1;
        // Train comes first, and so wins where nothing else decides.
        for (split, fraction) in [(Split::Train, train), asked[1], asked[0]] {
            if fraction > 0.0 {
                let target = total.iter().map(|rows| fraction * rows).collect();
                shares.sides.push((split, target, vec![0.0; strata]));
            }
        }
        shares
    }

    /// Rows of each stratum.
    fn count(&self, rows: &[usize]) -> Vec<f64> {
        let mut counts = vec![0.0; self.strata];
        rows.iter().for_each(|&row| counts[self.stratum[row]] += 1.0);
        counts[self.strata - 1] = rows.len() as f64;
        counts
    }

    /// Gives rows to the split that they fit best.
    fn take(&mut self, rows: &[usize]) -> Split {
        let own = self.count(rows);
        let growth = |(_, target, filled): &(Split, Vec<f64>, Vec<f64>)| -> f64 {
            let strata = (0..self.strata).filter(|&stratum| own[stratum] > 0.0);
            let each = strata.map(|s| own[s] * (2.0 * (filled[s] - target[s]) + own[s]) / target[s]);
            each.sum()
        };
        let costs: Vec<f64> = self.sides.iter().map(growth).collect();
        let best = (0..costs.len()).min_by(|&a, &b| costs[a].total_cmp(&costs[b]));
        let Some((split, _, filled)) = best.map(|best| &mut self.sides[best]) else { return Split::Train };
        filled.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
        *split
    }
}

/// Rows on the named chromosomes go to valid and test, all others to train.
///
/// # Errors
/// A named chromosome that no row is on (with those that occur, and `chr1` for `1` or the reverse where that would
/// fit), one that is named twice, or a train without rows.
pub fn by_chromosome(chroms: &[&str], valid: &[String], test: &[String]) -> Result<Vec<Split>, SplitError> {
    let present: BTreeSet<&str> = chroms.iter().copied().collect();
    for name in valid.iter().chain(test) {
        if !present.contains(name.as_str()) {
            return Err(unknown_chromosome(name, &present));
        }
    }
    if let Some(name) = valid.iter().find(|name| test.contains(name)) {
        return Err(SplitError::TwiceAsked { name: name.clone() });
    }
    let side = |chrom: &str| {
        if test.iter().any(|name| name == chrom) {
            Split::Test
        } else if valid.iter().any(|name| name == chrom) {
            Split::Valid
        } else {
            Split::Train
        }
    };
    let splits: Vec<Split> = chroms.iter().map(|chrom| side(chrom)).collect();
    require_train(&splits)?;
    Ok(splits)
}

fn unknown_chromosome(name: &str, present: &BTreeSet<&str>) -> SplitError {
    let other = name.strip_prefix("chr").map_or_else(|| format!("chr{name}"), str::to_owned);
    let hint = if present.contains(other.as_str()) { format!("; did you mean {other:?}?") } else { String::new() };
    const SHOWN: usize = 30;
    let mut list = present.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if present.len() > SHOWN {
        list.push_str(&format!(" and {} more", present.len() - SHOWN));
    }
    if list.is_empty() {
        list.push_str("no chromosome at all");
    }
    SplitError::UnknownChromosome { name: name.to_owned(), present: list, hint }
}

/// Completes a division that came without valid: a `fraction` of train, stratified, moves to valid; copies of a
/// sequence within train move together. Rows without a split count as train. Where some row is valid already, nothing
/// moves.
///
/// `strata` is the class of each row (see [`random_stratified`]).
///
/// # Errors
/// If `splits` and `sequences` differ in length, or no train row is left.
pub fn carve_valid(
    sequences: &[&[u8]],
    alphabet: Alphabet,
    splits: &[Option<Split>],
    strata: &[usize],
    fraction: f64,
    seed: u64,
) -> Result<Vec<Split>, SplitError> {
    if splits.len() != sequences.len() {
        return Err(SplitError::Rows { what: "split", expected: sequences.len(), found: splits.len() });
    }
    let mut result: Vec<Split> = splits.iter().map(|split| split.unwrap_or(Split::Train)).collect();
    if !result.contains(&Split::Valid) {
        let train: Vec<usize> = (0..result.len()).filter(|&row| result[row] == Split::Train).collect();
        let own: Vec<&[u8]> = train.iter().map(|&row| sequences[row]).collect();
        let own_strata: Vec<usize> = train.iter().map(|&row| strata.get(row).copied().unwrap_or(0)).collect();
        let fractions = Fractions { valid: fraction, test: 0.0 };
        let carved = random_stratified(&own, &own_strata, alphabet, fractions, seed);
        for (&row, split) in train.iter().zip(carved) {
            result[row] = split;
        }
    }
    require_train(&result)?;
    Ok(result)
}

/// Refuses a division without a train row.
///
/// # Errors
/// [`SplitError::EmptyTrain`] with the three counts.
pub fn require_train(splits: &[Split]) -> Result<(), SplitError> {
    let [train, valid, test] = Split::ALL.map(|split| splits.iter().filter(|&&s| s == split).count());
    if train == 0 { Err(SplitError::EmptyTrain { train, valid, test }) } else { Ok(()) }
}

/// Assigns whole groups: per stratum in random order, test first, then valid, as long as taking a group brings the
/// number of rows nearer to the target. What a stratum missed is carried to the next, so that many small strata still
/// add up to the fractions.
fn divide(groups: &[Vec<usize>], strata: &[usize], rows: usize, fractions: Fractions, seed: u64) -> Vec<Split> {
    let asked = asked(fractions);
    let stratum = |group: &Vec<usize>| group.first().and_then(|&row| strata.get(row)).copied().unwrap_or(0);
    let mut order: Vec<usize> = (0..groups.len()).collect();
    random::shuffle(&mut order, &mut stream(seed, "split", &[]));
    order.sort_by_key(|&g| stratum(&groups[g]));

    let mut of_group = vec![Split::Train; groups.len()];
    let mut carried = [0.0; 2];
    for part in order.chunk_by(|&a, &b| stratum(&groups[a]) == stratum(&groups[b])) {
        let total: usize = part.iter().map(|&g| groups[g].len()).sum();
        for (side, (split, fraction)) in asked.into_iter().enumerate() {
            let mut missing = fraction * total as f64 + carried[side];
            for &g in part {
                let size = groups[g].len() as f64;
                if of_group[g] == Split::Train && size / 2.0 <= missing + 1e-9 {
                    of_group[g] = split;
                    missing -= size;
                }
            }
            carried[side] = missing;
        }
    }
    fill_empty(groups, &order, &mut of_group, asked);
    spread(groups, &of_group, rows)
}

/// What is held out, within bounds: test, then valid.
fn asked(fractions: Fractions) -> [(Split, f64); 2] {
    let clamp = |x: f64, top: f64| if x.is_nan() { 0.0 } else { x.clamp(0.0, top) };
    let test = clamp(fractions.test, 1.0);
    [(Split::Test, test), (Split::Valid, clamp(fractions.valid, 1.0 - test))]
}

/// Gives a part that was asked for and got nothing the smallest group of train, as long as train keeps one.
fn fill_empty(groups: &[Vec<usize>], order: &[usize], of_group: &mut [Split], asked: [(Split, f64); 2]) {
    for (split, fraction) in asked {
        if fraction > 0.0 && !of_group.contains(&split) {
            let mut left = order.iter().copied().filter(|&g| of_group[g] == Split::Train);
            let smallest = left.clone().min_by_key(|&g| groups[g].len());
            if let (Some(smallest), true) = (smallest, left.nth(1).is_some()) {
                of_group[smallest] = split;
            }
        }
    }
}

/// The split of every row, from those of the groups.
fn spread(groups: &[Vec<usize>], of_group: &[Split], rows: usize) -> Vec<Split> {
    let mut splits = vec![Split::Train; rows];
    for (group, &split) in groups.iter().zip(of_group) {
        group.iter().for_each(|&row| splits[row] = split);
    }
    splits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reverse_complement;

    fn random_sequences(n: usize) -> Vec<Vec<u8>> {
        let mut rng = stream(5, "test", &[]);
        (0..n).map(|_| (0..30).map(|_| b"ACGT"[random::below(&mut rng, 4)]).collect()).collect()
    }

    fn count(splits: &[Split], split: Split) -> usize {
        splits.iter().filter(|&&s| s == split).count()
    }

    #[test]
    fn copies_and_reverse_complements_fall_together() {
        let mut sequences = random_sequences(200);
        for i in 0..100 {
            sequences.push(sequences[i].to_ascii_lowercase());
            sequences.push(reverse_complement(&sequences[i], Alphabet::Dna));
        }
        let views: Vec<&[u8]> = sequences.iter().map(Vec::as_slice).collect();
        let splits = random_grouped(&views, Alphabet::Dna, Fractions { valid: 0.2, test: 0.25 }, 3);
        for i in 0..100 {
            assert_eq!(splits[i], splits[200 + 2 * i]);
            assert_eq!(splits[i], splits[201 + 2 * i]);
        }
        assert!(count(&splits, Split::Test).abs_diff(100) <= 2 && count(&splits, Split::Valid).abs_diff(80) <= 2);
        assert_eq!(splits, random_grouped(&views, Alphabet::Dna, Fractions { valid: 0.2, test: 0.25 }, 3));
        assert_ne!(splits, random_grouped(&views, Alphabet::Dna, Fractions { valid: 0.2, test: 0.25 }, 4));
    }

    #[test]
    fn strata_keep_their_shares() {
        let sequences = random_sequences(1000);
        let views: Vec<&[u8]> = sequences.iter().map(Vec::as_slice).collect();
        let strata: Vec<usize> = (0..1000).map(|i| usize::from(i % 10 == 0)).collect();
        let splits = random_stratified(&views, &strata, Alphabet::Rna, Fractions { valid: 0.1, test: 0.2 }, 1);
        let rare = |split| (0..1000).filter(|&i| strata[i] == 1 && splits[i] == split).count();
        assert_eq!([rare(Split::Train), rare(Split::Valid), rare(Split::Test)], [70, 10, 20]);
        // A stratum for every row: single rows cannot keep a share, but all together do.
        let own: Vec<usize> = (0..1000).collect();
        let splits = random_stratified(&views, &own, Alphabet::Rna, Fractions { valid: 0.1, test: 0.2 }, 1);
        assert_eq!((count(&splits, Split::Valid), count(&splits, Split::Test)), (100, 200));
    }

    #[test]
    fn asked_parts_are_never_empty_while_train_can_spare_a_group() {
        let fractions = Fractions { valid: 0.1, test: 0.1 };
        let splits = by_group(&["a", "b", "c"], fractions, 1);
        assert_eq!(Split::ALL.map(|s| count(&splits, s)), [1, 1, 1]);
        assert_eq!(by_group(&["a", "a"], fractions, 1), [Split::Train; 2]);
        assert!(by_group(&[], fractions, 1).is_empty());
        assert!(by_group(&["a", "b"], Fractions { valid: f64::NAN, test: -1.0 }, 1).iter().all(|&s| s == Split::Train));
    }

    #[test]
    fn groups_stay_whole_and_near_the_fractions() {
        let names: Vec<String> = (0..500).map(|i| format!("g{}", (i * i) % 37)).collect();
        let groups: Vec<&str> = names.iter().map(String::as_str).collect();
        let splits = by_group(&groups, Fractions { valid: 0.2, test: 0.2 }, 9);
        for i in 0..500 {
            assert_eq!(splits[i], splits[groups.iter().position(|g| *g == groups[i]).unwrap()]);
        }
        assert!(count(&splits, Split::Test).abs_diff(100) < 20 && count(&splits, Split::Valid).abs_diff(100) < 20);
    }

    #[test]
    fn strata_are_balanced_over_whole_groups() {
        // Groups of 1 to 30 rows; a class of a tenth that comes in whole groups, and one that is spread.
        let mut groups = Vec::new();
        let mut strata = Vec::new();
        for group in 0..300 {
            for row in 0..1 + group * group % 31 {
                groups.push(group);
                strata.push(if group % 10 == 0 { 2 } else { usize::from(row % 3 == 0) });
            }
        }
        let splits = by_group_stratified(&groups, &strata, Fractions { valid: 0.1, test: 0.2 }, 3);
        for stratum in 0..3 {
            let of = |split| (0..groups.len()).filter(|&i| strata[i] == stratum && splits[i] == split).count() as f64;
            let total: f64 = Split::ALL.into_iter().map(of).sum();
            assert!((of(Split::Test) / total - 0.2).abs() < 0.02 && (of(Split::Valid) / total - 0.1).abs() < 0.02);
        }
        let same: Vec<Split> =
            groups.iter().map(|g| splits[groups.iter().position(|other| other == g).unwrap()]).collect();
        assert_eq!(splits, same);
        assert_eq!(splits, by_group_stratified(&groups, &strata, Fractions { valid: 0.1, test: 0.2 }, 3));
        assert_ne!(splits, by_group_stratified(&groups, &strata, Fractions { valid: 0.1, test: 0.2 }, 4));
    }

    #[test]
    fn a_giant_group_is_trained_on() {
        let groups: Vec<usize> = (0..100).map(|row| if row < 60 { 7 } else { row }).collect();
        let fractions = Fractions { valid: 0.1, test: 0.1 };
        let splits = by_group_stratified(&groups, &[], fractions, 1);
        assert!(splits[..60].iter().all(|&split| split == Split::Train));
        assert_eq!(Split::ALL.map(|s| count(&splits, s)), [80, 10, 10]);
        assert_eq!(by_group_stratified(&[5, 5, 5], &[0, 1, 1], fractions, 1), [Split::Train; 3]);
        let three = by_group_stratified(&[1, 2, 3], &[], fractions, 1);
        assert_eq!(Split::ALL.map(|s| count(&three, s)), [1, 1, 1]);
        let none = Fractions { valid: 0.0, test: f64::NAN };
        assert_eq!(by_group_stratified(&[1, 2, 3], &[], none, 1), [Split::Train; 3]);
        let only_test = Fractions { valid: 0.5, test: 1.0 };
        assert_eq!(by_group_stratified(&[1, 2], &[], only_test, 1), [Split::Test; 2]);
        assert!(by_group_stratified(&[], &[], fractions, 1).is_empty());
    }

    #[test]
    fn chromosomes_are_found_or_named() {
        let chroms = ["chr1", "chr2", "chr3", "chr1"];
        let splits = by_chromosome(&chroms, &["chr2".into()], &["chr3".into()]).unwrap();
        assert_eq!(splits, [Split::Train, Split::Valid, Split::Test, Split::Train]);
        let message = by_chromosome(&chroms, &["2".into()], &[]).unwrap_err().to_string();
        assert!(message.contains("chr1, chr2, chr3") && message.contains("did you mean \"chr2\"?"), "{message}");
        let message = by_chromosome(&["1", "2"], &[], &["chr2".into()]).unwrap_err().to_string();
        assert!(message.contains("did you mean \"2\"?"), "{message}");
        assert!(!by_chromosome(&chroms, &["X".into()], &[]).unwrap_err().to_string().contains("did you mean"));
        let twice = by_chromosome(&chroms, &["chr1".into()], &["chr1".into()]);
        assert_eq!(twice, Err(SplitError::TwiceAsked { name: "chr1".into() }));
        let all = ["chr1".to_owned(), "chr2".into(), "chr3".into()];
        assert_eq!(by_chromosome(&chroms, &[], &all), Err(SplitError::EmptyTrain { train: 0, valid: 0, test: 4 }));
        assert!(by_chromosome(&[], &[], &["chr1".into()]).unwrap_err().to_string().contains("no chromosome at all"));
    }

    #[test]
    fn valid_is_carved_from_train_only() {
        let mut sequences = random_sequences(100);
        sequences[1] = sequences[0].clone();
        let views: Vec<&[u8]> = sequences.iter().map(Vec::as_slice).collect();
        let given: Vec<_> = (0..100).map(|i| if i < 80 { None } else { Some(Split::Test) }).collect();
        let strata: Vec<usize> = (0..100).map(|i| i % 2).collect();
        let splits = carve_valid(&views, Alphabet::Dna, &given, &strata, 0.25, 1).unwrap();
        assert!(splits[80..].iter().all(|&s| s == Split::Test));
        assert_eq!((count(&splits, Split::Train), count(&splits, Split::Valid)), (60, 20));
        assert_eq!(splits[0], splits[1]);
        let even = (0..80).filter(|&i| i % 2 == 0 && splits[i] == Split::Valid).count();
        // Rows 0 and 1 are copies of different strata, which may cost one.
        assert!(even.abs_diff(10) <= 1, "{even}");
        let mut with_valid = given.clone();
        with_valid[3] = Some(Split::Valid);
        assert_eq!(count(&carve_valid(&views, Alphabet::Dna, &with_valid, &strata, 0.25, 1).unwrap(), Split::Valid), 1);
        assert!(carve_valid(&views, Alphabet::Dna, &given, &strata, 1.0, 1).is_err());
        assert!(carve_valid(&views, Alphabet::Dna, &given[1..], &strata, 0.1, 1).is_err());
    }
}
