use crate::support::{Dir, fails, says};
use basewise_core::{Alphabet, CasePolicy, Encoding, Split, TaskKind, Transform};
use basewise_io::build::{
    Built, CovariateColumn, InputFile, LabelColumn, LabelKind, Negatives, SequencesInput, SequencesSpec, SplitPolicy,
    TableColumns, sequences,
};
use std::collections::BTreeMap;
use std::path::PathBuf;

const DNA: Encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };

fn spec(input: SequencesInput) -> SequencesSpec {
    SequencesSpec {
        input,
        encoding: DNA,
        length: None,
        split: None,
        negatives: Negatives::None,
        seed: 1,
        command: String::new(),
    }
}

fn table(path: PathBuf) -> SequencesInput {
    SequencesInput::Table { files: vec![path.into()], columns: TableColumns::default() }
}

fn ids(built: &Built) -> Vec<&str> {
    built.dataset.examples.iter().map(|example| example.id.as_str()).collect()
}

fn checked(built: Built) -> Built {
    let account = &built.account;
    assert_eq!(account.read, account.used + account.skipped.values().sum::<usize>());
    assert_eq!(built.dataset.examples.len(), account.used + account.made);
    built
}

#[test]
fn a_table_with_a_split_column_is_taken_as_it_is() {
    let dir = Dir::new();
    let path = dir.put(
        "t.tsv",
        "id\tsplit\tlabel\tsequence\na\ttrain\t1\tACGU\na\tval\t0\tAC\nb\ttest\t\tACG\n\ttest\t1\tacgtN\n",
    );
    let built = checked(sequences(&spec(table(path))).unwrap());
    assert_eq!(ids(&built), ["a", "a_2", "row4"]);
    let splits: Vec<Split> = built.dataset.examples.iter().map(|example| example.split).collect();
    assert_eq!(splits, [Split::Train, Split::Valid, Split::Test]);
    assert_eq!(built.dataset.tasks[0].kind, TaskKind::Binary);
    assert_eq!((built.dataset.length, built.dataset.examples[2].sequence.as_slice()), (5, &b"acgtN"[..]));
    assert_eq!(built.account.skipped, BTreeMap::from([("no label".to_owned(), 1)]));
    assert_eq!(built.provenance.sources.len(), 1);
}

#[test]
fn covariates_are_read_standardized_on_the_training_split_and_shared_with_shuffles() {
    let dir = Dir::new();
    let rows = "split\tlabel\tsequence\tdistance\tgc\ntrain\t1\tGATTACAGCATGCA\t-3\t0.5\ntrain\t1\tGGATCATTAC\tNA\t0.5\n\
                valid\t1\tTTGACCATGA\t99\t\ntest\t1\tCATGCATTAG\t0\t0.25\n";
    let column = |name: &str, transform| CovariateColumn { name: name.into(), transform };
    let covariates = vec![column("distance", Transform::Log), column("gc", Transform::None)];
    let columns = TableColumns { covariates, ..TableColumns::default() };
    let input = |text: &str, columns: &TableColumns| {
        let files = vec![dir.put("t.tsv", text).into()];
        let negatives = Negatives::Shuffle { per_positive: 1 };
        sequences(&SequencesSpec { negatives, ..spec(SequencesInput::Table { files, columns: columns.clone() }) })
    };
    let built = checked(input(rows, &columns).unwrap());
    let data = &built.dataset;
    assert_eq!((data.covariates[0].name.as_str(), data.covariates[0].transform), ("distance", Transform::Log));
    assert_eq!(data.covariates[0].mean, -(4f64.ln()));
    assert!(data.examples[1].covariates[0].is_nan() && data.examples[2].covariates[1].is_nan());
    let shuffle = data.examples.iter().position(|example| example.id == "row1_shuffle1").unwrap();
    assert_eq!(data.examples[shuffle].covariates, data.examples[0].covariates);
    assert!(built.warnings.iter().any(|w| w.contains("\"gc\": all known values in the train split are 0.5")));
    let path = dir.at("t.tsv");
    says(input(&rows.replace("99", "far"), &columns), &path, &["line 4", "\"distance\"", "\"far\""]);
    says(input(&rows.replace("gc", "GC"), &columns), &path, &["\"gc\""]);
    let both = TableColumns { covariates: vec![column("label", Transform::None)], ..TableColumns::default() };
    says(input(rows, &both), &path, &["\"label\" as both"]);
    let twice = TableColumns { covariates: vec![column("gc", Transform::None); 2], ..TableColumns::default() };
    assert!(input(rows, &twice).unwrap_err().to_string().contains("\"gc\" twice"));
}

