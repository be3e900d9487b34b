//! Patterns in the HDF5 layout of TF-MoDISco (version 2, `modisco_results.h5`), which its reports and other programs read.
//!
//! ```text
//! /                          attribute window_size
//! /pos_patterns/pattern_0/   sequence, contrib_scores, hypothetical_contribs      [length, 4]
//!     seqlets/               n_seqlets [1]; start, end, example_idx, is_revcomp   [n]
//!                            sequence, contrib_scores, hypothetical_contribs      [n, length, 4]
//! /neg_patterns/...
//! ```

use crate::error::{Error, Result};
use crate::output::write_file;
use hdf5_pure::{AttrValue, EnumTypeBuilder, FileBuilder, GroupBuilder};
use std::path::Path;

/// One pattern. Bases are in the order A C G T.
#[derive(Clone, Debug, PartialEq)]
pub struct ModiscoPattern {
    /// Whether its contributions are positive; the group is chosen by that, and patterns are numbered within it.
    pub is_positive: bool,
    /// Mean of the one-hot codes of its seqlets.
    pub sequence: Vec<[f64; 4]>,
    /// Mean contributions of the bases that are there.
    pub contributions: Vec<[f64; 4]>,
    /// Mean hypothetical contributions.
    pub hypothetical: Vec<[f64; 4]>,
    /// Its seqlets.
    pub seqlets: ModiscoSeqlets,
}

/// Seqlets, all as long as their pattern, in the direction in which they read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModiscoSeqlets {
    /// First base in its example, 0-based; below 0 where it begins before.
    pub start: Vec<i64>,
    /// One past the last base.
    pub end: Vec<i64>,
    /// Number of the example.
    pub example: Vec<i64>,
    /// Whether it reads on the other strand.
    pub reverse: Vec<bool>,
    /// One-hot codes `[n, length, 4]`.
    pub sequence: Vec<i8>,
    /// Contributions of the bases that are there `[n, length, 4]`.
    pub contributions: Vec<f32>,
    /// Hypothetical contributions `[n, length, 4]`.
    pub hypothetical: Vec<f32>,
}

/// Writes patterns; `window` is the length of the sequences that they were found in.
///
/// # Errors
/// Arrays that do not fit each other; what [`write_file`] reports.
pub fn write_modisco(path: &Path, window: usize, patterns: &[ModiscoPattern]) -> Result<()> {
    let bytes = modisco_bytes(path, window, patterns)?;
    write_file(path, |sink| sink.write_all(&bytes))
}

fn modisco_bytes(path: &Path, window: usize, patterns: &[ModiscoPattern]) -> Result<Vec<u8>> {
    let mut file = FileBuilder::new();
    file.set_attr("window_size", AttrValue::I64(window as i64));
    for (group, is_positive) in [("pos_patterns", true), ("neg_patterns", false)] {
        let mut own = patterns.iter().filter(|p| p.is_positive == is_positive).enumerate().peekable();
        if own.peek().is_none() {
            continue;
        }
        let mut all = file.create_group(group);
        for (i, pattern) in own {
            let name = format!("pattern_{i}");
            let mut group = all.create_group(&name);
            fill(&mut group, pattern).map_err(|wrong| Error::of(path, format!("{name}: {wrong}")))?;
            all.add_group(group.finish());
        }
        file.add_group(all.finish());
    }
    file.finish().map_err(|cause| Error::of(path, format!("cannot be made: {cause}")))
}

