use crate::support::{Dir, bytes, says, text};
use basewise_core::source::{ExampleSource, Rows};
use basewise_core::{
    Alphabet, CasePolicy, Covariate, Dataset, Encoding, Example, Interval, Matrix, Split, Strand, Task, TaskKind,
    Transform,
};
use basewise_io::arrays::{Array, read_npz, write_npz};
use basewise_io::dataset::{Provenance, load, save};
use basewise_io::predictions::{self, Predictions, TaskLabels};
use serde_json::json;

fn dataset() -> Dataset {
    let classes = TaskKind::Classes { classes: vec!["neither".into(), "donor".into()] };
    let task = |name: &str, kind| Task { name: name.into(), kind };
    let place = Interval { chrom: "chr1".into(), start: 3, end: 9, strand: Strand::Reverse };
    let example = |id: &str, place, split, sequence: &str, labels: &[f64]| Example {
        id: id.into(),
        place,
        split,
        sequence: sequence.into(),
        labels: labels.to_vec(),
        covariates: vec![],
        control: vec![],
        weight: 1.0,
    };
    Dataset {
        encoding: Encoding { alphabet: Alphabet::Rna, case: CasePolicy::Channel },
        length: 6,
        jitter: 1,
        tasks: vec![task("bound", TaskKind::Binary), task("site", classes), task("ratio", TaskKind::Regression)],
        covariates: vec![],
        control: None,
        examples: vec![
            example("a", Some(place), Split::Train, "ACGUnn", &[1.0, 1.0, -0.25]),
            example("b", None, Split::Valid, "a", &[0.0, f64::NAN, f64::NAN]),
            example("ü", None, Split::Test, "ACGURYSWKMBDHVN", &[f64::NAN, 0.0, 1e300]),
        ],
    }
}

fn provenance() -> Provenance {
    let mut provenance = Provenance::new("sequences", 7, "basewise dataset sequences x.tsv");
    provenance.notes.insert("account".into(), json!({ "read": 3 }));
    provenance
}

/// NaN is unlike itself, so the printed forms are compared.
fn same(a: &Dataset, b: &Dataset) -> bool {
    format!("{a:?}") == format!("{b:?}")
}

#[test]
fn a_data_set_comes_back_and_its_bytes_repeat() {
    let dir = Dir::new();
    for name in ["one", "two"] {
        save(&dir.at(name), &dataset(), &provenance(), &[("truth.tsv", b"x\n")], false).unwrap();
        let (back, from) = load(&dir.at(name)).unwrap();
        assert!(same(&back, &dataset()), "{back:?}");
        assert_eq!(from, provenance());
        assert_eq!(text(&dir.at(name).join("truth.tsv")), "x\n");
    }
    for file in ["dataset.json", "examples.parquet"] {
        assert_eq!(bytes(&dir.at("one").join(file)), bytes(&dir.at("two").join(file)), "{file}");
    }
}

/// The data set with two covariates, one of which is unknown in a row.
fn with_covariates() -> Dataset {
    let mut data = dataset();
    for (example, values) in data.examples.iter_mut().zip([[-3.0, 0.5], [f64::NAN, 1.0], [1e9, -0.0]]) {
        example.covariates = values.to_vec();
    }
    let fit = |name, transform| Covariate::fit(name, transform, std::iter::empty());
    data.covariates = vec![fit("tss distance", Transform::Log), fit("gc", Transform::None)];
    data.fit_covariates();
    data
}

#[test]
fn covariates_come_back_whole_and_in_blocks() {
    let dir = Dir::new();
    let data = with_covariates();
    assert_eq!((data.covariates[0].mean, data.covariates[1].mean), (-(4f64.ln()), 0.5));
    save(&dir.at("d"), &data, &provenance(), &[], false).unwrap();
    assert!(same(&load(&dir.at("d")).unwrap().0, &data));
    let (stored, _) = basewise_io::dataset::open(&dir.at("d")).unwrap();
    assert_eq!(stored.header(), data.header());
    for split in Split::ALL {
        let (mut rows, mut wanted) = (Rows::new(&data.header()), Rows::new(&data.header()));
        stored.read(0, split, &mut rows).unwrap();
        data.read(0, split, &mut wanted).unwrap();
        assert_eq!(format!("{rows:?}"), format!("{wanted:?}"));
    }
    // A data set of before there were covariates has none.
    save(&dir.at("old"), &dataset(), &provenance(), &[], false).unwrap();
    assert!(!text(&dir.at("old/dataset.json")).contains("covariates"));
    let mut short = data.clone();
    short.examples[1].covariates.pop();
    let error = save(&dir.at("short"), &short, &provenance(), &[], false).unwrap_err();
    assert!(error.to_string().contains("example \"b\": expected 2 covariates, found 1"), "{error}");
    let mut twice = data;
    twice.covariates[1].name = "tss distance".into();
    let error = save(&dir.at("twice"), &twice, &provenance(), &[], false).unwrap_err();
    assert!(error.to_string().contains("\"tss distance\" twice"), "{error}");
}

