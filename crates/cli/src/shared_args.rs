//! Flags that several subcommands share.

use basewise_core::{Alphabet, CasePolicy, Dataset, Encoding, Split, Task};
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

/// The column of a model's outputs that `name` means: a number, an output's name, or the first one.
pub(crate) fn output_index(tasks: &[Task], name: Option<&str>) -> anyhow::Result<(usize, String)> {
    let names: Vec<String> = tasks.iter().flat_map(Task::output_names).collect();
    let Some(asked) = name else {
        return names
            .into_iter()
            .enumerate()
            .next()
            .ok_or_else(|| crate::failure::user("the model has no output", None));
    };
    let by_number = asked.parse::<usize>().ok().filter(|&i| i < names.len());
    match names.iter().position(|n| n == asked).or(by_number) {
        Some(i) => Ok((i, names[i].clone())),
        None => Err(crate::failure::user(
            format!("expected an output of the model, found {asked:?}"),
            Some(&format!("its outputs are {}", names.join(", "))),
        )),
    }
}
