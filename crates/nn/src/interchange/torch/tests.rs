//! Round trips, matching, maps, and files that do not fit.

use super::*;
use crate::architecture::{Architecture, Layer, Padding, type_names};
use crate::model::Model;
use crate::network::golden_tests as golden;
use crate::network::gradient_tests::random_layer;
use crate::testing::{
    DNA, cpu, net, profile_control, profile_task, random_batch, task, three_covariates, three_tasks, untrained,
};
use basewise_core::random::{normal, stream};
use basewise_core::{Predict, SequenceBatch, TaskKind};

fn purpose(length: usize) -> Purpose {
    Purpose { tasks: three_tasks(), encoding: DNA, length, covariates: Vec::new(), control: None }
}

/// A model in which no number is 0.
fn model(architecture: &Architecture, length: usize, seed: u64) -> Model {
    filled(Model::untrained(architecture, &three_tasks(), DNA, length, seed, &cpu()).unwrap(), seed)
}

fn fresh(architecture: &Architecture, purpose: &Purpose) -> Model {
    let Purpose { tasks, encoding, length, covariates, control } = purpose.clone();
    let purpose = crate::model::Purpose { tasks, encoding, length, covariates, control, training: None };
    Model::fresh(architecture, purpose, 5, &cpu()).unwrap()
}

fn filled(model: Model, seed: u64) -> Model {
    let mut weights = model.weights.clone();
    let mut rng = stream(seed, "test weights", &[]);
    for array in weights.parameters.iter_mut().chain(&mut weights.buffers) {
        for value in &mut array.values {
            *value += 0.3 + 0.1 * normal(&mut rng).abs() as f32;
        }
    }
    model.with_weights(weights)
}

/// The layer on an input of its own shape, which a narrow convolution makes of a sequence.
fn around(layer: Layer, [channels, length]: [usize; 2]) -> (Architecture, usize) {
    let conv = Layer::Conv1d { filters: channels, width: 1, stride: 1, dilation: 1, groups: 1, padding: Padding::Same };
    (Architecture::new(vec![conv, layer]), length)
}

#[test]
fn every_layer_comes_back_bit_for_bit() {
    for name in type_names() {
        for seed in 0..8 {
            let (layer, shape) = random_layer(name, &mut stream(seed, "test shape", &[]));
            // Strands stand nowhere but first.
            let first = matches!(layer, Layer::Strands { .. });
            let (architecture, length) =
                if first { (Architecture::new(vec![layer]), shape[1]) } else { around(layer, shape) };
            let covariates = if name == "side-inputs" { three_covariates() } else { Vec::new() };
            let control = (name == "control-signal").then(profile_control);
            let purpose = Purpose { covariates, control, ..purpose(length) };
            let model = filled(fresh(&architecture, &purpose), seed);
            let arrays = export(&model);
            for (order, in_order) in [(false, true), (true, false)] {
                let mut arrays = arrays.clone();
                if order {
                    // As safetensors files come: by name.
                    arrays.sort_by(|a, b| a.name.cmp(&b.name));
                }
                let options = ImportOptions { in_order, ..ImportOptions::default() };
                let imported = import(&architecture, &purpose, &arrays, &options).unwrap();
                assert_eq!(imported.model.digest(), model.digest(), "{architecture:?}");
                assert!(imported.absent.is_empty(), "{:?}", imported.absent);
                assert!(imported.matches.iter().all(|matched| !matched.uncertain));
            }
        }
    }
}

/// `tests/golden/presets/make.py` builds every network of `torch.nn` modules under our names and checks that they give the
/// golden scores; an export has exactly their state dict, and comes back as it was.
#[test]
fn exports_are_the_state_dicts_of_pytorch() {
    for case in golden::networks() {
        let covariates = golden::covariates(&case.architecture);
        let golden::Case { tasks, length, control, .. } = case;
        let purpose = Purpose { tasks, encoding: DNA, length, covariates, control };
        let model = fresh(&case.architecture, &purpose);
        let weights = golden::weights(&model.plan);
        let model = model.with_weights(weights);
        let arrays = export(&model);
        assert_eq!(arrays.len(), case.state_dict.len(), "{}", case.name);
        for (array, (name, shape, sum)) in arrays.iter().zip(&case.state_dict) {
            assert_eq!((&array.name, &array.shape), (name, shape), "{}", case.name);
            let values = array.values.iter().enumerate();
            let found: f64 = values.map(|(i, value)| (i % 89 + 1) as f64 * f64::from(*value)).sum();
            assert!((found - sum).abs() < 1e-6, "{}: {name}: {found} against {sum}", case.name);
        }
        let imported = import(&case.architecture, &purpose, &arrays, &ImportOptions::default()).unwrap();
        assert_eq!(imported.model.digest(), model.digest(), "{}", case.name);
    }
}

