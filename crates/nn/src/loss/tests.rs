//! Losses by hand, against finite differences, and at their limits.

use super::*;
use basewise_core::TaskKind;
use basewise_core::random::{Stream, below, normal, stream, uniform};

fn tasks() -> Vec<Task> {
    let classes = TaskKind::Classes { classes: vec!["a".into(), "b".into(), "c".into()] };
    [("b", TaskKind::Binary), ("c", classes), ("r", TaskKind::Regression), ("n", TaskKind::Counts)]
        .map(|(name, kind)| Task { name: name.into(), kind })
        .to_vec()
}

const SCORES: [f32; 18] =
    [0.5, 1.0, -2.0, 0.25, 3.0, 0.0, -1.5, 0.0, 0.0, 0.0, -1.0, 1.0, 0.0, 2.0, 1.0, -1.0, 0.5, -0.5];
const LABELS: [[f64; 4]; 3] = [[1.0, 2.0, 2.5, 0.0], [0.0, f64::NAN, -1.0, 3.0], [f64::NAN, 0.0, f64::NAN, f64::NAN]];

fn labels() -> Vec<&'static [f64]> {
    LABELS.iter().map(|row| row.as_slice()).collect()
}

fn scores() -> Matrix {
    Matrix::new(3, 6, SCORES.to_vec())
}

/// All other losses than the default ones.
fn others() -> LossConfig {
    LossConfig {
        binary: BinaryLoss::Focal,
        classes: ClassesLoss::Focal,
        regression: RegressionLoss::Huber,
        counts: CountsLoss::NegativeBinomial,
        dispersion: Some(0.5),
        ..LossConfig::default()
    }
}

fn objective(config: &LossConfig) -> Objective {
    Objective::new(&tasks(), config, &LABELS.concat()).unwrap()
}

fn refused(config: &LossConfig) -> String {
    Objective::new(&tasks(), config, &LABELS.concat()).unwrap_err()
}

/// Losses of one score and label.
fn one(kind: TaskKind, config: &LossConfig, scores: &[f32], label: f64) -> f64 {
    let tasks = [Task { name: "t".into(), kind }];
    let objective = Objective::new(&tasks, config, &[]).unwrap();
    let scores = Matrix::new(1, scores.len(), scores.to_vec());
    objective.loss(&scores, &plain_targets(&[&[label]])).mean()
}

#[test]
fn values_by_hand() {
    let sums = loss(&tasks(), &scores(), &labels());
    assert_eq!(sums.weights, [2.0; 4]);
    let binary = (1.0 + (-0.5f64).exp()).ln() + (1.0 + (-1.5f64).exp()).ln();
    assert!((sums.sums[0] - binary).abs() < 1e-12, "{}", sums.sums[0]);
    let first = (1f64.exp() + (-2f64).exp() + 0.25f64.exp()).ln() - 0.25;
    let second = (2f64.exp() + 1f64.exp() + (-1f64).exp()).ln() - 2.0;
    assert!((sums.sums[1] - first - second).abs() < 1e-12);
    assert!((sums.sums[2] - 0.25).abs() < 1e-12);
    // Expected 1 and e, seen 0 and 3.
    let counts = 1.0 + 1f64.exp() - 3.0 + 3.0 * (3f64.ln() - 1.0);
    assert!((sums.sums[3] - counts).abs() < 1e-12);
}

#[test]
fn values_of_the_other_losses_by_hand() {
    let config = others();
    // p = 3/4: a quarter squared.
    let z = 3f32.ln();
    let p = 1.0 / (1.0 + f64::from(-z).exp());
    let expected = -(1.0 - p).powi(2) * p.ln();
    assert!((one(TaskKind::Binary, &config, &[z], 1.0) - expected).abs() < 1e-12);
    assert!((one(TaskKind::Binary, &config, &[-z], 0.0) - expected).abs() < 1e-12);
    let alpha = LossConfig { focal_alpha: Some(0.25), ..config.clone() };
    assert!((one(TaskKind::Binary, &alpha, &[z], 1.0) - 0.25 * expected).abs() < 1e-12);
    assert!((one(TaskKind::Binary, &alpha, &[-z], 0.0) - 0.75 * expected).abs() < 1e-12);
    let two = TaskKind::Classes { classes: vec!["a".into(), "b".into()] };
    assert!((one(two.clone(), &config, &[z, 0.0], 0.0) - expected).abs() < 1e-12);
    assert_eq!(one(TaskKind::Regression, &config, &[2.0], 1.5), 0.125);
    assert_eq!(one(TaskKind::Regression, &config, &[4.0], 1.0), 2.5);
    let mae = LossConfig { regression: RegressionLoss::Mae, ..LossConfig::default() };
    assert_eq!(one(TaskKind::Regression, &mae, &[-4.0], 1.0), 5.0);
    // Without its exponent the focal loss is cross-entropy.
    let plain = LossConfig { focal_gamma: 0.0, ..config };
    for kind in [TaskKind::Binary, two] {
        let scores = &[0.7f32, -0.2][..kind_outputs(&kind)];
        let (focal, entropy) = (one(kind.clone(), &plain, scores, 1.0), one(kind, &LossConfig::default(), scores, 1.0));
        assert!((focal - entropy).abs() < 1e-12);
    }
}

