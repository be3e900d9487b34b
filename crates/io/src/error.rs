//! One error type for every file: what was expected, what was found, where, and what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The result of everything that touches a file.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a file could not be read, written or understood.
///
/// Displays as `file: place: message`, where the place (a line, a record) is there when it is known. The fix, where
/// there is one, is in [`Error::hint`].
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Inner>);

#[derive(Debug, thiserror::Error)]
struct Inner {
    file: Option<PathBuf>,
    place: Option<String>,
    message: String,
    hint: Option<String>,
    #[source]
    cause: Option<io::Error>,
}

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}: ", shown(file))?;
        }
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// The name of a path in messages: `-` is the standard input or output.
fn shown(path: &Path) -> String {
    if path == Path::new("-") { "standard input or output".into() } else { path.display().to_string() }
}

impl Error {
    /// An error that is about no file, such as options that contradict each other.
    pub fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Inner { file: None, place: None, message: message.into(), hint: None, cause: None }))
    }

    /// An error about `file`.
    pub fn of(file: &Path, message: impl Into<String>) -> Self {
        let mut error = Self::new(message);
        error.0.file = Some(file.to_path_buf());
        error
    }

    /// An error about one line (1-based) of `file`.
    pub fn at_line(file: &Path, line: usize, message: impl Into<String>) -> Self {
        Self::of(file, message).at(format!("line {line}"))
    }

    /// The operating system's error, told in words: `action` completes "could not be ...".
    pub fn io(file: &Path, action: &str, cause: io::Error) -> Self {
        use io::ErrorKind as Kind;
        let (message, hint) = match cause.kind() {
            Kind::NotFound if ["opened", "read"].contains(&action) => {
                ("expected a file, found none of that name".to_owned(), None)
            }
            Kind::NotADirectory => {
                (format!("could not be {action}: expected a directory in its path, found a file"), None)
            }
            Kind::AlreadyExists => {
                (format!("could not be {action}: expected no file of that name yet, found one"), None)
            }
            Kind::PermissionDenied => (format!("could not be {action}: permission denied"), None),
            Kind::StorageFull => (
                format!("could not be {action}: no space left on the device"),
                Some("free some space or choose another output; nothing half-written was left behind".to_owned()),
            ),
            Kind::FileTooLarge => (
                format!("could not be {action}: larger than files may be here"),
                Some("`ulimit -f` shows the limit: raise it, or write where files may be larger".to_owned()),
            ),
            Kind::ReadOnlyFilesystem => (format!("could not be {action}: the file system is read-only"), None),
            Kind::UnexpectedEof => (
                format!("could not be {action}: truncated, the data ends early ({cause})"),
                Some("the file is incomplete: copy or download it again".to_owned()),
            ),
            Kind::InvalidData | Kind::InvalidInput => (format!("could not be {action}: damaged ({cause})"), None),
            _ => (format!("could not be {action}: {cause}"), None),
        };
        let mut error = Self::of(file, message);
        error.0.hint = hint;
        error.0.cause = Some(cause);
        error
    }

    /// The same error at a place inside the file: `line 3`, `record "x"`.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.0.place = Some(place.into());
        self
    }

    /// The same error with the fix.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The same error about a file below `to`, where it was about one below `from`: a temporary name says nothing.
    pub(crate) fn moved(mut self, from: &Path, to: &Path) -> Self {
        if let Some(below) = self.0.file.as_ref().and_then(|file| file.strip_prefix(from).ok()) {
            self.0.file = Some(to.join(below));
        }
        self
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        self.0.hint.clone()
    }

    /// The file it is about, if it is about one.
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// Whether the reader of our output went away (`| head`): a reason to stop quietly, not to complain.
    pub fn is_broken_pipe(&self) -> bool {
        self.0.cause.as_ref().is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Whether a file or directory is not there.
    pub fn is_not_found(&self) -> bool {
        self.0.cause.as_ref().is_some_and(|cause| cause.kind() == io::ErrorKind::NotFound)
    }
}

/// The closest of `names` to `wanted`, if one is close enough to be a slip of the pen.
pub(crate) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&wanted, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= 1 + wanted.chars().count() / 4)
        .min()
        .map(|(_, name)| name)
}

/// No contig of this name in a file, which the hint calls `what` (a genome, a file); it says so if the name is written
/// with or without `chr` there.
pub(crate) fn unknown_contig<'a>(
    path: &Path,
    what: &str,
    chrom: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Error {
    let error = Error::of(path, format!("expected one of its contigs, found {chrom:?}"));
    let bare = chrom.strip_prefix("chr").unwrap_or(chrom);
    let mut variants = vec![bare.to_owned(), format!("chr{bare}")];
    if ["M", "MT"].contains(&bare) {
        variants.extend(["chrM", "MT", "M"].map(str::to_owned));
    }
    if let Some(same) = variants.iter().find(|variant| names.clone().any(|name| name == variant.as_str())) {
        return error.with_hint(format!("the {what} calls it {same:?}: rename the contigs in one of the files"));
    }
    if let Some(near) = nearest(chrom, names.clone()) {
        return error.with_hint(format!("did you mean {near:?}?"));
    }
    let shown: Vec<&str> = names.clone().take(8).collect();
    let more = if names.count() > shown.len() { ", ..." } else { "" };
    error.with_hint(format!("the {what} has {}{more}", shown.join(", ")))
}

/// A short form of untrusted text for a message: at most 40 characters, control characters escaped.
pub(crate) fn excerpt(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(&text[..text.len().min(200)]).into_owned();
    let cut: String = text.chars().take(40).collect();
    if cut.len() < text.len() { format!("{:?}...", cut) } else { format!("{cut:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_place_and_message_read_as_one_line() {
        let error = Error::at_line(Path::new("a.bed"), 3, "expected a number, found \"x\"").with_hint("fix it");
        assert_eq!(error.to_string(), "a.bed: line 3: expected a number, found \"x\"");
        assert_eq!(error.hint().as_deref(), Some("fix it"));
        assert_eq!(Error::new("no").to_string(), "no");
    }

    #[test]
    fn a_broken_pipe_is_told_from_other_failures() {
        let pipe = Error::io(Path::new("-"), "written", io::ErrorKind::BrokenPipe.into());
        assert!(pipe.is_broken_pipe() && !pipe.is_not_found());
        assert!(!Error::io(Path::new("-"), "written", io::ErrorKind::StorageFull.into()).is_broken_pipe());
    }

    #[test]
    fn only_close_names_are_offered() {
        assert_eq!(nearest("seqence", ["label", "sequence"]), Some("sequence"));
        assert_eq!(nearest("zzz", ["label", "sequence"]), None);
    }

    #[test]
    fn excerpts_are_short_and_escaped() {
        assert_eq!(excerpt(b"a\tb"), "\"a\\tb\"");
        assert!(excerpt(&[b'x'; 5000]).len() < 60);
        assert!(excerpt(&[0xff, 0x00]).contains("\\0"));
    }
}
