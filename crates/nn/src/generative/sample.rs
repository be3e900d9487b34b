//! Sequences from a trained model. Sequence `i` is a function of seed and `i`.

use super::config::GenerativeKind;
use super::decoder::{Decoder, Sizes};
use super::letters::draw;
use super::net::{Net, add};
use super::pieces::in_pieces;
use super::wgan::noise;
use basewise_core::Code;
use basewise_core::random::{normal, stream};
use basewise_kernels::Level;
use std::ops::Range;

/// What sampling needs of a model.
#[derive(Clone, Copy)]
pub(super) struct Sampler<'a> {
    pub(super) kind: GenerativeKind,
    pub(super) sizes: Sizes,
    pub(super) decoder: &'a Decoder,
    pub(super) weights: &'a [f32],
    pub(super) letters_before: usize,
}

impl Sampler<'_> {
    /// `n` sequences; logits are divided by `temperature`.
    pub(super) fn sample(self, level: Level, n: usize, seed: u64, temperature: f64) -> Vec<Vec<Code>> {
        let pieces = match self.kind {
            GenerativeKind::Vae => self.one_by_one(level, n, seed, temperature),
            GenerativeKind::Wgan => self.at_once(level, n, seed, temperature),
        };
        let length = self.sizes.length;
        let whole = |piece: Vec<u8>| {
            let sequences: Vec<Vec<Code>> =
                piece.chunks_exact(length).map(|bases| bases.iter().map(|&b| Code::new(b)).collect()).collect();
            sequences
        };
        pieces.into_iter().flat_map(whole).collect()
    }

    /// The generator's letters at all positions, each by itself.
    fn at_once(self, level: Level, n: usize, seed: u64, temperature: f64) -> Vec<Vec<u8>> {
        let generator = self.decoder.ready(level, self.weights);
        in_pieces(n, |rows| {
            let (mut latent, mut surroundings) = (Vec::new(), Vec::new());
            for row in rows.clone() {
                let (own, beside) = noise(self.sizes, seed, "generate/noise", &[row as u64]);
                latent.extend(own);
                surroundings.extend(beside);
            }
            let states = generator.forward(rows.len(), latent, surroundings);
            let of_row = |(row, logits): (usize, &[f32])| {
                let mut rng = stream(seed, "generate/letters", &[row as u64]);
                let bases: Vec<u8> = logits.chunks_exact(4).map(|logits| draw(logits, temperature, &mut rng)).collect();
                bases
            };
            rows.zip(states.logits().chunks_exact(4 * self.sizes.length)).flat_map(of_row).collect()
        })
    }

    /// Letters that follow from those before them. The convolution beside the trunk and the head see one position at a time,
    /// so that each is applied with the same weights to a sequence of one position.
    fn one_by_one(self, level: Level, n: usize, seed: u64, temperature: f64) -> Vec<Vec<u8>> {
        let Sizes { length, latent, channels } = self.sizes;
        let window = self.letters_before;
        let (trunk, rest) = self.weights.split_at(self.decoder.trunk.parameters());
        let (beside, head) = rest.split_at(self.decoder.beside.parameters());
        let (head, position_logits) = head.split_at(head.len() - 4 * length);
        let trunk = self.decoder.trunk.ready(level, trunk);
        let window_net = Net::new(window, 4).conv(channels, window, 1, 0, 1);
        let window_net = window_net.ready(level, beside);
        let head_net = Net::new(1, channels).leaky().same(channels, 1).leaky().same(4, 1);
        let head_net = head_net.ready(level, head);
        in_pieces(n, |rows: Range<usize>| {
            let m = rows.len();
            let of_row = |row: usize| {
                let mut rng = stream(seed, "generate/noise", &[row as u64]);
                (0..latent).map(|_| normal(&mut rng) as f32).collect::<Vec<_>>()
            };
            let states = trunk.forward(m, rows.clone().flat_map(of_row).collect());
            let features = states.last().map_or(&[][..], Vec::as_slice);
            let mut rngs: Vec<_> = rows.map(|row| stream(seed, "generate/letters", &[row as u64])).collect();
            let mut letters = vec![0.0; m * window * 4];
            let mut bases = vec![0u8; m * length];
            for at in 0..length {
                let mut sums = window_net.forward(m, letters.clone()).pop().unwrap_or_default();
                for (i, sum) in sums.chunks_exact_mut(channels).enumerate() {
                    let place = (i * length + at) * channels;
                    add(&features[place..place + channels], sum);
                }
                let mut logits = head_net.forward(m, sums).pop().unwrap_or_default();
                for (i, logits) in logits.chunks_exact_mut(4).enumerate() {
                    add(&position_logits[4 * at..4 * at + 4], logits);
                    let base = draw(logits, temperature, &mut rngs[i]);
                    bases[i * length + at] = base;
                    let own = &mut letters[i * window * 4..(i + 1) * window * 4];
                    own.copy_within(4.., 0);
                    own[window * 4 - 4..].fill(0.0);
                    own[window * 4 - 4 + usize::from(base)] = 1.0;
                }
            }
            bases
        })
    }
}
