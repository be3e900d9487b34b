//! What a specification must satisfy before anything is drawn.

use super::SimulateError;
use super::plan::{Background, Logic, Plant, Position, SimulateSpec};
use crate::Motif;
use std::cmp::Reverse;

/// More than fits the memory of most machines; a bound on what a slip of the keyboard can make us allocate.
const MAX_BASES: f64 = 8e9;
const MAX_EXAMPLES: usize = 100_000_000;

/// Words less alike than this (Jaro-Winkler) are no slip of the keyboard.
const ALIKE: f64 = 0.85;

pub(super) fn refuse<T>(expected: impl Into<String>, found: impl Into<String>) -> Result<T, SimulateError> {
    Err(SimulateError::Spec { expected: expected.into(), found: found.into() })
}

fn listed(numbers: &[f64]) -> String {
    numbers.iter().map(f64::to_string).collect::<Vec<_>>().join(", ")
}

pub(super) fn check_numbers(spec: &SimulateSpec) -> Result<(), SimulateError> {
    let bases = spec.examples as f64 * spec.length as f64;
    if spec.examples == 0 || spec.length == 0 {
        let found = format!("{} sequences of {} bases", spec.examples, spec.length);
        return refuse("at least one sequence of at least one base", found);
    }
    if spec.examples > MAX_EXAMPLES || bases > MAX_BASES {
        let found = format!("{} sequences of {} bases ({bases:e} bases)", spec.examples, spec.length);
        return refuse(format!("at most {MAX_EXAMPLES} sequences and {MAX_BASES:e} bases in all"), found);
    }
    let part = |x: f64| (0.0..=1.0).contains(&x);
    if !part(spec.positive_fraction) {
        return refuse("a fraction of positives from 0 to 1", spec.positive_fraction.to_string());
    }
    match spec.background {
        Background::Iid { gc } if !part(gc) => return refuse("a GC fraction from 0 to 1", gc.to_string()),
        Background::Markov { transitions } if transitions.iter().flatten().any(|p| !(p.is_finite() && *p >= 0.0)) => {
            return refuse("transition probabilities of 0 or more", listed(transitions.as_flattened()));
        }
        _ => {}
    }
    let total: f64 = spec.splits.iter().sum();
    if spec.splits.iter().any(|share| !part(*share)) || total <= 0.0 {
        return refuse("shares of train, valid and test from 0 to 1, not all 0", listed(&spec.splits));
    }
    if let Some((least, most)) = spec.spacing
        && (least > most || most > spec.length)
    {
        return refuse(
            "a spacing from least to most within the length",
            format!("{least} to {most} in {} bases", spec.length),
        );
    }
    if spec.logic == Logic::Order && spec.plants.len() < 2 {
        return refuse("at least two motifs for an order", spec.plants.len().to_string());
    }
    Ok(())
}

/// Refuses places that a spacing would leave unheeded.
pub(super) fn check_spacing(spec: &SimulateSpec) -> Result<(), SimulateError> {
    let [first, others @ ..] = spec.plants.as_slice() else { return Ok(()) };
    if spec.spacing.is_none() || others.is_empty() {
        return Ok(());
    }
    let is_shared = others.iter().all(|plant| plant.position == first.position);
    if is_shared && !matches!(first.position, Position::Fixed { .. }) {
        return Ok(());
    }
    let is_ordered = spec.logic == Logic::Order;
    let bound = if is_ordered { others } else { &spec.plants };
    match bound.iter().find(|plant| plant.position != Position::Anywhere) {
        None => Ok(()),
        Some(plant) if is_ordered => refuse(
            "with a spacing, a place for the first motif only or the same span for all",
            format!("{} {}", plant.motif, plant.position),
        ),
        Some(plant) => refuse(
            "with a spacing and no order (any motif may be the leftmost), the same span for all motifs or no place",
            format!("{} {}", plant.motif, plant.position),
        ),
    }
}

/// Refuses an order in which two motifs could change places unseen.
pub(super) fn check_order(motifs: &[&Motif]) -> Result<(), SimulateError> {
    let mut ids: Vec<&str> = motifs.iter().map(|motif| motif.id.as_str()).collect();
    ids.sort_unstable();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => {
            let found = format!("{} twice, so that another order would be the same", pair[0]);
            refuse("different motifs for an order", found)
        }
        None => Ok(()),
    }
}

pub(super) fn find<'a>(plant: &Plant, motifs: &'a [Motif]) -> Result<&'a Motif, SimulateError> {
    let named = |motif: &&Motif| motif.id == plant.motif;
    match motifs.iter().find(named).or_else(|| motifs.iter().find(|motif| motif.name == plant.motif)) {
        Some(motif) if motif.is_empty() => {
            refuse("a motif with at least one position", format!("{} without", motif.id))
        }
        Some(motif) => Ok(motif),
        None => {
            let some: Vec<&str> = motifs.iter().take(5).map(|motif| motif.id.as_str()).collect();
            let dots = if motifs.len() > 5 { ", ..." } else { "" };
            refuse(
                format!("the id or name of a motif ({}{dots})", some.join(", ")),
                format!("{:?}{}", plant.motif, suggestion(&plant.motif, motifs)),
            )
        }
    }
}

/// `; did you mean ...?`: the newest version of an id without one, or the id or name most like `wanted`, or nothing.
fn suggestion(wanted: &str, motifs: &[Motif]) -> String {
    let folded = wanted.to_ascii_lowercase();
    let stem = folded.split('.').next().unwrap_or_default();
    let version = |id: &str| -> Option<u32> {
        let (own, version) = id.rsplit_once('.')?;
        own.eq_ignore_ascii_case(stem).then(|| version.parse().ok())?
    };
    let versions = motifs.iter().filter_map(|motif| Some((version(&motif.id)?, motif.id.as_str())));
    let alike = || {
        let words = motifs.iter().flat_map(|motif| [motif.id.as_str(), motif.name.as_str()]);
        words
            .map(|word| (strsim::jaro_winkler(&folded, &word.to_ascii_lowercase()), word))
            .filter(|(similarity, word)| *similarity >= ALIKE && !word.is_empty())
            // Of equals, the first in alphabetical order, so that the file's order does not matter.
            .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| Reverse(a.1).cmp(&Reverse(b.1))))
            .map(|(_, word)| word)
    };
    let nearest = versions.max().map(|(_, id)| id).or_else(alike);
    nearest.map(|word| format!("; did you mean {word:?}?")).unwrap_or_default()
}
