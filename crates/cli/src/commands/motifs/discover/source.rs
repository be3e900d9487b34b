//! Attributions from files: of `basewise explain`, or of any program that writes arrays.

use crate::commands::explain::Explanation;
use crate::failure::user;
use crate::run_dir::read_json;
use crate::shared_args::AlphabetArg;
use anyhow::Result;
use basewise_core::{Alphabet, Code, Interval, Strand};
use basewise_io::arrays::{Array, ArrayValues, read_npz};
use basewise_motif::discover::Attributions;
use std::collections::BTreeMap;
use std::path::Path;

/// Sequences with attributions.
pub(crate) struct Source {
    /// Where they come from.
    pub(crate) name: String,
    /// How they were made, as far as that is known.
    pub(crate) method: String,
    pub(crate) alphabet: Alphabet,
    pub(crate) length: usize,
    pub(crate) ids: Vec<String>,
    pub(crate) places: Vec<Option<Interval>>,
    pub(crate) codes: Vec<Code>,
    /// Contributions of the bases that are there, `[n, length]`.
    pub(crate) contributions: Vec<f32>,
    /// Hypothetical contributions, `[n, 4, length]`.
    pub(crate) hypothetical: Option<Vec<f32>>,
}

/// An array of three dimensions as it lies.
struct Cube {
    n: usize,
    length: usize,
    values: Vec<f32>,
}

impl Source {
    /// What `basewise explain` wrote: its directory, or the arrays alone.
    pub(crate) fn explained(path: &Path, alphabet: AlphabetArg) -> Result<Self> {
        let (file, explanation) = match path.is_dir() {
            true => (path.join("attributions.npz"), Some(path.join("explain.json"))),
            false => (path.to_path_buf(), path.parent().map(|dir| dir.join("explain.json"))),
        };
        let mut arrays = read_npz(&file)?;
        let explanation: Option<Explanation> =
            explanation.filter(|path| path.is_file()).map(|path| read_json(&path)).transpose()?;
        let attributions = cube(&mut arrays, &file, "attributions")?;
        let one_hot = cube(&mut arrays, &file, "one_hot")?;
        let hypothetical =
            if arrays.contains_key("hypothetical") { Some(cube(&mut arrays, &file, "hypothetical")?) } else { None };
        let ids = match arrays.remove("ids").map(|array| array.values) {
            Some(ArrayValues::Text(ids)) => ids,
            _ => Vec::new(),
        };
        let method = explanation.as_ref().map_or(String::new(), |e| e.method.clone());
        let places = explanation.map_or_else(Vec::new, |e| e.examples.into_iter().map(|e| e.place).collect());
        let places = places.iter().map(|text| text.as_deref().and_then(parse_place)).collect();
        Self::new(&file, alphabet, &one_hot, attributions, hypothetical, method)?.named(&file, ids, places)
    }

    /// One array of attributions and one of sequences, as TF-MoDISco takes them.
    pub(crate) fn pair(attributions: &Path, one_hot: &Path, alphabet: AlphabetArg) -> Result<Self> {
        let only = |path: &Path| -> Result<Cube> {
            let mut arrays = read_npz(path)?;
            let name = match arrays.len() {
                1 => arrays.keys().next().cloned().unwrap_or_default(),
                _ => "arr_0".to_owned(),
            };
            cube(&mut arrays, path, &name)
        };
        let sequences = only(one_hot)?;
        Self::new(attributions, alphabet, &sequences, only(attributions)?, None, String::new())
    }

    fn new(
        path: &Path,
        alphabet: AlphabetArg,
        one_hot: &Cube,
        attributions: Cube,
        hypothetical: Option<Cube>,
        method: String,
    ) -> Result<Self> {
        let name = path.display().to_string();
        for other in [Some(&attributions), hypothetical.as_ref()].into_iter().flatten() {
            if (other.n, other.length) != (one_hot.n, one_hot.length) {
                return Err(user(
                    format!(
                        "{name}: expected attributions of {} sequences of {} bases, found {} of {}",
                        one_hot.n, one_hot.length, other.n, other.length
                    ),
                    Some("both arrays are [N, 4, L]"),
                ));
            }
        }
        let codes = codes(one_hot, &name)?;
        let alphabet = match alphabet {
            AlphabetArg::Dna => Alphabet::Dna,
            AlphabetArg::Rna => Alphabet::Rna,
        };
        let (n, length) = (one_hot.n, one_hot.length);
        let hypothetical = hypothetical.map_or_else(|| substitutions(attributions, &codes), |cube| Some(cube.values));
        let (contributions, hypothetical) = match hypothetical {
            Some(values) => (own(&values, &codes, length), values),
            None => (Vec::new(), Vec::new()),
        };
        // Where only the bases that are there have numbers, there is nothing hypothetical.
        let has_others = (0..n * length).any(|i| {
            let (row, at) = (i / length, i % length);
            (0..4).any(|b| usize::from(codes[i].base()) != b && hypothetical[(row * 4 + b) * length + at] != 0.0)
        });
        let ids = (1..=n).map(|i| format!("sequence_{i}")).collect();
        Ok(Self {
            name,
            method,
            alphabet,
            length,
            ids,
            places: vec![None; n],
            codes,
            contributions,
            hypothetical: has_others.then_some(hypothetical),
        })
    }

    fn named(mut self, path: &Path, ids: Vec<String>, places: Vec<Option<Interval>>) -> Result<Self> {
        if !ids.is_empty() && ids.len() != self.ids.len() {
            let message = format!("expected {} ids, found {}", self.ids.len(), ids.len());
            return Err(user(format!("{}: {message}", path.display()), None));
        }
        if !ids.is_empty() {
            self.ids = ids;
        }
        if places.len() == self.ids.len() {
            self.places = places;
        }
        Ok(self)
    }

