//! Every layer: gradients against finite differences, values by hand, modes.

use super::*;
use crate::loss::loss;
use crate::model::values;
use crate::testing::{cpu, net, random_batch, three_tasks};
use crate::train::gradients;
use basewise_core::random::{normal, stream};
use basewise_core::{Matrix, SequenceBatch};
use burn_tensor::{Tensor, TensorData};

const LABELS: [[f64; 3]; 4] = [[1.0, 2.0, 0.5], [0.0, f64::NAN, -1.0], [f64::NAN, 0.0, 1.5], [1.0, 1.0, f64::NAN]];

/// Weights with nothing at zero, so that biases and scales matter too.
fn shaken(plan: &Plan, seed: u64) -> Weights {
    let mut weights = Weights::initial(plan, seed);
    let mut rng = stream(seed, "test shake", &[]);
    for array in weights.parameters.iter_mut() {
        array.values.iter_mut().for_each(|v| *v += 0.1 * normal(&mut rng) as f32);
    }
    weights
}

fn loss_of(plan: &Plan, weights: &Weights, batch: &SequenceBatch, mode: Mode) -> f64 {
    let device = cpu().device;
    let out = forward_batch(plan, &Leaves::new(weights, &device), batch, &device, mode);
    let scores = Matrix::new(batch.len(), plan.outputs, values(out.scores).unwrap());
    let labels: Vec<&[f64]> = LABELS.iter().map(|row| row.as_slice()).collect();
    loss(&three_tasks(), &scores, &labels).mean()
}

/// Compares the gradient of every parameter with central differences. A kink (a rectifier or a maximum) between the
/// two sides spoils single entries, so one in fifty may be off.
fn check_gradients(toml: &str, mode: Mode) {
    let plan = Plan::new(&net(toml), 4, 14, 5).unwrap();
    let weights = shaken(&plan, 5);
    let batch = random_batch(4, 14, 8);
    let labels: Vec<&[f64]> = LABELS.iter().map(|row| row.as_slice()).collect();
    let device = cpu().device.autodiff();
    let found = gradients(&plan, &weights, &three_tasks(), &batch, &labels, mode, &device).unwrap();
    let h = 1.0 / 256.0;
    let (mut entries, mut bad) = (0, Vec::new());
    for (p, gradient) in found.parameters.iter().enumerate() {
        for (i, &analytic) in gradient.iter().enumerate() {
            let shifted = |by: f32| {
                let mut weights = weights.clone();
                weights.parameters[p].values[i] += by;
                (loss_of(&plan, &weights, &batch, mode), f64::from(weights.parameters[p].values[i]))
            };
            let ((up, x_up), (down, x_down)) = (shifted(h), shifted(-h));
            let numeric = (up - down) / (x_up - x_down);
            entries += 1;
            if (f64::from(analytic) - numeric).abs() > 1e-3 + 5e-3 * numeric.abs() {
                bad.push(format!("{}[{i}]: {analytic} against {numeric}", plan.parameters[p].name));
            }
        }
    }
    assert!(entries > 20 && bad.len() * 50 <= entries, "{toml}\n{} of {entries}: {bad:#?}", bad.len());
}

fn with_conv(rest: &str) -> String {
    format!("[[layer]]\ntype='conv1d'\nfilters=4\nwidth=5\n{rest}")
}

#[test]
fn gradients_of_convolutions() {
    for keys in [
        "width=3",
        "width=4",
        "width=1",
        "width=3\nstride=2",
        "width=4\nstride=3",
        "width=3\ndilation=3",
        "width=3\npadding='valid'",
        "width=3\npadding='valid'\nstride=2\ndilation=2",
        "width=3\ngroups=2",
        "width=30",
    ] {
        check_gradients(
            &with_conv(&format!("[[layer]]\ntype='tanh'\n[[layer]]\ntype='conv1d'\nfilters=2\n{keys}")),
            Mode::Evaluate,
        );
    }
}

#[test]
fn gradients_of_activations() {
    for name in ["relu", "gelu", "silu", "elu", "tanh", "sigmoid", "softplus", "exp"] {
        check_gradients(
            &with_conv(&format!("[[layer]]\ntype='{name}'\n[[layer]]\ntype='global-avg-pool'")),
            Mode::Evaluate,
        );
    }
}

#[test]
fn gradients_of_pools_and_dense_layers() {
    for rest in [
        "[[layer]]\ntype='max-pool1d'\nwidth=3",
        "[[layer]]\ntype='max-pool1d'\nwidth=3\nstride=2",
        "[[layer]]\ntype='avg-pool1d'\nwidth=4",
        "[[layer]]\ntype='avg-pool1d'\nwidth=3\nstride=1",
        "[[layer]]\ntype='global-max-pool'",
        "[[layer]]\ntype='global-avg-pool'",
        "[[layer]]\ntype='flatten'\n[[layer]]\ntype='dense'\nunits=3\n[[layer]]\ntype='tanh'",
    ] {
        check_gradients(&with_conv(rest), Mode::Evaluate);
    }
}

