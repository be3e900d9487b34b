//! Gradients against central differences and products against dense ones; training, splits and explanations on small
//! graphs.

use super::baseline::{common_neighbours, label_propagation};
use super::explain::explain;
use super::features::Scale;
use super::links::{Decoder, LinkModel, LinkTask};
use super::loss::{binary_cross_entropy, cross_entropy};
use super::network::{Dropout, Network};
use super::nodes::{NodeTask, Training, probabilities, train};
use super::propagation::operators;
use super::simulate::BlockModel;
use super::split::{Absent, LinkSplit, Pair, links, stratified};
use super::*;
use basewise_core::Split;
use basewise_core::random::{normal, stream};
use basewise_core::sparse::Csr;

const MODELS: [GraphModel; 4] = [GraphModel::Mlp, GraphModel::Gcn, GraphModel::Sage, GraphModel::Rgcn];

/// Seven nodes, one of them alone, weighted edges of two kinds, two nodes joined by both.
fn small() -> Graph {
    let edge = |a, b, kind, weight| Edge { ends: [a, b], kind, weight };
    let edges = vec![
        edge(0, 1, 0, 1.0),
        edge(0, 2, 0, 2.0),
        edge(1, 2, 1, 0.5),
        edge(2, 3, 0, 1.0),
        edge(3, 4, 1, 1.5),
        edge(3, 4, 0, 1.0),
        edge(4, 5, 1, 1.0),
    ];
    Graph::new(7, 2, edges).unwrap().0
}

fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut rng = stream(seed, "test", &[]);
    (0..count).map(|_| normal(&mut rng) as f32).collect()
}

/// The same features dense and sparse; about a third are not 0.
fn features(nodes: usize, columns: usize) -> [NodeFeatures; 2] {
    let mut values = numbers(3, nodes * columns);
    values.iter_mut().for_each(|x| *x = if *x > -0.4 && *x < 0.4 { *x + 1.0 } else { 0.0 });
    [NodeFeatures::dense(nodes, columns, values.clone()), NodeFeatures::sparse(csr(nodes, columns, &values))]
}

fn csr(rows: usize, columns: usize, values: &[f32]) -> Csr {
    let mut matrix = Csr { rows, columns, starts: vec![0], ..Csr::default() };
    for row in values.chunks(columns) {
        for (column, &value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            matrix.indices.push(column as u32);
            matrix.values.push(value);
        }
        matrix.starts.push(matrix.values.len());
    }
    matrix
}

fn shape(model: GraphModel, features: usize, outputs: usize, bases: Option<usize>) -> NetworkShape {
    NetworkShape { model, features, hidden: vec![5], outputs, kinds: 2, bases }
}

/// Asserts that a gradient is that of central differences of `loss`, whose argument is one parameter's values. Where two
/// steps disagree, a rectifier has its corner between them; there must be few such places.
fn assert_slopes(name: &str, values: &[f32], gradient: &[f32], mut loss: impl FnMut(&[f32]) -> f64) {
    const STEP: f32 = 3e-3;
    assert_eq!(values.len(), gradient.len(), "{name}");
    let mut corners = 0;
    for i in 0..values.len() {
        let mut slope = |step: f32| {
            let mut at = |step: f32| {
                let mut moved = values.to_vec();
                moved[i] += step;
                loss(&moved)
            };
            (at(step) - at(-step)) / (2.0 * f64::from(step))
        };
        let (near, far) = (slope(STEP), slope(2.0 * STEP));
        // Of fourth order, so that a step large enough for f32 leaves no curvature.
        let want = (4.0 * near - far) / 3.0;
        let tolerance = 2e-3 * want.abs().max(0.05);
        let off = (f64::from(gradient[i]) - want).abs();
        if off >= tolerance && (near - far).abs() > tolerance {
            corners += 1;
        } else {
            assert!(off < tolerance, "{name}[{i}]: {} instead of {want}", gradient[i]);
        }
    }
    assert!(corners * 4 <= values.len(), "{name}: {corners} of {} places are at a corner", values.len());
}

