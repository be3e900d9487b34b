//! What a training step holds at once, counted on the nodes before any of it is taken.

use super::node::{self, Attention, Cell, First, Node, Op, Recurrent};
use super::{chunks, recompute};
use crate::network::Plan;
use std::collections::{BTreeMap, BTreeSet};

/// The narrowest place of a maximum is a byte, a quarter of a number.
const PLACES: u64 = 4;

/// Numbers of f32 that forward and backward passes of a step on `n` examples hold at their most, about; weights and
/// their gradients are not among them. Saturates.
pub(crate) fn training_numbers(plan: &Plan, n: usize) -> u64 {
    let nodes = node::compile(plan, true, node::Joining::Training);
    let mut partial = BTreeSet::new();
    sums(&nodes, n, &mut partial);
    // Arrays of one size take turns, those of others wait beside them.
    let partial = partial.into_iter().fold(0, u64::saturating_add);
    let passing = nodes.iter().map(|node| passing(node, n)).max().unwrap_or(0);
    // The input is one more array where the first node does not read codes.
    let input = if matches!(nodes.first().map(|node| &node.op), Some(Op::First(_))) { 0 } else { plan.input.size() };
    // The gradients of the scores are smaller than what else comes and goes, and wait beside it.
    let start = input.saturating_add(plan.outputs) as u64;
    let example = start.saturating_add(held(&nodes, plan.recompute)).saturating_add(passing);
    example.saturating_mul(n as u64).saturating_add(partial)
}

/// What all nodes leave for the way back, of one example: with `recompute` the ends of stretches, and one stretch. There
/// too arrays of one size take turns, and those of others wait beside them.
fn held(nodes: &[Node], recompute: bool) -> u64 {
    if !recompute {
        return all_kept(nodes);
    }
    let mut most: BTreeMap<u64, u64> = BTreeMap::new();
    let mut ends = Vec::new();
    for stretch in recompute::stretches(nodes.len()) {
        let mut own = BTreeMap::new();
        nodes[stretch.clone()].iter().for_each(|node| arrays(node, &mut own));
        for (size, count) in own {
            let most = most.entry(size).or_default();
            *most = count.max(*most);
        }
        ends.extend(nodes[stretch].last().map(|node| node.output.size() as u64));
    }
    ends.into_iter().for_each(|size| *most.entry(size).or_default() += 1);
    most.into_iter().map(|(size, count)| size.saturating_mul(count)).fold(0, u64::saturating_add)
}

/// Counts the arrays that a node leaves, by size.
fn arrays(node: &Node, found: &mut BTreeMap<u64, u64>) {
    let output = node.output.size() as u64;
    *found.entry(output).or_default() += 1;
    match &node.op {
        Op::Residual(inner) => inner.iter().for_each(|node| arrays(node, found)),
        Op::Concat(branches) => branches.iter().flatten().for_each(|node| arrays(node, found)),
        _ => *found.entry(kept(node).saturating_sub(output)).or_default() += 1,
    }
}

/// What a node leaves for the way back, of one example.
fn kept(node: &Node) -> u64 {
    let output = node.output.size() as u64;
    let beside = match &node.op {
        Op::First(First { pool: Some(_), .. }) => output / PLACES,
        Op::Conv(conv) if conv.pool.is_some() || conv.residual => output / PLACES,
        Op::MaxPool(windows) if windows.window > usize::from(u8::MAX) => output,
        Op::MaxPool(_) => output / PLACES,
        Op::Recurrent(layer) => recurrent(node, layer),
        Op::AttentionPool { .. } => node.input.size() as u64,
        Op::SelfAttention(layer) => attention(node, layer),
        // Both strands, and what they become.
        Op::Strands(inner, _) => all_kept(inner).saturating_add(node.input.size() as u64).saturating_mul(2),
        Op::Residual(inner) => all_kept(inner),
        Op::Concat(branches) => branches.iter().map(|nodes| all_kept(nodes)).fold(0, u64::saturating_add),
        _ => 0,
    };
    output.saturating_add(beside)
}

fn all_kept(nodes: &[Node]) -> u64 {
    nodes.iter().map(kept).fold(0, u64::saturating_add)
}

/// Queries, keys, values and what the heads gather.
fn attention(node: &Node, layer: &Attention) -> u64 {
    (node.input.length as u64).saturating_mul(4 * (layer.heads * layer.size) as u64)
}

/// Gates at each position, the cell of an LSTM, and all states where only the last ones are the output.
fn recurrent(node: &Node, layer: &Recurrent) -> u64 {
    let states = (node.input.length as u64).saturating_mul((layer.units * layer.directions) as u64);
    let inside = match layer.cell {
        Cell::Lstm => 5,
        Cell::Gru => 4,
    };
    states.saturating_mul(inside + u64::from(layer.last))
}

