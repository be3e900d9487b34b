//! Data sets from places on a genome.

use super::background::{self, Avoid};
use super::columns::{self, BedColumns};
use super::draft::{self, Draft};
use super::negatives::{self, Negatives};
use super::splits::{self, SplitPolicy};
use super::windows::{self, Window, Windows};
use super::{Account, Built, LONGEST, check_length};
use crate::bed::{self, BedRecord};
use crate::dataset::{Provenance, Source};
use crate::error::{Error, Result};
use crate::fasta;
use crate::genome::Genome;
use basewise_core::{Alphabet, Dataset, Encoding, Interval, Task, TaskKind};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};

/// A file of peaks, and the name of the binary task that it makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeakFile {
    /// Name of the task.
    pub task: String,
    /// BED, narrowPeak or broadPeak.
    pub path: PathBuf,
}

/// Which stretch around a peak becomes a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowPolicy {
    /// So many bases around the summit, or around the middle where there is none. An even window has its centre base
    /// just right of its middle.
    Centred(usize),
    /// Each interval as it is.
    AsIs,
}

/// What to do with a window that reaches beyond its chromosome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutOfBounds {
    /// Stop and name it.
    #[default]
    Error,
    /// Leave it out and count it.
    Skip,
    /// Put `N` where there is no base. Its place in the data set is the part on the chromosome.
    Pad,
}

/// How to make a data set from places on a genome.
#[derive(Clone, Debug)]
pub struct IntervalsSpec {
    /// FASTA of the genome, see [`Genome::open`].
    pub genome: PathBuf,
    /// Peaks; every file is one binary task.
    pub peaks: Vec<PeakFile>,
    /// Which stretch becomes a sequence.
    pub window: WindowPolicy,
    /// Bases kept beyond the window on each side, from which training may shift it.
    pub jitter: usize,
    /// DNA or RNA (whose letters are stored with U), and what case means.
    pub encoding: Encoding,
    /// Whether to read from the record's strand; otherwise everything is read forward.
    pub stranded: bool,
    /// What to do with a window that reaches beyond its chromosome.
    pub out_of_bounds: OutOfBounds,
    /// With several files: two windows are one if they share this fraction of the shorter, and a window has label 1 for
    /// a task if it shares this fraction of the shorter of itself and a peak of that task. Above 0, at most 1.
    pub min_overlap: f64,
    /// Largest fraction of `N` in a window; those with more are left out and counted. 0 to 1.
    pub max_unknown: f64,
    /// Where negatives come from.
    pub negatives: Negatives,
    /// Who is held out; `None` is [`SplitPolicy::random`] with overlapping windows kept together.
    pub split: Option<SplitPolicy>,
    /// Numbers beside the sequence and weights, of peaks and of a BED file of negatives. A shuffle has those of its peak, a
    /// background window the weight of its peak.
    pub columns: BedColumns,
    /// Seed of shuffles, background and random splits.
    pub seed: u64,
    /// The command line, for the record.
    pub command: String,
}

impl IntervalsSpec {
    /// The usual choices: the record's strand, no jitter, errors out of bounds, half as overlap, any `N`, no negatives.
    pub fn new(genome: impl Into<PathBuf>, peaks: Vec<PeakFile>, window: WindowPolicy, encoding: Encoding) -> Self {
        Self {
            genome: genome.into(),
            peaks,
            window,
            jitter: 0,
            encoding,
            stranded: true,
            out_of_bounds: OutOfBounds::Error,
            min_overlap: 0.5,
            max_unknown: 1.0,
            negatives: Negatives::None,
            split: None,
            columns: BedColumns::default(),
            seed: 0,
            command: String::new(),
        }
    }
}

/// Makes a data set from peaks on a genome.
///
/// A peak whose window equals an earlier one (or, with several files, overlaps it enough) is counted as merged into it.
///
/// # Errors
/// A file that cannot be read; an unknown chromosome; a window beyond the end of its chromosome unless the policy says
/// otherwise; a policy that the input cannot serve; nothing left to use.
pub fn intervals(spec: &IntervalsSpec) -> Result<Built> {
    if spec.peaks.is_empty() {
        return Err(Error::new("expected a file of peaks, found none"));
    }
    check(spec)?;
    let genome = Genome::open(&spec.genome)?;
    let peaks = spec.peaks.iter().map(|file| bed::read(&file.path)).collect::<Result<Vec<_>>>()?;
    let mut account = Account { read: peaks.iter().map(Vec::len).sum(), ..Account::default() };
    let task = |file: &PeakFile| Task { name: file.task.clone(), kind: TaskKind::Binary };
    let tasks: Vec<Task> = spec.peaks.iter().map(task).collect();
    let windows = windows::of_peaks(spec, &genome, &peaks, &mut account)?;
    build(spec, &genome, &peaks, &windows, tasks, account)
}

