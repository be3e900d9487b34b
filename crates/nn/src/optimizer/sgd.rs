//! Gradient descent with momentum, and RMSprop: steps that go number by number.
//!
//! There is no sum over numbers, so results do not depend on the number of threads.

use rayon::prelude::*;

/// Numbers that one thread works on at a time.
const CHUNK: usize = 1 << 14;

/// One step of gradient descent, in place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sgd {
    pub(super) rate: f32,
    pub(super) momentum: f32,
    pub(super) nesterov: bool,
    pub(super) decay: f32,
}

impl Sgd {
    /// `v = momentum v + g`, then along `v`, or along `g + momentum v` (Nesterov). Without momentum `velocity` is empty.
    pub(super) fn step(&self, values: &mut [f32], gradient: &[f32], velocity: &mut [f32]) {
        let &Self { rate, momentum, nesterov, decay } = self;
        if velocity.is_empty() {
            return values.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK)).for_each(|(values, gradient)| {
                for (w, g) in values.iter_mut().zip(gradient) {
                    *w -= rate * (g + decay * *w);
                }
            });
        }
        let moving = values.par_chunks_mut(CHUNK).zip(velocity.par_chunks_mut(CHUNK));
        moving.zip(gradient.par_chunks(CHUNK)).for_each(|((values, velocity), gradient)| {
            for ((w, v), g) in values.iter_mut().zip(velocity).zip(gradient) {
                let g = g + decay * *w;
                *v = momentum * *v + g;
                *w -= rate * if nesterov { g + momentum * *v } else { *v };
            }
        });
    }
}

/// One step of RMSprop, in place.
#[derive(Clone, Copy, Debug)]
pub(super) struct RmsProp {
    pub(super) rate: f32,
    /// Decay of the mean of squared gradients.
    pub(super) beta: f32,
    pub(super) momentum: f32,
    pub(super) epsilon: f32,
    pub(super) decay: f32,
}

impl RmsProp {
    /// `s = beta s + (1 - beta) g^2`, then along `g / (sqrt(s) + epsilon)`, with momentum over these if `velocity` is not
    /// empty.
    pub(super) fn step(&self, values: &mut [f32], gradient: &[f32], squares: &mut [f32], velocity: &mut [f32]) {
        let &Self { rate, beta, momentum, epsilon, decay } = self;
        let scaled = |w: f32, g: f32, s: &mut f32| {
            let g = g + decay * w;
            *s = beta * *s + (1.0 - beta) * g * g;
            g / (s.sqrt() + epsilon)
        };
        let moving = values.par_chunks_mut(CHUNK).zip(squares.par_chunks_mut(CHUNK)).zip(gradient.par_chunks(CHUNK));
        if velocity.is_empty() {
            return moving.for_each(|((values, squares), gradient)| {
                for ((w, s), g) in values.iter_mut().zip(squares).zip(gradient) {
                    *w -= rate * scaled(*w, *g, s);
                }
            });
        }
        moving.zip(velocity.par_chunks_mut(CHUNK)).for_each(|(((values, squares), gradient), velocity)| {
            for (((w, s), g), v) in values.iter_mut().zip(squares).zip(gradient).zip(velocity) {
                *v = momentum * *v + scaled(*w, *g, s);
                *w -= rate * *v;
            }
        });
    }
}
