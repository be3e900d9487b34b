//! Both strands as one batch, as the network runs them.

use super::graph::{Attribute, Graph, Value};
use super::layers::sequence;
use crate::architecture::Combine;
use crate::network::{BASES, Step};

/// Sequences and, after them, their reverse complements go through the layers within; what comes out of the latter is
/// turned back along its positions, and both become one.
pub(super) fn both(graph: &mut Graph, step: &Step, x: &Value, combine: Combine) -> Value {
    let part = |name: &str| format!("{}.{name}", step.name);
    let x = graph.wide(x);
    // The channel of case stays where it is.
    let complements = (0..step.input.channels).map(|c| if c < BASES { BASES - 1 - c } else { c } as i64);
    let order = graph.integers(part("complements"), &complements.collect::<Vec<_>>());
    let complement = graph.node("Gather", &part("complement"), &[&x, &order], &[("axis", Attribute::Int(1))]);
    let reverse = graph.reversed(&part("reverse_complement"), &complement);
    let batch = graph.node("Concat", &part("both"), &[&x, &reverse], &[("axis", Attribute::Int(0))]);
    let end = sequence(graph, &step.inner[0], Value::wide(batch));
    let (forward, mut back) = (part("forward"), part("reverse"));
    let halves = [forward.as_str(), back.as_str()];
    graph.node_with_outputs("Split", &part("split"), &[&end.name], &halves, &[("axis", Attribute::Int(0))]);
    if !end.flat {
        back = graph.reversed(&part("turned_back"), &back);
    }
    let operator = match combine {
        Combine::Mean => "Mean",
        Combine::Max => "Max",
        Combine::Sum => "Sum",
    };
    Value { name: graph.node(operator, &step.name, &[&forward, &back], &[]), flat: end.flat }
}
