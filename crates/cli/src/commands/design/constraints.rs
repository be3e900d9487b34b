//! What a design has to keep to.

use super::Place;
use crate::commands::motifs;
use crate::failure::user;
use anyhow::Result;
use basewise_core::{Code, Strand};
use basewise_motif::Motif;
use basewise_motif::scan::{ScanOptions, Scanner};
use clap::Args;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Flags of what is kept.
#[derive(Args)]
#[command(next_help_heading = "Constraints")]
pub(super) struct ConstraintArgs {
    /// Positions that keep their bases: 0-based, ends not among them, such as 0-10,65-75
    #[arg(long, value_name = "RANGES")]
    protect: Option<String>,
    /// Share of G and C that a design may have; a sequence that starts outside may only come nearer
    #[arg(long, value_name = "FROM-TO")]
    gc: Option<String>,
    /// Occurrences of these motifs keep their bases: MEME, JASPAR or TRANSFAC
    #[arg(long, value_name = "FILE")]
    keep_motif: Option<PathBuf>,
    /// No new occurrence of these motifs may come about
    #[arg(long, value_name = "FILE")]
    forbid_motif: Option<PathBuf>,
    /// What counts as an occurrence of a motif
    #[arg(long, default_value_t = 1e-4, value_name = "P")]
    motif_p_value: f64,
}

/// The flags, read.
pub(super) struct Rules {
    ranges: Vec<Range<usize>>,
    pub(super) gc: Option<(f64, f64)>,
    keep: Option<Sought>,
    forbid: Option<Sought>,
}

/// Motifs that are looked for.
struct Sought {
    widths: Vec<usize>,
    scanner: Scanner,
}

/// Where a motif stands: which, its first base, and the strand.
type Occurrences = BTreeSet<(usize, usize, bool)>;

impl Sought {
    fn read(path: &Path, max_p_value: f64) -> Result<Self> {
        let motifs = motifs::read(path)?;
        let scanner = Scanner::new(&motifs, &ScanOptions { max_p_value, ..ScanOptions::default() })?;
        Ok(Self { widths: motifs.iter().map(Motif::len).collect(), scanner })
    }

    fn occurrences(&self, codes: &[Code]) -> Occurrences {
        self.within(codes, 0..codes.len())
    }

    /// Those that lie within a stretch.
    fn within(&self, codes: &[Code], stretch: Range<usize>) -> Occurrences {
        let from = stretch.start;
        let found = self.scanner.scan(&[&codes[stretch]]);
        found.iter().map(|o| (o.motif, from + o.start, o.strand == Strand::Reverse)).collect()
    }

    /// Stretches that hold every occurrence over a position in which two sequences of one length differ.
    fn around_changes(&self, one: &[Code], other: &[Code]) -> Vec<Range<usize>> {
        let reach = self.widths.iter().copied().max().unwrap_or(0).saturating_sub(1);
        let mut stretches: Vec<Range<usize>> = Vec::new();
        for at in (0..one.len()).filter(|&at| one[at] != other[at]) {
            let (from, to) = (at.saturating_sub(reach), (at + reach + 1).min(one.len()));
            match stretches.last_mut() {
                Some(last) if from <= last.end => last.end = to,
                _ => stretches.push(from..to),
            }
        }
        stretches
    }
}

impl Rules {
    pub(super) fn new(args: &ConstraintArgs) -> Result<Self> {
        if !(args.motif_p_value > 0.0 && args.motif_p_value <= 1.0) {
            let message = format!("expected --motif-p-value above 0, at most 1, found {}", args.motif_p_value);
            return Err(user(message, None));
        }
        let sought =
            |path: &Option<PathBuf>| path.as_deref().map(|path| Sought::read(path, args.motif_p_value)).transpose();
        Ok(Self {
            ranges: args.protect.as_deref().map_or(Ok(Vec::new()), ranges)?,
            gc: args.gc.as_deref().map(gc).transpose()?,
            keep: sought(&args.keep_motif)?,
            forbid: sought(&args.forbid_motif)?,
        })
    }

    /// For each position of the window whether it keeps its base; what is no letter of the sequence always does.
    pub(super) fn protected(&self, start: &[Code], place: Place) -> Result<Vec<bool>> {
        if let Some(range) = self.ranges.iter().find(|range| range.end > place.letters) {
            return Err(user(
                format!(
                    "--protect: expected positions within 0-{}, found {}-{}",
                    place.letters, range.start, range.end
                ),
                None,
            ));
        }
        let kept = |position: usize| {
            place.letter(position).is_none_or(|at| self.ranges.iter().any(|range| range.contains(&at)))
        };
        let mut protected: Vec<bool> = (0..start.len()).map(kept).collect();
        if let Some(keep) = &self.keep {
            for (motif, first, _) in keep.occurrences(start) {
                protected[first..first + keep.widths[motif]].fill(true);
            }
        }
        Ok(protected)
    }

