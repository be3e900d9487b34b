//! What in a data set would make a model look better than it is, and how to take it out.
//!
//! Sequences are the same when they agree in upper case with `U` as `T`; in DNA also when one is the reverse complement
//! of the other ([`crate::canonical`]). [`check`] only looks; [`fix`] removes rows and accounts for each.

mod association;
mod constant;
mod copies;
mod fix;
mod near;
mod parts;
mod related;

pub use fix::{Removal, fix};

use crate::similarity::Threshold;
use crate::{Dataset, Split};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Thresholds of a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckOptions {
    /// Whether to look for near-duplicates across splits.
    pub near_duplicates: bool,
    /// Two sequences are near-duplicates if they share at least this fraction of the distinct k-mers of the one that has
    /// fewer (the overlap coefficient), above 0 to 1. At 0.8 and 200 bases: shifted by up to 40, or about four
    /// substitutions.
    pub similarity: f64,
    /// From when on two sequences are relatives; `None` does not look for any.
    pub relatives: Option<Threshold>,
    /// Whether [`fix`] takes training rows with a relative in validation or test out. Otherwise they stay: splits that keep
    /// relatives together lose no rows.
    pub remove_relatives: bool,
    /// A property predicts a label if its AUROC is at least this, or at most 1 minus this: 0.5 to 1. For a regression,
    /// |Spearman| of at least twice its distance from 0.5.
    pub auroc: f64,
    /// How many ids a finding shows.
    pub examples: usize,
}

impl Default for CheckOptions {
    /// Near-duplicates at 0.8, relatives at [`Threshold::default`] that stay, AUROC 0.7, five ids.
    fn default() -> Self {
        Self {
            near_duplicates: true,
            similarity: 0.8,
            relatives: Some(Threshold::default()),
            remove_relatives: false,
            auroc: 0.7,
            examples: 5,
        }
    }
}

/// What was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// A part of the data set without rows.
    EmptySplit,
    /// A part in which all rows have the same class.
    OneClassSplit,
    /// Rows without a label.
    UnknownLabels,
    /// The same sequence, on the same strand, twice in a split.
    Duplicates,
    /// A sequence and its reverse complement in one split (DNA).
    ReverseComplementDuplicates,
    /// The same sequence, on either strand for DNA, in two splits.
    CopiesAcrossSplits,
    /// The same sequence with different classes.
    ConflictingLabels,
    /// Sequences of two splits that share most of their k-mers.
    NearDuplicatesAcrossSplits,
    /// Test or validation sequences that are similar to a training sequence ([`crate::similarity`]).
    RelativesAcrossSplits,
    /// Places at which all training sequences have the same base.
    ConstantPositions,
    /// Some sequences are written with `U`, others with `T`.
    MixedTAndU,
    /// Upper and lower case tell the label.
    CasePredictsLabel,
    /// GC content tells the label.
    GcPredictsLabel,
    /// Sequence length tells the label.
    LengthPredictsLabel,
    /// Unknown bases, and whether they tell the label.
    UnknownBases,
    /// A covariate alone tells the label.
    CovariatePredictsLabel,
    /// The total of a control alone tells the label.
    ControlPredictsLabel,
}

impl FindingKind {
    /// The kebab-case name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::EmptySplit => "empty-split",
            Self::OneClassSplit => "one-class-split",
            Self::UnknownLabels => "unknown-labels",
            Self::Duplicates => "duplicates",
            Self::ReverseComplementDuplicates => "reverse-complement-duplicates",
            Self::CopiesAcrossSplits => "copies-across-splits",
            Self::ConflictingLabels => "conflicting-labels",
            Self::NearDuplicatesAcrossSplits => "near-duplicates-across-splits",
            Self::RelativesAcrossSplits => "relatives-across-splits",
            Self::ConstantPositions => "constant-positions",
            Self::MixedTAndU => "mixed-t-and-u",
            Self::CasePredictsLabel => "case-predicts-label",
            Self::GcPredictsLabel => "gc-predicts-label",
            Self::LengthPredictsLabel => "length-predicts-label",
            Self::UnknownBases => "unknown-bases",
            Self::CovariatePredictsLabel => "covariate-predicts-label",
            Self::ControlPredictsLabel => "control-predicts-label",
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Looked for and not found.
    Ok,
    /// Worth knowing.
    Note,
    /// Would make a result look better than it is.
    Inflates,
}

/// One thing that was looked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// How bad.
    pub severity: Severity,
    /// Rows (or parts) concerned.
    pub count: usize,
    /// Of how many.
    pub total: usize,
    /// One sentence with the numbers.
    pub message: String,
    /// A few ids; `a = b` for a pair.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
    /// The part concerned; for a pair the part that should give way first (train), then the part copied from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub splits: Vec<Split>,
    /// The task concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// AUROC of the property for the label (Spearman correlation for a regression), where it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

impl Finding {
    fn new(kind: FindingKind, severity: Severity, count: usize, total: usize, message: String) -> Self {
        Self { kind, severity, count, total, message, examples: vec![], splits: vec![], task: None, value: None }
    }

    /// [`Severity::Ok`] without a count, else `severity`.
    fn counted(kind: FindingKind, severity: Severity, count: usize, total: usize, message: String) -> Self {
        Self::new(kind, if count == 0 { Severity::Ok } else { severity }, count, total, message)
    }
}

/// Everything that was looked for, found or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckReport {
    /// Rows of the data set.
    pub rows: usize,
    /// Rows of each part.
    pub splits: BTreeMap<Split, usize>,
    /// In a fixed order of kinds.
    pub findings: Vec<Finding>,
}

impl CheckReport {
    /// The worst severity; [`Severity::Ok`] if nothing was found.
    pub fn worst(&self) -> Severity {
        self.findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Ok)
    }

    /// The findings that would inflate a result.
    pub fn inflating(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Inflates)
    }
}

/// Looks for everything of [`FindingKind`]. Time and memory grow with the bases, not with pairs of rows.
pub fn check(dataset: &Dataset, options: &CheckOptions) -> CheckReport {
    let keys = copies::Keys::new(dataset);
    let mut findings = parts::findings(dataset, options);
    findings.extend(copies::findings(dataset, &keys, options));
    if options.near_duplicates {
        findings.extend(near::findings(dataset, &keys, options));
    }
    if let Some(threshold) = options.relatives {
        findings.extend(related::findings(dataset, threshold, options));
    }
    findings.push(constant::finding(dataset));
    findings.extend(association::findings(dataset, options));
    let splits = Split::ALL.into_iter().map(|split| (split, dataset.rows_of(split).len())).collect();
    CheckReport { rows: dataset.examples.len(), splits, findings }
}

/// The pairs of parts between which a copy inflates a result: the one that gives way, and the one that stays.
const PAIRS: [(Split, Split); 3] =
    [(Split::Train, Split::Test), (Split::Train, Split::Valid), (Split::Valid, Split::Test)];

#[cfg(test)]
mod tests;
