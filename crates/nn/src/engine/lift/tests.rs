//! Every layer's rule: what it passes on sums to what it got, and for small changes it is the gradient.

use super::*;
use crate::architecture::{Architecture, Inputs, Layer, type_names};
use crate::network::check::Case;
use crate::network::gradient_tests::{between, random_layer};
use crate::testing::{DNA, net};
use basewise_core::SequenceBatch;
use basewise_core::random::{normal, stream};

const EXAMPLES: usize = 2;
const REFERENCES: usize = 3;

/// A case of a random layer whose rows are references and examples with the same numbers beside them.
fn case(name: &str, seed: u64) -> (Layer, Case) {
    let mut rng = stream(seed, "lift shape", &[]);
    let (layer, shape) = random_layer(name, &mut rng);
    let inputs = Inputs { channels: shape[0], side: 3, control: [2, 5] };
    let plan = Plan::without_head(&Architecture::new(vec![layer.clone()]), inputs, shape[1]).unwrap();
    let mut case = Case::random(plan, Pairs::new(EXAMPLES, REFERENCES).rows(), Mode::Evaluate, seed);
    let first = case.side[..13].to_vec();
    case.side.chunks_exact_mut(13).for_each(|side| side.copy_from_slice(&first));
    (layer, case)
}

/// Multipliers `[pairs, channels, length]` of an output.
fn lifted(case: &Case, output: usize) -> Lifted {
    let pairs = Pairs::new(EXAMPLES, REFERENCES);
    let input = Input::Floats(&case.x, &case.side);
    Engine::new(&case.plan).multipliers(&case.plan, &case.weights, input, pairs, output, true)
}

/// Rows of an example and a reference, in the convention of the input.
fn rows(case: &Case, pair: usize) -> [&[f32]; 2] {
    Pairs::new(EXAMPLES, REFERENCES).of(&case.x, pair)
}

#[test]
fn multipliers_of_every_layer_sum_to_the_change() {
    for name in type_names() {
        for seed in 0..40 {
            let (layer, case) = case(name, seed);
            let output = between(&mut stream(seed, "lift output", &[]), 1, case.plan.outputs) - 1;
            let Lifted { multipliers, scores, leaks } = lifted(&case, output);
            let size = case.plan.input.size();
            let what = format!("{layer:?} on {:?}, output {output}, seed {seed}", case.plan.input);
            assert!(leaks.iter().all(|leak| leak.relative < 3e-4), "{what}: {leaks:?}");
            let exact = case.scores();
            for pair in 0..EXAMPLES * REFERENCES {
                let [x, x0] = rows(&case, pair);
                let m = &multipliers[pair * size..(pair + 1) * size];
                let parts: Vec<f64> =
                    (0..size).map(|at| f64::from(m[at]) * (f64::from(x[at]) - f64::from(x0[at]))).collect();
                let [own, reference] = Pairs::new(EXAMPLES, REFERENCES).rows_of(pair);
                let change = exact[own * case.plan.outputs + output] - exact[reference * case.plan.outputs + output];
                let sum: f64 = parts.iter().sum();
                let scale: f64 =
                    parts.iter().map(|part| part.abs()).sum::<f64>().max(exact[own * case.plan.outputs + output].abs());
                let scale = scale.max(change.abs()).max(1e-3);
                assert!((sum - change).abs() < 2e-5 * scale, "{what}: {sum} against {change}");
                let found = f64::from(scores[own]) - f64::from(scores[reference]);
                assert!((found - change).abs() < 2e-5 * scale, "{what}: {found}, not {change}");
            }
        }
    }
}

/// The secant of a small change is the gradient in its middle, but for the square of the change; what has kinks is asked
/// where there is none between.
#[test]
fn multipliers_of_small_changes_are_gradients() {
    for name in type_names() {
        for seed in 0..20 {
            let (layer, mut case) = case(name, 100 + seed);
            let (pairs, size) = (Pairs::new(EXAMPLES, REFERENCES), case.plan.input.size());
            let mut rng = stream(seed, "lift change", &[]);
            for pair in 0..pairs.count() {
                let [own, reference] = pairs.rows_of(pair);
                for at in 0..size {
                    case.x[reference * size + at] = case.x[own * size + at] + 2e-3 * normal(&mut rng) as f32;
                }
            }
            let output = between(&mut rng, 1, case.plan.outputs) - 1;
            let found = lifted(&case, output).multipliers;
            let middle: Vec<f32> = (0..pairs.count())
                .flat_map(|pair| rows(&case, pair)[0].iter().zip(rows(&case, pair)[1]).map(|(x, x0)| 0.5 * (x + x0)))
                .collect();
            let side = case.side[..13].repeat(pairs.count());
            let slopes = |scores: &[f32]| {
                (0..scores.len()).map(|at| f32::from(u8::from(at % case.plan.outputs == output))).collect()
            };
            let wanted = Engine::new(&case.plan).input_gradient(&case.weights, &middle, &side, Mode::Evaluate, slopes);
            let largest = wanted.iter().fold(1e-3, |top: f32, v| top.max(v.abs()));
            let wrong = found.iter().zip(&wanted).filter(|(a, b)| (*a - *b).abs() > 5e-4 * largest).count();
            let kinked = matches!(name, "relu" | "elu" | "max-pool1d" | "global-max-pool" | "strands");
            let allowed = if kinked { found.len() / 4 } else { 0 };
            assert!(
                wrong <= allowed,
                "{layer:?}, seed {seed}: {wrong} of {} differ\n{found:?}\n{wanted:?}",
                found.len()
            );
        }
    }
}

