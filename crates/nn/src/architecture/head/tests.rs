use super::*;
use crate::network::{Mode, Plan, Weights, check, reference};
use crate::testing::{net, task};
use basewise_core::Profile;

fn profile(tracks: usize, bins: usize, bin_size: usize) -> TaskKind {
    let tracks = (0..tracks).map(|i| format!("t{i}")).collect();
    TaskKind::Profile(Profile { tracks, bins, bin_size, strand_pairs: vec![], count_weight: 1.0 })
}

const TRUNK: &str = "[[layer]]\ntype='conv1d'\nfilters=5\nwidth=3\n[[layer]]\ntype='relu'\n";

fn with_width(text: &str, width: usize) -> Architecture {
    Architecture { head: Head { profile_width: width, ..Head::default() }, ..net(text) }
}

#[test]
fn scalar_tasks_keep_one_dense_layer() {
    let tasks = vec![task("a", TaskKind::Binary), task("b", TaskKind::Regression)];
    assert_eq!(Outputs::from(&tasks), Outputs::from(2));
    let plan = Plan::new(&net(TRUNK), 4, 10, &tasks).unwrap();
    let names: Vec<&str> = plan.parameters.iter().map(|spec| spec.name.as_str()).collect();
    assert_eq!(names, ["layer1.weight", "layer1.bias", "head.weight", "head.bias"]);
}

#[test]
fn heads_stand_side_by_side_in_the_order_of_the_tasks() {
    let tasks = vec![task("a", TaskKind::Binary), task("p", profile(2, 6, 1))];
    let architecture = with_width(TRUNK, 3);
    let plan = Plan::new(&architecture, 4, 10, &tasks).unwrap();
    assert_eq!(plan.outputs, 1 + 2 * 7);
    let shapes: Vec<(&str, &[usize])> = plan.parameters[2..].iter().map(|s| (s.name.as_str(), &s.shape[..])).collect();
    let expected: [(&str, &[usize]); 6] = [
        ("head.dense.weight", &[50, 1]),
        ("head.dense.bias", &[1]),
        ("head.profile.weight", &[2, 5, 3]),
        ("head.profile.bias", &[2]),
        ("head.counts.weight", &[5, 2]),
        ("head.counts.bias", &[2]),
    ];
    assert_eq!(shapes, expected);
    let summary = architecture.summary(4, 10, &tasks).unwrap();
    let rows: Vec<&str> = summary.rows[2..].iter().map(|row| row.layer.as_str()).collect();
    assert_eq!(rows, ["head dense 1", "head profile conv1d 2 x 3 valid", "head counts dense 2"]);
    assert_eq!(summary.parameters, plan.parameters.iter().map(|spec| spec.size()).sum::<usize>());
    assert_eq!(summary.rows[3].receptive_field, 5);
}

