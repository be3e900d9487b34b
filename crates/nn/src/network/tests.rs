//! The plan of a tree, values of layers by hand, modes, and the gradients of a training step.

use super::*;
use crate::architecture::{Layer, Shape};
use crate::loss::loss_and_gradient;
use crate::model::values;
use crate::testing::{DNA, cpu, net, random_batch, three_tasks};
use crate::train::gradients;
use basewise_core::random::{normal, stream};
use basewise_core::{Matrix, Predict, SequenceBatch};
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

/// One training step against the reference: the gather of the first convolution, the loss and its gradient included.
#[test]
fn the_gradients_of_a_training_step_are_those_of_the_loss() {
    let tails = ["[[layer]]\ntype='tanh'\n", "[[layer]]\ntype='batch-norm'\n[[layer]]\ntype='dropout'\nrate=0.4"];
    for (tail, keys) in tails.into_iter().flat_map(|tail| {
        ["width=5", "width=4\nstride=2", "width=3\ndilation=4", "width=6\npadding='valid'"].map(|keys| (tail, keys))
    }) {
        let text = format!("[[layer]]\ntype='conv1d'\nfilters=4\n{keys}\n{tail}");
        let plan = Plan::new(&net(&text), 4, 14, 5).unwrap();
        let mode = Mode::Train { seed: 4, step: 2 };
        let mut case = check::Case::random(plan, 4, mode, 5);
        let batch = random_batch(4, 14, 8);
        case.x = batch.one_hot();
        let labels: Vec<&[f64]> = LABELS.iter().map(|row| row.as_slice()).collect();
        let scores = case.scores().iter().map(|&score| score as f32).collect();
        let (sums, slopes) = loss_and_gradient(&three_tasks(), &Matrix::new(4, 5, scores), &labels);
        case.slopes = slopes;
        let device = cpu().device.autodiff();
        let found = gradients(&case.plan, &case.weights, &three_tasks(), &batch, &labels, mode, &device).unwrap();
        assert!((found.sums.mean() - sums.mean()).abs() < 1e-5 * sums.mean(), "{text}");
        let agreement = check::gradients(&case, &found.parameters, None);
        assert!(agreement.worst < 1e-3 && agreement.compared > 50, "{text}\n{agreement:#?}");
    }
}

