use super::*;
use crate::unsupervised::kmeans::tests::blobs;

const SHAPES: [Covariance; 4] = [Covariance::Full, Covariance::Diagonal, Covariance::Tied, Covariance::Spherical];

/// Log-density by its definition, with the inverse by Gauss and Jordan.
fn by_definition(mixture: &Mixture, row: &[f32]) -> f64 {
    let d = row.len();
    let terms = (0..mixture.weights.len()).map(|c| {
        let values = &mixture.covariances[c.min(mixture.covariances.len() - 1)];
        let mut matrix: Vec<Vec<f64>> = (0..d)
            .map(|i| {
                (0..d)
                    .map(|j| match values.len() {
                        n if n == d * d => values[i * d + j],
                        n => {
                            if i == j {
                                values[i.min(n - 1)]
                            } else {
                                0.0
                            }
                        }
                    })
                    .collect()
            })
            .collect();
        let difference: Vec<f64> = row.iter().zip(&mixture.means[c]).map(|(&x, m)| f64::from(x) - m).collect();
        let mut solved = difference.clone();
        let mut determinant = 1.0;
        for pivot in 0..d {
            let value = matrix[pivot][pivot];
            determinant *= value;
            matrix[pivot].iter_mut().for_each(|x| *x /= value);
            solved[pivot] /= value;
            for i in (0..d).filter(|&i| i != pivot) {
                let factor = matrix[i][pivot];
                (0..d).for_each(|j| matrix[i][j] -= factor * matrix[pivot][j]);
                solved[i] -= factor * solved[pivot];
            }
        }
        let square: f64 = difference.iter().zip(&solved).map(|(a, b)| a * b).sum();
        mixture.weights[c] * (-0.5 * square).exp() / (std::f64::consts::TAU.powi(d as i32) * determinant).sqrt()
    });
    terms.sum::<f64>().ln()
}

#[test]
fn densities_are_those_of_the_definition() {
    let x = blobs(120, 3, 3);
    for covariance in SHAPES {
        let mixture = MixtureOptions { components: 4, covariance, ..MixtureOptions::default() }.fit(&x).unwrap();
        let densities = mixture.log_densities(&x).unwrap();
        for (i, density) in densities.iter().enumerate() {
            let expected = by_definition(&mixture, x.row(i));
            assert!((density - expected).abs() < 1e-3, "{covariance:?} {density} {expected}");
        }
        let mean = densities.iter().sum::<f64>() / 120.0;
        assert!((mean - mixture.log_likelihood).abs() < 1e-4);
        let sums = mixture.responsibilities(&x).unwrap();
        (0..120).for_each(|i| assert!((sums.row(i).iter().sum::<f32>() - 1.0).abs() < 1e-5));
        assert!((mixture.weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }
}

#[test]
fn iterations_do_not_lower_the_likelihood() {
    let x = blobs(300, 4, 5);
    for covariance in SHAPES {
        let fit = |iterations| {
            let options =
                MixtureOptions { components: 3, covariance, iterations, tolerance: 0.0, ..MixtureOptions::default() };
            options.fit(&x).unwrap().log_likelihood
        };
        let all: Vec<f64> = (1..8).map(fit).collect();
        assert!(all.windows(2).all(|pair| pair[1] >= pair[0] - 1e-5), "{covariance:?} {all:?}");
    }
}

#[test]
fn clusters_samples_and_criteria() {
    let x = blobs(900, 2, 3);
    let fit = |components| MixtureOptions { components, restarts: 3, ..MixtureOptions::default() }.fit(&x).unwrap();
    let mixture = fit(3);
    let labels = mixture.labels(&x).unwrap();
    assert!((0..900).all(|i| labels[i] == labels[i % 3]));
    assert_eq!(mixture.parameters(), 3 * 3 + 3 * 2 + 2);
    let bic = |mixture: &Mixture| mixture.bic(&x).unwrap();
    assert!(bic(&mixture) < bic(&fit(2)) && bic(&mixture) < bic(&fit(5)));
    let expected = -2.0 * 900.0 * mixture.log_likelihood + 2.0 * 17.0;
    assert!((mixture.aic(&x).unwrap() / expected - 1.0).abs() < 1e-6);
    let (sample, components) = mixture.sample(3000, 1);
    for c in 0..3 {
        let members: Vec<usize> = (0..3000).filter(|&i| components[i] == c as u32).collect();
        assert!((members.len() as f64 / 3000.0 - mixture.weights[c]).abs() < 0.04);
        let mean = members.iter().map(|&i| f64::from(sample.row(i)[0])).sum::<f64>() / members.len() as f64;
        assert!((mean - mixture.means[c][0]).abs() < 0.15, "{mean} {}", mixture.means[c][0]);
    }
}

#[test]
fn degenerate_rows_do_not_fail() {
    let same = Matrix::new(6, 2, vec![5.0; 12]);
    let line = Matrix::new(6, 2, (0..12).map(|at| (at / 2) as f32).collect());
    for covariance in SHAPES {
        for regularization in [0.0, 1e-6] {
            for x in [&same, &line] {
                let options = MixtureOptions { components: 3, covariance, regularization, ..MixtureOptions::default() };
                let mixture = options.fit(x).unwrap();
                assert!(mixture.log_likelihood.is_finite(), "{covariance:?} {regularization}");
                assert!(mixture.responsibilities(x).unwrap().data().iter().all(|r| r.is_finite()));
            }
        }
    }
    assert!(MixtureOptions { components: 7, ..MixtureOptions::default() }.fit(&same).is_err());
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let x = blobs(2500, 4, 3);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| MixtureOptions { components: 5, ..MixtureOptions::default() }.fit(&x).unwrap())
    };
    assert_eq!(run(1), run(3));
}
