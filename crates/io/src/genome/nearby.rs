//! Many stretches of a genome that lie close to each other, by one read for a neighbourhood.

use super::Genome;
use crate::error::Result;
use basewise_core::variants::Stretch;
use basewise_core::{Interval, Strand};

/// Letters that are read at once.
const CHUNK: u64 = 1 << 18;
/// Chunks that are kept: a stretch may lie over the border of two, and files may be sorted by halves.
const KEPT: usize = 4;

/// Reads stretches of a genome, keeping what it read last.
pub struct Nearby<'g> {
    genome: &'g Genome,
    /// Contig, number of the chunk, letters; the one that was used last comes last.
    chunks: Vec<(String, u64, Vec<u8>)>,
}

impl<'g> Nearby<'g> {
    /// A reader that has read nothing yet.
    pub fn new(genome: &'g Genome) -> Self {
        Self { genome, chunks: Vec::new() }
    }

    /// The genome.
    pub fn genome(&self) -> &'g Genome {
        self.genome
    }

    /// The letters from `start` (which may be negative) to `end`, with `N` beyond the contig's ends.
    ///
    /// # Errors
    /// An unknown contig, a failing disk.
    pub fn stretch(&mut self, chrom: &str, start: i64, end: i64) -> Result<Stretch> {
        let contig = self.genome.length(chrom)?;
        let (from, to) = (start.clamp(0, contig as i64) as u64, end.clamp(0, contig as i64) as u64);
        let mut letters = vec![b'N'; (end - start).max(0) as usize];
        let mut at = from;
        while at < to {
            let number = at / CHUNK;
            let upto = to.min((number + 1) * CHUNK);
            let own = self.chunk(chrom, number, contig)?;
            let part = &own[(at - number * CHUNK) as usize..(upto - number * CHUNK) as usize];
            let place = (at as i64 - start) as usize;
            letters[place..place + part.len()].copy_from_slice(part);
            at = upto;
        }
        Ok(Stretch { start, letters })
    }

    /// One letter.
    ///
    /// # Errors
    /// As [`Nearby::stretch`].
    pub fn base(&mut self, chrom: &str, position: u64) -> Result<u8> {
        let stretch = self.stretch(chrom, position as i64, position as i64 + 1)?;
        Ok(stretch.letters.first().copied().unwrap_or(b'N'))
    }

    fn chunk(&mut self, chrom: &str, number: u64, contig: u64) -> Result<&[u8]> {
        if let Some(at) = self.chunks.iter().position(|(name, own, _)| *own == number && name == chrom) {
            let found = self.chunks.remove(at);
            self.chunks.push(found);
        } else {
            let (start, end) = (number * CHUNK, contig.min((number + 1) * CHUNK));
            let place = Interval { chrom: chrom.to_owned(), start, end, strand: Strand::Forward };
            let letters = self.genome.fetch(&place)?;
            if self.chunks.len() == KEPT {
                self.chunks.remove(0);
            }
            self.chunks.push((chrom.to_owned(), number, letters));
        }
        Ok(self.chunks.last().map_or(&[], |(_, _, letters)| letters))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn stretches_are_those_of_the_genome_with_unknown_bases_beyond() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("g.fa");
        let long: String = (0..CHUNK + 100).map(|i| ['A', 'c', 'G', 'T'][(i * i % 7 % 4) as usize]).collect();
        std::fs::write(&path, format!(">a\n{long}\n>b\nACGT\n")).unwrap();
        let genome = Genome::open(&path).unwrap();
        let mut nearby = Nearby::new(&genome);
        let mut text =
            |chrom: &str, start, end| String::from_utf8(nearby.stretch(chrom, start, end).unwrap().letters).unwrap();
        assert_eq!(text("b", -2, 6), "NNACGTNN");
        assert_eq!(text("b", 4, 6), "NN");
        assert_eq!(text("b", 2, 2), "");
        let border = CHUNK as usize;
        assert_eq!(text("a", CHUNK as i64 - 5, CHUNK as i64 + 5), long[border - 5..border + 5]);
        assert_eq!(text("a", CHUNK as i64 + 98, CHUNK as i64 + 102), format!("{}NN", &long[border + 98..]));
        assert_eq!(text("b", 0, 1), "A");
        assert!(nearby.stretch("c", 0, 1).is_err());
        assert_eq!(nearby.base("b", 3).unwrap(), b'T');
    }
}