/// The layers of `toml` on one example of one channel, by evaluation with the given weights.
fn run(toml: &str, x: &[f32], parameters: &[&[f32]]) -> Vec<f32> {
    let plan = Plan::without_head(&net(toml), 1, x.len()).unwrap();
    let mut weights = Weights::initial(&plan, 1);
    for (array, values) in weights.parameters.iter_mut().zip(parameters) {
        array.values.copy_from_slice(values);
    }
    let device = cpu().device;
    let leaves = Leaves::new(&weights, &device);
    let x = Tensor::from_data(TensorData::new(x.to_vec(), [1, 1, x.len()]), &device);
    values(forward(&plan, &leaves, x, &None, Mode::Evaluate).scores).unwrap()
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
    assert_eq!(run("[[layer]]\ntype='crop'\nleft=1\nright=2", &x, &[]), [2.0, 3.0]);
    let residual = "[[layer]]\ntype='residual'\n[[layer.layer]]\ntype='conv1d'\nfilters=1\nwidth=3";
    assert_eq!(run(residual, &x, w), [211.5, 323.5, 435.5, 547.5, 59.5]);
    let concat = "[[layer]]\ntype='concat'\n[[layer.branch]]\n[[layer.branch.layer]]\ntype='global-max-pool'\n\
                  [[layer.branch]]\n[[layer.branch.layer]]\ntype='global-avg-pool'";
    assert_eq!(run(concat, &x, &[]), [5.0, 3.0]);
    let beside = "[[layer]]\ntype='concat'\n[[layer.branch]]\n[[layer.branch]]\n[[layer.branch.layer]]\ntype='relu'";
    assert_eq!(run(beside, &[-1.0, 2.0], &[]), [-1.0, 2.0, 0.0, 2.0]);
    assert_eq!(run("[[layer]]\ntype='upsample'\nfactor=2", &[3.0, 4.0], &[]), [3.0, 3.0, 4.0, 4.0]);
    assert_eq!(run("[[layer]]\ntype='softmax'", &x, &[]), [1.0; 5]);
    assert_eq!(run("[[layer]]\ntype='layer-norm'", &x, &[&[2.0], &[0.5]]), [0.5; 5]);
    let norm = run("[[layer]]\ntype='rms-norm'", &[-3.0, 0.0, 5.0], &[&[2.0]]);
    assert!(norm.iter().zip([-2.0, 0.0, 2.0]).all(|(a, b)| (a - b).abs() < 1e-5), "{norm:?}");
    // Weights of 1 to 2 for scores of 0 to ln 2, and the last position in no window.
    let pool = run("[[layer]]\ntype='attention-pool'\nwidth=2", &[0.0, 1.0, 4.0, 4.0, 9.0], &[&[2f32.ln()]]);
    assert!((pool[0] - 2.0 / 3.0).abs() < 1e-6 && pool[1..] == [4.0], "{pool:?}");
    assert_eq!(run("[[layer]]\ntype='attention-pool'", &x, &[&[0.0]]), [3.0]);
    // Without queries every position gathers the mean of the values.
    let one: &[f32] = &[1.0];
    let zero: &[f32] = &[0.0];
    let gathered = run("[[layer]]\ntype='self-attention'\nheads=1", &x, &[zero, zero, one, zero, one, one, one, one]);
    assert!(gathered.iter().all(|y| (y - 5.0).abs() < 1e-6), "{gathered:?}");
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
    let (y, _) = forward_steps(&plan.steps[..3], &leaves, x.clone(), &None, Mode::Evaluate);
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
            let general = forward_steps(&plan.steps[..1], &leaves, input(&batch, &device), &None, Mode::Evaluate).0;
            let fast = first::convolve(&plan.steps[0], &leaves, &batch, &device).unwrap();
            assert_eq!(general.dims(), fast.dims(), "{keys}");
            let (general, fast) = (values(general).unwrap(), values(fast).unwrap());
            assert!(general.iter().zip(&fast).all(|(a, b)| (a - b).abs() < 1e-5), "{keys}\n{general:?}\n{fast:?}");
        }
    }
}

const TREE: &str = "
[[layer]]
type = 'conv1d'
filters = 6
width = 5
[[layer]]
type = 'residual'
[[layer.layer]]
type = 'batch-norm'
[[layer.layer]]
type = 'residual'
[[layer.layer.layer]]
type = 'conv1d'
filters = 6
width = 3
dilation = 2
[[layer]]
type = 'relu'
[[layer]]
type = 'concat'
[[layer.branch]]
[[layer.branch]]
[[layer.branch.layer]]
type = 'dropout'
rate = 0.3
[[layer.branch.layer]]
type = 'gru'
units = 2
bidirectional = true
[[layer]]
type = 'lstm'
units = 3
last = true
";

