//! Networks on a GPU against the same on the CPU; any Vulkan driver will do, also a software one.
//!
//! Where there is no GPU at all, a test says so and passes. A GPU that is there but does not open fails it.

use super::gpu::{describe, rank};
use super::*;
use crate::model::Model;
use crate::network::{Mode, Plan, Weights};
use crate::testing::{DNA, cpu, net, planted, random_batch, three_tasks};
use crate::train::{Control, Progress, TrainConfig, TrainOptions, TrainOutcome, gradients, train};
use basewise_core::Predict;
use burn_tensor::wgpu::wgpu::{AdapterInfo, Backend, DeviceType};

/// Layers on layers, as networks of the field have them.
const NETWORK: &str = "
[[layer]]
type = 'conv1d'
filters = 8
width = 7
[[layer]]
type = 'batch-norm'
[[layer]]
type = 'relu'
[[layer]]
type = 'max-pool1d'
width = 3
[[layer]]
type = 'residual'
[[layer.layer]]
type = 'conv1d'
filters = 8
width = 3
dilation = 2
[[layer.layer]]
type = 'gelu'
[[layer]]
type = 'lstm'
units = 5
bidirectional = true
[[layer]]
type = 'flatten'
[[layer]]
type = 'dense'
units = 6
[[layer]]
type = 'tanh'
";