#[test]
fn an_empty_data_set_comes_back() {
    let dir = Dir::new();
    let empty = Dataset { examples: vec![], ..dataset() };
    save(&dir.at("d"), &empty, &provenance(), &[], false).unwrap();
    assert_eq!(load(&dir.at("d")).unwrap().0, empty);
}

#[test]
fn more_rows_than_a_row_group_holds_come_back() {
    let dir = Dir::new();
    let mut large = dataset();
    large.examples = (0..70_000)
        .map(|i| Example {
            id: format!("r{i}"),
            labels: vec![f64::from(i % 2), f64::NAN, f64::from(i)],
            covariates: vec![],
            control: vec![],
            weight: 1.0,
            ..large.examples[0].clone()
        })
        .collect();
    save(&dir.at("d"), &large, &provenance(), &[], false).unwrap();
    assert!(same(&load(&dir.at("d")).unwrap().0, &large));
}

#[test]
fn a_data_set_that_contradicts_itself_is_not_written() {
    let dir = Dir::new();
    type Edit = fn(&mut Dataset);
    let broken: [(&str, Edit); 6] = [
        ("unique ids", |d| d.examples[1].id = "a".into()),
        ("3 labels", |d| d.examples[1].labels = vec![1.0]),
        ("task \"bound\": expected a label 0 or 1", |d| d.examples[0].labels[0] = 0.5),
        ("task \"site\": expected a class 0 to", |d| d.examples[0].labels[1] = 2.0),
        ("task \"ratio\": expected a finite label", |d| d.examples[0].labels[2] = f64::INFINITY),
        ("different task names", |d| d.tasks[2].name = "bound".into()),
    ];
    for (part, edit) in broken {
        let mut dataset = dataset();
        edit(&mut dataset);
        says(save(&dir.at("d"), &dataset, &provenance(), &[], false), &dir.at("d"), &[part]);
    }
    assert!(dir.names().is_empty());
}

#[test]
fn a_changed_or_cut_data_set_is_not_loaded() {
    let dir = Dir::new();
    let (path, examples, description) = (dir.at("d"), dir.at("d/examples.parquet"), dir.at("d/dataset.json"));
    save(&path, &dataset(), &provenance(), &[], false).unwrap();
    let (whole, told) = (bytes(&examples), text(&description));
    for end in 0..whole.len() {
        dir.put("d/examples.parquet", &whole[..end]);
        says(load(&path), &examples, &["truncated", "build or copy"]);
    }
    dir.put("d/examples.parquet", &whole);
    for (from, to, parts) in [
        (
            "\"format_version\": 1",
            "\"format_version\": 2",
            &["format version 1 or older, found 2", "newer basewise"][..],
        ),
        ("\"format_version\": 1", "\"format_version\": \"x\"", &["format_version"]),
        ("\"count\": 3", "\"count\": 4", &["expected 4 rows, found 3"]),
        ("\"train\": 1", "\"train\": 2", &["2 train rows, found 1"]),
        ("\"donor\"", "\"acceptor\"", &["expected a class of task \"site\", found \"donor\""]),
        ("\"ratio\"", "\"level\"", &["label:level"]),
        ("{", "[", &["expected the description"]),
    ] {
        assert!(told.contains(from), "{told}");
        dir.put("d/dataset.json", told.replacen(from, to, 1));
        says(load(&path), &dir.at("d"), parts);
    }
    dir.put("d/dataset.json", "");
    says(load(&path), &description, &["expected the description"]);
    std::fs::remove_file(&description).unwrap();
    says(load(&path), &path, &["a directory without dataset.json", "basewise dataset"]);
    says(load(&dir.at("nowhere")), &dir.at("nowhere"), &["found nothing"]);
    says(load(&examples), &examples, &["found a file"]);
}

