//! What is to be extracted, as text.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Longest k-mer, and most known bases of a gapped one.
const LONGEST: usize = 8;
/// Longest gap.
const LONGEST_GAP: usize = 20;

/// What a word's column says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weighting {
    /// How often it occurs.
    #[default]
    Counts,
    /// Its share among the words of its shape in the sequence.
    Frequencies,
    /// 1 where it occurs.
    Presence,
    /// Its count times its inverse document frequency, each row of length 1: scikit-learn's `TfidfVectorizer`.
    Tfidf,
    /// The same with `1 + ln(count)`: `TfidfVectorizer(sublinear_tf=True)`.
    SublinearTfidf,
}

impl Weighting {
    const ALL: [(Self, &str); 5] = [
        (Self::Counts, "counts"),
        (Self::Frequencies, "frequencies"),
        (Self::Presence, "presence"),
        (Self::Tfidf, "tfidf"),
        (Self::SublinearTfidf, "sublinear-tfidf"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(weighting, _)| *weighting == self).map_or("", |(_, name)| name)
    }
}

/// What a motif's columns say of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MotifScore {
    /// The highest score of a place, in bits.
    Best,
    /// `log2` of the sum over places of 2 to the score: many weak places count too.
    Sum,
}

/// One kind of feature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Block {
    /// Positions from the first known base to the last.
    Length,
    /// Share of G and C among the known bases.
    Gc,
    /// Observed by expected CpG: `CG * n / (C * G)` of `n` known bases (Gardiner-Garden and Frommer 1987); 0 without C or
    /// G.
    Cpg,
    /// K-mers of these lengths, 1 to 8.
    Kmers {
        /// The shortest.
        shortest: usize,
        /// The longest.
        longest: usize,
        /// What a column says.
        weighting: Weighting,
        /// Whether a k-mer and its reverse complement are one.
        canonical: bool,
    },
    /// Two words of `half` bases, 1 to 4, around a gap of any bases.
    Gapped {
        /// Bases of each word.
        half: usize,
        /// The shortest gap, at least 1.
        shortest: usize,
        /// The longest, at most 20.
        longest: usize,
        /// What a column says.
        weighting: Weighting,
        /// Whether a word and its reverse complement are one.
        canonical: bool,
    },
    /// Which word of 1 or 2 bases stands at each position.
    Positional {
        /// 1 or 2.
        width: usize,
        /// The position that is called 0.
        origin: usize,
    },
    /// Scores of motifs.
    Motifs {
        /// Which file they are in; extraction itself opens none.
        source: String,
        /// Which score of each motif; all by default.
        scores: Vec<MotifScore>,
    },
    /// What the data set knows of each example beside its sequence.
    Covariates,
}

impl Block {
    /// Whether it counts words, in all of a sequence or at each position, so that its numbers are of one size.
    #[must_use]
    pub fn is_of_words(&self) -> bool {
        matches!(self, Self::Kmers { .. } | Self::Gapped { .. } | Self::Positional { .. })
    }
}

/// Blocks of features, in this order.
///
/// ```
/// use basewise_learn::extract::FeatureSpec;
///
/// let text = "length,gc,cpg,kmers=1-6:sublinear-tfidf,gapped=2.1-4:canonical,positional=2@20,motifs=known.meme:best";
/// let spec: FeatureSpec = text.parse()?;
/// assert_eq!(spec.to_string(), text);
/// # Ok::<(), basewise_learn::extract::ExtractError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FeatureSpec {
    /// At least one; none twice.
    pub blocks: Vec<Block>,
}

impl FeatureSpec {
    /// The files that motifs are in.
    pub fn motif_sources(&self) -> impl Iterator<Item = &str> {
        self.blocks
            .iter()
            .filter_map(|block| if let Block::Motifs { source, .. } = block { Some(&**source) } else { None })
    }
}

impl TryFrom<String> for FeatureSpec {
    type Error = super::ExtractError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<FeatureSpec> for String {
    fn from(spec: FeatureSpec) -> Self {
        spec.to_string()
    }
}

impl FromStr for FeatureSpec {
    type Err = super::ExtractError;

    /// Words with commas between them:
    ///
    /// | | |
    /// |---|---|
    /// | `length`, `gc`, `cpg`, `covariates` | |
    /// | `kmers=K` or `kmers=K-K` | lengths 1 to 8 |
    /// | `gapped=H.G` or `gapped=H.G-G` | words of `H` bases, 1 to 4, around a gap of `G` |
    /// | after either, `:counts`, `:frequencies`, `:presence`, `:tfidf`, `:sublinear-tfidf`; `:canonical` | counts by default |
    /// | `positional=W` or `positional=W@ORIGIN` | 1 or 2 bases; the position called 0 |
    /// | `motifs=FILE`, then `:best` or `:sum` | both by default |
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut blocks = Vec::new();
        for word in text.split(',').map(str::trim) {
            let block = block_of(word).map_err(|expected| super::ExtractError::Spec { word: word.into(), expected })?;
            if blocks.contains(&block) {
                let expected = "each kind of feature once".into();
                return Err(super::ExtractError::Spec { word: word.into(), expected });
            }
            blocks.push(block);
        }
        Ok(Self { blocks })
    }
}