#[test]
fn several_heads_come_back() {
    let architecture = net("[[layer]]\ntype = 'conv1d'\nfilters = 3\nwidth = 5\n");
    let tasks = vec![profile_task("a"), task("b", TaskKind::Counts), profile_task("c")];
    let model = filled(untrained(&architecture, tasks.clone(), three_covariates(), 30), 3);
    let purpose = Purpose { tasks, encoding: DNA, length: 30, covariates: three_covariates(), control: None };
    let imported = import(&architecture, &purpose, &export(&model), &ImportOptions::default()).unwrap();
    assert_eq!(imported.model.digest(), model.digest());
}

/// One block of `TransformerEncoderLayer(4, 2, 6, norm_first=True)`.
const ENCODER: &str = "
[[layer]]
type = 'residual'
[[layer.layer]]
type = 'layer-norm'
[[layer.layer]]
type = 'self-attention'
heads = 2
[[layer]]
type = 'residual'
[[layer.layer]]
type = 'layer-norm'
[[layer.layer]]
type = 'conv1d'
filters = 6
width = 1
[[layer.layer]]
type = 'relu'
[[layer.layer]]
type = 'conv1d'
filters = 4
width = 1
[[layer]]
type = 'global-avg-pool'
";

#[test]
fn one_array_of_queries_keys_and_values_is_taken_apart() {
    let arrays = [
        counted("self_attn.in_proj_weight", &[12, 4]),
        counted("self_attn.in_proj_bias", &[12]),
        counted("self_attn.out_proj.weight", &[4, 4]),
        counted("self_attn.out_proj.bias", &[4]),
        counted("linear1.weight", &[6, 4]),
        counted("linear1.bias", &[6]),
        counted("linear2.weight", &[4, 6]),
        counted("linear2.bias", &[4]),
        counted("norm1.weight", &[4]),
        counted("norm1.bias", &[4]),
        counted("norm2.weight", &[4]),
        counted("norm2.bias", &[4]),
        counted("head.weight", &[5, 4]),
        counted("head.bias", &[5]),
    ];
    let result = import(&net(ENCODER), &purpose(9), &arrays, &ImportOptions::default()).unwrap();
    let pairs: Vec<String> = result.matches.iter().map(ToString::to_string).collect();
    assert_eq!(pairs[1], "layer1.2 (self-attention 2) = self_attn");
    assert_eq!(pairs[2], "layer1.2.out_proj (self-attention 2) = self_attn.out_proj");
    assert_eq!(pairs[4], "layer2.2 (conv1d 6 x 1) = linear1");
    // Row 2 of the keys, which is row 6 of the array, is column 2 of ours.
    let array = |name: &str| &result.model.weights.parameters.iter().find(|array| array.name == name).unwrap().values;
    assert_eq!(array("layer1.2.key_weight")[4 + 2], arrays[0].values[6 * 4 + 1]);
    assert_eq!(array("layer1.2.value_bias")[3], arrays[1].values[11]);
    assert_eq!(array("layer1.2.output_weight")[4 + 2], arrays[2].values[2 * 4 + 1]);
    let without = [&arrays[..1], &arrays[2..]].concat();
    let result = import(&net(ENCODER), &purpose(9), &without, &ImportOptions::default()).unwrap();
    assert_eq!(result.absent[0], "layer1.2.in_proj_bias = 0");
}