#[test]
fn arrays_come_back_and_their_bytes_repeat() {
    let dir = Dir::new();
    let arrays = [
        ("attributions", Array::f32([2, 1, 2], vec![1.0, -2.5, f32::NAN, 0.0])),
        ("ids", Array::text(vec!["a".into(), "ßü".into()])),
        ("places", Array::i64(vec![2], vec![-1, i64::MAX])),
        ("scores", Array::f64([0, 3], vec![])),
    ];
    let (one, two) = (dir.at("one.npz"), dir.at("two.npz"));
    write_npz(&one, &arrays).unwrap();
    write_npz(&two, &arrays).unwrap();
    assert_eq!(bytes(&one), bytes(&two));
    let back = read_npz(&one).unwrap();
    assert_eq!(back.len(), 4);
    assert!(arrays.iter().all(|(name, array)| format!("{:?}", back[*name]) == format!("{array:?}")));
    assert_eq!(back["attributions"].as_f32().map(<[f32]>::len), Some(4));
    assert_eq!(back["ids"].as_f32(), None);

    let whole = bytes(&one);
    for end in 0..whole.len() {
        let path = dir.put("cut.npz", &whole[..end]);
        assert!(read_npz(&path).is_err(), "cut at {end}");
    }
    says(write_npz(&one, &[("x", Array::f32([3], vec![1.0]))]), &one, &["\"x\""]);
    says(write_npz(&one, &[("x", Array::i64([0], vec![])), ("x", Array::i64([0], vec![]))]), &one, &["again"]);
}

#[test]
fn an_archive_of_numpy_is_read() {
    // numpy 2.4.6, Python 3.11: savez_compressed(path, a=numpy.arange(3, dtype='f4')), in hexadecimal.
    const ARCHIVE: &str = include_str!("numpy_savez_compressed.hex");
    let digits: Vec<u8> = ARCHIVE.bytes().filter(u8::is_ascii_hexdigit).collect();
    let digit = |byte: u8| (byte as char).to_digit(16).unwrap() as u8;
    let archive: Vec<u8> = digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
    let dir = Dir::new();
    let arrays = read_npz(&dir.put("numpy.npz", archive)).unwrap();
    assert_eq!(arrays["a"], Array::f32([3], vec![0.0, 1.0, 2.0]));
}

fn predicted() -> Predictions {
    let dataset = dataset();
    let values = Matrix::new(2, 4, vec![0.5, 0.25, 0.75, -1.5, 0.1, 0.2, 0.3, 1e-30]);
    Predictions::of_dataset(&dataset, &[0, 2], values)
}

#[test]
fn predictions_come_back_from_parquet() {
    let dir = Dir::new();
    let path = dir.at("p.parquet");
    let mut dense = predicted();
    predictions::write(&path, &dense).unwrap();
    let back = predictions::read(&path).unwrap();
    assert_eq!(format!("{back:?}"), format!("{dense:?}"));
    dense = Predictions::of_ids(vec!["x".into()], vec!["y".into()], Matrix::new(1, 1, vec![2.0]));
    predictions::write(&path, &dense).unwrap();
    assert_eq!(predictions::read(&path).unwrap(), dense);
    let whole = bytes(&path);
    for end in 0..whole.len() {
        dir.put("p.parquet", &whole[..end]);
        says(predictions::read(&path), &path, &[]);
    }
}

#[test]
fn predictions_are_a_table() {
    let dir = Dir::new();
    let expected = "id\tchrom\tstart\tend\tstrand\tsplit\tlabel:bound\tlabel:site\tlabel:ratio\t\
        prediction:bound\tprediction:site:neither\tprediction:site:donor\tprediction:ratio\n\
        a\tchr1\t3\t9\t-\ttrain\t1\tdonor\t-0.25\t0.5\t0.25\t0.75\t-1.5\n\
        ü\t\t\t\t\ttest\t\tneither\t";
    predictions::write(&dir.at("p.tsv"), &predicted()).unwrap();
    let table = text(&dir.at("p.tsv"));
    assert!(table.starts_with(expected), "{table}");
    predictions::write(&dir.at("p.tsv.gz"), &predicted()).unwrap();
    let mut unpacked = String::new();
    let mut reader = basewise_io::input::open(&dir.at("p.tsv.gz")).unwrap();
    std::io::Read::read_to_string(&mut reader, &mut unpacked).unwrap();
    assert_eq!(unpacked, table);
    let ragged = Predictions { ids: vec![], ..predicted() };
    assert!(predictions::write(&dir.at("q.tsv"), &ragged).is_err());
    assert!(!dir.at("q.tsv").exists());
}

