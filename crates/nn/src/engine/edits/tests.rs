//! Edited copies against whole passes of them, for every layer, every preset and random networks.

use super::*;
use crate::architecture::{Architecture, Combine, Inputs, Layer, Padding, type_names};
use crate::network::gradient_tests::{between, random_layer};
use crate::testing::DNA;
use basewise_core::random::{Stream, below, normal, stream, uniform};
use basewise_core::{CasePolicy, Code, Encoding};

/// Weights and running statistics none of which is 0.
fn random_weights(plan: &Plan, rng: &mut Stream) -> Weights {
    let mut weights = Weights::initial(plan, below(rng, 1000) as u64);
    for value in weights.parameters.iter_mut().flat_map(|array| &mut array.values) {
        *value += 0.1 * normal(rng) as f32;
    }
    for (i, array) in weights.buffers.iter_mut().enumerate() {
        for value in &mut array.values {
            let noise = 0.3 * normal(rng) as f32;
            *value = if i % 2 == 0 { noise } else { 0.5 + noise.abs() };
        }
    }
    weights
}

fn random_codes(encoding: Encoding, length: usize, rng: &mut Stream) -> Vec<Code> {
    let letters: Vec<u8> = (0..length).map(|_| b"ACGTACGTNacgtn"[below(rng, 14)]).collect();
    encoding.encode(&letters).unwrap()
}

/// Substitutions at both ends and within, stretches, the whole sequence, what changes nothing, and nothing at all.
fn some_edits(encoding: Encoding, sequence: &[Code], rng: &mut Stream) -> Vec<Edit> {
    let length = sequence.len();
    let mut edits = vec![Edit { start: 0, codes: Vec::new() }, Edit { start: 0, codes: sequence.to_vec() }];
    edits.push(Edit { start: 0, codes: random_codes(encoding, length, rng) });
    for position in [0, length / 2, length - 1] {
        edits.extend((0..5).map(|base| Edit::substitution(position, sequence[position], base)));
    }
    for _ in 0..40 {
        let start = below(rng, length);
        let most = if uniform(rng) < 0.8 { 3.min(length - start) } else { length - start };
        edits.push(Edit { start, codes: random_codes(encoding, between(rng, 1, most), rng) });
    }
    edits
}

/// Checks edits of three sequences together, and of the second alone, against whole passes.
fn agrees(plan: &Plan, encoding: Encoding, seed: u64, what: &str) {
    let mut rng = stream(seed, "test edits", &[]);
    let weights = random_weights(plan, &mut rng);
    let mut batch = SequenceBatch::new(encoding, plan.input.length);
    (0..3).for_each(|_| batch.push_codes(&random_codes(encoding, plan.input.length, &mut rng)));
    let beside = plan.inputs().beside();
    let side: Vec<f64> = (0..3 * beside).map(|_| normal(&mut rng).abs()).collect();
    (0..3).for_each(|i| batch.push_control(side[i * beside..(i + 1) * beside].iter().copied()));
    let edits: Vec<Vec<Edit>> = (0..3).map(|row| some_edits(encoding, batch.sequence(row), &mut rng)).collect();
    let edits = [&edits[0][..3], &edits[1], &edits[2][edits[2].len() - 9..]];
    let mut engine = Engine::new(plan);
    let all = engine.edits_anyway(&weights, &batch, &edits);
    for (row, (got, edits)) in all.iter().zip(edits).enumerate() {
        let got = got.as_ref().unwrap();
        let mut copies = batch.emptied();
        edits.iter().for_each(|edit| edit.push(&batch, row, &mut copies));
        let wanted = engine.infer(&weights, Input::Codes(&copies));
        assert_eq!(got.len(), wanted.len(), "{what}");
        let largest = wanted.iter().fold(1e-6, |top: f32, v| top.max(v.abs()));
        for (i, (got, want)) in got.iter().zip(&wanted).enumerate() {
            let edit = &edits[i / plan.outputs];
            let at = (row, edit.start, edit.codes.len());
            assert!((got - want).abs() <= 1e-5 * largest, "{what}: edit {at:?}: {got} against {want} of {largest}");
        }
    }
    assert_eq!(engine.edits_anyway(&weights, &batch, &edits), all, "{what}: memory used again");
    let mut second = batch.emptied();
    second.push_row(&batch, 1);
    assert_eq!(engine.edits_anyway(&weights, &second, &edits[1..2]), all[1..2], "{what}: whatever else is asked");
}

