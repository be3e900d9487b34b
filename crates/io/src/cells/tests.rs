//! Every layout holds the same five cells and four genes; `tests/golden/cells/make.py` made the files of other programs.

#![allow(clippy::disallowed_methods, reason = "a test that cannot read its own files should fail on the spot")]

use super::h5ad::{self, Additions, Value};
use super::*;
use crate::error::Error;
use basewise_core::sparse::Csr;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

const CELLS: [&str; 5] = ["cell0", "cell1", "cell2", "cell3", "cell4"];
const GENES: [&str; 4] = ["CD3E", "MS4A1", "MT-CO1", "NKG7"];
#[rustfmt::skip]
const COUNTS: [f32; 20] = [
    1.0, 0.0, 2.0, 0.0,
    0.0, 0.0, 0.0, 3.0,
    4.0, 5.0, 0.0, 0.0,
    0.0, 0.0, 0.0, 0.0,
    0.0, 6.0, 0.0, 7.0,
];

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/cells").join(name)
}

fn load(path: &Path) -> CellMatrix {
    read(path, &ReadOptions::default()).unwrap()
}

fn check(matrix: &CellMatrix, scale: f32) {
    assert_eq!(matrix.cells.ids, CELLS);
    assert_eq!(matrix.genes.ids, GENES);
    assert_eq!(matrix.counts.read().unwrap().to_dense().data(), COUNTS.map(|count| count * scale));
    assert_eq!(matrix.counts.read().unwrap().values.len(), 7, "zeros are not stored");
    assert_eq!(matrix.values, Values::Counts);
}

fn types(column: &Column) -> Vec<Option<String>> {
    (0..column.len()).map(|row| column.text(row)).collect()
}

#[test]
fn every_layout_of_h5ad_gives_the_same_matrix() {
    for (name, part) in [("dense", "X"), ("csc", "X"), ("nullable", "X"), ("csr", "layers/counts"), ("old_frame", "X")]
    {
        let matrix = load(&golden(&format!("{name}.h5ad")));
        check(&matrix, 1.0);
        assert_eq!((matrix.part.as_str(), &matrix.notes), (part, &Vec::<String>::new()), "{name}");
        let known = ["T", "B", "T", "", "NK"].map(|text| (!text.is_empty()).then(|| text.to_owned()));
        assert_eq!(types(matrix.cells.column("type").unwrap()), known, "{name}");
        let depth = Column::Whole([3, 3, 9, 0, 13].map(Some).to_vec());
        assert_eq!(matrix.cells.column("depth"), Some(&depth), "{name}");
        if name == "old_frame" {
            continue;
        }
        assert_eq!(matrix.obsm[0].1.row(4), [8.0, 9.0]);
        assert_eq!(
            matrix.cells.column("good"),
            Some(&Column::Flag([true, false, true, true, false].map(Some).to_vec()))
        );
        let Some(Column::Number(share)) = matrix.cells.column("share") else { panic!("{name}") };
        assert!(share[1].is_nan() && share[4] == 1.0);
        assert_eq!(types(matrix.cells.column("batch").unwrap())[4].as_deref(), Some("c"));
        assert_eq!(matrix.genes.column("length"), Some(&Column::Whole([10, 20, 30, 40].map(Some).to_vec())));
    }
}

#[test]
fn raw_is_read_where_x_is_scaled_and_where_it_is_asked_for() {
    let old = load(&golden("records.h5ad"));
    check(&old, 1.0);
    assert_eq!((old.part.as_str(), old.obsm[0].1.row(1)), ("raw", &[2.0, 3.0][..]));
    assert_eq!(types(old.cells.column("type").unwrap())[4].as_deref(), Some("NK"));
    assert_eq!(old.cells.column("n"), Some(&Column::Whole([3, 3, 9, 0, -13].map(Some).to_vec())), "big-endian");
    let part = |part: &str| ReadOptions { part: Some(part.to_owned()), ..ReadOptions::default() };
    check(&read(&golden("csr.h5ad"), &part("raw")).unwrap(), 2.0);
    assert_eq!(read(&golden("csr.h5ad"), &part("X")).unwrap().values, Values::Positive);
    assert_eq!(read(&golden("records.h5ad"), &part("X")).unwrap().values, Values::Signed);
    let error = read(&golden("csr.h5ad"), &part("layers/spliced")).unwrap_err().to_string();
    assert!(error.ends_with("expected a matrix \"layers/spliced\", found X, raw, layers/counts"), "{error}");
}

