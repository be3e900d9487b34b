//! A variational autoencoder of sequences (Kingma and Welling 2014) whose decoder sees the letters before each position.
//!
//! Minimized is `-log p(x | z) + beta sum_j max(free, KL_j)` with `z` drawn from the encoder's normal distribution and `KL_j`
//! the mean divergence of latent number `j` from the standard normal over a batch. `beta` grows from 0 to 1 over the first epochs
//! (Bowman et al. 2016), and a latent number is not pushed below `free` nats (Kingma et al. 2016): both keep the decoder from
//! doing without the latent numbers.

use super::decoder::{Decoder, Sizes};
use super::letters::{one_hot, softmax};
use super::net::{Net, States};
use super::pieces::{in_pieces, summed};
use crate::optimizer::Adam;
use basewise_core::Code;
use basewise_core::random::{normal, stream, uniform};
use basewise_kernels::Level;

/// Bounds of the encoder's logarithms of variances.
const LOG_VARIANCE: [f32; 2] = [-10.0, 10.0];

/// What decides a step besides the weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct VaeSettings {
    pub(super) seed: u64,
    pub(super) rate: f64,
    /// Nats.
    pub(super) free: f64,
    /// Letters that the decoder sees before each position.
    pub(super) before: usize,
    /// Share of these that are hidden from it in training.
    pub(super) dropout: f64,
}

/// Encoder and decoder with their optimizer.
pub(super) struct Vae {
    pub(super) encoder: Net,
    pub(super) decoder: Decoder,
    /// Parameters of the encoder, then those of the decoder.
    pub(super) weights: Vec<f32>,
    adam: Adam,
    sizes: Sizes,
    settings: VaeSettings,
    steps: u64,
}

/// The parts of the negative evidence lower bound of a batch: nats, means over its sequences.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Bound {
    /// `-log p(x | z)`.
    pub(super) reconstruction: f64,
    /// Of each latent number.
    pub(super) divergences: Vec<f64>,
}

impl Bound {
    /// The negative bound.
    pub(super) fn total(&self) -> f64 {
        self.reconstruction + self.divergences.iter().sum::<f64>()
    }
}

/// What the encoder says of a few examples.
struct Encoded {
    states: States,
    /// `[n, latent]` draws of a standard normal distribution.
    noise: Vec<f32>,
    /// `[n, latent]`.
    latent: Vec<f32>,
    /// Sums over the examples.
    divergences: Vec<f64>,
}

impl Vae {
    /// A new model; `logits` are where the decoder's output begins.
    pub(super) fn new(sizes: Sizes, settings: VaeSettings, logits: &[f32]) -> Self {
        let (encoder, decoder) = (sizes.reader(2 * sizes.latent), sizes.autoregressive(settings.before));
        let mut weights = encoder.initial(settings.seed, "vae/encoder", 0.3);
        weights.extend(decoder.initial(settings.seed, "vae/decoder", logits));
        let adam = Adam::new([weights.len()]);
        Self { encoder, decoder, weights, adam, sizes, settings, steps: 0 }
    }

    /// One step.
    pub(super) fn step(&mut self, level: Level, sequences: &[&[Code]], beta: f64) -> Bound {
        self.steps += 1;
        let (bound, gradient) = self.pass(level, sequences, beta);
        self.adam.step(level, self.settings.rate, [(&mut self.weights[..], &gradient[..], 0.0)]);
        bound
    }

    /// The bound and the gradient of what is minimized.
    pub(super) fn pass(&self, level: Level, sequences: &[&[Code]], beta: f64) -> (Bound, Vec<f32>) {
        let n = sequences.len();
        let (of_encoder, of_decoder) = self.weights.split_at(self.encoder.parameters());
        let encoder = self.encoder.ready(level, of_encoder);
        let decoder = self.decoder.ready(level, of_decoder);
        let purpose = ("vae/noise", self.steps);
        let encoded = in_pieces(n, |rows| {
            let x = one_hot(sequences[rows.clone()].iter().copied());
            let states = encoder.forward(rows.len(), x);
            encode(self.sizes.latent, self.settings.seed, purpose, rows, states)
        });
        let divergences = mean_divergences(&encoded, n);
        // The whole batch decides which latent numbers are pushed.
        let pushed: Vec<f32> =
            divergences.iter().map(|&d| if d > self.settings.free { beta as f32 / n as f32 } else { 0.0 }).collect();
        let encoded = &encoded;
        let pieces = in_pieces(n, |rows| {
            let encoded = &encoded[rows.start / super::pieces::PIECE];
            let m = rows.len();
            let x = one_hot(sequences[rows.clone()].iter().copied());
            let before = self.letters_before(&x, rows);
            let states = decoder.forward(m, encoded.latent.clone(), before);
            let (loss, slopes) = cross_entropy(&x, states.logits().to_vec(), n);
            let mut gradient = vec![0.0; self.weights.len()];
            let (own, rest) = gradient.split_at_mut(of_encoder.len());
            let of_latent = decoder.backward(m, &states, slopes, rest);
            let slopes = latent_slopes(encoded, &of_latent, &pushed);
            let slopes = encoder.backward(m, &encoded.states, slopes);
            encoder.gradient(m, &encoded.states, &slopes, true, own);
            (gradient, loss)
        });
        let mut bound = Bound { reconstruction: 0.0, divergences };
        let gradient = summed(pieces.into_iter().map(|(gradient, loss)| {
            bound.reconstruction += loss / n as f64;
            gradient
        }));
        (bound, gradient)
    }