#[test]
fn every_layer_agrees_with_whole_passes() {
    for name in type_names() {
        for seed in 0..20 {
            let mut rng = stream(seed, "edit layer", &[]);
            let (layer, [channels, length]) = random_layer(name, &mut rng);
            // A convolution before it, so that channels are those that it takes, where it reads no bases itself.
            let (first, length) = (
                Layer::Conv1d {
                    filters: channels,
                    width: between(&mut rng, 1, 5),
                    stride: 1,
                    dilation: between(&mut rng, 1, 2),
                    groups: 1,
                    padding: Padding::Same,
                },
                if length > 1 { length + below(&mut rng, 20) } else { 1 },
            );
            let layers = if name == "strands" { vec![layer] } else { vec![first, layer] };
            let encoding =
                if name == "strands" && channels == 5 { Encoding { case: CasePolicy::Channel, ..DNA } } else { DNA };
            let inputs = Inputs { channels: encoding.channels(), side: 3, control: [2, 5] };
            let architecture = Architecture::new(layers);
            let Ok(plan) = Plan::without_head(&architecture, inputs, length) else { continue };
            agrees(&plan, encoding, seed, &format!("{:?} on {length}, seed {seed}", architecture.layers));
        }
    }
}

#[test]
fn every_preset_agrees_with_whole_passes() {
    for (i, (name, _)) in Architecture::presets().iter().enumerate() {
        let architecture = Architecture::preset(name).unwrap();
        let case = if i % 2 == 0 { CasePolicy::Ignore } else { CasePolicy::Channel };
        let encoding = Encoding { case, ..DNA };
        let Ok(plan) = Plan::new(&architecture, encoding.channels(), 300, 2) else { panic!("{name}") };
        agrees(&plan, encoding, 3, name);
    }
}

/// A random layer within a network, whose input it fits: convolutions, pools, norms, branches.
fn random_inside(channels: usize, rng: &mut Stream) -> (Vec<Layer>, usize) {
    let filters = between(rng, 1, 20);
    let conv = |filters, rng: &mut Stream| Layer::Conv1d {
        filters,
        width: between(rng, 1, 8),
        stride: if uniform(rng) < 0.8 { 1 } else { between(rng, 2, 3) },
        dilation: if uniform(rng) < 0.7 { 1 } else { between(rng, 2, 9) },
        groups: 1,
        padding: Padding::Same,
    };
    let same = |rng: &mut Stream| Layer::Conv1d {
        filters: channels,
        width: between(rng, 1, 4),
        stride: 1,
        dilation: between(rng, 1, 6),
        groups: 1,
        padding: Padding::Same,
    };
    let pool = |rng: &mut Stream| (between(rng, 1, 4), (uniform(rng) < 0.3).then(|| between(rng, 1, 3)));
    match below(rng, 12) {
        0..3 => {
            let mut layers = vec![conv(filters, rng)];
            if uniform(rng) < 0.4 {
                layers.push(Layer::BatchNorm);
            }
            layers.push(if uniform(rng) < 0.7 { Layer::Relu } else { Layer::Gelu });
            if uniform(rng) < 0.5 {
                let (width, stride) = pool(rng);
                layers.push(Layer::MaxPool1d { width, stride });
            }
            (layers, filters)
        }
        3 => (vec![Layer::Residual { layers: vec![same(rng), Layer::Relu] }], channels),
        4 => (vec![Layer::Residual { layers: vec![Layer::LayerNorm, same(rng), Layer::Silu, same(rng)] }], channels),
        5 => {
            let (width, stride) = pool(rng);
            (vec![Layer::AvgPool1d { width, stride }], channels)
        }
        6 => (vec![Layer::AttentionPool { width: Some(between(rng, 1, 3)) }], channels),
        7 => (vec![Layer::Upsample { factor: 2 }, Layer::RmsNorm], channels),
        8 => {
            let branches = vec![vec![same(rng), Layer::Elu], vec![], vec![Layer::BatchNorm, same(rng)]];
            (vec![Layer::Concat { branches }], 3 * channels)
        }
        9 => (vec![Layer::Crop { left: below(rng, 3), right: below(rng, 3) }], channels),
        10 => {
            let bidirectional = uniform(rng) < 0.5;
            let layer = if uniform(rng) < 0.5 {
                Layer::Lstm { units: filters, bidirectional, last: false }
            } else {
                Layer::Gru { units: filters, bidirectional, last: false }
            };
            (vec![layer], if bidirectional { 2 * filters } else { filters })
        }
        _ => (vec![Layer::MaxPool1d { width: 2, stride: None }, Layer::Softmax], channels),
    }
}