#[test]
fn files_of_cell_ranger_are_read() {
    check(&load(&golden("tenx2.h5")), 1.0);
    let genes = load(&golden("tenx3.h5"));
    assert_eq!((genes.counts.columns, genes.notes.len()), (3, 1), "an antibody is left out");
    let other = ReadOptions { feature_type: Some("Antibody Capture".into()), ..ReadOptions::default() };
    let other = read(&golden("tenx3.h5"), &other).unwrap();
    assert_eq!(
        (other.genes.ids.as_slice(), other.counts.read().unwrap().values.as_slice()),
        (&["NKG7".to_owned()][..], &[3.0, 7.0][..])
    );
}

const MTX: &str = "%%MatrixMarket matrix coordinate integer general\n% made\n4 5 7\n1 1 1\n3 1 2\n4 2 3\n2 3 5\n1 3 4\n2 5 6\n4 5 7\n";

fn folder(matrix: &str, barcodes: &str, features: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("matrix.mtx"), matrix).unwrap();
    fs::write(folder.path().join("barcodes.tsv"), barcodes).unwrap();
    fs::write(folder.path().join("features.tsv"), features).unwrap();
    folder
}

fn barcodes() -> String {
    CELLS.join("\n") + "\n"
}

fn features() -> String {
    GENES.iter().enumerate().map(|(i, gene)| format!("E{i}\t{gene}\tGene Expression\n")).collect()
}

#[test]
fn folders_of_10x_are_read_packed_or_not_either_way_round_and_under_a_prefix() {
    let plain = folder(MTX, &barcodes(), &features());
    check(&load(plain.path()), 1.0);
    check(&load(&plain.path().join("matrix.mtx")), 1.0);

    let turned =
        "%%MatrixMarket matrix coordinate integer general\n5 4 7\n1 1 1\n1 3 2\n2 4 3\n3 2 5\n3 1 4\n5 2 6\n5 4 7\n";
    let turned = load(folder(turned, &barcodes(), &features()).path());
    check(&turned, 1.0);
    assert_eq!(turned.notes.len(), 1);

    let packed = tempfile::tempdir().unwrap();
    for (name, text) in [("matrix.mtx", MTX.to_owned()), ("barcodes.tsv", barcodes()), ("genes.tsv", features())] {
        let file = fs::File::create(packed.path().join(format!("GSM1_{name}.gz"))).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap();
    }
    check(&load(&packed.path().join("GSM1_matrix.mtx.gz")), 1.0);
}

#[test]
fn faults_of_folders_are_named() {
    let message = |matrix: &str, barcodes: &str, features: &str| {
        let folder = folder(matrix, barcodes, features);
        let error = read(folder.path(), &ReadOptions::default()).unwrap_err();
        error.to_string().replace(&folder.path().display().to_string(), "")
    };
    let fault = |from: &str, to: &str| message(&MTX.replace(from, to), &barcodes(), &features());
    let cases = [
        (fault("4 5 7\n", "4 5 8\n"), "/matrix.mtx: expected 8 entries, found 7"),
        (fault("4 5 7\n", "4 6 7\n"), "line 3: expected 4 genes x 5 cells, as they are named, found 4 x 6"),
        (
            fault("3 1 2\n", "9 1 2\n"),
            "line 5: expected a row of 1 to 4, a column of 1 to 5 and a value, found \"9 1 2\"",
        ),
        (fault("3 1 2\n", "0 1 2\n"), "found \"0 1 2\""),
        (fault("3 1 2\n", "3 1 x\n"), "found \"3 1 x\""),
        (fault("3 1 2\n", "3 1 nan\n"), "cell \"cell0\": expected a number for gene \"MT-CO1\", found NaN"),
        (fault("3 1 2\n", "1 1 2\n"), "expected one value a place, found two in row 0, column 0"),
        (fault("coordinate", "array"), "line 1: expected a general matrix of coordinates"),
        (fault("%%Matrix", "Matrix"), "line 1: expected %%MatrixMarket"),
        (message(MTX, &barcodes().replace("cell4", "cell0"), &features()), "found \"cell0\" as cell 1 and 5"),
        (message(MTX, &barcodes().replace("cell3", ""), &features()), "/barcodes.tsv: line 4: expected a name"),
    ];
    for (found, expected) in cases {
        assert!(found.contains(expected), "{found}");
    }
    let empty = tempfile::tempdir().unwrap();
    let error = read(empty.path(), &ReadOptions::default()).unwrap_err();
    assert!(error.to_string().contains("expected one of matrix.mtx.gz, matrix.mtx, found none"));
    assert!(error.hint().unwrap().contains("barcodes.tsv"));
}

