//! `explain --parquet` beside the arrays of the same run.

use crate::support::{Folder, parquet_rows, small_table};
use basewise_io::arrays::{ArrayValues, read_npz};

const NETWORK: &str =
    "[[layer]]\ntype = 'conv1d'\nfilters = 4\nwidth = 9\n\n[[layer]]\ntype = 'relu'\n\n[[layer]]\ntype = 'flatten'\n";

/// Checks every row of `contributions.parquet` against `attributions.npz`.
fn rows_are_those_of_the_arrays(folder: &Folder, method: &str) {
    let dir = folder.path(method);
    let arrays = read_npz(&dir.join("attributions.npz")).unwrap();
    let (values, one_hot) = (arrays["attributions"].as_f32().unwrap(), arrays["one_hot"].as_f32().unwrap());
    let ArrayValues::Text(ids) = &arrays["ids"].values else { panic!("ids are text") };
    let length = values.len() / 4 / ids.len();
    let rows = parquet_rows(&dir.join("contributions.parquet"));
    assert_eq!((rows.len(), ids.len(), length), (ids.len() * length, 7, 40));
    let mut unknown = 0;
    for (at, row) in rows.iter().enumerate() {
        let (example, position) = (at / length, at % length);
        assert_eq!((&row["id"], &row["position"]), (&ids[example], &position.to_string()));
        assert_eq!((row["output"].as_str(), row["chrom"].as_str(), row["start"].as_str()), ("label", "null", "null"));
        let cell = |base: usize| (example * 4 + base) * length + position;
        let base = (0..4).find(|&base| one_hot[cell(base)] == 1.0);
        assert_eq!(row["base"], base.map_or("N", |base| ["A", "C", "G", "T"][base]));
        let expected = match (base, method) {
            (None, _) => 0.0,
            (Some(_), "ism") => -(0..4).map(|base| f64::from(values[cell(base)])).sum::<f64>() / 3.0,
            (Some(base), _) => f64::from(values[cell(base)]),
        };
        assert_eq!(row["contribution"].parse::<f32>().unwrap(), expected as f32, "{method} {row:?}");
        unknown += usize::from(base.is_none());
    }
    assert_eq!(unknown, 2 * 7);
    assert!(rows.iter().any(|row| row["contribution"] != "0"));
}

#[test]
fn rows_are_what_the_arrays_say_by_every_method() {
    let folder = Folder::new();
    // The first and the last base of each sequence are unknown.
    let unknown = |line: &str| {
        let mut cells: Vec<String> = line.split('\t').map(str::to_owned).collect();
        if cells[1].len() == 40 {
            cells[1] = format!("N{}N", &cells[1][1..39]);
        }
        cells.join("\t") + "\n"
    };
    folder.write("t.tsv", small_table().lines().map(unknown).collect::<String>()).write("small.toml", NETWORK);
    folder.run("dataset sequences t.tsv -o data").ok();
    folder.run("train data --model small.toml --epochs 2 -o run").ok();
    for method in ["ism", "saliency", "input-x-gradient", "deeplift --references 2"] {
        let name = method.split(' ').next().unwrap();
        folder.run(&format!("explain run --method {method} --limit 7 --logos 0 --parquet -o {name}")).ok();
        rows_are_those_of_the_arrays(&folder, name);
    }
    // Without the flag, what an earlier run left goes.
    folder.run("explain run --limit 1 --logos 0 -o ism").ok();
    assert!(!folder.path("ism/contributions.parquet").exists());
    folder.run("train data --model logistic -o words").ok();
    folder.run("explain words --method shap --parquet").fails_saying(&["--method shap has no use for --parquet"]);
}
