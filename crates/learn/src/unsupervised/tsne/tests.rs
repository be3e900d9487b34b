use super::*;
use crate::unsupervised::kmeans::tests::blobs;
use basewise_core::sparse::Csr;

/// Divergence of all pairs by its definition.
fn exact(affinities: &Csr, map: &[[f64; 2]]) -> f64 {
    let q = |i: usize, j: usize| 1.0 / (1.0 + (map[i][0] - map[j][0]).powi(2) + (map[i][1] - map[j][1]).powi(2));
    let pairs = |i: usize| (0..map.len()).filter(move |&j| j != i);
    let sum: f64 = (0..map.len()).map(|i| pairs(i).map(|j| q(i, j)).sum::<f64>()).sum();
    let mut divergence = 0.0;
    for i in 0..map.len() {
        let (indices, values) = affinities.row(i);
        for (&j, &p) in indices.iter().zip(values) {
            divergence += f64::from(p) * (f64::from(p) * sum / q(i, j as usize)).ln();
        }
    }
    divergence
}

fn example(n: usize) -> (Csr, Vec<[f32; 2]>) {
    let x = blobs(n, 5, 3);
    let affinities = affinity::joint(&Neighbors::find(&x, 30, Metric::Euclidean).unwrap(), 10.0);
    let mut rng = stream(1, "test map", &[]);
    (affinities, (0..n).map(|_| [0, 1].map(|_| 5.0 * normal(&mut rng) as f32)).collect())
}

#[test]
fn affinities_are_symmetric_and_sum_to_one() {
    let (affinities, _) = example(200);
    assert_eq!(affinities, affinities.transposed());
    assert!((affinities.values.iter().map(|&p| f64::from(p)).sum::<f64>() - 1.0).abs() < 1e-5);
    let weights = affinity::conditional(&[1.0, 1.1, 1.3, 2.0, 2.1, 3.0], 3.0);
    let entropy: f64 = weights.iter().map(|p| -p * p.ln()).sum();
    assert!((entropy.exp() - 3.0).abs() < 1e-6);
    assert_eq!(affinity::conditional(&[0.0; 4], 2.0), [0.25; 4]);
}

#[test]
fn the_gradient_passes_central_differences() {
    let (affinities, map) = example(60);
    let gradient = Descent::new(affinities.clone(), map.clone(), 0.0).gradient(1.0);
    let wide: Vec<[f64; 2]> = map.iter().map(|p| p.map(f64::from)).collect();
    for i in [0, 7, 59] {
        for axis in 0..2 {
            let at = |step: f64| {
                let mut moved = wide.clone();
                moved[i][axis] += step;
                exact(&affinities, &moved)
            };
            let expected = (at(1e-5) - at(-1e-5)) / 2e-5;
            let found = 4.0 * f64::from(gradient[i][axis]);
            assert!((found - expected).abs() < 1e-5 * (1.0 + expected.abs()), "{found} {expected}");
        }
    }
}

#[test]
fn cells_repel_almost_as_their_points_do() {
    let (affinities, map) = example(1500);
    let wide: Vec<[f64; 2]> = map.iter().map(|p| p.map(f64::from)).collect();
    let of = |theta: f32| {
        let descent = Descent::new(affinities.clone(), map.clone(), theta);
        (descent.gradient(1.0), descent.divergence())
    };
    let ((plain, all), (fast, near)) = (of(0.0), of(0.5));
    assert!((all / exact(&affinities, &wide) - 1.0).abs() < 1e-5);
    assert!((near / all - 1.0).abs() < 2e-3, "{near} {all}");
    let size = |g: &[[f32; 2]]| g.iter().flatten().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let difference: Vec<[f32; 2]> = plain.iter().zip(&fast).map(|(a, b)| [a[0] - b[0], a[1] - b[1]]).collect();
    assert!(size(&difference) < 0.02 * size(&plain), "{} {}", size(&difference), size(&plain));
}

#[test]
fn clusters_come_apart_and_new_rows_join_them() {
    let x = blobs(300, 5, 3);
    let tsne = TsneOptions { iterations: 250, ..TsneOptions::default() }.fit(&x).unwrap();
    let near = Neighbors::find(&tsne.map, 10, Metric::Euclidean).unwrap();
    let same =
        (0..300).flat_map(|i| near.of(i).0.iter().map(move |&j| i % 3 == j as usize % 3)).filter(|same| *same).count();
    assert!(same > 2950, "{same}");
    assert!(tsne.divergence > 0.0 && tsne.divergence < 1.5, "{}", tsne.divergence);
    let new = Matrix::new(30, 5, x.data()[..150].iter().map(|v| v + 0.05).collect());
    let places = tsne.transform(&x, &new).unwrap();
    let near = Neighbors::find_among(&tsne.map, &places, 5, Metric::Euclidean).unwrap();
    assert!((0..30).all(|i| near.of(i).0.iter().all(|&j| i % 3 == j as usize % 3)));
    assert!(tsne.transform(&new, &new).is_err());
}

#[test]
fn few_rows_copies_and_lines() {
    let same = Matrix::new(40, 3, vec![1.0; 120]);
    let line = Matrix::new(20, 1, (0..20).map(|i| i as f32).collect());
    let options = TsneOptions { exaggerated_iterations: 50, iterations: 50, ..TsneOptions::default() };
    for x in [&same, &line] {
        let tsne = options.fit(x).unwrap();
        assert!(tsne.map.data().iter().all(|v| v.is_finite()) && tsne.divergence.is_finite());
    }
    assert!(options.fit(&Matrix::new(3, 1, vec![0.0; 3])).is_err());
    assert!(TsneOptions { perplexity: 0.5, ..options }.fit(&line).is_err());
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let x = blobs(500, 4, 3);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let options = TsneOptions { exaggerated_iterations: 30, iterations: 30, ..TsneOptions::default() };
        pool.install(|| options.fit(&x).unwrap())
    };
    assert_eq!(run(1), run(3));
}
