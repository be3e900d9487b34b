//! What can be wrong with a motif file.

/// Why a motif file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The text is not what the format asks for.
    #[error("{origin}, line {line}: expected {expected}, found {found}{}", hint.as_deref().map(|h| format!("; {h}")).unwrap_or_default())]
    Syntax {
        /// Name of the input.
        origin: String,
        /// 1-based line.
        line: usize,
        /// What the format asks for here.
        expected: String,
        /// What stands there.
        found: String,
        /// What to do about it, where that is known.
        hint: Option<String>,
    },
    /// The input could not be read.
    #[error("{origin}, after line {line}: {error}")]
    Read {
        /// Name of the input.
        origin: String,
        /// 1-based last line that was read.
        line: usize,
        /// What the system said.
        error: std::io::Error,
    },
    /// The output could not be written.
    #[error("motifs could not be written: {0}")]
    Write(#[from] std::io::Error),
    /// One file holds one alphabet.
    #[error(
        "expected motifs of one alphabet in one file, found DNA and RNA ({id} differs from the first); write them to two files"
    )]
    MixedAlphabets {
        /// The first motif that differs.
        id: String,
    },
}