#[test]
fn the_sparse_product_and_its_gradient_are_those_of_the_dense_one() {
    for operator in MODELS.into_iter().flat_map(|model| operators(&small(), model)) {
        let (nodes, width) = (7, 3);
        let matrix = operator.matrix();
        let dense = |a: usize, b: usize| {
            let own = matrix.starts[a]..matrix.starts[a + 1];
            let found = own.into_iter().find(|&place| matrix.indices[place] as usize == b);
            found.map_or(0.0, |place| f64::from(matrix.values[place]))
        };
        let (x, dy) = (numbers(1, nodes * width), numbers(2, nodes * width));
        let (mut y, mut dx) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        operator.add_product(width, &x, &mut y);
        operator.add_gradient(width, &dy, &mut dx);
        for (a, i) in (0..nodes).flat_map(|a| (0..width).map(move |i| (a, i))) {
            let sum: f64 = (0..nodes).map(|b| dense(a, b) * f64::from(x[b * width + i])).sum();
            assert!((f64::from(y[a * width + i]) - sum).abs() < 1e-5);
        }
        assert_slopes("x", &x, &dx, |x| {
            let mut y = vec![0.0; x.len()];
            operator.add_product(width, x, &mut y);
            y.iter().zip(&dy).map(|(&y, &dy)| f64::from(y) * f64::from(dy)).sum()
        });
    }
}

#[test]
fn gradients_of_all_networks_are_those_of_central_differences() {
    let labels = [Some(0), Some(1), None, Some(2), Some(1), Some(0), Some(2)];
    let rows = [0, 1, 3, 4, 6];
    for (model, bases) in MODELS.into_iter().map(|model| (model, None)).chain([(GraphModel::Rgcn, Some(3))]) {
        let operators = operators(&small(), model);
        for (form, features) in features(7, 6).iter().enumerate() {
            for dropout in [None, Some(Dropout { key: 5, rate: 0.3 })] {
                let mut network = Network::new(shape(model, 6, 3, bases), 1);
                // A node whose features are all dropped would stand at the corner of each rectifier.
                let biases = network.parameters.iter_mut().filter(|array| array.name.ends_with("bias"));
                biases.for_each(|array| array.values = numbers(9, array.values.len()));
                let pass = network.forward(&operators, features, dropout);
                let (_, gradient) = cross_entropy(&pass.output, 3, &rows, &labels);
                let gradients = network.backward(&operators, &pass, gradient);
                for (i, array) in network.parameters.iter().enumerate() {
                    let name = format!("{model:?} {bases:?} form {form} {dropout:?} {}", array.name);
                    assert_slopes(&name, &array.values, &gradients[i], |values| {
                        let mut moved = network.clone();
                        moved.parameters[i].values = values.to_vec();
                        let output = moved.forward(&operators, features, dropout).output;
                        cross_entropy(&output, 3, &rows, &labels).0
                    });
                }
            }
        }
    }
}

#[test]
fn dense_and_sparse_features_give_the_same_scores() {
    for model in MODELS {
        let (network, operators) = (Network::new(shape(model, 6, 3, None), 2), operators(&small(), model));
        let [dense, sparse] = features(7, 6).map(|features| network.predict(&operators, &features));
        assert!(dense.iter().zip(&sparse).all(|(a, b)| (a - b).abs() < 1e-6), "{model:?}");
        let products = network.first_products(&features(7, 6)[0], operators.len());
        assert_eq!(network.predict_from(&operators, &products), dense, "{model:?}");
    }
}

