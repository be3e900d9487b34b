//! Predicted signal as bigWig, one file a track.

use crate::failure::user;
use anyhow::Result;
use basewise_core::{Interval, Matrix, Profile, Strand, Task, TaskKind, profile};
use basewise_io::Genome;
use basewise_io::bigwig::{Window, write_windows};
use std::path::{Path, PathBuf};

/// Sequences with a place and their predictions.
pub(crate) struct Scored<'a> {
    /// Where each lies; of a window that was filled with `N`, what is on the chromosome.
    pub(crate) places: &'a [Option<Interval>],
    /// Letters of each, with what was filled.
    pub(crate) lengths: &'a [usize],
    /// `[n, outputs]`: shares of bins, logarithms of totals.
    pub(crate) outputs: &'a Matrix,
}

/// Whether a name asks for bigWig.
pub(crate) fn is_bigwig(path: &Path) -> bool {
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    [".bw", ".bigwig"].iter().any(|end| name.ends_with(end))
}

/// The only profile among the tasks, and the column where its outputs begin.
pub(crate) fn profile_of(tasks: &[Task]) -> Result<(&Profile, usize)> {
    let mut first = 0;
    let mut found = None;
    for task in tasks {
        if let TaskKind::Profile(profile) = &task.kind {
            if found.is_some() {
                return Err(user("expected a model with one profile for bigWig, found several", None));
            }
            found = Some((profile, first));
        }
        first += task.outputs();
    }
    found.ok_or_else(|| {
        user("expected a model that predicts signal for bigWig, found none", Some("choose a table: -o FILE.tsv"))
    })
}

/// Writes the expected signal of each base: the share of its bin times the expected total, spread evenly over the bin;
/// where windows overlap, their mean. One track is `path` itself, several are `NAME.TRACK.bw`. Returns the files.
pub(crate) fn write(path: &Path, tasks: &[Task], genome: &Genome, scored: &Scored<'_>) -> Result<Vec<PathBuf>> {
    let (profile, first) = profile_of(tasks)?;
    let mut contigs = genome.contigs().to_vec();
    contigs.sort();
    let mut windows: Vec<Vec<Window>> = vec![Vec::new(); profile.tracks.len()];
    for (row, place) in scored.places.iter().enumerate() {
        let Some(place) = place else {
            return Err(user("expected sequences with a place on a genome for bigWig, found one without", None));
        };
        let contig = contigs.binary_search_by(|(name, _)| name.as_str().cmp(&place.chrom));
        let contig =
            contig.map_err(|_| user(format!("expected a contig of the genome, found {:?}", place.chrom), None))?;
        let own = &scored.outputs.row(row)[first..first + profile.outputs()];
        let start = start_of(place, scored.lengths[row], profile.width());
        for (track, values) in signal(profile, own, place.strand).into_iter().enumerate() {
            windows[track].push(Window { contig, start, values });
        }
    }
    let mut files = Vec::new();
    for (name, windows) in profile.tracks.iter().zip(windows) {
        let safe = |letter: char| if letter.is_alphanumeric() || "._-".contains(letter) { letter } else { '_' };
        let ending = format!("{}.bw", name.chars().map(safe).collect::<String>());
        let file = if profile.tracks.len() == 1 { path.to_owned() } else { path.with_extension(ending) };
        write_windows(&file, &contigs, windows)?;
        files.push(file);
    }
    Ok(files)
}

/// Where the bins begin on the chromosome; before its start they are negative.
fn start_of(place: &Interval, letters: usize, width: usize) -> i64 {
    // What was filled lies before the chromosome's start, or else beyond its end.
    let before = if place.start == 0 { letters as i64 - place.len() as i64 } else { 0 };
    place.start as i64 - before + (letters as i64 - width as i64) / 2
}

/// The expected signal of every base in the order of the genome, for each track.
fn signal(profile: &Profile, outputs: &[f32], strand: Strand) -> Vec<Vec<f32>> {
    let mut bins: Vec<f64> =
        (0..profile.tracks.len()).flat_map(|track| profile.expected(outputs, track)).map(f64::from).collect();
    if strand == Strand::Reverse {
        let task = Task { name: String::new(), kind: TaskKind::Profile(profile.clone()) };
        profile::reverse_labels(&[task], &mut bins);
    }
    let spread = |bin: &f64| std::iter::repeat_n((bin / profile.bin_size as f64) as f32, profile.bin_size);
    bins.chunks(profile.bins).map(|track| track.iter().flat_map(spread).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_lie_where_they_were_cut() {
        let place = |start, end| Interval { chrom: "c".into(), start, end, strand: Strand::Forward };
        assert_eq!(start_of(&place(100, 120), 20, 10), 105);
        // Four letters were filled before the start, or behind the end.
        assert_eq!(start_of(&place(0, 16), 20, 10), 1);
        assert_eq!(start_of(&place(84, 100), 20, 10), 89);
        assert_eq!(start_of(&place(0, 6), 20, 10), -9);
    }

    #[test]
    fn signal_is_spread_and_turned_back() {
        let tracks = vec!["plus".to_owned(), "minus".to_owned()];
        let profile = Profile { tracks, bins: 2, bin_size: 2, strand_pairs: vec![[0, 1]], count_weight: 1.0 };
        let outputs = [0.25, 0.75, 0.5, 0.5, 9f32.ln(), 5f32.ln()];
        let close = |found: Vec<Vec<f32>>, expected: [[f32; 4]; 2]| {
            found.concat().iter().zip(expected.concat()).all(|(a, b)| (a - b).abs() < 1e-5)
        };
        assert!(close(signal(&profile, &outputs, Strand::Forward), [[1., 1., 3., 3.], [1., 1., 1., 1.]]));
        assert!(close(signal(&profile, &outputs, Strand::Reverse), [[1., 1., 1., 1.], [3., 3., 1., 1.]]));
    }
}
