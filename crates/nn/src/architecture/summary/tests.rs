//! Rows, counts and receptive fields by hand.

use super::*;

fn net(text: &str) -> Architecture {
    Architecture::from_toml(text, "t").unwrap()
}

#[test]
fn shapes_parameters_and_receptive_fields_by_hand() {
    let architecture = net("[[layer]]\ntype='conv1d'\nfilters=8\nwidth=5\npadding='valid'\n\
         [[layer]]\ntype='max-pool1d'\nwidth=3\n\
         [[layer]]\ntype='conv1d'\nfilters=6\nwidth=3\ndilation=2\nstride=2\n\
         [[layer]]\ntype='batch-norm'\n[[layer]]\ntype='flatten'\n[[layer]]\ntype='dense'\nunits=7");
    let summary = architecture.summary(4, 32, 2).unwrap();
    let outputs: Vec<[usize; 2]> = summary.rows.iter().map(|r| r.output).collect();
    // 32 - 5 + 1 = 28; floor((28 - 3) / 3) + 1 = 9; ceil(9 / 2) = 5.
    assert_eq!(outputs, [[8, 28], [8, 9], [6, 5], [6, 5], [30, 1], [7, 1], [2, 1]]);
    let parameters: Vec<usize> = summary.rows.iter().map(|r| r.parameters).collect();
    assert_eq!(parameters, [168, 0, 150, 12, 0, 217, 16]);
    // 5; 5 + 2 = 7 at a jump of 3; 7 + 2 * 2 * 3 = 19.
    let fields: Vec<usize> = summary.rows.iter().map(|r| r.receptive_field).collect();
    assert_eq!(fields, [5, 7, 19, 19, 19, 32, 32]);
    assert_eq!((summary.parameters, summary.receptive_field), (563, 19));
}

#[test]
fn misfits_name_layer_expected_and_found() {
    let text = |toml: &str, length| net(toml).summary(4, length, 1).unwrap_err().to_string();
    let pool = text("[[layer]]\ntype='relu'\n[[layer]]\ntype='max-pool1d'\nwidth=8", 7);
    assert!(
        pool.starts_with("layer 2 (max-pool1d 8): expected a length of at least 8, its window, found [4, 7]"),
        "{pool}"
    );
    let conv = text("[[layer]]\ntype='conv1d'\nfilters=2\nwidth=3\ndilation=4\npadding='valid'", 8);
    assert!(conv.contains("at least 9, its filter's span, found [4, 8]"), "{conv}");
    assert!(text("[[layer]]\ntype='dense'\nunits=2", 5).contains("put a flatten or a global pool before it"));
    assert!(text("[[layer]]\ntype='conv1d'\nfilters=3\nwidth=3\ngroups=3", 5).contains("its 3 groups"));
    assert!(
        text("[[layer]]\ntype='flatten'\n[[layer]]\ntype='dense'\nunits=4611686018427387904", 5).contains("at most")
    );
    assert!(
        text("[[layer]]\ntype='conv1d'\nfilters=4611686018427387904\nwidth=4611686018427387904", 5).contains("at most")
    );
    assert!(text("[[layer]]\ntype='relu'", 0).contains("input"));
}

#[test]
fn misfits_of_attention_and_strands_say_what_helps() {
    let text = |toml: &str, channels| net(toml).summary(channels, 7, 1).unwrap_err().to_string();
    assert_eq!(
        text("[[layer]]\ntype='self-attention'\nheads=3", 4),
        "layer 1 (self-attention 3): expected channels that are a multiple of its 3 heads, found [4, 7]; \
         give a key_size, or as many filters before it"
    );
    assert_eq!(
        text("[[layer]]\ntype='self-attention'\nheads=4\npositions='rotary'", 4),
        "layer 1 (self-attention 4 rotary): expected an even key size, for rotary positions, found a key size of 1; \
         give a key_size"
    );
    assert!(text("[[layer]]\ntype='attention-pool'\nwidth=8", 4).contains("at least 8, its window, found [4, 7]"));
    assert!(text("[[layer]]\ntype='upsample'\nfactor=9223372036854775807", 4).contains("at most"));
    let huge = "[[layer]]\ntype='self-attention'\nheads=4611686018427387904\nkey_size=4611686018427387904";
    assert!(text(huge, 4).contains("at most"));
    let strands = "[[layer]]\ntype='strands'\n[[layer.layer]]\ntype='relu'\n";
    assert_eq!(
        text(&format!("[[layer]]\ntype='relu'\n{strands}"), 4),
        "layer 2 (strands mean): expected the sequence itself, found [4, 7]; make it the first layer, within no other"
    );
    let within = "[[layer]]\ntype='strands'\n[[layer.layer]]\ntype='strands'\n[[layer.layer.layer]]\ntype='relu'";
    assert!(text(within, 4).starts_with("layer 1.1 (strands mean): expected the sequence itself"));
    assert!(text(strands, 6).contains("4 bases, or 4 and a mark, at each position, found [6, 7]"));
    let tail = "[[layer.layer]]\ntype='max-pool1d'\nwidth=9";
    assert!(text(&format!("{strands}{tail}"), 5).starts_with("layer 1.2 (max-pool1d 9): expected a length"));
}

