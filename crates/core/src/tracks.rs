//! How the bins of several tracks lie in a row: those of the first track come first, each with the margins of jitter.

/// Bases under all bins and tracks: more is a slip of the pen, and would not fit any memory.
const LARGEST: usize = 100_000_000;

/// What profiles and control signal have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tracks<'a> {
    pub(crate) names: &'a [String],
    /// Bins of a track without margins.
    pub(crate) bins: usize,
    /// Bases in a bin.
    pub(crate) bin_size: usize,
    /// Pairs of tracks that change places when a sequence is read as its reverse complement.
    pub(crate) strand_pairs: &'a [[usize; 2]],
}

/// Turns a row of tracks of `bins` bins (at least one) into that of the reverse complement: the bins of each track run
/// backwards, and paired tracks change places.
pub fn reverse_tracks<T>(row: &mut [T], bins: usize, strand_pairs: &[[usize; 2]]) {
    row.chunks_mut(bins).for_each(<[T]>::reverse);
    for &[a, b] in strand_pairs {
        let (first, second) = row.split_at_mut(a.max(b) * bins);
        first[a.min(b) * bins..][..bins].swap_with_slice(&mut second[..bins]);
    }
}

impl Tracks<'_> {
    /// Bins that a data set with this jitter keeps on each side.
    pub(crate) fn margin(&self, jitter: usize) -> usize {
        jitter / self.bin_size.max(1)
    }

    /// Numbers in a row of a data set with this jitter.
    pub(crate) fn count(&self, jitter: usize) -> usize {
        self.names.len().saturating_mul(self.bins.saturating_add(self.margin(jitter).saturating_mul(2)))
    }

    /// Appends the bins of each track as seen when the sequence is shifted by `shift` bases, whole bins of at most the
    /// margin.
    pub(crate) fn shifted(&self, row: &[f64], jitter: usize, shift: isize, into: &mut Vec<f64>) {
        let margin = self.margin(jitter);
        let start = margin.saturating_add_signed(shift / self.bin_size.max(1) as isize);
        for track in row.chunks(self.bins + 2 * margin) {
            into.extend_from_slice(track.get(start..start + self.bins).unwrap_or_default());
        }
    }

    /// See [`reverse_tracks`]; without margins.
    pub(crate) fn turn<T>(&self, row: &mut [T]) {
        reverse_tracks(row, self.bins, self.strand_pairs);
    }

    /// What is wrong with the description, if anything is.
    pub(crate) fn fault(&self) -> Option<String> {
        if self.names.is_empty() || self.bins == 0 || self.bin_size == 0 {
            return Some("expected at least one track, one bin and one base in a bin".to_owned());
        }
        let width = self.bins.saturating_mul(self.bin_size);
        let size = self.names.len().checked_mul(width).filter(|&size| size <= LARGEST);
        if size.is_none() {
            return Some(format!("expected at most {LARGEST} bases under all bins and tracks, found more"));
        }
        let mut names = self.names.to_vec();
        names.sort();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Some(format!("expected different tracks, found {:?} twice", pair[0]));
        }
        let mut paired: Vec<usize> = self.strand_pairs.iter().flatten().copied().collect();
        paired.sort_unstable();
        if paired.windows(2).any(|pair| pair[0] == pair[1]) || paired.last().is_some_and(|&t| t >= self.names.len()) {
            return Some("expected pairs of two different tracks, each track in one pair at most".to_owned());
        }
        None
    }
}
