//! Where sequences come from: a FASTA file, a data set, or places of a genome; read a batch at a time.

use crate::failure::user;
use crate::shared_args::SplitArg;
use anyhow::Result;
use basewise_core::{Interval, Strand};
use basewise_io::{Genome, bed, fasta};
use clap::Args;
use std::path::{Path, PathBuf};

/// Letters that are read before they are worked on.
const BATCH: usize = 1 << 23;

#[derive(Args)]
pub(crate) struct SequenceArgs {
    /// FASTA file (also gzipped; - is stdin), or a data set directory
    #[arg(required_unless_present = "bed")]
    sequences: Option<PathBuf>,
    /// Genome (FASTA), of which the places of --bed are read
    #[arg(long, value_name = "FILE", requires = "bed")]
    genome: Option<PathBuf>,
    /// Places in the genome; those that overlap are joined
    #[arg(long, value_name = "FILE", requires = "genome", conflicts_with = "sequences")]
    bed: Option<PathBuf>,
    /// Only these examples of a data set
    #[arg(long, value_enum, default_value = "all")]
    split: SplitArg,
}

/// Whether a path is the standard input or a pipe, which can be read but once.
pub(crate) fn is_stream(path: &Path) -> bool {
    path == Path::new("-") || fs_err::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir())
}

/// A sequence, or a stretch of one.
pub(crate) struct Stretch {
    /// Name of the sequence: the chromosome, where there is a genome.
    pub(crate) name: String,
    /// 0-based start in it.
    pub(crate) from: u64,
    /// The strand of the sequence that the letters are read from.
    pub(crate) strand: Strand,
    pub(crate) letters: Vec<u8>,
}

impl Stretch {
    /// A whole sequence.
    fn whole(name: String, letters: Vec<u8>) -> Self {
        Self { name, from: 0, strand: Strand::Forward, letters }
    }

    /// Where a window of the letters lies in the sequence: 0-based start, and the strand of what reads on `strand` here.
    pub(crate) fn place(&self, start: usize, width: usize, strand: Strand) -> (u64, Strand) {
        match (self.strand, strand) {
            (Strand::Forward, strand) => (self.from + start as u64, strand),
            (Strand::Reverse, strand) => {
                let turned = if strand == Strand::Forward { Strand::Reverse } else { Strand::Forward };
                (self.from + (self.letters.len() - start - width) as u64, turned)
            }
        }
    }
}

impl SequenceArgs {
    /// Sequences of a file, or the examples of a split of a data set.
    pub(crate) fn of_path(path: PathBuf, split: SplitArg) -> Self {
        Self { sequences: Some(path), genome: None, bed: None, split }
    }

    /// What is read, for messages.
    pub(crate) fn text(&self) -> String {
        let path = self.sequences.as_ref().or(self.bed.as_ref());
        path.map_or_else(String::new, |path| path.display().to_string())
    }

    /// The files that are read.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        [&self.sequences, &self.genome, &self.bed].into_iter().flatten().map(PathBuf::as_path)
    }

    /// Whether there is no second look at them.
    pub(crate) fn is_stream(&self) -> bool {
        self.sequences.as_deref().is_some_and(is_stream)
    }

    /// Gives all sequences to `each`, some at a time. Places of a genome are read from their strand if `stranded`, else from
    /// the forward one.
    pub(crate) fn visit(&self, stranded: bool, each: &mut dyn FnMut(&[Stretch]) -> Result<()>) -> Result<()> {
        let mut batches = Batches { waiting: Vec::new(), letters: 0, each };
        match (&self.genome, &self.bed, &self.sequences) {
            (Some(genome), Some(bed), _) => visit_places(genome, bed, stranded, &mut batches)?,
            (_, _, Some(path)) if path.is_dir() => self.visit_dataset(path, &mut batches)?,
            (_, _, Some(path)) => {
                for record in fasta::read(path)? {
                    let record = record?;
                    batches.push(Stretch::whole(record.id, record.sequence))?;
                }
            }
            _ => return Err(user("expected sequences, or --genome and --bed", None)),
        }
        batches.flush()
    }

    fn visit_dataset(&self, path: &Path, batches: &mut Batches<'_>) -> Result<()> {
        let (dataset, _) = basewise_io::dataset::load(path)?;
        for row in self.split.rows(&dataset, path)? {
            let example = &dataset.examples[row];
            batches.push(Stretch::whole(example.id.clone(), example.sequence.clone()))?;
        }
        Ok(())
    }
}

