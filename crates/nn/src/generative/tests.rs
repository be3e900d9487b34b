use super::decoder::Sizes;
use super::letters::{one_hot, position_logits};
use super::net::{LEAK, Layer, Net};
use super::penalty::add_penalty;
use super::vae::{Vae, VaeSettings};
use super::wgan::{Wgan, WganSettings};
use super::*;
use basewise_core::random::{below, normal, stream};
use basewise_core::{Alphabet, Code};
use basewise_kernels::Level;

const SIZES: Sizes = Sizes { length: 11, latent: 3, channels: 5 };

fn sequences(n: usize, length: usize, seed: u64) -> Vec<Vec<Code>> {
    let mut rng = stream(seed, "test", &[]);
    (0..n).map(|_| (0..length).map(|_| Code::new(below(&mut rng, 5) as u8)).collect()).collect()
}

fn slices(sequences: &[Vec<Code>]) -> Vec<&[Code]> {
    sequences.iter().map(Vec::as_slice).collect()
}

fn numbers(n: usize, seed: u64) -> Vec<f32> {
    let mut rng = stream(seed, "test", &[1]);
    (0..n).map(|_| normal(&mut rng) as f32).collect()
}

/// Compares a gradient with central differences of `loss` at some of the parameters.
fn agree(name: &str, values: &[f32], gradient: &[f32], mut loss: impl FnMut(&[f32]) -> f64) {
    let step = 1e-3;
    let stride = (values.len() / 150).max(1);
    let scale = gradient.iter().fold(0.0f32, |a, b| a.max(b.abs())).max(1e-3);
    let mut apart = 0;
    for i in (0..values.len()).step_by(stride) {
        let mut moved = values.to_vec();
        moved[i] = values[i] + step;
        let above = loss(&moved);
        moved[i] = values[i] - step;
        let slope = (above - loss(&moved)) / (2.0 * f64::from(step));
        // A kink between the two points makes a difference that is no gradient: rare.
        apart += usize::from((slope - f64::from(gradient[i])).abs() > 0.02 * f64::from(scale));
    }
    assert!(apart * 50 <= values.len() / stride, "{name}: {apart} of {} apart", values.len() / stride);
}

/// A net with every kind of layer.
fn all_layers() -> Net {
    let net = Net::new(7, 4).same(6, 5).leaky().half(5, 3).residual(3).upsample().bias().leaky();
    net.conv(4, 3, 1, 1, 7).leaky().dense(1, 1)
}

fn initial(net: &Net) -> Vec<f32> {
    let mut values = net.initial(1, "test", 1.0);
    values.iter_mut().zip(numbers(net.parameters(), 2)).for_each(|(v, e)| *v += 0.1 * e);
    values
}

#[test]
fn states_and_slopes_are_those_of_central_differences() {
    let (net, n) = (all_layers(), 3);
    let values = initial(&net);
    let x = numbers(n * net.inputs(), 3);
    let score = |values: &[f32], x: &[f32]| -> f64 {
        let out = net.ready(Level::best(), values).forward(n, x.to_vec()).pop().unwrap();
        out.iter().zip([1.0, -2.0, 0.5]).map(|(y, w)| f64::from(*y) * w).sum()
    };
    let ready = net.ready(Level::best(), &values);
    let states = ready.forward(n, x.clone());
    let slopes = ready.backward(n, &states, vec![1.0, -2.0, 0.5]);
    let mut gradient = vec![0.0; values.len()];
    ready.gradient(n, &states, &slopes, true, &mut gradient);
    agree("weights", &values, &gradient, |values| score(values, &x));
    agree("input", &x, &slopes[0], |x| score(&values, x));
    // A tangent is the change of the output, whichever way round the chain is summed.
    let v = numbers(x.len(), 4);
    let tangents = ready.tangents(n, &states, v.clone());
    let forward: f32 = tangents.last().unwrap().iter().zip([1.0, -2.0, 0.5]).map(|(t, w)| t * w).sum();
    let back: f32 = slopes[0].iter().zip(&v).map(|(s, v)| s * v).sum();
    assert!((forward - back).abs() < 1e-4 * (1.0 + back.abs()), "{forward} {back}");
}

