//! The engine against the reference in f64 and against Burn, at every level of the processor.

use super::*;
use crate::architecture::{Architecture, Combine, Inputs, Layer};
use crate::network::check::{self, Case};
use crate::network::gradient_tests::{between, random_layer};
use crate::testing::{DNA, net};
use basewise_core::random::{Stream, below, stream};
use basewise_core::{CasePolicy, Encoding};

/// Scores, gradients of the parameters, and of the input.
type Results = (Vec<f32>, Vec<Vec<f32>>, Vec<f32>);

fn results(engine: &mut Engine, case: &Case) -> Results {
    let (mut parameters, slopes) = (Vec::new(), |s: &[f32]| (s.to_vec(), case.slopes.clone()));
    let (scores, _) =
        engine.gradients(&case.weights, Input::Floats(&case.x, &case.side), case.mode, &mut parameters, slopes);
    let x = engine.input_gradient(&case.weights, &case.x, &case.side, case.mode, |_| case.slopes.clone());
    (scores, parameters, x)
}

/// Checks scores and all gradients of a case: at the best level against the reference, elsewhere against those.
fn agrees(case: &Case, what: &str) {
    let mut engine = Engine::new(&case.plan);
    let (scores, parameters, x) = results(&mut engine, case);
    let wanted = case.scores();
    let largest = wanted.iter().fold(1e-30, |top: f64, v| top.max(v.abs()));
    for (score, want) in scores.iter().zip(&wanted) {
        assert!((f64::from(*score) - want).abs() <= 2e-5 * largest, "{what}: {score} against {want}");
    }
    if case.mode == Mode::Evaluate {
        assert_eq!(engine.infer(&case.weights, Input::Floats(&case.x, &case.side)), scores, "{what}");
    }
    let agreement = check::gradients(case, &parameters, Some(&x));
    assert!(agreement.worst < 1e-3, "{what}\n{agreement:#?}");
    assert!(agreement.compared > 0 && agreement.kinks * 2 <= agreement.compared, "{what}\n{agreement:#?}");
    // Once more, so that memory that was used before is seen to do no harm.
    let first = (scores, parameters, x);
    assert!(results(&mut engine, case) == first, "{what}");
    // Each array by its own largest number, but gradients that cancel out to nearly nothing.
    let all = |r: Results| r.1.into_iter().chain([r.2, r.0]).collect::<Vec<Vec<f32>>>();
    let size = |array: &[f32]| array.iter().fold(1e-30, |top: f32, v| top.max(v.abs()));
    let wanted = all(first);
    let most = wanted.iter().map(|array| size(array)).fold(0.0, f32::max);
    for level in Level::available() {
        let got = all(results(&mut Engine::new(&case.plan).at(level), case));
        for (got, wanted) in got.iter().zip(&wanted) {
            let allowed = 1e-4 * size(wanted).max(1e-2 * most);
            assert!(got.iter().zip(wanted).all(|(a, b)| (a - b).abs() <= allowed), "{what} at {level}");
        }
    }
}

#[test]
fn every_layer_agrees_with_central_differences() {
    for name in crate::architecture::type_names() {
        for seed in 0..20 {
            let mut rng = stream(seed, "engine shape", &[]);
            let (layer, mut shape) = random_layer(name, &mut rng);
            let n = between(&mut rng, 1, 4);
            if layer == Layer::BatchNorm {
                // Of one value there is no variance, and of few the gradient is a difference of nearly equal numbers.
                shape[1] += 4;
            }
            let plan = Plan::without_head(
                &Architecture::new(vec![layer.clone()]),
                Inputs { channels: shape[0], side: 3, control: [2, 5] },
                shape[1],
            )
            .unwrap();
            for mode in [Mode::Evaluate, Mode::Train { seed, step: seed + 3 }] {
                let case = Case::random(plan.clone(), n, mode, seed);
                agrees(&case, &format!("{layer:?} on {n} x {shape:?}, {mode:?}, seed {seed}"));
            }
        }
    }
}

