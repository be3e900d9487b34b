//! A disk that fills up or a directory that goes away while training.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What could not be written, why, and how to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteError {
    /// The file or directory.
    pub path: PathBuf,
    /// What the system said.
    pub cause: String,
    /// Bytes that are free where it was to be written, where the system tells.
    pub free: Option<u64>,
    /// Steps of the newest checkpoint that is whole.
    pub checkpoint: Option<u64>,
}

impl WriteError {
    pub(super) fn new(path: &Path, cause: &dyn fmt::Display, checkpoint: Option<u64>) -> Self {
        // The first part of the path that is there lies on the same file system as the rest was to.
        let free = path.ancestors().find(|part| part.exists()).and_then(free_bytes);
        Self { path: path.to_owned(), cause: cause.to_string(), free, checkpoint }
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: could not be written: {}", self.path.display(), self.cause)?;
        if let Some(free) = self.free {
            write!(f, "; {:.1} MB are free there", free as f64 / 1e6)?;
        }
        let mend = if self.cause.contains(&too_large()) {
            "raise the limit of file sizes (`ulimit -f`)"
        } else {
            "make room or mend the directory"
        };
        let remedy = format!("{mend}, then go on with the same command and --resume");
        match self.checkpoint {
            Some(steps) => write!(f, "; the checkpoint after step {steps} is whole: {remedy}"),
            None => write!(f, "; there is no checkpoint yet: {remedy}"),
        }
    }
}

impl std::error::Error for WriteError {}

#[cfg(unix)]
fn free_bytes(path: &Path) -> Option<u64> {
    let about = rustix::fs::statvfs(path).ok()?;
    about.f_bavail.checked_mul(about.f_frsize)
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}

/// What the system says of a file that would grow beyond the limit of file sizes.
#[cfg(unix)]
fn too_large() -> String {
    io::Error::from(rustix::io::Errno::FBIG).to_string()
}

#[cfg(not(unix))]
fn too_large() -> String {
    io::ErrorKind::FileTooLarge.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_where_how_much_and_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("checkpoints/step-0000000003");
        let mut error = WriteError::new(&path, &"no space left", Some(2));
        assert_eq!(error.free.is_some(), cfg!(unix));
        error.free = Some(1_250_000);
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("{}: could not be written: no space left; 1.2 MB", path.display())),
            "{text}"
        );
        assert!(text.contains("the checkpoint after step 2 is whole") && text.contains("--resume"), "{text}");
        let limited = WriteError { cause: format!("state.json: {}", too_large()), ..error.clone() }.to_string();
        assert!(limited.contains("raise the limit of file sizes") && !limited.contains("make room"), "{limited}");
        assert!(WriteError { checkpoint: None, ..error }.to_string().contains("there is no checkpoint yet"));
    }
}
