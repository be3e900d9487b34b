//! Gradients against finite differences, filters against the weights that they are made of.

use super::*;
use crate::Architecture;
use crate::Model;
use crate::model::values;
use crate::network::{Mode, forward};
use crate::testing::{DNA, cpu, net, profile_task, random_batch, three_tasks};
use basewise_core::{Alphabet, CasePolicy, Encoding, SequenceBatch};
use burn_tensor::{Tensor, TensorData};

const NET: &str = "
[[layer]]
type = 'conv1d'
filters = 6
width = 5
[[layer]]
type = 'silu'
[[layer]]
type = 'max-pool1d'
width = 2
[[layer]]
type = 'flatten'
[[layer]]
type = 'dense'
units = 4
[[layer]]
type = 'tanh'
";

fn model(encoding: Encoding) -> Model {
    Model::untrained(&net(NET), &three_tasks(), encoding, 12, 3, &cpu()).unwrap()
}

fn score(model: &Model, x: &[f32], output: usize) -> f64 {
    let shape = [1, x.len() / 12, 12];
    let x = Tensor::from_data(TensorData::new(x.to_vec(), shape), &model.device);
    f64::from(values(forward(&model.plan, &model.leaves(), x, &None, Mode::Evaluate).scores).unwrap()[output])
}

#[test]
fn saliency_matches_finite_differences_and_leaves_the_case_channel_out() {
    for case in [CasePolicy::Ignore, CasePolicy::Channel] {
        let encoding = Encoding { alphabet: Alphabet::Dna, case };
        let model = model(encoding);
        let mut batch = SequenceBatch::new(encoding, 12);
        batch.push(b"ACGTNNacgtAC").unwrap();
        batch.push(b"TTTTGACTCATT").unwrap();
        for output in [0, 4] {
            let gradient = saliency(&model, &batch, output).unwrap();
            assert_eq!(gradient.len(), 2 * 4 * 12);
            let size = encoding.channels() * 12;
            let x = &batch.one_hot()[size..];
            for at in 0..48 {
                let h = 1.0 / 256.0;
                let (mut up, mut down) = (x.to_vec(), x.to_vec());
                up[at] += h;
                down[at] -= h;
                let numeric = (score(&model, &up, output) - score(&model, &down, output)) / f64::from(2.0 * h);
                assert!((f64::from(gradient[48 + at]) - numeric).abs() < 2e-3, "{at}: {} {numeric}", gradient[48 + at]);
            }
        }
    }
}

#[test]
fn input_times_gradient_is_the_gradient_at_the_bases_that_are_there() {
    let model = model(DNA);
    let mut batch = SequenceBatch::new(DNA, 12);
    batch.push(b"ACGTNNACGTAC").unwrap();
    let gradient = saliency(&model, &batch, 1).unwrap();
    let mut product = gradient.clone();
    keep_bases(&mut product, &batch);
    for (at, (x, (g, p))) in batch.one_hot().iter().zip(gradient.iter().zip(&product)).enumerate() {
        assert_eq!(x * g, *p, "{at}");
    }
    assert!(product.iter().filter(|&&p| p != 0.0).count() <= 10);
}

#[test]
fn empty_batches_and_absent_outputs() {
    let model = model(DNA);
    assert!(saliency(&model, &SequenceBatch::new(DNA, 12), 0).unwrap().is_empty());
    let error = saliency(&model, &random_batch(1, 12, 1), 5).unwrap_err();
    assert_eq!(error.to_string(), "expected an output 0 to 4, found 5");
    assert!(saliency(&model, &random_batch(1, 11, 1), 0).is_err());
}

/// A model whose only filter scores `ACG`, one point a base.
fn acg(layers: &str) -> Model {
    let text = format!("[[layer]]\ntype='conv1d'\nfilters=2\nwidth=3\n{layers}\n[[layer]]\ntype='global-max-pool'");
    let mut model = Model::untrained(&net(&text), &three_tasks(), DNA, 8, 3, &cpu()).unwrap();
    model.weights.parameters[0].values.fill(0.0);
    // [filter, channel, position]: A at 0, C at 1, G at 2; the second filter is silent.
    for at in [0, 3 + 1, 6 + 2] {
        model.weights.parameters[0].values[at] = 1.0;
    }
    model.weights.parameters[1].values[1] = -1.0;
    model.to_device(&cpu())
}

