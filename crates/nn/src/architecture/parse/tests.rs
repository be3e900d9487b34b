//! Every type and key, and what a wrong file is told.

use super::*;

fn error(text: &str) -> String {
    Architecture::from_toml(text, "net.toml").unwrap_err().to_string()
}

#[test]
fn an_unknown_layer_is_named_with_the_nearest() {
    let text = error("[[layer]]\ntype = 'relu'\n[[layer]]\ntype = 'conv'\nwidth = 3");
    assert!(text.starts_with("net.toml: layer 2: unknown type \"conv\"; did you mean \"conv1d\"?"), "{text}");
}

#[test]
fn an_unknown_key_is_named_with_the_nearest() {
    let text = error("[[layer]]\ntype = 'conv1d'\nfilter = 3\nwidth = 3");
    assert!(
        text.starts_with("net.toml: layer 1 (conv1d): unknown key \"filter\"; did you mean \"filters\"?"),
        "{text}"
    );
    let text = error("[[layer]]\ntype = 'relu'\nslope = 3");
    assert!(text.contains("valid keys are only type"), "{text}");
    assert!(error("[[layers]]\ntype = 'relu'").contains("did you mean \"layer\"?"));
}

#[test]
fn an_unknown_padding_is_named_with_the_nearest() {
    assert_eq!(
        error("[[layer]]\ntype = 'conv1d'\nfilters = 3\nwidth = 3\npadding = 'sme'"),
        "net.toml: layer 1 (conv1d): padding: unknown value \"sme\"; did you mean \"same\"?; \
         valid values are same, valid"
    );
}

#[test]
fn words_of_attention_and_strands_are_checked() {
    let text = error("[[layer]]\ntype = 'self-attention'\nheads = 2\npositions = 'rotari'");
    assert!(text.contains("positions: unknown value \"rotari\"; did you mean \"rotary\"?"), "{text}");
    let text = error("[[layer]]\ntype = 'self-attention'\nheads = 2\nclip = 3");
    assert!(text.ends_with("(self-attention): clip: expected only with positions = \"relative\""), "{text}");
    assert!(error("[[layer]]\ntype = 'self-attention'\nheads = 0").contains("heads: expected 1 or more, found 0"));
    assert!(error("[[layer]]\ntype = 'self-attention'").contains("heads"));
    assert!(error("[[layer]]\ntype = 'upsample'\nfactor = 0").contains("factor: expected 1 or more"));
    assert!(error("[[layer]]\ntype = 'attention-pool'\nwidth = 0").contains("width: expected 1 or more"));
    let strands = "[[layer]]\ntype = 'strands'\n[[layer.layer]]\ntype = 'relu'\n[[layer]]\ntype = 'strands'\n";
    assert!(error(strands).contains("layer 2 (strands): layer: expected at least one [[layer.layer]] table"));
    let text = error("[[layer]]\ntype = 'strands'\ncombine = 'men'\n[[layer.layer]]\ntype = 'relu'");
    assert!(text.contains("combine: unknown value \"men\"; did you mean \"mean\"?"), "{text}");
    let text = error("[[layer]]\ntype = 'strands'\ncombine = 3\n[[layer.layer]]\ntype = 'relu'");
    assert!(text.contains("layer 1 (strands): combine: "), "{text}");
    let text = error("[[layer]]\ntype = 'strands'\n[[layer.layer]]\ntype = 'dense'\nunits = 0");
    assert!(text.contains("layer 1.1 (dense): units: expected 1 or more"), "{text}");
}

#[test]
fn values_out_of_range_are_refused() {
    assert!(error("[[layer]]\ntype = 'conv1d'\nfilters = 0\nwidth = 3").contains("filters: expected 1 or more"));
    assert!(error("[[layer]]\ntype = 'conv1d'\nfilters = -1\nwidth = 3").contains("layer 1 (conv1d)"));
    assert!(error("[[layer]]\ntype = 'conv1d'\nfilters = 1").contains("width"));
    assert!(error("[[layer]]\ntype = 'dropout'\nrate = 1.0").contains("below 1, found 1"));
    assert!(error("[[layer]]\ntype = 'dropout'\nrate = nan").contains("below 1, found NaN"));
    assert!(error("[[layer]]\ntype = 'conv1d'\nfilters = 1\nwidth = 2\npadding = 'full'").contains("full"));
    assert!(error("[[layer]]\nwidth = 3").contains("expected a type"));
    assert!(error("layer = 3").contains("found integer"));
    assert!(error("").contains("at least one [[layer]]"));
    assert!(error("format_version = 2\n[[layer]]\ntype = 'relu'").contains("found 2"));
    assert!(error("[[layer").contains("expected TOML"));
}

