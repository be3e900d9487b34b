use super::*;
use basewise_core::random::{normal, stream, uniform};
use basewise_core::sparse::Csr;

/// Rows with a few directions of falling variance, many zeros, and means that are not 0.
fn example(rows: usize, columns: usize) -> Matrix {
    let mut rng = stream(3, "test pca", &[]);
    let directions: Vec<f64> = (0..4 * columns).map(|_| normal(&mut rng)).collect();
    let mut data = Vec::new();
    for _ in 0..rows {
        let at: Vec<f64> = (0..4).map(|d| normal(&mut rng) * 4.0 / (1.0 + f64::from(d))).collect();
        for j in 0..columns {
            let value = (0..4).map(|d| at[d] * directions[d * columns + j]).sum::<f64>() + 0.1 * normal(&mut rng) + 1.0;
            data.push(if uniform(&mut rng) < 0.3 { 0.0 } else { value as f32 });
        }
    }
    Matrix::new(rows, columns, data)
}

/// Covariance by its definition.
fn covariance(x: &Matrix) -> Vec<Vec<f64>> {
    let n = x.rows() as f64;
    let centred: Vec<Vec<f64>> = (0..x.columns())
        .map(|j| {
            let mean = x.column(j).map(f64::from).sum::<f64>() / n;
            x.column(j).map(|v| f64::from(v) - mean).collect()
        })
        .collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / (n - 1.0);
    centred.iter().map(|a| centred.iter().map(|b| dot(a, b)).collect()).collect()
}

fn check(pca: &Pca, x: &Matrix, tolerance: f64) {
    let covariance = covariance(x);
    let total: f64 = (0..x.columns()).map(|j| covariance[j][j]).sum();
    assert!((pca.total_variance / total - 1.0).abs() < 1e-5, "{} {total}", pca.total_variance);
    for (component, &variance) in pca.components.iter().zip(&pca.variance) {
        let length: f64 = component.iter().map(|v| v * v).sum();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
        for (row, value) in covariance.iter().zip(component) {
            let product: f64 = row.iter().zip(component).map(|(a, b)| a * b).sum();
            assert!((product - variance * value).abs() < tolerance * pca.variance[0], "{product} {}", variance * value);
        }
        let largest = component.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap();
        assert!(largest > 0.0);
    }
    let at = pca.transform(x).unwrap();
    for (k, variance) in pca.variance.iter().enumerate() {
        let sums: f64 = at.column(k).map(f64::from).sum();
        let squares: f64 = at.column(k).map(|v| f64::from(v).powi(2)).sum::<f64>() / (x.rows() - 1) as f64;
        assert!(
            sums.abs() < 1e-2 && (squares - variance).abs() < 1e-4 * pca.variance[0],
            "{sums} {squares} {variance}"
        );
    }
}

#[test]
fn components_are_eigenvectors_of_the_covariance() {
    for (rows, columns) in [(300, 20), (30, 90)] {
        let x = example(rows, columns);
        let sparse = Csr::from_dense(&x);
        for solver in [PcaSolver::Exact, PcaSolver::Randomized] {
            let options = PcaOptions { components: 3, solver, seed: 1 };
            check(&options.fit(&x).unwrap(), &x, 2e-5);
            check(&options.fit(&sparse).unwrap(), &x, 2e-5);
        }
    }
}

#[test]
fn blocks_of_rows_give_what_all_rows_give() {
    let x = example(500, 12);
    let all = PcaOptions { components: 5, ..PcaOptions::default() }.fit(&x).unwrap();
    let mut sums = PcaSums::new(12);
    for from in [0, 100, 350] {
        let to = [100, 350, 500][[0, 100, 350].iter().position(|&f| f == from).unwrap()];
        sums.add(&Matrix::new(to - from, 12, x.data()[from * 12..to * 12].to_vec())).unwrap();
    }
    let blocks = sums.finish(5).unwrap();
    for (a, b) in all.components.iter().flatten().zip(blocks.components.iter().flatten()) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
    let mut mixed = PcaSums::new(12);
    mixed.add(&x).unwrap();
    assert!(mixed.add(&Csr::from_dense(&x)).is_err());
}

#[test]
fn large_means_lose_nothing() {
    let x = example(200, 6);
    let far = Matrix::new(200, 6, x.data().iter().map(|v| (v * 16.0).round() / 16.0 + 4096.0).collect());
    let near = Matrix::new(200, 6, far.data().iter().map(|v| v - 4096.0).collect());
    let options = PcaOptions { components: 6, ..PcaOptions::default() };
    let (far, near) = (options.fit(&far).unwrap(), options.fit(&near).unwrap());
    far.variance.iter().zip(&near.variance).for_each(|(a, b)| assert!((a / b - 1.0).abs() < 1e-5, "{a} {b}"));
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let x = example(700, 40);
    let sparse = Csr::from_dense(&x);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let options = PcaOptions { components: 4, solver: PcaSolver::Randomized, seed: 5 };
            let exact = PcaOptions { solver: PcaSolver::Exact, ..options.clone() };
            (options.fit(&sparse).unwrap(), exact.fit(&sparse).unwrap(), exact.fit(&x).unwrap().transform(&x).unwrap())
        })
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn what_does_not_vary_has_no_variance() {
    let same = Matrix::new(3, 4, vec![2.0; 12]);
    for solver in [PcaSolver::Exact, PcaSolver::Randomized] {
        let pca = PcaOptions { components: 9, solver, seed: 0 }.fit(&same).unwrap();
        assert_eq!(pca.components.len(), 3);
        assert!(pca.variance.iter().all(|v| *v == 0.0) && pca.variance_ratio() == [0.0; 3]);
        assert!(pca.transform(&same).unwrap().data().iter().all(|v| v.abs() < 1e-6));
    }
}

#[test]
fn faults_are_named() {
    let options = PcaOptions::default();
    let text = |error: UnsupervisedError| error.to_string();
    assert_eq!(text(options.fit(&Matrix::new(1, 2, vec![0.0; 2])).unwrap_err()), "expected at least 2 rows, found 1");
    let mut x = Csr::from_dense(&Matrix::new(2, 2, vec![1.0, 0.0, 0.0, 2.0]));
    let pca = options.fit(&x).unwrap();
    x.values[1] = f32::NAN;
    assert_eq!(text(options.fit(&x).unwrap_err()), "row 1, column 1: expected a finite number, found NaN");
    assert!(text(pca.transform(&Matrix::new(1, 3, vec![0.0; 3])).unwrap_err()).starts_with("expected the 2 columns"));
}