#[test]
fn windows_are_where_the_filter_matches() {
    let model = acg("[[layer]]\ntype='relu'");
    let mut batch = SequenceBatch::new(DNA, 8);
    batch.push(b"ACGTTTTT").unwrap();
    batch.push(b"CGTTTACG").unwrap();
    batch.push(b"TTTTTTTA").unwrap();
    let layer = filter_windows(&model, &batch, 0.5).unwrap();
    assert_eq!((layer.width, layer.filters.len()), (3, 2));
    let windows: Vec<(usize, i64, f32)> =
        layer.filters[0].windows.iter().map(|w| (w.sequence, w.start, w.activation)).collect();
    // CG at the start of the second sequence matches two of three with A in the padding.
    assert_eq!(windows, [(0, 0, 3.0), (1, -1, 2.0), (1, 5, 3.0)]);
    assert_eq!(layer.filters[0].sequence_maxima, [3.0, 3.0, 0.0]);
    assert_eq!((layer.filters[1].max_activation, layer.filters[1].windows.len()), (0.0, 0));
    let shape = first_layer_shape(&model).unwrap();
    assert_eq!((shape.filters, shape.width, shape.pad_left), (2, 3, 1));
    let activations = first_layer_activations(&model, &batch).unwrap();
    assert_eq!((activations.filters, activations.length, activations.values.len()), (2, 8, 48));
    assert_eq!(activations.values[..8], [0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn a_batch_norm_before_the_activation_is_passed_through() {
    let batch = random_batch(3, 8, 1);
    let plain = first_layer_activations(&acg("[[layer]]\ntype='relu'"), &batch).unwrap();
    let normed = first_layer_activations(&acg("[[layer]]\ntype='batch-norm'\n[[layer]]\ntype='relu'"), &batch).unwrap();
    // Fresh running statistics divide by sqrt(1 + 1e-5).
    assert!(plain.values.iter().zip(&normed.values).all(|(a, b)| (a - b).abs() < 1e-4));
    let bare = first_layer_activations(&acg(""), &batch).unwrap();
    assert!(bare.values.iter().any(|&v| v < 0.0));
}

#[test]
fn filters_within_strands_are_those_of_the_given_strand() {
    let batch = random_batch(3, 8, 1);
    let within = |tail: &str| {
        let inner = "[[layer.layer]]\ntype='conv1d'\nfilters=2\nwidth=3\n[[layer.layer]]\ntype='relu'";
        let text = format!("[[layer]]\ntype='strands'\n{inner}\n{tail}");
        let mut model = Model::untrained(&net(&text), &three_tasks(), DNA, 8, 3, &cpu()).unwrap();
        for (array, plain) in model.weights.parameters.iter_mut().zip(&acg("").weights.parameters).take(2) {
            array.values.clone_from(&plain.values);
        }
        model.to_device(&cpu())
    };
    let model = within("[[layer]]\ntype='global-max-pool'");
    assert_eq!(first_layer_shape(&model).unwrap(), first_layer_shape(&acg("")).unwrap());
    let plain = acg("[[layer]]\ntype='relu'");
    assert_eq!(first_layer_activations(&model, &batch).unwrap(), first_layer_activations(&plain, &batch).unwrap());
    let windows = filter_windows(&model, &batch, 0.5).unwrap();
    assert_eq!(windows, filter_windows(&plain, &batch, 0.5).unwrap());
}

#[test]
fn an_empty_batch_and_another_first_layer() {
    let model = acg("");
    let empty = filter_windows(&model, &SequenceBatch::new(DNA, 8), 0.5).unwrap();
    assert!(empty.filters.iter().all(|f| f.windows.is_empty() && f.max_activation == 0.0));
    let flat = Model::untrained(&net("[[layer]]\ntype='flatten'"), &three_tasks(), DNA, 8, 3, &cpu()).unwrap();
    let error = filter_windows(&flat, &random_batch(1, 8, 1), 0.5).unwrap_err().to_string();
    assert!(error.contains("first layer is conv1d, found flatten"), "{error}");
}

/// Every preset at its full size, but not on its full length.
#[test]
fn contributions_of_all_presets_sum_to_the_change() {
    for (name, _) in Architecture::presets() {
        let architecture = Architecture::preset(name).unwrap();
        let length = if matches!(*name, "lstm" | "gru") { 60 } else { 240 };
        let tasks = if *name == "bpnet" { vec![profile_task("p")] } else { three_tasks() };
        let mut model = Model::untrained(&architecture, &tasks, DNA, length, 3, &cpu()).unwrap();
        // The heads of a profile begin at zero.
        for array in model.weights.parameters.iter_mut().filter(|array| array.name.starts_with("head")) {
            array.values.iter_mut().enumerate().for_each(|(i, value)| *value += 0.02 * (i % 7) as f32 - 0.05);
        }
        let batch = random_batch(1, length, 4);
        let references = References::Shuffled { count: 2, seed: 1 };
        let found = deeplift(&model, &batch, &references, 0).unwrap();
        let convergence = found.convergence();
        assert!(convergence.largest_relative < 1e-4, "{name}: {convergence:?}");
        assert!(found.deltas.iter().all(|delta| delta.size > 0.0), "{name}: {:?}", found.deltas);
        let worst = lossy_layer(&model, &batch, &references, 0, &found.deltas[0]).unwrap().unwrap();
        assert!(worst.relative < 1e-4, "{name}: {worst:?}");
        // The contributions of what is there are those that were added up.
        let sum: f64 = found.projected(&batch).iter().map(|&v| f64::from(v)).sum();
        let mean = found.deltas.iter().map(|delta| delta.sum).sum::<f64>() / 2.0;
        assert!((sum - mean).abs() < 1e-4 * found.deltas[0].size, "{name}: {sum} against {mean}");
    }
}

const LINEAR: &str = "
[[layer]]
type = 'conv1d'
filters = 3
width = 5
[[layer]]
type = 'avg-pool1d'
width = 2
";

/// Of a linear network all methods are the gradient, for any reference.
#[test]
fn methods_agree_on_a_linear_network() {
    let model = Model::untrained(&net(LINEAR), &three_tasks(), DNA, 12, 3, &cpu()).unwrap();
    let batch = random_batch(2, 12, 8);
    let mut gradient = saliency(&model, &batch, 4).unwrap();
    let close = |found: &Contributions, wanted: &[f32]| {
        found.hypothetical.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-5) && found.convergence().largest < 1e-5
    };
    let quiet = &mut |_| ();
    // To nothing the contribution of a base is the gradient, to a quarter of each the gradient less its mean.
    for (references, centred) in [(References::Zeros, false), (References::Uniform, true)] {
        if centred {
            centre_bases(&mut gradient, 12);
        }
        assert!(close(&deeplift(&model, &batch, &references, 4).unwrap(), &gradient));
        assert!(close(&integrated_gradients(&model, &batch, &references, 3, 4, quiet).unwrap(), &gradient));
        assert!(close(&expected_gradients(&model, &batch, &references, 1, 4, quiet).unwrap(), &gradient));
    }
}

#[test]
fn integrated_gradients_converge_and_expected_ones_repeat() {
    let (model, batch) = (model(DNA), random_batch(2, 12, 3));
    let references = References::Shuffled { count: 3, seed: 5 };
    let error = |steps| {
        let found = integrated_gradients(&model, &batch, &references, steps, 1, &mut |_| ()).unwrap();
        assert_eq!((found.hypothetical.len(), found.deltas.len()), (2 * 48, 6));
        found.convergence().largest
    };
    let (few, many) = (error(2), error(200));
    assert!(many < 1e-3 && many < few, "{few} {many}");
    let expected = |seed| expected_gradients(&model, &batch, &references, seed, 1, &mut |_| ()).unwrap();
    assert_eq!(expected(1), expected(1));
    assert_ne!(expected(1).hypothetical, expected(2).hypothetical);
    // Over many references they come near the mean of the ways.
    let many = References::Shuffled { count: 400, seed: 5 };
    let drawn = expected_gradients(&model, &batch, &many, 1, 1, &mut |_| ()).unwrap();
    assert!(drawn.deltas.iter().all(|delta| delta.error() < 0.1 * delta.size), "{:?}", drawn.deltas);
}

#[test]
fn covariates_and_marks_have_no_part_and_errors_are_named() {
    let architecture = net(&format!("{LINEAR}[[layer]]\ntype='flatten'\n[[layer]]\ntype='side-inputs'\n"));
    let model = crate::testing::untrained(&architecture, three_tasks(), crate::testing::three_covariates(), 12);
    let mut batch = SequenceBatch::new(DNA, 12);
    batch.push(b"ACGTNNACGTAC").unwrap();
    batch.push_covariates(&crate::testing::three_covariates(), [0.2, 30.0, 2012.0]);
    let references = References::Shuffled { count: 2, seed: 1 };
    let found = deeplift(&model, &batch, &references, 0).unwrap();
    assert!(found.convergence().largest < 1e-5);
    let encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Channel };
    let mut marked = SequenceBatch::new(encoding, 12);
    marked.push(b"ACGTNNacgtAC").unwrap();
    let found = deeplift(&self::model(encoding), &marked, &references, 0).unwrap();
    assert_eq!(found.hypothetical.len(), 48);
    assert!(found.convergence().largest < 1e-5);
    let model = self::model(DNA);
    let none = References::Shuffled { count: 0, seed: 1 };
    let error = deeplift(&model, &random_batch(1, 12, 1), &none, 0).unwrap_err().to_string();
    assert_eq!(error, "expected at least 1 reference for each sequence, found 0");
    let error = integrated_gradients(&model, &random_batch(1, 12, 1), &References::Zeros, 0, 0, &mut |_| ());
    assert_eq!(error.unwrap_err().to_string(), "expected at least 1 step, found 0");
    assert!(deeplift(&model, &SequenceBatch::new(DNA, 12), &references, 0).unwrap().hypothetical.is_empty());
}

#[test]
fn saliency_without_its_mean_sums_to_zero() {
    let mut gradient = saliency(&model(DNA), &random_batch(2, 12, 3), 0).unwrap();
    centre_bases(&mut gradient, 12);
    for one in gradient.chunks_exact(48) {
        for position in 0..12 {
            let sum: f32 = (0..4).map(|base| one[base * 12 + position]).sum();
            assert!(sum.abs() < 1e-6);
        }
    }
}