#[test]
fn several_label_columns_are_several_tasks() {
    let dir = Dir::new();
    let path = dir.put("t.csv", "seq,bound,level,site\nACGT,1,0.5,ei\nACGA,0,,ie\nACGG,,2,n\n");
    let column = |name: &str| LabelColumn { name: name.into(), kind: LabelKind::Auto };
    let labels = ["bound", "level", "site"].map(column).to_vec();
    let columns = TableColumns { labels, ..TableColumns::default() };
    let built = sequences(&spec(SequencesInput::Table { files: vec![path.into()], columns })).unwrap();
    let kinds: Vec<&TaskKind> = built.dataset.tasks.iter().map(|task| &task.kind).collect();
    let classes = TaskKind::Classes { classes: vec!["ei".into(), "ie".into(), "n".into()] };
    assert_eq!(kinds, [&TaskKind::Binary, &TaskKind::Regression, &classes]);
    assert!(built.dataset.examples[1].labels[1].is_nan() && built.dataset.examples[2].labels[0].is_nan());
    assert_eq!(built.dataset.examples[2].labels[2], 2.0);
}

#[test]
fn bad_tables_are_named_with_line_and_column() {
    let dir = Dir::new();
    for (text, parts) in [
        ("sequence\tlabel\nACGT\t1\nACGT\thigh\n", &["line 3", "column \"label\"", "\"high\"", "--label-kind"][..]),
        ("sequence\tlabel\nACXT\t1\n", &["line 2, column \"sequence\"", "'X' at offset 2"]),
        ("sequence\tlabel\n\t1\n", &["line 2", "expected a sequence"]),
        ("sequence\tlabels2\nA\t1\n", &["expected a column \"label\""]),
        ("dna\tlabel\nA\t1\n", &["expected a column \"sequence\""]),
    ] {
        let path = dir.put("t.tsv", text);
        says(sequences(&spec(table(path.clone()))), &path, parts);
    }
    let path = dir.put("u.tsv", "sequence\tlabel\nACGT\t\n");
    assert!(fails(sequences(&spec(table(path)))).to_string().contains("with a label"));
    let path = dir.put("v.tsv", "sequence\tlabel\tsplit\nACGT\t1\tx\nACGA\t0\ttrain\n");
    let by_column = SequencesSpec { split: Some(SplitPolicy::Column("split".into())), ..spec(table(path.clone())) };
    says(sequences(&by_column), &path, &["line 2", "train, valid or test", "\"x\""]);
}

#[test]
fn fasta_of_positives_negatives_and_classes() {
    let dir = Dir::new();
    let (a, b) = (dir.put("a.fa", ">x\nACGT\n>y\nACG\n"), dir.put("b.fa", ">x\nTT\n"));
    let input = SequencesInput::Binary {
        task: "bound".into(),
        positives: vec![a.clone().into()],
        negatives: vec![b.clone().into()],
    };
    let built = checked(sequences(&spec(input)).unwrap());
    assert_eq!(ids(&built), ["x", "y", "x_2"]);
    let labels: Vec<f64> = built.dataset.examples.iter().map(|example| example.labels[0]).collect();
    assert_eq!(labels, [1.0, 1.0, 0.0]);

    let classes = vec![("one".to_owned(), a.clone().into()), ("two".to_owned(), b.into())];
    let built = checked(sequences(&spec(SequencesInput::Classes { task: "kind".into(), classes })).unwrap());
    assert_eq!(built.dataset.tasks[0].kind, TaskKind::Classes { classes: vec!["one".into(), "two".into()] });
    let one = SequencesInput::Classes { task: "kind".into(), classes: vec![("one".to_owned(), a.into())] };
    assert!(fails(sequences(&spec(one))).to_string().contains("two classes"));
}

