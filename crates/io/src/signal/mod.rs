//! Signal along a genome: one number a base, or none, from bigWig, bedGraph or wiggle.

mod text;

use crate::bigwig::{self, BigWig};
use crate::error::{Error, Result, unknown_contig};
use crate::input;
use std::io::Read;
use std::path::{Path, PathBuf};
use text::Runs;

/// A signal that can be read at any place.
#[derive(Debug)]
pub struct Track {
    path: PathBuf,
    values: Values,
}

#[derive(Debug)]
enum Values {
    BigWig(BigWig),
    Text(Runs),
}

impl Track {
    /// Opens a bigWig, or reads bedGraph or wiggle (plain or gzip) into memory, 24 bytes a line of values. The content
    /// says which it is.
    ///
    /// # Errors
    /// A file that cannot be read, is none of these, or is truncated; values that overlap; all with file and line.
    pub fn open(path: &Path) -> Result<Self> {
        let mut head = Vec::new();
        if !input::is_dash(path) {
            let read = input::open_file(path)?.take(4).read_to_end(&mut head);
            read.map_err(|cause| Error::io(path, "read", cause))?;
        }
        let values = if bigwig::is_bigwig(&head) || bigwig::is_bigbed(&head) {
            Values::BigWig(BigWig::open(path)?)
        } else {
            Values::Text(text::read(path)?)
        };
        Ok(Self { path: path.to_owned(), values })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The length of a contig, where the format says it (text does not).
    ///
    /// # Errors
    /// No contig of this name; the hint says so if the file writes it with or without `chr`.
    pub fn length(&self, chrom: &str) -> Result<Option<u64>> {
        match &self.values {
            Values::BigWig(file) => file.length(chrom).map(Some),
            Values::Text(runs) => self.runs(runs, chrom).map(|_| None),
        }
    }

    /// One value a base of `start..end` (0-based, half-open), NaN where there is none.
    ///
    /// # Errors
    /// An unknown contig, an empty stretch or one beyond the end of the contig; damaged data.
    pub fn values(&self, chrom: &str, start: u64, end: u64) -> Result<Vec<f32>> {
        let runs = match &self.values {
            Values::BigWig(file) => return file.values(chrom, start, end),
            Values::Text(runs) => self.runs(runs, chrom)?,
        };
        if start >= end {
            return Err(Error::of(&self.path, format!("expected start < end, found {start} and {end}")));
        }
        let mut values = vec![f32::NAN; (end - start) as usize];
        let first = runs.partition_point(|run| run.end <= start);
        for run in runs[first..].iter().take_while(|run| run.start < end) {
            let (from, to) = (run.start.max(start) - start, run.end.min(end) - start);
            values[from as usize..to as usize].fill(run.value);
        }
        Ok(values)
    }

    fn runs<'a>(&self, runs: &'a Runs, chrom: &str) -> Result<&'a [text::Run]> {
        let names = runs.keys().map(String::as_str);
        let found = runs.get(chrom).map(Vec::as_slice);
        found.ok_or_else(|| unknown_contig(&self.path, "file", chrom, names))
    }
}

/// The sums of neighbouring values, `size` of them each, the last bin with what is left; missing values add nothing, and
/// a bin without any value is NaN.
///
/// # Panics
/// If `size` is 0.
pub fn bin_sums(values: &[f32], size: usize) -> Vec<f64> {
    let of_bin = |bin: &[f32]| {
        let known = bin.iter().filter(|value| !value.is_nan()).map(|&value| f64::from(value));
        known.reduce(|sum, value| sum + value).unwrap_or(f64::NAN)
    };
    values.chunks(size).map(of_bin).collect()
}

/// The means over the values that are not missing, otherwise as [`bin_sums`].
///
/// # Panics
/// If `size` is 0.
pub fn bin_means(values: &[f32], size: usize) -> Vec<f64> {
    let known = |bin: &[f32]| bin.iter().filter(|value| !value.is_nan()).count();
    bin_sums(values, size).into_iter().zip(values.chunks(size)).map(|(sum, bin)| sum / known(bin) as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_leave_missing_values_out() {
        let values = [1.0, f32::NAN, 3.0, f32::NAN, f32::NAN, 5.0, 7.0];
        let sums = bin_sums(&values, 3);
        assert_eq!(sums, [4.0, 5.0, 7.0]);
        assert_eq!(bin_means(&values, 3), [2.0, 5.0, 7.0]);
        assert!(bin_sums(&values[3..5], 2)[0].is_nan() && bin_means(&values[3..5], 2)[0].is_nan());
        assert!(bin_sums(&[], 4).is_empty());
    }

    fn track(text: &str) -> Result<Track> {
        let file = tempfile::NamedTempFile::new().unwrap();
        #[allow(clippy::disallowed_methods)]
        std::fs::write(file.path(), text).unwrap();
        Track::open(file.path())
    }

    #[test]
    fn bed_graph_and_wiggle_give_the_same_values() {
        let graph = "track type=bedGraph\nchr1\t2\t4\t1.5\nchr1 4 5 -2\n\nchr2\t0\t1\t7\n";
        let steps = "track type=wiggle_0\nvariableStep chrom=chr1 span=2\n3 1.5\nfixedStep chrom=chr1 start=5 step=1\n-2\n\
                     fixedStep chrom=chr2 start=1 step=10 span=1\n7\n";
        for text in [graph, steps] {
            let track = track(text).unwrap();
            let values = track.values("chr1", 1, 7).unwrap();
            let shown: Vec<String> = values.iter().map(f32::to_string).collect();
            assert_eq!(shown, ["NaN", "1.5", "1.5", "-2", "NaN", "NaN"]);
            assert_eq!(track.values("chr2", 0, 1).unwrap(), [7.0]);
            assert_eq!(track.length("chr2").unwrap(), None);
            let error = track.values("1", 0, 1).unwrap_err();
            assert!(error.hint().unwrap().contains("calls it \"chr1\""), "{error:?}");
        }
    }

    #[test]
    fn bad_lines_are_named() {
        for (text, line, what) in [
            ("chr1\t2\t4\t1\nchr1\t3\t5\t1\n", 2, "overlaps"),
            ("chr1\t5\t6\t1\nchr1\t3\t5\t1\n", 2, "overlaps"),
            ("chr1\t4\t4\t1\n", 1, "start < end"),
            ("chr1\t4\t5\tx\n", 1, "a number"),
            ("chr1\t4\t5\n", 1, "4 columns"),
            ("fixedStep chrom=chr1 step=1\n1\n", 1, "start"),
            ("fixedStep chrom=chr1 start=0 step=1\n1\n", 1, "from 1"),
            ("variableStep span=2\n1 1\n", 1, "chrom"),
            ("variableStep chrom=chr1\n1 1 1\n", 2, "a position and a value"),
            ("fixedStep chrom=chr1 start=1 step=1\n1\nnan?\n", 3, "a number"),
            ("fixedStep chrom=chr1 start=1 step=1 span=2\n1\n2\n", 1, "span of at most its step"),
        ] {
            let error = track(text).unwrap_err().to_string();
            assert!(error.contains(&format!("line {line}: ")) && error.contains(what), "{text:?}: {error}");
        }
        assert!(track("# nothing\n").unwrap_err().to_string().contains("at least one value"));
        assert!(track("").unwrap_err().to_string().contains("is empty"));
    }
}
