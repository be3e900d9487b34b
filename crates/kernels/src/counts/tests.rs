use super::*;

fn values(n: usize, seed: usize, scale: f32) -> Vec<f32> {
    (0..n).map(|i| scale * ((((i * 7919 + seed * 104_729 + i / 7) % 101) as f32) / 50.0 - 1.0)).collect()
}

fn near(found: f32, expected: f64, what: &str) {
    let bound = 3e-6 * expected.abs().max(1e-2);
    assert!((f64::from(found) - expected).abs() <= bound, "{what}: expected {expected}, found {found}");
}

const SHAPES: [(usize, usize); 6] = [(0, 3), (1, 1), (3, 5), (2, 16), (4, 67), (5, 256)];

#[test]
fn sums_of_exponentials_are_those_of_f64() {
    for (rows, columns) in SHAPES {
        let x = values(rows * columns, 1, 9.0);
        for level in Level::available() {
            let (mut largest, mut sums) = (vec![0.0; rows], vec![0.0; rows]);
            exponential_sums(level, columns, &x, &mut largest, &mut sums);
            for (i, row) in x.chunks_exact(columns).enumerate() {
                let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                assert_eq!(largest[i], most);
                near(sums[i], row.iter().map(|&x| f64::from(x - most).exp()).sum(), "sum");
            }
            let (offsets, factors) = (values(rows, 2, 1.0), values(rows, 3, 1.0));
            let start = values(rows * columns, 4, 1.0);
            let mut y = start.clone();
            less_exponentials(level, columns, &x, &offsets, &factors, 0.5, &mut y);
            for (at, y) in y.into_iter().enumerate() {
                let i = at / columns;
                let e = f64::from(x[at] + offsets[i]).exp();
                let expected = 0.5 * (f64::from(start[at]) - f64::from(factors[i]) * e);
                assert!((f64::from(y) - expected).abs() <= 1e-6 * (1.0 + e), "{y} beside {expected}");
            }
        }
    }
}

/// `-ln P(0)` with and without inflation, as the definitions have it.
fn naive(s: f64, r: f64, inflation: Option<f64>) -> f64 {
    let (mean, theta) = (s.exp(), r.exp());
    let zero = (theta / (theta + mean)).powf(theta);
    let chance = inflation.map_or(0.0, |l| 1.0 / (1.0 + (-l).exp()));
    -(chance + (1.0 - chance) * zero).ln()
}

#[test]
fn zeros_and_their_slopes_are_those_of_the_definition() {
    let slope = |f: &dyn Fn(f64) -> f64| (f(1e-5) - f(-1e-5)) / 2e-5;
    for (rows, columns) in SHAPES {
        let (logits, offsets) = (values(rows * columns, 1, 3.0), values(rows, 2, 1.0));
        let (log_dispersion, l) = (values(columns, 3, 2.0), values(rows * columns, 4, 3.0));
        let dispersion: Vec<f32> = log_dispersion.iter().map(|r| r.exp()).collect();
        for (level, inflated) in Level::available().into_iter().flat_map(|level| [(level, false), (level, true)]) {
            let inflation = inflated.then_some(&l[..]);
            let input = Zeros {
                logits: &logits,
                offsets: &offsets,
                log_dispersion: &log_dispersion,
                dispersion: &dispersion,
                inflation,
            };
            let (mut losses, mut sums, mut by_dispersion) = (vec![9.0; rows], vec![9.0; rows], vec![0.0; columns]);
            let (mut slopes, mut by_inflation) = (vec![9.0; rows * columns], vec![9.0; rows * columns]);
            let out = ZeroSlopes {
                losses: &mut losses,
                sums: &mut sums,
                logits: &mut slopes,
                log_dispersion: &mut by_dispersion,
                inflation: &mut by_inflation,
            };
            zeros(level, input, out);
            let mut expected = vec![0.0; columns];
            for i in 0..rows {
                let mut total = [0.0; 2];
                for j in 0..columns {
                    let at = i * columns + j;
                    let (s, r) = (f64::from(logits[at] + offsets[i]), f64::from(log_dispersion[j]));
                    let l = inflated.then_some(f64::from(l[at]));
                    total[0] += naive(s, r, l);
                    let by_logit = slope(&|h| naive(s + h, r, l));
                    total[1] += by_logit;
                    assert!((f64::from(slopes[at]) - by_logit).abs() < 1e-6 * (1.0 + by_logit.abs()), "{level}: logit");
                    expected[j] += slope(&|h| naive(s, r + h, l));
                    if let Some(l) = l {
                        let by = slope(&|h| naive(s, r, Some(l + h)));
                        assert!((f64::from(by_inflation[at]) - by).abs() < 1e-6, "{level}: inflation");
                    }
                }
                near(losses[i], total[0], "losses");
                near(sums[i], total[1], "sums");
            }
            for (found, expected) in by_dispersion.iter().zip(expected) {
                assert!((f64::from(*found) - expected).abs() < 2e-6 * (1.0 + expected.abs()), "{level}: dispersion");
            }
        }
    }
}

