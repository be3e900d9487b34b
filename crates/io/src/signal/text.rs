//! bedGraph and wiggle.

use crate::error::{Error, Result, excerpt};
use crate::input::Lines;
use std::collections::BTreeMap;
use std::path::Path;

/// Neighbouring bases with one value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) value: f32,
}

/// Runs by contig, in order, without overlaps.
pub(super) type Runs = BTreeMap<String, Vec<Run>>;

/// Far beyond any chromosome, and small enough for sums not to overflow.
const LARGEST: u64 = 1 << 60;

/// What the lines after a declaration mean.
enum Mode {
    BedGraph,
    Variable { chrom: String, span: u64 },
    Fixed { chrom: String, next: u64, step: u64, span: u64 },
}

/// Reads all runs of a file.
pub(super) fn read(path: &Path) -> Result<Runs> {
    let mut lines = Lines::open(path)?;
    let mut runs = Runs::new();
    let mut mode = Mode::BedGraph;
    while let Some((number, bytes)) = lines.next_line()? {
        let text = String::from_utf8_lossy(bytes);
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let wrong = |message: String| Error::at_line(path, number, message);
        match fields.first() {
            None => {}
            Some(first) if first.starts_with('#') || ["track", "browser"].contains(first) => {}
            Some(&"fixedStep" | &"variableStep") => mode = declaration(&fields).map_err(wrong)?,
            Some(_) => {
                let (chrom, run) = data(&mut mode, &fields).map_err(|message| hinted(wrong(message)))?;
                add(&mut runs, &chrom, run).map_err(wrong)?;
            }
        }
    }
    if runs.is_empty() {
        return Err(hinted(Error::of(path, "expected at least one value, found none")));
    }
    Ok(runs)
}

fn hinted(error: Error) -> Error {
    error.with_hint("signal is read from bigWig, bedGraph (contig, start, end, value) or wiggle")
}

fn number(text: &str, what: &str) -> std::result::Result<u64, String> {
    let number = text.parse().ok().filter(|number| *number < LARGEST);
    number.ok_or_else(|| format!("expected a whole number as {what}, found {}", excerpt(text.as_bytes())))
}

fn value(text: &str) -> std::result::Result<f32, String> {
    let value = text.parse().ok().filter(|value: &f32| value.is_finite());
    value.ok_or_else(|| format!("expected a number as value, found {}", excerpt(text.as_bytes())))
}

/// A line that says what follows: `fixedStep chrom=chr1 start=1 step=1 span=1`; `span` may be left out.
fn declaration(fields: &[&str]) -> std::result::Result<Mode, String> {
    let get = |key: &str| fields.iter().find_map(|field| field.strip_prefix(key)?.strip_prefix('='));
    let whole = |key: &str, default: Option<u64>| match (get(key), default) {
        (Some(text), _) => {
            number(text, key).and_then(|n| if n > 0 { Ok(n) } else { Err(format!("expected {key} from 1, found 0")) })
        }
        (None, Some(default)) => Ok(default),
        (None, None) => Err(format!("expected {key}=NUMBER after {}, found none", fields[0])),
    };
    let chrom = get("chrom").ok_or_else(|| format!("expected chrom=NAME after {}, found none", fields[0]))?.to_owned();
    let span = whole("span", Some(1))?;
    if fields[0] == "variableStep" {
        return Ok(Mode::Variable { chrom, span });
    }
    let (start, step) = (whole("start", None)?, whole("step", Some(1))?);
    if span > step {
        return Err(format!("expected a span of at most its step {step}, found {span}"));
    }
    // Wiggle counts from 1.
    Ok(Mode::Fixed { chrom, next: start - 1, step, span })
}

/// The contig and the run of a line of values.
fn data(mode: &mut Mode, fields: &[&str]) -> std::result::Result<(String, Run), String> {
    match (mode, fields) {
        (Mode::BedGraph, &[chrom, start, end, text]) => {
            let (start, end) = (number(start, "start")?, number(end, "end")?);
            if start >= end {
                return Err(format!("expected start < end, found {start} and {end}"));
            }
            Ok((chrom.to_owned(), Run { start, end, value: value(text)? }))
        }
        (Mode::BedGraph, _) => Err(format!("expected 4 columns, found {}", fields.len())),
        (Mode::Variable { chrom, span }, &[position, text]) => {
            let start = number(position, "a position")?.checked_sub(1).ok_or("expected a position from 1, found 0")?;
            Ok((chrom.clone(), Run { start, end: start + *span, value: value(text)? }))
        }
        (Mode::Variable { .. }, _) => Err(format!("expected a position and a value, found {} fields", fields.len())),
        (Mode::Fixed { chrom, next, step, span }, &[text]) => {
            let (start, value) = (*next, value(text)?);
            *next = start.saturating_add(*step).min(LARGEST);
            Ok((chrom.clone(), Run { start, end: start + *span, value }))
        }
        (Mode::Fixed { .. }, _) => Err(format!("expected one value, found {} fields", fields.len())),
    }
}

fn add(runs: &mut Runs, chrom: &str, run: Run) -> std::result::Result<(), String> {
    let line = match runs.get_mut(chrom) {
        Some(line) => line,
        None => runs.entry(chrom.to_owned()).or_default(),
    };
    if let Some(last) = line.last().filter(|last| last.end > run.start) {
        return Err(format!(
            "expected places in order without overlaps, found {} to {}, which overlaps or precedes {} to {}",
            run.start, run.end, last.start, last.end
        ));
    }
    line.push(run);
    Ok(())
}
