//! Null variants: substitutions at random places, for empirical p-values.

use super::prepare::{Group, Job};
use super::regions::{CentreArg, Regions};
use super::scorer::Scorer;
use super::status::Status;
use crate::failure::user;
use anyhow::Result;
use basewise_core::random::{Stream, below, stream};
use basewise_core::shuffle::dinucleotide;
use basewise_core::variants::{Neighbourhood, Stretch, Variant, Window, null_substitution};
use basewise_core::{Interval, Strand};
use basewise_io::Genome;
use clap::ValueEnum;

/// Where null variants come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NullArg {
    /// Random substitutions in windows whose dinucleotides were shuffled
    Shuffled,
    /// Random substitutions at random places of the genome, or of the regions
    Genome,
}

/// Where null variants are drawn from.
pub(super) struct NullSource<'a> {
    pub(super) genome: &'a Genome,
    pub(super) regions: Option<&'a Regions>,
    pub(super) centre: CentreArg,
    pub(super) kind: NullArg,
    pub(super) number: usize,
    pub(super) seed: u64,
    pub(super) length: usize,
    pub(super) margin: usize,
}

/// Places that are tried for each null variant: much of a genome may be unknown.
const TRIES: u64 = 100;

impl NullSource<'_> {
    /// Absolute main scores of the null variants in rising order, a list for each output.
    pub(super) fn scores(&self, scorer: &Scorer<'_>) -> Result<Vec<Vec<f64>>> {
        let (mut neighbourhoods, mut groups) = (Vec::new(), Vec::new());
        let encoding = basewise_core::Predict::encoding(scorer.models);
        let places = self.regions.map(Regions::places);
        for n in 0..self.number {
            let (window, stretch, variant) = self.draw(n as u64, places.as_deref())?;
            let edits = window.edits(&stretch, &variant, encoding)?;
            let job = Job {
                record: 0,
                allele: 0,
                status: Status::Scored,
                rows: 1..1 + edits.len(),
                position: variant.start,
                variant,
                around: stretch.clone(),
            };
            neighbourhoods.push(Neighbourhood {
                reference: window.codes(&stretch, encoding)?,
                place: Some(window.place()),
                edits,
            });
            groups.push(Group { window, jobs: vec![job] });
        }
        let rows = scorer.main_scores(&neighbourhoods, &groups)?;
        let sorted = |output: usize| {
            let mut own: Vec<f64> = rows.iter().map(|row| row[output].abs()).filter(|score| !score.is_nan()).collect();
            own.sort_by(f64::total_cmp);
            own
        };
        Ok((0..scorer.columns.outputs.len()).map(sorted).collect())
    }

    /// The window, letters and substitution number `n`.
    fn draw(&self, n: u64, places: Option<&[(Interval, u64)]>) -> Result<(Window, Stretch, Variant)> {
        for attempt in 0..TRIES {
            let mut rng = stream(self.seed, "null variants", &[n, attempt]);
            let (chrom, position, centre, strand) = self.place(places, &mut rng)?;
            let contig = self.genome.length(&chrom)? as i64;
            let inner = Window::centred(centre, self.length, strand);
            let window =
                Window { start: inner.start - self.margin as i64, length: self.length + 2 * self.margin, ..inner };
            let (start, end) = (window.start.max(0), window.end().min(contig));
            let place = Interval { chrom, start: start as u64, end: end as u64, strand: Strand::Forward };
            let mut letters = self.genome.fetch(&place)?;
            if self.kind == NullArg::Shuffled {
                letters = dinucleotide(&letters, &mut rng);
            }
            letters.splice(0..0, std::iter::repeat_n(b'N', (start - window.start) as usize));
            letters.resize(window.length, b'N');
            let base = letters[(position as i64 - window.start) as usize];
            let known = letters.iter().filter(|letter| b"ACGTacgt".contains(letter)).count();
            if let Some(variant) = null_substitution(position, base, &mut rng).filter(|_| 2 * known > letters.len()) {
                return Ok((window, Stretch { start: window.start, letters }, variant));
            }
        }
        Err(user(
            format!(
                "expected places for null variants whose windows of {} bases are half known, found none in {TRIES} tries",
                self.length
            ),
            Some("leave out --null, or name a genome with longer contigs"),
        ))
    }

    /// Contig, position, the base that the window is centred on, and strand.
    fn place(&self, places: Option<&[(Interval, u64)]>, rng: &mut Stream) -> Result<(String, u64, u64, Strand)> {
        if let Some(places) = places {
            let (place, centre) = &places[below(rng, places.len())];
            let (chrom, strand) = (place.chrom.clone(), place.strand);
            if self.centre == CentreArg::Region {
                let left = centre.saturating_sub((self.length / 2) as u64);
                return Ok((chrom, left + below(rng, self.length) as u64, *centre, strand));
            }
            let position = place.start + below(rng, place.len() as usize) as u64;
            return Ok((chrom, position, position, strand));
        }
        let contigs = self.genome.contigs();
        let total: u64 = contigs.iter().map(|(_, length)| length).sum();
        let mut at = below(rng, total as usize) as u64;
        for (chrom, length) in contigs {
            if at < *length {
                return Ok((chrom.clone(), at, at, Strand::Forward));
            }
            at -= length;
        }
        Err(user(format!("{}: expected a base, found none", self.genome.path().display()), None))
    }
}