fn random_network(encoding: Encoding, rng: &mut Stream) -> Architecture {
    let mut layers = Vec::new();
    let mut channels = encoding.channels();
    for _ in 0..between(rng, 1, 6) {
        let (more, after) = random_inside(channels, rng);
        layers.extend(more);
        channels = after;
    }
    layers.extend(match below(rng, 5) {
        0 => vec![Layer::Flatten, Layer::Dense { units: 9 }, Layer::Relu],
        1 => vec![Layer::GlobalMaxPool, Layer::Dropout { rate: 0.2, channels: false }, Layer::Dense { units: 5 }],
        2 => vec![Layer::GlobalAvgPool],
        3 => vec![
            Layer::Flatten,
            Layer::Dropout { rate: 0.5, channels: false },
            Layer::SideInputs { width: 0 },
            Layer::Dense { units: 3 },
        ],
        _ => vec![Layer::Flatten, Layer::Tanh],
    });
    if uniform(rng) < 0.2 && !layers.iter().any(|layer| matches!(layer, Layer::SideInputs { .. })) {
        let combine = [Combine::Mean, Combine::Max, Combine::Sum][below(rng, 3)];
        layers = vec![Layer::Strands { layers, combine }];
    }
    Architecture::new(layers)
}

#[test]
fn random_networks_agree_with_whole_passes() {
    let mut tried = 0;
    for seed in 0..400 {
        let mut rng = stream(seed, "edit network", &[]);
        let case = if uniform(&mut rng) < 0.3 { CasePolicy::Channel } else { CasePolicy::Ignore };
        let encoding = Encoding { case, ..DNA };
        let architecture = random_network(encoding, &mut rng);
        let length = between(&mut rng, 20, 70);
        let inputs = Inputs { channels: encoding.channels(), side: 3, control: [0, 0] };
        let Ok(plan) = Plan::new(&architecture, inputs, length, 2) else { continue };
        agrees(&plan, encoding, seed, &format!("seed {seed}: {:?} on {length}", architecture.layers));
        tried += 1;
    }
    assert!(tried > 200, "{tried} networks fitted");
}

/// All substitutions, as many edits near each other that fill groups.
fn substitutions(sequence: &[Code]) -> Vec<Edit> {
    let others = |(at, old): (usize, &Code)| (0..4).map(move |base| Edit::substitution(at, *old, base)).collect();
    sequence.iter().enumerate().flat_map(|own| -> Vec<Edit> { others(own) }).collect()
}

#[test]
fn threads_do_not_change_a_bit() {
    for (name, _) in Architecture::presets().iter().take(4) {
        let plan = Plan::new(&Architecture::preset(name).unwrap(), 4, 150, 2).unwrap();
        let mut rng = stream(2, "edit threads", &[]);
        let weights = random_weights(&plan, &mut rng);
        let mut batch = SequenceBatch::new(DNA, 150);
        batch.push_codes(&random_codes(DNA, 150, &mut rng));
        let edits = substitutions(batch.sequence(0));
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Engine::new(&plan).edits_anyway(&weights, &batch, &[&edits]).remove(0).unwrap())
        };
        let bits = |scores: Vec<f32>| scores.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        let one = bits(run(1));
        assert!(one == bits(run(2)) && one == bits(run(3)), "{name}");
    }
}

