//! Cross-validation: the training and validation rows of a data set, dealt anew into folds.
//!
//! Member `k` of the models that are trained so validates on fold `k` and trains on the others. The test split takes no
//! part: it is neither dealt out nor read.

use crate::identity::canonical;
use crate::random::{shuffle, stream};
use crate::source::{ExampleSource, Header, Rows, SourceError, Survey};
use crate::{Alphabet, Dataset, Split, Task, TaskKind};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What stays together within a fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FoldBy {
    /// Whole chromosomes, so that neighbours and overlapping windows are on one side.
    Chromosome,
    /// Copies of a sequence; for DNA its reverse complement too.
    Copies,
    /// Relatives, as [`Origins::with_relatives`] was told them.
    Similarity,
}

/// Why rows cannot be dealt into folds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// One fold validates on everything and trains on nothing.
    #[error("expected at least 2 folds, found {0}")]
    TooFew(usize),
    /// Not enough chromosomes.
    #[error("expected at least {folds} chromosomes in the training and validation splits, found {found}")]
    Chromosomes {
        /// As asked.
        folds: usize,
        /// What there is.
        found: usize,
    },
    /// Rows without a place cannot go by chromosome.
    #[error("expected a chromosome for every row, found {0} rows without a place")]
    NoPlace(usize),
    /// Nobody said which rows are relatives.
    #[error("expected a group of relatives for every row, found {found} groups for {rows} rows")]
    NoRelatives {
        /// What there is.
        rows: usize,
        /// As told.
        found: usize,
    },
    /// Not enough groups of relatives.
    #[error("expected at least {folds} groups of relatives in the training and validation splits, found {found}")]
    Relatives {
        /// As asked.
        folds: usize,
        /// What there is.
        found: usize,
    },
    /// Not enough different sequences.
    #[error("expected at least {folds} different sequences in the training and validation splits, found {found}")]
    Sequences {
        /// As asked.
        folds: usize,
        /// What there is.
        found: usize,
    },
}

/// What decides the fold of each row: its split, chromosome, letters and class. A few bytes a row.
#[derive(Clone, Debug)]
pub struct Origins {
    alphabet: Alphabet,
    /// Whether the first task has classes, which are spread evenly.
    classes: bool,
    splits: Vec<Split>,
    chroms: Vec<Option<u32>>,
    names: Vec<String>,
    numbers: HashMap<String, u32>,
    /// A hash of each sequence in the form in which copies are compared. Two that collide only fall together.
    copies: Vec<u64>,
    strata: Vec<u64>,
    relatives: Vec<u64>,
}

impl Origins {
    /// Of no rows yet of a data set with these tasks.
    pub fn new(alphabet: Alphabet, tasks: &[Task]) -> Self {
        let classes = tasks.first().is_some_and(|t| matches!(t.kind, TaskKind::Binary | TaskKind::Classes { .. }));
        let (splits, chroms, names, copies, strata, relatives) = Default::default();
        Self { alphabet, classes, splits, chroms, names, numbers: HashMap::new(), copies, strata, relatives }
    }

    /// The same, with the group of relatives of every row in the order of the rows, any numbers. Those of rows of the test
    /// split are not looked at.
    #[must_use]
    pub fn with_relatives(self, groups: &[usize]) -> Self {
        Self { relatives: groups.iter().map(|&group| group as u64).collect(), ..self }
    }

    /// Adds the next row of the data set.
    pub fn push(&mut self, split: Split, chrom: Option<&str>, letters: &[u8], labels: &[f64]) {
        let class = labels.first().filter(|label| self.classes && **label >= 0.0);
        let stratum = class.map_or(0, |&class| 1 + class as u64);
        let number = chrom.map(|chrom| match self.numbers.get(chrom) {
            Some(&number) => number,
            None => {
                let number = self.names.len() as u32;
                self.numbers.insert(chrom.to_owned(), number);
                self.names.push(chrom.to_owned());
                number
            }
        });
        // Without a key of its own, so that it is the same in every run.
        let mut hasher = DefaultHasher::new();
        canonical(letters, self.alphabet).hash(&mut hasher);
        self.splits.push(split);
        self.chroms.push(number);
        self.copies.push(hasher.finish());
        self.strata.push(stratum);
    }