#[test]
fn every_type_has_its_keys_and_survives_a_round_trip() {
    for (name, keys) in TYPES {
        let mut text = format!("[[layer]]\ntype = '{name}'\n");
        for key in *keys {
            let value = match *key {
                "padding" => "'valid'".to_owned(),
                "positions" => "'relative'".to_owned(),
                "combine" => "'max'".to_owned(),
                "form" => "'log-bins'".to_owned(),
                "rate" => "0.5".to_owned(),
                "channels" | "bidirectional" | "last" => "true".to_owned(),
                "layer" => "[{ type = 'relu' }, { type = 'crop', left = 3 }]".to_owned(),
                "branch" => "[{}, { layer = [{ type = 'relu' }] }]".to_owned(),
                _ => "2".to_owned(),
            };
            text += &format!("{key} = {value}\n");
        }
        let architecture = Architecture::from_toml(&text, "t").unwrap();
        assert_eq!(architecture.layers[0].type_name(), *name);
        let back = Architecture::from_toml(&architecture.to_toml().unwrap(), "t").unwrap();
        assert_eq!(architecture, back);
    }
}

#[test]
fn presets_are_listed_and_readable() {
    for (name, _) in Architecture::presets() {
        let preset = Architecture::preset(name).unwrap();
        assert_eq!(Architecture::from_toml(&preset.to_toml().unwrap(), "t").unwrap(), preset);
    }
    assert!(Architecture::preset("cn").unwrap_err().to_string().contains("did you mean \"cnn\"?"));
}

/// A residual layer around `inner`, and a concatenation of an empty branch and `inner` after it.
const NESTED: &str = "
[[layer]]
type = 'conv1d'
filters = 8
width = 5
[[layer]]
type = 'residual'
[[layer.layer]]
type = 'conv1d'
filters = 8
width = 3
dilation = 2
[[layer.layer]]
type = 'relu'
[[layer]]
type = 'concat'
[[layer.branch]]
[[layer.branch.layer]]
type = 'global-max-pool'
[[layer.branch]]
[[layer.branch.layer]]
type = 'residual'
[[layer.branch.layer.layer]]
type = 'tanh'
[[layer.branch.layer]]
type = 'global-avg-pool'
[[layer.branch]]
[[layer.branch.layer]]
type = 'gru'
units = 3
last = true
";

#[test]
fn nested_tables_are_read_and_survive_toml_and_json() {
    let architecture = Architecture::from_toml(NESTED, "t").unwrap();
    let Layer::Residual { layers } = &architecture.layers[1] else { panic!("{architecture:?}") };
    assert_eq!(layers[1], Layer::Relu);
    let Layer::Concat { branches } = &architecture.layers[2] else { panic!("{architecture:?}") };
    assert_eq!(branches.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2, 1]);
    assert_eq!(branches[1][0], Layer::Residual { layers: vec![Layer::Tanh] });
    assert_eq!(branches[2][0], Layer::Gru { units: 3, bidirectional: false, last: true });
    let text = architecture.to_toml().unwrap();
    assert!(text.contains("[[layer.branch.layer.layer]]"), "{text}");
    assert_eq!(Architecture::from_toml(&text, "t").unwrap(), architecture);
    let json = serde_json::to_string(&architecture).unwrap();
    assert_eq!(serde_json::from_str::<Architecture>(&json).unwrap(), architecture);
    assert!(architecture.check("t").is_ok());
}