#[test]
fn exported_names_and_shapes_are_those_of_pytorch() {
    let text = "
[[layer]]
type = 'conv1d'
filters = 6
width = 5
groups = 2
[[layer]]
type = 'concat'
[[layer.branch]]
[[layer.branch.layer]]
type = 'batch-norm'
[[layer.branch]]
[[layer.branch.layer]]
type = 'gru'
units = 2
bidirectional = true
";
    let architecture = net(text);
    let model = Model::untrained(&architecture, &three_tasks(), DNA, 7, 1, &cpu()).unwrap();
    let shapes: Vec<String> = export(&model).iter().map(|a| format!("{} {:?}", a.name, a.shape)).collect();
    assert_eq!(
        shapes,
        [
            "layer1.weight [6, 2, 5]",
            "layer1.bias [6]",
            "layer2.b1.1.weight [6]",
            "layer2.b1.1.bias [6]",
            "layer2.b1.1.running_mean [6]",
            "layer2.b1.1.running_var [6]",
            "layer2.b2.1.weight_ih_l0 [6, 6]",
            "layer2.b2.1.weight_hh_l0 [6, 2]",
            "layer2.b2.1.bias_ih_l0 [6]",
            "layer2.b2.1.bias_hh_l0 [6]",
            "layer2.b2.1.weight_ih_l0_reverse [6, 6]",
            "layer2.b2.1.weight_hh_l0_reverse [6, 2]",
            "layer2.b2.1.bias_ih_l0_reverse [6]",
            "layer2.b2.1.bias_hh_l0_reverse [6]",
            "head.weight [5, 70]",
            "head.bias [5]",
        ]
    );
    let (ours, theirs) = (&model.weights.parameters, export(&model));
    let head = &ours.last_chunk::<2>().unwrap()[0].values;
    assert_eq!((theirs[14].values[1], theirs[14].values[70]), (head[5], head[1]));
}

fn array(name: &str, shape: &[usize], values: Vec<f32>) -> StateArray {
    assert_eq!(values.len(), shape.iter().product::<usize>());
    StateArray { name: name.into(), shape: shape.to_vec(), values }
}

/// An array of small numbers in order.
fn counted(name: &str, shape: &[usize]) -> StateArray {
    let size = shape.iter().product();
    array(name, shape, (0..size).map(|i| i as f32 / 8.0).collect())
}

const TWO_CONVS: &str = "
[[layer]]
type = 'conv1d'
filters = 4
width = 3
[[layer]]
type = 'relu'
[[layer]]
type = 'conv1d'
filters = 4
width = 3
[[layer]]
type = 'global-avg-pool'
";

fn two_convs(first: &str, second: &str) -> Vec<StateArray> {
    vec![
        counted(&format!("{first}.weight"), &[4, 4, 3]),
        array(&format!("{second}.weight"), &[4, 4, 3], vec![2.0; 48]),
        counted("fc.weight", &[5, 4]),
        counted("fc.bias", &[5]),
    ]
}

fn imported(arrays: &[StateArray], options: &ImportOptions) -> Result<Imported, String> {
    import(&net(TWO_CONVS), &purpose(9), arrays, options).map_err(|error| error.to_string())
}

fn mapped(pairs: &[(&str, &str)]) -> ImportOptions {
    let map = pairs.iter().map(|(ours, theirs)| ((*ours).to_owned(), (*theirs).to_owned())).collect();
    ImportOptions { map, ..ImportOptions::default() }
}

#[test]
fn layers_take_the_first_module_that_fits() {
    let result = imported(&two_convs("a", "b"), &ImportOptions::default()).unwrap();
    let pairs: Vec<String> = result.matches.iter().map(ToString::to_string).collect();
    assert_eq!(pairs, ["layer1 (conv1d 4 x 3) = a", "layer3 (conv1d 4 x 3) = b", "head (dense 5) = fc"]);
    assert_eq!(result.absent, ["layer1.bias = 0", "layer3.bias = 0"]);
    assert!(result.matches.iter().all(|m| !m.uncertain));
    assert_eq!(result.model.weights.parameters[2].values, [2.0; 48]);
}

#[test]
fn an_order_of_names_alone_is_uncertain_unless_they_are_numbered() {
    let unordered = ImportOptions { in_order: false, ..ImportOptions::default() };
    let uncertain = |first: &str, second: &str| -> Vec<bool> {
        let result = imported(&two_convs(first, second), &unordered).unwrap();
        result.matches.iter().map(|m| m.uncertain).collect()
    };
    assert_eq!(uncertain("conv1", "conv2"), [false, false, false]);
    assert_eq!(uncertain("0", "12"), [false, false, false]);
    assert_eq!(uncertain("decode", "encode"), [true, false, false]);
}

