use super::*;
use crate::random::{below, stream};
use crate::{Alphabet, CasePolicy, Encoding, Example, Task, TaskKind, reverse_complement};

/// Rows alternate between labels 0 and 1; the first 60 % are train, then 20 % valid and 20 % test.
fn dataset(n: usize, length: usize) -> Dataset {
    let mut rng = stream(2, "check", &[]);
    let examples = (0..n).map(|i| Example {
        id: format!("r{i}"),
        place: None,
        split: if i < n * 6 / 10 {
            Split::Train
        } else if i < n * 8 / 10 {
            Split::Valid
        } else {
            Split::Test
        },
        sequence: (0..length).map(|_| b"ACGT"[below(&mut rng, 4)]).collect(),
        labels: vec![(i % 2) as f64],
        covariates: vec![],
        control: vec![],
        weight: 1.0,
    });
    Dataset {
        encoding: Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore },
        length,
        jitter: 0,
        tasks: vec![Task { name: "site".into(), kind: TaskKind::Binary }],
        covariates: vec![],
        control: None,
        examples: examples.collect(),
    }
}

fn find(report: &CheckReport, kind: FindingKind, splits: &[Split]) -> Finding {
    report.findings.iter().find(|f| f.kind == kind && f.splits == splits).expect("the finding").clone()
}

fn run(dataset: &Dataset) -> CheckReport {
    check(dataset, &CheckOptions::default())
}

#[test]
fn a_clean_data_set_has_nothing() {
    let data = dataset(200, 100);
    let report = run(&data);
    assert_eq!(report.worst(), Severity::Ok, "{:#?}", report.findings);
    assert_eq!(report.splits[&Split::Train], 120);
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<CheckReport>(&json).unwrap(), report);
    assert!(json.contains("\"copies-across-splits\"") && json.contains("\"severity\":\"ok\""), "{json}");
    let (same, removals) = fix(&data, &CheckOptions::default());
    assert!(same == data && removals.is_empty());
}

#[test]
fn an_empty_data_set_is_only_empty() {
    let mut data = dataset(0, 10);
    let report = run(&data);
    assert_eq!(find(&report, FindingKind::EmptySplit, &Split::ALL).count, 3);
    data.tasks.clear();
    assert_eq!(run(&data).worst(), Severity::Note);
    assert!(fix(&data, &CheckOptions::default()).1.is_empty());
}

#[test]
fn copies_on_either_strand_are_counted_and_taken_from_train() {
    let mut data = dataset(200, 100);
    for i in 0..10 {
        data.examples[160 + i].sequence = data.examples[i].sequence.to_ascii_lowercase();
        data.examples[160 + i].labels = data.examples[i].labels.clone();
    }
    for i in 10..14 {
        data.examples[160 + i].sequence = reverse_complement(&data.examples[i].sequence, Alphabet::Dna);
        data.examples[160 + i].labels = data.examples[i].labels.clone();
    }
    let report = run(&data);
    let copies = find(&report, FindingKind::CopiesAcrossSplits, &Split::ALL);
    assert_eq!((copies.count, copies.total, copies.severity), (14, 40, Severity::Inflates));
    assert_eq!(
        copies.message,
        "14 of 40 test sequences are in train or valid (14 in train, 0 in valid), 4 of them as reverse complements only"
    );
    assert_eq!((copies.examples.len(), copies.examples[0].as_str()), (5, "r160 = r0"));
    let near = find(&report, FindingKind::NearDuplicatesAcrossSplits, &[Split::Train, Split::Test]);
    assert_eq!(near.severity, Severity::Ok, "{near:?}");

    let (fixed, removals) = fix(&data, &CheckOptions::default());
    assert_eq!((fixed.rows_of(Split::Train).len(), fixed.rows_of(Split::Test).len()), (106, 40));
    assert_eq!(removals.len(), 14);
    assert_eq!((removals[3].id.as_str(), removals[3].kept.as_deref()), ("r3", Some("r163")));
    assert!(removals.iter().all(|r| r.reason == FindingKind::CopiesAcrossSplits && r.split == Split::Train));
    assert_eq!(run(&fixed).worst(), Severity::Ok);

    data.encoding.alphabet = Alphabet::Rna;
    let rna = find(&run(&data), FindingKind::CopiesAcrossSplits, &Split::ALL);
    assert_eq!(rna.count, 10, "the other strand of RNA is another molecule");
}

