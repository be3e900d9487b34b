//! Places that carry the same base in every training sequence, as GT does in donors and in decoys that were chosen for their GT.

use super::{Finding, FindingKind, Severity};
use crate::{Dataset, Split};

/// Fewer training rows than this agree by chance too often to speak of.
const LEAST_ROWS: usize = 50;

/// The share of the rows that must have the base.
const SHARE: f64 = 0.999;

/// How many places the message names.
const NAMED: usize = 8;

/// One finding. Only training rows of the same length as the first are compared; N and other letters count as another base.
pub(super) fn finding(dataset: &Dataset) -> Finding {
    let rows = dataset.rows_of(Split::Train);
    let sequences: Vec<&[u8]> = rows.iter().map(|&row| dataset.examples[row].sequence.as_slice()).collect();
    let length = sequences.first().map_or(0, |first| first.len());
    let comparable = sequences.len() >= LEAST_ROWS && sequences.iter().all(|s| s.len() == length);
    let bases = dataset.encoding.alphabet.letters().map(char::from);
    let places = if comparable { constant_places(&sequences, length, bases) } else { Vec::new() };
    let message = match places.as_slice() {
        [] if comparable => "no place has the same base in all train sequences".to_owned(),
        [] => format!("places are compared where {LEAST_ROWS} or more train sequences have one length"),
        places => format!(
            "all train sequences have {} (counted from 1): a model cannot learn from them that these bases \
             matter, so effects of variants there say little; negatives that differ there would teach it",
            in_words(places)
        ),
    };
    let mut finding =
        Finding::counted(FindingKind::ConstantPositions, Severity::Note, places.len(), length.max(1), message);
    finding.splits = vec![Split::Train];
    finding
}

/// Places, counted from 0, with the base that they have, in order.
fn constant_places(sequences: &[&[u8]], length: usize, bases: [char; 4]) -> Vec<(usize, char)> {
    let mut counts = vec![[0_usize; 4]; length];
    for sequence in sequences {
        for (count, letter) in counts.iter_mut().zip(*sequence) {
            if let Some(base) = base(*letter) {
                count[base] += 1;
            }
        }
    }
    let least = (sequences.len() as f64 * SHARE).ceil() as usize;
    let found = counts.iter().enumerate().filter_map(|(at, count)| {
        let base = (0..4).find(|&base| count[base] >= least)?;
        Some((at, bases[base]))
    });
    found.collect()
}

fn base(letter: u8) -> Option<usize> {
    match letter.to_ascii_uppercase() {
        b'A' => Some(0),
        b'C' => Some(1),
        b'G' => Some(2),
        b'T' | b'U' => Some(3),
        _ => None,
    }
}

/// Neighbours together: `AG at 69 to 70, T at 80`.
fn in_words(places: &[(usize, char)]) -> String {
    let mut runs: Vec<(usize, String)> = Vec::new();
    for &(at, base) in places {
        match runs.last_mut() {
            Some((start, bases)) if *start + bases.len() == at => bases.push(base),
            _ => runs.push((at, base.to_string())),
        }
    }
    let shown = runs.iter().take(NAMED).map(|(start, bases)| match bases.len() {
        1 => format!("{bases} at {}", start + 1),
        n if n > NAMED => format!("the same {n} bases at {} to {}", start + 1, start + n),
        n => format!("{bases} at {} to {}", start + 1, start + n),
    });
    let mut words: Vec<String> = shown.collect();
    if runs.len() > NAMED {
        words.push(format!("and {} more", runs.len() - NAMED));
    }
    words.join(", ")
}