fn kind_outputs(kind: &TaskKind) -> usize {
    Task { name: String::new(), kind: kind.clone() }.outputs()
}

#[test]
fn smoothing_spreads_a_share_over_all_classes() {
    let config = LossConfig { label_smoothing: 0.2, ..LossConfig::default() };
    // Label 1 becomes 0.9, for one logit and for two classes.
    let z = 0.5f64;
    let expected = 0.9 * softplus(-z) + 0.1 * softplus(z);
    assert!((one(TaskKind::Binary, &config, &[0.5], 1.0) - expected).abs() < 1e-12);
    let two = TaskKind::Classes { classes: vec!["a".into(), "b".into()] };
    assert!((one(two, &config, &[0.0, 0.5], 1.0) - expected).abs() < 1e-12);
    assert_eq!(one(TaskKind::Regression, &config, &[3.0], 1.0), 4.0);
}

#[test]
fn class_and_task_weights_weigh_the_means() {
    let weights = ClassWeights::Given(vec![1.0, 3.0]);
    let config = LossConfig { class_weights: weights, ..LossConfig::default() };
    let tasks = [Task { name: "b".into(), kind: TaskKind::Binary }];
    let objective = Objective::new(&tasks, &config, &[]).unwrap();
    let scores = Matrix::new(2, 1, vec![1.0, 1.0]);
    let sums = objective.loss(&scores, &plain_targets(&[&[0.0], &[1.0]]));
    assert_eq!(sums.weights, [4.0]);
    assert!((sums.mean() - (softplus(1.0) + 3.0 * softplus(-1.0)) / 4.0).abs() < 1e-12);
    // Three of class 0 and one of class 1: 4 / (2 x 3) and 4 / (2 x 1).
    let config = LossConfig { class_weights: ClassWeights::Rule(WeightRule::Balanced), ..LossConfig::default() };
    let balanced = Objective::new(&tasks, &config, &[0.0, 1.0, f64::NAN, 0.0, 0.0]).unwrap();
    assert_eq!(balanced.weights(&plain_targets(&[&[0.0], &[0.0], &[0.0], &[1.0]])), [4.0]);
    assert_eq!(balanced.weights(&plain_targets(&[&[1.0]])), [2.0]);

    let config = LossConfig { task_weights: [("r".to_owned(), 3.0)].into(), ..LossConfig::default() };
    let (plain, weighted) = (loss(&self::tasks(), &self::scores(), &labels()), objective_loss(&config));
    let means: Vec<f64> = plain.sums.iter().map(|sum| sum / 2.0).collect();
    assert!((weighted.mean() - (means[0] + means[1] + 3.0 * means[2] + means[3]) / 6.0).abs() < 1e-12);
}

fn objective_loss(config: &LossConfig) -> LossSums {
    objective(config).loss(&scores(), &plain_targets(&labels()))
}