/// A block, or what was expected.
fn block_of(word: &str) -> Result<Block, String> {
    let (name, value) = word.split_once('=').unwrap_or((word, ""));
    match (name, value) {
        ("length", "") => Ok(Block::Length),
        ("gc", "") => Ok(Block::Gc),
        ("cpg", "") => Ok(Block::Cpg),
        ("covariates", "") => Ok(Block::Covariates),
        ("kmers", value) => {
            let (range, weighting, canonical) = word_options(value)?;
            let (shortest, longest) = range_of(range, 1, LONGEST, "kmers=K or kmers=K-K of 1 to 8")?;
            Ok(Block::Kmers { shortest, longest, weighting, canonical })
        }
        ("gapped", value) => {
            let (shape, weighting, canonical) = word_options(value)?;
            let form = "gapped=H.G or gapped=H.G-G, H of 1 to 4 bases around a gap of 1 to 20";
            let (half, gap) = shape.split_once('.').ok_or(form)?;
            let (half, _) = range_of(half, 1, LONGEST / 2, form)?;
            let (shortest, longest) = range_of(gap, 1, LONGEST_GAP, form)?;
            Ok(Block::Gapped { half, shortest, longest, weighting, canonical })
        }
        ("positional", value) => {
            let form = "positional=1 or positional=2, then @ORIGIN if positions do not count from the first";
            let (width, origin) = value.split_once('@').unwrap_or((value, "0"));
            let (width, _) = range_of(width, 1, 2, form)?;
            Ok(Block::Positional { width, origin: origin.parse().map_err(|_| form)? })
        }
        ("motifs", value) if !value.is_empty() => Ok(motifs_of(value)),
        _ => Err("length, gc, cpg, kmers=, gapped=, positional=, motifs=FILE or covariates".into()),
    }
}

/// What stands before the first colon, and the options behind it.
fn word_options(value: &str) -> Result<(&str, Weighting, bool), String> {
    let mut parts = value.split(':');
    let shape = parts.next().unwrap_or("");
    let (mut weighting, mut canonical) = (Weighting::default(), false);
    for part in parts {
        match Weighting::ALL.iter().find(|(_, name)| *name == part) {
            Some((named, _)) => weighting = *named,
            None if part == "canonical" => canonical = true,
            None => {
                let names = Weighting::ALL.map(|(_, name)| name).join(", ");
                return Err(format!("{names} or canonical behind a colon, not {part:?}"));
            }
        }
    }
    Ok((shape, weighting, canonical))
}

/// `A` or `A-B` within bounds.
fn range_of(text: &str, least: usize, most: usize, form: &str) -> Result<(usize, usize), String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if least <= first && first <= last && last <= most => Ok((first, last)),
        _ => Err(form.into()),
    }
}

/// A file, which may hold colons itself, and which scores.
fn motifs_of(value: &str) -> Block {
    let both = vec![MotifScore::Best, MotifScore::Sum];
    let (source, scores) = match value.rsplit_once(':') {
        Some((source, "best")) => (source, vec![MotifScore::Best]),
        Some((source, "sum")) => (source, vec![MotifScore::Sum]),
        _ => (value, both),
    };
    Block::Motifs { source: source.into(), scores }
}

impl fmt::Display for FeatureSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, block) in self.blocks.iter().enumerate() {
            write!(f, "{}{block}", if place == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let range =
            |first: &usize, last: &usize| if first == last { format!("{first}") } else { format!("{first}-{last}") };
        let options = |weighting: &Weighting, canonical: &bool| {
            let weighting =
                if *weighting == Weighting::Counts { String::new() } else { format!(":{}", weighting.name()) };
            weighting + if *canonical { ":canonical" } else { "" }
        };
        match self {
            Self::Length => f.write_str("length"),
            Self::Gc => f.write_str("gc"),
            Self::Cpg => f.write_str("cpg"),
            Self::Covariates => f.write_str("covariates"),
            Self::Kmers { shortest, longest, weighting, canonical } => {
                write!(f, "kmers={}{}", range(shortest, longest), options(weighting, canonical))
            }
            Self::Gapped { half, shortest, longest, weighting, canonical } => {
                write!(f, "gapped={half}.{}{}", range(shortest, longest), options(weighting, canonical))
            }
            Self::Positional { width, origin: 0 } => write!(f, "positional={width}"),
            Self::Positional { width, origin } => write!(f, "positional={width}@{origin}"),
            Self::Motifs { source, scores } => {
                let which = match scores[..] {
                    [MotifScore::Best] => ":best",
                    [MotifScore::Sum] => ":sum",
                    _ => "",
                };
                write!(f, "motifs={source}{which}")
            }
        }
    }
}
