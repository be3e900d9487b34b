//! What the models cost.

use super::converted;
use crate::comparison::{Comparison, Kind, ModelRecord, TaskComparison};
use crate::report::charts::{CostPoint, costs};
use crate::report::markup::{Markup, tag};
use crate::report::number::{self, counted, grouped, metric_name};
use crate::report::page::{Context, scroll};

/// Time against score, and a table.
pub(super) fn spent(comparison: &Comparison, context: &mut Context) -> Markup {
    let mut body = Markup::new();
    for task in &comparison.tasks {
        let points: Vec<CostPoint<'_>> = comparison.models.iter().filter_map(|model| point(task, model)).collect();
        if let Some(drawing) = costs(metric_name(&task.metrics[0]), &points) {
            let which = if comparison.tasks.len() > 1 { format!(" for {}", task.task) } else { String::new() };
            let caption = format!(
                "What a model reaches{which}, over how long its training took; networks in colour. Times are of {} at once with \
                 {} each.",
                counted(comparison.jobs, "training", "trainings"),
                counted(comparison.threads, "thread", "threads")
            );
            body.push(context.figure("wide", scroll(drawing), Markup::text(caption)));
        }
    }
    let names = ["Parameters", "Training", "Sequences per second", "Peak memory"];
    let heads = names.iter().map(|name| tag("th").class("num").attr("scope", "col").text(name));
    let head = tag("tr").add(tag("th").attr("scope", "col").text("Model")).add_all(heads);
    let rows = comparison.models.iter().filter(|model| !model.runs.is_empty()).map(|model| {
        let unknown = || number::UNDEFINED.to_owned();
        let cells = [
            model.parameters.map_or_else(unknown, grouped),
            model.cost.training_seconds.map_or_else(unknown, number::duration),
            model.cost.sequences_per_second.map_or_else(unknown, |speed| grouped(speed.round() as usize)),
            model
                .cost
                .peak_memory_bytes
                .map_or_else(unknown, |bytes| format!("{} MiB", grouped((bytes >> 20) as usize))),
        ];
        let name = tag("th").attr("scope", "row").text(&model.name);
        tag("tr").add(name).add_all(cells.map(|cell| tag("td").class("num").text(cell)))
    });
    let table = tag("table").add(tag("thead").add(head)).add(tag("tbody").add_all(rows));
    let caption =
        "Time and memory are those of one training process; predictions are of the test split, with all threads.";
    body.push(context.table(Markup::text(caption), table));
    body
}

/// A model that was trained and judged.
fn point<'a>(task: &TaskComparison, model: &'a ModelRecord) -> Option<CostPoint<'a>> {
    let (ranked, seconds) = (task.find(&model.name)?, model.cost.training_seconds?);
    let class = if model.kind == Kind::Network { "s1" } else { "b1" };
    Some(CostPoint { name: &model.name, class, seconds, figure: converted(&task.figure(ranked)) })
}
