//! Properties of a sequence that tell its label without its meaning: spelling, case, composition, length.

use super::parts::class_name;
use super::{CheckOptions, Finding, FindingKind, Severity};
use crate::metrics::{auroc, is_known, spearman};
use crate::{CasePolicy, Dataset, Task, TaskKind};

/// Standard errors from no association below which a value may be chance.
const SIGMAS: f64 = 3.0;

/// How a property and a label go together.
struct Association {
    /// AUROC, or Spearman's correlation.
    value: f64,
    /// 0 for nothing, 1 for complete: twice the distance of the AUROC from 0.5, or the absolute correlation.
    strength: f64,
    /// The figure in words.
    text: String,
}

pub(super) fn findings(dataset: &Dataset, options: &CheckOptions) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(spelling(dataset, options));
    findings.extend(case(dataset, options));
    findings.extend(composition(dataset, options));
    findings.extend(length(dataset, options));
    findings.extend(unknown_bases(dataset, options));
    findings.extend(covariates(dataset, options));
    findings.extend(control(dataset, options));
    findings
}

/// One finding a task; without tasks one in all.
fn per_task(
    dataset: &Dataset,
    kind: FindingKind,
    (count, total): (usize, usize),
    feature: &[f64],
    judge: impl Fn(Option<&Association>) -> (Severity, String),
) -> Vec<Finding> {
    let mut findings: Vec<Finding> = dataset
        .tasks
        .iter()
        .enumerate()
        .map(|(index, task)| {
            let association = associate(dataset, index, task, feature);
            let (severity, message) = judge(association.as_ref());
            let mut finding = Finding::new(kind, severity, count, total, message);
            finding.task = Some(task.name.clone());
            finding.value = association.map(|a| a.value);
            finding
        })
        .collect();
    if findings.is_empty() {
        let (severity, message) = judge(None);
        findings.push(Finding::new(kind, severity, count, total, message));
    }
    findings
}

/// The strongest association of a feature with the label of one task (for several classes, of one against the rest);
/// none if it is undefined or within [`SIGMAS`] of chance, where its strength is 0.
fn associate(dataset: &Dataset, index: usize, task: &Task, feature: &[f64]) -> Option<Association> {
    let rows = feature.iter().enumerate().map(|(row, &x)| (dataset.label(row, index), x));
    let (labels, x): (Vec<f64>, Vec<f64>) = rows.filter(|&(y, x)| is_known(&task.kind, y) && !x.is_nan()).unzip();
    let against = |class: f64| {
        let positive: Vec<f64> = labels.iter().map(|&y| f64::from(u8::from(y == class))).collect();
        let value = auroc(&positive, &x)?;
        let ones: f64 = positive.iter().sum();
        let zeros = positive.len() as f64 - ones;
        let error = ((ones + zeros + 1.0) / (12.0 * ones * zeros)).sqrt();
        let strength = if (value - 0.5).abs() > SIGMAS * error { 2.0 * (value - 0.5).abs() } else { 0.0 };
        Some(Association { value, strength, text: format!("AUROC {value:.3} for {:?}", task.name) })
    };
    match &task.kind {
        TaskKind::Binary => against(1.0),
        TaskKind::Classes { classes } => {
            let each = (0..classes.len()).filter_map(|class| {
                let mut found = against(class as f64)?;
                found.text.push_str(&format!(", class {}, against the rest", class_name(task, class as f64)));
                Some(found)
            });
            each.max_by(|a, b| a.strength.total_cmp(&b.strength))
        }
        TaskKind::Regression | TaskKind::Counts | TaskKind::Profile(_) => {
            let value = spearman(&labels, &x)?;
            let error = 1.0 / (labels.len() as f64 - 1.0).max(1.0).sqrt();
            let strength = if value.abs() > SIGMAS * error { value.abs() } else { 0.0 };
            Some(Association { value, strength, text: format!("Spearman {value:.3} with {:?}", task.name) })
        }
    }
}

