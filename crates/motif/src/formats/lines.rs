//! Numbered lines of an input that may hold anything.

use super::FormatError;
use std::io::{BufRead, Read};

/// No line of a motif file is near this long: a longer one is another kind of file.
const LONGEST_LINE: u64 = 1 << 20;

/// Lines without their ends, numbered from 1, with one line of look-ahead.
pub(super) struct Lines<R> {
    input: R,
    origin: String,
    /// Number of the line that `next` gave last.
    number: usize,
    ahead: Option<String>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R, origin: &str) -> Self {
        Self { input, origin: origin.into(), number: 0, ahead: None }
    }

    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// The next line, or none at the end.
    pub(super) fn next(&mut self) -> Result<Option<String>, FormatError> {
        let line = match self.ahead.take() {
            Some(line) => Some(line),
            None => self.fetch()?,
        };
        self.number += usize::from(line.is_some());
        Ok(line)
    }

    /// The next line, without taking it.
    pub(super) fn peek(&mut self) -> Result<Option<&str>, FormatError> {
        if self.ahead.is_none() {
            self.ahead = self.fetch()?;
        }
        Ok(self.ahead.as_deref())
    }

    /// The next line that is not blank, without taking it; blank lines before it are taken.
    pub(super) fn peek_filled(&mut self) -> Result<Option<String>, FormatError> {
        while let Some(line) = self.peek()? {
            if !line.trim().is_empty() {
                return Ok(Some(line.to_owned()));
            }
            self.next()?;
        }
        Ok(None)
    }

    fn fetch(&mut self) -> Result<Option<String>, FormatError> {
        let mut bytes = Vec::new();
        let read = (&mut self.input).take(LONGEST_LINE).read_until(b'\n', &mut bytes);
        read.map_err(|error| FormatError::Read { origin: self.origin.clone(), line: self.number, error })?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if bytes.len() as u64 == LONGEST_LINE {
            self.number += 1;
            return Err(self.error("a line of text", "more than 1 MiB without a line end", None));
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        Ok(Some(text.trim_end_matches(['\n', '\r']).to_owned()))
    }

    /// An error at the line that `next` gave last.
    pub(super) fn error(&self, expected: &str, found: impl Into<String>, hint: Option<&str>) -> FormatError {
        FormatError::Syntax {
            origin: self.origin.clone(),
            line: self.number.max(1),
            expected: expected.into(),
            found: found.into(),
            hint: hint.map(Into::into),
        }
    }

    /// A number that is finite and not negative.
    pub(super) fn number_from(&self, text: &str, what: &str) -> Result<f64, FormatError> {
        match text.parse::<f64>() {
            Ok(x) if x.is_finite() && x >= 0.0 => Ok(x),
            _ => Err(self.error(what, quote(text), None)),
        }
    }
}

/// Text that was found, short and in quotes.
pub(super) fn quote(found: &str) -> String {
    let short: String = found.chars().take(60).collect();
    let dots = if short.len() < found.len() { "..." } else { "" };
    format!("{short:?}{dots}")
}
