//! From records to windows and edits: alleles are compared with the genome, normalized and put into their windows.

use super::regions::{CentreArg, Regions};
use super::status::Status;
use anyhow::Result;
use basewise_core::variants::{Agreement, Neighbourhood, Stretch, Variant, Window, compare, is_sequence};
use basewise_core::{Encoding, Strand};
use basewise_io::genome::Nearby;
use basewise_io::variants::{ContigNames, Record};
use basewise_io::{Error, Genome};
use clap::ValueEnum;
use std::collections::BTreeMap;
use std::path::Path;

/// What to do with a REF that is not the genome's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MismatchArg {
    /// Stop
    Error,
    /// Leave the record unscored
    Skip,
    /// Score ALT against what the genome has
    Flag,
    /// Where ALT is the genome's, take the two for swapped and turn the sign; else as skip
    Swap,
}

/// What to do with a record on a contig that the genome does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UnknownContigArg {
    /// Stop
    Error,
    /// Leave the record unscored
    Skip,
}

/// How alleles become windows.
pub(super) struct Rules<'a> {
    pub(super) mismatch: MismatchArg,
    pub(super) unknown_contig: UnknownContigArg,
    pub(super) regions: Option<&'a Regions>,
    pub(super) centre: CentreArg,
    /// Windows are centred on multiples of this.
    pub(super) grid: u64,
    /// Positions of the model's window, and how many more lie around it at each end.
    pub(super) length: usize,
    pub(super) margin: usize,
    pub(super) encoding: Encoding,
}

/// An allele that is to be scored.
pub(super) struct Job {
    pub(super) record: usize,
    pub(super) allele: usize,
    pub(super) status: Status,
    /// Rows of the neighbourhood's scores; row 0 is the reference.
    pub(super) rows: std::ops::Range<usize>,
    /// Where the record says that it is, 0-based.
    pub(super) position: u64,
    /// The variant, and the genome around it.
    pub(super) variant: Variant,
    pub(super) around: Stretch,
}

/// Alleles that share a window.
pub(super) struct Group {
    pub(super) window: Window,
    pub(super) jobs: Vec<Job>,
}

/// What some records come to.
#[derive(Default)]
pub(super) struct Prepared {
    pub(super) neighbourhoods: Vec<Neighbourhood>,
    /// Beside the neighbourhoods.
    pub(super) groups: Vec<Group>,
    /// Of each allele of each record.
    pub(super) statuses: Vec<Vec<Status>>,
}

/// Reads the genome for records, one after the other.
pub(super) struct Preparer<'g, 'a> {
    nearby: Nearby<'g>,
    names: ContigNames<'g>,
    rules: Rules<'a>,
    /// The file of the variants, for messages.
    path: &'a Path,
    /// Bases around a variant that are kept for motifs.
    around: u64,
    /// What to do about a REF that is not the genome's.
    pub(super) mismatch_hint: &'static str,
}

impl<'g, 'a> Preparer<'g, 'a> {
    pub(super) fn new(genome: &'g Genome, rules: Rules<'a>, path: &'a Path, around: u64) -> Self {
        let mismatch_hint = "are the variants of this genome's assembly? --on-ref-mismatch skip leaves such records unscored, \
                             flag scores against the genome, swap turns swapped alleles";
        Self { nearby: Nearby::new(genome), names: ContigNames::new(genome), rules, path, around, mismatch_hint }
    }

