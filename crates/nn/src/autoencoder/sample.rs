//! Cells that never were: latent numbers from the prior, decoded, and counts drawn.

use super::{Autoencoder, AutoencoderError, Kind};
use basewise_core::Matrix;
use basewise_core::random::{Stream, below, normal, poisson, stream, uniform};

impl Autoencoder {
    /// `count` cells by genes: latent numbers from the standard normal distribution, a sum of counts from `totals` and a batch
    /// from those of training, each equally likely, and counts from the likelihood.
    ///
    /// # Errors
    /// If the model is not variational, and so has no prior, or `totals` is empty.
    pub fn sample(&self, count: usize, totals: &[f64], seed: u64) -> Result<Matrix, AutoencoderError> {
        let wrong = |setting, expected, found: String| Err(AutoencoderError::Setting { setting, expected, found });
        if self.config.kind != Kind::Variational {
            return wrong("samples", "a variational autoencoder, which has a prior", format!("{:?}", self.config.kind));
        }
        if totals.is_empty() {
            return wrong("sums of counts", "at least one", "none".to_owned());
        }
        let genes = self.layout.genes;
        let mut all = Matrix::new(count, genes, vec![0.0; count * genes]);
        for first in (0..count).step_by(CELLS) {
            let n = CELLS.min(count - first);
            let (mut latent, mut codes, mut library) = (Vec::new(), Vec::new(), Vec::new());
            for cell in first..first + n {
                let mut rng = stream(seed, "autoencoder prior", &[cell as u64]);
                latent.extend((0..self.config.latent).map(|_| normal(&mut rng) as f32));
                codes.push(below(&mut rng, self.layout.batches) as u32);
                library.push(totals[below(&mut rng, totals.len())].ln() as f32);
            }
            let codes = (self.layout.batches > 0).then_some(&codes[..]);
            self.means(&latent, codes, &library, |i, means, shares| {
                let mut rng = stream(seed, "autoencoder counts", &[(first + i) as u64]);
                let out = all.row_mut(first + i);
                for (gene, (out, &mean)) in out.iter_mut().zip(means).enumerate() {
                    let kept = shares.get(gene).is_none_or(|&share| uniform(&mut rng) < f64::from(share));
                    *out = if kept { self.count(gene, f64::from(mean), &mut rng) } else { 0.0 };
                }
            });
        }
        Ok(all)
    }

    /// A count of the negative binomial distribution: Poisson, with a mean of the gamma distribution.
    fn count(&self, gene: usize, mean: f64, rng: &mut Stream) -> f32 {
        let theta = self.layout.dispersion.map_or(1.0, |at| f64::from(self.parameters[at + gene]).exp());
        poisson(mean / theta * gamma(theta, rng), rng) as f32
    }
}

/// Cells that are decoded at once.
const CELLS: usize = 256;

/// A number of the gamma distribution with this shape and scale 1 (Marsaglia and Tsang 2000).
fn gamma(shape: f64, rng: &mut Stream) -> f64 {
    if shape < 1.0 {
        let u = 1.0 - uniform(rng);
        return gamma(shape + 1.0, rng) * u.powf(1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(rng);
        let v = (1.0 + c * x).powi(3);
        let u = 1.0 - uniform(rng);
        if v > 0.0 && u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gamma_has_its_mean_and_variance() {
        for shape in [0.3, 1.0, 7.5] {
            let mut rng = stream(3, "test", &[]);
            let draws: Vec<f64> = (0..40_000).map(|_| gamma(shape, &mut rng)).collect();
            let mean = draws.iter().sum::<f64>() / 4e4;
            let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 4e4;
            assert!((mean / shape - 1.0).abs() < 0.03 && (variance / shape - 1.0).abs() < 0.06, "{mean} {variance}");
        }
    }
}