#[test]
fn gradients_of_losses_and_decoders_are_those_of_central_differences() {
    let labels = [Some(1), None, Some(0)];
    let scores = numbers(4, 9);
    let (_, gradient) = cross_entropy(&scores, 3, &[0, 2], &labels);
    assert_slopes("classes", &scores, &gradient, |scores| cross_entropy(scores, 3, &[0, 2], &labels).0);
    let (_, gradient) = binary_cross_entropy(&scores, |i| i < 4);
    assert_slopes("links", &scores, &gradient, |scores| binary_cross_entropy(scores, |i| i < 4).0);
    // Scores that would overflow an exponential.
    let (loss, gradient) = binary_cross_entropy(&[-300.0, 300.0], |i| i == 0);
    assert!((loss - 300.0).abs() < 1e-9 && gradient == [-0.5, 0.5]);

    let pairs = [[0, 1], [1, 2], [0, 2], [0, 1]].map(|ends| Pair { ends, kind: ends[1] % 2 });
    for decoder in [Decoder::Dot, Decoder::DistMult] {
        let mut model = LinkModel::new(shape(GraphModel::Gcn, 2, 4, None), decoder, 1);
        if let Some(kinds) = &mut model.kinds {
            kinds.values = numbers(6, 8);
        }
        let vectors = numbers(5, 12);
        let loss =
            |model: &LinkModel, vectors: &[f32]| binary_cross_entropy(&model.scores(vectors, &pairs), |i| i % 2 == 0);
        let (d_vectors, d_kinds) = model.backward(&vectors, &pairs, &loss(&model, &vectors).1);
        assert_slopes("vectors", &vectors, &d_vectors, |vectors| loss(&model, vectors).0);
        if let Some(kinds) = model.kinds.clone() {
            assert_slopes("kinds", &kinds.values, &d_kinds, |values| {
                let mut moved = model.clone();
                moved.kinds.iter_mut().for_each(|kinds| kinds.values = values.to_vec());
                loss(&moved, &vectors).0
            });
        }
    }
}

fn simulated() -> (Graph, Vec<Option<u32>>, NodeFeatures, Vec<Option<Split>>) {
    let model =
        BlockModel { nodes: 150, classes: 3, degree: 6.0, within: 0.85, features: 9, signal: 0.5, kinds: 2, seed: 1 };
    let simulated = model.simulate().unwrap();
    let labels: Vec<Option<u32>> = simulated.classes.iter().map(|&class| Some(class)).collect();
    let splits = stratified(&labels, 0.2, 0.4, 1);
    (simulated.graph, labels, NodeFeatures::dense(150, 9, simulated.features), splits)
}

fn nodes_of(splits: &[Option<Split>], split: Split) -> Vec<u32> {
    (0..splits.len() as u32).filter(|&node| splits[node as usize] == Some(split)).collect()
}

fn share_right(scores: &[f32], classes: usize, rows: &[u32], labels: &[Option<u32>]) -> f64 {
    let best = |row: &[f32]| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).map(|class| class as u32);
    let right =
        |&&node: &&u32| best(&scores[node as usize * classes..(node as usize + 1) * classes]) == labels[node as usize];
    rows.iter().filter(right).count() as f64 / rows.len() as f64
}

#[test]
fn edges_help_where_they_tell_and_runs_repeat_for_any_number_of_threads() {
    let (graph, labels, features, splits) = simulated();
    let [learned, valid, test] = [Split::Train, Split::Valid, Split::Test].map(|split| nodes_of(&splits, split));
    let task = NodeTask { labels: &labels, train: &learned, valid: &valid };
    let training = Training { epochs: 60, ..Training::default() };
    let fit = |model| {
        let operators = operators(&graph, model);
        let shape = NetworkShape { hidden: vec![16], ..shape(model, 9, 3, None) };
        let trained = train(&shape, &operators, &features, &task, &training);
        let scores = trained.network.predict(&operators, &features);
        (share_right(&scores, 3, &test, &labels), trained)
    };
    let (plain, _) = fit(GraphModel::Mlp);
    for model in [GraphModel::Gcn, GraphModel::Sage, GraphModel::Rgcn] {
        let (with_edges, trained) = fit(model);
        assert!(with_edges > plain + 0.04, "{model:?}: {with_edges} against {plain}");
        assert!(trained.history.len() == 60 && trained.best_epoch > 1);
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| fit(model)).1, trained, "{model:?}: {threads} threads");
        }
    }
    let spread = label_propagation(&graph, &labels, 3, &learned);
    assert!(share_right(&spread, 3, &test, &labels) > 0.5);
}