/// Networks whose layers are joined: convolution, rectifier, pool; residual convolutions; branches.
const JOINED: &[&str] = &[
    "conv1d filters=17 width=5; relu; max-pool1d width=3; batch-norm; relu; flatten; dense units=9; relu; dropout rate=0.3",
    "conv1d filters=5 width=3; max-pool1d width=2; relu; conv1d filters=4 width=2; batch-norm; max-pool1d width=2 stride=1",
    "conv1d filters=6 width=4 padding='valid'; relu; lstm units=5 bidirectional=true; flatten; dense units=3; relu",
    "gru units=4; gelu; global-avg-pool; dense units=4; tanh",
    "conv1d filters=8 width=3; layer-norm; self-attention heads=2 positions='rotary'; rms-norm; attention-pool width=3; \
     self-attention heads=2 key_size=3 positions='relative' clip=2; upsample factor=2; softmax; attention-pool; dense units=3",
];

fn joined(text: &str) -> Architecture {
    let tables = text.split("; ").map(|layer| {
        let mut words = layer.split(' ');
        let name = words.next().unwrap_or_default();
        format!("[[layer]]\ntype='{name}'\n{}\n", words.collect::<Vec<_>>().join("\n"))
    });
    net(&tables.collect::<String>())
}

const TREE: &str = "
[[layer]]
type = 'conv1d'
filters = 6
width = 5
[[layer]]
type = 'relu'
[[layer]]
type = 'residual'
[[layer.layer]]
type = 'conv1d'
filters = 6
width = 3
dilation = 2
[[layer.layer]]
type = 'relu'
[[layer]]
type = 'residual'
[[layer.layer]]
type = 'conv1d'
filters = 6
width = 3
[[layer.layer]]
type = 'batch-norm'
[[layer.layer]]
type = 'silu'
[[layer]]
type = 'concat'
[[layer.branch]]
[[layer.branch.layer]]
type = 'crop'
left = 3
right = 2
[[layer.branch.layer]]
type = 'conv1d'
filters = 1
width = 4
padding = 'valid'
[[layer.branch.layer]]
type = 'flatten'
[[layer.branch]]
[[layer.branch.layer]]
type = 'global-avg-pool'
[[layer.branch.layer]]
type = 'dense'
units = 2
";

const STRANDS: &str = "
[[layer]]
type = 'strands'
combine = 'max'
[[layer.layer]]
type = 'conv1d'
filters = 6
width = 4
[[layer.layer]]
type = 'batch-norm'
[[layer.layer]]
type = 'relu'
[[layer.layer]]
type = 'max-pool1d'
width = 3
[[layer.layer]]
type = 'residual'
[[layer.layer.layer]]
type = 'conv1d'
filters = 6
width = 3
[[layer]]
type = 'conv1d'
filters = 3
width = 3
[[layer]]
type = 'elu'
[[layer]]
type = 'global-avg-pool'
";

#[test]
fn joined_layers_agree_with_central_differences() {
    let networks = JOINED.iter().map(|text| joined(text)).chain([net(TREE), net(STRANDS)]);
    for (i, architecture) in networks.enumerate() {
        for seed in 0..6 {
            let mut rng = stream(seed, "engine network", &[i as u64]);
            let (length, n) = (between(&mut rng, 14, 30), between(&mut rng, 2, 19));
            let plan = Plan::new(&architecture, 4, length, 2).unwrap();
            for mode in [Mode::Evaluate, Mode::Train { seed, step: 5 }] {
                agrees(&Case::random(plan.clone(), n, mode, seed), &format!("network {i}, seed {seed}, {mode:?}"));
            }
        }
    }
}

fn random_batch(encoding: Encoding, n: usize, length: usize, rng: &mut Stream) -> SequenceBatch {
    let mut batch = SequenceBatch::new(encoding, length);
    for _ in 0..n {
        let letters: Vec<u8> = (0..length).map(|_| b"ACGTNacgtn"[below(rng, 10)]).collect();
        batch.push(&letters).unwrap();
    }
    batch
}