    /// Rows that take part.
    fn dealt(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.splits.len()).filter(|&row| self.splits[row] != Split::Test)
    }

    /// By chromosome where every row that takes part has one, else by copies.
    pub fn natural(&self) -> FoldBy {
        let mut dealt = self.dealt().peekable();
        let known = dealt.peek().is_some() && dealt.all(|row| self.chroms[row].is_some());
        if known { FoldBy::Chromosome } else { FoldBy::Copies }
    }

    /// Deals the rows into `number` folds of about equal size.
    ///
    /// Chromosomes go, the largest first, to the fold that has the fewest rows (the seed does not matter). Copies go in
    /// an order drawn by the seed to the fold with the fewest rows of their stratum, and so do relatives, the largest group
    /// first.
    ///
    /// # Errors
    /// See [`FoldError`].
    pub fn deal(&self, number: usize, by: FoldBy, seed: u64) -> Result<Folds, FoldError> {
        if number < 2 {
            return Err(FoldError::TooFew(number));
        }
        let fold_of = match by {
            FoldBy::Chromosome => self.by_chromosome(number)?,
            FoldBy::Copies => self
                .by_group(number, &self.copies, false, seed)
                .map_err(|found| FoldError::Sequences { folds: number, found })?,
            FoldBy::Similarity if self.relatives.len() != self.splits.len() => {
                return Err(FoldError::NoRelatives { rows: self.splits.len(), found: self.relatives.len() });
            }
            FoldBy::Similarity => self
                .by_group(number, &self.relatives, true, seed)
                .map_err(|found| FoldError::Relatives { folds: number, found })?,
        };
        Ok(Folds { number, splits: self.splits.clone(), fold_of })
    }

    fn by_chromosome(&self, number: usize) -> Result<Vec<Option<usize>>, FoldError> {
        let mut rows = vec![0; self.names.len()];
        let mut without = 0;
        for row in self.dealt() {
            match self.chroms[row] {
                Some(chrom) => rows[chrom as usize] += 1,
                None => without += 1,
            }
        }
        if without > 0 {
            return Err(FoldError::NoPlace(without));
        }
        let mut order: Vec<usize> = (0..rows.len()).filter(|&chrom| rows[chrom] > 0).collect();
        if order.len() < number {
            return Err(FoldError::Chromosomes { folds: number, found: order.len() });
        }
        order.sort_by_key(|&chrom| (Reverse(rows[chrom]), &self.names[chrom]));
        let mut sizes = vec![0; number];
        let mut fold_of_chrom = vec![None; rows.len()];
        for chrom in order {
            let fold = emptiest(&sizes);
            sizes[fold] += rows[chrom];
            fold_of_chrom[chrom] = Some(fold);
        }
        let mut folds = vec![None; self.splits.len()];
        self.dealt().for_each(|row| folds[row] = self.chroms[row].and_then(|chrom| fold_of_chrom[chrom as usize]));
        Ok(folds)
    }

    /// Rows with equal keys together; the number of groups if there are fewer than folds.
    fn by_group(
        &self,
        number: usize,
        keys: &[u64],
        largest_first: bool,
        seed: u64,
    ) -> Result<Vec<Option<usize>>, usize> {
        let mut group_of = HashMap::new();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for row in self.dealt() {
            let group = *group_of.entry(keys[row]).or_insert(groups.len());
            if group == groups.len() {
                groups.push(Vec::new());
            }
            groups[group].push(row);
        }
        if groups.len() < number {
            return Err(groups.len());
        }
        shuffle(&mut groups, &mut stream(seed, "folds", &[]));
        // A group is of the stratum of its first row; the sort keeps the drawn order within a stratum, or among groups of
        // one size.
        let size = |group: &Vec<usize>| if largest_first { group.len() } else { 0 };
        groups.sort_by_key(|group| (self.strata[group[0]], Reverse(size(group))));
        let mut folds = vec![None; self.splits.len()];
        let mut sizes = vec![0; number];
        for stratum in groups.chunk_by(|a, b| self.strata[a[0]] == self.strata[b[0]]) {
            let mut own = vec![0; number];
            for group in stratum {
                let fold = (0..number).min_by_key(|&fold| (own[fold], sizes[fold], fold)).unwrap_or(0);
                own[fold] += group.len();
                sizes[fold] += group.len();
                group.iter().for_each(|&row| folds[row] = Some(fold));
            }
        }
        Ok(folds)
    }
}