/// A pool that leaves out many outputs at the end: edits there, and edits that change nothing, beside others.
#[test]
fn edits_behind_the_last_window_of_a_pool_change_nothing() {
    for (pool, length) in [(40, 239), (85, 300), (33, 130)] {
        let text = format!(
            "[[layer]]\ntype='conv1d'\nfilters=16\nwidth=7\n[[layer]]\ntype='relu'\n[[layer]]\ntype='max-pool1d'\n\
             width={pool}\n[[layer]]\ntype='flatten'\n"
        );
        let plan = Plan::new(&crate::testing::net(&text), 4, length, 2).unwrap();
        let mut rng = stream(pool as u64, "edits behind", &[]);
        let weights = random_weights(&plan, &mut rng);
        let mut batch = SequenceBatch::new(DNA, length);
        (0..length + 1).for_each(|_| batch.push_codes(&random_codes(DNA, length, &mut rng)));
        let of = |row: usize| match batch.sequence(row).get(row) {
            Some(own) => vec![Edit::substitution(row, *own, (own.base() + 1) % 4)],
            None => vec![Edit { start: 0, codes: Vec::new() }],
        };
        let edits: Vec<Vec<Edit>> = (0..length + 1).map(of).collect();
        let edits: Vec<&[Edit]> = edits.iter().map(Vec::as_slice).collect();
        same_alone(&mut Engine::new(&plan), &weights, &batch, &edits, &text);
    }
}

/// Checks that each row's scores are the same bits alone, and those of whole passes.
fn same_alone(engine: &mut Engine, weights: &Weights, batch: &SequenceBatch, edits: &[&[Edit]], what: &str) {
    let together = engine.edits_anyway(weights, batch, edits);
    for (row, together) in together.iter().enumerate() {
        let mut alone = batch.emptied();
        alone.push_row(batch, row);
        assert_eq!(&engine.edits_anyway(weights, &alone, &edits[row..=row])[0], together, "row {row} of {what}");
        let mut copies = batch.emptied();
        edits[row].iter().for_each(|edit| edit.push(batch, row, &mut copies));
        let wanted = engine.infer(weights, Input::Codes(&copies));
        let largest = wanted.iter().fold(1e-6, |top: f32, v| top.max(v.abs()));
        let pairs = together.iter().flatten().zip(&wanted);
        pairs.for_each(|(got, want)| assert!((got - want).abs() <= 1e-5 * largest, "row {row}: {got}, {want}"));
    }
}

/// Each row with a substitution in its middle, some with a deletion too or at an end: what goes together with other rows gives
/// the same bits as alone, and what whole passes give.
#[test]
fn copies_of_several_rows_give_what_they_give_alone() {
    let wide = "[[layer]]\ntype='conv1d'\nfilters=40\nwidth=11\n[[layer]]\ntype='batch-norm'\n[[layer]]\ntype='relu'\n\
                [[layer]]\ntype='max-pool1d'\nwidth=3\n[[layer]]\ntype='conv1d'\nfilters=64\nwidth=9\n\
                [[layer]]\ntype='relu'\n[[layer]]\ntype='max-pool1d'\nwidth=4\n[[layer]]\ntype='flatten'\n\
                [[layer]]\ntype='dense'\nunits=200\n[[layer]]\ntype='relu'\n";
    let mixed = "[[layer]]\ntype='conv1d'\nfilters=40\nwidth=5\n[[layer]]\ntype='gelu'\n[[layer]]\ntype='residual'\n\
                 [[layer.layer]]\ntype='layer-norm'\n[[layer.layer]]\ntype='conv1d'\nfilters=40\nwidth=7\n\
                 [[layer.layer]]\ntype='relu'\n[[layer]]\ntype='avg-pool1d'\nwidth=2\n\
                 [[layer]]\ntype='concat'\n[[layer.branch]]\n[[layer.branch.layer]]\ntype='conv1d'\nfilters=30\n\
                 width=3\n[[layer.branch.layer]]\ntype='relu'\n[[layer.branch]]\n[[layer]]\ntype='global-max-pool'\n";
    let dense = "[[layer]]\ntype='flatten'\n[[layer]]\ntype='dense'\nunits=300\n[[layer]]\ntype='relu'\n";
    for (text, length) in [(wide, 200), (wide, 45), (mixed, 120), (dense, 70)] {
        let plan = Plan::new(&crate::testing::net(text), 4, length, 2).unwrap();
        let mut engine = Engine::new(&plan);
        let nodes = engine.infer_nodes.clone();
        let (stages, _) = reach::lay_out(&nodes, 0..nodes.last().map_or(0, |node| node.output.length));
        assert!(nodes.iter().all(mixes));
        let mut rng = stream(length as u64, "edits of rows", &[]);
        let weights = random_weights(&plan, &mut rng);
        let mut batch = SequenceBatch::new(DNA, length);
        (0..40).for_each(|_| batch.push_codes(&random_codes(DNA, length, &mut rng)));
        let middle = length / 2;
        let of = |row: usize| {
            let own = batch.sequence(row);
            let other = |at: usize| Edit::substitution(at, own[at], (own[at].base() + 1) % 4);
            let mut edits = vec![other(middle)];
            match row % 5 {
                0 => edits.push(Edit { start: middle, codes: own[..length - middle].to_vec() }),
                1 => edits.extend([other(0), other(length - 1)]),
                2 => edits.push(other(middle + 3)),
                _ => {}
            }
            edits
        };
        let edits: Vec<Vec<Edit>> = (0..40).map(of).collect();
        let edits: Vec<&[Edit]> = edits.iter().map(Vec::as_slice).collect();
        let grouped = |row: usize| {
            let trimmed = groups::trimmed(&batch, row, edits[row], |code| layers::first::symbol(code, false));
            let (groups, _) = groups::best(&trimmed, &stages, largest(&nodes));
            Grouped { row, trimmed, groups }
        };
        let rows: Vec<Grouped> = (0..40).map(grouped).collect();
        let parties = parties(&rows, &stages, MIXED);
        let mut members: Vec<usize> = parties.iter().flat_map(|party| party.members.iter().map(|own| own.1)).collect();
        members.sort_unstable();
        assert_eq!(members, (0..rows.iter().map(|row| row.groups.len()).sum()).collect::<Vec<_>>());
        assert!(parties.iter().all(|party| party.copies <= MIXED));
        assert!(parties.iter().any(|party| party.members.len() > 10) || text == mixed, "{parties:?} of {text}");
        drop((rows, parties, stages));
        same_alone(&mut engine, &weights, &batch, &edits, text);
    }
}