#[test]
fn genes_of_one_name_get_different_ones() {
    let twins = features().replace("MS4A1", "CD3E").replace("NKG7", "CD3E-1");
    let matrix = load(folder(MTX, &barcodes(), &twins).path());
    assert_eq!(matrix.genes.ids, ["CD3E", "CD3E-2", "MT-CO1", "CD3E-1"]);
    assert_eq!(matrix.notes.len(), 1);
}

#[test]
fn tables_are_read_by_rows_and_by_columns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("counts.csv");
    let rows = |i: usize| COUNTS[4 * i..4 * i + 4].iter().map(f32::to_string).collect::<Vec<_>>().join(",");
    let text: String = (0..5).map(|i| format!("{},t{i},{},{i}\n", CELLS[i], rows(i))).collect();
    fs::write(&path, format!("cell,type,{},stage\n{text}", GENES.join(","))).unwrap();
    let options = ReadOptions { describing: vec!["stage".into()], ..ReadOptions::default() };
    let matrix = read(&path, &options).unwrap();
    check(&matrix, 1.0);
    assert_eq!(matrix.cells.column("type").unwrap().text(3).as_deref(), Some("t3"));
    assert_eq!(matrix.cells.column("stage"), Some(&Column::Whole((0..5).map(Some).collect())));
    let error = read(&path, &ReadOptions { describing: vec!["stages".into()], ..ReadOptions::default() }).unwrap_err();
    assert_eq!(error.hint().as_deref(), Some("did you mean \"stage\"?"));

    // As R writes it: no name above the names of rows.
    let column = |gene: usize| (0..5).map(|cell| COUNTS[4 * cell + gene].to_string()).collect::<Vec<_>>().join("\t");
    let text: String = (0..4).map(|gene| format!("{}\t{}\n", GENES[gene], column(gene))).collect();
    let turned = folder.path().join("genes.tsv");
    fs::write(&turned, format!("{}\n{text}", CELLS.join("\t"))).unwrap();
    check(&read(&turned, &ReadOptions { genes_in_rows: true, ..ReadOptions::default() }).unwrap(), 1.0);

    fs::write(&turned, "cell\tg1\tg2\na\t1\t2\nb\t\t3\n").unwrap();
    let error = read(&turned, &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.ends_with("line 3: expected a number in column \"g1\", found \"\""), "{error}");
    // A description whose first value is missing stays one.
    fs::write(&turned, "cell\tkind\tg1\tg2\na\tNA\t1\t2\nb\tB\t1\t3\n").unwrap();
    assert!(read(&turned, &ReadOptions::default()).unwrap().cells.column("kind").is_some());
    // Nor does a gene become a description because its first cell is not known.
    for missing in ["", "NA", "null"] {
        fs::write(&turned, format!("cell\tg1\tg2\na\t{missing}\t2\nb\t1\t3\n")).unwrap();
        let error = read(&turned, &ReadOptions::default()).unwrap_err().to_string();
        assert!(error.ends_with(&format!("line 2: expected a number in column \"g1\", found {missing:?}")), "{error}");
    }
}

#[test]
fn filters_that_are_not_known_and_files_that_end_early_are_told() {
    let error = read(&golden("zstd.h5ad"), &ReadOptions::default()).unwrap_err();
    assert!(
        error.to_string().ends_with("X: expected data compressed by gzip or lzf, found zstd (filter 32015)"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("compression=\"gzip\""));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.h5ad");
    fs::write(&path, "no").unwrap();
    let error = read(&path, &ReadOptions::default()).unwrap_err();
    assert!(error.to_string().ends_with("expected an HDF5 file, found other data"), "{error}");
}

/// Every file cut short, or with some bytes turned over, is an error or another matrix, never a panic.
#[test]
fn damaged_files_do_not_stop_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.h5ad");
    for name in ["dense.h5ad", "records.h5ad", "old_frame.h5ad", "tenx3.h5"] {
        let whole = fs::read(golden(name)).unwrap();
        for i in 1..120 {
            let mut bytes = whole.clone();
            if i % 2 == 0 {
                bytes.truncate(whole.len() * i / 120);
            } else {
                for k in 0..20 {
                    let at = (i * 7919 + k * 104_729) % whole.len();
                    bytes[at] ^= 0xa5;
                }
            }
            fs::write(&path, &bytes).unwrap();
            let _: std::result::Result<CellMatrix, Error> = read(&path, &ReadOptions::default());
        }
    }
}

