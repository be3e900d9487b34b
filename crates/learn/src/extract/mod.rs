//! Hand-crafted features of sequences: composition, k-mers, gapped words, bases by position, motif scores, covariates.
//!
//! A [`FeatureSpec`] says in words what is wanted. An [`Extractor`] is fitted on the training rows: it learns which k-mers
//! there are, their document frequencies, and means to stand in for what is unknown. It then gives the [`Features`] of any
//! rows, belongs to the model, and can be written with it.
//!
//! Sequences are read as networks read them, from a [`SequenceBatch`]: the same window, `U` as `T`, masked letters and
//! other IUPAC codes as unknown. A k-mer with an unknown base counts nothing. With a case channel, upper-case k-mers are
//! counted a second time on their own.
//!
//! | name of a column | |
//! |---|---|
//! | `length`, `gc`, `cpg` | |
//! | `kmer:ACGTAC`, `kmer:ACnnGT`, `kmer:ACG:upper` | |
//! | `pos+12:AC`, `pos-3:T` | the first base stands at this position |
//! | `motif:CTCF:best`, `motif:CTCF:sum` | |
//! | `covariate:tss_distance` | |
//!
//! Memory: 8 bytes for each different k-mer of a row, at most 8 bytes a row, position and length of k-mer, and a third more
//! while they are gathered; 100,000 sequences of 200 bases with `kmers=8` take about 150 MB. Results are the same for any
//! number of threads.

mod gather;
mod scalars;
mod spec;
#[cfg(test)]
mod tests;
mod words;

pub use spec::{Block, FeatureSpec, MotifScore, Weighting};

use crate::Features;
use basewise_core::{Covariate, Encoding, SequenceBatch};
use basewise_motif::Motif;
use gather::Gatherer;
use scalars::{Composition, Motifs};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use words::{Finder, Shape, Words};

/// Why there are no features.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtractError {
    /// Text that names no features.
    #[error("features: {word:?}: expected {expected}")]
    Spec {
        /// The word between commas.
        word: String,
        /// What may stand there.
        expected: String,
    },
    /// Motifs are asked for and not given.
    #[error("features: expected motifs of {source_name:?}, found none")]
    Motifs {
        /// As the specification names them.
        source_name: String,
    },
    /// Covariates are asked for and there are none, or others than those of the fit.
    #[error("features: expected {expected} covariates beside each of {rows} sequences, found {found} numbers in all")]
    Covariates {
        /// For each sequence.
        expected: usize,
        /// Sequences.
        rows: usize,
        /// Numbers for all of them.
        found: usize,
    },
    /// Covariates are asked for, and the data set has none.
    #[error("features: expected covariates in the data set, found none")]
    NoCovariates,
    /// Sequences that are encoded or cut otherwise than those of the fit.
    #[error("features: expected sequences of {expected}, found {found}")]
    Sequences {
        /// Length and encoding.
        expected: String,
        /// Length and encoding.
        found: String,
    },
    /// Two columns of one name.
    #[error("features: {name:?} comes twice\nhint: let the ranges of kmers= and the files of motifs= not overlap")]
    Twice {
        /// The column.
        name: String,
    },
}

/// What an extractor may need beside sequences.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Motifs by the name of their source in the specification.
    pub motifs: BTreeMap<String, Vec<Motif>>,
    /// What the side inputs of the batches are, in order.
    pub covariates: Vec<Covariate>,
}

/// Turns sequences into features; fitted on training rows.
///
/// ```
/// use basewise_core::{Alphabet, CasePolicy, Encoding, SequenceBatch};
/// use basewise_learn::extract::{Extractor, Sources};
///
/// let mut batch = SequenceBatch::new(Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore }, 4);
/// batch.push(b"ACGC")?;
/// batch.push(b"TTTN")?;
/// let extractor = Extractor::fit(&"gc,kmers=2".parse()?, &batch, &Sources::default())?;
/// let features = extractor.transform(&batch)?;
/// assert_eq!(features.names(), ["gc", "kmer:AC", "kmer:CG", "kmer:GC", "kmer:TT"]);
/// assert_eq!(features.row(1).collect::<Vec<_>>(), [(4, 2.0)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extractor {
    spec: FeatureSpec,
    encoding: Encoding,
    length: usize,
    parts: Vec<Part>,
}

/// A fitted block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Part {
    /// The mean of the training rows stands in where the value is unknown.
    Composition {
        what: Composition,
        mean: f64,
    },
    Words(Words),
    Positional {
        width: usize,
        origin: usize,
    },
    Motifs(Motifs),
    Covariates {
        names: Vec<String>,
    },
}

impl Extractor {
    /// Learns from the rows of a batch what the specification leaves open.
    ///
    /// # Errors
    /// If motifs or covariates are asked for that are not there, or two columns would have one name.
    pub fn fit(spec: &FeatureSpec, batch: &SequenceBatch, sources: &Sources) -> Result<Self, ExtractError> {
        let fitted = |block| Part::fit(block, batch, sources);
        let parts = spec.blocks.iter().map(fitted).collect::<Result<_, _>>()?;
        let extractor = Self { spec: spec.clone(), encoding: batch.encoding(), length: batch.length(), parts };
        let mut seen = BTreeSet::new();
        match extractor.names().into_iter().find(|name| !seen.insert(name.clone())) {
            Some(name) => Err(ExtractError::Twice { name }),
            None => Ok(extractor),
        }
    }