fn fill(group: &mut GroupBuilder, pattern: &ModiscoPattern) -> std::result::Result<(), String> {
    let length = pattern.sequence.len();
    for (name, rows) in [
        ("sequence", &pattern.sequence),
        ("contrib_scores", &pattern.contributions),
        ("hypothetical_contribs", &pattern.hypothetical),
    ] {
        fits(name, rows.len(), length)?;
        group.create_dataset(name).with_f64_data(rows.as_flattened()).with_shape(&[length as u64, 4]);
    }
    let seqlets = &pattern.seqlets;
    let n = seqlets.start.len();
    let mut inner = group.create_group("seqlets");
    inner.create_dataset("n_seqlets").with_i64_data(&[n as i64]);
    for (name, values) in [("start", &seqlets.start), ("end", &seqlets.end), ("example_idx", &seqlets.example)] {
        fits(name, values.len(), n)?;
        inner.create_dataset(name).with_i64_data(values);
    }
    fits("is_revcomp", seqlets.reverse.len(), n)?;
    // As h5py stores numpy's bool.
    let boolean = EnumTypeBuilder::u8_based().u8_value("FALSE", 0).u8_value("TRUE", 1).build();
    let boolean = boolean.map_err(|cause| cause.to_string())?;
    let reverse: Vec<u8> = seqlets.reverse.iter().map(|&r| u8::from(r)).collect();
    inner.create_dataset("is_revcomp").with_enum_u8_data(boolean, &reverse);
    let shape = [n as u64, length as u64, 4];
    fits("seqlets' sequence", seqlets.sequence.len(), 4 * n * length)?;
    inner.create_dataset("sequence").with_i8_data(&seqlets.sequence).with_shape(&shape);
    for (name, values) in [("contrib_scores", &seqlets.contributions), ("hypothetical_contribs", &seqlets.hypothetical)]
    {
        fits(name, values.len(), 4 * n * length)?;
        inner.create_dataset(name).with_f32_data(values).with_shape(&shape);
    }
    group.add_group(inner.finish());
    Ok(())
}

fn fits(name: &str, found: usize, expected: usize) -> std::result::Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{name}: expected {expected} numbers, found {found}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(is_positive: bool, n: usize) -> ModiscoPattern {
        let rows: Vec<[f64; 4]> = (0..3).map(|i| [f64::from(i), 0.5, 0.25, 0.0]).collect();
        let seqlets = ModiscoSeqlets {
            start: (0..n as i64).map(|i| i - 1).collect(),
            end: (0..n as i64).map(|i| i + 2).collect(),
            example: (0..n as i64).collect(),
            reverse: (0..n).map(|i| i % 2 == 1).collect(),
            sequence: vec![1; n * 12],
            contributions: (0..n * 12).map(|i| i as f32).collect(),
            hypothetical: vec![-1.0; n * 12],
        };
        ModiscoPattern { is_positive, sequence: rows.clone(), contributions: rows.clone(), hypothetical: rows, seqlets }
    }

    #[test]
    fn patterns_come_back_by_sign_and_number() {
        let all = [pattern(false, 2), pattern(true, 3), pattern(true, 1)];
        let file = hdf5_pure::File::from_bytes(modisco_bytes(Path::new("x.h5"), 400, &all).unwrap()).unwrap();
        let root = file.root();
        assert_eq!(root.attrs().unwrap()["window_size"].as_i64(), Some(400));
        let positive = root.group("pos_patterns").unwrap();
        assert_eq!(positive.groups().unwrap().len(), 2);
        assert_eq!(root.group("neg_patterns").unwrap().groups().unwrap(), ["pattern_0"]);
        let first = positive.group("pattern_0").unwrap();
        assert_eq!(first.dataset("sequence").unwrap().shape().unwrap(), [3, 4]);
        let seqlets = first.group("seqlets").unwrap();
        assert_eq!(seqlets.dataset("n_seqlets").unwrap().read_i64().unwrap(), [3]);
        assert_eq!(seqlets.dataset("start").unwrap().read_i64().unwrap(), [-1, 0, 1]);
        let contributions = seqlets.dataset("contrib_scores").unwrap();
        assert_eq!(contributions.shape().unwrap(), [3, 3, 4]);
        assert_eq!(contributions.read_f32().unwrap()[35], 35.0);
    }

    #[test]
    fn no_pattern_is_a_file_and_arrays_that_do_not_fit_are_refused() {
        assert!(!modisco_bytes(Path::new("x.h5"), 10, &[]).unwrap().is_empty());
        let mut wrong = pattern(true, 2);
        wrong.seqlets.end.pop();
        let error = modisco_bytes(Path::new("x.h5"), 10, &[wrong]).unwrap_err().to_string();
        assert!(error.contains("pattern_0: end: expected 2 numbers, found 1"), "{error}");
    }
}
