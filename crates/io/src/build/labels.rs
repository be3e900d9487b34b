//! Label columns: what kind of task the fields of a column make.

use crate::error::{Error, Result, excerpt};
use basewise_core::{Task, TaskKind};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What the fields of a label column are read as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelKind {
    /// Only 0 and 1 (or only true and false) are binary, other numbers a regression, names are classes.
    #[default]
    Auto,
    /// 0 and 1, or true and false.
    Binary,
    /// Names, numbers among them.
    Classes,
    /// Finite numbers.
    Regression,
    /// Finite numbers of 0 or more.
    Counts,
}

/// A field of a label column, with where it stands.
pub(super) struct Cell<'a> {
    pub(super) path: &'a Path,
    pub(super) line: usize,
    pub(super) text: &'a str,
}

/// Fields that say that a label is unknown.
const UNKNOWN: [&str; 5] = ["", "na", "n/a", "nan", "."];

fn known<'a>(cell: &Cell<'a>) -> Option<&'a str> {
    let text = cell.text.trim();
    (!UNKNOWN.contains(&text.to_ascii_lowercase().as_str())).then_some(text)
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

fn count(text: &str) -> Option<f64> {
    number(text).filter(|&value| value >= 0.0)
}

fn yes_or_no(text: &str) -> Option<f64> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(1.0),
        "false" => Some(0.0),
        _ => number(text).filter(|value| *value == 0.0 || *value == 1.0),
    }
}

