//! The likelihood of the counts of a block: as if all were 0, and then put right where they are not.

use super::super::input::Minibatch;
use super::super::special::{ln_factorial, ln_rising};
use super::{BLOCK, Block};
use basewise_kernels::Level;
use basewise_kernels::counts::{PositiveSlopes, Positives, ZeroSlopes, Zeros, positives, zeros};

/// Counts up to this one are looked up.
const TABLE: usize = 96;

/// What of the likelihood depends on a count and the dispersion of its gene alone. Most counts are small and come again in
/// many cells, so each gene has a table of `[ln x! + ln Γ(θ) - ln Γ(x + θ), ψ(x + θ) - ψ(θ)]` up to its largest count of the
/// step.
#[derive(Default)]
struct GammaTerms {
    /// Where the table of each gene begins, and where the last one ends.
    starts: Vec<usize>,
    terms: Vec<[f32; 2]>,
}

impl GammaTerms {
    /// Tables for genes with these largest counts and inverse dispersions.
    fn fill(&mut self, largest: &[f32], dispersion: &[f32]) {
        self.starts.clear();
        self.terms.clear();
        for (&largest, &theta) in largest.iter().zip(dispersion) {
            self.starts.push(self.terms.len());
            let (mut factor, mut rising, mut slope) = (f64::from(theta), 0.0, 0.0);
            for count in 1..=(largest as usize).min(TABLE) {
                rising += factor.ln();
                slope += 1.0 / factor;
                factor += 1.0;
                self.terms.push([(ln_factorial(count as f64) - rising) as f32, slope as f32]);
            }
        }
    }

    fn of(&self, gene: usize, count: f32, theta: f32) -> [f32; 2] {
        if count <= TABLE as f32 {
            return self.terms[self.starts[gene] + count as usize - 1];
        }
        let (rising, slope) = ln_rising(f64::from(count), f64::from(theta));
        [(ln_factorial(f64::from(count)) - rising) as f32, slope as f32]
    }
}

/// Counts above 0 of one cell at a time, with what is said of each; kept from step to step.
pub(super) struct Positive {
    terms: GammaTerms,
    /// Largest count of each gene.
    largest: Vec<f32>,
    log_means: [f32; BLOCK],
    log_dispersion: [f32; BLOCK],
    dispersion: [f32; BLOCK],
    constants: [f32; BLOCK],
    digammas: [f32; BLOCK],
    inflation: [f32; BLOCK],
    losses: [f32; BLOCK],
    by_mean: [f32; BLOCK],
    by_dispersion: [f32; BLOCK],
    by_inflation: [f32; BLOCK],
}

impl Default for Positive {
    fn default() -> Self {
        let none = [0.0; BLOCK];
        Self {
            terms: GammaTerms::default(),
            largest: Vec::new(),
            log_means: none,
            log_dispersion: none,
            dispersion: none,
            constants: none,
            digammas: none,
            inflation: none,
            losses: none,
            by_mean: none,
            by_dispersion: none,
            by_inflation: none,
        }
    }
}

impl Positive {
    /// The likelihoods of these counts and their slopes.
    fn compute(&mut self, level: Level, counts: &[f32], inflated: bool) {
        let count = counts.len();
        let input = Positives {
            counts,
            log_means: &self.log_means[..count],
            log_dispersion: &self.log_dispersion[..count],
            dispersion: &self.dispersion[..count],
            constants: &self.constants[..count],
            digammas: &self.digammas[..count],
            inflation: inflated.then_some(&self.inflation[..count]),
        };
        let out = PositiveSlopes {
            losses: &mut self.losses[..count],
            log_means: &mut self.by_mean[..count],
            log_dispersion: &mut self.by_dispersion[..count],
            inflation: &mut self.by_inflation[..count],
        };
        positives(level, input, out);
    }
}

impl Block {
    /// The likelihood of counts and its slopes.
    pub(super) fn counts(
        &mut self,
        level: Level,
        log_dispersion: &[f32],
        offsets: &[f32],
        batch: &Minibatch,
        inflated: bool,
    ) {
        let dispersion: Vec<f32> = log_dispersion.iter().map(|r| r.exp()).collect();
        self.as_zeros(level, log_dispersion, &dispersion, offsets, inflated);
        self.positive.largest.clear();
        self.positive.largest.resize(self.width, 0.0);
        for i in 0..batch.n {
            let (genes, counts) = Self::values(self.from, self.width, batch, i);
            for (&gene, &count) in genes.iter().zip(counts) {
                let largest = &mut self.positive.largest[gene as usize - self.from];
                *largest = largest.max(count);
            }
        }
        self.positive.terms.fill(&self.positive.largest, &dispersion);
        for (i, &offset) in offsets.iter().enumerate().take(batch.n) {
            self.cell(level, log_dispersion, &dispersion, (i, offset), batch, inflated);
        }
    }

