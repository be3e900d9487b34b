//! A Wasserstein GAN with gradient penalty on one-hot sequences (Arjovsky et al. 2017; Gulrajani et al. 2017; for DNA
//! Killoran et al. 2017).
//!
//! The generator's letters are drawn: the largest of its logits with Gumbel noise (Jang et al. 2017; Maddison et al. 2017), so
//! that critic and user see the same kind of sequences; on the way back a draw counts as the softmax of the same noisy logits
//! (straight through).

use super::decoder::{Decoded, Decoder, NOISE, ReadyDecoder, Sizes};
use super::letters::{gumbel, largest, one_hot, softmax};
use super::net::{Net, Ready};
use super::penalty::add_penalty;
use super::pieces::{in_pieces, summed};
use crate::optimizer::Adam;
use basewise_core::Code;
use basewise_core::random::{normal, stream, uniform};
use basewise_kernels::Level;

/// Means of gradients forget fast, because the game's gradients turn (Gulrajani et al. 2017).
const BETAS: [f64; 2] = [0.5, 0.9];
/// Share that the averaged weights keep a step.
const AVERAGE: f32 = 0.99;

/// What decides a step besides the weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct WganSettings {
    pub(super) seed: u64,
    pub(super) rate: f64,
    pub(super) penalty: f32,
}

/// Both players with their optimizers.
pub(super) struct Wgan {
    pub(super) generator: Decoder,
    pub(super) critic: Net,
    pub(super) generator_weights: Vec<f32>,
    /// A running average of the generator's weights, which is what is kept (Yazici et al. 2019).
    pub(super) average: Vec<f32>,
    pub(super) critic_weights: Vec<f32>,
    generator_adam: Adam,
    critic_adam: Adam,
    sizes: Sizes,
    settings: WganSettings,
    steps: u64,
}

/// A generator's draw for a few examples.
struct Drawn {
    states: Decoded,
    /// Softmax of the noisy logits.
    soft: Vec<f32>,
    /// One-hot letters.
    letters: Vec<f32>,
}

/// The critic's view of one batch, means over its examples.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CriticLoss {
    /// Score of real sequences minus that of generated ones: the estimate of the Wasserstein distance.
    pub(super) distance: f64,
    pub(super) penalty: f64,
}

impl Wgan {
    /// New players; `logits` are where the generator's output begins.
    pub(super) fn new(sizes: Sizes, settings: WganSettings, logits: &[f32]) -> Self {
        let (generator, critic) = (sizes.generator(), sizes.reader(1));
        let generator_weights = generator.initial(settings.seed, "wgan/generator", logits);
        let critic_weights = critic.initial(settings.seed, "wgan/critic", 1.0);
        Self {
            average: generator_weights.clone(),
            generator_adam: Adam::new([generator_weights.len()]).with_betas(BETAS),
            critic_adam: Adam::new([critic_weights.len()]).with_betas(BETAS),
            generator,
            critic,
            generator_weights,
            critic_weights,
            sizes,
            settings,
            steps: 0,
        }
    }

    /// One step of the critic against the generator as it is.
    pub(super) fn critic_step(&mut self, level: Level, real: &[&[Code]]) -> CriticLoss {
        self.steps += 1;
        let (n, size) = (real.len(), 4 * self.sizes.length);
        let generator = self.generator.ready(level, &self.generator_weights);
        let critic = self.critic.ready(level, &self.critic_weights);
        let pieces = in_pieces(n, |rows| {
            let m = rows.len();
            let fake = draw(&generator, self.sizes, (self.settings.seed, self.steps), rows.clone()).letters;
            let real = one_hot(real[rows.clone()].iter().copied());
            let mut mixed = real.clone();
            for (i, row) in rows.enumerate() {
                let share = uniform(&mut stream(self.settings.seed, "wgan/mix", &[self.steps, row as u64])) as f32;
                let own = mixed[i * size..(i + 1) * size].iter_mut().zip(&fake[i * size..(i + 1) * size]);
                own.for_each(|(x, other)| *x += share * (other - *x));
            }
            let mut gradient = vec![0.0; self.critic_weights.len()];
            let distance = add_distance(&critic, (m, n), real, &fake, &mut gradient);
            let penalty = add_penalty(&critic, (m, n), mixed, self.settings.penalty, &mut gradient);
            (gradient, distance, penalty)
        });
        let mut loss = CriticLoss::default();
        let gradient = summed(pieces.into_iter().map(|(gradient, distance, penalty)| {
            loss.distance += distance;
            loss.penalty += penalty;
            gradient
        }));
        self.critic_adam.step(level, self.settings.rate, [(&mut self.critic_weights[..], &gradient[..], 0.0)]);
        loss
    }

