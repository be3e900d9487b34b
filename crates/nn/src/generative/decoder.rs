//! From latent numbers to logits of letters, for both kinds of model.
//!
//! A trunk turns the latent numbers of a sequence into features of its positions; a convolution *beside* it adds what is known
//! of each position's surroundings; a head turns the sum into logits `[n, length, 4]`, around those of the letters' frequencies
//! at each position of the training sequences, where training begins.
//!
//! | | beside the trunk | head |
//! |---|---|---|
//! | VAE | the letters before a position, so that letters are drawn one after the other (as in PixelVAE, Gulrajani et al. 2016) | position by position |
//! | WGAN | noise at each position | a residual block and a last layer |

use super::net::{Net, Ready, States, add};
use basewise_kernels::Level;

/// The three parts; their parameters follow each other.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Decoder {
    pub(super) trunk: Net,
    pub(super) beside: Net,
    pub(super) head: Net,
}

/// Sizes that both kinds share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) length: usize,
    pub(super) latent: usize,
    pub(super) channels: usize,
}

/// Noise channels at each position of a WGAN's generator.
pub(super) const NOISE: usize = 4;
/// Taps of most convolutions.
const WIDTH: usize = 5;

impl Sizes {
    fn trunk(self) -> Net {
        let Self { length, latent, channels } = self;
        let short = Net::new(1, latent).dense(length.div_ceil(4), channels).leaky();
        short.upsample().same(channels, WIDTH).leaky().upsample().conv(channels, WIDTH, 1, WIDTH / 2, length)
    }

    /// The decoder of a VAE, which sees `before` letters.
    pub(super) fn autoregressive(self, before: usize) -> Decoder {
        let Self { length, channels, .. } = self;
        let head = Net::new(length, channels).leaky().same(channels, 1).leaky().same(4, 1).bias();
        Decoder { trunk: self.trunk(), beside: Net::new(length, 4).conv(channels, before, 1, before, length), head }
    }

    /// The generator of a WGAN.
    pub(super) fn generator(self) -> Decoder {
        let Self { length, channels, .. } = self;
        let head = Net::new(length, channels).residual(WIDTH).leaky().same(4, 1).bias();
        Decoder { trunk: self.trunk(), beside: Net::new(length, NOISE).same(channels, 2 * WIDTH - 1), head }
    }

    /// From sequences to `outputs` numbers: the encoder of a VAE, the critic of a WGAN.
    pub(super) fn reader(self, outputs: usize) -> Net {
        let Self { length, channels, .. } = self;
        let first = Net::new(length, 4).same(channels, 2 * WIDTH - 1).leaky();
        first.half(channels, WIDTH).leaky().half(channels, WIDTH).leaky().dense(1, outputs)
    }
}

impl Decoder {
    fn parts(&self) -> [&Net; 3] {
        [&self.trunk, &self.beside, &self.head]
    }

    /// Numbers that are learned.
    pub(super) fn parameters(&self) -> usize {
        self.parts().iter().map(|net| net.parameters()).sum()
    }

    /// First weights; `logits`, `[length, 4]`, become the bias of the output.
    pub(super) fn initial(&self, seed: u64, purpose: &str, logits: &[f32]) -> Vec<f32> {
        let mut values = self.trunk.initial(seed, &format!("{purpose}/trunk"), 1.0);
        values.extend(self.beside.initial(seed, &format!("{purpose}/beside"), 1.0));
        values.extend(self.head.initial(seed, &format!("{purpose}/head"), 0.3));
        let end = values.len();
        values[end - logits.len()..].copy_from_slice(logits);
        values
    }

    /// The decoder with these parameters.
    pub(super) fn ready<'a>(&'a self, level: Level, parameters: &'a [f32]) -> ReadyDecoder<'a> {
        let (trunk, rest) = parameters.split_at(self.trunk.parameters());
        let (beside, head) = rest.split_at(self.beside.parameters());
        ReadyDecoder {
            trunk: self.trunk.ready(level, trunk),
            beside: self.beside.ready(level, beside),
            head: self.head.ready(level, head),
            sizes: [trunk.len(), beside.len()],
        }
    }
}

/// A decoder in use.
pub(super) struct ReadyDecoder<'a> {
    pub(super) trunk: Ready<'a>,
    beside: Ready<'a>,
    head: Ready<'a>,
    sizes: [usize; 2],
}

/// The states of a pass.
pub(super) struct Decoded {
    trunk: States,
    beside: States,
    head: States,
}

impl Decoded {
    /// `[n, length, 4]`.
    pub(super) fn logits(&self) -> &[f32] {
        self.head.last().map_or(&[], Vec::as_slice)
    }
}

impl ReadyDecoder<'_> {
    /// From latent numbers `[n, latent]` and what lies beside them, `[n, length, channels]`.
    pub(super) fn forward(&self, n: usize, latent: Vec<f32>, surroundings: Vec<f32>) -> Decoded {
        let mut trunk = self.trunk.forward(n, latent);
        let mut beside = self.beside.forward(n, surroundings);
        // Both are linear at their end, so that no pass asks for their last states.
        let mut sum = trunk.pop().unwrap_or_default();
        trunk.push(Vec::new());
        add(&beside.pop().unwrap_or_default(), &mut sum);
        beside.push(Vec::new());
        Decoded { trunk, beside, head: self.head.forward(n, sum) }
    }

    /// Adds the gradient of the parameters to `gradient`, from the slopes of logits; returns those of the latent numbers.
    pub(super) fn backward(&self, n: usize, states: &Decoded, slopes: Vec<f32>, gradient: &mut [f32]) -> Vec<f32> {
        let (own, rest) = gradient.split_at_mut(self.sizes[0]);
        let (beside, head) = rest.split_at_mut(self.sizes[1]);
        let of_head = self.head.backward(n, &states.head, slopes);
        self.head.gradient(n, &states.head, &of_head, true, head);
        let of_beside = vec![Vec::new(), of_head[0].clone()];
        self.beside.gradient(n, &states.beside, &of_beside, true, beside);
        let mut of_trunk = self.trunk.backward(n, &states.trunk, of_head.into_iter().next().unwrap_or_default());
        self.trunk.gradient(n, &states.trunk, &of_trunk, true, own);
        std::mem::take(&mut of_trunk[0])
    }
}