    /// The attributions as the search takes them.
    pub(crate) fn attributions(&self) -> Result<Attributions<'_>> {
        Attributions::new(self.alphabet, self.length, &self.codes, &self.contributions, self.hypothetical.as_deref())
            .map_err(|wrong| user(format!("{}: {wrong}", self.name), None))
    }
}

/// Takes an array `[n, 4, length]` of numbers.
fn cube(arrays: &mut BTreeMap<String, Array>, path: &Path, name: &str) -> Result<Cube> {
    let has = arrays.keys().cloned().collect::<Vec<_>>().join(", ");
    let Some(array) = arrays.remove(name) else {
        return Err(user(
            format!("{}: expected an array {name:?}, found {has}", path.display()),
            Some("give arrays of other programs as --attributions FILE --one-hot FILE"),
        ));
    };
    let &[n, 4, length] = array.shape.as_slice() else {
        return Err(user(
            format!("{}: array {name:?}: expected the shape [N, 4, L], found {:?}", path.display(), array.shape),
            Some("bases come second: numpy.swapaxes(array, 1, 2) turns [N, L, 4]"),
        ));
    };
    let values = match array.values {
        ArrayValues::F32(values) => values,
        ArrayValues::F64(values) => values.into_iter().map(|v| v as f32).collect(),
        ArrayValues::I64(values) => values.into_iter().map(|v| v as f32).collect(),
        ArrayValues::Text(_) => {
            return Err(user(format!("{}: array {name:?}: expected numbers, found text", path.display()), None));
        }
    };
    Ok(Cube { n, length, values })
}

/// Bases of one-hot columns; a column of zeros is an unknown base.
fn codes(one_hot: &Cube, name: &str) -> Result<Vec<Code>> {
    let (n, length) = (one_hot.n, one_hot.length);
    let mut codes = Vec::with_capacity(n * length);
    for row in 0..n {
        for at in 0..length {
            let column: [f32; 4] = std::array::from_fn(|b| one_hot.values[(row * 4 + b) * length + at]);
            let sum: f32 = column.iter().sum();
            let base = column.iter().position(|&v| v == 1.0);
            match base {
                Some(base) if sum == 1.0 => codes.push(Code::new(base as u8)),
                None if sum == 0.0 || column.iter().all(|&v| v == column[0]) => codes.push(Code::N),
                _ => {
                    return Err(user(
                        format!(
                            "{name}: sequence {}, position {at}: expected a one-hot code, found {column:?}",
                            row + 1
                        ),
                        Some("is this the array of the sequences? It holds one 1 among A C G T at each position"),
                    ));
                }
            }
        }
    }
    Ok(codes)
}

/// Numbers of the bases that are there; 0 at unknown ones.
fn own(values: &[f32], codes: &[Code], length: usize) -> Vec<f32> {
    let of = |(i, code): (usize, &Code)| match usize::from(code.base()) {
        base @ 0..4 => values[(i / length * 4 + base) * length + i % length],
        _ => 0.0,
    };
    codes.iter().enumerate().map(of).collect()
}

/// Attributions as hypothetical contributions. In-silico mutagenesis gives the change by each substitution and nothing at the
/// base that is there: less their mean over the four bases, changes are what each base contributes.
fn substitutions(attributions: Cube, codes: &[Code]) -> Option<Vec<f32>> {
    let Cube { n, length, mut values } = attributions;
    if n * length == 0 {
        return None;
    }
    let is_mutagenesis = own(&values, codes, length).iter().all(|&v| v == 0.0);
    if is_mutagenesis {
        for row in 0..n {
            for at in 0..length {
                let mean = (0..4).map(|b| values[(row * 4 + b) * length + at]).sum::<f32>() / 4.0;
                (0..4).for_each(|b| values[(row * 4 + b) * length + at] -= mean);
            }
        }
    }
    Some(values)
}

/// A place as the data set prints it, `chrom:start-end(strand)`.
fn parse_place(text: &str) -> Option<Interval> {
    let (chrom, rest) = text.rsplit_once(':')?;
    let (span, strand) = rest.strip_suffix(')')?.split_once('(')?;
    let (start, end) = span.split_once('-')?;
    let strand = if strand == "-" { Strand::Reverse } else { Strand::Forward };
    Some(Interval { chrom: chrom.to_owned(), start: start.parse().ok()?, end: end.parse().ok()?, strand })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutagenesis_becomes_contributions_and_gradients_stay() {
        let codes = [Code::new(0), Code::N];
        // Two positions of one sequence: A, and an unknown base.
        let changes = vec![0.0, 0.0, -1.0, 0.0, -2.0, 0.0, -1.0, 0.0];
        let cube = |values: Vec<f32>| Cube { n: 1, length: 2, values };
        let turned = substitutions(cube(changes), &codes).unwrap();
        assert_eq!(turned, [1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0]);
        assert_eq!(own(&turned, &codes, 2), [1.0, 0.0]);
        let gradients = vec![2.0, 0.0, -1.0, 0.0, -2.0, 0.0, -1.0, 0.0];
        assert_eq!(substitutions(cube(gradients.clone()), &codes).unwrap(), gradients);
        assert!(substitutions(Cube { n: 0, length: 2, values: vec![] }, &[]).is_none());
    }

    #[test]
    fn places_come_back_as_they_were_printed() {
        for strand in [Strand::Forward, Strand::Reverse] {
            let place = Interval { chrom: "chr1:alt".into(), start: 5, end: 9, strand };
            assert_eq!(parse_place(&place.to_string()), Some(place));
        }
        assert_eq!(parse_place("chr1"), None);
    }
}