    /// One step of the generator against the critic as it is.
    pub(super) fn generator_step(&mut self, level: Level, n: usize) {
        self.steps += 1;
        let generator = self.generator.ready(level, &self.generator_weights);
        let critic = self.critic.ready(level, &self.critic_weights);
        let gradients = in_pieces(n, |rows| {
            let m = rows.len();
            let drawn = draw(&generator, self.sizes, (self.settings.seed, self.steps), rows);
            let states = critic.forward(m, drawn.letters);
            let mut slopes = critic.backward(m, &states, vec![-1.0 / n as f32; m]);
            let slopes = softmax_slopes(&drawn.soft, std::mem::take(&mut slopes[0]));
            let mut gradient = vec![0.0; self.generator_weights.len()];
            generator.backward(m, &drawn.states, slopes, &mut gradient);
            gradient
        });
        let gradient = summed(gradients);
        self.generator_adam.step(level, self.settings.rate, [(&mut self.generator_weights[..], &gradient[..], 0.0)]);
        for (average, value) in self.average.iter_mut().zip(&self.generator_weights) {
            *average += (1.0 - AVERAGE) * (value - *average);
        }
    }

    /// The mean score of sequences.
    pub(super) fn mean_score(&self, level: Level, sequences: &[&[Code]]) -> f64 {
        let critic = self.critic.ready(level, &self.critic_weights);
        let sums = in_pieces(sequences.len(), |rows| {
            let states = critic.forward(rows.len(), one_hot(sequences[rows].iter().copied()));
            states.last().map_or(0.0, |scores| scores.iter().map(|&s| f64::from(s)).sum())
        });
        sums.into_iter().sum::<f64>() / sequences.len().max(1) as f64
    }
}

/// The mean over `total` of fake scores minus real ones, the part of these `n`, with its gradient added; returns the
/// negative, which is the distance.
fn add_distance(
    critic: &Ready<'_>,
    (n, total): (usize, usize),
    mut real: Vec<f32>,
    fake: &[f32],
    gradient: &mut [f32],
) -> f64 {
    real.extend_from_slice(fake);
    let states = critic.forward(2 * n, real);
    let share = 1.0 / total as f32;
    let slopes = (0..2 * n).map(|i| if i < n { -share } else { share }).collect();
    let slopes = critic.backward(2 * n, &states, slopes);
    critic.gradient(2 * n, &states, &slopes, true, gradient);
    let scores = states.last().map_or(&[][..], Vec::as_slice);
    let sum = |scores: &[f32]| scores.iter().map(|&s| f64::from(s)).sum::<f64>();
    (sum(&scores[..n]) - sum(&scores[n..])) / total as f64
}

/// Slopes of logits from those of their softmax.
fn softmax_slopes(soft: &[f32], mut slopes: Vec<f32>) -> Vec<f32> {
    for (slopes, soft) in slopes.as_chunks_mut::<4>().0.iter_mut().zip(soft.as_chunks::<4>().0) {
        let mean: f32 = slopes.iter().zip(soft).map(|(s, p)| s * p).sum();
        slopes.iter_mut().zip(soft).for_each(|(s, p)| *s = p * (*s - mean));
    }
    slopes
}

/// Latent numbers and noise of these rows.
pub(super) fn noise(sizes: Sizes, seed: u64, purpose: &str, indices: &[u64]) -> (Vec<f32>, Vec<f32>) {
    let mut rng = stream(seed, purpose, indices);
    let mut numbers = |count: usize| (0..count).map(|_| normal(&mut rng) as f32).collect();
    (numbers(sizes.latent), numbers(sizes.length * NOISE))
}

fn draw(generator: &ReadyDecoder<'_>, sizes: Sizes, (seed, step): (u64, u64), rows: std::ops::Range<usize>) -> Drawn {
    let n = rows.len();
    let (mut latent, mut surroundings) = (Vec::new(), Vec::new());
    for row in rows.clone() {
        let (own, beside) = noise(sizes, seed, "wgan/noise", &[step, row as u64]);
        latent.extend(own);
        surroundings.extend(beside);
    }
    let states = generator.forward(n, latent, surroundings);
    let mut soft = states.logits().to_vec();
    for (row, logits) in rows.zip(soft.chunks_exact_mut(4 * sizes.length)) {
        let mut rng = stream(seed, "wgan/letters", &[step, row as u64]);
        logits.iter_mut().for_each(|logit| *logit += gumbel(&mut rng) as f32);
    }
    let mut letters = vec![0.0; soft.len()];
    for (letters, logits) in letters.as_chunks_mut::<4>().0.iter_mut().zip(soft.as_chunks::<4>().0) {
        letters[usize::from(largest(logits))] = 1.0;
    }
    softmax(&mut soft);
    Drawn { states, soft, letters }
}