    /// The letters that the decoder may look at, some of them hidden.
    fn letters_before(&self, x: &[f32], rows: std::ops::Range<usize>) -> Vec<f32> {
        let mut before = x.to_vec();
        if self.settings.dropout > 0.0 {
            for (row, letters) in rows.zip(before.chunks_exact_mut(4 * self.sizes.length)) {
                let mut rng = stream(self.settings.seed, "vae/hidden", &[self.steps, row as u64]);
                for letter in letters.chunks_exact_mut(4) {
                    if uniform(&mut rng) < self.settings.dropout {
                        letter.fill(0.0);
                    }
                }
            }
        }
        before
    }

    /// The bound on sequences that are not trained on, with one draw for each.
    pub(super) fn bound(&self, level: Level, sequences: &[&[Code]]) -> Bound {
        let n = sequences.len();
        let (of_encoder, of_decoder) = self.weights.split_at(self.encoder.parameters());
        let encoder = self.encoder.ready(level, of_encoder);
        let decoder = self.decoder.ready(level, of_decoder);
        let pieces = in_pieces(n, |rows| {
            let m = rows.len();
            let x = one_hot(sequences[rows.clone()].iter().copied());
            let states = encoder.forward(m, x.clone());
            let mut encoded = encode(self.sizes.latent, self.settings.seed, ("vae/valid", 0), rows, states);
            let states = decoder.forward(m, std::mem::take(&mut encoded.latent), x.clone());
            (cross_entropy(&x, states.logits().to_vec(), n).0, encoded)
        });
        let (losses, encoded): (Vec<f64>, Vec<Encoded>) = pieces.into_iter().unzip();
        let reconstruction = losses.iter().sum::<f64>() / n.max(1) as f64;
        Bound { reconstruction, divergences: mean_divergences(&encoded, n) }
    }
}

fn mean_divergences(encoded: &[Encoded], n: usize) -> Vec<f64> {
    let latent = encoded.first().map_or(0, |piece| piece.divergences.len());
    (0..latent).map(|j| encoded.iter().map(|piece| piece.divergences[j]).sum::<f64>() / n as f64).collect()
}

/// Draws latent numbers from what the encoder put out, `[n, 2 latent]`: means, then logarithms of variances.
fn encode(
    latent: usize,
    seed: u64,
    (purpose, step): (&str, u64),
    rows: std::ops::Range<usize>,
    states: States,
) -> Encoded {
    let (mut noise, mut drawn, mut divergences) = (Vec::new(), Vec::new(), vec![0.0; latent]);
    let out = states.last().map_or(&[][..], Vec::as_slice);
    for (row, out) in rows.zip(out.chunks_exact(2 * latent)) {
        let mut rng = stream(seed, purpose, &[step, row as u64]);
        for j in 0..latent {
            let (mean, log_variance) = (out[j], out[latent + j].clamp(LOG_VARIANCE[0], LOG_VARIANCE[1]));
            let e = normal(&mut rng) as f32;
            noise.push(e);
            drawn.push(mean + e * (0.5 * log_variance).exp());
            let [m, v] = [mean, log_variance].map(f64::from);
            divergences[j] += 0.5 * (m * m + v.exp() - 1.0 - v);
        }
    }
    Encoded { states, noise, latent: drawn, divergences }
}

/// Slopes of the encoder's output, from those of the latent numbers and the weight of each number's divergence.
fn latent_slopes(encoded: &Encoded, of_latent: &[f32], pushed: &[f32]) -> Vec<f32> {
    let latent = pushed.len();
    let out = encoded.states.last().map_or(&[][..], Vec::as_slice);
    let mut slopes = vec![0.0; out.len()];
    for (i, (slopes, out)) in slopes.chunks_exact_mut(2 * latent).zip(out.chunks_exact(2 * latent)).enumerate() {
        for j in 0..latent {
            let (mean, raw) = (out[j], out[latent + j]);
            let (dz, e) = (of_latent[i * latent + j], encoded.noise[i * latent + j]);
            slopes[j] = dz + pushed[j] * mean;
            if raw > LOG_VARIANCE[0] && raw < LOG_VARIANCE[1] {
                slopes[latent + j] = 0.5 * (dz * e * (0.5 * raw).exp() + pushed[j] * (raw.exp() - 1.0));
            }
        }
    }
    slopes
}

/// The sum of `-log p` over known letters, and the slopes of its mean over `total` sequences.
fn cross_entropy(x: &[f32], mut logits: Vec<f32>, total: usize) -> (f64, Vec<f32>) {
    softmax(&mut logits);
    let mut loss = 0.0;
    for (p, x) in logits.as_chunks_mut::<4>().0.iter_mut().zip(x.as_chunks::<4>().0) {
        let known: f32 = x.iter().sum();
        let of_letter: f32 = p.iter().zip(x).map(|(p, x)| p * x).sum();
        if known > 0.0 {
            loss -= f64::from(of_letter.max(f32::MIN_POSITIVE)).ln();
        }
        p.iter_mut().zip(x).for_each(|(p, x)| *p = (known * *p - x) / total as f32);
    }
    (loss, logits)
}
