//! Columns of numbers beside the sequences: covariates, and weights of examples.

use crate::bed::BedRecord;
use crate::error::{Error, Result, excerpt};
use basewise_core::{Covariate, Dataset, Split, Transform};
use std::path::Path;

/// A column of numbers in a BED file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BedColumn {
    /// What it is called: the name of narrowPeak, or the number.
    pub name: String,
    /// Counted from 1: 5 is the score, from 7 on what a format has beyond the strand.
    pub number: usize,
}

/// Columns that narrowPeak and broadPeak name.
const NAMES: [(&str, usize); 4] = [("score", 5), ("signalValue", 7), ("pValue", 8), ("qValue", 9)];

impl BedColumn {
    /// Reads `score`, `signalValue`, `pValue` or `qValue`, or the number of a column.
    ///
    /// # Errors
    /// What was expected, in words.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let named = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        let number = named.map(|(_, number)| *number).or_else(|| text.parse().ok());
        match number {
            Some(number) if number == 5 || number >= 7 => Ok(Self { name: text.to_owned(), number }),
            _ => Err(format!(
                "expected score, signalValue, pValue, qValue, or the number of a column of numbers (5, or 7 and above), \
                 found {text:?}"
            )),
        }
    }

    /// The record's number, NaN where there is none (`.`, an empty field, or the -1 of p- and q-values).
    fn value(&self, path: &Path, record: &BedRecord) -> Result<f64> {
        let Some(beyond) = self.number.checked_sub(7) else { return Ok(record.score.unwrap_or(f64::NAN)) };
        let wrong = |message: String| Error::at_line(path, record.line, message);
        let Some(field) = record.more.get(beyond) else {
            let found = record.more.len() + 6;
            return Err(wrong(format!(
                "expected a column {} ({}), found {found} columns or fewer",
                self.number, self.name
            )));
        };
        if field.is_empty() || field == "." {
            return Ok(f64::NAN);
        }
        let value: Option<f64> = field.parse().ok().filter(|value: &f64| value.is_finite());
        let value = value.ok_or_else(|| {
            let found = excerpt(field.as_bytes());
            wrong(format!("expected a number in column {} ({}), found {found}", self.number, self.name))
        })?;
        let unassigned = value == -1.0 && ["pvalue", "qvalue"].contains(&self.name.to_ascii_lowercase().as_str());
        Ok(if unassigned { f64::NAN } else { value })
    }
}

/// Which columns of BED files stand beside the sequences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BedColumns {
    /// Numbers that a model is shown, and what is done to them.
    pub covariates: Vec<(BedColumn, Transform)>,
    /// How much each window counts in training.
    pub weight: Option<BedColumn>,
}

impl BedColumns {
    /// The covariates without statistics yet.
    pub(super) fn bare(&self) -> Vec<Covariate> {
        let bare =
            |(column, transform): &(BedColumn, Transform)| Covariate::fit(&column.name, *transform, std::iter::empty());
        self.covariates.iter().map(bare).collect()
    }

    /// The covariates of a record, and its weight.
    pub(super) fn of(&self, path: &Path, record: &BedRecord) -> Result<(Vec<f64>, f64)> {
        let covariates = self.covariates.iter().map(|(column, _)| column.value(path, record)).collect::<Result<_>>()?;
        let Some(column) = &self.weight else { return Ok((covariates, 1.0)) };
        let weight = column.value(path, record)?;
        basewise_core::source::check_weight(weight)
            .map_err(|message| Error::at_line(path, record.line, format!("column {:?}: {message}", column.name)))?;
        Ok((covariates, weight))
    }
}

/// Refuses weights of which nothing is left to learn from.
pub(super) fn check_weights(dataset: &Dataset) -> Result<()> {
    let mut train = dataset.examples.iter().filter(|example| example.split == Split::Train).peekable();
    if train.peek().is_some() && train.all(|example| example.weight == 0.0) {
        return Err(Error::new("expected a weight above 0 in the train split, found none"));
    }
    Ok(())
}

/// What to say of covariates from which nothing can be learned.
pub(super) fn constant_covariates(dataset: &Dataset) -> Vec<String> {
    let train = || dataset.examples.iter().filter(|example| example.split == Split::Train);
    let told = dataset.covariates.iter().enumerate().filter_map(|(i, covariate)| {
        let mut known = train().map(|example| example.covariates[i]).filter(|value| !value.is_nan());
        let Some(first) = known.next() else {
            return Some(format!("covariate {:?}: no value is known in the train split", covariate.name));
        };
        let constant = known.all(|value| value == first);
        constant.then(|| format!("covariate {:?}: all known values in the train split are {first}", covariate.name))
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_core::Interval;

    fn record(more: &[&str]) -> BedRecord {
        let interval = Interval { chrom: "c".into(), start: 0, end: 9, strand: Default::default() };
        let more = more.iter().map(|field| (*field).to_owned()).collect();
        BedRecord { interval, name: None, score: Some(7.0), summit: None, line: 3, more }
    }

    fn value(column: &str, more: &[&str]) -> Result<f64> {
        BedColumn::parse(column).unwrap().value(Path::new("x.bed"), &record(more))
    }

    #[test]
    fn columns_have_names_or_numbers() {
        let more = ["12.5", "-1", "-1", "40"];
        let of = |column| value(column, &more).unwrap();
        assert_eq!((of("score"), of("signalValue"), of("7"), of("10")), (7.0, 12.5, 12.5, 40.0));
        // Of p- and q-values -1 means that there is none; of a column by number nothing is known.
        assert!(of("pValue").is_nan() && of("qvalue").is_nan());
        assert_eq!(of("8"), -1.0);
        assert!(value("7", &["."]).unwrap().is_nan());
        let error = value("signalValue", &[]).unwrap_err();
        assert!(error.to_string().contains("x.bed: line 3: expected a column 7 (signalValue)"), "{error}");
        assert!(value("7", &["high"]).unwrap_err().to_string().contains("expected a number in column 7"));
        for wrong in ["", "name", "0", "4", "6"] {
            assert!(BedColumn::parse(wrong).unwrap_err().contains("found"), "{wrong}");
        }
    }

    #[test]
    fn weights_are_known_and_not_negative() {
        let columns = BedColumns { covariates: Vec::new(), weight: Some(BedColumn::parse("7").unwrap()) };
        let of = |field| columns.of(Path::new("x.bed"), &record(&[field]));
        assert_eq!(of("2.5").unwrap(), (vec![], 2.5));
        for wrong in ["-1", "."] {
            assert!(of(wrong).unwrap_err().to_string().contains("expected a finite weight of 0 or more"), "{wrong}");
        }
    }
}