/// `-ln P(x) + ln P(0)` for a whole `x > 0`, as the definitions have it: `Γ(x + θ) / Γ(θ)` is a product.
fn naive_difference(x: u32, s: f64, r: f64, inflation: Option<f64>) -> f64 {
    let (mean, theta) = (s.exp(), r.exp());
    let rising: f64 = (0..x).map(|k| (theta + f64::from(k)).ln() - f64::from(k + 1).ln()).sum();
    let count = f64::from(x);
    let inner = -rising - theta * (theta / (theta + mean)).ln() - count * (mean / (theta + mean)).ln();
    let kept = inflation.map_or(1.0, |l| 1.0 - 1.0 / (1.0 + (-l).exp()));
    inner - kept.ln() - naive(s, r, inflation)
}

#[test]
fn positive_counts_and_their_slopes_are_those_of_the_definition() {
    let slope = |f: &dyn Fn(f64) -> f64| (f(1e-5) - f(-1e-5)) / 2e-5;
    for count in [0_usize, 1, 5, 16, 67] {
        let counts: Vec<f32> = (0..count).map(|i| [1.0, 2.0, 30.0, 5.0][i % 4]).collect();
        let (log_means, log_dispersion, l) = (values(count, 1, 4.0), values(count, 3, 3.0), values(count, 4, 3.0));
        let dispersion: Vec<f32> = log_dispersion.iter().map(|r| r.exp()).collect();
        let terms = |i: usize, f: &dyn Fn(f64) -> f64| (0..counts[i] as u32).map(|k| f(f64::from(k))).sum::<f64>();
        let theta = |i: usize| f64::from(log_dispersion[i]).exp();
        let constants: Vec<f32> =
            (0..count).map(|i| terms(i, &|k| (k + 1.0).ln() - (theta(i) + k).ln()) as f32).collect();
        let digammas: Vec<f32> = (0..count).map(|i| terms(i, &|k| 1.0 / (theta(i) + k)) as f32).collect();
        for (level, inflated) in Level::available().into_iter().flat_map(|level| [(level, false), (level, true)]) {
            let inflation = inflated.then_some(&l[..]);
            let input = Positives {
                counts: &counts,
                log_means: &log_means,
                log_dispersion: &log_dispersion,
                dispersion: &dispersion,
                constants: &constants,
                digammas: &digammas,
                inflation,
            };
            let mut found = [(); 4].map(|()| vec![9.0_f32; count]);
            let [losses, by_mean, by_dispersion, by_inflation] = &mut found;
            let out =
                PositiveSlopes { losses, log_means: by_mean, log_dispersion: by_dispersion, inflation: by_inflation };
            positives(level, input, out);
            for i in 0..count {
                let (x, s, r) = (counts[i] as u32, f64::from(log_means[i]), f64::from(log_dispersion[i]));
                let l = inflated.then_some(f64::from(l[i]));
                let expected = [
                    naive_difference(x, s, r, l),
                    slope(&|h| naive_difference(x, s + h, r, l) + naive(s + h, r, l)),
                    slope(&|h| naive_difference(x, s, r + h, l)),
                    l.map_or(9.0, |l| slope(&|h| naive_difference(x, s, r, Some(l + h)) + naive(s, r, Some(l + h)))),
                ];
                for (part, expected) in expected.into_iter().enumerate() {
                    let found = f64::from(found[part][i]);
                    let bound = 4e-6 * (1.0 + f64::from(x) + expected.abs());
                    assert!(
                        (found - expected).abs() < bound,
                        "{level}: {part}, {i}: expected {expected}, found {found}"
                    );
                }
            }
        }
    }
}
