//! Every layer on Burn against the reference: scores, and gradients of parameters and input.

use super::check::{self, Agreement, Case};
use super::{Leaves, Mode, Plan, forward, side};
use crate::architecture::{Architecture, Combine, ControlForm, Inputs, Layer, Padding, Positions, type_names};
use crate::model::values;
use crate::testing::cpu;
use basewise_core::random::{Stream, below, stream, uniform};
use burn_tensor::{Tensor, TensorData};

const SHAPES: u64 = 20;

/// Scores and gradients by Burn.
fn burn(case: &Case) -> (Vec<f32>, Vec<Vec<f32>>, Vec<f32>) {
    let device = cpu().device.autodiff();
    let leaves = Leaves::new(&case.weights, &device);
    let shape = [case.n, case.plan.input.channels, case.plan.input.length];
    let x: Tensor<3> = Tensor::from_data(TensorData::new(case.x.clone(), shape), &device).require_grad();
    let side = side(&case.side, case.n, &device);
    let scores = forward(&case.plan, &leaves, x.clone(), &side, case.mode).scores;
    let slopes = TensorData::new(case.slopes.clone(), [case.n, case.plan.outputs]);
    let sum = (scores.clone() * Tensor::from_data(slopes, &device)).sum();
    if !sum.is_tracked() {
        // Nothing of the input or the weights reaches the scores.
        let none = case.plan.parameters.iter().map(|spec| vec![0.0; spec.size()]).collect();
        return (values(scores).unwrap(), none, vec![0.0; case.x.len()]);
    }
    let mut tape = sum.backward();
    let parameters = leaves.parameters.iter().zip(&case.plan.parameters).map(|(leaf, spec)| {
        leaf.grad_remove(&mut tape).map_or(vec![0.0; spec.size()], |gradient| values(gradient).unwrap())
    });
    let parameters = parameters.collect();
    let input = x.grad_remove(&mut tape).map_or(vec![0.0; case.x.len()], |gradient| values(gradient).unwrap());
    (values(scores).unwrap(), parameters, input)
}

/// Checks a network without a head on random numbers.
fn agrees(architecture: &Architecture, input: [usize; 2], n: usize, mode: Mode, seed: u64) -> Agreement {
    let plan =
        Plan::without_head(architecture, Inputs { channels: input[0], side: 3, control: [2, 5] }, input[1]).unwrap();
    let case = Case::random(plan, n, mode, seed);
    let (scores, parameters, x) = burn(&case);
    let what = format!("{:?} on {n} x {input:?}, {mode:?}, seed {seed}", architecture.layers);
    let wanted = case.scores();
    let largest = wanted.iter().fold(0.0, |top: f64, v| top.max(v.abs()));
    for (score, want) in scores.iter().zip(&wanted) {
        assert!((f64::from(*score) - want).abs() <= 2e-5 * largest, "{what}: score {score} against {want}");
    }
    let agreement = check::gradients(&case, &parameters, Some(&x));
    assert!(agreement.worst < 1e-3, "{what}\n{agreement:#?}");
    agreement
}

pub(crate) fn between(rng: &mut Stream, low: usize, high: usize) -> usize {
    low + below(rng, high - low + 1)
}