/// Windows of one sequence, in any order and from both strands: those that overlap give the same bits as alone, and what
/// whole passes give; with other bases beyond what they are said to share, too.
#[test]
fn windows_along_a_sequence_give_what_they_give_alone() {
    let block = |filters: usize, width: usize, pool: usize| {
        format!(
            "[[layer]]\ntype='conv1d'\nfilters={filters}\nwidth={width}\n[[layer]]\ntype='relu'\n\
             [[layer]]\ntype='max-pool1d'\nwidth={pool}\n"
        )
    };
    let three = block(64, 7, 3) + &block(64, 11, 2) + &block(64, 7, 2) + "[[layer]]\ntype='flatten'\n";
    let residual = "[[layer]]\ntype='residual'\n[[layer.layer]]\ntype='conv1d'\nfilters=48\nwidth=3\n\
                    [[layer.layer]]\ntype='relu'\n";
    let deep =
        block(48, 9, 1) + residual + residual + "[[layer]]\ntype='batch-norm'\n[[layer]]\ntype='global-max-pool'\n";
    for (i, (text, length)) in [(three, 240), (deep, 150)].into_iter().enumerate() {
        let plan = Plan::new(&crate::testing::net(&text), 4, length, 2).unwrap();
        let mut engine = Engine::new(&plan);
        let mut rng = stream(i as u64, "edits along", &[]);
        let weights = random_weights(&plan, &mut rng);
        let genome = random_codes(DNA, 600, &mut rng);
        let mut batch = SequenceBatch::new(DNA, length);
        for row in 0..50 {
            let start = if row < 40 { below(&mut rng, 600 - length) } else { 3 * (row - 40) };
            let mut codes = genome[start..start + length].to_vec();
            if row % 9 == 8 {
                let other = below(&mut rng, length);
                codes[other] = random_codes(DNA, 1, &mut rng)[0];
            }
            batch.push_codes(&codes);
            batch.set_place(row, Some(start as i64));
            if row % 4 == 3 {
                batch.reverse_complement(row);
                assert_eq!(batch.place(row), Some(-((start + length) as i64)));
            }
        }
        let step = along::step(&engine.infer_nodes, length);
        assert_eq!(step, [3, 1][i]);
        let edits: Vec<Vec<Edit>> = (0..50)
            .map(|row| {
                let own = batch.sequence(row)[length / 2];
                vec![Edit::substitution(length / 2, own, (own.base() + 1) % 4), Edit { start: 0, codes: Vec::new() }]
            })
            .collect();
        let edits: Vec<&[Edit]> = edits.iter().map(Vec::as_slice).collect();
        same_alone(&mut engine, &weights, &batch, &edits, &format!("network {i}"));
    }
}

