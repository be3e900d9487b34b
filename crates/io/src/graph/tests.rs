//! Tables of edges and features, whole and wrong.

use super::*;
use crate::arrays::{Array, write_npz};
use std::path::PathBuf;

struct Folder(tempfile::TempDir);

impl Folder {
    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.path().join(name);
        crate::output::write_file(&path, |sink| sink.write_all(content.as_bytes())).unwrap();
        path
    }
}

fn folder() -> Folder {
    Folder(tempfile::tempdir().unwrap())
}

#[test]
fn edges_have_ends_weights_and_kinds() {
    let folder = folder();
    let path = folder.file("e.tsv", "source\ttarget\tweight\ttype\na\tb\t2\tbinds\nb\t c\t0.5\tcuts\n");
    let edges = read_edges(&path, &EdgeColumns::default()).unwrap();
    let want = |a: &str, b: &str, weight, kind: &str, line| NamedEdge {
        ends: [a.to_owned(), b.to_owned()],
        weight,
        kind: kind.to_owned(),
        line,
    };
    assert_eq!(edges, [want("a", "b", 2.0, "binds", 2), want("b", "c", 0.5, "cuts", 3)]);
    let path = folder.file("s.tsv", "protein1\tprotein2\tscore\na\tb\t900\n");
    let columns = EdgeColumns {
        ends: ["protein1".to_owned(), "protein2".to_owned()],
        weight: Some("score".to_owned()),
        kind: None,
    };
    assert_eq!(read_edges(&path, &columns).unwrap(), [want("a", "b", 900.0, "", 2)]);
}

#[test]
fn wrong_edges_name_their_line() {
    let folder = folder();
    for (content, says) in [
        ("0\t633\n0\t1862\n", "expected a column \"source\""),
        ("source\ttarget\na\t\n", "line 2: expected the name of a node in column \"target\""),
        ("source\ttarget\tweight\na\tb\t1\na\tc\t0\n", "line 3: expected a weight above 0, found \"0\""),
        ("source\ttarget\tweight\na\tb\tNaN\n", "expected a weight above 0"),
        ("source\ttarget\ttype\na\tb\t\n", "line 2: expected a type of edge"),
        ("source\ttarget\n", "expected rows"),
    ] {
        let error = read_edges(&folder.file("e.tsv", content), &EdgeColumns::default()).unwrap_err();
        assert!(error.to_string().contains(says), "{error} instead of {says}");
    }
}

#[test]
fn words_come_once_for_each_node() {
    let folder = folder();
    let path = folder.file("l.tsv", "gene\tlabel\na\tkinase\nb\t\nc\tother\n");
    let words = read_words(&path, "label").unwrap();
    assert_eq!(words.len(), 2);
    assert_eq!(words["c"], ("other".to_owned(), 4));
    let error = read_words(&folder.file("l.tsv", "gene\tlabel\na\tx\na\tx\n"), "label").unwrap_err();
    assert!(error.to_string().contains("line 3"), "{error}");
    assert!(read_words(&path, "split").is_err());
}

#[test]
fn features_come_from_text_and_archives_alike() {
    let folder = folder();
    let text = folder.file("f.tsv", "node\tgc\tlabel\tlength\na\t0.5\tx\t0\nb\t0\ty\t3\n");
    let read = read_features(&text).unwrap();
    assert_eq!(
        (read.nodes.as_slice(), read.names.as_slice()),
        (&["a".into(), "b".into()][..], &["gc".into(), "length".into()][..])
    );
    assert_eq!((read.values.starts.as_slice(), read.values.values.as_slice()), (&[0, 1, 2][..], &[0.5, 3.0][..]));

    let sparse = folder.0.path().join("s.npz");
    let strings = |names: [&str; 2]| Array::text(names.map(str::to_owned).to_vec());
    let arrays = [
        ("indptr", Array::i64([3], vec![0, 1, 2])),
        ("indices", Array::i64([2], vec![0, 1])),
        ("data", Array::f32([2], vec![0.5, 3.0])),
        ("features", strings(["gc", "length"])),
        ("ids", strings(["a", "b"])),
    ];
    write_npz(&sparse, &arrays).unwrap();
    assert_eq!(read_features(&sparse).unwrap(), read);
    let dense = folder.0.path().join("d.npz");
    write_npz(&dense, &[("features", Array::f64([2, 2], vec![0.5, 0.0, 0.0, 3.0])), ("ids", strings(["a", "b"]))])
        .unwrap();
    assert_eq!(read_features(&dense).unwrap().values, read.values);
}

#[test]
fn wrong_features_are_refused() {
    let folder = folder();
    for (content, says) in [
        ("node\tgc\na\tx\n", "line 2: expected a number in column \"gc\", found \"x\""),
        ("node\tgc\na\tnan\n", "expected finite numbers"),
        ("node\tgc\na\t1\na\t2\n", "expected each node once"),
        ("node\na\n", "found 0 features"),
    ] {
        let error = read_features(&folder.file("f.tsv", content)).unwrap_err();
        assert!(error.to_string().contains(says), "{error} instead of {says}");
    }
    let path = folder.0.path().join("s.npz");
    for indices in [vec![0, 2], vec![-1, 0]] {
        let arrays = [
            ("indptr", Array::i64([2], vec![0, 2])),
            ("indices", Array::i64([2], indices)),
            ("data", Array::f32([2], vec![1.0, 1.0])),
            ("features", Array::text(vec!["a".to_owned(), "b".to_owned()])),
            ("ids", Array::text(vec!["n".to_owned()])),
        ];
        write_npz(&path, &arrays).unwrap();
        assert!(read_features(&path).is_err());
    }
}