/// Places, and in which of many cells, samples or tissues each is open.
pub struct OpenPlaces<'a> {
    /// The file that they come from, for messages.
    pub path: &'a Path,
    /// The places.
    pub places: Vec<BedRecord>,
    /// Names of the cells, each of which becomes a binary task.
    pub tasks: Vec<String>,
    /// Labels of a place by its number, one for each task: 1 where it is open.
    pub labels: &'a dyn Fn(usize) -> Vec<f64>,
}

/// Makes a data set with a task for each cell of a matrix of places by cells, as scBasset is trained on (Yuan and Kelley
/// 2022). Peaks of the spec are not looked at.
///
/// A place whose window equals an earlier one is counted and left out.
///
/// # Errors
/// As [`intervals`].
pub fn open_places(spec: &IntervalsSpec, open: &OpenPlaces<'_>) -> Result<Built> {
    check(spec)?;
    let genome = Genome::open(&spec.genome)?;
    let mut account = Account { read: open.places.len(), ..Account::default() };
    let tasks = open.tasks.iter().map(|name| Task { name: name.clone(), kind: TaskKind::Binary }).collect();
    let windows = windows::of_places(spec, &genome, open, &mut account)?;
    build(spec, &genome, &[], &windows, tasks, account)
}

/// From windows with labels to a data set.
fn build(
    spec: &IntervalsSpec,
    genome: &Genome,
    peaks: &[Vec<BedRecord>],
    windows: &Windows<'_>,
    tasks: Vec<Task>,
    mut account: Account,
) -> Result<Built> {
    let mut provenance = provenance(spec, genome)?;
    let cut = Cutter { spec, genome };
    let mut drafts = cut.drafts(windows, &mut account)?;
    account.used = drafts.len();
    if drafts.is_empty() {
        return Err(Error::new(format!("expected at least one window to use, found none ({:?})", account.skipped)));
    }
    add_negatives(&cut, peaks, tasks.len(), &mut drafts, &mut account, &mut provenance)?;
    let renamed = draft::unique_ids(&mut drafts);
    windows::group_overlapping(&mut drafts, spec.encoding.alphabet);
    let (splits, mut warnings) =
        splits::assign(&drafts, spec.split.as_ref(), spec.encoding.alphabet, spec.seed, &mut provenance)?;
    let longest = drafts.iter().map(|draft| draft.sequence.len()).max().unwrap_or(0);
    let length = match spec.window {
        WindowPolicy::Centred(length) => length,
        WindowPolicy::AsIs => longest.saturating_sub(2 * spec.jitter),
    };
    provenance.notes.insert("renamed_ids".into(), json!(renamed));
    provenance.notes.insert("account".into(), json!(account));
    let examples = draft::finish(drafts, splits);
    let covariates = spec.columns.bare();
    let (encoding, jitter, control) = (spec.encoding, spec.jitter, None);
    let mut dataset = Dataset { encoding, length, jitter, tasks, covariates, control, examples };
    dataset.fit_covariates();
    columns::check_weights(&dataset)?;
    let constant = columns::constant_covariates(&dataset);
    if !constant.is_empty() {
        warnings.extend(constant);
        provenance.notes.insert("warnings".into(), json!(warnings));
    }
    Ok(Built { dataset, provenance, account, warnings })
}

fn check(spec: &IntervalsSpec) -> Result<()> {
    if let Some(file) = spec.peaks.iter().find(|file| file.task.trim().is_empty()) {
        return Err(Error::of(&file.path, "expected a name for the task of this file, found an empty one")
            .with_hint("name it in front of the file: NAME=FILE"));
    }
    if let WindowPolicy::Centred(length) = spec.window {
        check_length(length)?;
    }
    if spec.jitter > LONGEST {
        return Err(Error::new(format!("expected a jitter of at most {LONGEST} bases, found {}", spec.jitter)));
    }
    if !(spec.min_overlap > 0.0 && spec.min_overlap <= 1.0) {
        return Err(Error::new(format!(
            "expected a fraction above 0 and up to 1 as overlap, found {}",
            spec.min_overlap
        )));
    }
    if !(0.0..=1.0).contains(&spec.max_unknown) {
        return Err(Error::new(format!("expected a fraction of N from 0 to 1, found {}", spec.max_unknown)));
    }
    if let Some(fault) = basewise_core::covariates_fault(&spec.columns.bare()) {
        return Err(Error::new(fault));
    }
    if !spec.columns.covariates.is_empty() && matches!(spec.negatives, Negatives::Background { .. }) {
        return Err(Error::new(
            "expected negatives with covariates, found background windows, of which none are known",
        )
        .with_hint("give negatives as a BED file with the same columns, or take shuffles (--negatives shuffle)"));
    }
    match spec.split {
        Some(SplitPolicy::Column(_) | SplitPolicy::Group { .. }) => {
            Err(Error::new("expected a split by chromosome or at random for places on a genome, found one by column"))
        }
        _ => Ok(()),
    }
}