#[test]
fn training_stops_after_its_patience_and_keeps_the_best_epoch() {
    let (graph, labels, features, splits) = simulated();
    let [learned, valid] = [Split::Train, Split::Valid].map(|split| nodes_of(&splits, split));
    let task = NodeTask { labels: &labels, train: &learned, valid: &valid };
    let training = Training { epochs: 2000, learning_rate: 0.1, patience: 5, weight_decay: 0.0, ..Training::default() };
    let operators = operators(&graph, GraphModel::Sage);
    let trained = train(&shape(GraphModel::Sage, 9, 3, None), &operators, &features, &task, &training);
    assert_eq!(trained.history.len(), trained.best_epoch + 5);
    let losses: Vec<f64> = trained.history.iter().filter_map(|epoch| epoch.valid_loss).collect();
    assert!(losses.iter().all(|&loss| loss >= losses[trained.best_epoch - 1]));
    let scores = trained.network.predict(&operators, &features);
    assert_eq!(cross_entropy(&scores, 3, &valid, &labels).0, losses[trained.best_epoch - 1]);
}

#[test]
fn random_splits_are_even_in_each_class_and_leave_something_to_learn() {
    let labels: Vec<Option<u32>> = (0..40).map(|i| if i < 30 { Some(u32::from(i < 20)) } else { None }).collect();
    let splits = stratified(&labels, 0.1, 0.2, 7);
    for (class, sizes) in [(1, [14, 2, 4]), (0, [7, 1, 2])] {
        for (split, size) in [Split::Train, Split::Valid, Split::Test].into_iter().zip(sizes) {
            let own = |&node: &usize| splits[node] == Some(split) && labels[node] == Some(class);
            assert_eq!((0..40).filter(own).count(), size);
        }
    }
    assert!(splits[30..].iter().all(Option::is_none) && stratified(&labels, 0.1, 0.2, 8) != splits);
    assert_eq!(stratified(&[Some(0)], 0.4, 0.5, 1), [Some(Split::Train)]);
}

#[test]
fn held_out_links_are_in_no_message_and_their_negatives_are_no_links() {
    let (graph, ..) = simulated();
    let split = links(&graph, 0.1, 0.2, 3);
    let (train, all) = (Absent::new(&split.train), Absent::new(&graph));
    for held in [&split.valid, &split.test] {
        let (links, negatives) = held.split_at(held.len() / 2);
        assert!(!links.is_empty() && links.iter().all(|pair| all.is_joined(pair.ends) && !train.is_joined(pair.ends)));
        assert!(negatives.iter().all(|pair| !all.is_joined(pair.ends) && pair.ends[0] < pair.ends[1]));
        assert_eq!(LinkSplit::labels(held).iter().filter(|link| **link).count(), links.len());
    }
    let held: usize = [&split.valid, &split.test].iter().map(|held| held.len() / 2).sum();
    assert_eq!(split.train.edges().len() + held, graph.edges().len());
    let adjacency = split.train.adjacency(None);
    for pair in &split.test[..split.test.len() / 2] {
        for [from, to] in [pair.ends, [pair.ends[1], pair.ends[0]]] {
            assert!(data::row(&adjacency, from as usize).all(|(column, _)| column != to));
        }
    }
    // In a complete graph there is nothing to draw.
    let both = Graph::new(2, 1, vec![Edge { ends: [0, 1], kind: 0, weight: 1.0 }]).unwrap().0;
    assert!(Absent::new(&both).draw(&[Pair { ends: [0, 1], kind: 0 }], 1, "test", 0).is_empty());
}