#[test]
fn shuffles_keep_dinucleotides_and_case_and_follow_their_positive() {
    let dir = Dir::new();
    let text: String =
        (0..30).map(|i| format!(">p{i}\nacgtgcatcgACGATTAGC{}TTAgcatcgat\n", "GCA".repeat(i % 4))).collect();
    let positives = vec![dir.put("p.fa", text + ">poly\nAAAA\n").into()];
    let input = SequencesInput::Binary { task: "bound".into(), positives, negatives: vec![] };
    let spec = SequencesSpec { negatives: Negatives::Shuffle { per_positive: 2 }, ..spec(input) };
    let built = checked(sequences(&spec).unwrap());
    assert_eq!((built.account.read, built.account.made), (31, 60));
    assert_eq!(built.account.not_made, BTreeMap::from([("every shuffle equals its positive".to_owned(), 2)]));
    let by_id: BTreeMap<&str, _> = built.dataset.examples.iter().map(|e| (e.id.as_str(), e)).collect();
    let pairs = |letters: &[u8]| {
        let mut pairs: Vec<Vec<u8>> = letters.to_ascii_uppercase().windows(2).map(<[u8]>::to_vec).collect();
        pairs.sort();
        pairs
    };
    for i in 0..30 {
        let positive = by_id[format!("p{i}").as_str()];
        for copy in 1..=2 {
            let shuffle = by_id[format!("p{i}_shuffle{copy}").as_str()];
            assert_eq!((shuffle.split, shuffle.labels[0]), (positive.split, 0.0));
            assert_ne!(shuffle.sequence, positive.sequence);
            assert_eq!(pairs(&shuffle.sequence), pairs(&positive.sequence));
            let lower = |letters: &[u8]| letters.iter().map(u8::is_ascii_lowercase).collect::<Vec<_>>();
            assert_eq!(lower(&shuffle.sequence), lower(&positive.sequence));
        }
    }
    let again = sequences(&spec).unwrap();
    assert_eq!(again.dataset, built.dataset);
    let other = sequences(&SequencesSpec { seed: 2, ..spec }).unwrap();
    assert_ne!(other.dataset, built.dataset);
}

#[test]
fn random_splits_keep_copies_together_and_groups_keep_groups() {
    let dir = Dir::new();
    let mut text = "sequence\tlabel\tgene\n".to_owned();
    for i in 0..100usize {
        let letters: String = (0..12).map(|j| ['A', 'C', 'G', 'T'][(i >> (2 * (j % 4)) & 3) ^ (j / 4)]).collect();
        text += &format!("{letters}\t{}\tg{}\n{letters}\t{}\tg{}\n", i % 2, i % 10, i % 2, i % 10);
    }
    let path = dir.put("t.tsv", text);
    let random = sequences(&spec(table(path.clone()))).unwrap();
    assert!(random.dataset.examples.chunks(2).all(|pair| pair[0].split == pair[1].split));
    let held_out = 200 - random.dataset.rows_of(Split::Train).len();
    assert!((20..=60).contains(&held_out), "{held_out}");

    let policy = SplitPolicy::Group { column: "gene".into(), valid: 0.2, test: 0.2 };
    let grouped = sequences(&SequencesSpec { split: Some(policy), ..spec(table(path.clone())) }).unwrap();
    for gene in 0..10 {
        let of_gene = |row: &usize| row / 2 % 10 == gene;
        let splits: Vec<Split> = (0..200).filter(of_gene).map(|row| grouped.dataset.examples[row].split).collect();
        assert!(splits.iter().all(|split| *split == splits[0]));
    }
    let missing = SplitPolicy::Group { column: "gen".into(), valid: 0.2, test: 0.2 };
    says(
        sequences(&SequencesSpec { split: Some(missing), ..spec(table(path.clone())) }),
        &path,
        &["did you mean \"gene\""],
    );
    let greedy = SplitPolicy::Random { valid: 0.5, test: 0.5 };
    assert!(sequences(&SequencesSpec { split: Some(greedy), ..spec(table(path)) }).is_err());
}

