//! What the heads and the layer make of control signal, and that it reaches the scores.

use super::ControlForm;
use crate::architecture::{Architecture, Inputs, Layer};
use crate::engine::{Engine, Input};
use crate::network::check::{self, Case};
use crate::network::{Leaves, Mode, Plan, forward, side};
use crate::testing::{cpu, net, profile_control, profile_task, task};
use basewise_core::{Profile, Task, TaskKind};
use burn_tensor::{Tensor, TensorData};

const TRUNK: &str = "[[layer]]\ntype='conv1d'\nfilters=3\nwidth=5\n[[layer]]\ntype='relu'\n";

/// The control joined to what the sequence gives, in the description itself.
const EXPLICIT: &str = "
[[layer]]
type = 'concat'
[[layer.branch]]
[[layer.branch.layer]]
type = 'conv1d'
filters = 3
width = 5
[[layer.branch.layer]]
type = 'crop'
left = 5
right = 3
[[layer.branch]]
[[layer.branch.layer]]
type = 'control-signal'
form = 'log-bins'
[[layer]]
type = 'conv1d'
filters = 4
width = 3
[[layer]]
type = 'silu'
";

fn head(width: usize, log: bool) -> Architecture {
    net(&format!("[head]\nprofile_width = 3\ncontrol_width = {width}\ncontrol_log = {log}\n{TRUNK}"))
}

fn inputs(covariates: usize) -> Inputs {
    Inputs::new(4, covariates, Some(&profile_control()))
}

#[test]
fn forms_have_their_words() {
    for form in ControlForm::ALL {
        let layer = Layer::ControlSignal { form, tracks: 0, bins: 0 };
        let text = Architecture::new(vec![layer.clone()]).to_toml().unwrap();
        assert!(form == ControlForm::Bins || text.contains(form.name()), "{text}");
        assert_eq!(net(&text).layers, [layer]);
    }
    assert_eq!(net("[[layer]]\ntype = 'control-signal'").layers[0].label(), "control-signal bins");
    let wrong = Architecture::from_toml("[[layer]]\ntype = 'control-signal'\nform = 'logs'", "t").unwrap_err();
    assert!(wrong.to_string().contains("valid values are bins, log-bins, log-totals"), "{wrong}");
}

#[test]
fn the_heads_take_it_where_no_layer_does() {
    let summary = head(2, false).summary(inputs(0), 20, &[profile_task("p")][..]).unwrap();
    let heads: Vec<(&str, usize)> = summary.rows[2..].iter().map(|row| (row.layer.as_str(), row.parameters)).collect();
    let expected = [
        ("head profile conv1d 2 x 3 valid", 2 * 3 * 3 + 2),
        ("head control conv1d 2 x 2", 2 * 2 * 2 + 2),
        ("head counts dense 2", (3 + 2) * 2 + 2),
    ];
    assert_eq!(heads, expected);
    // A convolution of the control sees nothing of the sequence.
    assert_eq!((summary.rows[3].receptive_field, summary.rows[2].receptive_field), (0, 7));
    let plan = Plan::new(&head(2, false), inputs(0), 20, &[profile_task("p")][..]).unwrap();
    let names: Vec<&str> = plan.parameters[2..].iter().map(|spec| spec.name.as_str()).collect();
    assert_eq!(names[2..], ["head.control.weight", "head.control.bias", "head.counts.weight", "head.counts.bias"]);
    // The description keeps it for itself.
    let plan = Plan::new(&net(EXPLICIT), inputs(0), 14, &[task("y", TaskKind::Binary)][..]).unwrap();
    assert!(plan.steps_deep().filter(|step| matches!(step.layer, Layer::ControlSignal { .. })).count() == 1);
    let text = head(2, true).joined(inputs(0), &(&[profile_task("p")][..]).into()).unwrap().to_toml().unwrap();
    assert_eq!(net(&text), head(2, true));
}

#[test]
fn several_profiles_each_have_their_part() {
    let tasks = [profile_task("a"), task("b", TaskKind::Binary), profile_task("c")];
    let plan = Plan::new(&head(1, false), inputs(2), 20, &tasks[..]).unwrap();
    let mut names: Vec<&str> = plan.steps_deep().map(|step| step.name.as_str()).collect();
    assert!(names.contains(&"head.1.control") && names.contains(&"head.2.control"), "{names:?}");
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "{names:?}");
}