#[test]
fn links_of_a_block_model_are_found() {
    let model =
        BlockModel { nodes: 120, classes: 4, degree: 8.0, within: 0.9, features: 8, signal: 1.5, kinds: 1, seed: 2 };
    let simulated = model.simulate().unwrap();
    let split = links(&simulated.graph, 0.1, 0.2, 1);
    let features = NodeFeatures::dense(120, 8, simulated.features);
    let labels: Vec<f64> = LinkSplit::labels(&split.test).iter().map(|&link| f64::from(u8::from(link))).collect();
    for (model, decoder) in [(GraphModel::Gcn, Decoder::Dot), (GraphModel::Rgcn, Decoder::DistMult)] {
        let operators = operators(&split.train, model);
        let shape = NetworkShape { model, features: 8, hidden: vec![16], outputs: 8, kinds: 1, bases: None };
        let valid_labels = LinkSplit::labels(&split.valid);
        let task = LinkTask { graph: &split.train, valid: &split.valid, valid_labels: &valid_labels };
        let training = Training { epochs: 60, weight_decay: 0.0, dropout: 0.0, ..Training::default() };
        let trained = super::links::train(&shape, decoder, &operators, &features, &task, &training);
        let scores = trained.model.scores(&trained.model.network.predict(&operators, &features), &split.test);
        let found = basewise_core::metrics::auroc(&labels, &scores.iter().map(|&s| f64::from(s)).collect::<Vec<_>>());
        assert!(found.is_some_and(|auroc| auroc > 0.65), "{model:?}: {found:?}");
        assert_eq!(trained, super::links::train(&shape, decoder, &operators, &features, &task, &training));
    }
}

#[test]
fn common_neighbours_are_counted() {
    let pair = |a, b| Pair { ends: [a, b], kind: 0 };
    let (counts, indices) = common_neighbours(&small(), &[pair(0, 1), pair(0, 3), pair(1, 5), pair(0, 6)]);
    assert_eq!(counts, [1.0, 1.0, 0.0, 0.0]);
    // Node 2 has three neighbours.
    assert!((indices[0] - 1.0 / 3f32.ln()).abs() < 1e-6 && indices[2] == 0.0);
}

#[test]
fn labels_spread_to_what_they_reach() {
    let labels = [Some(0), None, None, None, None, Some(1), None];
    let shares = label_propagation(&small(), &labels, 2, &[0, 5]);
    assert!(shares[2] > 0.5 && shares[9] > 0.5, "{shares:?}");
    assert_eq!(shares[12..], [0.5, 0.5]);
    assert!(shares.chunks(2).all(|own| (own[0] + own[1] - 1.0).abs() < 1e-6));
}