#[test]
fn new_layers_have_their_shapes_and_counts() {
    let architecture =
        net("[[layer]]\ntype='strands'\ncombine='max'\n[[layer.layer]]\ntype='conv1d'\nfilters=6\nwidth=3\n\
         [[layer]]\ntype='layer-norm'\n[[layer]]\ntype='attention-pool'\nwidth=2\n\
         [[layer]]\ntype='self-attention'\nheads=2\nkey_size=5\npositions='relative'\nclip=4\n\
         [[layer]]\ntype='upsample'\nfactor=3\n[[layer]]\ntype='rms-norm'\n[[layer]]\ntype='softmax'\n\
         [[layer]]\ntype='attention-pool'");
    let summary = architecture.summary(4, 11, 2).unwrap();
    let rows: Vec<_> =
        summary.rows.iter().map(|r| (r.layer.as_str(), r.output, r.parameters, r.receptive_field)).collect();
    let expected = [
        ("strands max", [6, 11], 0, 3),
        ("  1.1 conv1d 6 x 3", [6, 11], 78, 3),
        ("layer-norm", [6, 11], 12, 3),
        ("attention-pool 2", [6, 5], 36, 4),
        ("self-attention 2 x 5 relative 4", [6, 5], 3 * (6 * 10 + 10) + (10 * 6 + 6) + 2 * 9, 11),
        ("upsample 3", [6, 15], 0, 11),
        ("rms-norm", [6, 15], 6, 11),
        ("softmax", [6, 15], 0, 11),
        ("attention-pool", [6, 1], 36, 11),
        ("head dense 2", [2, 1], 14, 11),
    ];
    assert_eq!(rows, expected);
    assert_eq!(summary.receptive_field, 11);
}

#[test]
fn the_smallest_that_fits_fits() {
    let summary = |toml: &str, length| net(toml).summary(4, length, 1).unwrap();
    assert_eq!(summary("[[layer]]\ntype='max-pool1d'\nwidth=8", 8).rows[0].output, [4, 1]);
    let valid = "[[layer]]\ntype='conv1d'\nfilters=2\nwidth=3\ndilation=4\npadding='valid'";
    assert_eq!(summary(valid, 9).rows[0].output, [2, 1]);
    assert_eq!(summary("layer = []", 1).rows[0].parameters, 5);
}

#[test]
fn nested_layers_have_indented_rows_with_their_path() {
    let architecture = net("[[layer]]\ntype='conv1d'\nfilters=8\nwidth=5\n\
         [[layer]]\ntype='residual'\n[[layer.layer]]\ntype='conv1d'\nfilters=8\nwidth=3\ndilation=4\n\
         [[layer.layer]]\ntype='residual'\n[[layer.layer.layer]]\ntype='relu'\n\
         [[layer]]\ntype='concat'\n[[layer.branch]]\n[[layer.branch]]\n[[layer.branch.layer]]\ntype='avg-pool1d'\n\
         width=3\nstride=1\n[[layer.branch.layer]]\ntype='conv1d'\nfilters=2\nwidth=2\n\
         [[layer]]\ntype='lstm'\nunits=3\nbidirectional=true\nlast=true");
    let error = architecture.summary(4, 30, 1).unwrap_err().to_string();
    assert_eq!(
        error,
        "layer 3 (concat 2 branches): expected branches that end in one length, found [8, 30] beside [2, 28]; \
         crop the longer ones, or pool all of them globally"
    );
    let mut architecture = architecture;
    let Layer::Concat { branches } = &mut architecture.layers[2] else { panic!("{architecture:?}") };
    branches[0].push(Layer::Crop { left: 0, right: 2 });
    let summary = architecture.summary(4, 30, 1).unwrap();
    let rows: Vec<_> =
        summary.rows.iter().map(|r| (r.layer.as_str(), r.output, r.parameters, r.receptive_field)).collect();
    let expected = [
        ("conv1d 8 x 5", [8, 30], 168, 5),
        ("residual", [8, 30], 0, 13),
        ("  2.1 conv1d 8 x 3 dilation 4", [8, 30], 200, 13),
        ("  2.2 residual", [8, 30], 0, 13),
        ("    2.2.1 relu", [8, 30], 0, 13),
        // 13 positions from -6 and, beside them, 13 + 2 + 1 from the same start on.
        ("concat 2 branches", [10, 28], 0, 16),
        ("  3.b1.1 crop 0 2", [8, 28], 0, 13),
        ("  3.b2.1 avg-pool1d 3 stride 1", [8, 28], 0, 15),
        ("  3.b2.2 conv1d 2 x 2", [2, 28], 34, 16),
        ("lstm 3 bidirectional last", [6, 1], 2 * (10 + 3 + 1) * 12, 30),
        ("head dense 1", [1, 1], 7, 30),
    ];
    assert_eq!(rows, expected);
    assert_eq!(summary.parameters, 168 + 200 + 34 + 336 + 7);
}

