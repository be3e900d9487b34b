//! FASTA: named sequences.

use crate::error::{Error, Result, excerpt};
use crate::input::Lines;
use basewise_core::{Alphabet, CasePolicy, EncodeError, Encoding};
use std::path::Path;

/// One named sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The first word after `>`; `sequence` and the record's number where there is none.
    pub id: String,
    /// The rest of the line.
    pub description: String,
    /// Letters as they came, at least one; all are IUPAC nucleotide letters.
    pub sequence: Vec<u8>,
    /// Line of its `>`, from 1.
    pub line: usize,
}

/// Letters that a record may have: more than almost any chromosome, and a bound on the memory.
const LONGEST: usize = 1 << 30;
/// Bytes that a line may have: a human chromosome may stand on one.
const LONGEST_LINE: usize = 1 << 28;

/// Reads the records of a FASTA file one by one; see [`crate::input::open`] for what a file may be.
///
/// # Errors
/// A file that cannot be opened. Later, from the iterator: text before the first `>`, a record without a sequence, a
/// byte that is no nucleotide letter (named with its offset in the record), truncated compressed data, a line beyond
/// 2^28 bytes (2^26 before the first record), a record beyond 2^30 letters. The iterator ends after its first error.
/// Names may repeat.
pub fn read(path: &Path) -> Result<Reader> {
    read_within(path, LONGEST_LINE, LONGEST)
}

fn read_within(path: &Path, longest_line: usize, longest: usize) -> Result<Reader> {
    let lines = Lines::open(path)?.with_limit(longest_line.min(Lines::LIMIT));
    Ok(Reader { lines, header: None, count: 0, done: false, longest_line, longest })
}

/// The records of a FASTA file, from [`read`].
pub struct Reader {
    lines: Lines,
    header: Option<(usize, String)>,
    count: usize,
    done: bool,
    longest_line: usize,
    longest: usize,
}

/// A byte that is no nucleotide letter, waiting to be told where it stood.
pub(crate) struct WrongLetter(EncodeError);

impl WrongLetter {
    pub(crate) fn in_file(self, path: &Path, place: String) -> Error {
        let error = Error::of(path, self.0.to_string()).at(place);
        match self.0.letter.to_ascii_uppercase() {
            'E' | 'F' | 'I' | 'L' | 'P' | 'Q' => {
                error.with_hint("this looks like a protein; basewise reads DNA and RNA")
            }
            '-' | '.' => error.with_hint("remove the gaps of an alignment first"),
            _ => error.with_hint("write N for a base that is not known, or leave the sequence out"),
        }
    }
}

/// Checks letters and names the first wrong one; `before` letters of the record came earlier.
pub(crate) fn check_letters(letters: &[u8], before: usize) -> std::result::Result<(), WrongLetter> {
    let plain = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };
    match plain.encode(letters) {
        Ok(_) => Ok(()),
        Err(wrong) => Err(WrongLetter(EncodeError { offset: before + wrong.offset, ..wrong })),
    }
}

impl Reader {
    fn next_record(&mut self) -> Result<Option<Record>> {
        let path = self.lines.path().to_path_buf();
        if self.header.is_none() {
            self.header = self.first_header()?;
            // What starts like FASTA may have a chromosome on one line; anything else need not be read that far.
            self.lines.set_limit(self.longest_line);
        }
        let Some((line, header)) = self.header.take() else { return Ok(None) };
        self.count += 1;
        let (id, description) = split_header(&header, self.count);
        let mut sequence = Vec::new();
        while let Some((number, text)) = self.lines.next_line()? {
            if let Some(header) = text.strip_prefix(b">") {
                self.header = Some((number, String::from_utf8_lossy(header).into_owned()));
                break;
            }
            let letters = text.trim_ascii_end();
            check_letters(letters, sequence.len())
                .map_err(|wrong| wrong.in_file(&path, format!("record {id:?}, line {number}")))?;
            if sequence.len() + letters.len() > self.longest {
                let message = format!("expected a sequence of at most {} letters, found a longer one", self.longest);
                let error = Error::of(&path, message).at(format!("record {id:?}, line {number}"));
                return Err(error.with_hint("cut it into several records; is a '>' line missing?"));
            }
            sequence.extend_from_slice(letters);
        }
        if sequence.is_empty() {
            return Err(Error::of(&path, "expected a sequence, found none").at(format!("record {id:?}, line {line}")));
        }
        Ok(Some(Record { id, description, sequence, line }))
    }

    /// The first `>` line, past blank ones.
    fn first_header(&mut self) -> Result<Option<(usize, String)>> {
        let path = self.lines.path().to_path_buf();
        while let Some((number, text)) = self.lines.next_line()? {
            if let Some(header) = text.strip_prefix(b">") {
                return Ok(Some((number, String::from_utf8_lossy(header).into_owned())));
            }
            if !text.trim_ascii().is_empty() {
                let error = Error::at_line(&path, number, format!("expected '>' and a name, found {}", excerpt(text)));
                return Err(if text.starts_with(b"@") {
                    error.with_hint("this looks like FASTQ; convert it to FASTA first")
                } else {
                    error.with_hint("a FASTA file starts with a line like \">name\"")
                });
            }
        }
        if self.count == 0 {
            return Err(Error::of(&path, "expected at least one sequence, found only blank lines"));
        }
        Ok(None)
    }
}

fn split_header(header: &str, count: usize) -> (String, String) {
    let header = header.trim();
    let (id, description) = header.split_once(char::is_whitespace).unwrap_or((header, ""));
    let id = if id.is_empty() { format!("sequence{count}") } else { id.to_owned() };
    (id, description.trim_start().to_owned())
}

impl Iterator for Reader {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.next_record().transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(text: &str, longest_line: usize, longest: usize) -> Result<Vec<usize>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.fa");
        crate::output::write_file(&path, |sink| sink.write_all(text.as_bytes())).unwrap();
        read_within(&path, longest_line, longest)?.map(|record| record.map(|r| r.sequence.len())).collect()
    }

    #[test]
    fn lines_and_records_end_at_their_limits() {
        assert_eq!(lengths(">a\nACGT\nACGT\n>b\nACGTACGT\n", 8, 8).unwrap(), [8, 8]);
        let line = lengths(">a\nACGTACGTA\n", 8, 100).unwrap_err();
        assert!(line.to_string().contains("line 2: expected a line of at most 8 bytes"), "{line}");
        let record = lengths(">a\nACGT\nACGT\nA\n>b\nA\n", 8, 8).unwrap_err();
        assert!(
            record.to_string().contains("record \"a\", line 4: expected a sequence of at most 8 letters"),
            "{record}"
        );
        assert!(record.hint().unwrap().contains("'>'"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_endless_device_is_an_error() {
        let error = read(Path::new("/dev/zero")).unwrap().next().unwrap().unwrap_err();
        assert_eq!(
            error.to_string(),
            "/dev/zero: line 1: expected a line of at most 67108864 bytes, found a longer one"
        );
    }
}