/// The GPU, or `None` with a word where there is none.
fn gpu() -> Option<OpenedDevice> {
    match open(DeviceChoice::Gpu(None)) {
        Ok(gpu) => Some(gpu),
        Err(DeviceError::NoGpu) => {
            eprintln!("skipped: {}", DeviceError::NoGpu);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The largest difference, relative to the largest value of the array.
fn difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(1e-6_f32, |largest, value| largest.max(value.abs()));
    found.iter().zip(expected).fold(0.0_f32, |worst, (a, b)| worst.max((a - b).abs())) / largest
}

#[test]
fn scores_are_those_of_the_cpu() {
    let Some(gpu) = gpu() else { return };
    let model = Model::untrained(&net(NETWORK), &three_tasks(), DNA, 26, 1, &cpu()).unwrap();
    let batch = random_batch(9, 26, 2);
    let expected = model.predict(&batch).unwrap();
    let found = model.to_device(&gpu).predict(&batch).unwrap();
    let worst = difference(found.data(), expected.data());
    assert!(worst < 1e-3, "{worst}");
}

/// The gradients of one training step on both devices; the worst difference of an array and its name.
///
/// An array is measured against its own largest value, but at least a thousandth of the largest of all: the bias before
/// batch norm, for one, has no gradient but rounding errors.
fn worst_gradient(network: &str, gpu: &OpenedDevice) -> (f32, String) {
    let plan = Plan::new(&net(network), 4, 26, 5).unwrap();
    let weights = Weights::initial(&plan, 3);
    let batch = random_batch(4, 26, 8);
    let labels: [&[f64]; 4] = [&[1.0, 2.0, 0.5], &[0.0, f64::NAN, -1.0], &[f64::NAN, 0.0, 1.5], &[1.0, 1.0, f64::NAN]];
    let step = |device: &OpenedDevice| {
        let device = device.device.clone().autodiff();
        gradients(&plan, &weights, &three_tasks(), &batch, &labels, Mode::Train { seed: 1, step: 1 }, &device).unwrap()
    };
    let (found, expected) = (step(gpu), step(&cpu()));
    assert!((found.sums.mean() - expected.sums.mean()).abs() < 1e-4 * expected.sums.mean(), "{network}");
    for ((_, found), (_, expected)) in found.buffers.iter().zip(&expected.buffers) {
        assert!(difference(found, expected) < 1e-3, "{network}");
    }
    let least = 1e-3 * expected.parameters.iter().flatten().fold(0.0_f32, |largest, g| largest.max(g.abs()));
    let arrays = found.parameters.iter().zip(&expected.parameters).zip(&plan.parameters);
    let compared = arrays.map(|((found, expected), spec)| {
        let own = expected.iter().fold(least, |own, g| own.max(g.abs()));
        (found.iter().zip(expected).fold(0.0_f32, |worst, (a, b)| worst.max((a - b).abs())) / own, spec.name.clone())
    });
    compared.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
}

#[test]
fn gradients_of_a_training_step_are_those_of_the_cpu() {
    let Some(gpu) = gpu() else { return };
    let (worst, name) = worst_gradient(NETWORK, &gpu);
    assert!(worst < 1e-3, "{name}: {worst}");
}

#[test]
fn gradients_through_every_layer_are_those_of_the_cpu() {
    let Some(gpu) = gpu() else { return };
    let activations = ["relu", "gelu", "silu", "elu", "tanh", "sigmoid", "softplus", "exp"];
    let simple = ["global-max-pool", "global-avg-pool", "flatten", "batch-norm"].iter().chain(&activations);
    let keyed = [
        "'conv1d'\nfilters = 6\nwidth = 4\nstride = 2\ngroups = 3\npadding = 'valid'",
        "'avg-pool1d'\nwidth = 4\nstride = 3",
        "'max-pool1d'\nwidth = 4\nstride = 3",
        "'dropout'\nrate = 0.3",
        "'crop'\nleft = 2\nright = 3",
        "'gru'\nunits = 3\nbidirectional = true\nlast = true",
        "'concat'\n[[layer.branch]]\n[[layer.branch.layer]]\ntype = 'tanh'\n[[layer.branch]]",
    ];
    for layer in simple.map(|name| format!("'{name}'")).chain(keyed.map(String::from)) {
        let network = format!("[[layer]]\ntype = 'conv1d'\nfilters = 6\nwidth = 5\n[[layer]]\ntype = {layer}\n");
        let (worst, name) = worst_gradient(&network, &gpu);
        assert!(worst < 1e-3, "{layer}\n{name}: {worst}");
    }
}

#[test]
fn losses_of_a_training_run_are_those_of_the_cpu() {
    let Some(gpu) = gpu() else { return };
    let dataset = planted(160, 26);
    let config = TrainConfig { epochs: 2, batch_size: 32, learning_rate: 5e-3, ..TrainConfig::default() };
    let run = |device: &OpenedDevice| -> TrainOutcome {
        let directory = tempfile::tempdir().unwrap();
        let mut quiet = |_: &Progress| Control::Continue;
        let options = TrainOptions::default();
        train(&dataset, &net(NETWORK), &config, device, directory.path(), &options, &mut quiet).unwrap()
    };
    let (found, expected) = (run(&gpu), run(&cpu()));
    assert_eq!(found.history.len(), 2);
    for (found, expected) in found.history.iter().zip(&expected.history) {
        assert!((found.train_loss - expected.train_loss).abs() < 0.01 * expected.train_loss, "{found:?} {expected:?}");
        assert!((found.valid_loss - expected.valid_loss).abs() < 0.01 * expected.valid_loss, "{found:?} {expected:?}");
    }
}

#[test]
fn a_gpu_is_opened_once_and_named_in_words() {
    let Some(gpu) = gpu() else { return };
    let again = open(DeviceChoice::Gpu(Some(0))).unwrap();
    assert_eq!((again.description.as_str(), again.reason.as_str()), (gpu.description.as_str(), "asked for"));
    assert_eq!(again.device, gpu.device);
    assert!(["Vulkan", "Metal", "DirectX 12"].iter().any(|api| gpu.description.contains(api)), "{}", gpu.description);
    assert!(!gpu.description.contains(['{', '"']), "{}", gpu.description);
    assert_eq!(devices()[1], format!("gpu:0: {}", gpu.description));
}

#[test]
fn a_number_past_the_last_gpu_is_an_error_and_auto_takes_no_software() {
    let Some(gpu) = gpu() else { return };
    let error = open(DeviceChoice::Gpu(Some(999))).unwrap_err();
    assert!(matches!(error, DeviceError::NoSuchGpu { index: 999, count: 1.. }), "{error}");
    let chosen = open(DeviceChoice::Auto).unwrap();
    if gpu.description.starts_with("software") {
        assert!(chosen.description.starts_with("CPU (") && chosen.reason.contains("software"), "{chosen:?}");
    } else {
        assert_eq!((chosen.description, chosen.reason.as_str()), (gpu.description, "auto: a GPU is available"));
    }
}

fn adapter(name: &str, kind: DeviceType, api: Backend) -> AdapterInfo {
    AdapterInfo { name: name.into(), driver_info: "1.2".into(), ..AdapterInfo::new(kind, api) }
}

#[test]
fn cards_are_ranked_and_counted_once() {
    let names = |found: Vec<AdapterInfo>| -> Vec<String> { rank(found).iter().map(|a| describe(&a.info)).collect() };
    let both = vec![
        adapter("soft", DeviceType::Cpu, Backend::Vulkan),
        adapter("small", DeviceType::IntegratedGpu, Backend::Vulkan),
        adapter("big", DeviceType::DiscreteGpu, Backend::Vulkan),
        adapter("big", DeviceType::DiscreteGpu, Backend::Dx12),
    ];
    let expected = [
        "GPU big (discrete, Vulkan, driver 1.2)",
        "GPU small (integrated, Vulkan, driver 1.2)",
        "software GPU soft (Vulkan, driver 1.2)",
    ];
    assert_eq!(names(both), expected);
    // A software driver of one interface does not hide a card under another.
    let soft = adapter("soft", DeviceType::Cpu, Backend::Vulkan);
    let card = adapter("card", DeviceType::DiscreteGpu, Backend::Dx12);
    assert_eq!(names(vec![soft.clone(), card]), ["GPU card (discrete, DirectX 12, driver 1.2)"]);
    assert_eq!(names(vec![soft]), ["software GPU soft (Vulkan, driver 1.2)"]);
    assert_eq!(names(vec![adapter("odd", DeviceType::Other, Backend::Vulkan)]), [""; 0]);
    assert_eq!(names(Vec::new()), [""; 0]);
}

/// The loader of drivers reads its environment, so the test runs itself once more in a process that has none.
#[cfg(target_os = "linux")]
#[test]
fn a_machine_without_drivers_is_told_so() {
    const NONE: &str = "/nonexistent";
    if std::env::var("VK_DRIVER_FILES").is_ok_and(|files| files == NONE) {
        assert_eq!(open(DeviceChoice::Gpu(None)).unwrap_err(), DeviceError::NoGpu);
        assert_eq!(open(DeviceChoice::Gpu(Some(1))).unwrap_err(), DeviceError::NoGpu);
        let chosen = open(DeviceChoice::Auto).unwrap();
        assert!(chosen.description.starts_with("CPU ("), "{}", chosen.description);
        assert!(chosen.reason.starts_with("auto: no GPU was found"), "{}", chosen.reason);
        assert!(devices()[1].starts_with("no GPU: "), "{:?}", devices());
        return;
    }
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "device::gpu_tests::a_machine_without_drivers_is_told_so"]);
    // The second is the name that older loaders know.
    let output = child.env("VK_DRIVER_FILES", NONE).env("VK_ICD_FILENAMES", NONE).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
