use super::*;
use crate::unsupervised::kmeans::tests::blobs;

/// Every pair, by the definition of the metric.
fn by_definition(known: &Matrix, row: &[f32], metric: Metric, own: Option<usize>) -> Vec<(f64, u32)> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    let distance = |other: &[f32]| match metric {
        Metric::Euclidean => (dot(row, row) + dot(other, other) - 2.0 * dot(row, other)).max(0.0).sqrt(),
        Metric::Cosine => 1.0 - dot(row, other) / (dot(row, row) * dot(other, other)).sqrt(),
    };
    let others = (0..known.rows()).filter(|&j| Some(j) != own);
    let mut all: Vec<(f64, u32)> = others.map(|j| (distance(known.row(j)), j as u32)).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all
}

#[test]
fn neighbours_are_those_of_all_pairs() {
    let x = blobs(1300, 6, 11);
    for metric in [Metric::Euclidean, Metric::Cosine] {
        let found = Neighbors::find(&x, 10, metric).unwrap();
        for i in (0..1300).step_by(97) {
            let expected = by_definition(&x, x.row(i), metric, Some(i));
            let (indices, distances) = found.of(i);
            for (k, (&j, &d)) in indices.iter().zip(distances).enumerate() {
                assert!((f64::from(d) - expected[k].0).abs() < 1e-4 * expected[9].0.max(1e-2), "{d} {:?}", expected[k]);
                let at = expected.iter().position(|e| e.1 == j).unwrap();
                assert!((expected[at].0 - expected[k].0).abs() < 1e-4 * expected[9].0, "{metric:?} {i} {k}");
            }
        }
    }
}

#[test]
fn neighbours_among_other_rows() {
    let (known, x) = (blobs(700, 4, 3), blobs(5, 4, 2));
    let found = Neighbors::find_among(&known, &x, 3, Metric::Euclidean).unwrap();
    for i in 0..5 {
        let expected = by_definition(&known, x.row(i), Metric::Euclidean, None);
        assert_eq!(found.of(i).0, expected[..3].iter().map(|e| e.1).collect::<Vec<_>>());
    }
}

#[test]
fn copies_are_at_distance_0_in_order() {
    let x = Matrix::new(4, 2, vec![1.0; 8]);
    let found = Neighbors::find(&x, 9, Metric::Euclidean).unwrap();
    assert_eq!((found.count, found.of(1)), (3, (&[0, 2, 3][..], &[0.0; 3][..])));
    assert!(found.connectivities().values.iter().all(|&w| w == 1.0));
    assert!(found.jaccard().values.iter().all(|&w| w == 1.0));
    assert!(Neighbors::find(&Matrix::new(1, 1, vec![0.0]), 1, Metric::Cosine).is_err());
    assert!(Neighbors::find(&x, 0, Metric::Cosine).is_err());
}

#[test]
fn connections_are_symmetric_and_sum_as_defined() {
    let x = blobs(200, 3, 4);
    let found = Neighbors::find(&x, 14, Metric::Euclidean).unwrap();
    for graph in [found.connectivities(), found.jaccard()] {
        assert_eq!(graph, graph.transposed());
        assert!(graph.values.iter().all(|&w| w > 0.0 && w <= 1.0));
    }
    let weights = graph::memberships_for_test(&found, 3);
    assert!((weights.iter().map(|&w| f64::from(w)).sum::<f64>() - 15f64.log2()).abs() < 1e-4);
    assert_eq!(weights[0], 1.0);
}
