//! Flags that several subcommands share.

use crate::failure::user;
use basewise_core::average::{AverageError, Averaged, Ensemble};
use basewise_core::similarity::Threshold;
use basewise_core::{Alphabet, CasePolicy, Dataset, Encoding, Predict, Split, Task, TaskKind};
use basewise_io::build::SplitPolicy;
use clap::{Args, ValueEnum};
use std::path::Path;

/// Which nucleic acid the sequences are.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum AlphabetArg {
    /// Double-stranded DNA: reverse complements count as the same sequence
    Dna,
    /// Single-stranded RNA: read as given; U and T are the same letter
    Rna,
}

/// What upper and lower case mean.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum CaseArg {
    /// Case carries no information
    Ignore,
    /// Lower-case letters are hidden from the model (read as N)
    MaskLower,
    /// A fifth input channel is 1 where the letter is upper case
    Channel,
}

/// How letters become channels.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct EncodingArgs {
    /// Nucleic acid
    #[arg(long, value_enum, default_value = "dna")]
    pub(crate) alphabet: AlphabetArg,
    /// What upper and lower case in the input mean
    #[arg(long, value_enum, default_value = "ignore")]
    pub(crate) case: CaseArg,
}

impl EncodingArgs {
    pub(crate) fn encoding(self) -> Encoding {
        Encoding {
            alphabet: match self.alphabet {
                AlphabetArg::Dna => Alphabet::Dna,
                AlphabetArg::Rna => Alphabet::Rna,
            },
            case: match self.case {
                CaseArg::Ignore => CasePolicy::Ignore,
                CaseArg::MaskLower => CasePolicy::MaskLower,
                CaseArg::Channel => CasePolicy::Channel,
            },
        }
    }
}

/// From when on two sequences are relatives.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct SimilarityArgs {
    /// Relatives: share of equal bases in their alignment, from 0.7 [default: 0.8]
    #[arg(long, value_name = "0.7..1")]
    identity: Option<f64>,
    /// Relatives: share of the shorter sequence that the alignment covers [default: 0.5]
    #[arg(long, value_name = "0..1")]
    coverage: Option<f64>,
}

impl SimilarityArgs {
    pub(crate) fn threshold(&self) -> anyhow::Result<Threshold> {
        let usual = Threshold::default();
        let threshold = Threshold {
            identity: self.identity.unwrap_or(usual.identity),
            coverage: self.coverage.unwrap_or(usual.coverage),
        };
        threshold.fault().map_or(Ok(threshold), |fault| Err(user(fault, None)))
    }

    /// An error if either was given.
    pub(crate) fn refuse(&self, without: &str) -> anyhow::Result<()> {
        let flag = match (self.identity, self.coverage) {
            (None, None) => return Ok(()),
            (Some(_), _) => "--identity",
            (None, Some(_)) => "--coverage",
        };
        Err(user(format!("expected {without} beside {flag}, found none"), None))
    }
}

/// A part of the data set, or all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SplitArg {
    Train,
    Valid,
    Test,
    All,
}

impl SplitArg {
    fn contains(self, split: Split) -> bool {
        match self {
            Self::Train => split == Split::Train,
            Self::Valid => split == Split::Valid,
            Self::Test => split == Split::Test,
            Self::All => true,
        }
    }

    /// The rows of that part; a part without rows is an error.
    pub(crate) fn rows(self, dataset: &Dataset, path: &Path) -> anyhow::Result<Vec<usize>> {
        let rows: Vec<usize> =
            (0..dataset.examples.len()).filter(|&i| self.contains(dataset.examples[i].split)).collect();
        if rows.is_empty() {
            let message = format!("{}: the {} split has no example", path.display(), self.name());
            return Err(crate::failure::user(message, Some("choose another with --split")));
        }
        Ok(rows)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Valid => "valid",
            Self::Test => "test",
            Self::All => "all",
        }
    }
}

/// Over which views of a sequence scores are averaged.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct AverageArgs {
    /// Average scores over each sequence and its reverse complement (DNA only)
    #[arg(long)]
    pub(crate) average_strands: bool,
    /// Average scores over windows shifted by up to N positions each way; real bases where there are, else N
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) average_shifts: usize,
}