fn emptiest(sizes: &[usize]) -> usize {
    (0..sizes.len()).min_by_key(|&fold| (sizes[fold], fold)).unwrap_or(0)
}

impl Dataset {
    /// What decides the fold of each row.
    pub fn origins(&self) -> Origins {
        let mut origins = Origins::new(self.encoding.alphabet, &self.tasks);
        for example in &self.examples {
            let chrom = example.place.as_ref().map(|place| place.chrom.as_str());
            origins.push(example.split, chrom, &example.sequence, &example.labels);
        }
        origins
    }
}

/// The fold of every row of a data set, in the order of its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folds {
    number: usize,
    splits: Vec<Split>,
    fold_of: Vec<Option<usize>>,
}

impl Folds {
    /// How many folds there are.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The 0-based fold of a row; none for the test split.
    pub fn of(&self, row: usize) -> Option<usize> {
        self.fold_of.get(row).copied().flatten()
    }

    /// The rows of a fold, ascending.
    pub fn rows(&self, fold: usize) -> Vec<usize> {
        (0..self.fold_of.len()).filter(|&row| self.fold_of[row] == Some(fold)).collect()
    }

    /// The side of a row when `held_out` is the fold to validate on.
    fn side(&self, row: usize, held_out: usize) -> Split {
        match self.fold_of[row] {
            None => Split::Test,
            Some(fold) if fold == held_out => Split::Valid,
            Some(_) => Split::Train,
        }
    }
}

/// A source of which one fold is the validation split, and all others the training split.
pub struct HeldOut<'s> {
    source: &'s dyn ExampleSource,
    folds: &'s Folds,
    held_out: usize,
    /// The number of the first row of each block.
    starts: Vec<usize>,
}

impl<'s> HeldOut<'s> {
    /// Holds fold `held_out` out of a source whose rows were dealt into `folds`.
    ///
    /// # Errors
    /// A source that cannot be read, or with other rows than those that were dealt.
    pub fn new(source: &'s dyn ExampleSource, folds: &'s Folds, held_out: usize) -> Result<Self, SourceError> {
        let survey = source.survey()?;
        let mut starts = Vec::with_capacity(survey.blocks());
        let mut next = 0;
        for block in 0..survey.blocks() {
            starts.push(next);
            next += Split::ALL.map(|split| survey.rows_in(block, split)).iter().sum::<usize>();
        }
        if next != folds.splits.len() {
            let message = format!("expected the {} rows that were dealt into folds, found {next}", folds.splits.len());
            return Err(SourceError::new(message));
        }
        Ok(Self { source, folds, held_out, starts })
    }

    /// The rows of a block that belong to `split` in the source.
    fn numbers(&self, block: usize, split: Split) -> impl Iterator<Item = usize> + '_ {
        let end = self.starts.get(block + 1).copied().unwrap_or(self.folds.splits.len());
        (self.starts[block]..end).filter(move |&row| self.folds.splits[row] == split)
    }

    /// Visits the rows of a block that take part: those of the source's training split first, then of its validation.
    fn each(
        &self,
        block: usize,
        visit: &mut dyn FnMut(Split, &Rows, usize) -> Result<(), SourceError>,
    ) -> Result<(), SourceError> {
        for split in [Split::Train, Split::Valid] {
            let mut rows = Rows::new(&self.source.header());
            self.source.read(block, split, &mut rows)?;
            for (i, row) in self.numbers(block, split).enumerate().take(rows.len()) {
                visit(self.folds.side(row, self.held_out), &rows, i)?;
            }
        }
        Ok(())
    }
}