/// The strength that the option's AUROC stands for.
fn threshold(options: &CheckOptions) -> f64 {
    2.0 * (options.auroc - 0.5).abs()
}

fn is_strong(association: Option<&Association>, options: &CheckOptions) -> bool {
    association.is_some_and(|a| a.strength >= threshold(options))
}

fn text(association: Option<&Association>) -> String {
    association.map_or_else(|| "no label to compare with".to_owned(), |a| a.text.clone())
}

/// The share of letters that satisfy `is`; 0 for an empty sequence.
fn share(letters: &[u8], is: impl Fn(u8) -> bool) -> f64 {
    letters.iter().filter(|&&letter| is(letter)).count() as f64 / letters.len().max(1) as f64
}

fn spelling(dataset: &Dataset, options: &CheckOptions) -> Vec<Finding> {
    let has = |letters: &[u8], letter: u8| letters.iter().any(|l| l.to_ascii_uppercase() == letter);
    let with_u: Vec<bool> = dataset.examples.iter().map(|e| has(&e.sequence, b'U')).collect();
    let with_t: Vec<bool> = dataset.examples.iter().map(|e| has(&e.sequence, b'T')).collect();
    let count = |yes: &[bool]| yes.iter().filter(|&&y| y).count();
    let both = with_u.iter().zip(&with_t).filter(|(u, t)| **u && **t).count();
    let (u, t, total) = (count(&with_u), count(&with_t), dataset.examples.len());
    let feature: Vec<f64> = with_u.iter().map(|&u| f64::from(u8::from(u))).collect();
    let mixed = u > 0 && t > 0;
    let counted = (if mixed { u } else { 0 }, total);
    let mut findings = per_task(dataset, FindingKind::MixedTAndU, counted, &feature, |association| match (mixed, u) {
        (false, 0) => (Severity::Ok, "no sequence is written with U".to_owned()),
        (false, _) => (Severity::Ok, "no sequence is written with T".to_owned()),
        (true, _) => {
            let strong = is_strong(association, options);
            let tail = if strong { "; the spelling tells the label" } else { "" };
            let message = format!(
                "{u} of {total} sequences are written with U, {t} with T, {both} with both ({}){tail}; basewise reads \
                 U as T, but a program that does not would see a fifth letter",
                text(association)
            );
            (if strong { Severity::Inflates } else { Severity::Note }, message)
        }
    });
    if !mixed {
        findings.truncate(1);
        findings.iter_mut().for_each(|finding| (finding.task, finding.value) = (None, None));
    }
    findings
}

/// A covariate is shown to the model on purpose; one that gives nearly everything away may know the answer.
fn covariates(dataset: &Dataset, options: &CheckOptions) -> Vec<Finding> {
    let judge = |i: usize| {
        let name = &dataset.covariates[i].name;
        let value = |row: &crate::Example| row.covariates.get(i).copied().unwrap_or(f64::NAN);
        let feature: Vec<f64> = dataset.examples.iter().map(value).collect();
        let known = feature.iter().filter(|x| !x.is_nan()).count();
        let counted = (known, feature.len());
        per_task(dataset, FindingKind::CovariatePredictsLabel, counted, &feature, |association| {
            let (figure, start) =
                (text(association), format!("{name:?} is known for {known} of {} rows", feature.len()));
            match association {
                Some(a) if a.strength >= 0.9 => {
                    let hint = "make sure that it is known before the label is, or leave it out";
                    (Severity::Inflates, format!("{start}, and alone it gives the label away ({figure}); {hint}"))
                }
                _ if is_strong(association, options) => {
                    let hint = "compare with a model of the sequence alone";
                    (Severity::Note, format!("{start}, and alone it tells much of the label ({figure}); {hint}"))
                }
                _ => (Severity::Ok, format!("{start}; alone it does not tell the label ({figure})")),
            }
        })
    };
    (0..dataset.covariates.len()).flat_map(judge).collect()
}