#[test]
fn validation_is_carved_from_train_where_there_is_none() {
    let dir = Dir::new();
    let rows = |from: usize, n: usize| -> String {
        let letters = |i: usize| -> String { (0..8).map(|j| ['A', 'C', 'G', 'T'][i >> (2 * j) & 3]).collect() };
        (from..from + n).map(|i| format!("{}\t{}\n", letters(i * 37), i % 2)).collect()
    };
    let train = dir.put("train.tsv", format!("sequence\tlabel\n{}", rows(0, 200)));
    let test = dir.put("test.tsv", format!("sequence\tlabel\n{}", rows(300, 50)));
    let file = |path: PathBuf, split| InputFile { path, split: Some(split) };
    let files = vec![file(train, Split::Train), file(test, Split::Test)];
    let built = sequences(&spec(SequencesInput::Table { files, columns: TableColumns::default() })).unwrap();
    let count = |split| built.dataset.rows_of(split).len();
    assert_eq!((count(Split::Train), count(Split::Valid), count(Split::Test)), (180, 20, 50));
}

#[test]
fn policies_that_cannot_be_served_are_refused() {
    let dir = Dir::new();
    let fasta = dir.put("a.fa", ">x\nACGT\n>y\nACGA\n>z\nACGG\n");
    let input = SequencesInput::Binary { task: "t".into(), positives: vec![fasta.into()], negatives: vec![] };
    let background =
        Negatives::Background { per_positive: 1, blacklist: None, same_chromosome: true, gc_tolerance: 0.1 };
    assert!(
        fails(sequences(&SequencesSpec { negatives: background, ..spec(input.clone()) }))
            .to_string()
            .contains("genome")
    );
    let chromosome = SplitPolicy::Chromosome { valid: vec![], test: vec!["chr1".into()] };
    assert!(sequences(&SequencesSpec { split: Some(chromosome), ..spec(input.clone()) }).is_err());
    assert!(sequences(&SequencesSpec { length: Some(0), ..spec(input.clone()) }).is_err());
    let test = InputFile { path: dir.put("b.fa", ">w\nTTTT\n"), split: Some(Split::Test) };
    let SequencesInput::Binary { positives, .. } = input else { panic!("a binary input") };
    let mixed = SequencesInput::Binary { task: "t".into(), positives, negatives: vec![test] };
    assert!(fails(sequences(&spec(mixed))).to_string().contains("a split for every sequence"));
    let classes = dir.put("t.tsv", "sequence\tlabel\nACGT\ta\nACGA\tb\n");
    let shuffled = SequencesSpec { negatives: Negatives::Shuffle { per_positive: 1 }, ..spec(table(classes)) };
    assert!(fails(sequences(&shuffled)).to_string().contains("binary"));
}

#[test]
fn a_slip_in_the_split_column_is_an_error_and_not_another_division() {
    let dir = Dir::new();
    for (found, named) in [("tset", "\"tset\""), ("fold1", "\"fold1\""), ("", "found nothing"), (" ", "found nothing")]
    {
        let text = format!("sequence\tlabel\tsplit\nACGT\t1\ttrain\nACGA\t0\t{found}\nACGG\t1\ttest\n");
        let path = dir.put("t.tsv", text);
        let parts = ["line 3", "train, valid or test", named, "--split random|group:COLUMN"];
        says(sequences(&spec(table(path.clone()))), &path, &parts);
        // Where the column was not asked for, it does not matter.
        let random = SequencesSpec { split: Some(SplitPolicy::random()), ..spec(table(path)) };
        assert_eq!(sequences(&random).unwrap().dataset.examples.len(), 3);
    }
    let empty = dir.put("e.tsv", "sequence\tlabel\tsplit\nACGT\t1\t\nACGA\t0\t \nACGG\t1\t\nACCC\t0\t\n");
    let built = sequences(&spec(table(empty))).unwrap();
    assert_eq!(built.provenance.notes["split"], "random");
}

#[test]
fn splits_are_spelled_in_many_ways() {
    let dir = Dir::new();
    let text = "sequence\tlabel\tsplit\nACGT\t1\tTRAIN\nACGA\t0\tDev\nACGG\t1\tvalidation\nAACC\t0\tTEST\n";
    let built = sequences(&spec(table(dir.put("t.tsv", text)))).unwrap();
    let splits: Vec<Split> = built.dataset.examples.iter().map(|example| example.split).collect();
    assert_eq!(splits, [Split::Train, Split::Valid, Split::Valid, Split::Test]);
    assert_eq!(built.provenance.notes["split"], "given");
    assert!(built.warnings.is_empty());
}