#[test]
fn what_does_not_fit_the_tasks_is_refused() {
    let given = LossConfig { class_weights: ClassWeights::Given(vec![1.0, 2.0]), ..LossConfig::default() };
    assert!(refused(&given).contains("expected 3 numbers for task \"c\" (a, b, c), found 2"));
    let balanced = LossConfig { class_weights: ClassWeights::Rule(WeightRule::Balanced), ..LossConfig::default() };
    assert!(refused(&balanced).contains("no training example is of class \"b\""));
    let named = LossConfig { task_weights: [("x".to_owned(), 1.0)].into(), ..LossConfig::default() };
    assert!(refused(&named).contains("expected a task of the data set (b, c, r, n), found \"x\""));
    for (config, word) in [
        (LossConfig { focal_gamma: -1.0, ..LossConfig::default() }, "focal_gamma"),
        (LossConfig { focal_alpha: Some(1.0), ..LossConfig::default() }, "focal_alpha"),
        (LossConfig { huber_delta: 0.0, ..LossConfig::default() }, "huber_delta"),
        (LossConfig { dispersion: Some(f64::NAN), ..LossConfig::default() }, "dispersion"),
        (LossConfig { label_smoothing: 1.0, ..LossConfig::default() }, "label_smoothing"),
        (LossConfig { class_weights: ClassWeights::Given(vec![0.0, 1.0]), ..LossConfig::default() }, "class_weights"),
    ] {
        assert!(config.fault().unwrap().starts_with(word));
    }
    assert_eq!(others().fault(), None);
}

fn random_tasks(rng: &mut Stream) -> Vec<Task> {
    let task = |i: usize, rng: &mut Stream| {
        let classes = (0..2 + below(rng, 4)).map(|c| c.to_string()).collect();
        let kinds = [TaskKind::Binary, TaskKind::Classes { classes }, TaskKind::Regression, TaskKind::Counts];
        Task { name: i.to_string(), kind: kinds[below(rng, 4)].clone() }
    };
    (0..1 + below(rng, 5)).map(|i| task(i, rng)).collect()
}

fn random_label(task: &Task, rng: &mut Stream) -> f64 {
    match &task.kind {
        _ if uniform(rng) < 0.33 => f64::NAN,
        TaskKind::Binary => below(rng, 2) as f64,
        TaskKind::Classes { classes } => below(rng, classes.len()) as f64,
        TaskKind::Regression => 2.0 * normal(rng),
        _ => below(rng, 9) as f64,
    }
}

/// Random losses with random numbers.
fn random_config(rng: &mut Stream) -> LossConfig {
    LossConfig {
        binary: [BinaryLoss::Bce, BinaryLoss::Focal][below(rng, 2)],
        classes: [ClassesLoss::CrossEntropy, ClassesLoss::Focal][below(rng, 2)],
        // The slope of `mae` jumps at 0, where finite differences do not hold.
        regression: [RegressionLoss::Mse, RegressionLoss::Huber][below(rng, 2)],
        counts: [CountsLoss::Poisson, CountsLoss::NegativeBinomial][below(rng, 2)],
        focal_gamma: [0.0, 0.5, 1.0, 2.0, 3.5][below(rng, 5)],
        focal_alpha: (below(rng, 2) == 0).then(|| 0.1 + 0.8 * uniform(rng)),
        huber_delta: 0.5 + uniform(rng),
        dispersion: (below(rng, 2) == 0).then(|| 0.1 + uniform(rng)),
        label_smoothing: [0.0, 0.1][below(rng, 2)],
        task_weights: [("0".to_owned(), 0.5 + uniform(rng))].into(),
        ..LossConfig::default()
    }
}

/// Random numbers of rows and of tasks of each kind, a third of the labels unknown, several targets in some rows.
#[test]
fn gradients_match_finite_differences_for_random_shapes_and_losses() {
    for seed in 0..60 {
        let mut rng = stream(seed, "test loss", &[]);
        let rows = 1 + below(&mut rng, 6);
        let (tasks, config) = (random_tasks(&mut rng), random_config(&mut rng));
        let count = rows + below(&mut rng, 3);
        let all: Vec<Vec<f64>> =
            (0..count).map(|_| tasks.iter().map(|task| random_label(task, &mut rng)).collect()).collect();
        let target = |(i, labels): (usize, &Vec<f64>)| (i % rows, labels.clone(), 0.3 + (i % 3) as f64);
        let owned: Vec<_> = all.iter().enumerate().map(target).collect();
        let targets: Vec<Target> =
            owned.iter().map(|(row, labels, weight)| Target { row: *row, labels, weight: *weight }).collect();
        let objective = Objective::new(&tasks, &config, &all.concat()).unwrap();
        let outputs: usize = tasks.iter().map(Task::outputs).sum();
        // Multiples of 1 / 1024, so that the shifted scores are exact.
        let scores: Vec<f32> =
            (0..rows * outputs).map(|_| (2048.0 * normal(&mut rng)).round() as f32 / 1024.0).collect();
        let of = |scores: Vec<f32>| Matrix::new(rows, outputs, scores);
        let (sums, gradient) = objective.loss_and_gradient(&of(scores.clone()), &targets, None);
        assert_eq!(sums.weights, objective.weights(&targets));
        if sums.is_empty() {
            assert!(gradient.iter().all(|&g| g == 0.0));
            continue;
        }
        let largest = gradient.iter().fold(0f32, |top, g| top.max(g.abs()));
        for (i, &analytic) in gradient.iter().enumerate() {
            let shifted = |by: f32| {
                let mut scores = scores.clone();
                scores[i] += by;
                objective.loss(&of(scores), &targets).mean()
            };
            let h = 1.0 / 1024.0;
            let numeric = (shifted(h) - shifted(-h)) / f64::from(2.0 * h);
            let error = (f64::from(analytic) - numeric).abs() / numeric.abs().max(0.01 * f64::from(largest));
            assert!(error < 2e-3, "seed {seed}, score {i}: {analytic} against {numeric}\n{tasks:?}\n{config:?}");
        }
    }
}