/// From codes, with unknown bases and marks, as from one-hot floats.
#[test]
fn codes_are_read_as_their_one_hot_numbers() {
    let networks = [
        "conv1d filters=20 width=7; relu; max-pool1d width=4; global-max-pool",
        "conv1d filters=3 width=9 stride=2 dilation=2 padding='valid'; global-max-pool",
        "conv1d filters=5 width=30; relu; flatten",
        "conv1d filters=5 width=3; max-pool1d width=3 stride=2; flatten",
        "max-pool1d width=2; conv1d filters=4 width=3; flatten",
    ];
    let networks = networks.iter().map(|text| joined(text)).chain([net(STRANDS)]).collect::<Vec<_>>();
    for case in [CasePolicy::Ignore, CasePolicy::Channel] {
        let encoding = Encoding { case, ..DNA };
        for (i, architecture) in networks.iter().enumerate() {
            let mut rng = stream(3, "engine codes", &[i as u64]);
            let batch = random_batch(encoding, 37, 25, &mut rng);
            let plan = Plan::new(architecture, encoding.channels(), 25, 3).unwrap();
            let weights = Weights::initial(&plan, 5);
            let mut engine = Engine::new(&plan);
            let x = batch.one_hot();
            let mut both = [Input::Codes(&batch), Input::Floats(&x, &[])].map(|input| {
                let mut gradients = Vec::new();
                let slopes = |s: &[f32]| (s.to_vec(), s.iter().map(|s| s + 0.1).collect());
                let (scores, _) = engine.gradients(&weights, input, Mode::Evaluate, &mut gradients, slopes);
                gradients.push(scores);
                gradients
            });
            let [codes, floats] = &mut both;
            for (a, b) in codes.iter().zip(floats.iter()) {
                let largest = b.iter().fold(1e-6, |top: f32, v| top.max(v.abs()));
                assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-5 * largest), "{i}, {case:?}");
            }
        }
    }
}

/// Codes go through convolutions joined with their batch norms, numbers through both apart: in any order on one engine.
#[test]
fn inference_keeps_norms_that_are_joined_apart_from_those_that_are_not() {
    let architecture = joined("conv1d filters=6 width=5; conv1d filters=40 width=5; batch-norm; relu; flatten");
    let plan = Plan::new(&architecture, 4, 25, 3).unwrap();
    let mut weights = Weights::initial(&plan, 5);
    weights.buffers.iter_mut().flat_map(|array| &mut array.values).for_each(|value| *value = 0.2 + 0.1 * *value);
    let batch = random_batch(DNA, 7, 25, &mut stream(3, "engine norms", &[]));
    let x = batch.one_hot();
    for first in 0..2 {
        let mut engine = Engine::new(&plan);
        let ask = |i: usize| if (i + first).is_multiple_of(2) { Input::Codes(&batch) } else { Input::Floats(&x, &[]) };
        let all: Vec<Vec<f32>> = (0..4).map(|i| engine.infer(&weights, ask(i))).collect();
        assert_eq!((&all[0], &all[1]), (&all[2], &all[3]));
        let largest = all[0].iter().fold(1e-6, |top: f32, v| top.max(v.abs()));
        assert!(all[0].iter().zip(&all[1]).all(|(a, b)| (a - b).abs() <= 1e-5 * largest), "{first}");
    }
}

/// The reverse complements; marks stay where they are.
fn turned(batch: &SequenceBatch) -> SequenceBatch {
    let mut turned = SequenceBatch::new(batch.encoding(), batch.length());
    for i in 0..batch.len() {
        let codes = batch.sequence(i).iter().rev();
        let other = codes.map(|code| if code.base() < 4 { code.with_base(3 - code.base()) } else { *code });
        turned.push_codes(&other.collect::<Vec<_>>());
    }
    turned
}

/// A sequence and its reverse complement give the same outputs, in reverse order where there are positions.
#[test]
fn strands_treat_both_strands_alike() {
    let tails = [Vec::new(), vec![Layer::GlobalMaxPool, Layer::Dense { units: 3 }]];
    let ways = [Combine::Mean, Combine::Max, Combine::Sum];
    for (way, tail) in ways.into_iter().flat_map(|way| tails.iter().map(move |tail| (way, tail))) {
        for case in [CasePolicy::Ignore, CasePolicy::Channel] {
            let encoding = Encoding { case, ..DNA };
            let mut architecture = net(STRANDS);
            architecture.layers.truncate(1);
            let Layer::Strands { layers, combine } = &mut architecture.layers[0] else { panic!("{architecture:?}") };
            layers.extend(tail.clone());
            *combine = way;
            let batch = random_batch(encoding, 9, 26, &mut stream(6, "engine strands", &[]));
            let plan = Plan::without_head(&architecture, encoding.channels(), 26).unwrap();
            let length = plan.steps[0].output.length;
            let case = Case::random(plan, 9, Mode::Evaluate, 4);
            let mut engine = Engine::new(&case.plan);
            let [a, b] = [&batch, &turned(&batch)].map(|batch| engine.infer(&case.weights, Input::Codes(batch)));
            let largest = a.iter().fold(0.0, |top: f32, v| top.max(v.abs()));
            for (row, (a, b)) in a.chunks_exact(length).zip(b.chunks_exact(length)).enumerate() {
                let same = a.iter().zip(b.iter().rev()).all(|(a, b)| (a - b).abs() <= 1e-6 * largest);
                assert!(same && largest > 0.0, "{way:?} {encoding:?} row {row}: {a:?} {b:?}");
            }
        }
    }
}

