use super::super::{Criterion, Examples, TreeOptions};
use super::*;
use crate::Features;

/// `gc` decides, then `k-mer`; where `gc` is missing, the answer is that of small ones.
fn model() -> TreeEnsemble {
    let nan = f32::NAN;
    let values = vec![0.2, 0.0, 0.3, 1.0, 0.6, 0.0, 0.7, 0.0, 0.65, 3.0, nan, 0.0, 0.25, 2.0, nan, 1.0];
    let features = Features::dense(vec!["gc".into(), "k-mer <\"AC&G\">".into()], 8, values).unwrap();
    let labels = [0.0, 0.0, 1.0, 1.0, 2.0, 0.0, 0.0, 0.0];
    let examples = Examples { features: &features, labels: &labels, weights: None };
    TreeOptions::new(Criterion::Gini { classes: 3 }).fit(&examples).unwrap()
}

#[test]
fn text_has_a_line_a_node() {
    let options =
        DrawOptions { missing: true, classes: ["none", "weak", "strong"].map(String::from).to_vec(), max_depth: None };
    let expected = "\
gc ≤ 0.45 or missing?
├─ yes: none: 1  (n = 5)
└─ no:  k-mer <\"AC&G\"> ≤ 1.5 or missing?
        ├─ yes: weak: 1  (n = 2)
        └─ no:  strong: 1  (n = 1)
";
    assert_eq!(model().draw_text(0, &options), expected);
    let short = DrawOptions { max_depth: Some(1), ..DrawOptions::default() };
    let text = model().draw_text(0, &short);
    assert!(text.starts_with("gc ≤ 0.45?\n"), "{text}");
    assert!(text.contains("└─ no:  class 1: 0.667  (n = 3, 2 leaves)"), "{text}");
    assert_eq!(model().draw_text(1, &options), "");
}

#[test]
fn svg_escapes_names_and_keeps_boxes_apart() {
    let svg = model().draw_svg(0, &DrawOptions::default());
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert!(svg.contains("k-mer &lt;&quot;AC&amp;G&quot;&gt;") && !svg.contains("<\"AC"));
    assert_eq!((svg.matches("<g>").count(), svg.matches("<path").count()), (5, 4));
    let number = |line: &str, name: &str| -> f64 {
        line.split_once(&format!(" {name}=\"")).unwrap().1.split('"').next().unwrap().parse().unwrap()
    };
    let boxes: Vec<[f64; 3]> = svg
        .split("<rect ")
        .skip(2)
        .map(|part| format!(" {part}"))
        .map(|part| [number(&part, "x"), number(&part, "y"), number(&part, "width")])
        .collect();
    for (place, one) in boxes.iter().enumerate() {
        assert!(one[0] >= 0.0 && one[0] + one[2] <= number(&svg, "width"));
        for other in boxes[place + 1..].iter().filter(|other| other[1] == one[1]) {
            assert!(one[0] + one[2] <= other[0] || other[0] + other[2] <= one[0], "{boxes:?}");
        }
    }
}

#[test]
fn numbers_have_three_digits() {
    let cases = [
        (0.0, "0"),
        (0.5, "0.5"),
        (-12.345, "-12.3"),
        (0.001234, "0.00123"),
        (123456.0, "1.23e5"),
        (1234.0, "1234"),
        (12345.6, "12346"),
        (1.5e-7, "1.50e-7"),
    ];
    for (value, text) in cases {
        assert_eq!(number(value), text);
    }
}