#[test]
fn a_split_column_in_one_of_two_tables_is_not_lost() {
    let dir = Dir::new();
    let with = dir.put("with.tsv", "sequence\tlabel\tsplit\nACGT\t1\ttrain\nACGA\t0\ttest\n");
    let without = dir.put("without.tsv", "sequence\tlabel\nTTTT\t1\n");
    let files = vec![without.clone().into(), with.clone().into()];
    let both = SequencesInput::Table { files, columns: TableColumns::default() };
    says(sequences(&spec(both)), &without, &["expected a column \"split\""]);
    // A file that decides its own split needs no column.
    let files = vec![InputFile { path: without, split: Some(Split::Test) }, with.into()];
    let built = sequences(&spec(SequencesInput::Table { files, columns: TableColumns::default() })).unwrap();
    assert_eq!(built.dataset.rows_of(Split::Test).len(), 2);
}

#[test]
fn absurd_amounts_are_refused_with_their_numbers() {
    let dir = Dir::new();
    let fasta = dir.put("a.fa", ">x\nACGTACGT\n>y\nACGAACGG\n");
    let input = |task: &str| SequencesInput::Binary {
        task: task.into(),
        positives: vec![fasta.clone().into()],
        negatives: vec![],
    };
    for length in [0, 100_000_001, 99_999_999_999] {
        let error = fails(sequences(&SequencesSpec { length: Some(length), ..spec(input("t")) }));
        assert_eq!(error.to_string(), format!("expected a length from 1 to 100000000 bases, found {length}"));
        assert!(error.hint().unwrap().contains("--length"));
    }
    let shuffles = |per_positive| SequencesSpec { negatives: Negatives::Shuffle { per_positive }, ..spec(input("t")) };
    assert!(fails(sequences(&shuffles(0))).to_string().contains("at least 1 negative"));
    for per_positive in [1_000_000_000, usize::MAX] {
        let told = fails(sequences(&shuffles(per_positive))).to_string();
        let parts = ["at most 8 GiB", "2 positives of 8 letters", &per_positive.to_string()];
        assert!(parts.iter().all(|part| told.contains(part)), "{told}");
    }
    assert!(fails(sequences(&spec(input(" ")))).to_string().contains("name for the task"));
}

#[test]
fn an_empty_split_that_was_asked_for_is_told() {
    let dir = Dir::new();
    let path = dir.put("t.tsv", "sequence\tlabel\tgene\nACGT\t1\ta\nACGA\t0\tb\nACGG\t1\ta\n");
    let group = SplitPolicy::Group { column: "gene".into(), valid: 0.1, test: 0.1 };
    let built = sequences(&SequencesSpec { split: Some(group), ..spec(table(path.clone())) }).unwrap();
    let told = "split is empty: 2 groups in column \"gene\" are too few";
    assert_eq!(built.warnings.len(), 1);
    assert!(built.warnings[0].ends_with(told), "{:?}", built.warnings);
    assert_eq!(built.provenance.notes["warnings"][0], built.warnings[0].as_str());

    let one = dir.put("o.tsv", "sequence\tlabel\nACGT\t1\nACGT\t0\n");
    let warnings = sequences(&spec(table(one.clone()))).unwrap().warnings;
    let expected =
        ["valid", "test"].map(|split| format!("the {split} split is empty: 1 different sequence is too few"));
    assert_eq!(warnings, expected);
    let none = SequencesSpec { split: Some(SplitPolicy::Random { valid: 0.0, test: 0.0 }), ..spec(table(one)) };
    let built = sequences(&none).unwrap();
    assert!(built.warnings.is_empty() && !built.provenance.notes.contains_key("warnings"));

    let given = dir.put("g.tsv", "sequence\tlabel\tsplit\nACGT\t1\ttrain\nACGA\t0\ttest\n");
    let warnings = sequences(&spec(table(given))).unwrap().warnings;
    assert_eq!(warnings, ["the valid split is empty: 1 different training sequence is too few"]);
}