/// A control may well rise with the signal; one that ranks the rows as the signal does is the signal itself.
fn control(dataset: &Dataset, options: &CheckOptions) -> Vec<Finding> {
    let Some(control) = &dataset.control else { return Vec::new() };
    let judge = |(track, name): (usize, &String)| {
        let total = |row: &crate::Example| control.total(&row.control, dataset.jitter, track).ln_1p();
        let feature: Vec<f64> = dataset.examples.iter().map(total).collect();
        let some = feature.iter().filter(|total| **total > 0.0).count();
        let counted = (some, feature.len());
        per_task(dataset, FindingKind::ControlPredictsLabel, counted, &feature, |association| {
            let (figure, start) =
                (text(association), format!("the control {name:?} has signal in {some} of {} rows", feature.len()));
            match association {
                Some(a) if a.strength >= 0.98 => {
                    let hint = "make sure that it is the control, and not what is to be predicted";
                    (Severity::Inflates, format!("{start}, and its total gives the label away ({figure}); {hint}"))
                }
                _ if is_strong(association, options) => {
                    let hint = "compare with a model of the sequence alone";
                    (Severity::Note, format!("{start}, and its total tells much of the label ({figure}); {hint}"))
                }
                _ => (Severity::Ok, format!("{start}; its total does not tell the label ({figure})")),
            }
        })
    };
    control.tracks.iter().enumerate().flat_map(judge).collect()
}

/// Case can only inflate a result of a model that sees it, and there it may be the information that was asked for: the
/// line is drawn where it gives nearly everything away.
fn case(dataset: &Dataset, options: &CheckOptions) -> Vec<Finding> {
    let feature: Vec<f64> = dataset.examples.iter().map(|e| share(&e.sequence, |l| l.is_ascii_lowercase())).collect();
    let total = dataset.examples.len();
    let lower = feature.iter().filter(|&&x| x > 0.0).count();
    let seen = dataset.encoding.case != CasePolicy::Ignore;
    per_task(dataset, FindingKind::CasePredictsLabel, (lower, total), &feature, |association| {
        let figure = text(association);
        if lower == 0 {
            return (Severity::Ok, "no sequence has lower-case letters".to_owned());
        }
        let start = format!("{lower} of {total} sequences have lower-case letters");
        if !is_strong(association, options) {
            return (Severity::Ok, format!("{start}; their share does not tell the label ({figure})"));
        }
        let start = format!("{start}, and their share tells the label ({figure})");
        let nearly_all = association.is_some_and(|a| a.strength >= 0.8);
        match (seen, nearly_all) {
            (false, _) => (Severity::Note, format!("{start}; this data set ignores case, so a model does not see it")),
            (true, false) => (
                Severity::Note,
                format!("{start}; the model sees case: make sure that it is marked in the same way for every label"),
            ),
            (true, true) => (
                Severity::Inflates,
                format!("{start}; the model sees case and needs nothing else: mark every label's sequences alike"),
            ),
        }
    })
}

fn composition(dataset: &Dataset, options: &CheckOptions) -> Vec<Finding> {
    let is = |l: u8, set: &[u8]| set.contains(&l.to_ascii_uppercase());
    let gc = |letters: &[u8]| {
        let strong = share(letters, |l| is(l, b"GC"));
        let known = share(letters, |l| is(l, b"ACGTU"));
        if known > 0.0 { strong / known } else { 0.5 }
    };
    let feature: Vec<f64> = dataset.examples.iter().map(|e| gc(&e.sequence)).collect();
    let total = dataset.examples.len();
    per_task(dataset, FindingKind::GcPredictsLabel, (0, total), &feature, |association| {
        let figure = text(association);
        if is_strong(association, options) {
            let message = format!(
                "GC content alone tells the label ({figure}); GC-matched negatives show what a model learns beyond it"
            );
            (Severity::Note, message)
        } else {
            (Severity::Ok, format!("GC content does not tell the label ({figure})"))
        }
    })
}

