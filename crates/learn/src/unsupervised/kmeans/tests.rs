use super::*;
use basewise_core::random::{normal, stream};

/// Rows around `k` corners, in turns.
pub(in crate::unsupervised) fn blobs(rows: usize, columns: usize, k: usize) -> Matrix {
    let mut rng = stream(9, "test blobs", &[]);
    let corners: Vec<f64> = (0..k * columns).map(|_| 10.0 * normal(&mut rng)).collect();
    let value = |at: usize| corners[(at / columns % k) * columns + at % columns];
    Matrix::new(rows, columns, (0..rows * columns).map(|at| (value(at) + normal(&mut rng)) as f32).collect())
}

#[test]
fn corners_are_found() {
    let x = blobs(600, 5, 6);
    let fit = KMeansOptions { clusters: 6, restarts: 5, ..KMeansOptions::default() }.fit(&x).unwrap();
    assert!((0..600).all(|i| fit.labels[i] == fit.labels[i % 6]));
    // About one unit of variance for each value.
    assert!((fit.inertia / 3000.0 - 1.0).abs() < 0.1, "{}", fit.inertia);
    assert_eq!(fit.assign(&x).unwrap(), fit.labels);
}

#[test]
fn each_row_is_with_its_nearest_centre_and_each_centre_is_a_mean() {
    let x = blobs(300, 3, 2);
    let options = KMeansOptions { clusters: 7, restarts: 2, tolerance: 0.0, ..KMeansOptions::default() };
    let fit = options.fit(&x).unwrap();
    let mut inertia = 0.0;
    for i in 0..300 {
        let distance = |c: usize| f64::from(squared_distance(x.row(i), fit.centres.row(c)));
        let nearest = (0..7).map(distance).fold(f64::INFINITY, f64::min);
        assert!((distance(fit.labels[i] as usize) - nearest).abs() < 1e-4);
        inertia += nearest;
    }
    assert!((fit.inertia / inertia - 1.0).abs() < 1e-5);
    for c in 0..7 {
        let members: Vec<usize> = (0..300).filter(|&i| fit.labels[i] == c as u32).collect();
        for j in 0..3 {
            let mean = members.iter().map(|&i| f64::from(x.row(i)[j])).sum::<f64>() / members.len() as f64;
            assert!((mean - f64::from(fit.centres.row(c)[j])).abs() < 1e-4);
        }
    }
}

#[test]
fn as_many_centres_as_rows_and_copies_of_rows() {
    let x = Matrix::new(4, 1, vec![0.0, 1.0, 2.0, 5.0]);
    let fit = KMeansOptions { clusters: 4, ..KMeansOptions::default() }.fit(&x).unwrap();
    assert!(fit.inertia < 1e-10);
    let same = Matrix::new(5, 2, vec![3.0; 10]);
    let fit = KMeansOptions { clusters: 3, ..KMeansOptions::default() }.fit(&same).unwrap();
    assert!(fit.inertia == 0.0 && fit.centres.data().iter().all(|&x| x == 3.0), "{fit:?}");
    assert!(KMeansOptions { clusters: 6, ..KMeansOptions::default() }.fit(&same).is_err());
}

#[test]
fn a_cluster_that_lost_its_rows_takes_the_farthest_one() {
    let x = Matrix::new(4, 1, vec![-4.0, -3.0, -2.0, 9.0]);
    let data = Data::new(&x, &[0.0]);
    let next = data.means_of(&[0, 0, 0, 0], &[-3.0, 100.0], 2);
    assert_eq!(next, [-3.0, 9.0]);
}

#[test]
fn the_table_bends_where_clusters_are() {
    let x = blobs(400, 4, 4);
    let table = elbow(&x, 1..=6, &KMeansOptions::default()).unwrap();
    assert_eq!(table[0].silhouette, None);
    let best = table.iter().max_by(|a, b| a.silhouette.partial_cmp(&b.silhouette).unwrap()).unwrap();
    assert_eq!(best.clusters, 4);
    assert!(table.windows(2).all(|pair| pair[1].inertia <= pair[0].inertia));
    assert!(table[3].inertia < 0.2 * table[2].inertia);
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let x = blobs(3000, 7, 9);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| KMeansOptions { clusters: 11, restarts: 2, ..KMeansOptions::default() }.fit(&x).unwrap())
    };
    assert_eq!(run(1), run(3));
}