    /// What was asked for.
    #[must_use]
    pub fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    /// How sequences must be encoded.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Positions a sequence must have.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Names of the columns.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.parts.iter().flat_map(|part| part.names(self.encoding, self.length)).collect()
    }

    /// The features of each row of a batch: sparse if k-mers or positions are among them, else dense.
    ///
    /// # Errors
    /// If the batch has another length, encoding or number of side inputs than that of the fit.
    pub fn transform(&self, batch: &SequenceBatch) -> Result<Features, ExtractError> {
        let form = |length: usize, encoding: Encoding| {
            format!("{length} positions and {} channels of {:?}", encoding.channels(), encoding.alphabet)
        };
        if (batch.length(), batch.encoding()) != (self.length, self.encoding) {
            let (expected, found) = (form(self.length, self.encoding), form(batch.length(), batch.encoding()));
            return Err(ExtractError::Sequences { expected, found });
        }
        for part in &self.parts {
            if let Part::Covariates { names } = part {
                check_side(batch, names.len())?;
            }
        }
        Ok(Gatherer::new(self).gather(batch))
    }
}

fn check_side(batch: &SequenceBatch, expected: usize) -> Result<(), ExtractError> {
    let (rows, found) = (batch.len(), batch.side().len());
    if found == rows * expected { Ok(()) } else { Err(ExtractError::Covariates { expected, rows, found }) }
}

impl Part {
    fn fit(block: &Block, batch: &SequenceBatch, sources: &Sources) -> Result<Self, ExtractError> {
        let words = |shapes, weighting: &Weighting, canonical: &bool| {
            let marks = batch.encoding().channels() == 5;
            let finder = Finder { shapes, canonical: *canonical, marks };
            let occurs = gather::occurrences(&finder, batch);
            Self::Words(Words::new(finder, *weighting, &occurs, batch.len()))
        };
        Ok(match block {
            Block::Kmers { shortest, longest, weighting, canonical } => {
                let shape = |k| Shape { left: k, gap: 0, right: 0 };
                words((*shortest..=*longest).map(shape).collect(), weighting, canonical)
            }
            Block::Gapped { half, shortest, longest, weighting, canonical } => {
                let shape = |gap| Shape { left: *half, gap, right: *half };
                words((*shortest..=*longest).map(shape).collect(), weighting, canonical)
            }
            Block::Positional { width, origin } => Self::Positional { width: *width, origin: *origin },
            Block::Motifs { source, scores } => {
                let motifs = sources.motifs.get(source).filter(|motifs| !motifs.is_empty());
                let motifs = motifs.ok_or_else(|| ExtractError::Motifs { source_name: source.clone() })?;
                Self::Motifs(Motifs { motifs: motifs.clone(), scores: scores.clone() })
            }
            Block::Covariates if sources.covariates.is_empty() => return Err(ExtractError::NoCovariates),
            Block::Covariates => {
                check_side(batch, sources.covariates.len())?;
                Self::Covariates { names: sources.covariates.iter().map(|covariate| covariate.name.clone()).collect() }
            }
            Block::Length | Block::Gc | Block::Cpg => {
                let what = Composition::of(block).unwrap_or(Composition::Length);
                Self::Composition { what, mean: gather::known_mean(what, batch) }
            }
        })
    }

    fn names(&self, encoding: Encoding, length: usize) -> Vec<String> {
        let letters = encoding.alphabet.letters();
        match self {
            Self::Composition { what, .. } => vec![what.name().to_owned()],
            Self::Words(words) => words.names(letters).collect(),
            Self::Motifs(motifs) => motifs.names().collect(),
            Self::Covariates { names } => names.iter().map(|name| format!("covariate:{name}")).collect(),
            Self::Positional { width, origin } => {
                let word = |number: usize| -> String {
                    (0..*width).rev().map(|place| letters[number >> (2 * place) & 3] as char).collect()
                };
                let at = |position: usize| position as i64 - *origin as i64;
                let positions = 0..(length + 1).saturating_sub(*width);
                let all = positions.flat_map(|position| (0..1 << (2 * width)).map(move |number| (position, number)));
                all.map(|(position, number)| format!("pos{:+}:{}", at(position), word(number))).collect()
            }
        }
    }

    fn columns(&self, length: usize) -> usize {
        match self {
            Self::Composition { .. } => 1,
            Self::Words(words) => words.columns(),
            Self::Motifs(motifs) => motifs.motifs.len() * motifs.scores.len(),
            Self::Covariates { names } => names.len(),
            Self::Positional { width, .. } => (length + 1).saturating_sub(*width) << (2 * width),
        }
    }

    fn is_sparse(&self) -> bool {
        matches!(self, Self::Words(_) | Self::Positional { .. })
    }
}