impl AverageArgs {
    /// The models, each over the views that were asked for.
    pub(crate) fn over<'m, M: Predict>(&self, model: &'m Ensemble<M>) -> anyhow::Result<Ensemble<Averaged<'m>>> {
        let over = |member: &'m M| Averaged::new(member, self.average_strands, self.average_shifts);
        let members = model.members().iter().map(over).collect::<Result<Vec<_>, _>>();
        members.and_then(|members| Ensemble::weighted(members, model.weights().to_vec())).map_err(|error| {
            let hint = match error {
                AverageError::Strands => Some("leave out --average-strands"),
                AverageError::Profile => Some("leave out --average-shifts"),
                AverageError::Shift { .. } => Some("choose a smaller --average-shifts"),
                AverageError::NoMember | AverageError::Members { .. } | AverageError::Weights { .. } => None,
            };
            user(error.to_string(), hint)
        })
    }

    /// What is averaged over, in words, if anything is.
    pub(crate) fn text(&self) -> Option<String> {
        let strands = self.average_strands.then(|| "both strands".to_owned());
        let shifts = (self.average_shifts > 0).then(|| format!("shifts of up to {} positions", self.average_shifts));
        let parts: Vec<String> = strands.into_iter().chain(shifts).collect();
        (!parts.is_empty()).then(|| parts.join(" and "))
    }
}

/// Names in a line; of many, the first and the last.
pub(crate) fn shortened(names: &[String]) -> String {
    match names {
        [first, second, .., last] if names.len() > 20 => {
            format!("{first}, {second}, ..., {last} ({} in all)", names.len())
        }
        _ => names.join(", "),
    }
}

/// Whole chromosomes that are held out.
#[derive(Args)]
pub(crate) struct ChromosomeArgs {
    /// Chromosomes for validation
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    valid_chroms: Vec<String>,
    /// Chromosomes for the test
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    test_chroms: Vec<String>,
}

impl ChromosomeArgs {
    /// The split by chromosome, if one is named.
    pub(crate) fn policy(&self) -> Option<SplitPolicy> {
        let (valid, test) = (self.valid_chroms.clone(), self.test_chroms.clone());
        (!valid.is_empty() || !test.is_empty()).then_some(SplitPolicy::Chromosome { valid, test })
    }
}

/// Refuses options that were given and belong to other values of `choice`, such as `--model`, than the one `found`. Of each: its
/// name, whether it was given, and the values that it belongs to.
pub(crate) fn refuse_unfit(choice: &str, found: &str, options: &[(&str, bool, &[&str])]) -> anyhow::Result<()> {
    let unfit = options.iter().find(|(_, is_given, values)| *is_given && !values.contains(&found));
    unfit.map_or(Ok(()), |(option, _, values)| {
        let expected = values.join(" or ");
        Err(crate::failure::user(format!("expected {choice} {expected} beside {option}, found {found}"), None))
    })
}

/// The column of a model's outputs that `name` means: a number, an output's name, or the first one that is no bin of a
/// profile.
pub(crate) fn output_index(tasks: &[Task], name: Option<&str>) -> anyhow::Result<(usize, String)> {
    let names: Vec<String> = tasks.iter().flat_map(Task::output_names).collect();
    let Some(asked) = name else {
        let bins = match tasks.first().map(|task| &task.kind) {
            Some(TaskKind::Profile(profile)) => profile.bins * profile.tracks.len(),
            _ => 0,
        };
        return names
            .into_iter()
            .enumerate()
            .nth(bins)
            .ok_or_else(|| crate::failure::user("the model has no output", None));
    };
    let by_number = asked.parse::<usize>().ok().filter(|&i| i < names.len());
    match names.iter().position(|n| n == asked).or(by_number) {
        Some(i) => Ok((i, names[i].clone())),
        None => Err(crate::failure::user(
            format!("expected an output of the model, found {asked:?}"),
            Some(&format!("its outputs are {}", shortened(&names))),
        )),
    }
}
