//! From peaks to windows: centring, merging over files, labels by overlap, groups of overlapping ones.

use super::Account;
use super::draft::Draft;
use super::intervals::{IntervalsSpec, OpenPlaces, WindowPolicy, in_line};
use crate::bed::BedRecord;
use crate::error::Result;
use crate::genome::Genome;
use basewise_core::similarity::DisjointSets;
use basewise_core::{Alphabet, Strand, canonical};
use std::collections::BTreeMap;
use std::path::Path;

/// A stretch to be cut out, without its jitter margin; it may reach beyond the chromosome until the policy has spoken.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) chrom: String,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) strand: Strand,
    pub(super) labels: Vec<f64>,
    pub(super) covariates: Vec<f64>,
    pub(super) weight: f64,
    pub(super) file: usize,
    pub(super) line: usize,
    given: Option<String>,
}

impl Window {
    /// The peak's own name, or its place.
    pub(super) fn name(&self) -> String {
        let Self { chrom, start, end, strand, .. } = self;
        self.given.clone().unwrap_or_else(|| format!("{chrom}:{start}-{end}({})", strand.symbol()))
    }

    fn overlap(&self, start: i64, end: i64) -> i64 {
        (self.end.min(end) - self.start.max(start)).max(0)
    }

    /// Shared bases as a fraction of the shorter of the two.
    fn share(&self, start: i64, end: i64) -> f64 {
        let shorter = (self.end - self.start).min(end - start).max(1);
        self.overlap(start, end) as f64 / shorter as f64
    }
}

/// Windows, and the files that their numbers mean.
pub(super) struct Windows<'a> {
    pub(super) windows: Vec<Window>,
    pub(super) paths: Vec<&'a Path>,
}

fn window(spec: &IntervalsSpec, (file, path): (usize, &Path), record: &BedRecord, labels: Vec<f64>) -> Result<Window> {
    let place = &record.interval;
    let (start, end) = match spec.window {
        WindowPolicy::AsIs => (place.start as i64, place.end as i64),
        WindowPolicy::Centred(length) => {
            let centre = (place.start + record.summit.unwrap_or(place.len() / 2)) as i64;
            let start = centre - length as i64 / 2;
            (start, start + length as i64)
        }
    };
    let strand = if spec.stranded { place.strand } else { Strand::Forward };
    let (chrom, given) = (place.chrom.clone(), record.name.clone());
    let (covariates, weight) = spec.columns.of(path, record)?;
    Ok(Window { chrom, start, end, strand, labels, covariates, weight, file, line: record.line, given })
}

/// The windows of all peak files with a label a file.
pub(super) fn of_peaks<'a>(
    spec: &'a IntervalsSpec,
    genome: &Genome,
    peaks: &[Vec<BedRecord>],
    account: &mut Account,
) -> Result<Windows<'a>> {
    let paths: Vec<&Path> = spec.peaks.iter().map(|file| file.path.as_path()).collect();
    let mut all = Vec::new();
    for (file, records) in peaks.iter().enumerate() {
        for record in records {
            known_chrom(genome, paths[file], record)?;
            let labels = (0..peaks.len()).map(|task| f64::from(u8::from(task == file))).collect();
            all.push(window(spec, (file, paths[file]), record, labels)?);
        }
    }
    let mut windows = merge(all, if peaks.len() > 1 { spec.min_overlap } else { 1.0 }, account);
    if peaks.len() > 1 {
        label(spec, peaks, &mut windows);
    }
    Ok(Windows { windows, paths })
}

/// The windows of places with given labels.
pub(super) fn of_places<'a>(
    spec: &IntervalsSpec,
    genome: &Genome,
    open: &OpenPlaces<'a>,
    account: &mut Account,
) -> Result<Windows<'a>> {
    open.places.iter().try_for_each(|record| known_chrom(genome, open.path, record))?;
    let of = |(i, record): (usize, &BedRecord)| window(spec, (0, open.path), record, (open.labels)(i));
    let windows = open.places.iter().enumerate().map(of).collect::<Result<_>>()?;
    Ok(Windows { windows: merge(windows, 1.0, account), paths: vec![open.path] })
}