/// Explanations against passes over the whole graph without an edge, or with a feature set to 0.
#[test]
fn occlusion_in_the_neighbourhood_is_that_of_the_whole_graph() {
    let model =
        BlockModel { nodes: 60, classes: 3, degree: 3.0, within: 0.8, features: 5, signal: 0.5, kinds: 2, seed: 4 };
    let simulated = model.simulate().unwrap();
    let graph = simulated.graph;
    let features = NodeFeatures::dense(60, 5, simulated.features.clone());
    for (kind, bases) in [(GraphModel::Gcn, None), (GraphModel::Sage, None), (GraphModel::Rgcn, Some(2))] {
        let networks: Vec<Network> = (0..2).map(|seed| Network::new(shape(kind, 5, 3, bases), seed)).collect();
        let whole = |graph: &Graph, features: &NodeFeatures, node: usize| -> Vec<f64> {
            let operators = operators(graph, kind);
            let mut mean = vec![0.0; 3];
            for network in &networks {
                let shares = probabilities(network.predict(&operators, features), 3);
                mean.iter_mut().enumerate().for_each(|(class, m)| *m += f64::from(shares[node * 3 + class]) / 2.0);
            }
            mean
        };
        let got = explain(&graph, &networks, &features, 7);
        let now = whole(&graph, &features, 7);
        assert!(got.probabilities.iter().zip(&now).all(|(a, b)| (a - b).abs() < 1e-6), "{kind:?}");
        assert!(got.edges.len() > 3 && got.features.len() == 5);
        for (edge, change) in &got.edges {
            let want = whole(&graph.with_edges(|other| other != edge), &features, 7)[got.class] - now[got.class];
            assert!((change - want).abs() < 1e-6, "{kind:?} {edge:?}: {change} instead of {want}");
        }
        for &(feature, change) in &got.features {
            let mut values = simulated.features.clone();
            values.iter_mut().skip(feature as usize).step_by(5).for_each(|value| *value = 0.0);
            let want = whole(&graph, &NodeFeatures::dense(60, 5, values), 7)[got.class] - now[got.class];
            assert!((change - want).abs() < 1e-6, "{kind:?} feature {feature}: {change} instead of {want}");
        }
    }
    // A node without edges has nothing but itself.
    let lonely = explain(&small(), &[Network::new(shape(GraphModel::Gcn, 6, 3, None), 1)], &features_of_seven(), 6);
    assert_eq!((lonely.nodes, lonely.edges.len()), (vec![(6, 0)], 0));
}

fn features_of_seven() -> NodeFeatures {
    let [dense, _] = features(7, 6);
    dense
}

#[test]
fn features_are_scaled_as_said() {
    let matrix = csr(3, 2, &[1.0, 3.0, 0.0, 0.0, -2.0, 2.0]);
    assert_eq!(Scale::Rows.apply(&matrix).row(0), [(0, 0.25), (1, 0.75)]);
    assert_eq!(Scale::Rows.apply(&matrix).row(2), [(0, -0.5), (1, 0.5)]);
    assert!(Scale::Rows.apply(&matrix).row(1).is_empty());
    let standard = Scale::standard(&matrix).apply(&matrix);
    for column in 0..2 {
        let values: Vec<f64> = (0..3)
            .map(|node| standard.row(node).iter().find(|(c, _)| *c == column).map_or(0.0, |x| f64::from(x.1)))
            .collect();
        let (sum, squares): (f64, f64) = (values.iter().sum(), values.iter().map(|x| x * x).sum());
        assert!(sum.abs() < 1e-6 && (squares - 3.0).abs() < 1e-5, "{values:?}");
    }
    let constant = csr(2, 1, &[0.1, 0.1]);
    assert!(Scale::standard(&constant).apply(&constant).row(0).is_empty());
}

#[test]
fn files_hold_all_networks_and_refuse_what_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let shape = shape(GraphModel::Rgcn, 4, 3, Some(2));
    let saved = SavedNetworks {
        format_version: GRAPH_FORMAT,
        decoder: Some(Decoder::DistMult),
        seeds: vec![1, 2],
        features: ["a", "b", "c", "d"].map(str::to_owned).to_vec(),
        scale: Scale::Rows,
        classes: Vec::new(),
        kinds: vec!["binds".into(), "regulates".into()],
        models: [1, 2].map(|seed| LinkModel::new(shape.clone(), Decoder::DistMult, seed)).to_vec(),
        shape,
    };
    save(&path, &saved).unwrap();
    assert_eq!(load(&path).unwrap(), saved);
    let bytes = fs_err::read(&path).unwrap();
    for length in [0, 7, 60, bytes.len() - 1] {
        fs_err::write(&path, &bytes[..length]).unwrap();
        assert!(load(&path).is_err(), "{length} bytes");
    }
    let mut wrong = saved.clone();
    wrong.shape.features = usize::MAX;
    save(&path, &wrong).unwrap();
    assert!(load(&path).is_err());
}