#[test]
fn gradients_of_dropout_and_batch_norm() {
    let train = Mode::Train { seed: 4, step: 2 };
    for mode in [Mode::Evaluate, train] {
        check_gradients(&with_conv("[[layer]]\ntype='batch-norm'\n[[layer]]\ntype='tanh'"), mode);
        check_gradients(&with_conv("[[layer]]\ntype='dropout'\nrate=0.4"), mode);
        check_gradients(&with_conv("[[layer]]\ntype='dropout'\nrate=0.4\nchannels=true"), mode);
    }
    let flat = "[[layer]]\ntype='flatten'\n[[layer]]\ntype='dense'\nunits=6\n[[layer]]\ntype='batch-norm'";
    check_gradients(&with_conv(flat), train);
}

/// The layers of `toml` on one example of one channel, by evaluation with the given weights.
fn run(toml: &str, x: &[f32], parameters: &[&[f32]]) -> Vec<f32> {
    let plan = Plan::new(&net(toml), 1, x.len(), 1).unwrap();
    let mut weights = Weights::initial(&plan, 1);
    for (array, values) in weights.parameters.iter_mut().zip(parameters) {
        array.values.copy_from_slice(values);
    }
    let device = cpu().device;
    let leaves = Leaves::new(&weights, &device);
    let x = Tensor::from_data(TensorData::new(x.to_vec(), [1, 1, x.len()]), &device);
    let steps = &plan.steps[..plan.steps.len() - 2];
    values(forward_steps(steps, &leaves, x, Mode::Evaluate).0).unwrap()
}

#[test]
fn values_of_layers_by_hand() {
    let conv = |keys: &str| format!("[[layer]]\ntype='conv1d'\nfilters=1\n{keys}");
    let x = [1.0, 2.0, 3.0, 4.0, 5.0];
    let w: &[&[f32]] = &[&[1.0, 10.0, 100.0], &[0.5]];
    assert_eq!(run(&conv("width=3\npadding='valid'"), &x, w), [321.5, 432.5, 543.5]);
    assert_eq!(run(&conv("width=3"), &x, w), [210.5, 321.5, 432.5, 543.5, 54.5]);
    assert_eq!(run(&conv("width=3\ndilation=2"), &x, w), [310.5, 420.5, 531.5, 42.5, 53.5]);
    assert_eq!(run(&conv("width=3\nstride=2"), &x, w), [210.5, 432.5, 54.5]);
    let even: &[&[f32]] = &[&[1.0, 10.0], &[0.0]];
    assert_eq!(run(&conv("width=2"), &x, even), [21.0, 32.0, 43.0, 54.0, 5.0]);
    assert_eq!(run("[[layer]]\ntype='max-pool1d'\nwidth=2", &x, &[]), [2.0, 4.0]);
    assert_eq!(run("[[layer]]\ntype='max-pool1d'\nwidth=3\nstride=1", &x, &[]), [3.0, 4.0, 5.0]);
    assert_eq!(run("[[layer]]\ntype='avg-pool1d'\nwidth=2", &x, &[]), [1.5, 3.5]);
    assert_eq!(run("[[layer]]\ntype='global-max-pool'", &x, &[]), [5.0]);
    assert_eq!(run("[[layer]]\ntype='global-avg-pool'", &x, &[]), [3.0]);
    let close = |name: &str, want: [f64; 3]| {
        let got = run(&format!("[[layer]]\ntype='{name}'"), &[-1.5, 0.0, 2.0], &[]);
        assert!(got.iter().zip(want).all(|(g, w)| (f64::from(*g) - w).abs() < 1e-5), "{name}: {got:?}");
    };
    close("relu", [0.0, 0.0, 2.0]);
    // -1.5 and 2 times the normal distribution function there (0.0668072, 0.9772499).
    close("gelu", [-0.100_210_8, 0.0, 1.954_499_7]);
    close("silu", [-1.5 / (1.0 + 1.5f64.exp()), 0.0, 2.0 / (1.0 + (-2f64).exp())]);
    close("elu", [(-1.5f64).exp() - 1.0, 0.0, 2.0]);
    close("tanh", [(-1.5f64).tanh(), 0.0, 2f64.tanh()]);
    close("sigmoid", [1.0 / (1.0 + 1.5f64.exp()), 0.5, 1.0 / (1.0 + (-2f64).exp())]);
    close("softplus", [(-1.5f64).exp().ln_1p(), 2f64.ln(), 2f64.exp().ln_1p()]);
    close("exp", [(-1.5f64).exp(), 1.0, 2f64.exp()]);
}

