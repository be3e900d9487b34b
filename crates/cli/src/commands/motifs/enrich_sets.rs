//! The two sets of sequences that motifs are counted in.

use super::scan_args::codes;
use super::sequences::{SequenceArgs, Stretch, is_stream};
use crate::failure::user;
use crate::printer::Printer;
use crate::shared_args::SplitArg;
use anyhow::Result;
use basewise_core::random::stream;
use basewise_core::shuffle::dinucleotide;
use basewise_core::{Code, Dataset, TaskKind, upper};
use clap::Args;
use rayon::prelude::*;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(crate) struct SetArgs {
    /// Foreground: a FASTA file, or a data set, whose examples of a class are the foreground and the others the background
    foreground: PathBuf,
    /// FASTA file, or data set, of the background
    #[arg(long, value_name = "FILE")]
    background_sequences: Option<PathBuf>,
    /// Task of a data set that says which examples are the foreground [default: the first with classes]
    #[arg(long, value_name = "NAME")]
    task: Option<String>,
    /// Class of the foreground [default: 1 of a binary task, the first of several]
    #[arg(long, value_name = "NAME")]
    class: Option<String>,
    /// Only these examples of data sets
    #[arg(long, value_enum, default_value = "all")]
    split: SplitArg,
    /// Seed of shuffled backgrounds
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
}

impl SetArgs {
    /// One FASTA file against another.
    pub(crate) fn of_files(foreground: &Path, background: &Path) -> Self {
        let (foreground, background_sequences) = (foreground.to_owned(), Some(background.to_owned()));
        Self { foreground, background_sequences, task: None, class: None, split: SplitArg::All, seed: 1 }
    }

    /// What the base frequencies are counted in.
    pub(crate) fn sequences(&self) -> SequenceArgs {
        SequenceArgs::of_path(self.foreground.clone(), self.split)
    }
}

/// Sequences of a set, as codes.
pub(crate) struct Set(Vec<Vec<Code>>);

impl Set {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn views(&self) -> Vec<&[Code]> {
        self.0.iter().map(Vec::as_slice).collect()
    }

    pub(crate) fn lengths(&self) -> Vec<usize> {
        self.0.iter().map(Vec::len).collect()
    }

    fn median_length(&self) -> usize {
        let mut lengths = self.lengths();
        lengths.sort_unstable();
        lengths.get(lengths.len() / 2).copied().unwrap_or(0)
    }

    fn of_path(path: &Path, split: SplitArg) -> Result<Self> {
        let mut all = Vec::new();
        SequenceArgs::of_path(path.to_path_buf(), split).visit(false, &mut |batch: &[Stretch]| {
            let more = batch.par_iter().map(|stretch| codes(&stretch.letters, &stretch.name));
            all.extend(more.collect::<Result<Vec<_>>>()?);
            Ok(())
        })?;
        Ok(Self(all))
    }
}

/// Foreground, background, and what the background is.
pub(crate) fn sets(args: &SetArgs, printer: &Printer) -> Result<(Set, Set, String)> {
    let (foreground, background, is) = if args.foreground.is_dir() && args.background_sequences.is_none() {
        of_dataset(args)?
    } else {
        refuse_unused(args)?;
        if args.background_sequences.is_none() && is_stream(&args.foreground) {
            let message = "expected a file as foreground, which is read twice to shuffle it, found a stream";
            return Err(user(message, Some("write the sequences to a file, or name --background-sequences")));
        }
        let foreground = Set::of_path(&args.foreground, args.split)?;
        match &args.background_sequences {
            Some(path) => (foreground, Set::of_path(path, args.split)?, path.display().to_string()),
            None => {
                let shuffled = shuffled(&args.foreground, args.seed)?;
                (foreground, shuffled, "the foreground with its pairs of neighbours shuffled".to_owned())
            }
        }
    };
    let (one, other) = (foreground.median_length(), background.median_length());
    if one.abs_diff(other) * 10 > one.max(other) {
        printer.warn(&format!(
            "the median length is {one} bases in the foreground and {other} in the background: longer sequences have more places \
             for any motif, and look enriched"
        ));
    }
    Ok((foreground, background, is))
}