/// A layer of this type that fits an input of the returned channels and length.
pub(crate) fn random_layer(name: &str, rng: &mut Stream) -> (Layer, [usize; 2]) {
    let mut shape = [between(rng, 1, 5), between(rng, 1, 14)];
    let layer = match name {
        "conv1d" => {
            let groups = between(rng, 1, 3);
            shape[0] = groups * between(rng, 1, 2);
            let (width, dilation) = (between(rng, 1, 5), between(rng, 1, 3));
            let padding = if uniform(rng) < 0.5 { Padding::Same } else { Padding::Valid };
            if padding == Padding::Valid {
                shape[1] += (width - 1) * dilation;
            }
            let (filters, stride) = (groups * between(rng, 1, 3), between(rng, 1, 3));
            Layer::Conv1d { filters, width, stride, dilation, groups, padding }
        }
        "max-pool1d" | "avg-pool1d" => {
            let width = between(rng, 1, shape[1]);
            let stride = (uniform(rng) < 0.5).then(|| between(rng, 1, 4));
            match name {
                "max-pool1d" => Layer::MaxPool1d { width, stride },
                _ => Layer::AvgPool1d { width, stride },
            }
        }
        "side-inputs" => {
            shape = [between(rng, 1, 12), 1];
            Layer::SideInputs { width: 0 }
        }
        "control-signal" => Layer::ControlSignal { form: ControlForm::ALL[below(rng, 3)], tracks: 0, bins: 0 },
        "dense" => {
            shape = [between(rng, 1, 12), 1];
            Layer::Dense { units: between(rng, 1, 7) }
        }
        "dropout" => Layer::Dropout { rate: 0.7 * uniform(rng), channels: uniform(rng) < 0.5 },
        "crop" => {
            let left = below(rng, shape[1]);
            Layer::Crop { left, right: below(rng, shape[1] - left) }
        }
        "lstm" | "gru" => {
            let (units, bidirectional, last) = (between(rng, 1, 4), uniform(rng) < 0.6, uniform(rng) < 0.4);
            match name {
                "lstm" => Layer::Lstm { units, bidirectional, last },
                _ => Layer::Gru { units, bidirectional, last },
            }
        }
        "layer-norm" | "rms-norm" => {
            // Of one or two channels the gradient is a difference of nearly equal numbers.
            shape[0] += 2;
            if name == "rms-norm" { Layer::RmsNorm } else { Layer::LayerNorm }
        }
        "upsample" => Layer::Upsample { factor: between(rng, 1, 4) },
        "attention-pool" => {
            let width = (uniform(rng) < 0.7).then(|| between(rng, 1, shape[1]));
            Layer::AttentionPool { width }
        }
        "self-attention" => {
            let heads = between(rng, 1, 3);
            let positions = [Positions::None, Positions::Rotary, Positions::Relative][below(rng, 3)];
            let pairs = if positions == Positions::Rotary { 2 } else { 1 };
            let key_size = (uniform(rng) < 0.5).then(|| pairs * between(rng, 1, 3));
            shape[0] = pairs * heads * between(rng, 1, 2);
            let clip = (positions == Positions::Relative).then(|| between(rng, 1, 6));
            Layer::SelfAttention { heads, key_size, positions, clip }
        }
        "strands" => {
            shape = [between(rng, 4, 5), shape[1] + 4];
            let mut layers = vec![same_length(between(rng, 1, 3), rng), Layer::Silu];
            let tails = [Layer::BatchNorm, Layer::GlobalAvgPool, Layer::Dropout { rate: 0.3, channels: false }];
            layers.extend(tails.into_iter().nth(below(rng, 4)));
            let combine = [Combine::Mean, Combine::Max, Combine::Sum][below(rng, 3)];
            Layer::Strands { layers, combine }
        }
        "residual" => Layer::Residual { layers: vec![same_length(shape[0], rng), Layer::Silu] },
        "concat" => {
            let filters = between(rng, 1, 3);
            let nested = Layer::Residual { layers: vec![same_length(shape[0], rng)] };
            let branches = [vec![same_length(filters, rng), Layer::BatchNorm], Vec::new(), vec![nested]];
            // Over few values the gradient through a batch norm is a difference of nearly equal numbers.
            shape[1] += 4;
            Layer::Concat { branches: branches[..between(rng, 1, 3)].to_vec() }
        }
        // The layers without numbers.
        _ => Architecture::from_toml(&format!("[[layer]]\ntype = '{name}'"), "test").unwrap().layers.remove(0),
    };
    (layer, shape)
}

fn same_length(filters: usize, rng: &mut Stream) -> Layer {
    let (width, dilation) = (between(rng, 1, 4), between(rng, 1, 3));
    Layer::Conv1d { filters, width, stride: 1, dilation, groups: 1, padding: Padding::Same }
}

#[test]
fn every_layer_agrees_with_central_differences() {
    for name in type_names() {
        let (mut compared, mut kinks) = (0, 0);
        for seed in 0..SHAPES {
            let mut rng = stream(seed, "test shape", &[]);
            let (layer, mut shape) = random_layer(name, &mut rng);
            let n = between(&mut rng, 1, 4);
            if layer == Layer::BatchNorm {
                // Of one value there is no variance.
                shape[1] += 1;
            }
            let architecture = Architecture::new(vec![layer]);
            for mode in [Mode::Evaluate, Mode::Train { seed, step: seed + 3 }] {
                let agreement = agrees(&architecture, shape, n, mode, seed);
                compared += agreement.compared;
                kinks += agreement.kinks;
            }
        }
        assert!(compared > 200 && kinks * 50 < compared, "{name}: {compared} compared, {kinks} beside a kink");
    }
}

/// Small networks of the kinds that the layers are for, with a head.
#[test]
fn whole_networks_agree_with_central_differences() {
    for seed in 0..SHAPES {
        let mut rng = stream(seed, "test network", &[]);
        let filters = between(&mut rng, 2, 4);
        let length = between(&mut rng, 12, 24);
        let block = |i: usize| {
            let layer =
                Layer::Conv1d { filters, width: 3, stride: 1, dilation: 1 << i, groups: 1, padding: Padding::Same };
            Layer::Residual { layers: vec![Layer::BatchNorm, layer, Layer::Softplus] }
        };
        let mut dilated = vec![same_length(filters, &mut rng), Layer::Relu];
        dilated.extend((0..3).map(block));
        let pools = [Layer::GlobalAvgPool, Layer::GlobalMaxPool].map(|pool| vec![pool]).to_vec();
        dilated.push(Layer::Concat { branches: pools });
        let units = between(&mut rng, 1, 3);
        let recurrent = vec![
            same_length(filters, &mut rng),
            Layer::Exp,
            Layer::MaxPool1d { width: 3, stride: None },
            Layer::Dropout { rate: 0.2, channels: true },
            Layer::Lstm { units, bidirectional: true, last: false },
            Layer::Gru { units: 2, bidirectional: true, last: true },
            Layer::Dense { units: 3 },
            Layer::Elu,
        ];
        for layers in [dilated, recurrent] {
            for mode in [Mode::Evaluate, Mode::Train { seed, step: 1 }] {
                let architecture = Architecture::new(layers.clone());
                let plan = Plan::new(&architecture, 4, length, 2).unwrap();
                let case = Case::random(plan, 3, mode, seed);
                let (_, parameters, x) = burn(&case);
                let agreement = check::gradients(&case, &parameters, Some(&x));
                assert!(agreement.worst < 1e-3, "{layers:?} {mode:?} {seed}\n{agreement:#?}");
                assert!(agreement.kinks * 20 < agreement.compared, "{agreement:#?}");
            }
        }
    }
}