#[test]
fn repeats_and_conflicts_within_a_part() {
    let mut data = dataset(200, 50);
    data.examples[2].sequence = data.examples[0].sequence.clone();
    data.examples[4].sequence = reverse_complement(&data.examples[0].sequence, Alphabet::Dna);
    data.examples[7].sequence = data.examples[6].sequence.clone();
    let report = run(&data);
    let train = [Split::Train];
    assert_eq!(find(&report, FindingKind::Duplicates, &train).count, 2);
    assert_eq!(find(&report, FindingKind::ReverseComplementDuplicates, &train).count, 1);
    let conflict = find(&report, FindingKind::ConflictingLabels, &[]);
    assert_eq!((conflict.count, conflict.severity), (2, Severity::Note));
    let (fixed, removals) = fix(&data, &CheckOptions::default());
    let ids: Vec<_> = removals.iter().map(|r| (r.id.as_str(), r.reason, r.kept.as_deref())).collect();
    assert_eq!(
        ids,
        [
            ("r2", FindingKind::Duplicates, Some("r0")),
            ("r4", FindingKind::ReverseComplementDuplicates, Some("r0")),
            ("r6", FindingKind::ConflictingLabels, None),
            ("r7", FindingKind::ConflictingLabels, None),
        ]
    );
    assert_eq!(run(&fixed).worst(), Severity::Ok);
    // Unknown labels and replicate measurements are no conflict.
    data.examples[7].labels = vec![f64::NAN];
    assert_eq!(find(&run(&data), FindingKind::ConflictingLabels, &[]).count, 0);
    data.examples[7].labels = vec![1.0];
    data.tasks[0].kind = TaskKind::Regression;
    assert_eq!(find(&run(&data), FindingKind::ConflictingLabels, &[]).count, 0);
}

#[test]
fn near_duplicates_are_found_verified_and_removed() {
    let mut data = dataset(300, 200);
    for i in 0..8 {
        let mut copy = data.examples[i].sequence.clone();
        match i % 4 {
            // Two substitutions, a shift by 20 bases, the other strand of one substitution, half another sequence.
            0 => (0..2).for_each(|j| copy[60 + 70 * j] = if copy[60 + 70 * j] == b'A' { b'C' } else { b'A' }),
            1 => copy.rotate_left(20),
            2 => {
                copy[100] = if copy[100] == b'G' { b'T' } else { b'G' };
                copy = reverse_complement(&copy, Alphabet::Dna);
            }
            _ => copy[..100].copy_from_slice(&data.examples[i + 50].sequence[..100]),
        }
        data.examples[250 + i].sequence = copy;
    }
    let report = run(&data);
    let near = find(&report, FindingKind::NearDuplicatesAcrossSplits, &[Split::Train, Split::Test]);
    assert_eq!((near.count, near.severity), (6, Severity::Inflates), "{near:?}");
    assert!(near.message.contains("6 of 60 test sequences share at least 80 %"), "{}", near.message);
    assert_eq!(find(&report, FindingKind::CopiesAcrossSplits, &Split::ALL).count, 0);
    let (fixed, removals) = fix(&data, &CheckOptions::default());
    let ids: Vec<&str> = removals.iter().map(|r| r.id.as_str()).collect();
    assert_eq!(ids, ["r0", "r1", "r2", "r4", "r5", "r6"]);
    assert_eq!(run(&fixed).inflating().count(), 0);
    let off = CheckOptions { near_duplicates: false, ..Default::default() };
    assert!(check(&data, &off).findings.iter().all(|f| f.kind != FindingKind::NearDuplicatesAcrossSplits));
}