/// A dense layer, a rectifier and a dense layer, worked out by hand.
#[test]
fn two_layers_by_hand() {
    let layers = "[[layer]]\ntype='dense'\nunits=2\n[[layer]]\ntype='relu'\n[[layer]]\ntype='dense'\nunits=1";
    let plan = Plan::without_head(&net(layers), 2, 1).unwrap();
    let mut weights = Weights::initial(&plan, 1);
    // Hidden: x1 + x2 - 1 and x1 - x2; output: 2 h1 - 3 h2.
    for (array, values) in
        [vec![1.0, 1.0, 1.0, -1.0], vec![-1.0, 0.0], vec![2.0, -3.0], vec![5.0]].into_iter().enumerate()
    {
        weights.parameters[array].values = values;
    }
    // Reference (0, 0): hidden before -1 and 0. Example (3, 1): hidden before 3 and 2. Rises: 3/4 and 1.
    let mut engine = Engine::new(&plan);
    let found =
        engine.multipliers(&plan, &weights, Input::Floats(&[0.0, 0.0, 3.0, 1.0], &[]), Pairs::new(1, 1), 0, true);
    assert_eq!(found.multipliers, [0.75 * 2.0 - 3.0, 0.75 * 2.0 + 3.0]);
    assert_eq!(found.scores, [5.0, 5.0 + 6.0 - 6.0]);
    assert!(found.leaks.iter().all(|leak| leak.relative == 0.0), "{:?}", found.leaks);
    assert_eq!(found.leaks.iter().map(|leak| leak.number).collect::<Vec<_>>(), [Some(2), Some(1), Some(0)]);
}

/// Layers that are joined elsewhere, batch norms that are folded, branches and both strands, from numbers and from codes.
#[test]
fn whole_networks_leak_nothing_from_numbers_or_codes() {
    let stem = "[[layer]]\ntype='conv1d'\nfilters=6\nwidth=5\n[[layer]]\ntype='batch-norm'\n[[layer]]\ntype='relu'\n";
    let block = "[[layer]]\ntype='residual'\n[[layer.layer]]\ntype='conv1d'\nfilters=6\nwidth=3\ndilation=2\n";
    let relu = "[[layer.layer]]\ntype='relu'\n";
    let tail = "[[layer]]\ntype='max-pool1d'\nwidth=3\n[[layer]]\ntype='batch-norm'\n[[layer]]\ntype='gelu'\n";
    let both = "[[layer]]\ntype='strands'\ncombine='max'\n[[layer.layer]]\ntype='conv1d'\nfilters=6\nwidth=5\n\
                [[layer.layer]]\ntype='batch-norm'\n[[layer.layer]]\ntype='relu'\n";
    for (layers, seed) in [(format!("{stem}{block}{relu}{block}{tail}"), 1), (format!("{both}{block}{relu}{tail}"), 2)]
    {
        let plan = Plan::new(&net(&layers), 4, 40, 3).unwrap();
        let case = Case::random(plan, 8, Mode::Evaluate, seed);
        let mut batch = SequenceBatch::new(DNA, 40);
        for i in 0..8usize {
            let letters: Vec<u8> = (0..40).map(|at| b"ACGTN"[(at * at + 3 * i * at + i) % 5]).collect();
            batch.push(&letters).unwrap();
        }
        let mut engine = Engine::new(&case.plan);
        let pairs = Pairs::new(EXAMPLES, REFERENCES);
        let x = batch.one_hot();
        let dense = engine.multipliers(&case.plan, &case.weights, Input::Floats(&x, &[]), pairs, 1, true);
        assert!(dense.leaks.iter().all(|leak| leak.relative < 1e-4), "{:?}", dense.leaks);
        let coded = engine.multipliers(&case.plan, &case.weights, Input::Codes(&batch), pairs, 1, false);
        let largest = dense.multipliers.iter().fold(0.0, |top: f32, v| top.max(v.abs()));
        assert!(largest > 1e-3);
        for (a, b) in dense.multipliers.iter().zip(&coded.multipliers) {
            assert!((a - b).abs() < 1e-4 * largest, "{a} against {b}");
        }
    }
}

/// The same bits for any number of threads.
#[test]
fn threads_change_nothing() {
    let plan = Plan::new(&Architecture::preset("cnn-lstm").unwrap(), 4, 60, 1).unwrap();
    let case = Case::random(plan, 8, Mode::Evaluate, 3);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| lifted(&case, 0).multipliers)
    };
    assert_eq!(with(1), with(3));
}