/// The windows of a file of negatives; they keep label 0 for every task.
pub(super) fn of_negatives<'a>(
    spec: &IntervalsSpec,
    genome: &Genome,
    path: &'a Path,
    records: &[BedRecord],
    tasks: usize,
) -> Result<Windows<'a>> {
    records.iter().try_for_each(|record| known_chrom(genome, path, record))?;
    let window = |record| window(spec, (0, path), record, vec![0.0; tasks]);
    let windows = records.iter().map(window).collect::<Result<_>>()?;
    Ok(Windows { windows, paths: vec![path] })
}

/// An unknown chromosome is an error under every policy: it means another genome, not an edge.
fn known_chrom(genome: &Genome, path: &Path, record: &BedRecord) -> Result<()> {
    genome.length(&record.interval.chrom).map(drop).map_err(|error| in_line(path, record.line, error))
}

/// A stretch's key in sorted order: all of one chromosome and strand together.
fn line_of(window: &Window) -> (String, bool) {
    (window.chrom.clone(), window.strand == Strand::Reverse)
}

/// Keeps the first of windows that share `least` of the shorter, in the order of the files; 1 merges only equal ones.
fn merge(all: Vec<Window>, least: f64, account: &mut Account) -> Vec<Window> {
    let equal = least >= 1.0;
    let mut kept: BTreeMap<(String, bool), BTreeMap<(i64, i64), ()>> = BTreeMap::new();
    let longest = all.iter().map(|window| window.end - window.start).max().unwrap_or(0);
    let mut windows = Vec::new();
    for window in all {
        let line = kept.entry(line_of(&window)).or_default();
        let near = line.range((window.start - longest, i64::MIN)..(window.end, i64::MIN));
        let same = |(&(start, end), ()): (&(i64, i64), &())| {
            if equal { (start, end) == (window.start, window.end) } else { window.share(start, end) >= least }
        };
        if near.into_iter().any(same) {
            account.skip(if equal { "same window as an earlier one" } else { "merged with an overlapping window" });
            continue;
        }
        line.insert((window.start, window.end), ());
        windows.push(window);
    }
    windows
}

/// Sets label 1 for every task with a peak that shares enough with the window.
fn label(spec: &IntervalsSpec, peaks: &[Vec<BedRecord>], windows: &mut [Window]) {
    for (task, records) in peaks.iter().enumerate() {
        let mut lines: BTreeMap<(String, bool), Vec<(i64, i64)>> = BTreeMap::new();
        for record in records {
            let reverse = spec.stranded && record.interval.strand == Strand::Reverse;
            let ends = (record.interval.start as i64, record.interval.end as i64);
            lines.entry((record.interval.chrom.clone(), reverse)).or_default().push(ends);
        }
        let mut longest = BTreeMap::new();
        for (line, ends) in &mut lines {
            ends.sort_unstable();
            longest.insert(line.clone(), ends.iter().map(|(start, end)| end - start).max().unwrap_or(0));
        }
        for window in windows.iter_mut() {
            let line = line_of(window);
            let (Some(ends), Some(longest)) = (lines.get(&line), longest.get(&line)) else { continue };
            let first = ends.partition_point(|&(start, _)| start < window.start - longest);
            let mut near = ends[first..].iter().take_while(|&&(start, _)| start < window.end);
            if near.any(|&(start, end)| window.share(start, end) >= spec.min_overlap) {
                window.labels[task] = 1.0;
            }
        }
    }
}

/// Puts drafts whose places overlap, or whose sequences are the same, into one group, so that a random split keeps them
/// together. Drafts with a parent are left alone.
pub(super) fn group_overlapping(drafts: &mut [Draft], alphabet: Alphabet) {
    let mut sets = DisjointSets::new(drafts.len());
    let mut places: Vec<(&str, u64, u64, usize)> = Vec::new();
    let mut same: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for (row, draft) in drafts.iter().enumerate().filter(|(_, draft)| draft.parent.is_none()) {
        if let Some(place) = &draft.place {
            places.push((&place.chrom, place.start, place.end, row));
        }
        let first = *same.entry(canonical(&draft.sequence, alphabet)).or_insert(row);
        sets.join(first, row);
    }
    places.sort_unstable();
    let mut open: Option<(&str, u64, usize)> = None;
    for (chrom, start, end, row) in places {
        open = Some(match open {
            Some((other, reach, first)) if other == chrom && start < reach => {
                sets.join(first, row);
                (chrom, reach.max(end), first)
            }
            _ => (chrom, end, row),
        });
    }
    for (row, draft) in drafts.iter_mut().enumerate() {
        draft.group = Some(sets.root(row).to_string());
    }
}