#[test]
fn every_instruction_set_gives_the_same_states() {
    let (net, n) = (all_layers(), 2);
    let (values, x) = (initial(&net), numbers(2 * 28, 3));
    let expected = net.ready(Level::available()[0], &values).forward(n, x.clone()).pop().unwrap();
    for level in Level::available() {
        let found = net.ready(level, &values).forward(n, x.clone()).pop().unwrap();
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-4), "{level}");
    }
}

/// A network in f64 by its definition, one example.
fn reference(net: &Net, w: &[f64], x: &[f64]) -> Vec<f64> {
    let mut states = vec![x.to_vec()];
    for layer in &net.layers {
        let x = &states[states.len() - 1];
        let y = match *layer {
            Layer::Conv { shape: s, first } => {
                let sum = |at: usize| {
                    let (o, f) = (at / s.filters, at % s.filters);
                    let mut sum = w[first + s.weights() + f];
                    for tap in 0..s.width {
                        let position = (o * s.stride + tap).wrapping_sub(s.left);
                        for c in (0..s.channels).filter(|_| position < s.length) {
                            sum += w[first + (f * s.channels + c) * s.width + tap] * x[position * s.channels + c];
                        }
                    }
                    sum
                };
                (0..s.outputs * s.filters).map(sum).collect()
            }
            Layer::Dense { shape: s, first } => {
                let term = |u: usize| (0..s.features).map(move |f| w[first + f * s.units + u] * x[f]).sum::<f64>();
                (0..s.units).map(|u| w[first + s.features * s.units + u] + term(u)).collect()
            }
            Layer::Leaky => x.iter().map(|&v| if v > 0.0 { v } else { f64::from(LEAK) * v }).collect(),
            Layer::Upsample { channels: c } => (0..2 * x.len()).map(|i| x[i / (2 * c) * c + i % c]).collect(),
            Layer::Bias { size, first } => (0..size).map(|i| x[i] + w[first + i]).collect(),
            Layer::Join { from } => x.iter().zip(&states[from]).map(|(a, b)| a + b).collect(),
        };
        states.push(y);
    }
    states.pop().unwrap()
}

/// `weight mean (|g| - 1)^2` with `g` by central differences, which between kinks are the slopes of a piecewise linear function.
fn reference_penalty(net: &Net, w: &[f64], n: usize, x: &[f64], weight: f64) -> f64 {
    let step = 1e-6;
    let of_one = |x: &[f64]| {
        let square = |i: usize| {
            let [above, below] = [step, -step].map(|d| {
                let mut moved = x.to_vec();
                moved[i] += d;
                reference(net, w, &moved)[0]
            });
            ((above - below) / (2.0 * step)).powi(2)
        };
        ((0..x.len()).map(square).sum::<f64>().sqrt() - 1.0).powi(2)
    };
    weight * x.chunks_exact(net.inputs()).map(of_one).sum::<f64>() / n as f64
}