#[test]
fn errors_name_the_layer() {
    let error = net(EXPLICIT).summary(4, 20, 1).unwrap_err().to_string();
    let start = "layer 1.b2.1 (control-signal): expected examples with control signal, found none; make the data set with \
                 --control";
    assert!(error.starts_with(start), "{error}");
    let strands = "[[layer]]\ntype = 'strands'\n[[layer.layer]]\ntype = 'control-signal'";
    let error = net(strands).summary(inputs(0), 9, 1).unwrap_err().to_string();
    assert!(error.contains("found control-signal among them; put control-signal behind it"), "{error}");
    assert!(Architecture::from_toml("[[layer]]\ntype = 'control-signal'\ntracks = 2", "t").is_err());
    let fault = Architecture::from_toml("layer = []\n[head]\ncontrol_width = 0\n", "t").unwrap_err().to_string();
    assert!(fault.contains("control_width: expected 1 or more, found 0"), "{fault}");
}

/// Scores and gradients as in the reference, by the engine and by Burn, with and without what is beside them.
#[test]
fn networks_with_control_agree_with_central_differences() {
    let one = Profile { tracks: vec!["t".into()], bins: 6, bin_size: 2, strand_pairs: vec![], count_weight: 1.0 };
    let one = [task("y", TaskKind::Binary), task("p", TaskKind::Profile(one))];
    let two = [profile_task("p"), profile_task("q")];
    let plans = [
        Plan::new(&head(1, false), inputs(0), 20, &two[..]),
        Plan::new(&head(3, true), inputs(3), 20, &one[..]),
        Plan::new(&net(EXPLICIT), inputs(0), 14, 2),
        Plan::without_head(&net(&format!("{EXPLICIT}[[layer]]\ntype = 'control-signal'")), inputs(0), 14),
    ];
    for (i, plan) in plans.into_iter().enumerate() {
        let case = Case::random(plan.unwrap(), 5, Mode::Evaluate, i as u64);
        let mut engine = Engine::new(&case.plan);
        let input = || Input::Floats(&case.x, &case.side);
        let (mut parameters, slopes) = (Vec::new(), |s: &[f32]| (s.to_vec(), case.slopes.clone()));
        let (scores, _) = engine.gradients(&case.weights, input(), case.mode, &mut parameters, slopes);
        assert_eq!(engine.infer(&case.weights, input()), scores);
        let close = |scores: &[f32]| scores.iter().zip(case.scores()).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-4);
        assert!(close(&scores), "network {i}");
        let x = engine.input_gradient(&case.weights, &case.x, &case.side, case.mode, |_| case.slopes.clone());
        let agreement = check::gradients(&case, &parameters, Some(&x));
        assert!(agreement.worst < 1e-3, "network {i}\n{agreement:#?}");
        let device = cpu().device;
        let shape = [case.n, 4, case.plan.input.length];
        let x = Tensor::from_data(TensorData::new(case.x.clone(), shape), &device);
        let beside = side(&case.side, case.n, &device);
        let burn = forward(&case.plan, &Leaves::new(&case.weights, &device), x, &beside, case.mode).scores;
        assert!(close(&crate::model::values(burn).unwrap()), "network {i} by Burn");
        let other: Vec<f32> = case.side.iter().map(|value| value + 1.0).collect();
        assert_ne!(engine.infer(&case.weights, Input::Floats(&case.x, &other)), scores, "network {i}");
    }
}

/// What the control adds is a matter of arithmetic: logits and logarithms of totals, by hand.
#[test]
fn the_heads_add_the_control_to_logits_and_totals() {
    let tracks = vec!["t".into()];
    let profile = Profile { tracks, bins: 3, bin_size: 1, strand_pairs: vec![], count_weight: 1.0 };
    let tasks: [Task; 1] = [task("p", TaskKind::Profile(profile))];
    let inputs = Inputs { channels: 4, side: 0, control: [2, 3] };
    let plan =
        Plan::new(&net(&format!("[head]\nprofile_width = 1\ncontrol_log = false\n{TRUNK}")), inputs, 9, &tasks[..])
            .unwrap();
    let mut weights = crate::network::Weights::initial(&plan, 1);
    for array in &mut weights.parameters {
        match array.name.as_str() {
            "head.control.weight" => array.values = vec![2.0, 0.5],
            // Three filters, then the totals of two tracks.
            "head.counts.weight" => array.values = vec![0.0, 0.0, 0.0, 1.0, 3.0],
            "head.profile.bias" => array.values = vec![10.0],
            _ => array.values.fill(0.0),
        }
    }
    let side = [1.0, 0.0, 4.0, 2.0, 8.0, 0.0];
    let scores = Engine::new(&plan).infer(&weights, Input::Floats(&[0.0; 36], &side));
    assert_eq!(scores[..3], [13.0, 14.0, 18.0]);
    assert!((f64::from(scores[3]) - (6f64.ln() + 3.0 * 11f64.ln())).abs() < 1e-5, "{scores:?}");
}