fn visit_places(genome: &Path, bed: &Path, stranded: bool, batches: &mut Batches<'_>) -> Result<()> {
    let records = bed::read(bed)?;
    let genome = Genome::open(genome)?;
    for record in &records {
        // Names and ends are checked before they are joined, so that an error is of the line that has it.
        let length = genome.length(&record.interval.chrom)?;
        if record.interval.end > length {
            return Err(user(
                format!(
                    "{}: line {}: expected a place within {:?} of {length} bases, found the end {}",
                    bed.display(),
                    record.line,
                    record.interval.chrom,
                    record.interval.end
                ),
                Some("is the genome that of the places?"),
            ));
        }
    }
    for place in joined(records.into_iter().map(|record| record.interval), stranded) {
        let letters = genome.fetch(&place)?;
        batches.push(Stretch { name: place.chrom, from: place.start, strand: place.strand, letters })?;
    }
    Ok(())
}

/// Places without overlap, by chromosome and start; strands are kept apart if they mean something.
fn joined(places: impl Iterator<Item = Interval>, stranded: bool) -> Vec<Interval> {
    let mut places: Vec<Interval> =
        places.map(|place| if stranded { place } else { Interval { strand: Strand::Forward, ..place } }).collect();
    let is_reverse = |place: &Interval| place.strand == Strand::Reverse;
    places.sort_by(|a, b| (&a.chrom, is_reverse(a), a.start).cmp(&(&b.chrom, is_reverse(b), b.start)));
    let mut joined: Vec<Interval> = Vec::new();
    for place in places {
        match joined.last_mut() {
            Some(last) if last.overlaps(&place) && last.strand == place.strand => last.end = last.end.max(place.end),
            _ => joined.push(place),
        }
    }
    joined
}

struct Batches<'a> {
    waiting: Vec<Stretch>,
    letters: usize,
    each: &'a mut dyn FnMut(&[Stretch]) -> Result<()>,
}

impl Batches<'_> {
    fn push(&mut self, stretch: Stretch) -> Result<()> {
        self.letters += stretch.letters.len();
        self.waiting.push(stretch);
        if self.letters >= BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.waiting);
        self.letters = 0;
        if batch.is_empty() { Ok(()) } else { (self.each)(&batch) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(chrom: &str, start: u64, end: u64, strand: Strand) -> Interval {
        Interval { chrom: chrom.into(), start, end, strand }
    }

    #[test]
    fn places_that_overlap_are_joined_and_those_that_touch_are_not() {
        use Strand::{Forward, Reverse};
        let places = [
            at("b", 5, 9, Forward),
            at("a", 8, 12, Reverse),
            at("a", 0, 9, Forward),
            at("a", 12, 20, Forward),
            at("a", 2, 4, Forward),
        ];
        let plain = joined(places.iter().cloned(), false);
        assert_eq!(plain, [at("a", 0, 12, Forward), at("a", 12, 20, Forward), at("b", 5, 9, Forward)]);
        let stranded = joined(places.into_iter(), true);
        assert_eq!(stranded.len(), 4);
        assert!(stranded.contains(&at("a", 8, 12, Reverse)));
    }

    #[test]
    fn windows_of_the_reverse_strand_are_counted_from_the_other_end() {
        let stretch = Stretch { name: "c".into(), from: 100, strand: Strand::Reverse, letters: vec![b'A'; 10] };
        assert_eq!(stretch.place(0, 4, Strand::Forward), (106, Strand::Reverse));
        assert_eq!(stretch.place(6, 4, Strand::Reverse), (100, Strand::Forward));
        let whole = Stretch::whole("c".into(), vec![b'A'; 10]);
        assert_eq!(whole.place(6, 4, Strand::Reverse), (6, Strand::Reverse));
    }
}