#[test]
fn fields_of_branches_join_where_they_lie() {
    let crops = |left: [usize; 2]| {
        let branch = |left| vec![Layer::Crop { left, right: 10 - left }];
        let concat = Layer::Concat { branches: left.map(branch).to_vec() };
        Architecture::new(vec![concat]).summary(4, 30, 1).unwrap().receptive_field
    };
    assert_eq!([crops([5, 5]), crops([0, 10]), crops([7, 3])], [1, 11, 5]);
    // Every second position beside every one: the last outputs see position 9 and, beside it, 18.
    let pool = |stride| vec![Layer::AvgPool1d { width: 1, stride: Some(stride) }];
    let mut branches = vec![pool(1), pool(2)];
    branches[0].push(Layer::Crop { left: 0, right: 9 });
    let summary = Architecture::new(vec![Layer::Concat { branches }]).summary(4, 19, 1).unwrap();
    assert_eq!(summary.receptive_field, 10);
    // Global pools side by side tell no positions apart: what counts is what they pool.
    let text = "[[layer]]\ntype='conv1d'\nfilters=8\nwidth=5\n[[layer]]\ntype='concat'\n[[layer.branch]]\n\
         [[layer.branch.layer]]\ntype='global-max-pool'\n[[layer.branch]]\n[[layer.branch.layer]]\n\
         type='conv1d'\nfilters=8\nwidth=3\n[[layer.branch.layer]]\ntype='global-avg-pool'";
    let summary = net(text).summary(4, 30, 1).unwrap();
    assert_eq!((summary.receptive_field, summary.rows[1].receptive_field), (7, 30));
}

#[test]
fn misfits_within_layers_name_the_path() {
    let text = |toml: &str, length| net(toml).summary(4, length, 1).unwrap_err().to_string();
    let residual =
        "[[layer]]\ntype='relu'\n[[layer]]\ntype='residual'\n[[layer.layer]]\ntype='relu'\n[[layer.layer]]\n";
    assert!(
        text(&format!("{residual}type='max-pool1d'\nwidth=8"), 7).starts_with("layer 2.2 (max-pool1d 8): expected")
    );
    let found = text(&format!("{residual}type='conv1d'\nfilters=6\nwidth=3"), 7);
    assert!(
        found.starts_with("layer 2 (residual): expected layers that keep the shape [4, 7], found [6, 7]; "),
        "{found}"
    );
    let branch = "[[layer]]\ntype='concat'\n[[layer.branch]]\n[[layer.branch]]\n[[layer.branch.layer]]\n";
    assert!(
        text(&format!("{branch}type='dense'\nunits=8"), 7).starts_with("layer 1.b2.1 (dense 8): expected a vector")
    );
    assert_eq!(
        text("[[layer]]\ntype='crop'\nleft=3\nright=4", 7),
        "layer 1 (crop 3 4): expected a length of at least 8, so that a position is left, found [4, 7]"
    );
    assert!(text("[[layer]]\ntype='lstm'\nunits=4611686018427387904", 5).contains("at most"));
    assert!(text("[[layer]]\ntype='gru'\nunits=4611686018427387904\nlast=true", 5).contains("at most"));
    assert!(text("[[layer]]\ntype='crop'\nleft=9223372036854775807\nright=9223372036854775807", 5).contains("length"));
    // Doubling the channels again and again.
    let double = Layer::Concat { branches: vec![Vec::new(); 2] };
    let error = Architecture::new(vec![double; 300]).summary(4, 100, 1).unwrap_err();
    assert_eq!(error.path, "23");
}

#[test]
fn the_presets_have_their_papers_sizes() {
    let summary = |name: &str, outputs| Architecture::preset(name).unwrap().summary(4, 1000, outputs).unwrap();
    // DanQ, 919 outputs: filters, both directions of the LSTM with one bias, dense layers.
    let lstm = 2 * (320 + 320 + 1) * 4 * 320;
    let dense = 75 * 640 * 925 + 925 + 925 * 919 + 919;
    let danq = summary("danq", 919);
    assert_eq!(danq.parameters, 320 * 4 * 26 + 320 + lstm + dense);
    assert_eq!(danq.rows[3].output, [640, 75]);
    let dilated = summary("dilated", 1);
    assert_eq!(dilated.parameters, 64 * 4 * 21 + 64 + 8 * (64 * 64 * 3 + 64) + 65);
    let wide = Architecture::preset("dilated").unwrap().summary(4, 3000, 1).unwrap();
    // 21 - 1 for the first layer, then twice the dilations 2 to 256.
    assert_eq!(wide.receptive_field, 1 + 20 + 2 * 510);
}