fn additions(cells: usize) -> Additions {
    let codes = (0..cells).map(|cell| (cell != 3).then_some((cell % 2) as u32));
    Additions {
        obs: vec![
            ("leiden".into(), Column::category(vec!["0".into(), "1".into()], codes)),
            ("depth".into(), Column::Number((0..cells).map(|cell| cell as f64 / 2.0).collect())),
            ("kept".into(), Column::Flag((0..cells).map(|cell| Some(cell != 3)).collect())),
            ("gaps".into(), Column::Whole((0..cells).map(|cell| (cell != 3).then_some(cell as i64)).collect())),
            ("words".into(), Column::Text((0..cells).map(|cell| Some(format!("w{cell}"))).collect())),
        ],
        var: vec![("highly_variable".into(), Column::Flag(vec![Some(true), Some(false), Some(true), Some(true)]))],
        obsm: vec![("X_tsne".into(), Matrix::new(cells, 2, (0..2 * cells).map(|i| i as f32).collect()))],
        varm: vec![("PCs".into(), Matrix::new(4, 1, vec![1.0, 2.0, 3.0, 4.0]))],
        obsp: vec![(
            "distances".into(),
            Csr { rows: cells, columns: cells, starts: vec![0; cells + 1], ..Csr::default() },
        )],
        uns: vec![(
            "leiden".into(),
            Value::Map(vec![
                ("resolution".into(), Value::Number(1.0)),
                ("names".into(), Value::Texts(vec!["é".into(), String::new()])),
                ("markers".into(), Value::Table(Frame::named(vec!["a".into()]))),
            ]),
        )],
    }
}

fn check_added(path: &Path, before: &CellMatrix) {
    let after = read(
        path,
        &ReadOptions { part: Some(before.part.clone()).filter(|part| !part.is_empty()), ..ReadOptions::default() },
    );
    let after = after.unwrap();
    assert_eq!(
        (after.counts.read().unwrap(), &after.cells.ids, after.values),
        (before.counts.read().unwrap(), &before.cells.ids, before.values)
    );
    let added = additions(5);
    for (name, column) in &added.obs {
        assert_eq!(after.cells.column(name), Some(column), "{name}");
    }
    for (name, column) in before.cells.columns.iter().filter(|(name, _)| name != "depth") {
        assert_eq!(types(after.cells.column(name).unwrap()), types(column), "{name}");
    }
    assert!(after.obsm.contains(&added.obsm[0]));
    assert!(before.obsm.iter().all(|own| after.obsm.contains(own)));
}

#[test]
fn additions_come_back_and_the_rest_stays() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["dense", "csr", "csc", "nullable", "old_frame", "records"] {
        let source = golden(&format!("{name}.h5ad"));
        let path = folder.path().join(name);
        h5ad::add(&source, &path, &additions(5)).unwrap();
        check_added(&path, &load(&source));
        // Once more in place: what was added is replaced.
        h5ad::add(&path, &path, &additions(5)).unwrap();
        check_added(&path, &load(&source));
    }
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 6, "nothing is left aside");
}

#[test]
fn new_files_hold_the_matrix_and_the_additions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.h5ad");
    let matrix = load(&golden("tenx2.h5"));
    h5ad::create(&path, &matrix, &additions(5)).unwrap();
    assert!(h5ad::is_h5ad(&path).unwrap() && !h5ad::is_h5ad(&golden("tenx2.h5")).unwrap());
    check_added(&path, &matrix);
    assert_eq!(h5ad::axes(&path).unwrap(), (5, GENES.map(str::to_owned).to_vec()));
    let read = load(&path);
    assert_eq!(read.genes.column("highly_variable"), Some(&additions(5).var[0].1));
    assert_eq!(types(read.genes.column("gene_ids").unwrap())[0].as_deref(), Some("E1"));
}

#[test]
fn additions_that_do_not_fit_leave_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.h5ad");
    let fault = |additions: &Additions| h5ad::add(&golden("dense.h5ad"), &path, additions).unwrap_err().to_string();
    assert!(fault(&additions(4)).contains("expected 5 rows for obs/leiden, found 4"));
    let slash = Additions { obs: vec![("a/b".into(), Column::Number(vec![0.0; 5]))], ..Additions::default() };
    assert!(fault(&slash).contains("expected a name without a slash"));
    let index = Additions { obs: vec![("_index".into(), Column::Number(vec![0.0; 5]))], ..Additions::default() };
    assert!(fault(&index).contains("expected another name than that of the names of obs"));
    assert!(!path.exists());
}

#[test]
fn columns_are_selected_and_scattered() {
    let column = Column::Whole(vec![Some(1), None, Some(3)]);
    assert_eq!(column.select(&[2, 0]), Column::Whole(vec![Some(3), Some(1)]));
    assert_eq!(column.scatter(&[4, 0, 1], 5), Column::Whole(vec![None, Some(3), None, None, Some(1)]));
    assert_eq!(Column::Flag(vec![Some(true)]).scatter(&[1], 2), Column::Flag(vec![Some(false), Some(true)]));
    assert!(Column::Text(Vec::new()).is_empty());
}