/// Several heads, a profile with control signal, covariates, RNA, both strands: what a model gives, alone and averaged.
#[test]
fn models_give_what_plain_edits_give() {
    use crate::testing::{cpu, profile_task, three_covariates, three_tasks, untrained, untrained_with_control};
    use basewise_core::average::{Averaged, Ensemble};
    use basewise_core::{Alphabet, Predict, predict_edits_plainly};
    let heads = crate::testing::net(crate::testing::SMALL);
    let signal = crate::testing::net("[[layer]]\ntype='conv1d'\nfilters=6\nwidth=5\n[[layer]]\ntype='relu'\n");
    let rna = Encoding { alphabet: Alphabet::Rna, ..DNA };
    let models = [
        untrained(&heads, three_tasks(), three_covariates(), 40),
        untrained_with_control(&signal, vec![profile_task("p"), profile_task("q")], 40),
        crate::Model::untrained(&heads, &three_tasks(), rna, 40, 5, &cpu()).unwrap(),
    ];
    for (i, model) in models.into_iter().enumerate() {
        let mut batch = SequenceBatch::new(model.encoding(), 40).with_control(model.control());
        let mut rng = stream(i as u64, "edit models", &[]);
        for _ in 0..2 {
            batch.push_codes(&random_codes(model.encoding(), 40, &mut rng));
            batch.push_covariates(model.covariates(), [0.4, 30.0, 2011.0][..model.covariates().len()].iter().copied());
            let size = model.control().map_or(0, |control| control.size());
            batch.push_control((0..size).map(|_| uniform(&mut rng)));
        }
        let edits = substitutions(batch.sequence(1));
        assert!(model.edit_share() < 0.9, "{}", model.edit_share());
        let ensemble = Ensemble::new(vec![model.clone(), model.clone()]).unwrap();
        let averaged = Averaged::new(&ensemble, model.encoding().alphabet == Alphabet::Dna, 0).unwrap();
        let all: [&dyn Predict; 3] = [&model, &ensemble, &averaged];
        for model in all {
            let plain = predict_edits_plainly(model, &batch, &[&[], &edits]).unwrap().remove(1);
            let fast = model.predict_edits(&batch, 1, &edits).unwrap();
            let largest = plain.data().iter().fold(1e-6, |top: f32, v| top.max(v.abs()));
            assert_eq!((fast.rows(), fast.columns()), (plain.rows(), plain.columns()));
            let near = fast.data().iter().zip(plain.data()).all(|(a, b)| (a - b).abs() <= 1e-5 * largest);
            assert!(near, "model {i}");
            assert_eq!(model.predict_edits(&batch, 0, &[]).unwrap().rows(), 0);
        }
        let wrong = SequenceBatch::new(model.encoding(), 39);
        assert!(model.predict_row_edits(&wrong, &[]).is_err());
        assert!(model.predict_row_edits(&batch, &[&edits]).is_err(), "one list for two rows");
    }
}

#[test]
fn what_a_substitution_costs_is_told() {
    let told = |text: &str, length: usize| {
        let plan = Plan::new(&crate::testing::net(text), 4, length, 1).unwrap();
        (share(&plan), spread(&plan))
    };
    let conv = "[[layer]]\ntype='conv1d'\nfilters=32\nwidth=9\n[[layer]]\ntype='relu'\n";
    let narrow = told(&format!("{conv}{conv}[[layer]]\ntype='global-max-pool'"), 1000);
    assert!(narrow.0 < 0.05 && narrow.1.is_none(), "{narrow:?}");
    let mixed = told(&format!("{conv}[[layer]]\ntype='self-attention'\nheads=2\n[[layer]]\ntype='flatten'"), 100);
    assert!(mixed.0 > 0.5 && mixed.1 == Some("self-attention"), "{mixed:?}");
    let recurrent =
        told(&format!("{conv}[[layer]]\ntype='gru'\nunits=8\nbidirectional=true\n[[layer]]\ntype='flatten'"), 100);
    assert_eq!(recurrent.1, Some("gru"));
}