/// Where no data set is divided by its classes, options that choose one would do nothing, nor would a split of files.
fn refuse_unused(args: &SetArgs) -> Result<()> {
    let is_dataset = |path: &PathBuf| path.is_dir();
    let has_split = is_dataset(&args.foreground) || args.background_sequences.as_ref().is_some_and(is_dataset);
    let given = [
        ("--task", args.task.is_some()),
        ("--class", args.class.is_some()),
        ("--split", args.split != SplitArg::All && !has_split),
    ];
    match given.into_iter().find(|(_, is_given)| *is_given) {
        None => Ok(()),
        Some(("--split", _)) => {
            Err(user("expected a data set for --split, found FASTA files", Some("leave out --split")))
        }
        Some((option, _)) => Err(user(
            format!("expected a data set without --background-sequences for {option}, found other sets"),
            Some("leave out the option, or let the classes of a data set be the two sets"),
        )),
    }
}

fn shuffled(path: &Path, seed: u64) -> Result<Set> {
    let mut all: Vec<Vec<Code>> = Vec::new();
    SequenceArgs::of_path(path.to_path_buf(), SplitArg::All).visit(false, &mut |batch: &[Stretch]| {
        let first = all.len();
        let shuffle = |(i, stretch): (usize, &Stretch)| {
            let mut rng = stream(seed, "motif enrichment background", &[(first + i) as u64]);
            codes(&dinucleotide(&upper(&stretch.letters), &mut rng), &stretch.name)
        };
        all.extend(batch.par_iter().enumerate().map(shuffle).collect::<Result<Vec<_>>>()?);
        Ok(())
    })?;
    Ok(Set(all))
}

/// Examples of the class against all others; those without a label are left out.
fn of_dataset(args: &SetArgs) -> Result<(Set, Set, String)> {
    let path = &args.foreground;
    let (dataset, _) = basewise_io::dataset::load(path)?;
    let (task, class, name) = chosen_class(args, &dataset)?;
    let (mut foreground, mut background) = (Vec::new(), Vec::new());
    for row in args.split.rows(&dataset, path)? {
        let label = dataset.label(row, task);
        if !label.is_nan() {
            let example = &dataset.examples[row];
            let codes = codes(&example.sequence, &example.id)?;
            if label == class { foreground.push(codes) } else { background.push(codes) }
        }
    }
    for (set, what) in [(&foreground, "of"), (&background, "beside")] {
        if set.is_empty() {
            let message = format!("{}: expected examples {what} the class {name}, found none", path.display());
            return Err(user(message, Some("choose another --class, --task or --split")));
        }
    }
    Ok((Set(foreground), Set(background), format!("the other examples of task {}", dataset.tasks[task].name)))
}

/// The task, the label of the class, and its name.
fn chosen_class(args: &SetArgs, dataset: &Dataset) -> Result<(usize, f64, String)> {
    let names = || dataset.tasks.iter().map(|task| task.name.as_str()).collect::<Vec<_>>().join(", ");
    let task = match &args.task {
        Some(name) => dataset.tasks.iter().position(|task| &task.name == name),
        None => dataset.tasks.iter().position(|task| matches!(task.kind, TaskKind::Binary | TaskKind::Classes { .. })),
    };
    let Some(task) = task else {
        return Err(user(
            format!("{}: expected a task with classes; its tasks are {}", args.foreground.display(), names()),
            Some("give a background with --background-sequences"),
        ));
    };
    let classes: Vec<String> = match &dataset.tasks[task].kind {
        TaskKind::Binary => vec!["0".to_owned(), "1".to_owned()],
        TaskKind::Classes { classes } => classes.clone(),
        _ => {
            let name = &dataset.tasks[task].name;
            return Err(user(format!("expected a task with classes, found {name}, a number"), None));
        }
    };
    let usual = usize::from(dataset.tasks[task].kind == TaskKind::Binary);
    let index = match &args.class {
        Some(class) => classes.iter().position(|name| name == class),
        None => Some(usual),
    };
    match index {
        Some(index) => Ok((task, index as f64, classes[index].clone())),
        None => Err(user(format!("expected --class to be one of {}", classes.join(", ")), None)),
    }
}