#[test]
fn relatives_are_counted_and_removed_if_asked() {
    let mut data = dataset(300, 200);
    for i in 0..6 {
        // Every eighth base replaced, and the second half shared on the other strand.
        let mut copy = data.examples[i].sequence.clone();
        if i % 2 == 0 {
            (0..200).step_by(8).for_each(|at| copy[at] = if copy[at] == b'A' { b'C' } else { b'A' });
        } else {
            copy[..90].copy_from_slice(&data.examples[i + 50].sequence[..90]);
            copy = reverse_complement(&copy, Alphabet::Dna);
        }
        data.examples[250 + i].sequence = copy;
    }
    let splits = [Split::Train, Split::Test];
    let found = find(&run(&data), FindingKind::RelativesAcrossSplits, &splits);
    assert_eq!((found.count, found.total, found.severity), (6, 60, Severity::Inflates));
    let expected = "6 of 60 test sequences have a relative in train (80 % identity over 50 % of the shorter sequence; copies included)";
    assert_eq!((found.message.as_str(), found.examples[0].as_str()), (expected, "r250 = r0"));
    let valid = find(&run(&data), FindingKind::RelativesAcrossSplits, &[Split::Train, Split::Valid]);
    assert_eq!((valid.count, valid.severity), (0, Severity::Ok));

    // Rows stay unless asked for; near-duplicates and copies have gone before.
    assert!(fix(&data, &CheckOptions::default()).1.iter().all(|r| r.reason != FindingKind::RelativesAcrossSplits));
    let options = CheckOptions { remove_relatives: true, ..Default::default() };
    let (fixed, removals) = fix(&data, &options);
    let ids: Vec<&str> = removals.iter().map(|r| r.id.as_str()).collect();
    assert_eq!(ids, ["r0", "r1", "r2", "r3", "r4", "r5"]);
    assert_eq!(removals[0].kept.as_deref(), Some("r250"));
    assert_eq!(run(&fixed).worst(), Severity::Ok);
    let off = CheckOptions { relatives: None, ..options };
    assert!(check(&data, &off).findings.iter().all(|f| f.kind != FindingKind::RelativesAcrossSplits));
    // Two of 60 are worth a note.
    data.examples.drain(252..256);
    assert_eq!(find(&run(&data), FindingKind::RelativesAcrossSplits, &splits).severity, Severity::Note);
}

#[test]
fn repetitive_sequences_neither_match_nor_take_long() {
    let mut data = dataset(3000, 200);
    for (i, example) in data.examples.iter_mut().enumerate() {
        let unit: &[u8] = [&b"A"[..], b"AC", b"ACG"][i % 3];
        example.sequence = unit.iter().copied().cycle().take(150 + i % 50).collect();
        example.sequence.extend(b"NNNN");
    }
    let report = run(&data);
    assert_eq!(find(&report, FindingKind::NearDuplicatesAcrossSplits, &[Split::Train, Split::Test]).count, 0);
}

#[test]
fn a_family_of_near_copies_is_cleared_to_the_last() {
    let mut data = dataset(1000, 120);
    let parent = data.examples[0].sequence.clone();
    let mut rng = stream(3, "family", &[]);
    for example in &mut data.examples {
        example.sequence = parent.clone();
        let at = below(&mut rng, 120);
        example.sequence[at] = b"ACGT"[below(&mut rng, 4)];
    }
    let (fixed, _) = fix(&data, &CheckOptions::default());
    assert!(run(&fixed).inflating().all(|f| f.kind != FindingKind::NearDuplicatesAcrossSplits));
}