fn provenance(spec: &IntervalsSpec, genome: &Genome) -> Result<Provenance> {
    let mut provenance = Provenance::new("intervals", spec.seed, &spec.command);
    provenance.sources.push(Source::of(&spec.genome)?);
    for file in &spec.peaks {
        provenance.sources.push(Source::of(&file.path)?);
    }
    provenance.notes.insert("out_of_bounds".into(), json!(spec.out_of_bounds));
    provenance.notes.insert("stranded".into(), json!(spec.stranded));
    provenance.notes.insert("min_overlap".into(), json!(spec.min_overlap));
    provenance.notes.insert("max_unknown".into(), json!(spec.max_unknown));
    if !genome.notes().is_empty() {
        provenance.notes.insert("genome".into(), json!(genome.notes()));
    }
    Ok(provenance)
}

fn add_negatives(
    cut: &Cutter<'_>,
    peaks: &[Vec<BedRecord>],
    tasks: usize,
    drafts: &mut Vec<Draft>,
    account: &mut Account,
    provenance: &mut Provenance,
) -> Result<()> {
    let spec = cut.spec;
    match &spec.negatives {
        Negatives::None => {}
        Negatives::Shuffle { per_positive } => {
            let made = negatives::shuffles(drafts, *per_positive, tasks, spec.seed, account)?;
            account.made += made.len();
            drafts.extend(made);
        }
        Negatives::File(path) => {
            provenance.sources.push(Source::of(path)?);
            let made = negatives_of_file(cut, path, tasks, account)?;
            drafts.extend(made);
        }
        Negatives::Background { blacklist, .. } => {
            let mut avoid = Avoid::default();
            peaks.iter().flatten().for_each(|peak| avoid.add(&peak.interval));
            drafts.iter().filter_map(|draft| draft.place.as_ref()).for_each(|place| avoid.add(place));
            if let Some(path) = blacklist {
                provenance.sources.push(Source::of(path)?);
                for record in bed::read(path)? {
                    cut.genome.length(&record.interval.chrom).map_err(|error| in_line(path, record.line, error))?;
                    avoid.add(&record.interval);
                }
            }
            let made = background::windows(cut, drafts, avoid, tasks, account)?;
            account.made += made.len();
            drafts.extend(made);
        }
    }
    Ok(())
}

fn negatives_of_file(cut: &Cutter<'_>, path: &Path, tasks: usize, account: &mut Account) -> Result<Vec<Draft>> {
    let mut drafts = Vec::new();
    if is_fasta(path)? {
        if !cut.spec.columns.covariates.is_empty() {
            return Err(Error::of(path, "expected negatives with covariates, found a FASTA file")
                .with_hint("give negatives as a BED file with the same columns"));
        }
        for record in fasta::read(path)? {
            let record = record?;
            drafts.push(Draft::bare(record.id, record.sequence, vec![0.0; tasks]));
        }
        account.read += drafts.len();
    } else {
        let records = bed::read(path)?;
        account.read += records.len();
        let windows = windows::of_negatives(cut.spec, cut.genome, path, &records, tasks)?;
        drafts = cut.drafts(&windows, account)?;
    }
    account.used += drafts.len();
    Ok(drafts)
}

fn is_fasta(path: &Path) -> Result<bool> {
    let mut lines = crate::input::Lines::open(path)?;
    while let Some((_, line)) = lines.next_line()? {
        if !line.trim_ascii().is_empty() {
            return Ok(line.starts_with(b">"));
        }
    }
    Ok(false)
}

pub(super) fn in_line(path: &Path, line: usize, error: Error) -> Error {
    let hint = error.hint();
    let told = Error::at_line(path, line, error.to_string());
    match hint {
        Some(hint) => told.with_hint(hint),
        None => told,
    }
}