#[test]
fn errors_in_nested_layers_have_the_path() {
    let residual = |inner: &str| error(&format!("[[layer]]\ntype='relu'\n[[layer]]\ntype='residual'\n{inner}"));
    let text = residual("[[layer.layer]]\ntype='relu'\n[[layer.layer]]\ntype='tan'");
    assert!(text.starts_with("net.toml: layer 2.2: unknown type \"tan\"; did you mean \"tanh\"?"), "{text}");
    let text = residual("[[layer.layer]]\ntype='crop'\nlef=1");
    assert_eq!(
        text,
        "net.toml: layer 2.1 (crop): unknown key \"lef\"; did you mean \"left\"?; valid keys are left, right"
    );
    assert_eq!(residual(""), "net.toml: layer 2 (residual): layer: expected at least one [[layer.layer]] table");
    assert_eq!(residual("layer=[]"), residual(""));
    assert_eq!(residual("layer=3"), "net.toml: layer 2: layer: expected [[layer]] tables, found integer");
    assert!(residual("layers=[]").contains("layer 2 (residual): unknown key \"layers\"; did you mean \"layer\"?"));
    assert!(residual("layer=[3]").contains("layer 2.1 (?): expected a [[layer]] table, found integer"));

    let concat = |inner: &str| error(&format!("[[layer]]\ntype='concat'\n{inner}"));
    assert_eq!(concat(""), "net.toml: layer 1 (concat): branch: expected at least one [[layer.branch]] table");
    assert_eq!(concat("branch=[]"), concat(""));
    assert!(concat("branch='a'").contains("branch: expected [[layer.branch]] tables, found string"));
    assert!(concat("branch=[{}, 4]").contains("branch 2: expected a [[layer.branch]] table, found integer"));
    assert!(concat("branch=[{layr=[]}]").contains("branch 1: unknown key \"layr\"; did you mean \"layer\"?"));
    let text = concat("[[layer.branch]]\n[[layer.branch]]\n[[layer.branch.layer]]\ntype='lstm'\nunits=0");
    assert_eq!(text, "net.toml: layer 1.b2.1 (lstm): units: expected 1 or more, found 0");
}

/// `depth` residual layers, each in the one before, around a rectifier.
fn nest(depth: usize) -> Vec<Layer> {
    (0..depth).fold(vec![Layer::Relu], |layers, _| vec![Layer::Residual { layers }])
}

#[test]
fn nesting_is_bounded() {
    let written = |depth| Architecture::new(nest(depth)).to_toml().unwrap();
    assert!(Architecture::from_toml(&written(8), "t").is_ok());
    let text = error(&written(9));
    let path = ["1"; 9].join(".");
    assert_eq!(
        text,
        format!("net.toml: layer {path} (residual): expected at most 8 layers around a layer, found more")
    );
    // The same for a description that did not come from TOML.
    assert!(Architecture::new(nest(8)).check("t").is_ok());
    assert_eq!(Architecture::new(nest(9)).check("net.toml").unwrap_err().to_string(), text);

    // Depth far beyond, as headers and as inline tables, ends in an error and not with the stack.
    for depth in [100, 100_000] {
        let header = format!("[[layer{}]]\ntype = 'relu'", ".layer".repeat(depth));
        assert!(Architecture::from_toml(&header, "t").is_err());
        let inline = format!("layer = {}1{}", "[{layer = ".repeat(depth), "}]".repeat(depth));
        assert!(Architecture::from_toml(&inline, "t").is_err());
        let mut json = "{\"type\":\"residual\",\"layer\":[".repeat(depth);
        json += &"]}".repeat(depth);
        assert!(serde_json::from_str::<Layer>(&json).is_err());
    }
}

#[test]
fn the_number_of_layers_is_bounded_over_the_whole_tree() {
    let text = |layers: Vec<Layer>| Architecture::new(layers).check("t").map_err(|error| error.to_string());
    assert_eq!(text(vec![Layer::Relu; 1000]), Ok(()));
    assert_eq!(text(vec![Layer::Relu; 1001]), Err("t: expected at most 1000 layers, found 1001".into()));
    let residual = |n| vec![Layer::Residual { layers: vec![Layer::Relu; n] }];
    assert_eq!(text(residual(998)), Ok(()));
    assert_eq!(text(residual(999)), Err("t: expected at most 1000 layers, found 1001".into()));
    // Branches count even if they are empty.
    assert!(text(vec![Layer::Concat { branches: vec![Vec::new(); 1000] }]).is_err());
    let toml = Architecture::new(vec![Layer::Concat { branches: vec![Vec::new(); 1000] }]).to_toml().unwrap();
    assert!(error(&toml).contains("at most 1000 layers"));
    let toml = Architecture::new(residual(999)).to_toml().unwrap();
    assert!(error(&toml).contains("at most 1000 layers"));
}