/// What comes and goes while a node is on its way back, of one example: the gradients of its output and its input, and
/// what it works with.
fn passing(node: &Node, n: usize) -> u64 {
    let (input, output) = (node.input.size() as u64, node.output.size() as u64);
    let beside = match &node.op {
        // Codes have no gradient.
        Op::First(_) => return output,
        // One array of outputs before the pool for each thread.
        Op::Conv(conv) => {
            let sums = (conv.shape.outputs as u64).saturating_mul(conv.shape.filters as u64);
            sums.saturating_mul(rayon::current_num_threads().min(n) as u64) / (n.max(1) as u64)
        }
        // The gradient of the input by direction, and that of all states.
        Op::Recurrent(layer) => {
            let states = (node.input.length as u64).saturating_mul((layer.units * layer.directions) as u64);
            input.saturating_mul(layer.directions as u64).saturating_add(if layer.last { states } else { 0 })
        }
        Op::SelfAttention(layer) => attention(node, layer),
        Op::Strands(inner, _) => most_passing(inner, n.saturating_mul(2)).saturating_mul(2),
        Op::Residual(inner) => most_passing(inner, n),
        Op::Concat(branches) => branches.iter().map(|nodes| most_passing(nodes, n)).max().unwrap_or(0),
        _ => 0,
    };
    input.saturating_add(output).saturating_add(beside)
}

fn most_passing(nodes: &[Node], n: usize) -> u64 {
    nodes.iter().map(|node| passing(node, n)).max().unwrap_or(0)
}

/// Sizes of the partial sums of gradients.
fn sums(nodes: &[Node], n: usize, found: &mut BTreeSet<u64>) {
    for node in nodes {
        match &node.op {
            Op::First(layer) => {
                let s = &layer.shape;
                found.insert(grouped(n, s.filters.saturating_mul(s.width.saturating_mul(s.symbols) + 1)));
            }
            Op::Conv(conv) => {
                let s = &conv.shape;
                found.insert(grouped(n, s.weights().saturating_add(s.filters)));
            }
            Op::Recurrent(layer) => {
                found.insert(super::layers::recurrent::partial_numbers(node, layer, n));
            }
            Op::AttentionPool { .. } => {
                found.insert(grouped(n, node.input.channels.saturating_mul(node.input.channels)));
            }
            Op::SelfAttention(layer) => {
                found.insert(grouped(n, super::layers::attention::gradient_numbers(node, layer)));
            }
            Op::Strands(inner, _) => sums(inner, n.saturating_mul(2), found),
            Op::Residual(inner) => sums(inner, n, found),
            Op::Concat(branches) => branches.iter().for_each(|nodes| sums(nodes, n, found)),
            _ => {}
        }
    }
}

/// Numbers in the partial sums of a gradient of `size` numbers.
fn grouped(n: usize, size: usize) -> u64 {
    (size as u64).saturating_mul(n.div_ceil(chunks::group(n, size)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::{Architecture, Layer};
    use crate::engine::{Engine, Input};
    use crate::network::{Mode, Weights};
    use crate::testing::DNA;
    use basewise_core::SequenceBatch;

    /// A step's arrays are all given back to the engine at its end, where they can be counted.
    #[test]
    fn a_step_holds_what_was_said_before() {
        let mut wrong = Vec::new();
        let presets = || Architecture::presets().iter().map(|(name, _)| *name);
        for (name, recompute) in presets().map(|name| (name, false)).chain(presets().map(|name| (name, true))) {
            let (n, length) = (12, 300);
            let mut plan = Plan::new(&Architecture::preset(name).unwrap(), 4, length, 1).unwrap();
            plan.recompute = recompute;
            let mut batch = SequenceBatch::new(DNA, length);
            (0..n).for_each(|_| batch.push(&vec![b'G'; length]).unwrap());
            let mut engine = Engine::new(&plan);
            let weights = Weights::initial(&plan, 1);
            let mode = Mode::Train { seed: 1, step: 0 };
            engine.gradients(&weights, Input::Codes(&batch), mode, &mut Vec::new(), |s| ((), vec![0.1; s.len()]));
            // What recurrent layers keep is given back to nobody.
            let recurrent = plan.steps_deep().any(|step| matches!(step.layer, Layer::Lstm { .. } | Layer::Gru { .. }));
            let (held, said) = (engine.held(), training_numbers(&plan, n));
            if held > said || !recurrent && said > 2 * held {
                wrong.push(format!("{name} (recompute {recompute}): {held} numbers held, {said} said"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
