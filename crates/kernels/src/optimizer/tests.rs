//! Against the recursions in plain f32, to the bit, and sums in plain f64.

use super::*;

fn numbers(seed: u64, count: usize) -> Vec<f32> {
    (0..count as u64)
        .map(|i| {
            let mixed = (i + 1 + seed * 7919).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            ((mixed >> 40) as f32 / (1 << 23) as f32) - 1.0
        })
        .collect()
}

/// More than one chunk, and no whole number of vectors; less under an interpreter.
const COUNT: usize = if cfg!(miri) { 37 } else { 2 * CHUNK + 37 };

fn plain(step: &Adam, values: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
    for i in 0..values.len() {
        let gradient = gradient[i] + step.coupled * values[i];
        first[i] = step.beta1 * first[i] + (1.0 - step.beta1) * gradient;
        second[i] = step.beta2 * second[i] + (1.0 - step.beta2) * gradient * gradient;
        let moved = step.scale * first[i] / ((second[i] * step.correction).sqrt() + step.epsilon);
        values[i] = values[i] * step.shrink - moved;
    }
}

#[test]
fn steps_have_the_bits_of_plain_code() {
    let base =
        Adam { beta1: 0.9, beta2: 0.999, scale: 0.02, correction: 700.0, epsilon: 1e-8, coupled: 0.0, shrink: 1.0 };
    for step in [Adam { coupled: 0.01, ..base }, Adam { shrink: 0.999, ..base }] {
        for count in [0, 1, 5, COUNT] {
            let gradient = numbers(1, count);
            let start = (numbers(2, count), numbers(3, count), gradient.iter().map(|g| g * g).collect::<Vec<_>>());
            let mut want = start.clone();
            plain(&step, &mut want.0, &gradient, &mut want.1, &mut want.2);
            for level in Level::available() {
                let mut got = start.clone();
                adam(level, &step, &mut got.0, &gradient, &mut got.1, &mut got.2);
                assert!(got == want, "{level}: {count} values");
            }
        }
    }
}

#[test]
fn norms_are_those_of_f64_and_the_same_for_any_number_of_threads() -> Result<(), rayon::ThreadPoolBuildError> {
    let x: Vec<f32> = numbers(5, COUNT).iter().map(|x| x * 1e20).collect();
    let want: f64 = x.iter().map(|&x| f64::from(x).powi(2)).sum();
    let threads = if cfg!(miri) { 1..2 } else { 1..4 };
    for level in Level::available() {
        let got = squared_norm(level, &x);
        assert!((got / want - 1.0).abs() < 1e-12, "{level}: {got} against {want}");
        for threads in threads.clone() {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
            assert_eq!(pool.install(|| squared_norm(level, &x)), got, "{level}: {threads} threads");
        }
        assert_eq!(squared_norm(level, &[]), 0.0);
    }
    Ok(())
}

#[test]
fn scaling_multiplies_each() {
    let x = numbers(6, COUNT);
    for level in Level::available() {
        let mut scaled = x.clone();
        scale(level, &mut scaled, 0.3);
        assert!(scaled.iter().zip(&x).all(|(scaled, x)| *scaled == x * 0.3), "{level}");
    }
}

#[test]
fn one_number_that_is_none_is_found() {
    let mut x = numbers(7, COUNT);
    x[3] = -f32::MAX;
    assert!(all_finite(&x) && all_finite(&[]));
    for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for place in [0, COUNT / 2, COUNT - 1] {
            let before = std::mem::replace(&mut x[place], bad);
            assert!(!all_finite(&x), "{bad} at {place}");
            x[place] = before;
        }
    }
}