#[test]
fn states_are_those_of_plain_loops() {
    for net in [all_layers(), SIZES.reader(3), SIZES.generator().head, SIZES.autoregressive(4).beside] {
        let values = initial(&net);
        let x = numbers(net.inputs(), 3);
        let [w, wide] = [&values, &x].map(|v| v.iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
        let expected = reference(&net, &w, &wide);
        let found = net.ready(Level::best(), &values).forward(1, x).pop().unwrap();
        assert_eq!(found.len(), expected.len());
        assert!(found.iter().zip(&expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-4), "{net:?}");
    }
}

#[test]
fn the_penalty_and_its_gradient_are_those_of_differences_of_differences() {
    for (name, net) in [("all layers", all_layers()), ("critic", SIZES.reader(1))] {
        let (n, weight) = (2, 10.0);
        let values = initial(&net);
        let x = numbers(n * net.inputs(), 5);
        let [w, wide] = [&values, &x].map(|v| v.iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
        let mut gradient = vec![0.0; values.len()];
        let found = add_penalty(&net.ready(Level::best(), &values), (n, n), x, weight as f32, &mut gradient);
        let expected = reference_penalty(&net, &w, n, &wide, weight);
        assert!((found - expected).abs() < 1e-4 * expected.max(1.0), "{name}: {found} {expected}");
        let scale = gradient.iter().fold(0.0f32, |a, b| a.max(b.abs()));
        assert!(scale > 0.01, "{name}: a penalty without a gradient says nothing");
        for i in (0..w.len()).step_by((w.len() / 70).max(1)) {
            let [above, below] = [1e-5, -1e-5].map(|d| {
                let mut moved = w.clone();
                moved[i] += d;
                reference_penalty(&net, &moved, n, &wide, weight)
            });
            let slope = (above - below) / 2e-5;
            let apart = (slope - f64::from(gradient[i])).abs();
            assert!(apart < 2e-3 * f64::from(scale), "{name}: parameter {i}: {slope} {}", gradient[i]);
        }
    }
}

#[test]
fn a_constant_critic_has_a_finite_penalty() {
    let net = SIZES.reader(1);
    let values = vec![0.0; net.parameters()];
    let mut gradient = values.clone();
    let x = numbers(2 * net.inputs(), 1);
    assert_eq!(add_penalty(&net.ready(Level::best(), &values), (2, 2), x, 10.0, &mut gradient), 10.0);
    assert!(gradient.iter().all(|g| *g == 0.0));
}

fn vae(dropout: f64, free: f64) -> Vae {
    let own = sequences(9, SIZES.length, 1);
    let settings = VaeSettings { seed: 3, rate: 1e-3, free, before: 4, dropout };
    let mut vae = Vae::new(SIZES, settings, &position_logits(SIZES.length, own.iter().map(Vec::as_slice)));
    let moved = numbers(vae.weights.len(), 6);
    vae.weights.iter_mut().zip(moved).for_each(|(w, e)| *w += 0.1 * e);
    vae
}

#[test]
fn the_bound_has_the_gradient_of_central_differences() {
    let own = sequences(9, SIZES.length, 1);
    let own = slices(&own);
    for (dropout, beta) in [(0.0, 1.0), (0.4, 0.3)] {
        let mut vae = vae(dropout, 0.0);
        let (_, gradient) = vae.pass(Level::best(), &own, beta);
        let values = vae.weights.clone();
        agree("vae", &values, &gradient, |values| {
            vae.weights = values.to_vec();
            let bound = vae.pass(Level::best(), &own, beta).0;
            bound.reconstruction + beta * bound.divergences.iter().sum::<f64>()
        });
    }
}

#[test]
fn free_bits_leave_small_divergences_alone() {
    let own = sequences(9, SIZES.length, 1);
    let own = slices(&own);
    let free = vae(0.0, 1e9);
    let without = vae(0.0, 0.0);
    let (_, gradient) = free.pass(Level::best(), &own, 1.0);
    // As if the divergences were not there.
    let (_, expected) = without.pass(Level::best(), &own, 0.0);
    assert_eq!(gradient, expected);
}

#[test]
fn the_decoder_sees_no_letter_at_or_after_a_position() {
    let decoder = SIZES.autoregressive(4);
    let values = decoder.initial(1, "test", &[0.0; 44]);
    let ready = decoder.ready(Level::best(), &values);
    let own = sequences(1, 11, 2);
    let mut other = own.clone();
    other[0][6] = Code::new((own[0][6].base() + 1) % 4);
    let logits = |s: &Vec<Vec<Code>>| ready.forward(1, vec![0.3, -0.2, 1.0], one_hot(slices(s))).logits().to_vec();
    let (a, b) = (logits(&own), logits(&other));
    let differ: Vec<usize> = (0..11).filter(|&i| a[4 * i..4 * i + 4] != b[4 * i..4 * i + 4]).collect();
    assert_eq!(differ, [7, 8, 9, 10]);
}

#[test]
fn the_distance_has_the_gradient_of_its_step() {
    // One step of a critic with a tiny rate makes the loss smaller than it was.
    let own = sequences(16, SIZES.length, 1);
    let own = slices(&own);
    let settings = WganSettings { seed: 1, rate: 1e-2, penalty: 10.0 };
    let mut wgan = Wgan::new(SIZES, settings, &position_logits(SIZES.length, own.iter().copied()));
    let first = wgan.critic_step(Level::best(), &own);
    let mut last = first;
    for _ in 0..60 {
        last = wgan.critic_step(Level::best(), &own);
    }
    assert!(last.penalty - last.distance < first.penalty - first.distance - 0.5, "{first:?} {last:?}");
}

/// A word that all sequences have, at one of two places.
fn planted(n: usize, seed: u64) -> Vec<Vec<Code>> {
    let mut all = sequences(n, 24, seed);
    for (i, sequence) in all.iter_mut().enumerate() {
        let at = if i % 2 == 0 { 4 } else { 14 };
        sequence.iter_mut().for_each(|c| *c = Code::new(c.base() % 4));
        [2, 3, 0, 0, 2, 3].iter().enumerate().for_each(|(j, &base)| sequence[at + j] = Code::new(base));
    }
    all
}

fn small(model: GenerativeKind) -> GenerativeConfig {
    GenerativeConfig { latent: 4, channels: 12, batch_size: 32, epochs: 12, ..GenerativeConfig::new(model) }
}

#[test]
fn models_learn_a_word_and_are_the_same_for_any_number_of_threads() {
    let (train, valid) = (planted(256, 1), planted(64, 2));
    let (train, valid) = (slices(&train), slices(&valid));
    for kind in [GenerativeKind::Vae, GenerativeKind::Wgan] {
        let config = small(kind);
        let run = || fit((&train, &valid), Alphabet::Dna, &config, &mut |_| true).unwrap();
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (one, two) = (pool(1).install(run), pool(3).install(run));
        assert_eq!(one, two, "{kind:?}");
        assert!(one.history.iter().all(|epoch| epoch.divergence.is_finite() && epoch.valid.is_finite()));
        let first = one.history.first().unwrap();
        assert!(one.best().unwrap().divergence < first.divergence, "{kind:?}: {:?}", one.history);
        let sampled = one.model.sample(40, 7, 1.0);
        assert_eq!(sampled[..10], one.model.sample(10, 7, 1.0), "{kind:?}");
        assert!(sampled.iter().all(|s| s.len() == 24 && s.iter().all(|c| c.base() < 4)));
        assert_ne!(sampled[0], one.model.sample(1, 8, 1.0)[0]);
    }
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    let (train, short) = (planted(8, 1), sequences(4, 5, 1));
    let (train, short) = (slices(&train), slices(&short));
    let config = small(GenerativeKind::Vae);
    let said = |train: &[&[Code]], valid: &[&[Code]], config: &GenerativeConfig| {
        fit((train, valid), Alphabet::Dna, config, &mut |_| true).unwrap_err().to_string()
    };
    assert!(said(&[], &train, &config).contains("training"));
    assert!(said(&train, &[], &config).contains("validation"));
    assert!(said(&train, &short, &config).contains("24 bases, found 0"));
    assert!(said(&short, &short, &config).contains("8 bases, found 0"));
    let wrong = GenerativeConfig { letter_dropout: 1.0, ..config.clone() };
    assert!(said(&train, &train, &wrong).contains("from 0 to below 1, found 1"));
    let wrong = GenerativeConfig { channels: 0, ..config };
    assert!(said(&train, &train, &wrong).contains("channels of 1 to 4096, found 0"));
}

#[test]
fn a_collapse_is_told() {
    let (train, valid) = (planted(8, 1), planted(4, 2));
    let (train, valid) = (slices(&train), slices(&valid));
    let config = GenerativeConfig { epochs: 1, ..small(GenerativeKind::Vae) };
    let mut fitted = fit((&train, &valid), Alphabet::Dna, &config, &mut |_| true).unwrap();
    let healthy = GenerativeEpoch { used: Some(3), diversity: 0.9, duplicates: 0.0, ..fitted.history[0].clone() };
    fitted.history[0] = healthy.clone();
    assert!(fitted.warnings().is_empty());
    fitted.history[0] = GenerativeEpoch { used: Some(0), diversity: 0.2, duplicates: 0.5, ..healthy };
    let said: Vec<String> = fitted.warnings().into_iter().map(|(text, _)| text).collect();
    assert!(said[0].contains("posterior") && said[1].contains("20 %") && said[2].contains("50.0 %"), "{said:?}");
}
