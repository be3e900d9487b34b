//! Control signal: an input of its own.

use super::graph::{Attribute, CONTROL, Graph, Value};
use crate::architecture::ControlForm;
use crate::network::Step;

/// What the form makes of the control.
pub(super) fn signal(graph: &mut Graph, step: &Step, form: ControlForm) -> Value {
    let part = |name: &str| format!("{}.{name}", step.name);
    let known = known(graph);
    let signal = match form {
        ControlForm::Bins => return Value::wide(graph.node("Identity", &step.name, &[&known], &[])),
        ControlForm::LogBins => known,
        ControlForm::LogTotals => {
            let axes = graph.integers(part("axes"), &[2]);
            graph.node("ReduceSum", &part("total"), &[&known, &axes], &[("keepdims", Attribute::Int(1))])
        }
    };
    graph.floats(&part("one"), &[], &[1.0]);
    let above = graph.node("Add", &part("above_one"), &[&signal, &part("one")], &[]);
    Value::wide(graph.node("Log", &step.name, &[&above], &[]))
}

/// `[batch, tracks, bins]` with 0 where a value is unknown. Every layer that takes it reads the same.
fn known(graph: &mut Graph) -> String {
    let part = |name: &str| format!("{CONTROL}.{name}");
    let name = part("known");
    if graph.is_new(&name) {
        graph.floats(&part("unknown"), &[], &[0.0]);
        let missing = graph.node("IsNaN", &part("missing"), &[CONTROL], &[]);
        graph.node("Where", &name, &[&missing, &part("unknown"), CONTROL], &[]);
    }
    name
}