/// Up to four layers, some of which hold others.
fn random_tree(rng: &mut Stream, depth: usize) -> Vec<Layer> {
    let flat = [
        "conv1d",
        "max-pool1d",
        "crop",
        "gru",
        "lstm",
        "batch-norm",
        "tanh",
        "dropout",
        "flatten",
        "dense",
        "rms-norm",
        "upsample",
        "attention-pool",
        "self-attention",
        "softmax",
    ];
    let layers = (0..between(rng, 0, 4)).map(|_| match below(rng, 10) {
        0 | 1 if depth < 3 => Layer::Residual { layers: [random_tree(rng, depth + 1), vec![Layer::Silu]].concat() },
        2 | 3 if depth < 3 => {
            Layer::Concat { branches: (0..between(rng, 1, 3)).map(|_| random_tree(rng, depth + 1)).collect() }
        }
        4 | 5 => same_length(4, rng),
        _ => random_layer(flat[below(rng, flat.len())], rng).0,
    });
    layers.collect()
}

/// Whatever fits together runs, as the summary says; whatever does not is refused with a path.
#[test]
fn random_trees_agree_with_the_reference() {
    let device = cpu().device;
    let (mut fits, mut nested) = (0, 0);
    for seed in 0..600 {
        let mut rng = stream(seed, "test tree", &[]);
        let architecture = Architecture::new(random_tree(&mut rng, 0));
        let toml = architecture.to_toml().unwrap();
        assert_eq!(Architecture::from_toml(&toml, "t").unwrap(), architecture);
        let summary = match architecture.summary(4, 15, 2) {
            Ok(summary) => summary,
            Err(error) => {
                assert!(error.path.starts_with(|digit: char| digit.is_ascii_digit()), "{error}");
                continue;
            }
        };
        let plan = Plan::new(&architecture, 4, 15, 2).unwrap();
        assert_eq!(plan.parameters.iter().map(super::Spec::size).sum::<usize>(), summary.parameters);
        // A row a layer and one for the head, which is two steps.
        assert_eq!(plan.steps_deep().count(), summary.rows.len() + 1);
        for (step, row) in plan.steps_deep().zip(&summary.rows[..summary.rows.len() - 1]) {
            assert_eq!([step.output.channels, step.output.length], row.output);
        }
        assert!(plan.steps_deep().map(|step| step.number).eq(0..plan.steps_deep().count()));
        let case = Case::random(plan, 2, Mode::Train { seed, step: 0 }, seed);
        let leaves = Leaves::new(&case.weights, &device);
        let x = Tensor::from_data(TensorData::new(case.x.clone(), [2, 4, 15]), &device);
        let scores = values(forward(&case.plan, &leaves, x, &None, case.mode).scores).unwrap();
        let wanted = case.scores();
        let largest = wanted.iter().fold(1.0, |top: f64, v| top.max(v.abs()));
        for (score, want) in scores.iter().zip(&wanted) {
            assert!((f64::from(*score) - want).abs() < 1e-3 * largest, "{toml}\n{score} against {want}");
        }
        fits += 1;
        nested += usize::from(case.plan.steps.iter().any(|step| step.inner.iter().any(|steps| !steps.is_empty())));
    }
    assert!(fits > 150 && nested > 40, "{fits} fit, {nested} of them nested");
}

/// The check itself notices a wrong gradient.
#[test]
fn a_wrong_gradient_is_noticed() {
    let layer = Layer::Conv1d { filters: 2, width: 3, stride: 1, dilation: 1, groups: 1, padding: Padding::Same };
    let plan = Plan::without_head(&Architecture::new(vec![layer]), 3, 8).unwrap();
    let case = Case::random(plan, 2, Mode::Evaluate, 1);
    let (_, parameters, x) = burn(&case);
    assert!(check::gradients(&case, &parameters, Some(&x)).worst < 1e-5);
    let mut wrong = parameters.clone();
    wrong[0][4] *= 1.01;
    let agreement = check::gradients(&case, &wrong, None);
    assert!(agreement.worst > 5e-3 && agreement.place.starts_with("layer1.weight[4]: "), "{agreement:?}");
    let mut wrong = x.clone();
    wrong[7] = f32::NAN;
    assert_eq!(check::gradients(&case, &parameters, Some(&wrong)).worst, f64::INFINITY);
}
