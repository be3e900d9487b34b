//! What a run tells of its epochs, on disk.

use super::checkpoint::State;
use super::tensorboard::Events;
use super::{EpochRecord, TrainOptions};
use crate::model::write_whole;
use serde::Serialize;
use std::io;
use std::path::{Path, PathBuf};

const HISTORY: &str = "history.jsonl";
const TIMING: &str = "timing.jsonl";

/// The files of a run that grow by each epoch.
pub(super) struct History {
    directory: PathBuf,
    events: Option<Events>,
}

/// A file that could not be written.
type Unwritten = (PathBuf, io::Error);

impl History {
    /// Begins the files with the epochs of a state: lines of epochs that a resumed run will repeat are gone.
    pub(super) fn begin(directory: &Path, options: &TrainOptions, state: &State) -> Result<Self, Unwritten> {
        let begin = || Events::begin(directory, &state.history, &state.timing);
        let events = options.tensorboard.then(begin).transpose();
        let events = events.map_err(|error| (directory.join(super::tensorboard::DIRECTORY), error))?;
        let history = Self { directory: directory.to_owned(), events };
        history.write(state)?;
        Ok(history)
    }

    /// Adds the newest epoch.
    pub(super) fn add(&self, state: &State, epoch: &EpochRecord) -> Result<(), Unwritten> {
        self.write(state)?;
        let Some(events) = &self.events else { return Ok(()) };
        events.add(epoch).map_err(|error| (events.path().to_owned(), error))
    }

    fn write(&self, state: &State) -> Result<(), Unwritten> {
        self.write_lines(HISTORY, &state.history)?;
        self.write_lines(TIMING, &state.timing)
    }

    fn write_lines(&self, name: &str, lines: &[impl Serialize]) -> Result<(), Unwritten> {
        let path = self.directory.join(name);
        let line = |line| serde_json::to_string(line).map(|text| text + "\n").map_err(io::Error::other);
        let text = lines.iter().map(line).collect::<io::Result<String>>();
        let written = text.and_then(|text| write_whole(&path, text.as_bytes()));
        written.map_err(|error| (path, error))
    }
}
