//! Who is trained on and who is held out.

use super::draft::Draft;
use super::related;
use crate::dataset::Provenance;
use crate::error::{Error, Result};
use basewise_core::similarity::{Limits, Threshold};
use basewise_core::split::{self, Fractions};
use basewise_core::{Alphabet, Split};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// The part of the training examples that becomes the validation split where a given split has none.
pub const VALID_OF_TRAIN: f64 = 0.1;

/// How examples are divided into training, validation and test.
#[derive(Clone, Debug, PartialEq)]
pub enum SplitPolicy {
    /// As a column of the table says; without validation rows, [`VALID_OF_TRAIN`] of the training rows become them.
    Column(String),
    /// At random; sequences that are equal, or reverse complements of each other (DNA), stay together.
    Random {
        /// Fraction of the examples for validation, 0 to 1.
        valid: f64,
        /// Fraction for the test.
        test: f64,
    },
    /// At random by groups of relatives: what chains of similar sequences (and overlapping places) connect stays together,
    /// and classes are balanced as well as whole groups permit.
    Similarity {
        /// Fraction of the examples for validation, 0 to 1.
        valid: f64,
        /// Fraction for the test.
        test: f64,
        /// From when on two sequences are similar.
        threshold: Threshold,
    },
    /// At random by group: rows with the same field in a column (a gene, a patient) stay together.
    Group {
        /// The column.
        column: String,
        /// Fraction of the groups for validation, 0 to 1.
        valid: f64,
        /// Fraction for the test.
        test: f64,
    },
    /// By chromosome: those that are not named are trained on.
    Chromosome {
        /// Names of the chromosomes for validation.
        valid: Vec<String>,
        /// Names of the chromosomes for the test.
        test: Vec<String>,
    },
}

impl SplitPolicy {
    /// The policy where nothing was asked and nothing is given: 0.1 for validation, 0.1 for the test.
    pub fn random() -> Self {
        Self::Random { valid: 0.1, test: 0.1 }
    }
}

/// What a division by similarity found, in the notes of a data set as `similarity`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RelatedGroups {
    /// From when on two sequences were similar.
    pub threshold: Threshold,
    /// Sequences that were divided: all but those that were made from others.
    pub sequences: usize,
    /// Groups that stayed together, those of one sequence included.
    pub groups: usize,
    /// Sequences in the largest group.
    pub largest: usize,
    /// Where the search for relatives stopped short.
    pub limits: Limits,
}

impl RelatedGroups {
    /// What to say where one group leaves little choice.
    fn warning(&self) -> Option<String> {
        let Self { threshold, sequences, largest, .. } = self;
        (*largest > 1 && 2 * largest > *sequences).then(|| {
            format!(
                "one group of relatives has {largest} of {sequences} sequences, so that the splits are not alike; at {threshold} \
                 (--identity, --coverage) most are related by a chain: take higher ones, or split by chromosome"
            )
        })
    }
}

/// One split for every draft, and what is to be said of them; drafts with a parent get their parent's.
pub(super) fn assign(
    drafts: &[Draft],
    policy: Option<&SplitPolicy>,
    alphabet: Alphabet,
    seed: u64,
    provenance: &mut Provenance,
) -> Result<(Vec<Split>, Vec<String>)> {
    let own: Vec<&Draft> = drafts.iter().filter(|draft| draft.parent.is_none()).collect();
    let given = own.iter().any(|draft| draft.split.is_some());
    let fallback = SplitPolicy::random();
    let drawn = match policy {
        None | Some(SplitPolicy::Column(_)) if given => Drawn::new("given", given_splits(&own, alphabet, seed)?),
        Some(SplitPolicy::Column(name)) => {
            return Err(Error::new(format!("expected a split column {name:?}, found none")));
        }
        Some(policy) => by_policy(&own, policy, alphabet, seed)?,
        None => by_policy(&own, &fallback, alphabet, seed)?,
    };
    let Drawn { name, splits, related } = drawn;
    provenance.notes.insert("split".into(), json!(name));
    let asked = if name == "given" { None } else { policy.or(Some(&fallback)) };
    let mut warnings = empty_splits(&own, asked, alphabet, &splits, related.as_ref());
    if let Some(related) = related {
        warnings.extend(related.warning());
        provenance.notes.insert("similarity".into(), json!(related));
    }
    if !warnings.is_empty() {
        provenance.notes.insert("warnings".into(), json!(warnings));
    }
    let mut splits = splits.into_iter();
    let mut all: Vec<Split> = Vec::with_capacity(drafts.len());
    for draft in drafts {
        // Parents come before what was made from them.
        let split = draft.parent.map_or_else(|| splits.next(), |parent| all.get(parent).copied());
        all.push(split.unwrap_or(Split::Train));
    }
    Ok((all, warnings))
}

