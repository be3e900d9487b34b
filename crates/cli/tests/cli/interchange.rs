//! Weights from PyTorch (tests/golden/torch_import/make.py) and to other programs.

use crate::support::{Folder, Ran, small_table};
use std::path::Path;

fn golden(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/torch_import").join(name).display().to_string()
}

/// Imports golden weights into `run` of a folder.
fn import(folder: &Folder, weights: &str, network: &str, more: &str) -> Ran {
    let (weights, network) = (golden(weights), golden(network));
    folder.run(&format!("model import {weights} --model {network}.toml --length 20 -o run {more}"))
}

/// The figure after "largest difference".
fn difference(ran: &Ran) -> f64 {
    let (_, rest) = ran.stderr.split_once("largest difference ").unwrap_or_else(|| panic!("{}", ran.stderr));
    rest.split([',', '\n']).next().unwrap().trim().parse().unwrap()
}

const THREE: &str = "--task a --task b:classes=x,y";

#[test]
fn golden_networks_give_the_outputs_of_pytorch() {
    for (weights, network, tasks) in [
        ("conv.pt", "conv", THREE),
        ("conv.safetensors", "conv", THREE),
        ("checkpoint.pt", "conv", THREE),
        ("deflated.pt", "conv", THREE),
        ("lstm.pt", "lstm", "--task a:regression"),
        ("gru.pt", "gru", "--task a --task b"),
        ("encoder.pt", "encoder", "--task a --task b:counts"),
    ] {
        let folder = Folder::new();
        let vectors = golden(&format!("{network}.npz"));
        let ran = import(&folder, weights, network, &format!("{tasks} --test-vectors {vectors}")).ok();
        assert!(difference(&ran) < 1e-5, "{weights}: {}", ran.stderr);
        assert!(folder.path("run/run.json").is_file());
    }
}

/// A network with covariates leaves and comes back with the standardization of its data set.
#[test]
fn a_data_set_says_what_a_network_is_for() {
    let folder = Folder::new();
    let mut table = "id\tsplit\tlabel\tcount\tsequence\tdistance\tgc\n".to_owned();
    for i in 0..60 {
        let split = ["train", "valid", "test"][i % 3];
        let letters: String = (0..20).map(|j| ['A', 'C', 'G', 'T'][(i * 7 + j * j * (i % 11 + 3)) / 3 % 4]).collect();
        let distance = if i == 7 { "NA".to_owned() } else { (37 * i).to_string() };
        table += &format!("r{i}\t{split}\t{}\t{}\t{letters}\t{distance}\t0.{}\n", i % 2, i % 4, i % 10);
    }
    folder.write("t.tsv", table);
    let columns = "--label-columns label --counts count --covariates distance:log,gc";
    folder.run(&format!("dataset sequences t.tsv {columns} -o data")).ok();
    folder.run("train data --model cnn-global --epochs 1 -o run").ok();
    folder.run("model export run -o w.safetensors").ok();
    let told = folder.run("model export run -o m.onnx").ok().stderr;
    assert!(told.contains("sequence [batch, 4, 20] and covariates [batch, 2] to scores [batch, 2]"), "{told}");
    let import = "model import w.safetensors --model cnn-global";
    folder.run(&format!("{import} --dataset data -o back")).ok();
    let scores = |run: &str| folder.run(&format!("predict {run} data --raw -o -")).ok().stdout;
    assert_eq!(scores("run"), scores("back"));
    // Its covariates are more inputs of the dense layer than a network without them has.
    folder
        .run(&format!("{import} --length 20 --task label --task count:counts -o x"))
        .fails_saying(&["of the network: layer5 (dense 32): weight [32, 64]", "--dataset"]);
    folder.run(&format!("{import} --length 20 -o x")).fails_saying(&["--task"]);
    folder.run(&format!("{import} --dataset data --length 20 -o x")).fails_saying(&["--length"]);
    let vectors = golden("gru.npz");
    folder
        .run(&format!("{import} --dataset data --test-vectors {vectors} -o x"))
        .fails_saying(&["expected an array \"covariates\""]);
}