/// The task that a column makes and one label a field; NaN is unknown.
pub(super) fn read(column: &str, kind: LabelKind, cells: &[Cell<'_>]) -> Result<(Task, Vec<f64>)> {
    let task = |kind| Task { name: column.to_owned(), kind };
    match if kind == LabelKind::Auto { guess(column, cells)? } else { kind } {
        LabelKind::Auto | LabelKind::Regression => {
            Ok((task(TaskKind::Regression), values(column, cells, "a number", number)?))
        }
        LabelKind::Counts => Ok((task(TaskKind::Counts), values(column, cells, "a count of 0 or more", count)?)),
        LabelKind::Binary => Ok((task(TaskKind::Binary), values(column, cells, "0 or 1", yes_or_no)?)),
        LabelKind::Classes => {
            let (classes, labels) = classes(cells);
            if classes.len() < 2 {
                let path = cells.first().map_or(Path::new(""), |cell| cell.path);
                return Err(Error::of(path, format!("expected at least two classes, found {classes:?}"))
                    .at(format!("column {column:?}")));
            }
            Ok((task(TaskKind::Classes { classes }), labels))
        }
    }
}

/// The kind of a column whose kind was not given.
fn guess(column: &str, cells: &[Cell<'_>]) -> Result<LabelKind> {
    let texts = || cells.iter().filter_map(known);
    if texts().all(|text| yes_or_no(text).is_some()) {
        return Ok(LabelKind::Binary);
    }
    let numbers = texts().filter(|text| number(text).is_some()).count();
    if numbers == texts().count() {
        return Ok(LabelKind::Regression);
    }
    if numbers > 0 {
        // A stray word among numbers is more likely a slip than a class.
        let hint = "correct it, leave it empty if it is unknown, or read the column as classes (--label-kind classes)";
        return match cells.iter().find(|cell| known(cell).is_some_and(|text| number(text).is_none())) {
            Some(cell) => Err(wrong(column, cell, "a number").with_hint(hint)),
            None => Ok(LabelKind::Regression),
        };
    }
    let distinct = texts().collect::<BTreeSet<_>>().len();
    if distinct > 20 && distinct == texts().count() {
        let path = cells.first().map_or(Path::new(""), |cell| cell.path);
        return Err(Error::of(path, "expected labels, found another name in every row")
            .at(format!("column {column:?}"))
            .with_hint("is this the column of ids? name the label column, or force --label-kind classes"));
    }
    Ok(LabelKind::Classes)
}

fn wrong(column: &str, cell: &Cell<'_>, expected: &str) -> Error {
    let message = format!("expected {expected} in column {column:?}, found {}", excerpt(cell.text.as_bytes()));
    Error::at_line(cell.path, cell.line, message)
}

fn values(column: &str, cells: &[Cell<'_>], expected: &str, parse: fn(&str) -> Option<f64>) -> Result<Vec<f64>> {
    let value = |cell: &Cell<'_>| match known(cell) {
        None => Ok(f64::NAN),
        Some(text) => parse(text).ok_or_else(|| {
            wrong(column, cell, expected)
                .with_hint("leave the field empty if the label is unknown, or choose another --label-kind")
        }),
    };
    cells.iter().map(value).collect()
}

/// The values of a covariate, which are numbers; NaN is unknown.
pub(super) fn numbers(column: &str, cells: &[Cell<'_>]) -> Result<Vec<f64>> {
    let value = |cell: &Cell<'_>| match known(cell) {
        None => Ok(f64::NAN),
        Some(text) => number(text).ok_or_else(|| {
            wrong(column, cell, "a finite number").with_hint("leave the field empty if the value is unknown")
        }),
    };
    cells.iter().map(value).collect()
}

/// Weights of examples, which are numbers of 0 or more, and all known.
pub(super) fn weights(column: &str, cells: &[Cell<'_>]) -> Result<Vec<f64>> {
    let value = |cell: &Cell<'_>| {
        known(cell).and_then(count).ok_or_else(|| {
            wrong(column, cell, "a weight of 0 or more")
                .with_hint("0 leaves a row out of training, 1 is the usual weight")
        })
    };
    cells.iter().map(value).collect()
}

fn classes(cells: &[Cell<'_>]) -> (Vec<String>, Vec<f64>) {
    let mut names: Vec<&str> = cells.iter().filter_map(known).collect::<BTreeSet<_>>().into_iter().collect();
    // 2 before 10, where all are numbers.
    if names.iter().all(|name| number(name).is_some()) {
        names.sort_by(|a, b| number(a).partial_cmp(&number(b)).unwrap_or(std::cmp::Ordering::Equal));
    }
    let index: BTreeMap<&str, f64> = names.iter().enumerate().map(|(i, &name)| (name, i as f64)).collect();
    let labels = cells.iter().map(|cell| known(cell).and_then(|text| index.get(text)).map_or(f64::NAN, |&i| i));
    (names.iter().map(|&name| name.to_owned()).collect(), labels.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column<'a>(texts: &[&'a str]) -> Vec<Cell<'a>> {
        texts.iter().enumerate().map(|(i, text)| Cell { path: Path::new("t.tsv"), line: i + 2, text }).collect()
    }

    fn kind_of(texts: &[&str], kind: LabelKind) -> Result<(TaskKind, Vec<f64>)> {
        read("y", kind, &column(texts)).map(|(task, labels)| (task.kind, labels))
    }

    #[test]
    fn kinds_are_told_from_the_fields() {
        assert_eq!(kind_of(&["0", "1", "1.0", "true"], LabelKind::Auto).unwrap().0, TaskKind::Binary);
        assert_eq!(kind_of(&["0", "2"], LabelKind::Auto).unwrap(), (TaskKind::Regression, vec![0.0, 2.0]));
        let names = TaskKind::Classes { classes: vec!["ei".into(), "ie".into()] };
        assert_eq!(kind_of(&["ie", "ei", "ie"], LabelKind::Auto).unwrap(), (names, vec![1.0, 0.0, 1.0]));
        assert_eq!(kind_of(&["0", "3", ""], LabelKind::Counts).unwrap().0, TaskKind::Counts);
        let numbers = TaskKind::Classes { classes: vec!["2".into(), "10".into()] };
        assert_eq!(kind_of(&["10", "2"], LabelKind::Classes).unwrap(), (numbers, vec![1.0, 0.0]));
    }

    #[test]
    fn empty_fields_are_unknown() {
        let (_, labels) = kind_of(&["1", "", " NA ", "0"], LabelKind::Auto).unwrap();
        assert_eq!(labels[0], 1.0);
        assert!(labels[1].is_nan() && labels[2].is_nan());
    }

    #[test]
    fn a_word_among_numbers_is_named_with_its_line() {
        for kind in [LabelKind::Auto, LabelKind::Regression] {
            let error = kind_of(&["0.5", "high", "2"], kind).unwrap_err();
            assert_eq!(error.to_string(), "t.tsv: line 3: expected a number in column \"y\", found \"high\"");
            assert!(error.hint().unwrap().contains("--label-kind"));
        }
        let error = kind_of(&["0", "2"], LabelKind::Binary).unwrap_err();
        assert_eq!(error.to_string(), "t.tsv: line 3: expected 0 or 1 in column \"y\", found \"2\"");
        assert!(kind_of(&["0.5", "inf"], LabelKind::Regression).is_err());
        let error = kind_of(&["0", "-2"], LabelKind::Counts).unwrap_err();
        assert_eq!(error.to_string(), "t.tsv: line 3: expected a count of 0 or more in column \"y\", found \"-2\"");
    }

    #[test]
    fn ids_are_not_taken_for_classes() {
        let names: Vec<String> = (0..40).map(|i| format!("gene{i}")).collect();
        let texts: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(kind_of(&texts, LabelKind::Auto).unwrap_err().hint().unwrap().contains("ids"));
        assert!(kind_of(&["a", "a"], LabelKind::Classes).is_err());
    }
}