#[test]
fn the_spread_of_an_ensemble_has_columns_of_its_own() {
    let dir = Dir::new();
    let spread = Some(Matrix::new(2, 4, vec![0.01, 0.02, 0.0, 0.5, 0.25, 1.0, 2.0, 4.0]));
    let made = Predictions { spread, ..predicted() };
    predictions::write(&dir.at("p.parquet"), &made).unwrap();
    assert_eq!(format!("{:?}", predictions::read(&dir.at("p.parquet")).unwrap()), format!("{made:?}"));
    predictions::write(&dir.at("p.tsv"), &made).unwrap();
    let table = basewise_io::table::read(&dir.at("p.tsv")).unwrap();
    assert_eq!(table.names()[13..], ["spread:bound", "spread:site:neither", "spread:site:donor", "spread:ratio"]);
    assert_eq!(table.column("spread:ratio").unwrap(), ["0.5", "4"]);
    let ragged = Predictions { spread: Some(Matrix::new(2, 1, vec![0.0; 2])), ..predicted() };
    assert!(predictions::write(&dir.at("q.tsv"), &ragged).is_err());
}

#[test]
fn a_task_named_label_keeps_its_columns_apart() {
    let dir = Dir::new();
    let mut labels = dataset();
    let classes = TaskKind::Classes { classes: vec!["x".into(), "label".into()] };
    labels.tasks = vec![Task { name: "label".into(), kind: classes }];
    labels.examples.iter_mut().zip([1.0, 0.0, f64::NAN]).for_each(|(example, label)| example.labels = vec![label]);
    let values = Matrix::new(3, 2, vec![0.5, 0.25, 0.75, 1.5, 0.1, 0.2]);
    let made = Predictions::of_dataset(&labels, &[0, 1, 2], values);
    predictions::write(&dir.at("p.parquet"), &made).unwrap();
    let back = predictions::read(&dir.at("p.parquet")).unwrap();
    assert_eq!(format!("{back:?}"), format!("{made:?}"));
    predictions::write(&dir.at("p.tsv"), &made).unwrap();
    let table = basewise_io::table::read(&dir.at("p.tsv")).unwrap();
    assert_eq!(table.names()[6..], ["label:label", "prediction:label:x", "prediction:label:label"]);
    assert_eq!(table.column("label:label").unwrap(), ["label", "x", ""]);

    let twice = Predictions { outputs: vec!["y".into(), "y".into()], ..made.clone() };
    assert!(predictions::write(&dir.at("q.tsv"), &twice).unwrap_err().to_string().contains("\"prediction:y\" twice"));
    let mut beyond = made;
    beyond.labels[0].values[0] = 2.0;
    assert!(predictions::write(&dir.at("q.tsv"), &beyond).unwrap_err().to_string().contains("classes of task"));
}

#[test]
fn classes_without_outputs_are_kept_by_name() {
    let dir = Dir::new();
    let labels = TaskLabels { task: "site".into(), classes: vec!["b".into(), "a".into()], values: vec![0.0, 1.0] };
    let ids = vec!["p".into(), "q".into()];
    let scores = Predictions::of_ids(ids, vec!["other".into()], Matrix::new(2, 1, vec![1.0, 2.0]));
    predictions::write(&dir.at("p.parquet"), &Predictions { labels: vec![labels], ..scores }).unwrap();
    let back = predictions::read(&dir.at("p.parquet")).unwrap();
    assert_eq!(
        (back.labels[0].classes.as_slice(), &back.labels[0].values),
        (&["a".into(), "b".into()][..], &vec![1.0, 0.0])
    );
}

#[test]
fn the_ending_decides_the_format_of_predictions() {
    let dir = Dir::new();
    let ids = vec!["plain".into(), "a, \"b\"\nc".into()];
    let made = Predictions::of_ids(ids, vec!["y".into()], Matrix::new(2, 1, vec![0.5, 2.0]));
    for name in ["p.csv", "p.CSV.gz"] {
        predictions::write(&dir.at(name), &made).unwrap();
        let table = basewise_io::table::read(&dir.at(name)).unwrap();
        assert_eq!(table.names(), ["id", "prediction:y"]);
        assert_eq!(table.column("id").unwrap(), made.ids);
        assert_eq!(table.column("prediction:y").unwrap(), ["0.5", "2"]);
    }
    predictions::write(&dir.at("p.txt"), &made).unwrap();
    assert_eq!(text(&dir.at("p.txt")), "id\tprediction:y\nplain\t0.5\na, \"b\" c\t2\n");
    for (name, part) in [
        ("p.parquet.gz", "leave out the .gz"),
        ("p.xlsx", "ends in .tsv"),
        ("p", "ends in .tsv"),
        ("p.gz", "ends in .tsv"),
        (".tsvx", "ends in .tsv"),
    ] {
        says(predictions::write(&dir.at(name), &made), &dir.at(name), &[part]);
        says(predictions::check_name(&dir.at(name)), &dir.at(name), &[part]);
        assert!(!dir.at(name).exists());
    }
    #[cfg(target_os = "linux")]
    predictions::write(std::path::Path::new("/dev/null"), &made).unwrap();
}
