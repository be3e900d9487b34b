//! The sequences of a data set that a generative model learns from, or is compared with.

use crate::failure::user;
use anyhow::Result;
use basewise_core::{Code, Dataset, Encoding, Example, SequenceBatch, Split, TaskKind};
use clap::Args;
use std::path::Path;

/// Which examples count as real.
#[derive(Args, Clone, Debug)]
pub(super) struct ExamplesArgs {
    /// Only examples with this label, such as label=1 or kind=enhancer [default: the positives of the first yes/no task]
    #[arg(long, value_name = "TASK=LABEL", conflicts_with = "all")]
    only: Option<String>,
    /// All examples, whatever their labels
    #[arg(long)]
    all: bool,
}

/// Sequences of one length, by split.
pub(super) struct Examples {
    pub(super) encoding: Encoding,
    pub(super) length: usize,
    /// What they have in common, in words: `donor=1`, or `all`.
    pub(super) label: String,
    /// Training, validation and test.
    splits: [Vec<Vec<Code>>; 3],
}

impl ExamplesArgs {
    /// Reads the sequences. `recorded` is what a model learned from, which is the default where there is a model.
    pub(super) fn read(&self, dataset: &Dataset, path: &Path, recorded: Option<&str>) -> Result<Examples> {
        let recorded = recorded.filter(|_| self.only.is_none() && !self.all);
        let asked = self.only.as_deref().or(recorded.filter(|label| *label != "all"));
        let chosen = match asked {
            Some(text) => Some(label_of(dataset, text)?),
            None if self.all || recorded == Some("all") => None,
            None => first_yes_no(dataset),
        };
        let label = chosen.as_ref().map_or("all".to_owned(), |(_, _, name)| name.clone());
        let mut splits: [Vec<Vec<Code>>; 3] = std::array::from_fn(|_| Vec::new());
        for (row, example) in dataset.examples.iter().enumerate() {
            if chosen.as_ref().is_none_or(|&(task, value, _)| dataset.label(row, task) == value) {
                let at = Split::ALL.iter().position(|split| *split == example.split).unwrap_or(0);
                splits[at].push(window(dataset, example)?);
            }
        }
        if splits[0].is_empty() {
            return Err(user(
                format!("{}: the train split has no example of {label}", path.display()),
                Some("choose others with --only or --all"),
            ));
        }
        Ok(Examples { encoding: dataset.encoding, length: dataset.length, label, splits })
    }
}

impl Examples {
    /// Those of a split.
    pub(super) fn of(&self, split: Split) -> Vec<&[Code]> {
        let at = Split::ALL.iter().position(|other| *other == split).unwrap_or(0);
        self.splits[at].iter().map(Vec::as_slice).collect()
    }
}

/// The window that a model sees, without a jitter margin.
fn window(dataset: &Dataset, example: &Example) -> Result<Vec<Code>> {
    let mut batch = SequenceBatch::new(dataset.encoding, dataset.length);
    batch.push(&example.sequence)?;
    // Marks of case say nothing about letters that are generated.
    Ok(batch.sequence(0).iter().map(|code| Code::new(code.base())).collect())
}

/// Task, label and its name.
type Chosen = (usize, f64, String);

fn first_yes_no(dataset: &Dataset) -> Option<Chosen> {
    let task = dataset.tasks.iter().position(|task| task.kind == TaskKind::Binary)?;
    Some((task, 1.0, format!("{}=1", dataset.tasks[task].name)))
}

fn label_of(dataset: &Dataset, text: &str) -> Result<Chosen> {
    let names: Vec<&str> = dataset.tasks.iter().map(|task| task.name.as_str()).collect();
    let hint = format!("the tasks are {}", names.join(", "));
    let expected = || user(format!("expected --only TASK=LABEL, found {text:?}"), Some(&hint));
    // A name may hold an equals sign; a label does not.
    let (name, label) = text.rsplit_once('=').ok_or_else(expected)?;
    let at = dataset.tasks.iter().position(|task| task.name == name).ok_or_else(expected)?;
    let value = match &dataset.tasks[at].kind {
        TaskKind::Binary => ["0", "1"].iter().position(|value| *value == label),
        TaskKind::Classes { classes } => classes.iter().position(|class| class == label),
        kind => {
            let message = format!("--only: expected a task of labels, found {name:?}, a {}", kind.name());
            return Err(user(message, Some("take all examples with --all")));
        }
    };
    let labels = match &dataset.tasks[at].kind {
        TaskKind::Classes { classes } => classes.join(", "),
        _ => "0, 1".to_owned(),
    };
    let unknown =
        || user(format!("--only: {name:?} has no label {label:?}"), Some(&format!("its labels are {labels}")));
    let value = value.ok_or_else(unknown)?;
    Ok((at, value as f64, text.to_owned()))
}

/// Sequences as letters of a FASTA file.
pub(super) fn letters(sequence: &[Code], encoding: Encoding) -> Vec<u8> {
    let letters = encoding.alphabet.letters();
    sequence.iter().map(|code| letters.get(usize::from(code.base())).copied().unwrap_or(b'N')).collect()
}