    /// All counts as if they were 0.
    fn as_zeros(&mut self, level: Level, log_dispersion: &[f32], dispersion: &[f32], offsets: &[f32], inflated: bool) {
        let (mut losses, mut sums) = (vec![0.0; offsets.len()], vec![0.0; offsets.len()]);
        self.dispersion_slopes.clear();
        self.dispersion_slopes.resize(self.width, 0.0);
        self.inflation_slopes.resize(if inflated { self.logits.len() } else { 0 }, 0.0);
        let inflation = inflated.then_some(&self.inflation[..]);
        let input = Zeros { logits: &self.logits, offsets, log_dispersion, dispersion, inflation };
        let out = ZeroSlopes {
            losses: &mut losses,
            sums: &mut sums,
            logits: &mut self.slopes,
            log_dispersion: &mut self.dispersion_slopes,
            inflation: &mut self.inflation_slopes,
        };
        zeros(level, input, out);
        self.losses.clear();
        self.losses.extend(losses.iter().map(|&loss| f64::from(loss)));
        self.slope_sums.clear();
        self.slope_sums.extend(sums.iter().map(|&sum| f64::from(sum)));
    }

    /// Puts right what is above 0 in cell `i`, whose logarithms of means are its logits plus `offset`.
    fn cell(
        &mut self,
        level: Level,
        log_dispersion: &[f32],
        dispersion: &[f32],
        (i, offset): (usize, f32),
        batch: &Minibatch,
        inflated: bool,
    ) {
        let (genes, counts) = Self::values(self.from, self.width, batch, i);
        let row = i * self.width..(i + 1) * self.width;
        let own = &mut self.positive;
        let logits = &self.logits[row.clone()];
        let inflation = if inflated { &self.inflation[row.clone()] } else { &[] };
        for (k, (&gene, &count)) in genes.iter().zip(counts).enumerate().take(BLOCK) {
            let gene = gene as usize - self.from;
            own.log_means[k] = logits[gene] + offset;
            own.log_dispersion[k] = log_dispersion[gene];
            own.dispersion[k] = dispersion[gene];
            [own.constants[k], own.digammas[k]] = own.terms.of(gene, count, dispersion[gene]);
            if inflated {
                own.inflation[k] = inflation[gene];
            }
        }
        own.compute(level, counts, inflated);
        let (slopes, mut loss, mut sum) = (&mut self.slopes[row.clone()], 0.0, 0.0);
        for (k, &gene) in genes.iter().enumerate() {
            let gene = gene as usize - self.from;
            loss += f64::from(own.losses[k]);
            sum += f64::from(own.by_mean[k]) - f64::from(slopes[gene]);
            slopes[gene] = own.by_mean[k];
            self.dispersion_slopes[gene] += own.by_dispersion[k];
        }
        self.losses[i] += loss;
        self.slope_sums[i] += sum;
        if inflated {
            let slopes = &mut self.inflation_slopes[row];
            genes.iter().zip(&own.by_inflation).for_each(|(&gene, &slope)| slopes[gene as usize - self.from] = slope);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_those_of_the_gamma_function() {
        let (largest, dispersion) = ([0.0, 3.0, 200.0], [1.0, 0.02, 40.0]);
        let mut terms = GammaTerms::default();
        terms.fill(&largest, &dispersion);
        for (gene, count) in [(1, 1.0), (1, 3.0), (2, 1.0), (2, 96.0), (2, 97.0), (2, 200.0)] {
            let found = terms.of(gene, count, dispersion[gene]);
            let (rising, slope) = ln_rising(f64::from(count), f64::from(dispersion[gene]));
            let expected = ln_factorial(f64::from(count)) - rising;
            assert!((f64::from(found[0]) - expected).abs() < 1e-6 * (1.0 + expected.abs()), "{gene} {count}");
            assert!((f64::from(found[1]) / slope - 1.0).abs() < 1e-6, "{gene} {count}");
        }
    }
}