/// A sentence for every split that was asked for by its fraction and got nothing; `None` is a given division, of which
/// a validation split is asked.
fn empty_splits(
    own: &[&Draft],
    policy: Option<&SplitPolicy>,
    alphabet: Alphabet,
    splits: &[Split],
    related: Option<&RelatedGroups>,
) -> Vec<String> {
    let (valid, test, counted) = match policy {
        None => (VALID_OF_TRAIN, 0.0, Counted::Sequences),
        Some(SplitPolicy::Random { valid, test }) if own.iter().any(|draft| draft.group.is_some()) => {
            (*valid, *test, Counted::Groups("of overlapping windows".to_owned()))
        }
        Some(SplitPolicy::Random { valid, test }) => (*valid, *test, Counted::Sequences),
        Some(SplitPolicy::Group { column, valid, test }) => {
            (*valid, *test, Counted::Groups(format!("in column {column:?}")))
        }
        Some(SplitPolicy::Similarity { valid, test, .. }) => {
            (*valid, *test, Counted::Relatives(related.map_or(0, |related| related.groups)))
        }
        Some(SplitPolicy::Column(_) | SplitPolicy::Chromosome { .. }) => return Vec::new(),
    };
    let empty = |&(split, fraction): &(Split, f64)| fraction > 0.0 && !splits.contains(&split);
    let missing: Vec<Split> =
        [(Split::Valid, valid), (Split::Test, test)].iter().filter(|asked| empty(asked)).map(|asked| asked.0).collect();
    if missing.is_empty() {
        return Vec::new();
    }
    // A given division takes its validation rows from the training ones.
    let pool = || own.iter().zip(splits).filter(|(_, split)| policy.is_some() || **split == Split::Train);
    let what = match counted {
        Counted::Sequences => {
            let kind = if policy.is_some() { "sequence" } else { "training sequence" };
            let different: BTreeSet<_> =
                pool().map(|(draft, _)| basewise_core::canonical(&draft.sequence, alphabet)).collect();
            too_few(different.len(), &format!("different {kind}"), "")
        }
        Counted::Groups(of) => {
            let groups: BTreeSet<_> = pool().filter_map(|(draft, _)| draft.group.as_deref()).collect();
            too_few(groups.len(), "group", &format!(" {of}"))
        }
        Counted::Relatives(groups) => too_few(groups, "group", " of relatives"),
    };
    missing.into_iter().map(|split| format!("the {split} split is empty: {what}")).collect()
}

/// What a random division deals out.
enum Counted {
    Sequences,
    Groups(String),
    Relatives(usize),
}

fn too_few(count: usize, thing: &str, of: &str) -> String {
    if count == 1 { format!("1 {thing}{of} is too few") } else { format!("{count} {thing}s{of} are too few") }
}

/// A division, and what its name is in the notes.
struct Drawn {
    name: &'static str,
    splits: Vec<Split>,
    related: Option<RelatedGroups>,
}

impl Drawn {
    fn new(name: &'static str, splits: Vec<Split>) -> Self {
        Self { name, splits, related: None }
    }
}

fn of_core(error: split::SplitError) -> Error {
    Error::new(error.to_string())
}

fn sequences<'a>(drafts: &[&'a Draft]) -> Vec<&'a [u8]> {
    drafts.iter().map(|draft| draft.sequence.as_slice()).collect()
}

/// Rows of one class, as far as the first task tells, so that every split has all of them.
fn strata(drafts: &[&Draft]) -> Vec<usize> {
    drafts
        .iter()
        .map(|draft| match draft.labels.first() {
            Some(&label) if label >= 0.0 && label.fract() == 0.0 && label < 1000.0 => 1 + label as usize,
            _ => 0,
        })
        .collect()
}

