use super::*;
use crate::architecture::{Layer, Padding};
use basewise_core::{Alphabet, CasePolicy, Encoding, Predict, SequenceBatch, Task, TaskKind};

fn purpose(length: usize) -> Purpose {
    Purpose {
        tasks: vec![Task { name: "y".into(), kind: TaskKind::Regression }],
        encoding: Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore },
        length,
        covariates: Vec::new(),
        control: None,
    }
}

fn array(name: &str, shape: &[usize], values: impl IntoIterator<Item = f32>) -> StateArray {
    StateArray { name: name.into(), shape: shape.to_vec(), values: values.into_iter().collect() }
}

fn score(imported: &Imported, sequence: &str) -> f32 {
    let mut batch = SequenceBatch::new(imported.model.encoding(), sequence.len());
    batch.push(sequence.as_bytes()).unwrap();
    imported.model.predict(&batch).unwrap().data()[0]
}

/// One filter of width 2, then the score at the only position.
fn filter(kernel: [f32; 8]) -> (Architecture, Vec<StateArray>) {
    let layer = Layer::Conv1d { filters: 1, width: 2, stride: 1, dilation: 1, groups: 1, padding: Padding::Valid };
    let arrays = vec![array("c/kernel", &[2, 4, 1], kernel), array("d/kernel", &[1, 1], [1.0])];
    (Architecture::new(vec![layer]), arrays)
}

#[test]
fn kernels_are_turned_around_only_under_theano() {
    // A at the first position gives 1, C at the second 20.
    let (architecture, arrays) = filter([1., 2., 3., 4., 10., 20., 30., 40.]);
    let mut weights = KerasWeights { arrays, ..Default::default() };
    let imported = import(&architecture, &purpose(2), &weights, &ImportOptions::default()).unwrap();
    assert_eq!(score(&imported, "AC"), 21.0);
    weights.backend = Some("theano".into());
    let imported = import(&architecture, &purpose(2), &weights, &ImportOptions::default()).unwrap();
    assert_eq!(score(&imported, "AC"), 12.0);
}

#[test]
fn a_dense_layer_on_the_sequence_has_rows_by_position_in_any_order_of_channels() {
    // The row of position p and the file's channel c is 10 p + c.
    let rows = (0..3).flat_map(|p| (0..4).map(move |c| (10 * p + c) as f32));
    let weights = KerasWeights { arrays: vec![array("d/kernel", &[12, 1], rows)], ..Default::default() };
    let score_in = |order: &[u8; 4], sequence| {
        let options = ImportOptions { channel_order: *order, ..Default::default() };
        score(&import(&Architecture::new(vec![]), &purpose(3), &weights, &options).unwrap(), sequence)
    };
    assert_eq!(score_in(b"ACGT", "CTA"), 1.0 + 13.0 + 20.0);
    assert_eq!(score_in(b"TGCA", "CTA"), 2.0 + 10.0 + 23.0);
}

#[test]
fn the_epsilon_of_a_norm_is_that_of_the_file() {
    let (architecture, mut arrays) = filter([1.0; 8]);
    let architecture = Architecture::new([architecture.layers, vec![Layer::BatchNorm]].concat());
    arrays.insert(1, array("n/moving_variance", &[1], [0.0]));
    arrays.insert(1, array("n/moving_mean", &[1], [0.0]));
    let mut weights = KerasWeights { arrays, ..Default::default() };
    let score_of = |weights: &KerasWeights| {
        score(&import(&architecture, &purpose(2), weights, &ImportOptions::default()).unwrap(), "AC")
    };
    let close = |found: f32, epsilon: f32| (found * epsilon.sqrt() / 2.0 - 1.0).abs() < 1e-5;
    assert!(close(score_of(&weights), 1e-3));
    weights.config = Some(r#"{"config": {"name": "n", "epsilon": 0.04}}"#.into());
    assert!(close(score_of(&weights), 0.04));
}

#[test]
fn layers_that_ours_cannot_be_are_refused_by_name() {
    let gru = |bias: &[usize], config: &str| {
        let arrays = vec![
            array("g/gru_cell/kernel", &[4, 3], [0.0; 12]),
            array("g/gru_cell/recurrent_kernel", &[1, 3], [0.0; 3]),
            array("g/gru_cell/bias", bias, vec![0.0; bias.iter().product()]),
            array("d/kernel", &[1, 1], [1.0]),
        ];
        let weights = KerasWeights { arrays, config: Some(config.into()), backend: None };
        let layer = Layer::Gru { units: 1, bidirectional: false, last: true };
        import(&Architecture::new(vec![layer]), &purpose(3), &weights, &ImportOptions::default())
            .map_err(|error| error.to_string())
    };
    let says = |bias: &[usize], config: &str, text: &str| {
        let error = gru(bias, config).unwrap_err();
        assert!(error.contains("layer \"g\"") && error.contains(text), "{error}");
    };
    gru(&[2, 3], "{}").unwrap();
    says(&[3], "{}", "resets before");
    says(&[2, 3], r#"{"config": {"name": "g", "reset_after": false}}"#, "resets before");
    says(&[2, 3], r#"{"config": {"name": "g", "recurrent_activation": "hard_sigmoid"}}"#, "hard_sigmoid");
    says(&[2, 3], r#"{"config": {"name": "g", "go_backwards": true}}"#, "go_backwards");
    let other = KerasWeights { arrays: vec![array("e/embeddings", &[4, 2], [0.0; 8])], ..Default::default() };
    let error = import(&Architecture::new(vec![]), &purpose(3), &other, &ImportOptions::default()).unwrap_err();
    assert!(error.to_string().contains("found embeddings [4, 2]"), "{error}");
}