#[test]
fn steps_are_numbered_and_named_over_the_whole_tree() {
    let plan = Plan::new(&net(TREE), 4, 12, 2).unwrap();
    let steps: Vec<(usize, &str, usize, usize)> =
        plan.steps_deep().map(|step| (step.number, step.name.as_str(), step.parameter, step.buffer)).collect();
    let expected = [
        (0, "layer1", 0, 0),
        (1, "layer2", 2, 0),
        (2, "layer2.1", 2, 0),
        (3, "layer2.2", 4, 2),
        (4, "layer2.2.1", 4, 2),
        (5, "layer3", 6, 2),
        (6, "layer4", 6, 2),
        (7, "layer4.b2.1", 6, 2),
        (8, "layer4.b2.2", 6, 2),
        (9, "layer5", 14, 2),
        (10, "flatten", 17, 2),
        (11, "head", 17, 2),
    ];
    assert_eq!(steps, expected);
    assert_eq!(plan.steps[3].inner.iter().map(Vec::len).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(plan.steps[3].output, Shape { channels: 10, length: 12 });
    let specs: Vec<(&str, &[usize], Init)> =
        plan.parameters.iter().map(|spec| (spec.name.as_str(), spec.shape.as_slice(), spec.init)).collect();
    // The rectifier behind the residual layers is what the convolution within them feeds.
    assert_eq!(specs[4], ("layer2.2.1.weight", &[6, 6, 3][..], Init::He { fan_in: 18 }));
    let uniform = Init::Recurrent { units: 2 };
    assert_eq!(specs[6], ("layer4.b2.2.input_weight", &[6, 6][..], uniform));
    assert_eq!(specs[7], ("layer4.b2.2.hidden_weight", &[2, 6][..], uniform));
    assert_eq!(specs[8], ("layer4.b2.2.bias", &[6][..], Init::Constant(0.0)));
    assert_eq!(specs[9], ("layer4.b2.2.hidden_bias", &[6][..], Init::Constant(0.0)));
    assert_eq!(specs[13].0, "layer4.b2.2.hidden_bias_reverse");
    assert_eq!(specs[16], ("layer5.bias", &[12][..], Init::ForgetGate { units: 3 }));
    let total: usize = plan.parameters.iter().map(Spec::size).sum();
    assert_eq!(total, net(TREE).summary(4, 12, 2).unwrap().parameters);
    assert_eq!(plan.buffers[1].name, "layer2.1.variance");
}

#[test]
fn recurrent_layers_start_with_an_open_forget_gate() {
    let plan = Plan::new(&net(TREE), 4, 12, 2).unwrap();
    let weights = Weights::initial(&plan, 1);
    let bias: Vec<f32> = [vec![0.0; 3], vec![1.0; 3], vec![0.0; 6]].concat();
    assert_eq!(weights.parameters[16].values, bias);
    let drawn = &weights.parameters[14].values;
    let bound = 1.0 / 3f32.sqrt();
    assert!(drawn.iter().all(|v| v.abs() <= bound) && drawn.iter().any(|v| v.abs() > 0.9 * bound));
}

#[test]
fn without_a_head_the_scores_are_the_last_layer() {
    let text = "[[layer]]\ntype='crop'\nleft=1";
    let plan = Plan::without_head(&net(text), 2, 3).unwrap();
    assert_eq!((plan.outputs, plan.steps.len(), plan.parameters.len()), (4, 1, 0));
    let device = cpu().device;
    let leaves = Leaves::new(&Weights::initial(&plan, 1), &device);
    let x = Tensor::from_data(TensorData::new(vec![1f32, 2.0, 3.0, 4.0, 5.0, 6.0], [1, 2, 3]), &device);
    assert_eq!(values(forward(&plan, &leaves, x, &None, Mode::Evaluate).scores).unwrap(), [2.0, 3.0, 5.0, 6.0]);
    assert_eq!(Plan::without_head(&net("layer = []"), 2, 3).unwrap().outputs, 6);
}

/// Both directions of a recurrent layer of 3 units on two channels and four positions, with arrays of sines, computed
/// with PyTorch 2.15 in double precision.
#[test]
fn recurrent_layers_follow_pytorch() {
    let lstm = [
        0.1221652, 0.154606, 0.1603267, 0.1349332, 0.0093562, -0.0070109, -0.039126, -0.0592688, -0.1228797,
        -0.2095413, -0.2389455, -0.2237838, -0.2833351, -0.2294576, -0.1451152, -0.0665134, -0.2520532, -0.1930269,
        -0.1063473, -0.0502033, 0.0632024, 0.0605221, 0.0470031, 0.0183128,
    ];
    let gru = [
        0.6438457, 0.7465384, 0.5647007, 0.3265479, 0.4699538, 0.4637858, 0.2107873, 0.0528667, -0.0032132, -0.0777376,
        -0.1923407, -0.283386, -0.4756103, -0.3951537, -0.2911258, -0.1757797, -0.1963025, 0.062251, 0.4802895,
        0.6505618, 0.0359635, 0.3618095, 0.7774178, 0.8197902,
    ];
    for (kind, want) in [("lstm", lstm), ("gru", gru)] {
        for last in [false, true] {
            let text = format!("[[layer]]\ntype='{kind}'\nunits=3\nbidirectional=true\nlast={last}");
            let plan = Plan::without_head(&net(&text), 2, 4).unwrap();
            let mut case = check::Case::random(plan, 1, Mode::Evaluate, 1);
            for (k, array) in case.weights.parameters.iter_mut().enumerate() {
                for (i, value) in array.values.iter_mut().enumerate() {
                    *value = (0.6 * ((1 + i + 7 * k) as f64).sin()) as f32;
                }
            }
            case.x = (0..8).map(|i| f64::from(3 * (i / 4) + i % 4).cos() as f32).collect();
            let device = cpu().device;
            let x = Tensor::from_data(TensorData::new(case.x.clone(), [1, 2, 4]), &device);
            let leaves = Leaves::new(&case.weights, &device);
            let found = values(forward(&case.plan, &leaves, x, &None, Mode::Evaluate).scores).unwrap();
            // A direction's last state is at the last position, or at the first in reverse.
            let want: Vec<f64> = match last {
                false => want.to_vec(),
                true => (0..6).map(|unit| want[unit * 4 + if unit < 3 { 3 } else { 0 }]).collect(),
            };
            let near = |found: f64, want: f64| (found - want).abs() < 1e-6;
            assert!(found.iter().zip(&want).all(|(f, w)| near(f64::from(*f), *w)), "{kind} {last}: {found:?}");
            assert!(case.scores().iter().zip(&want).all(|(f, w)| near(*f, *w)), "{kind} {last}: {:?}", case.scores());
        }
    }
}

#[test]
fn a_tree_is_saved_and_loaded_with_all_its_arrays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.safetensors");
    let model = crate::Model::untrained(&net(TREE), &three_tasks(), DNA, 12, 3, &cpu()).unwrap();
    model.save(&path).unwrap();
    let loaded = crate::Model::load(&path).unwrap();
    assert_eq!(loaded.digest(), model.digest());
    assert_eq!(loaded.architecture(), model.architecture());
    let batch = random_batch(5, 12, 1);
    assert_eq!(loaded.predict(&batch).unwrap(), model.predict(&batch).unwrap());
}

