//! Training as a child of another command: it must not outlive its parent, nor meet a twin in its directory.

use super::reporter;
use crate::failure::user;
use anyhow::Result;
use clap::Args;
use fs_err::File;
use std::io::{Read, Seek, Write};
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
    pub(super) fn start(&self) -> Result<Option<Worker>> {
        let Some(path) = &self.worker_lock else { return Ok(None) };
        let file = File::options().create(true).truncate(false).read(true).write(true).open(path)?;
        // A child of a parent that was killed may still be saving.
        if let Err(error) = file.file().lock() {
            return Err(user(format!("{}: could not be locked: {error}", path.display()), None));
        }
        std::thread::Builder::new().name("parent".into()).spawn(|| {
            let mut buffer = [0; 64];
            while std::io::stdin().read(&mut buffer).is_ok_and(|read| read > 0) {}
            reporter::interrupt();
        })?;
        Ok(Some(Worker(file)))
    }
}

/// A training that another command waits for. At its end it leaves the most memory that it held, in bytes, in its file,
/// or what an earlier part of the same training left there if that was more.
pub(super) struct Worker(File);

impl Drop for Worker {
    fn drop(&mut self) {
        let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
        let mut before = String::new();
        let _ = self.0.read_to_string(&mut before);
        if let Some(peak) = high_water_mark(&status).max(before.trim().parse().ok()) {
            // Without it the training is as good.
            let _ = self.0.set_len(0).and_then(|()| self.0.rewind()).and_then(|()| write!(self.0, "{peak}"));
        }
    }
}

/// The bytes of the line `VmHWM:  1234 kB`, which Linux has.
fn high_water_mark(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_of_memory_is_read_where_there_is_one() {
        assert_eq!(high_water_mark("Name:\tx\nVmHWM:\t  1234 kB\nVmRSS:\t 1 kB\n"), Some(1234 << 10));
        assert_eq!((high_water_mark(""), high_water_mark("VmHWM: many")), (None, None));
    }

    #[test]
    fn a_training_in_parts_leaves_the_larger_peak() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        let open = || File::options().create(true).truncate(false).read(true).write(true).open(&path).unwrap();
        let left = || fs_err::read_to_string(&path).unwrap();
        drop(Worker(open()));
        let first = left();
        fs_err::write(&path, u64::MAX.to_string()).unwrap();
        drop(Worker(open()));
        assert_eq!(left(), u64::MAX.to_string());
        assert_eq!(first.is_empty(), !cfg!(target_os = "linux"));
    }
}
