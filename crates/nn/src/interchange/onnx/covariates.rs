//! Numbers beside the sequence: an input of its own, as values come in a table, which the graph itself standardizes.

use super::graph::{Attribute, COVARIATES, Graph, Value};
use crate::network::Step;
use basewise_core::{Covariate, Transform};

/// A vector with the standardized covariates after it.
pub(super) fn join(graph: &mut Graph, step: &Step, x: &Value) -> Value {
    let x = graph.flat(x);
    let covariates = standardized(graph);
    let name = graph.node("Concat", &step.name, &[&x, &covariates], &[("axis", Attribute::Int(1))]);
    Value { name, flat: true }
}

/// `[batch, number]`: transformed, mean 0, deviation 1, and 0 where a value is unknown. Every layer that joins them reads
/// the same.
fn standardized(graph: &mut Graph) -> String {
    let part = |name: &str| format!("{COVARIATES}.{name}");
    let name = part("standardized");
    if !graph.is_new(&name) {
        return name;
    }
    let covariates = graph.covariates();
    let list = |of: &dyn Fn(&Covariate) -> f32| covariates.iter().map(of).collect::<Vec<f32>>();
    let shape = [covariates.len()];
    // What a float32 does not hold of a mean is taken off after it: large values of small spread keep their digits.
    graph.floats(&part("mean"), &shape, &list(&|c| c.mean as f32));
    graph.floats(&part("rest"), &shape, &list(&|c| (c.mean - f64::from(c.mean as f32)) as f32));
    graph.floats(&part("deviation"), &shape, &list(&|c| c.deviation as f32));
    graph.floats(&part("unknown"), &[], &[0.0]);
    let transformed = transformed(graph);
    let near = graph.node("Sub", &part("near"), &[&transformed, &part("mean")], &[]);
    let centred = graph.node("Sub", &part("centred"), &[&near, &part("rest")], &[]);
    let scaled = graph.node("Div", &part("scaled"), &[&centred, &part("deviation")], &[]);
    let missing = graph.node("IsNaN", &part("missing"), &[COVARIATES], &[]);
    graph.node("Where", &name, &[&missing, &part("unknown"), &scaled], &[])
}

/// The values, or `sign(x) ln(1 + |x|)` of those whose logarithm is taken.
fn transformed(graph: &mut Graph) -> String {
    let part = |name: &str| format!("{COVARIATES}.{name}");
    let logs: Vec<bool> = graph.covariates().iter().map(|covariate| covariate.transform == Transform::Log).collect();
    if !logs.contains(&true) {
        return COVARIATES.to_owned();
    }
    graph.floats(&part("one"), &[], &[1.0]);
    let logs = graph.truths(part("logs"), &logs);
    let size = graph.node("Abs", &part("size"), &[COVARIATES], &[]);
    let above = graph.node("Add", &part("above_one"), &[&size, &part("one")], &[]);
    let log = graph.node("Log", &part("log"), &[&above], &[]);
    let sign = graph.node("Sign", &part("sign"), &[COVARIATES], &[]);
    let signed = graph.node("Mul", &part("signed"), &[&sign, &log], &[]);
    graph.node("Where", &part("transformed"), &[&logs, &signed, COVARIATES], &[])
}