/// A value of the last step depends on as many positions, from the first to the last one, as the summary says.
#[test]
fn the_receptive_field_of_a_tree_is_where_gradients_are() {
    let conv = |width, dilation| Layer::Conv1d {
        filters: 4,
        width,
        stride: 1,
        dilation,
        groups: 1,
        padding: crate::Padding::Same,
    };
    let shifted = |left, right| vec![Layer::AvgPool1d { width: 2, stride: Some(1) }, Layer::Crop { left, right }];
    let architecture = crate::Architecture::new(vec![
        conv(4, 1),
        Layer::Residual { layers: vec![conv(2, 5), Layer::Residual { layers: vec![conv(3, 1), Layer::Tanh] }] },
        Layer::Concat { branches: vec![shifted(6, 0), shifted(0, 6), vec![Layer::Crop { left: 5, right: 2 }]] },
        Layer::AvgPool1d { width: 3, stride: None },
    ]);
    let summary = architecture.summary(4, 80, 1).unwrap();
    let plan = Plan::without_head(&architecture, 4, 80).unwrap();
    let device = cpu().device.autodiff();
    let leaves = Leaves::frozen(&shaken(&plan, 2), &device);
    let x = input(&random_batch(1, 80, 1), &device).require_grad();
    let (y, _) = forward_steps(&plan.steps, &leaves, x.clone(), &None, Mode::Evaluate);
    let mut tape = y.narrow(2, 11, 1).sum().backward();
    let gradient = values(x.grad_remove(&mut tape).unwrap()).unwrap();
    let seen: Vec<usize> = (0..80).filter(|p| (0..4).any(|c| gradient[c * 80 + p] != 0.0)).collect();
    assert_eq!(summary.receptive_field, seen[seen.len() - 1] - seen[0] + 1);
}