#[test]
fn vectors_that_differ_are_an_answer_and_nothing_is_written() {
    let folder = Folder::new();
    let vectors = golden("conv.npz");
    let ran = import(&folder, "conv.pt", "conv", &format!("{THREE} --channel-order TGCA --test-vectors {vectors}"));
    // With x in that order too, the network is the same as before.
    assert!(difference(&ran.ok()) < 1e-5);
    let folder = Folder::new();
    let text = std::fs::read_to_string(golden("conv.toml")).unwrap().replace("gelu", "relu");
    folder.write("other.toml", text);
    let weights = golden("conv.pt");
    let line = format!("model import {weights} --model other.toml --length 20 {THREE} --test-vectors {vectors} -o run");
    let ran = folder.run(&line);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(difference(&ran) > 1e-4 && ran.stderr.contains("nothing was written"), "{}", ran.stderr);
    assert!(!folder.path("run").exists());
    folder.run(&format!("{line} --tolerance 10")).ok();
}

#[test]
fn an_imported_model_works_where_a_trained_one_does() {
    let folder = Folder::new();
    folder.write("table.tsv", small_table());
    folder.run("dataset sequences table.tsv --length 20 -o data").ok();
    folder.write("pwm.toml", "[[layer]]\ntype = 'conv1d'\nfilters = 4\nwidth = 5\n[[layer]]\ntype = 'relu'\n[[layer]]\ntype = 'global-max-pool'\n");
    folder.run("train data --model pwm.toml --epochs 1 -o trained").ok();
    folder.run("model export trained -o weights.safetensors").ok();
    folder.run("model import weights.safetensors --model pwm.toml --length 20 --task label -o run").ok();
    let scores = |run: &str| folder.run(&format!("predict {run} data --raw -o -")).ok().stdout;
    assert_eq!(scores("run"), scores("trained"));
    folder.run("evaluate run data --no-baselines").ok();
    folder.run("explain run data --limit 2 --logos 0 -o explained").ok();
    folder.run("motifs filters run data --no-logos -o filters").ok();
    folder.run("model show run").ok();
    folder.run("evaluate run").fails_saying(&["comes without a data set", "name one after the run"]);
    folder.run("report run").fails_saying(&["found an imported model"]);
    let again = "model import weights.safetensors --model pwm.toml --length 20 --task label -o run";
    folder.run(again).fails_saying(&["a run is there already", "--overwrite"]);
    folder.run(&format!("{again} --overwrite")).ok();
    folder.write("run/notes.txt", "mine");
    folder.run(&format!("{again} --overwrite")).fails_saying(&["found run/notes.txt"]);
}

#[test]
fn what_cannot_be_imported_says_why() {
    let folder = Folder::new();
    import(&folder, "module.pt", "conv", THREE).fails_saying(&["torch.nn.modules.linear.Linear", "model.state_dict()"]);
    import(&folder, "legacy.pt", "conv", THREE).fails_saying(&["older form", "torch.load"]);
    import(&folder, "types.pt", "conv", THREE).fails_saying(&["whole numbers", "\"whole\""]);
    import(&folder, "conv.pt", "lstm", THREE).fails_saying(&["of the network: layer3 (lstm 3 bidirectional)", "--map"]);
    import(&folder, "conv.pt", "conv", "--task a").fails_saying(&["of the network: head (dense 1): weight [1, 8]"]);
    import(&folder, "conv.pt", "conv", "--task a --task a").fails_saying(&["\"a\" again"]);
    import(&folder, "conv.pt", "conv", "--task a:x").fails_saying(&["binary, regression, counts, classes"]);
    import(&folder, "conv.pt", "conv", "--task a --channel-order ACGX").fails_saying(&["ACGX"]);
    folder.write("map.toml", "layer1 = 3");
    import(&folder, "conv.pt", "conv", &format!("{THREE} --map map.toml")).fails_saying(&["map.toml", "expected text"]);
    let vectors = golden("gru.npz");
    import(&folder, "conv.pt", "conv", &format!("{THREE} --test-vectors {vectors}")).fails_saying(&["expected [6, 3]"]);
    assert!(!folder.path("run").exists());
}

#[test]
fn exports_are_named_by_their_ending() {
    let folder = Folder::new();
    import(&folder, "gru.pt", "gru", "--task a --task b").ok();
    folder.run("model export run -o a.onnx").ok();
    folder.run("model export run/model.safetensors -o b.pt.safetensors").ok();
    folder.run("model export run -o c.bin --format onnx").ok();
    assert_eq!(std::fs::read(folder.path("a.onnx")).unwrap(), std::fs::read(folder.path("c.bin")).unwrap());
    folder.run("model export run -o d.pb").fails_saying(&[".onnx or .safetensors", "--format"]);
    folder.run("model export run -o run/model.safetensors").fails_saying(&["another output than the input"]);
    folder.run("model export b.pt.safetensors -o e.onnx").fails_saying(&["no entry \"basewise\""]);
}

