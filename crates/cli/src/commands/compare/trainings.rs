//! The runs of a comparison: what is there is kept, what is missing is trained, each in a process of its own.

use super::candidates::Candidate;
use crate::commands::children::{self, Attended, Ended, Place};
use crate::comparison::Repeats;
use crate::failure::user;
use crate::printer::Printer;
use crate::run_dir::write_text;
use crate::table::duration;
use anyhow::Result;
use std::path::Path;
use std::process::{Child, ExitStatus};

/// What all trainings have in common.
pub(super) struct Trainings<'a> {
    pub(super) data: &'a Path,
    /// The directory of the comparison.
    pub(super) directory: &'a Path,
    pub(super) device: &'a str,
    /// Of the first training of a model.
    pub(super) seed: u64,
    pub(super) repeats: Repeats,
    pub(super) jobs: usize,
    /// Threads of one training.
    pub(super) threads: usize,
    pub(super) dataset_sha256: &'a str,
    pub(super) printer: &'a Printer,
}

/// Where the runs of a model are, and what they are told beside its settings.
pub(super) struct Training {
    pub(super) place: Place,
    words: Vec<String>,
    /// `seed 3`, where that tells it from others.
    repeat: String,
}

/// Folder of the trainings of all models.
pub(super) const MODELS: &str = "models";

impl Trainings<'_> {
    /// The trainings of a model: one a seed, or one for all folds.
    pub(super) fn of(&self, candidate: &Candidate) -> Vec<Training> {
        if candidate.settings().is_none() {
            return Vec::new();
        }
        let folder = self.directory.join(MODELS).join(&candidate.name);
        let words =
            |seed: u64| vec!["--seed".to_owned(), seed.to_string(), "--device".to_owned(), self.device.to_owned()];
        match self.repeats {
            Repeats::Folds(number) => {
                let mut words = words(self.seed);
                words.extend(["--folds".to_owned(), number.to_string()]);
                vec![Training { place: Place::new(folder.join("folds")), words, repeat: String::new() }]
            }
            Repeats::Seeds(number) => (0..number as u64)
                .map(|i| {
                    let seed = self.seed.wrapping_add(i);
                    let repeat = if number > 1 { format!(" seed {seed}") } else { String::new() };
                    Training { place: Place::new(folder.join(format!("seed-{seed}"))), words: words(seed), repeat }
                })
                .collect(),
        }
    }

    /// Trains what is missing. For each model why it could not be trained, if so; `None` if it was interrupted.
    pub(super) fn run(&self, candidates: &[Candidate]) -> Result<Option<Vec<Option<String>>>> {
        let each = candidates.iter().enumerate().flat_map(|(i, c)| self.of(c).into_iter().map(move |t| (i, t)));
        let each: Vec<(usize, Training)> = each.collect();
        let which: Vec<usize> = (0..each.len()).collect();
        let mut work = Work { common: self, candidates, each, failures: vec![None; candidates.len()] };
        if !children::attend(&mut work, &which, self.jobs)? {
            return Ok(None);
        }
        let Work { failures, .. } = work;
        let trained = candidates.iter().zip(&failures).filter(|(_, failure)| failure.is_none()).count();
        match failures.iter().flatten().next() {
            Some(first) if trained == 0 => Err(user(
                format!("no model could be trained: {first}"),
                Some("the files *.log in the folders of the models have all of their words"),
            )),
            _ => Ok(Some(failures)),
        }
    }
}

/// Trainings that are under way.
struct Work<'a> {
    common: &'a Trainings<'a>,
    candidates: &'a [Candidate],
    /// Each with the index of its model.
    each: Vec<(usize, Training)>,
    failures: Vec<Option<String>>,
}

impl Work<'_> {
    fn name(&self, index: usize) -> String {
        let (model, training) = &self.each[index];
        format!("{}{}", self.candidates[*model].name, training.repeat)
    }
}

impl Attended for Work<'_> {
    fn start(&mut self, index: usize) -> Result<Option<Child>> {
        let (model, training) = &self.each[index];
        let Some(settings) = self.candidates[*model].settings().filter(|_| self.failures[*model].is_none()) else {
            return Ok(None);
        };
        let (place, run) = (&training.place, training.place.run());
        place.wait_for_orphan()?;
        if run.info_path().is_file() && run.info()?.dataset_sha256 == self.common.dataset_sha256 {
            return Ok(None);
        }
        let folder = self.common.directory.join(MODELS).join(&self.candidates[*model].name);
        let file = folder.join("settings.toml");
        fs_err::create_dir_all(&folder)?;
        write_text(&file, &settings.to_string())?;
        self.common.printer.talk(&format!("training {}", self.name(index)));
        let words: Vec<&str> = training.words.iter().map(String::as_str).collect();
        place.start(self.common.data, &file, self.common.threads, &words).map(Some)
    }

    fn end(&mut self, index: usize, status: ExitStatus) -> Result<()> {
        let name = self.name(index);
        let (model, training) = &self.each[index];
        let line = match training.place.ended(status, &format!("the training of {name}"))? {
            Ended::Interrupted => return Ok(()),
            Ended::Done => format!("trained {name} in {}", duration(training.place.run().info()?.seconds)),
            Ended::Failed(message) => {
                self.common.printer.warn(&format!("{name} could not be trained: {message}"));
                self.failures[*model] = Some(message);
                return Ok(());
            }
        };
        self.common.printer.talk(&line);
        Ok(())
    }
}
