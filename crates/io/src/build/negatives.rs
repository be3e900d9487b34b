//! Negatives that are made: dinucleotide shuffles of the positives.

use super::Account;
use super::draft::Draft;
use crate::dataset::{Provenance, Source};
use crate::error::{Error, Result};
use crate::fasta;
use basewise_core::random::stream;
use basewise_core::{Task, TaskKind};
use std::path::PathBuf;

/// Where negatives come from, besides those that the input files hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Negatives {
    /// There are none, or the input has them.
    #[default]
    None,
    /// Shuffles of every positive that keep its counts of dinucleotides, and the pattern of its case.
    Shuffle {
        /// Shuffles of each positive.
        per_positive: usize,
    },
    /// A FASTA file (for places on a genome also a BED file).
    File(PathBuf),
    /// Windows of the genome with the base composition of the positives; only for places on a genome.
    Background {
        /// Windows for each positive.
        per_positive: usize,
        /// A BED file of places to avoid, besides the peaks.
        blacklist: Option<PathBuf>,
        /// Whether a window comes from the chromosome of its positive, or from anywhere in the genome.
        same_chromosome: bool,
        /// How far the fraction of G and C may be from the positive's, 0 to 1.
        gc_tolerance: f64,
    },
}

/// A shuffle may happen to be the sequence itself; after so many tries the sequence is taken to allow no other.
const TRIES: u64 = 20;

/// Appends the negatives of a policy to the drafts of labelled sequences.
pub(super) fn add(
    policy: &Negatives,
    tasks: &[Task],
    drafts: &mut Vec<Draft>,
    seed: u64,
    account: &mut Account,
    provenance: &mut Provenance,
) -> Result<()> {
    if *policy != Negatives::None && !matches!(tasks, [Task { kind: TaskKind::Binary, .. }]) {
        return Err(Error::new("expected one binary task to add negatives to, found other tasks"));
    }
    match policy {
        Negatives::None => Ok(()),
        Negatives::Shuffle { per_positive } => {
            let made = shuffles(drafts, *per_positive, 1, seed, account)?;
            account.made += made.len();
            drafts.extend(made);
            Ok(())
        }
        Negatives::File(path) => {
            provenance.sources.push(Source::of(path)?);
            for record in fasta::read(path)? {
                let record = record?;
                account.read += 1;
                account.used += 1;
                drafts.push(Draft::bare(record.id, record.sequence, vec![0.0]));
            }
            Ok(())
        }
        Negatives::Background { .. } => {
            Err(Error::new("expected a genome to take background windows from, found none")
                .with_hint("use shuffles here, or make the data set from intervals and a genome"))
        }
    }
}

/// Shuffles of every draft that has a label 1, with `tasks` labels of 0.
pub(super) fn shuffles(
    drafts: &[Draft],
    per_positive: usize,
    tasks: usize,
    seed: u64,
    account: &mut Account,
) -> Result<Vec<Draft>> {
    check_amount(drafts, per_positive)?;
    let mut made = Vec::new();
    for (row, positive) in drafts.iter().enumerate() {
        if !positive.labels.contains(&1.0) {
            continue;
        }
        for copy in 0..per_positive {
            match shuffled(&positive.sequence, seed, row as u64, copy as u64) {
                Some(sequence) => made.push(Draft {
                    id: format!("{}_shuffle{}", positive.id, copy + 1),
                    place: None,
                    sequence,
                    labels: vec![0.0; tasks],
                    parent: Some(row),
                    ..positive.clone()
                }),
                None => account.fail("every shuffle equals its positive", 1),
            }
        }
    }
    Ok(made)
}

/// Bytes that negatives may take in memory.
const MOST_BYTES: u128 = 8 << 30;
/// Bytes that a sequence takes besides its letters, about: name, labels, place.
const OVERHEAD: u128 = 200;

/// Refuses to make no negatives, or more than fit into memory.
pub(super) fn check_amount(drafts: &[Draft], per_positive: usize) -> Result<()> {
    if per_positive == 0 {
        return Err(Error::new("expected at least 1 negative for each positive, found 0")
            .with_hint("to make no negatives, leave the option out"));
    }
    let positives = || drafts.iter().filter(|draft| draft.labels.contains(&1.0));
    let letters: u128 = positives().map(|draft| draft.sequence.len() as u128).sum();
    let count = positives().count() as u128;
    let bytes = (letters + OVERHEAD * count) * per_positive as u128;
    if bytes <= MOST_BYTES {
        return Ok(());
    }
    let message = format!(
        "expected negatives that take at most {} GiB of memory, found {count} positives of {} letters on average with \
         {per_positive} negatives each: {} GiB",
        MOST_BYTES >> 30,
        letters / count.max(1),
        bytes.div_ceil(1 << 30),
    );
    Err(Error::new(message).with_hint("ask for fewer negatives for each positive"))
}

/// A dinucleotide shuffle that differs from `sequence`, with upper and lower case where they were.
fn shuffled(sequence: &[u8], seed: u64, row: u64, copy: u64) -> Option<Vec<u8>> {
    // Case marks places (a binding site, a repeat), not letters, so it must not move with them.
    let upper = sequence.to_ascii_uppercase();
    (0..TRIES).find_map(|attempt| {
        let mut rng = stream(seed, "negative shuffle", &[row, copy, attempt]);
        let mut letters = basewise_core::shuffle::dinucleotide(&upper, &mut rng);
        if letters == upper {
            return None;
        }
        for (letter, original) in letters.iter_mut().zip(sequence) {
            if original.is_ascii_lowercase() {
                letter.make_ascii_lowercase();
            }
        }
        Some(letters)
    })
}