#[test]
fn a_map_names_modules_or_arrays() {
    let swapped = imported(&two_convs("a", "b"), &mapped(&[("layer3", "a")])).unwrap();
    assert_eq!(swapped.matches[0].module, "b");
    assert_eq!(swapped.model.weights.parameters[0].values, [2.0; 48]);
    let mut arrays = two_convs("a", "b");
    arrays[1].name = "kernel".into();
    arrays.push(counted("kernel_bias", &[4]));
    let by_array = mapped(&[("layer3.weight", "kernel"), ("layer3.bias", "kernel_bias")]);
    let result = imported(&arrays, &by_array).unwrap();
    assert_eq!(result.matches[1].module, "kernel + kernel_bias");
    assert_eq!(result.model.weights.parameters[3].values, [0.0, 0.125, 0.25, 0.375]);
    let fails = |pairs: &[(&str, &str)]| imported(&two_convs("a", "b"), &mapped(pairs)).unwrap_err();
    assert!(fails(&[("layer2", "a")]).contains("found \"layer2\"; did you mean"));
    assert!(fails(&[("layer1", "fc1")]).contains("no module \"fc1\"; did you mean \"fc\"?"));
    assert!(fails(&[("layer1", "fc")]).contains("weight [4, 4, 3], bias [4], found fc: weight [5, 4]"));
    assert!(fails(&[("layer1.bias", "fc.bias")]).contains("expected layer1.weight too"));
    assert!(fails(&[("layer1.weight", "fc.weight")]).contains("expected [4, 4, 3], found fc.weight [5, 4]"));
    assert!(fails(&[("layer1.weight", "x")]).contains("no array \"x\""));
}

#[test]
fn what_is_left_over_is_listed_on_both_sides() {
    let mut arrays = two_convs("a", "b");
    arrays[1].shape = vec![4, 3, 4];
    let error = imported(&arrays, &ImportOptions::default()).unwrap_err();
    assert!(error.contains("of the network: layer3 (conv1d 4 x 3): weight [4, 4, 3], bias [4]"), "{error}");
    assert!(error.contains("of the file: b: weight [4, 3, 4]"), "{error}");
    arrays = two_convs("a", "b");
    arrays.push(counted("extra.running_mean", &[3]));
    let error = imported(&arrays, &ImportOptions::default()).unwrap_err();
    assert!(
        error.contains("of the network: none") && error.contains("of the file: extra: running_mean [3]"),
        "{error}"
    );
    assert!(imported(&[], &ImportOptions::default()).unwrap_err().contains("of the file: none"));
    // A module of the right shapes with one array more is another kind of layer.
    arrays = two_convs("a", "b");
    arrays.push(counted("b.gain", &[1]));
    assert!(imported(&arrays, &ImportOptions::default()).unwrap_err().contains("gain [1]"));
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    let mut arrays = two_convs("a", "b");
    arrays[2].values[7] = f32::INFINITY;
    let error = imported(&arrays, &ImportOptions::default()).unwrap_err();
    assert_eq!(error, "array \"fc.weight\": value 7 is not finite");
}

#[test]
fn filters_of_two_dimensions_are_read() {
    for shape in [[4, 4, 1, 3], [4, 4, 3, 1], [4, 1, 4, 3]] {
        let mut arrays = two_convs("a", "b");
        arrays[0].shape = shape.to_vec();
        let result = imported(&arrays, &ImportOptions::default()).unwrap();
        assert_eq!(result.model.weights.parameters[0].values, arrays[0].values, "{shape:?}");
    }
}

#[test]
fn both_biases_of_an_lstm_are_added_and_levels_are_layers() {
    let one = "[[layer]]\ntype = 'lstm'\nunits = 2\n";
    let architecture = net(&format!("{one}{one}[[layer]]\ntype = 'global-avg-pool'"));
    let arrays = [
        counted("rnn.weight_ih_l0", &[8, 4]),
        counted("rnn.weight_hh_l0", &[8, 2]),
        array("rnn.bias_ih_l0", &[8], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, -0.0]),
        array("rnn.bias_hh_l0", &[8], vec![0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.0, 0.0]),
        counted("rnn.weight_ih_l1", &[8, 2]),
        counted("rnn.weight_hh_l1", &[8, 2]),
        counted("out.weight", &[5, 2]),
    ];
    let result = import(&architecture, &purpose(6), &arrays, &ImportOptions::default()).unwrap();
    assert_eq!(result.matches.iter().map(|m| m.module.as_str()).collect::<Vec<_>>(), ["rnn", "rnn.l1", "out"]);
    assert_eq!(
        result.absent,
        ["layer2.bias = 0", "head.bias = 0"].map(|text| text.replace("layer2.bias", "layer2.bias_ih_l0"))
    );
    let parameters = &result.model.weights.parameters;
    assert_eq!(parameters[2].values[..7], [1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.0]);
    assert!(parameters[2].values[7].is_sign_negative());
    // Row 1 of theirs is column 1 of ours.
    assert_eq!(parameters[0].values[1], arrays[0].values[4]);
}