#[test]
fn several_profiles_have_numbers() {
    let tasks = vec![task("p", profile(1, 6, 1)), task("b", TaskKind::Binary), task("q", profile(1, 2, 3))];
    let plan = Plan::new(&with_width(TRUNK, 3), 4, 10, &tasks).unwrap();
    let mut names: Vec<&str> = plan.parameters.iter().map(|spec| spec.name.as_str()).collect();
    assert_eq!(names[2..5], ["head.1.profile.weight", "head.1.profile.bias", "head.1.counts.weight"]);
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

/// The head cut off first, and the same convolution cut off afterwards, are one function of the middle.
#[test]
fn cutting_off_first_changes_nothing() {
    let tasks = [task("p", profile(2, 4, 1))];
    let (early, late) = (with_width(TRUNK, 5), with_width(TRUNK, 5));
    // 12 positions leave two neighbours on each side of 8; 10 would not, so the long one is compared with its middle.
    let plan = Plan::new(&early, 4, 12, &tasks[..]).unwrap();
    let branches = vec![
        vec![
            Layer::Conv1d { filters: 2, width: 5, stride: 1, dilation: 1, groups: 1, padding: Padding::Same },
            Layer::Crop { left: 4, right: 4 },
            Layer::Flatten,
        ],
        vec![Layer::GlobalAvgPool, Layer::Dense { units: 2 }],
    ];
    let mut layers = late.layers.clone();
    layers.push(Layer::Concat { branches });
    let whole = Plan::without_head(&Architecture::new(layers), 4, 12).unwrap();
    let case = check::Case::random(plan, 2, Mode::Evaluate, 3);
    let other = check::Case { plan: whole, ..case.clone() };
    assert!(case.plan.parameters.iter().zip(&other.plan.parameters).all(|(a, b)| a.shape == b.shape));
    assert_eq!(case.scores(), other.scores());
}

#[test]
fn bins_are_means_over_positions_that_may_be_pooled() {
    // Two bases a position after the pool, six a bin: three positions a bin.
    let pooled = format!("{TRUNK}[[layer]]\ntype='max-pool1d'\nwidth=2\n");
    let plan = Plan::new(&with_width(&pooled, 1), 4, 24, &[task("p", profile(1, 3, 6))][..]).unwrap();
    let inner: Vec<String> = plan.steps.last().unwrap().inner[0].iter().map(|step| step.layer.label()).collect();
    assert_eq!(inner, ["crop 1 2", "conv1d 1 x 1 valid", "avg-pool1d 3", "flatten"]);
    // A bias alone gives bins of its value.
    let mut weights = Weights::initial(&plan, 1);
    for (spec, array) in plan.parameters.iter().zip(&mut weights.parameters) {
        array.values.fill(if spec.name == "head.profile.bias" { 0.5 } else { 0.0 });
    }
    let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
    let parameters: Vec<Vec<f64>> = weights.parameters.iter().map(|array| wide(&array.values)).collect();
    let scores = reference::forward(&plan, &parameters, &[], &vec![0.0; 96], &[], 1, Mode::Evaluate);
    assert_eq!(scores, [0.5, 0.5, 0.5, 0.0]);
}

#[test]
fn layers_that_lose_positions_do_not_fit_a_profile() {
    let tasks = [task("p", profile(1, 6, 1))];
    let fault = |text: &str, tasks: &[Task]| net(text).summary(4, 12, tasks).unwrap_err().to_string();
    let flat = fault(&format!("{TRUNK}[[layer]]\ntype='global-max-pool'\n"), &tasks);
    assert!(
        flat.contains("layer 4 (head profile, 6 bins of 1): expected a length of at least 6, found [5, 1]"),
        "{flat}"
    );
    assert!(flat.contains("the preset bpnet"), "{flat}");
    let pooled = fault("[[layer]]\ntype='avg-pool1d'\nwidth=2\n", &tasks);
    assert!(pooled.contains("positions that 1 bases are a multiple of"), "{pooled}");
    assert!(fault(TRUNK, &[task("p", profile(1, 13, 1))]).contains("at least 13"));
}

#[test]
fn settings_are_read_written_and_checked() {
    let text = "layer = []\n[head]\nprofile_width = 25\n";
    let architecture = Architecture::from_toml(text, "t.toml").unwrap();
    assert_eq!(architecture.head, Head { profile_width: 25, ..Head::default() });
    assert_eq!(Architecture::from_toml(&architecture.to_toml().unwrap(), "t").unwrap(), architecture);
    assert!(!net("layer = []").to_toml().unwrap().contains("head"));
    let fault = |text: &str| Architecture::from_toml(text, "t.toml").unwrap_err().to_string();
    let misspelt = fault("layer = []\n[head]\nprofile_with = 25\n");
    assert!(misspelt.starts_with("t.toml: head: unknown key \"profile_with\"") && misspelt.contains("profile_width"));
    assert!(fault("layer = []\n[head]\nprofile_width = 0\n").contains("expected 1 or more, found 0"));
    assert!(fault("layer = []\nhead = 3\n").contains("expected a [head] table"));
    assert!(fault("layer = []\n[head]\nprofile_width = 'x'\n").contains("head: "));
}