/// Batch norms that are made part of weights do not change scores beyond rounding.
#[test]
fn evaluation_from_codes_agrees_with_the_reference() {
    let networks = [
        "conv1d filters=9 width=5; batch-norm; relu; max-pool1d width=3; conv1d filters=4 width=3; batch-norm; flatten",
        "conv1d filters=7 width=4; batch-norm; batch-norm; relu; global-max-pool",
    ];
    for text in networks {
        let batch = random_batch(DNA, 5, 30, &mut stream(4, "engine fold", &[]));
        let plan = Plan::new(&joined(text), 4, 30, 2).unwrap();
        let case = Case { x: batch.one_hot(), ..Case::random(plan, 5, Mode::Evaluate, 8) };
        let got = Engine::new(&case.plan).infer(&case.weights, Input::Codes(&batch));
        let wanted = case.scores();
        let largest = wanted.iter().fold(0.0, |top: f64, v| top.max(v.abs()));
        assert!(got.iter().zip(&wanted).all(|(a, b)| (f64::from(*a) - b).abs() <= 2e-5 * largest), "{text}");
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    for architecture in [joined(JOINED[0]), joined(JOINED[2]), joined(JOINED[4]), net(TREE), net(STRANDS)] {
        let plan = Plan::new(&architecture, 4, 60, 2).unwrap();
        let batch = random_batch(DNA, 70, 60, &mut stream(1, "engine threads", &[]));
        let weights = Weights::initial(&plan, 2);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut gradients = Vec::new();
                let mode = Mode::Train { seed: 1, step: 2 };
                let slopes = |s: &[f32]| (s.to_vec(), s.to_vec());
                let mut engine = Engine::new(&plan);
                let (scores, statistics) =
                    engine.gradients(&weights, Input::Codes(&batch), mode, &mut gradients, slopes);
                (gradients, scores, statistics)
            })
        };
        let one = run(1);
        assert!(one == run(2) && one == run(3) && one == run(5), "{architecture:?}");
    }
}

/// A window of more places than a byte counts, over a sequence of several blocks.
#[test]
fn wide_windows_agree_with_central_differences() {
    for text in
        ["conv1d filters=3 width=9; relu; global-max-pool", "conv1d filters=4 width=5 stride=2; max-pool1d width=300"]
    {
        let plan = Plan::new(&joined(&format!("{text}; flatten")), 4, 700, 2).unwrap();
        agrees(&Case::random(plan, 2, Mode::Evaluate, 1), text);
    }
}

/// A step leaves as much memory waiting as the step before it.
#[test]
fn memory_does_not_grow_from_step_to_step() {
    let texts = ["conv1d filters=3 width=5; relu; global-max-pool", "gru units=3; flatten", JOINED[2], JOINED[4]];
    for architecture in texts.map(joined).into_iter().chain([net(STRANDS)]) {
        let plan = Plan::new(&architecture, 4, 20, 1).unwrap();
        let (weights, batch) =
            (Weights::initial(&plan, 1), random_batch(DNA, 3, 20, &mut stream(1, "engine memory", &[])));
        let (mut engine, mut gradients) = (Engine::new(&plan), Vec::new());
        let mut pass = || {
            let slopes = |scores: &[f32]| ((), scores.to_vec());
            engine.gradients(&weights, Input::Codes(&batch), Mode::Evaluate, &mut gradients, slopes);
            engine.infer(&weights, Input::Codes(&batch));
            engine.buffers.waiting()
        };
        let after = [pass(), pass(), pass(), pass()];
        assert_eq!(after[1], after[3], "{architecture:?}: {after:?}");
    }
}

#[test]
fn an_empty_batch_has_no_scores() {
    let plan = Plan::new(&joined(JOINED[0]), 4, 20, 2).unwrap();
    let weights = Weights::initial(&plan, 1);
    let batch = SequenceBatch::new(DNA, 20);
    assert!(Engine::new(&plan).infer(&weights, Input::Codes(&batch)).is_empty());
}