#[test]
fn spelling_case_and_n_are_measured_against_the_label() {
    let mut data = dataset(400, 60);
    data.encoding.alphabet = Alphabet::Rna;
    for example in data.examples.iter_mut().filter(|e| e.labels[0] == 1.0) {
        for letter in &mut example.sequence {
            *letter = if *letter == b'T' { b'U' } else { *letter };
        }
        example.sequence[..20].make_ascii_lowercase();
        example.sequence[59] = b'N';
    }
    let report = run(&data);
    let u = find(&report, FindingKind::MixedTAndU, &[]);
    assert_eq!((u.count, u.severity), (200, Severity::Inflates));
    assert!(u.value.unwrap() > 0.99 && u.message.contains("basewise reads U as T"), "{u:?}");
    assert_eq!(find(&report, FindingKind::UnknownBases, &[]).severity, Severity::Inflates);
    let case = find(&report, FindingKind::CasePredictsLabel, &[]);
    assert_eq!((case.severity, case.value), (Severity::Note, Some(1.0)));
    data.encoding.case = CasePolicy::Channel;
    assert_eq!(find(&run(&data), FindingKind::CasePredictsLabel, &[]).severity, Severity::Inflates);

    // Half of each class in U: worth a note only.
    let mut data = dataset(400, 60);
    for (i, example) in data.examples.iter_mut().enumerate() {
        if i % 4 < 2 {
            example.sequence = example.sequence.iter().map(|&l| if l == b'T' { b'U' } else { l }).collect();
        }
    }
    let u = find(&run(&data), FindingKind::MixedTAndU, &[]);
    assert_eq!((u.count, u.severity), (200, Severity::Note));
}

#[test]
fn composition_and_length_are_measured_for_every_kind_of_task() {
    let mut data = dataset(300, 80);
    for (i, example) in data.examples.iter_mut().enumerate() {
        if i % 2 == 1 {
            example.sequence.truncate(70);
            example.sequence[..30].fill(b'G');
        }
    }
    let report = run(&data);
    assert_eq!(find(&report, FindingKind::GcPredictsLabel, &[]).severity, Severity::Note);
    let length = find(&report, FindingKind::LengthPredictsLabel, &[]);
    assert_eq!((length.severity, length.value), (Severity::Inflates, Some(0.0)));
    data.length = 70;
    assert_eq!(find(&run(&data), FindingKind::LengthPredictsLabel, &[]).severity, Severity::Note);
    data.length = 80;
    data.tasks[0].kind = TaskKind::Regression;
    assert_eq!(find(&run(&data), FindingKind::LengthPredictsLabel, &[]).severity, Severity::Inflates);
    data.tasks[0].kind = TaskKind::Classes { classes: vec!["a".into(), "b".into(), "never".into()] };
    let length = find(&run(&data), FindingKind::LengthPredictsLabel, &[]);
    assert!(length.severity == Severity::Inflates && length.message.contains("against the rest"), "{length:?}");
}

#[test]
fn a_chance_association_of_few_rows_is_no_finding() {
    let mut data = dataset(8, 80);
    for (example, gc) in data.examples.iter_mut().zip([1, 3, 2, 4, 0, 5, 1, 2]) {
        example.sequence = [vec![b'G'; gc], vec![b'A'; 80 - gc]].concat();
    }
    assert_eq!(find(&run(&data), FindingKind::GcPredictsLabel, &[]).severity, Severity::Ok);
}

#[test]
fn one_class_and_missing_labels_are_told() {
    let mut data = dataset(100, 60);
    for row in data.rows_of(Split::Test) {
        data.examples[row].labels[0] = 1.0;
    }
    data.examples[0].labels[0] = f64::NAN;
    let report = run(&data);
    assert_eq!(find(&report, FindingKind::OneClassSplit, &[Split::Test]).count, 20);
    let unknown = find(&report, FindingKind::UnknownLabels, &[]);
    assert_eq!((unknown.count, unknown.examples.as_slice()), (1, &["r0".to_owned()][..]));
}

