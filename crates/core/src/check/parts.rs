//! Whether every part has rows, classes and labels.

use super::{CheckOptions, Finding, FindingKind, Severity};
use crate::metrics::is_known;
use crate::{Dataset, Split, Task, TaskKind};

pub(super) fn findings(dataset: &Dataset, options: &CheckOptions) -> Vec<Finding> {
    let mut findings = vec![empty_splits(dataset)];
    for (index, task) in dataset.tasks.iter().enumerate() {
        findings.extend(one_class_splits(dataset, index, task));
        findings.push(unknown_labels(dataset, index, task, options));
    }
    findings
}

fn empty_splits(dataset: &Dataset) -> Finding {
    let empty: Vec<Split> = Split::ALL.into_iter().filter(|&s| dataset.rows_of(s).is_empty()).collect();
    let names: Vec<&str> = empty.iter().map(|split| split.name()).collect();
    let message = match names.as_slice() {
        [] => "train, valid and test all have rows".to_owned(),
        names => format!("no row is in {}", names.join(", nor in ")),
    };
    let mut finding = Finding::counted(FindingKind::EmptySplit, Severity::Note, empty.len(), Split::ALL.len(), message);
    finding.splits = empty;
    finding
}

/// One finding for each part with rows of one class only; one that says all is well if there is none.
fn one_class_splits(dataset: &Dataset, index: usize, task: &Task) -> Vec<Finding> {
    if task.kind.is_number() {
        return Vec::new();
    }
    let label = |row: usize| Some(dataset.label(row, index)).filter(|&y| is_known(&task.kind, y));
    let mut findings = Vec::new();
    for split in Split::ALL {
        let labels: Vec<f64> = dataset.rows_of(split).into_iter().filter_map(label).collect();
        let Some(&first) = labels.first() else { continue };
        if labels.iter().all(|&y| y == first) {
            let message = format!(
                "all {} labelled {split} rows of task {:?} are of class {}, so no ranking figure exists for it",
                labels.len(),
                task.name,
                class_name(task, first)
            );
            let kind = FindingKind::OneClassSplit;
            let mut finding = Finding::new(kind, Severity::Note, labels.len(), labels.len(), message);
            finding.splits = vec![split];
            findings.push(finding);
        }
    }
    if findings.is_empty() {
        let message = format!("task {:?} has several classes wherever it has labels", task.name);
        findings.push(Finding::new(FindingKind::OneClassSplit, Severity::Ok, 0, Split::ALL.len(), message));
    }
    findings.iter_mut().for_each(|finding| finding.task = Some(task.name.clone()));
    findings
}

pub(super) fn class_name(task: &Task, label: f64) -> String {
    match &task.kind {
        TaskKind::Classes { classes } => classes.get(label as usize).cloned().unwrap_or_else(|| label.to_string()),
        _ => label.to_string(),
    }
}

fn unknown_labels(dataset: &Dataset, index: usize, task: &Task, options: &CheckOptions) -> Finding {
    let rows = dataset.examples.iter().enumerate();
    let unknown = rows.filter(|(row, _)| !is_known(&task.kind, dataset.label(*row, index)));
    let unknown: Vec<&str> = unknown.map(|(_, example)| example.id.as_str()).collect();
    let total = dataset.examples.len();
    let message = match unknown.len() {
        0 => format!("all rows have a label for task {:?}", task.name),
        n => format!("{n} of {total} rows have no label for task {:?} and are left out of it", task.name),
    };
    let mut finding = Finding::counted(FindingKind::UnknownLabels, Severity::Note, unknown.len(), total, message);
    finding.examples = unknown.iter().take(options.examples).map(|id| (*id).to_owned()).collect();
    finding.task = Some(task.name.clone());
    finding
}