/// The splits of files or of a column; without a validation split, a part of the training rows becomes it.
fn given_splits(drafts: &[&Draft], alphabet: Alphabet, seed: u64) -> Result<Vec<Split>> {
    if let Some(draft) = drafts.iter().find(|draft| draft.split.is_none()) {
        // Training on them would leave a test without that class.
        return Err(Error::new(format!(
            "expected a split for every sequence or for none, found none for {:?}",
            draft.id
        ))
        .with_hint("say for every file which split it is"));
    }
    let splits: Vec<Option<Split>> = drafts.iter().map(|draft| draft.split).collect();
    split::carve_valid(&sequences(drafts), alphabet, &splits, &strata(drafts), VALID_OF_TRAIN, seed).map_err(of_core)
}

fn by_policy(drafts: &[&Draft], policy: &SplitPolicy, alphabet: Alphabet, seed: u64) -> Result<Drawn> {
    let drawn = match policy {
        SplitPolicy::Column(name) => return Err(Error::new(format!("expected a split column {name:?}, found none"))),
        SplitPolicy::Random { valid, test } => {
            let fractions = fractions(*valid, *test)?;
            Drawn::new("random", random(drafts, alphabet, fractions, seed))
        }
        SplitPolicy::Similarity { valid, test, threshold } => {
            let fractions = fractions(*valid, *test)?;
            if let Some(fault) = threshold.fault() {
                return Err(Error::new(fault));
            }
            by_similarity(drafts, alphabet, *threshold, fractions, seed)
        }
        SplitPolicy::Group { column, valid, test } => {
            let fractions = fractions(*valid, *test)?;
            let groups = all(drafts, |draft| draft.group.as_deref())
                .ok_or_else(|| Error::new(format!("expected a table with a group column {column:?}, found none")))?;
            Drawn::new("group", split::by_group(&groups, fractions, seed))
        }
        SplitPolicy::Chromosome { valid, test } => {
            let chroms = all(drafts, |draft| draft.chrom.as_deref()).ok_or_else(|| {
                Error::new("expected a chromosome for every sequence to split by, found none")
                    .with_hint("split at random, or make the data set from intervals and a genome")
            })?;
            Drawn::new("chromosome", split::by_chromosome(&chroms, valid, test).map_err(of_core)?)
        }
    };
    split::require_train(&drawn.splits).map_err(of_core)?;
    Ok(drawn)
}

/// Classes beyond which labels are rather numbers, which are not balanced.
const MANY_STRATA: usize = 20;

/// Relatives stay together, and so do places that overlap.
fn by_similarity(
    drafts: &[&Draft],
    alphabet: Alphabet,
    threshold: Threshold,
    fractions: Fractions,
    seed: u64,
) -> Drawn {
    let (groups, limits) = related::groups(drafts, alphabet, threshold);
    let mut strata = strata(drafts);
    if strata.iter().collect::<BTreeSet<_>>().len() > MANY_STRATA {
        strata.clear();
    }
    let mut sizes = BTreeMap::<usize, usize>::new();
    groups.iter().for_each(|&group| *sizes.entry(group).or_default() += 1);
    let related = RelatedGroups {
        threshold,
        sequences: drafts.len(),
        groups: sizes.len(),
        largest: sizes.values().copied().max().unwrap_or(0),
        limits,
    };
    let splits = split::by_group_stratified(&groups, &strata, fractions, seed);
    Drawn { name: "similarity", splits, related: Some(related) }
}

/// Places that overlap stay together as well as copies do; without places only the copies.
fn random(drafts: &[&Draft], alphabet: Alphabet, fractions: Fractions, seed: u64) -> Vec<Split> {
    if drafts.iter().any(|draft| draft.group.is_some()) {
        let groups: Vec<&str> = drafts.iter().map(|draft| draft.group.as_deref().unwrap_or(&draft.id)).collect();
        return split::by_group(&groups, fractions, seed);
    }
    split::random_stratified(&sequences(drafts), &strata(drafts), alphabet, fractions, seed)
}

fn all<'a, T>(drafts: &[&'a Draft], pick: impl Fn(&'a Draft) -> Option<T>) -> Option<Vec<T>> {
    drafts.iter().map(|draft| pick(draft)).collect()
}

fn fractions(valid: f64, test: f64) -> Result<Fractions> {
    let fits = |fraction: f64| (0.0..1.0).contains(&fraction);
    if fits(valid) && fits(test) && valid + test < 1.0 {
        return Ok(Fractions { valid, test });
    }
    Err(Error::new(format!(
        "expected fractions of 0 or more that leave something to train on, found {valid} and {test}"
    )))
}