    /// Whether a sequence has no occurrence of a forbidden motif that the start does not have.
    pub(super) fn accepts(&self, start: &[Code]) -> impl Fn(&[Code]) -> bool {
        let before = self.forbid.as_ref().map(|forbid| forbid.occurrences(start)).unwrap_or_default();
        let start = start.to_vec();
        move |codes| {
            // Only over a change can an occurrence be new.
            let is_fine = |forbid: &Sought, stretch| forbid.within(codes, stretch).is_subset(&before);
            let forbid = self.forbid.as_ref();
            forbid.is_none_or(|forbid| forbid.around_changes(&start, codes).into_iter().all(|s| is_fine(forbid, s)))
        }
    }
}

fn ranges(text: &str) -> Result<Vec<Range<usize>>> {
    let range = |text: &str| {
        let (start, end) = text.trim().split_once('-')?;
        let (start, end) = (start.parse().ok()?, end.parse().ok()?);
        (start < end).then_some(start..end)
    };
    let read = |part: &str| {
        range(part).ok_or_else(|| {
            user(
                format!("expected --protect START-END, or several with commas between them, found {part:?}"),
                Some("positions count from 0, and END is not among them: 0-3 are the first three"),
            )
        })
    };
    text.split(',').map(read).collect()
}

fn gc(text: &str) -> Result<(f64, f64)> {
    let ends = text.split_once('-').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    match ends {
        Some((from, to)) if 0.0 <= from && from <= to && to <= 1.0 => Ok((from, to)),
        _ => Err(user(format!("expected --gc FROM-TO within 0-1, such as 0.4-0.6, found {text:?}"), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_core::{Alphabet, CasePolicy, Encoding};

    fn args(protect: Option<&str>, gc: Option<&str>, folder: Option<&Path>) -> ConstraintArgs {
        let motif = folder.map(|folder| folder.join("m.meme"));
        ConstraintArgs {
            protect: protect.map(Into::into),
            gc: gc.map(Into::into),
            keep_motif: motif.clone(),
            forbid_motif: motif,
            motif_p_value: 1e-4,
        }
    }

    fn codes(letters: &str) -> Vec<Code> {
        Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore }.encode(letters.as_bytes()).unwrap()
    }

    #[test]
    fn ranges_and_shares_are_read_and_others_are_refused() {
        assert_eq!(ranges("0-3, 7-8").unwrap(), [0..3, 7..8]);
        assert_eq!((gc("0-1").unwrap(), gc("0.4-0.6").unwrap()), ((0.0, 1.0), (0.4, 0.6)));
        for wrong in ["3-3", "5", "a-b", "", "0-3,"] {
            assert!(ranges(wrong).is_err(), "{wrong:?}");
        }
        for wrong in ["0.6-0.4", "-1-0.5", "0.5", "0-1.1", "x-y"] {
            assert!(gc(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_no_letter_is_protected_as_are_ranges() {
        let rules = Rules::new(&args(Some("0-2"), None, None)).unwrap();
        let place = Place { letters: 4, window: 6 };
        assert_eq!(rules.protected(&codes("NACGTN"), place).unwrap(), [true, true, true, false, false, true]);
        let beyond = Rules::new(&args(Some("0-5"), None, None)).unwrap();
        assert!(beyond.protected(&codes("NACGTN"), place).unwrap_err().to_string().contains("within 0-4"));
    }

    #[test]
    fn kept_motifs_are_protected_and_new_ones_refused() {
        let folder = tempfile::tempdir().unwrap();
        let text =
            "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF m\nletter-probability matrix: alength= 4 w= 8 nsites= 100\n"
                .to_owned()
                + &"0.97 0.01 0.01 0.01\n0.01 0.97 0.01 0.01\n".repeat(4);
        crate::run_dir::write_text(&folder.path().join("m.meme"), &text).unwrap();
        let rules = Rules::new(&args(None, None, Some(folder.path()))).unwrap();
        let start = codes("TTTTACACACACTTTTTTTTTTTT");
        let protected = rules.protected(&start, Place { letters: 24, window: 24 }).unwrap();
        assert_eq!((0..24).filter(|&at| protected[at]).collect::<Vec<_>>(), (4..12).collect::<Vec<_>>());
        let accepts = rules.accepts(&start);
        assert!(accepts(&start) && accepts(&codes("TTTTACACACACTTTTTTTTTTTA")));
        assert!(!accepts(&codes("TTTTACACACACTTTTACACACAC")));

        // As if each sequence were looked through as a whole.
        let forbid = rules.forbid.as_ref().unwrap();
        let mut state = 1_u32;
        let mut below = |n: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % n
        };
        let mut refused = 0;
        for _ in 0..200 {
            let start: String = (0..40).map(|i| if below(9) == 0 { 'G' } else { ['A', 'C'][i % 2] }).collect();
            let mut other = start.clone().into_bytes();
            (0..=below(4)).for_each(|_| other[below(40) as usize] = b"ACGT"[below(4) as usize]);
            let (start, other) = (codes(&start), codes(std::str::from_utf8(&other).unwrap()));
            let expected = forbid.occurrences(&other).is_subset(&forbid.occurrences(&start));
            assert_eq!(rules.accepts(&start)(&other), expected);
            refused += usize::from(!expected);
        }
        assert!(refused > 4, "{refused}");
    }
}