/// `batch` with the letters renamed, so that channel `k` of ours carries what is `order[k]` elsewhere.
fn renamed(batch: &SequenceBatch, order: [u8; 4]) -> SequenceBatch {
    let mut out = SequenceBatch::new(DNA, batch.length());
    for i in 0..batch.len() {
        let letters: Vec<u8> = batch.sequence(i).iter().map(|code| order[usize::from(code.base())]).collect();
        out.push(&letters).unwrap();
    }
    out
}

#[test]
fn another_order_of_channels_is_undone() {
    let lstm = "[[layer]]\ntype = 'lstm'\nunits = 3\nbidirectional = true\n[[layer]]\ntype = 'flatten'\n";
    let concat = "[[layer]]\ntype = 'concat'\n[[layer.branch]]\n[[layer.branch.layer]]\ntype = 'dropout'\nrate = 0.5\n\
                  [[layer.branch.layer]]\ntype = 'conv1d'\nfilters = 2\nwidth = 4\n[[layer.branch]]\n\
                  [[layer.branch.layer]]\ntype = 'gru'\nunits = 2\n";
    let flat = "[[layer]]\ntype = 'flatten'\n[[layer]]\ntype = 'dense'\nunits = 3\n";
    let strands = "[[layer]]\ntype = 'strands'\n[[layer.layer]]\ntype = 'conv1d'\nfilters = 3\nwidth = 4\n";
    for text in [TWO_CONVS, lstm, concat, flat, "layer = []", strands] {
        let architecture = net(text);
        let original = model(&architecture, 9, 4);
        // The reverse complement is the reverse in any order whose ends are complements.
        let order = if text == strands { *b"CATG" } else { *b"TAGC" };
        let options = ImportOptions { channel_order: order, ..ImportOptions::default() };
        let turned = import(&architecture, &purpose(9), &export(&original), &options).unwrap().model;
        let batch = random_batch(5, 9, 2);
        // What the original reads in channel k, the imported one reads where `order` has that letter.
        let (a, b) = (original.predict(&batch).unwrap(), turned.predict(&renamed(&batch, order)).unwrap());
        for (a, b) in a.data().iter().zip(b.data()) {
            assert!((a - b).abs() < 1e-5 * a.abs().max(1.0), "{text}: {a} against {b}");
        }
    }
}

#[test]
fn an_order_that_cannot_be_undone_is_refused() {
    let options = |channel_order| ImportOptions { channel_order, ..ImportOptions::default() };
    let norm = net("[[layer]]\ntype = 'batch-norm'\n[[layer]]\ntype = 'flatten'");
    let arrays = export(&model(&norm, 9, 4));
    let error = import(&norm, &purpose(9), &arrays, &options(*b"AGCT")).unwrap_err().to_string();
    assert!(error.contains("found layer1 (batch-norm)"), "{error}");
    assert!(import(&norm, &purpose(9), &arrays, &options(*b"ACGT")).is_ok());
    assert!(import(&norm, &purpose(9), &arrays, &options(*b"ACGG")).unwrap_err().to_string().contains("\"ACGG\""));
}

#[test]
fn a_network_that_does_not_fit_together_is_an_error() {
    let architecture = net("[[layer]]\ntype = 'max-pool1d'\nwidth = 20\n");
    let purpose = Purpose {
        tasks: vec![task("t", TaskKind::Binary)],
        encoding: DNA,
        length: 9,
        covariates: Vec::new(),
        control: None,
    };
    let error = import(&architecture, &purpose, &[], &ImportOptions::default()).unwrap_err();
    assert!(matches!(error, ImportError::Model(_)), "{error}");
}