#[test]
fn a_control_that_is_the_signal_itself_is_told() {
    let mut data = dataset(200, 30);
    let tracks = ["same", "noise"].map(str::to_owned).to_vec();
    data.control = Some(crate::ControlSignal { tracks, bins: 2, bin_size: 1, strand_pairs: vec![] });
    let profile =
        crate::Profile { tracks: vec!["t".into()], bins: 2, bin_size: 1, strand_pairs: vec![], count_weight: 1.0 };
    data.tasks[0].kind = TaskKind::Profile(profile);
    for (i, example) in data.examples.iter_mut().enumerate() {
        let signal = (i * 37 % 101) as f64;
        example.labels = vec![signal, 3.0];
        example.control = vec![f64::NAN, signal, (i / 2 % 9) as f64, 1.0];
    }
    let report = run(&data);
    let found: Vec<&Finding> = report.findings.iter().filter(|f| f.kind == FindingKind::ControlPredictsLabel).collect();
    assert_eq!(found.iter().map(|f| f.severity).collect::<Vec<_>>(), [Severity::Inflates, Severity::Ok]);
    assert!(found[0].message.contains("\"same\" has signal in 198 of 200 rows"), "{}", found[0].message);
}

#[test]
fn a_covariate_that_gives_the_label_away_is_told() {
    let mut data = dataset(200, 60);
    let fit = |name: &str| crate::Covariate::fit(name, crate::Transform::None, std::iter::empty());
    data.covariates = vec![fit("answer"), fit("hint"), fit("noise")];
    for (i, example) in data.examples.iter_mut().enumerate() {
        let label = example.labels[0];
        let answer = if i % 10 == 3 { f64::NAN } else { 7.0 * label + (i % 5) as f64 };
        example.covariates = vec![answer, label + (i % 7) as f64 / 3.0, (i / 2 % 9) as f64];
    }
    let report = check(&data, &CheckOptions::default());
    let found: Vec<&Finding> =
        report.findings.iter().filter(|f| f.kind == FindingKind::CovariatePredictsLabel).collect();
    let severities: Vec<Severity> = found.iter().map(|finding| finding.severity).collect();
    assert_eq!(severities, [Severity::Inflates, Severity::Note, Severity::Ok]);
    assert_eq!((found[0].count, found[0].value), (180, Some(1.0)));
    assert!(found[0].message.contains("\"answer\" is known for 180 of 200 rows"), "{}", found[0].message);
}

#[test]
fn places_that_never_vary_in_training_are_named() {
    let mut data = dataset(200, 100);
    assert_eq!(find(&run(&data), FindingKind::ConstantPositions, &[Split::Train]).count, 0);
    for example in &mut data.examples {
        example.sequence[0] = b'u';
        example.sequence[69..71].copy_from_slice(b"AG");
        example.sequence[99] = b'C';
    }
    let found = find(&run(&data), FindingKind::ConstantPositions, &[Split::Train]);
    assert_eq!((found.count, found.total, found.severity), (4, 100, Severity::Note));
    assert!(found.message.contains("have T at 1, AG at 70 to 71, C at 100 (counted"), "{}", found.message);

    data.examples[3].sequence[99] = b'A';
    data.examples[4].sequence[0] = b'N';
    data.examples[150].sequence[69] = b'C'; // valid, which is not what a model learns from
    assert_eq!(find(&run(&data), FindingKind::ConstantPositions, &[Split::Train]).count, 2);
    data.examples[5].sequence.pop();
    assert_eq!(find(&run(&data), FindingKind::ConstantPositions, &[Split::Train]).count, 0, "lengths differ");
    let few = dataset(60, 3);
    assert_eq!(find(&run(&few), FindingKind::ConstantPositions, &[Split::Train]).count, 0, "36 rows");
}
