//! Values of windows that may overlap, written as one signal.

use super::write::{Run, write};
use crate::error::Result;
use std::ops::Range;
use std::path::Path;

/// One value a base from `start` on.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Number of the contig in the list.
    pub contig: usize,
    /// The first base, from 0; what lies before the contig's start or beyond its end is left out.
    pub start: i64,
    /// Values of the bases, in the order of the genome; NaN is left out.
    pub values: Vec<f32>,
}

impl Window {
    fn end(&self) -> i64 {
        self.start + self.values.len() as i64
    }
}

/// Writes windows in any order as a bigWig; a base under several of them gets their mean.
///
/// # Errors
/// Those of [`write()`].
pub fn write_windows(path: &Path, contigs: &[(String, u64)], mut windows: Vec<Window>) -> Result<()> {
    windows.retain(|window| !window.values.is_empty() && window.contig < contigs.len());
    windows.sort_by_key(|window| (window.contig, window.start, window.end()));
    let stretches = stretches(&windows);
    write(path, contigs, || stretches.iter().flat_map(|stretch| runs(&windows[stretch.clone()], contigs)))
}

/// Windows that overlap or touch in a chain.
fn stretches(windows: &[Window]) -> Vec<Range<usize>> {
    let mut stretches: Vec<Range<usize>> = Vec::new();
    let mut reach = i64::MIN;
    for (i, window) in windows.iter().enumerate() {
        match stretches.last_mut() {
            Some(last) if windows[last.start].contig == window.contig && window.start <= reach => last.end = i + 1,
            _ => {
                stretches.push(i..i + 1);
                reach = i64::MIN;
            }
        }
        reach = reach.max(window.end());
    }
    stretches
}

/// The runs of equal means of a stretch of windows.
fn runs(windows: &[Window], contigs: &[(String, u64)]) -> Vec<Run> {
    let (contig, start) = (windows[0].contig, windows[0].start);
    let end = windows.iter().map(Window::end).max().unwrap_or(start);
    let mut sums = vec![(0.0, 0u32); (end - start) as usize];
    for window in windows {
        let own = &mut sums[(window.start - start) as usize..];
        for (sum, &value) in own.iter_mut().zip(&window.values).filter(|(_, value)| !value.is_nan()) {
            *sum = (sum.0 + f64::from(value), sum.1 + 1);
        }
    }
    let mut runs: Vec<Run> = Vec::new();
    for ((sum, count), position) in sums.into_iter().zip(start..) {
        if count == 0 || position < 0 || position as u64 >= contigs[contig].1 {
            continue;
        }
        let (value, position) = ((sum / f64::from(count)) as f32, position as u64);
        match runs.last_mut() {
            Some(last) if last.end == position && last.value == value => last.end += 1,
            _ => runs.push(Run { contig, start: position, end: position + 1, value }),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bigwig::BigWig;

    #[test]
    fn overlapping_windows_are_averaged_and_ends_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.bw");
        let contigs = [("a".to_owned(), 10), ("b".to_owned(), 5)];
        let window = |contig, start, values: &[f32]| Window { contig, start, values: values.to_vec() };
        let windows = vec![
            window(1, 3, &[7.0, 7.0, 7.0]),
            window(0, 2, &[2.0, 4.0, f32::NAN]),
            window(0, -1, &[9.0, 1.0, 1.0, 4.0]),
            window(0, 8, &[5.0]),
            window(0, 0, &[]),
        ];
        write_windows(&path, &contigs, windows).unwrap();
        let read = BigWig::open(&path).unwrap();
        let shown = |values: Vec<f32>| values.iter().map(f32::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(shown(read.values("a", 0, 10).unwrap()), "1 1 3 4 NaN NaN NaN NaN 5 NaN");
        assert_eq!(shown(read.values("b", 0, 5).unwrap()), "NaN NaN NaN 7 7");
    }
}