#[test]
fn records_are_fields_of_numbers_and_of_texts_of_one_width() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.h5ad");
    let text = |texts: [&str; 2]| Column::Text(texts.map(|text| Some(text.to_owned())).to_vec());
    let records = |a: Column, b: Column| Value::Records(vec![("0".into(), a), ("1".into(), b)]);
    let ranked = Value::Map(vec![
        ("names".into(), records(text(["CD3E", "IL7R-AS"]), text(["é1", ""]))),
        ("scores".into(), records(Column::Number(vec![2.5, -1.0]), Column::Whole(vec![Some(7), None]))),
    ]);
    let added = Additions { uns: vec![("ranked".into(), ranked)], ..Additions::default() };
    let matrix = load(&golden("tenx2.h5"));
    h5ad::create(&path, &matrix, &added).unwrap();
    h5ad::add(&path, &path, &added).unwrap();
    let file = hdf5_pure::File::open(&path).unwrap();
    let read = |name: &str| file.dataset(name).unwrap().read_raw().unwrap();
    assert_eq!(read("uns/ranked/names"), b"CD3E\0\0\0?1IL7R-AS\0\0");
    let numbers: Vec<f64> =
        read("uns/ranked/scores").chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect();
    assert_eq!((&numbers[..3], numbers[3].is_nan()), (&[2.5, 7.0, -1.0][..], true));
    assert_eq!(load(&path).counts.read().unwrap(), matrix.counts.read().unwrap());
}

#[test]
fn names_features_and_what_stands_beside_them_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let ours = load(&file(
        "ours.tsv",
        "id\tchrom\tstart\tsplit\tlabel:site\tgc\na\tchr1\t5\ttrain\t1\t2\nb\tchr2\t9\ttest\t0\t3\n",
    ));
    assert_eq!((ours.genes.ids.as_slice(), ours.values), (&["gc".to_owned()][..], Values::Features));
    let columns: Vec<&str> = ours.cells.columns.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(columns, ["chrom", "start", "split", "label:site"]);
    assert_eq!(load(&file("k.csv", "id,kmer:A,kmer:C\na,1,0\nb,0,1\n")).values, Values::Features);
    assert_eq!(load(&file("c.csv", "cell,A,C\na,1,0\nb,0,1\n")).values, Values::Counts);

    let late = load(&file("late.csv", "A,id\n1.5,x\n2,y\n"));
    assert_eq!(
        (late.cells.ids.as_slice(), late.genes.ids.as_slice()),
        (&["x".to_owned(), "y".into()][..], &["A".to_owned()][..])
    );
    let numbered = load(&file("numbers.csv", "cell,id_of,A\n1,x,2\n2,y,3\n"));
    assert_eq!(numbered.cells.ids, ["1", "2"]);
    let two = file("two.csv", "kind,name,A\nk,x,2\nk,y,3\n");
    let error = read(&two, &ReadOptions::default()).unwrap_err();
    assert!(error.hint().unwrap().contains("columns of text: name"), "{:?}", error.hint());
    let named = |name: &str| read(&two, &ReadOptions { names: Some(name.into()), ..ReadOptions::default() });
    assert_eq!(named("name").unwrap().cells.ids, ["x", "y"]);
    assert!(named("names").unwrap_err().to_string().contains("columns are \"kind\", \"name\", \"A\""));
}

#[test]
fn archives_of_features_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.npz");
    let text = |texts: [&str; 2]| crate::arrays::Array::text(texts.map(str::to_owned).to_vec());
    let arrays = [
        ("indptr", crate::arrays::Array::i64([3], vec![0, 1, 3])),
        ("indices", crate::arrays::Array::i64([3], vec![1, 0, 1])),
        ("data", crate::arrays::Array::f32([3], vec![2.0, 1.0, 3.0])),
        ("features", text(["kmer:A", "kmer:C"])),
        ("ids", text(["a", "b"])),
    ];
    crate::arrays::write_npz(&path, &arrays).unwrap();
    let read = load(&path);
    assert_eq!(
        (read.cells.ids, read.genes.ids),
        (vec!["a".to_owned(), "b".into()], vec!["kmer:A".to_owned(), "kmer:C".into()])
    );
    assert_eq!(
        (read.counts.read().unwrap().to_dense().data(), read.values),
        (&[0.0, 2.0, 1.0, 3.0][..], Values::Features)
    );
}
