//! Gradient descent with momentum and gains for each coordinate (Jacobs 1988).

use super::tree::{LANES, Tree};
use super::{NEW_EXAGGERATION, NEW_GRADIENT, NEW_ITERATIONS, NEW_STEP};
use basewise_core::sparse::Csr;
use rayon::prelude::*;

const MOMENTUM: f32 = 0.8;
const LEAST_GAIN: f32 = 0.01;
/// The longest step of a point.
const LONGEST: f32 = 5.0;

/// Iterations of one kind.
pub(super) struct Phase {
    pub(super) iterations: usize,
    pub(super) exaggeration: f32,
    pub(super) step: f32,
}

/// A map on its way.
pub(super) struct Descent {
    affinities: Csr,
    pub(super) map: Vec<[f32; 2]>,
    theta: f32,
}

/// One point's way.
#[derive(Clone, Copy)]
struct Motion {
    step: [f32; 2],
    gain: [f32; 2],
}

impl Motion {
    const REST: Self = Self { step: [0.0; 2], gain: [1.0; 2] };

    /// The next step along `gradient`.
    fn advance(&mut self, gradient: [f32; 2], step: f32) -> [f32; 2] {
        for ((own, gain), gradient) in self.step.iter_mut().zip(&mut self.gain).zip(gradient) {
            // A gain grows while the gradient points the way that the last steps went.
            let onward = (*own > 0.0) != (gradient > 0.0);
            *gain = if onward { *gain + 0.2 } else { *gain * 0.8 + LEAST_GAIN };
            *own = MOMENTUM * *own - step * *gain * gradient;
        }
        let length = self.step[0].hypot(self.step[1]);
        if length > LONGEST {
            self.step = self.step.map(|x| x * (LONGEST / length));
        }
        self.step
    }
}

impl Descent {
    pub(super) fn new(affinities: Csr, map: Vec<[f32; 2]>, theta: f32) -> Self {
        Self { affinities, map, theta }
    }

    pub(super) fn run(&mut self, phase: &Phase) {
        let mut motions = vec![Motion::REST; self.map.len()];
        for _ in 0..phase.iterations {
            let gradient = self.gradient(phase.exaggeration);
            let moving = self.map.iter_mut().zip(&mut motions).zip(gradient);
            for ((point, motion), gradient) in moving {
                let step = motion.advance(gradient, phase.step);
                *point = [point[0] + step[0], point[1] + step[1]];
            }
            self.centre();
        }
    }

    fn centre(&mut self) {
        let n = self.map.len() as f64;
        for axis in 0..2 {
            let mean = self.map.iter().map(|point| f64::from(point[axis])).sum::<f64>() / n;
            self.map.iter_mut().for_each(|point| point[axis] = (f64::from(point[axis]) - mean) as f32);
        }
    }

    /// A quarter of the gradient of the divergence.
    pub(super) fn gradient(&self, exaggeration: f32) -> Vec<[f32; 2]> {
        let (forces, normalization) = self.repulsion();
        let attraction = |i: usize| {
            let (indices, values) = self.affinities.row(i);
            let at = self.map[i];
            let mut sum = [0.0_f32; 2];
            for (&j, &p) in indices.iter().zip(values) {
                let other = self.map[j as usize];
                let (x, y) = (at[0] - other[0], at[1] - other[1]);
                let pull = p / (1.0 + x * x + y * y);
                sum = [sum[0] + pull * x, sum[1] + pull * y];
            }
            [0, 1].map(|axis| exaggeration * sum[axis] - (f64::from(forces[i][axis]) / normalization) as f32)
        };
        (0..self.map.len()).into_par_iter().with_min_len(128).map(attraction).collect()
    }

    /// `sum q² (y - y_j)` for each point, and the sum of `q` over all pairs.
    fn repulsion(&self) -> (Vec<[f32; 2]>, f64) {
        let n = self.map.len();
        let tree = Tree::new(&self.map);
        let groups = (0..n.div_ceil(LANES)).into_par_iter().with_min_len(16);
        let found: Vec<_> = groups.map(|group| tree.repulsion(&tree.group(group), self.theta)).collect();
        let mut forces = vec![[0.0; 2]; n];
        let mut sum = 0.0;
        for (at, &i) in tree.order.iter().enumerate() {
            let (group, lane) = (&found[at / LANES], at % LANES);
            forces[i as usize] = [group.force[0][lane], group.force[1][lane]];
            sum += f64::from(group.sum[lane]);
        }
        // Each point met itself, or its like where many share the smallest cell.
        (forces, (sum - n as f64).max(f64::MIN_POSITIVE))
    }

    /// Kullback-Leibler divergence, nats.
    pub(super) fn divergence(&self) -> f64 {
        let normalization = self.repulsion().1;
        let of_row = |i: usize| {
            let (indices, values) = self.affinities.row(i);
            let at = self.map[i];
            let term = |(&j, &p): (&u32, &f32)| {
                let other = self.map[j as usize];
                let square = f64::from(at[0] - other[0]).powi(2) + f64::from(at[1] - other[1]).powi(2);
                f64::from(p) * (f64::from(p) * (1.0 + square) * normalization).ln()
            };
            indices.iter().zip(values).map(term).sum()
        };
        let rows: Vec<f64> = (0..self.map.len()).into_par_iter().map(of_row).collect();
        rows.iter().sum()
    }
}

/// Where a new point comes to rest that `pull` attracts (places and weights of sum 1) and all points of the tree repel.
pub(super) fn place(tree: &Tree, start: [f32; 2], pull: &[([f32; 2], f32)], theta: f32) -> [f32; 2] {
    let (mut at, mut motion) = (start, Motion::REST);
    for _ in 0..NEW_ITERATIONS {
        let repulsion = tree.repulsion(&at.map(|x| [x; LANES]), theta);
        let mut gradient = [0, 1].map(|axis| -repulsion.force[axis][0] / repulsion.sum[0].max(f32::MIN_POSITIVE));
        for &(other, weight) in pull {
            let (x, y) = (at[0] - other[0], at[1] - other[1]);
            let pull = NEW_EXAGGERATION * weight / (1.0 + x * x + y * y);
            gradient = [gradient[0] + pull * x, gradient[1] + pull * y];
        }
        let length = gradient[0].hypot(gradient[1]);
        if length > NEW_GRADIENT {
            gradient = gradient.map(|x| x * (NEW_GRADIENT / length));
        }
        let step = motion.advance(gradient, NEW_STEP);
        at = [at[0] + step[0], at[1] + step[1]];
    }
    at
}