impl ExampleSource for HeldOut<'_> {
    fn header(&self) -> Header {
        self.source.header()
    }

    fn survey(&self) -> Result<Survey, SourceError> {
        let header = self.source.header();
        let mut survey = Survey::new(&header.tasks);
        for block in 0..self.starts.len() {
            survey.begin_block();
            self.each(block, &mut |side, rows, i| survey.add(side, rows.labels(i), &header).map_err(SourceError::new))?;
        }
        Ok(survey)
    }

    fn digest(&self) -> Option<String> {
        let mut hasher = DefaultHasher::new();
        self.folds.fold_of.hash(&mut hasher);
        let (number, fold) = (self.folds.number, self.held_out + 1);
        Some(format!("{} fold {fold} of {number} {:016x}", self.source.digest()?, hasher.finish()))
    }

    fn read(&self, block: usize, split: Split, into: &mut Rows) -> Result<(), SourceError> {
        self.each(block, &mut |side, rows, i| {
            if side == split {
                into.push_row(rows.row(i));
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CasePolicy, Encoding, Example, Interval, Strand, reverse_complement};

    fn place(chrom: &str) -> Option<Interval> {
        Some(Interval { chrom: chrom.into(), start: 0, end: 4, strand: Strand::Forward })
    }

    type Row<'a> = (Split, Option<&'a str>, &'a [u8], f64);

    fn dataset(rows: &[Row<'_>]) -> Dataset {
        let example = |(i, &(split, chrom, letters, label)): (usize, &Row<'_>)| Example {
            id: format!("e{i}"),
            place: chrom.and_then(place),
            split,
            sequence: letters.to_vec(),
            labels: vec![label],
            covariates: vec![],
            control: vec![],
            weight: 1.0,
        };
        let encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };
        let tasks = vec![Task { name: "y".into(), kind: TaskKind::Binary }];
        Dataset {
            encoding,
            length: 4,
            jitter: 0,
            tasks,
            covariates: vec![],
            control: None,
            examples: rows.iter().enumerate().map(example).collect(),
        }
    }

    fn random(n: usize, seed: u64) -> Vec<Vec<u8>> {
        let mut rng = stream(seed, "test", &[]);
        (0..n).map(|_| (0..20).map(|_| b"ACGT"[crate::random::below(&mut rng, 4)]).collect()).collect()
    }

    #[test]
    fn chromosomes_stay_whole_and_folds_are_balanced() {
        let sizes = [("chr1", 50), ("chr2", 30), ("chr3", 20), ("chr4", 20), ("chrX", 10)];
        let sequences = random(140, 1);
        let mut rows: Vec<(Split, Option<&str>, &[u8], f64)> = Vec::new();
        for (chrom, n) in sizes {
            (0..n).for_each(|i| {
                let split = if i % 5 == 0 { Split::Valid } else { Split::Train };
                rows.push((split, Some(chrom), &sequences[rows.len()], 1.0));
            });
        }
        (0..10).for_each(|i| rows.push((Split::Test, Some("chr9"), &sequences[130 + i], 0.0)));
        let data = dataset(&rows);
        let origins = data.origins();
        assert_eq!(origins.natural(), FoldBy::Chromosome);
        let folds = origins.deal(3, FoldBy::Chromosome, 1).unwrap();
        // Largest first: chr1 | chr2, chrX | chr3, chr4.
        assert_eq!([0, 1, 2].map(|fold| folds.rows(fold).len()), [50, 40, 40]);
        assert!(folds.rows(1).iter().all(|&row| (50..80).contains(&row) || (120..130).contains(&row)));
        assert!((130..140).all(|row| folds.of(row).is_none()));
        assert_eq!(origins.deal(6, FoldBy::Chromosome, 1), Err(FoldError::Chromosomes { folds: 6, found: 5 }));
        assert_eq!(origins.deal(1, FoldBy::Chromosome, 1), Err(FoldError::TooFew(1)));
    }

    #[test]
    fn copies_stay_together_and_classes_are_spread() {
        let mut sequences = random(90, 2);
        for i in 0..30 {
            sequences.push(reverse_complement(&sequences[i], Alphabet::Dna));
        }
        let rows: Vec<_> = (0..120)
            .map(|i| (Split::Train, None, sequences[i].as_slice(), f64::from(u8::from(i % 30 % 10 == 0))))
            .collect();
        let data = dataset(&rows);
        let origins = data.origins();
        assert_eq!(origins.natural(), FoldBy::Copies);
        let folds = origins.deal(4, FoldBy::Copies, 7).unwrap();
        (0..30).for_each(|i| assert_eq!(folds.of(i), folds.of(90 + i)));
        for fold in 0..4 {
            let own = folds.rows(fold);
            let positive = own.iter().filter(|&&row| data.examples[row].labels[0] == 1.0).count();
            assert!(own.len().abs_diff(30) <= 2 && positive.abs_diff(3) <= 1, "{} {positive}", own.len());
        }
        assert_eq!(folds, origins.deal(4, FoldBy::Copies, 7).unwrap());
        assert_ne!(folds, origins.deal(4, FoldBy::Copies, 8).unwrap());
        assert_eq!(origins.deal(2, FoldBy::Chromosome, 1), Err(FoldError::NoPlace(120)));
        assert_eq!(origins.deal(91, FoldBy::Copies, 1), Err(FoldError::Sequences { folds: 91, found: 90 }));
    }

    #[test]
    fn relatives_stay_together_and_large_groups_leave_folds_even() {
        let sequences = random(100, 4);
        let split = |i: usize| if i < 90 { Split::Train } else { Split::Test };
        let rows: Vec<_> = (0..100).map(|i| (split(i), None, sequences[i].as_slice(), 1.0)).collect();
        let origins = dataset(&rows).origins();
        assert_eq!(origins.deal(3, FoldBy::Similarity, 1), Err(FoldError::NoRelatives { rows: 100, found: 0 }));
        // One group of 25, others of five; rows of the test are said to be related to rows of it and do not matter.
        let groups: Vec<usize> = (0..100).map(|i| if (25..90).contains(&i) { i / 5 } else { 0 }).collect();
        let origins = origins.with_relatives(&groups);
        let folds = origins.deal(3, FoldBy::Similarity, 1).unwrap();
        assert!(
            (0..90).all(|i| folds.of(i).is_some()
                && folds.of(i) == folds.of((0..90).find(|&j| groups[j] == groups[i]).unwrap()))
        );
        assert_eq!([0, 1, 2].map(|fold| folds.rows(fold).len()), [30; 3]);
        assert!((90..100).all(|i| folds.of(i).is_none()));
        assert_ne!(folds, origins.deal(3, FoldBy::Similarity, 2).unwrap());
        assert_eq!(origins.deal(15, FoldBy::Similarity, 1), Err(FoldError::Relatives { folds: 15, found: 14 }));
    }

    #[test]
    fn each_row_is_validated_on_once_and_test_is_never_read() {
        let sequences = random(30, 3);
        let split = |i: usize| [Split::Train, Split::Valid, Split::Test][i % 3];
        let rows: Vec<_> =
            (0..30).map(|i| (split(i), None, sequences[i].as_slice(), f64::from(u8::from(i % 2 == 0)))).collect();
        let data = dataset(&rows);
        let folds = data.origins().deal(4, FoldBy::Copies, 1).unwrap();
        let mut validated = Vec::new();
        let mut digests = Vec::new();
        for fold in 0..4 {
            let source = HeldOut::new(&data, &folds, fold).unwrap();
            let survey = source.survey().unwrap();
            let counts = Split::ALL.map(|split| survey.rows(split));
            assert_eq!((counts[0] + counts[1], counts[2], counts[1]), (20, 0, folds.rows(fold).len()));
            let mut read = Rows::new(&source.header());
            source.read(0, Split::Test, &mut read).unwrap();
            assert!(read.is_empty());
            source.read(0, Split::Valid, &mut read).unwrap();
            let expected: Vec<Vec<u8>> = [Split::Train, Split::Valid]
                .iter()
                .flat_map(|&side| folds.rows(fold).into_iter().filter(move |&row| split(row) == side))
                .map(|row| data.encoding.encode(&sequences[row]).unwrap()[8..12].iter().map(|c| c.base()).collect())
                .collect();
            let found: Vec<Vec<u8>> =
                (0..read.len()).map(|i| read.codes(i).iter().map(|code| code.base()).collect()).collect();
            assert_eq!(found, expected);
            validated.extend(folds.rows(fold));
            digests.push(source.digest());
        }
        validated.sort_unstable();
        assert_eq!(validated, (0..30).filter(|i| i % 3 != 2).collect::<Vec<_>>());
        // A data set in memory has no digest of its own; its rows are hashed instead.
        assert!(digests.iter().all(Option::is_none));
        let fewer = Dataset { examples: data.examples[1..].to_vec(), ..data.clone() };
        assert!(HeldOut::new(&fewer, &folds, 0).is_err());
    }
}