#[test]
fn the_slope_of_the_absolute_difference_is_its_sign() {
    let config = LossConfig { regression: RegressionLoss::Mae, ..LossConfig::default() };
    let tasks = [Task { name: "r".into(), kind: TaskKind::Regression }];
    let objective = Objective::new(&tasks, &config, &[]).unwrap();
    let scores = Matrix::new(3, 1, vec![1.0, -1.0, 5.0]);
    let (_, gradient) = objective.loss_and_gradient(&scores, &plain_targets(&[&[0.0], &[0.0], &[5.0]]), None);
    assert_eq!(gradient, [1.0 / 3.0, -1.0 / 3.0, 0.0]);
}

#[test]
fn parts_of_a_step_add_up_to_the_whole() {
    let objective = objective(&LossConfig { class_weights: ClassWeights::default(), ..others() });
    let (labels, scores) = (labels(), scores());
    let (whole, gradient) = objective.loss_and_gradient(&scores, &plain_targets(&labels), None);
    let mut sums = objective.no_sums();
    for row in 0..3 {
        let part = Matrix::new(1, 6, scores.row(row).to_vec());
        let (own, slopes) =
            objective.loss_and_gradient(&part, &plain_targets(&labels[row..=row]), Some(&whole.weights));
        sums.add(&own);
        assert_eq!(slopes, gradient[6 * row..6 * (row + 1)]);
    }
    assert!((sums.mean() - whole.mean()).abs() < 1e-12);
}

#[test]
fn extreme_scores_stay_finite() {
    let (label, other) = ([1.0, 0.0, 0.0, 5.0], [0.0, 2.0, 0.0, 0.0]);
    let scores = Matrix::new(2, 6, vec![-1e4, -1e4, 1e4, 0.0, 0.0, 1e4, 1e4, 1e4, -1e4, -1e4, 0.0, -1e4]);
    let (sums, gradient) = loss_and_gradient(&tasks(), &scores, &[&label, &other]);
    assert_eq!(sums.sums[..3], [2e4, 4e4, 0.0]);
    assert!(gradient.iter().all(|g| g.is_finite()) && sums.mean().is_finite());
    assert_eq!(gradient[0], -1.0 / 8.0);
    for focal_gamma in [0.0, 0.5, 2.0] {
        let objective = objective(&LossConfig { focal_gamma, ..others() });
        for sign in [1.0, -1.0] {
            let scores = Matrix::new(2, 6, (0..12).map(|i| sign * scores.row(i / 6)[i % 6]).collect());
            let (sums, gradient) = objective.loss_and_gradient(&scores, &plain_targets(&[&label, &other]), None);
            assert!(gradient.iter().all(|g| g.is_finite()) && sums.mean().is_finite(), "{sums:?} {gradient:?}");
        }
    }
}

#[test]
fn without_any_label_the_mean_is_nan_and_the_gradient_zero() {
    let unknown = [f64::NAN; 4];
    let (sums, gradient) = loss_and_gradient(&tasks(), &Matrix::new(1, 6, vec![1.0; 6]), &[&unknown]);
    assert!(sums.mean().is_nan() && sums.is_empty());
    assert_eq!(gradient, [0.0; 6]);
}