/// The stored stretch of a window and its letters, or the reason to skip it.
type Cut = std::result::Result<(Interval, Vec<u8>), &'static str>;

/// Cuts windows out of a genome as the policies say.
pub(super) struct Cutter<'a> {
    pub(super) spec: &'a IntervalsSpec,
    pub(super) genome: &'a Genome,
}

impl Cutter<'_> {
    fn drafts(&self, windows: &Windows<'_>, account: &mut Account) -> Result<Vec<Draft>> {
        let mut drafts = Vec::new();
        for (window, cut) in windows.windows.iter().zip(self.cut_all(&windows.windows)) {
            match cut.map_err(|error| in_line(windows.paths[window.file], window.line, error))? {
                Ok((place, sequence)) => drafts.push(Draft {
                    id: window.name(),
                    chrom: Some(place.chrom.clone()),
                    place: Some(place),
                    sequence,
                    labels: window.labels.clone(),
                    covariates: window.covariates.clone(),
                    weight: window.weight,
                    split: None,
                    group: None,
                    parent: None,
                }),
                Err(reason) => account.skip(reason),
            }
        }
        Ok(drafts)
    }

    /// Every window cut, in the order of the windows.
    fn cut_all(&self, windows: &[Window]) -> Vec<Result<Cut>> {
        // Along the genome, so that a compressed one is decompressed once; peaks often come in the order of their scores.
        let mut order: Vec<usize> = (0..windows.len()).collect();
        order.sort_by_key(|&i| (&windows[i].chrom, windows[i].start));
        let mut cuts: Vec<(usize, Result<Cut>)> = order.into_iter().map(|i| (i, self.cut(&windows[i]))).collect();
        cuts.sort_by_key(|(i, _)| *i);
        cuts.into_iter().map(|(_, cut)| cut).collect()
    }

    /// The stored stretch of a window and its letters, or the reason to skip it.
    fn cut(&self, window: &Window) -> Result<Cut> {
        let length = self.genome.length(&window.chrom)?;
        let (from, to) = (window.start - self.spec.jitter as i64, window.end + self.spec.jitter as i64);
        let (start, end) = (from.max(0) as u64, (to.max(0) as u64).min(length));
        let inside = from >= 0 && to as u64 <= length;
        if !inside {
            match self.spec.out_of_bounds {
                OutOfBounds::Error => return Err(self.beyond(window, from, to, length)),
                OutOfBounds::Skip => return Ok(Err("beyond the end of its chromosome")),
                OutOfBounds::Pad if start >= end => return Ok(Err("wholly beyond the end of its chromosome")),
                OutOfBounds::Pad => {}
            }
        }
        let forward = Interval { chrom: window.chrom.clone(), start, end, strand: Default::default() };
        let mut letters = vec![b'N'; (start as i64 - from) as usize];
        letters.extend(self.genome.fetch(&forward)?);
        letters.extend(std::iter::repeat_n(b'N', (to - end as i64) as usize));
        let place = Interval { strand: window.strand, ..forward };
        let letters = self.read_from(&place, letters);
        fasta::check_letters(&letters, 0).map_err(|wrong| wrong.in_file(self.genome.path(), place.to_string()))?;
        if unknown(&letters) > self.spec.max_unknown {
            return Ok(Err("too many N"));
        }
        Ok(Ok((place, letters)))
    }

    /// Forward letters as the strand and the alphabet read them.
    pub(super) fn read_from(&self, place: &Interval, mut letters: Vec<u8>) -> Vec<u8> {
        if place.strand == basewise_core::Strand::Reverse {
            letters = basewise_core::reverse_complement(&letters, Alphabet::Dna);
        }
        if self.spec.encoding.alphabet == Alphabet::Rna {
            for letter in &mut letters {
                match letter {
                    b'T' => *letter = b'U',
                    b't' => *letter = b'u',
                    _ => {}
                }
            }
        }
        letters
    }

    fn beyond(&self, window: &Window, from: i64, to: i64, length: u64) -> Error {
        let Window { chrom, .. } = window;
        Error::new(format!("expected a window within {chrom:?} of {length} bases, found {from} to {to}"))
            .with_hint("skip such windows (--out-of-bounds skip) or fill them with N (--out-of-bounds pad); is it the same genome assembly?")
    }
}

/// The fraction of letters that are no A, C, G, T or U.
pub(super) fn unknown(letters: &[u8]) -> f64 {
    let known = letters.iter().filter(|letter| b"ACGTUacgtu".contains(letter)).count();
    1.0 - known as f64 / letters.len().max(1) as f64
}