/// A model sees the length of a sequence shorter than its window, by the padding.
fn length(dataset: &Dataset, options: &CheckOptions) -> Vec<Finding> {
    let lengths: Vec<f64> = dataset.examples.iter().map(|e| e.sequence.len() as f64).collect();
    let padded = dataset.examples.iter().filter(|e| e.sequence.len() < dataset.length).count();
    let visible: Vec<f64> = lengths.iter().map(|&l| l.min(dataset.length as f64)).collect();
    let total = dataset.examples.len();
    let shortest = lengths.iter().copied().fold(f64::INFINITY, f64::min);
    let longest = lengths.iter().copied().fold(0.0, f64::max);
    let uniform = shortest >= longest;
    let kind = FindingKind::LengthPredictsLabel;
    let mut findings = per_task(dataset, kind, (padded, total), &visible, |association| {
        if uniform {
            return (Severity::Ok, format!("all sequences are {longest} letters long"));
        }
        let range = format!("sequences are {shortest} to {longest} letters long");
        let figure = text(association);
        if is_strong(association, options) {
            let message = format!(
                "{range}, and the length as the model sees it (at most {}) tells the label ({figure})",
                dataset.length
            );
            (Severity::Inflates, message)
        } else {
            (Severity::Ok, format!("{range}; the length that the model sees does not tell the label ({figure})"))
        }
    });
    for finding in &mut findings {
        let Some(index) = dataset.tasks.iter().position(|task| Some(&task.name) == finding.task.as_ref()) else {
            continue;
        };
        let whole = associate(dataset, index, &dataset.tasks[index], &lengths);
        if finding.severity == Severity::Ok && is_strong(whole.as_ref(), options) {
            finding.severity = Severity::Note;
            finding.value = whole.as_ref().map(|a| a.value);
            finding.message = format!(
                "sequences are {shortest} to {longest} letters long and the length tells the label ({}), but the model's \
                 window of {} hides it",
                text(whole.as_ref()),
                dataset.length
            );
        }
    }
    findings
}

fn unknown_bases(dataset: &Dataset, options: &CheckOptions) -> Vec<Finding> {
    let unknown = |l: u8| !b"ACGTU".contains(&l.to_ascii_uppercase());
    let feature: Vec<f64> = dataset.examples.iter().map(|e| share(&e.sequence, unknown)).collect();
    let total = dataset.examples.len();
    let count = feature.iter().filter(|&&x| x > 0.0).count();
    let letters: f64 = dataset.examples.iter().zip(&feature).map(|(e, x)| x * e.sequence.len() as f64).sum();
    let all: usize = dataset.examples.iter().map(|e| e.sequence.len()).sum();
    let kind = FindingKind::UnknownBases;
    let mut findings = per_task(dataset, kind, (count, total), &feature, |association| {
        if count == 0 {
            return (Severity::Ok, "no sequence has unknown bases".to_owned());
        }
        let percent = 100.0 * letters / all.max(1) as f64;
        let start = format!("{count} of {total} sequences have unknown bases ({percent:.2} % of all letters)");
        if is_strong(association, options) {
            (Severity::Inflates, format!("{start}, and their share tells the label ({})", text(association)))
        } else {
            (Severity::Note, format!("{start}; they do not tell the label ({})", text(association)))
        }
    });
    if count == 0 {
        findings.truncate(1);
        findings.iter_mut().for_each(|finding| (finding.task, finding.value) = (None, None));
    }
    for finding in &mut findings {
        let with = dataset.examples.iter().zip(&feature).filter(|(_, x)| **x > 0.0);
        finding.examples = with.take(options.examples).map(|(e, _)| e.id.clone()).collect();
    }
    findings
}