/// Imports golden weights of Keras (tests/golden/keras_import/make.py).
fn import_keras(folder: &Folder, weights: &str, network: &str, length: usize, more: &str) -> Ran {
    let (weights, network) = (keras(weights), keras(&format!("{network}.toml")));
    folder.run(&format!("model import {weights} --model {network} --length {length} -o run {more}"))
}

fn keras(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/keras_import").join(name).display().to_string()
}

#[test]
fn golden_networks_give_the_outputs_of_keras() {
    const PROFILE: &str = "--task a:profile=28";
    for (weights, network, vectors, length, tasks) in [
        ("conv.h5", "conv", "conv", 20, THREE),
        ("conv_model.h5", "conv", "conv", 20, THREE),
        ("conv_3.weights.h5", "conv", "conv_3", 20, THREE),
        ("conv_3_model.h5", "conv", "conv_3", 20, THREE),
        ("lstm.h5", "lstm", "lstm", 20, "--task a:regression"),
        ("gru.h5", "gru", "gru", 20, "--task a --task b"),
        ("gru_3.weights.h5", "gru", "gru_3", 20, "--task a --task b"),
        ("gru_3_model.h5", "gru", "gru_3", 20, "--task a --task b"),
        ("chrombpnet.h5", "chrombpnet", "chrombpnet", 70, PROFILE),
        ("chrombpnet_model.h5", "chrombpnet", "chrombpnet", 70, PROFILE),
    ] {
        let folder = Folder::new();
        let vectors = keras(&format!("{vectors}.npz"));
        let more = format!("{tasks} --test-vectors {vectors} --tolerance 1e-5");
        let ran = import_keras(&folder, weights, network, length, &more).ok();
        assert!(difference(&ran) < 1e-5, "{weights}: {}", ran.stderr);
        assert!(folder.path("run/run.json").is_file());
    }
}

#[test]
fn layers_of_keras_are_named_by_their_paths() {
    let folder = Folder::new();
    let ran = import_keras(&folder, "chrombpnet.h5", "chrombpnet", 70, "--task a:profile=28").ok();
    for pair in [
        "layer3.1 (conv1d 4 x 3 dilation 2) = wo_bias_bpnet_1conv",
        "head.profile (conv1d 1 x 5 valid) = wo_bias_bpnet_prof_out_precrop",
        "head.counts (dense 1) = wo_bias_bpnet_logcount_predictions",
    ] {
        assert!(ran.stderr.contains(pair), "{pair}: {}", ran.stderr);
    }
    // Two blocks in each other's places: the map is followed, and the vectors see it.
    folder.write("map.toml", "'layer3.1' = 'wo_bias_bpnet_2conv'\n'layer4.1' = 'wo_bias_bpnet_1conv'");
    let vectors = keras("chrombpnet.npz");
    let more = format!("--task a:profile=28 --map map.toml --overwrite --test-vectors {vectors}");
    let ran = import_keras(&folder, "chrombpnet.h5", "chrombpnet", 70, &more);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("layer4.1 (conv1d 4 x 3 dilation 4) = wo_bias_bpnet_1conv"), "{}", ran.stderr);
}

#[test]
fn weights_of_keras_that_cannot_be_had_say_why() {
    let folder = Folder::new();
    let run = |weights: &str| import_keras(&folder, weights, "gru", 20, "--task a --task b");
    run("reset_before.h5").fails_saying(&["layer \"gru_1\"", "reset_after=True"]);
    run("conv.h5").fails_saying(&["of the network: layer1 (gru 4 bidirectional last)", "of the file: conv1d: weight"]);
    let whole = std::fs::read(keras("gru.h5")).unwrap();
    folder.write("short.h5", &whole[..whole.len() / 2]);
    folder
        .run(&format!("model import short.h5 --model {} --length 20 --task a -o run", keras("gru.toml")))
        .fails_saying(&["short.h5", "expected a whole HDF5 file"]);
    assert!(!folder.path("run").exists());
}