    pub(super) fn names(&mut self) -> &mut ContigNames<'g> {
        &mut self.names
    }

    /// Prepares the alleles of records; `place` says where a record is, for messages.
    pub(super) fn prepare(&mut self, records: &[Record], place: impl Fn(&Record) -> String) -> Result<Prepared> {
        let mut prepared = Prepared::default();
        let mut known = BTreeMap::<(String, Window), usize>::new();
        for (r, record) in records.iter().enumerate() {
            let at = || format!("{}: {}:{}", place(record), record.chrom(), record.position());
            let chrom = self.contig(record).map_err(|error: Error| {
                anyhow::Error::from(error).context(format!("{}: {}", self.path.display(), at()))
            })?;
            let mut statuses = Vec::new();
            for (a, allele) in record.alternates().enumerate() {
                let found = match &chrom {
                    None => Err(Status::UnknownContig),
                    Some(chrom) => self.allele(chrom, record, allele, &at)?,
                };
                let status = match found {
                    Err(status) => status,
                    Ok((status, variant)) => {
                        let chrom = chrom.as_deref().unwrap_or_default();
                        let job = Job {
                            record: r,
                            allele: a,
                            status,
                            rows: 0..0,
                            position: record.position() - 1,
                            around: self.stretch_around(chrom, &variant)?,
                            variant,
                        };
                        self.place(chrom, job, &mut prepared, &mut known)?
                    }
                };
                statuses.push(status);
            }
            prepared.statuses.push(statuses);
        }
        Ok(prepared)
    }

    /// The genome's name of a record's contig.
    fn contig(&mut self, record: &Record) -> Result<Option<String>, Error> {
        let found = self.names.find(record.chrom())?.map(str::to_owned);
        if found.is_none() && self.rules.unknown_contig == UnknownContigArg::Error {
            return Err(self.names.unknown(record.chrom()));
        }
        Ok(found)
    }

    /// An allele in its normal form, or why it is not scored.
    fn allele(
        &mut self,
        chrom: &str,
        record: &Record,
        allele: &[u8],
        at: &dyn Fn() -> String,
    ) -> Result<Result<(Status, Variant), Status>> {
        if let Some(status) = Status::of_text(allele) {
            return Ok(Err(status));
        }
        let length = self.nearby.genome().length(chrom)?;
        let reference = record.reference();
        // Positions before the first base and behind the last one stand for the ends of a chromosome.
        if record.position() == 0 || record.position() == length + 1 {
            return Ok(Err(Status::BeyondContig));
        }
        let start = record.position() - 1;
        let end = (start + reference.len() as u64).min(length);
        let genome = self.nearby.stretch(chrom, start as i64, end as i64)?.letters;
        let agreement = compare(reference, &genome);
        if let Some(status) = Status::of_agreement(agreement) {
            return Ok(Err(status));
        }
        let (status, variant) = match agreement {
            Agreement::Different => match self.mismatch(chrom, record, allele, &genome, length, at)? {
                Ok(found) => found,
                Err(status) => return Ok(Err(status)),
            },
            _ => (Status::Scored, Variant::new(start, &genome, allele)),
        };
        let variant = variant.normalized(|position| self.nearby.base(chrom, position))?;
        let longest = variant.reference.len().max(variant.alternate.len());
        Ok(match longest {
            0 => Err(Status::NoChange),
            _ if longest > self.rules.length => Err(Status::TooLong),
            _ => Ok((status, variant)),
        })
    }

    /// What the policy makes of a REF that is not the genome's.
    fn mismatch(
        &mut self,
        chrom: &str,
        record: &Record,
        allele: &[u8],
        genome: &[u8],
        length: u64,
        at: &dyn Fn() -> String,
    ) -> Result<Result<(Status, Variant), Status>> {
        let reference = record.reference();
        let start = record.position() - 1;
        let is_beyond = genome.len() < reference.len();
        Ok(match self.rules.mismatch {
            MismatchArg::Error => {
                let shown = |letters: &[u8]| {
                    let text = String::from_utf8_lossy(&letters[..letters.len().min(20)]).into_owned();
                    if letters.len() > 20 { format!("{text}... ({} bases)", letters.len()) } else { text }
                };
                let message = if is_beyond {
                    format!(
                        "expected a REF within {chrom:?} of {length} bases, found one that ends at {}",
                        start + reference.len() as u64
                    )
                } else {
                    format!(
                        "expected the REF {} that {} has there, found {}",
                        shown(genome),
                        self.nearby.genome().path().display(),
                        shown(reference)
                    )
                };
                return Err(Error::of(self.path, message).at(at()).with_hint(self.mismatch_hint).into());
            }
            _ if is_beyond => Err(Status::BeyondContig),
            MismatchArg::Flag if !is_sequence(reference) => Err(Status::UnknownBase),
            MismatchArg::Flag => Ok((Status::AgainstGenome, Variant::new(start, genome, allele))),
            MismatchArg::Swap => {
                let end = (start + allele.len() as u64).min(length);
                let genome = self.nearby.stretch(chrom, start as i64, end as i64)?.letters;
                let known = reference.iter().all(|letter| b"ACGTUacgtu".contains(letter));
                // Of an insertion or a deletion the shorter allele is always the genome's begin, which proves nothing.
                if known && allele.len() == reference.len() && compare(allele, &genome) == Agreement::Same {
                    Ok((Status::Swapped, Variant::new(start, &genome, reference)))
                } else {
                    Err(Status::Mismatch)
                }
            }
            MismatchArg::Skip => Err(Status::Mismatch),
        })
    }

    /// Puts an allele into its window, and that into its neighbourhood.
    fn place(
        &mut self,
        chrom: &str,
        mut job: Job,
        prepared: &mut Prepared,
        known: &mut BTreeMap<(String, Window), usize>,
    ) -> Result<Status> {
        let rules = &self.rules;
        let inner = match rules.regions {
            Some(regions) => regions.window(chrom, &job.variant, rules.length, rules.centre),
            None => {
                let middle = Window::middle(&job.variant);
                let centre = (middle + rules.grid / 2) / rules.grid * rules.grid;
                Some(Window::centred(centre, rules.length, Strand::Forward))
            }
        };
        let Some(inner) = inner else { return Ok(Status::OutsideRegions) };
        let margin = rules.margin as i64;
        let window = Window { start: inner.start - margin, length: rules.length + 2 * rules.margin, ..inner };
        let reach = job.variant.gain().abs();
        let encoding = rules.encoding;
        let stretch = self.nearby.stretch(chrom, window.start - reach, window.end() + reach)?;
        let contig = self.nearby.genome().length(chrom)? as i64;
        if job.status == Status::Scored && (inner.start < 0 || inner.end() > contig) {
            job.status = Status::ScoredAtEnd;
        }
        let status = job.status;
        let own = match known.get(&(chrom.to_owned(), window)) {
            Some(&own) => own,
            None => {
                let own = prepared.neighbourhoods.len();
                let reference = window.codes(&stretch, encoding)?;
                prepared.neighbourhoods.push(Neighbourhood {
                    reference,
                    place: Some(window.place()),
                    edits: Vec::new(),
                });
                prepared.groups.push(Group { window, jobs: Vec::new() });
                known.insert((chrom.to_owned(), window), own);
                own
            }
        };
        let edits = window.edits(&stretch, &job.variant, encoding)?;
        let first = prepared.neighbourhoods[own].edits.len() + 1;
        job.rows = first..first + edits.len();
        prepared.neighbourhoods[own].edits.extend(edits);
        prepared.groups[own].jobs.push(job);
        Ok(status)
    }

    fn stretch_around(&mut self, chrom: &str, variant: &Variant) -> Result<Stretch> {
        if self.around == 0 {
            return Ok(Stretch { start: variant.start as i64, letters: Vec::new() });
        }
        let (start, end) = (variant.start as i64 - self.around as i64, variant.end() as i64 + self.around as i64);
        Ok(self.nearby.stretch(chrom, start, end)?)
    }
}
