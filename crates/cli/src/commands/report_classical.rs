//! What the report says of a classical model.

use crate::commands::motifs::logo;
use crate::report::classical::{Classical, Fit, Weighted};
use crate::run_dir::{RunDir, RunInfo, read_json};
use anyhow::Result;
use basewise_core::{Predict, Task};
use basewise_learn::classical::{ClassicalModel, Fitted, TaskFit};
use basewise_learn::tree::DrawOptions;

/// Tasks whose paths a reader will look at.
const TASKS: usize = 6;
/// Features that a reader will look at.
const FEATURES: usize = 20;
/// Questions of a drawn tree on the way down.
const DEPTH: usize = 3;

/// The model of a run, or of the first member of an ensemble.
pub(super) fn gather(run: &RunDir, info: &RunInfo, model: &ClassicalModel) -> Result<Classical> {
    let first = &run.members()?[0];
    let fits: Vec<TaskFit> = read_json(&first.file("fits.json"))?;
    let (weight, top) = top(model);
    Ok(Classical {
        kind: model.kind().to_string(),
        spec: model.extractor().spec().to_string(),
        features: model.extractor().names().len(),
        parameters: model.parameters(),
        seconds: info.seconds,
        fits: fits.iter().take(TASKS).map(|fit| path(fit, model.kind().is_linear())).collect(),
        weight,
        top,
        tree: tree(model),
        positions: positions(model),
    })
}

/// Steps from strong penalties to weak ones, or round by round.
fn path(fit: &TaskFit, linear: bool) -> Fit {
    let place = |at: f64| if linear { -at.log10() } else { at };
    let train = fit.steps.iter().map(|step| (place(step.at), step.train_loss)).collect();
    let valid = fit.steps.iter().filter_map(|step| Some((place(step.at), step.valid_loss?))).collect();
    Fit {
        task: fit.task.clone(),
        summary: fit.summary.clone(),
        x_label: if linear { "Weakness of the penalty, −log10 lambda" } else { "Round" }.to_owned(),
        train,
        valid,
        best: fit.best.and_then(|best| Some(place(fit.steps.get(best)?.at))),
    }
}

/// What the weights are, and the largest.
fn top(model: &ClassicalModel) -> (String, Vec<Weighted>) {
    let several = model.tasks().iter().map(Task::outputs).sum::<usize>() > 1;
    let mut lines: Vec<Weighted> = Vec::new();
    for (number, (task, fitted)) in model.tasks().iter().zip(model.fitted()).enumerate() {
        let own = model.fitted_classes(number);
        let names = if own.is_empty() {
            task.output_names()
        } else {
            own.iter().map(|class| format!("{}:{class}", task.name)).collect()
        };
        match fitted {
            Fitted::Linear(linear) => lines.extend(linear.table().into_iter().map(|line| Weighted {
                output: if several { names[line.output].clone() } else { String::new() },
                feature: line.feature,
                weight: line.standardized,
                coefficient: Some(line.value),
            })),
            Fitted::Trees(trees) => {
                let gains = trees.gain_importance().into_iter().zip(trees.features());
                lines.extend(gains.filter(|(gain, _)| *gain > 0.0).map(|(weight, feature)| Weighted {
                    output: if model.tasks().len() > 1 { task.name.clone() } else { String::new() },
                    feature: feature.clone(),
                    weight,
                    coefficient: None,
                }));
            }
        }
    }
    lines.sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()));
    lines.truncate(FEATURES);
    let weight = if model.kind().is_linear() { "Standardized" } else { "Share of gain" };
    (weight.to_owned(), lines)
}

/// What each base at each position adds to the only score, if features are positional.
fn positions(model: &ClassicalModel) -> Option<String> {
    let [Fitted::Linear(linear)] = model.fitted() else { return None };
    if linear.intercepts().len() > 1 {
        return None;
    }
    let effects = linear.position_effects(0)?;
    Some(logo::track(&effects.effects, model.encoding().alphabet, ""))
}

/// The drawing of the only tree.
fn tree(model: &ClassicalModel) -> Option<String> {
    if model.tasks().len() != 1 {
        return None;
    }
    let [Fitted::Trees(trees)] = model.fitted() else { return None };
    if trees.trees().len() != 1 {
        return None;
    }
    let classes = model.fitted_classes(0);
    Some(trees.draw_svg(0, &DrawOptions { max_depth: Some(DEPTH), missing: false, classes }))
}
