//! Training as a child of another command: it must not outlive its parent, nor meet a twin in its directory.

use super::reporter;
use crate::failure::user;
use anyhow::Result;
use clap::Args;
use fs_err::File;
use std::io::Read;
use std::path::PathBuf;

/// Set by a command that trains in child processes.
#[derive(Args)]
pub(crate) struct WorkerArgs {
    /// Hold this file locked, and stop when the standard input ends
    #[arg(long, hide = true, value_name = "FILE")]
    pub(super) worker_lock: Option<PathBuf>,
}

impl WorkerArgs {
    /// Waits for the lock, and begins to watch the standard input: the parent holds its other end, so that it ends with
    /// the parent however the parent ends. The lock lasts as long as what is returned.
    pub(super) fn start(&self) -> Result<Option<File>> {
        let Some(path) = &self.worker_lock else { return Ok(None) };
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        // A child of a parent that was killed may still be saving.
        if let Err(error) = file.file().lock() {
            return Err(user(format!("{}: could not be locked: {error}", path.display()), None));
        }
        std::thread::Builder::new().name("parent".into()).spawn(|| {
            let mut buffer = [0; 64];
            while std::io::stdin().read(&mut buffer).is_ok_and(|read| read > 0) {}
            reporter::interrupt();
        })?;
        Ok(Some(file))
    }
}