#[test]
fn dropout_is_off_in_evaluation_and_batch_norm_uses_running_statistics() {
    assert_eq!(run("[[layer]]\ntype='dropout'\nrate=0.9", &[1.0, 2.0], &[]), [1.0, 2.0]);
    let normed = run("[[layer]]\ntype='batch-norm'", &[1.0, 2.0], &[&[2.0], &[1.0]]);
    assert!((normed[0] - 3.0).abs() < 1e-4 && (normed[1] - 5.0).abs() < 1e-4, "{normed:?}");
}

#[test]
fn batch_norm_moves_its_running_statistics_by_a_tenth() {
    let plan = Plan::new(&net("[[layer]]\ntype='batch-norm'"), 4, 14, 5).unwrap();
    let (batch, weights) = (random_batch(4, 14, 8), Weights::initial(&plan, 1));
    let labels: Vec<&[f64]> = LABELS.iter().map(|row| row.as_slice()).collect();
    let device = cpu().device.autodiff();
    let mode = Mode::Train { seed: 1, step: 0 };
    let found = gradients(&plan, &weights, &three_tasks(), &batch, &labels, mode, &device).unwrap();
    let x = batch.one_hot();
    let a: Vec<f64> = (0..4).flat_map(|i| x[i * 56..i * 56 + 14].iter().map(|&v| f64::from(v))).collect();
    let mean = a.iter().sum::<f64>() / 56.0;
    let variance = a.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 55.0;
    assert_eq!(found.buffers.iter().map(|(buffer, _)| *buffer).collect::<Vec<_>>(), [0, 1]);
    assert!((f64::from(found.buffers[0].1[0]) - 0.1 * mean).abs() < 1e-6);
    assert!((f64::from(found.buffers[1].1[0]) - 0.9 - 0.1 * variance).abs() < 1e-6);
}

#[test]
fn the_receptive_field_is_where_gradients_are() {
    let architecture = net("[[layer]]\ntype='conv1d'\nfilters=3\nwidth=5\npadding='valid'\n\
         [[layer]]\ntype='avg-pool1d'\nwidth=3\n[[layer]]\ntype='conv1d'\nfilters=1\nwidth=3\ndilation=2\npadding='valid'");
    let summary = architecture.summary(4, 60, 1).unwrap();
    assert_eq!(summary.receptive_field, 19);
    let plan = Plan::new(&architecture, 4, 60, 1).unwrap();
    let device = cpu().device.autodiff();
    let leaves = Leaves::frozen(&shaken(&plan, 2), &device);
    let x = input(&random_batch(1, 60, 1), &device).require_grad();
    let (y, _) = forward_steps(&plan.steps[..3], &leaves, x.clone(), Mode::Evaluate);
    let mut tape = y.narrow(2, 5, 1).sum().backward();
    let gradient = values(x.grad_remove(&mut tape).unwrap()).unwrap();
    let seen: Vec<usize> = (0..60).filter(|p| (0..4).any(|c| gradient[c * 60 + p] != 0.0)).collect();
    assert_eq!((seen.len(), seen[0], seen[18]), (19, 15, 33));
}

#[test]
fn the_fast_first_convolution_equals_the_general_one() {
    use basewise_core::{Alphabet, CasePolicy, Encoding};
    let device = cpu().device;
    for case in [CasePolicy::Ignore, CasePolicy::Channel] {
        let encoding = Encoding { alphabet: Alphabet::Dna, case };
        let mut batch = SequenceBatch::new(encoding, 14);
        [&b"ACGTNNacgtACGT"[..], b"TTT", b"aaaaaaaaaaaaaaGGG"].iter().for_each(|s| batch.push(s).unwrap());
        for keys in [
            "width=3",
            "width=4",
            "width=30",
            "width=5\nstride=3",
            "width=3\ndilation=4\nstride=2",
            "width=4\npadding='valid'",
            "width=3\npadding='valid'\nstride=4\ndilation=3",
            "width=1\nstride=5",
        ] {
            let architecture = net(&format!("[[layer]]\ntype='conv1d'\nfilters=3\n{keys}"));
            let plan = Plan::new(&architecture, encoding.channels(), 14, 1).unwrap();
            let leaves = Leaves::new(&shaken(&plan, 3), &device);
            let general = forward_steps(&plan.steps[..1], &leaves, input(&batch, &device), Mode::Evaluate).0;
            let fast = first::convolve(&plan.steps[0], &leaves, &batch, &device).unwrap();
            assert_eq!(general.dims(), fast.dims(), "{keys}");
            let (general, fast) = (values(general).unwrap(), values(fast).unwrap());
            assert!(general.iter().zip(&fast).all(|(a, b)| (a - b).abs() < 1e-5), "{keys}\n{general:?}\n{fast:?}");
        }
    }
}
