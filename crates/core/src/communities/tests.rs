use super::*;

fn graph(n: usize, edges: &[(usize, usize)]) -> Graph {
    let mut rows = vec![Vec::new(); n];
    for &(i, j) in edges {
        rows[i].push((j as u32, 1.0));
        rows[j].push((i as u32, 1.0));
    }
    Graph::new(&rows)
}

/// Zachary's karate club (1977).
const KARATE: [(usize, usize); 78] = [
    (0, 1),
    (0, 2),
    (0, 3),
    (0, 4),
    (0, 5),
    (0, 6),
    (0, 7),
    (0, 8),
    (0, 10),
    (0, 11),
    (0, 12),
    (0, 13),
    (0, 17),
    (0, 19),
    (0, 21),
    (0, 31),
    (1, 2),
    (1, 3),
    (1, 7),
    (1, 13),
    (1, 17),
    (1, 19),
    (1, 21),
    (1, 30),
    (2, 3),
    (2, 7),
    (2, 8),
    (2, 9),
    (2, 13),
    (2, 27),
    (2, 28),
    (2, 32),
    (3, 7),
    (3, 12),
    (3, 13),
    (4, 6),
    (4, 10),
    (5, 6),
    (5, 10),
    (5, 16),
    (6, 16),
    (8, 30),
    (8, 32),
    (8, 33),
    (9, 33),
    (13, 33),
    (14, 32),
    (14, 33),
    (15, 32),
    (15, 33),
    (18, 32),
    (18, 33),
    (19, 33),
    (20, 32),
    (20, 33),
    (22, 32),
    (22, 33),
    (23, 25),
    (23, 27),
    (23, 29),
    (23, 32),
    (23, 33),
    (24, 25),
    (24, 27),
    (24, 31),
    (25, 31),
    (26, 29),
    (26, 33),
    (27, 33),
    (28, 31),
    (28, 33),
    (29, 32),
    (29, 33),
    (30, 32),
    (30, 33),
    (31, 32),
    (31, 33),
    (32, 33),
];

#[test]
fn the_karate_club_has_its_best_known_modularity() {
    let graph = graph(34, &KARATE);
    let communities = best_of(&graph, 1.0, 10, 1);
    // The optimum, 0.4198 in four communities (Brandes et al. 2008).
    assert!((graph.modularity(&communities, 1.0) - 0.419_790).abs() < 1e-5, "{}", graph.modularity(&communities, 1.0));
    assert_eq!(communities.iter().max(), Some(&3));
}

#[test]
fn cliques_joined_by_an_edge_are_communities() {
    let mut edges = Vec::new();
    for clique in 0..8 {
        (0..6).for_each(|i| (i + 1..6).for_each(|j| edges.push((clique * 6 + i, clique * 6 + j))));
        edges.push((clique * 6, (clique * 6 + 7) % 48));
    }
    let communities = best_of(&graph(48, &edges), 1.0, 1, 0);
    assert!((0..48).all(|i| communities[i] as usize == i / 6), "{communities:?}");
}

#[test]
fn graphs_without_edges_or_nodes() {
    assert_eq!(best_of(&graph(3, &[]), 1.0, 2, 0), [0, 1, 2]);
    assert!(best_of(&graph(0, &[]), 1.0, 2, 0).is_empty());
}

#[test]
fn modularity_is_that_of_the_definition() {
    let graph = graph(34, &KARATE);
    let communities: Vec<u32> = (0..34).map(|i| i % 3).collect();
    let mut expected = 0.0;
    let mut weight = vec![[0.0; 34]; 34];
    KARATE.iter().for_each(|&(i, j)| (weight[i][j], weight[j][i]) = (1.0, 1.0));
    for i in 0..34 {
        for j in (0..34).filter(|&j| communities[i] == communities[j]) {
            expected += weight[i][j] - graph.degrees[i] * graph.degrees[j] / 156.0;
        }
    }
    assert!((graph.modularity(&communities, 1.0) - expected / 156.0).abs() < 1e-12);
}

#[test]
fn resolution_makes_communities_smaller() {
    let graph = graph(34, &KARATE);
    let count = |resolution| best_of(&graph, resolution, 5, 1).into_iter().max().unwrap() + 1;
    assert!(count(0.1) == 1 && count(3.0) > 6, "{} {}", count(0.1), count(3.0));
}

#[test]
fn a_matrix_gives_the_same_graph_and_loops_count_once() {
    let matrix = crate::sparse::Csr::new(2, vec![0, 2, 3], vec![0, 1, 0], vec![3.0, 1.0, 1.0]).unwrap();
    let graph = Graph::from_matrix(&matrix);
    assert_eq!((graph.len(), graph.total()), (2, 5.0));
    assert!((graph.modularity(&[0, 1], 1.0) - (3.0 / 5.0 - 0.64 - 0.04)).abs() < 1e-12);
}
