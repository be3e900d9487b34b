use crate::support::{Dir, fails};
use basewise_core::source::{ExampleSource, Rows};
use basewise_core::{Alphabet, CasePolicy, Encoding, Interval, Split, Strand, TaskKind};
use basewise_io::build::{
    ControlFiles, IntervalsSpec, Missing, Negatives, OutOfBounds, PeakFile, SignalSpec, SplitPolicy, TrackFile,
    WindowPolicy, signal,
};
use basewise_io::dataset;

const DNA: Encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };

/// A contig of 20 bases; `plus` has its position counted from 1 at each base but the first four, `minus` 100 more.
fn spec(dir: &Dir, bed: &str, jitter: usize) -> SignalSpec {
    let genome = dir.put("g.fa", ">c\nACGTACGTACGTACGTACGT\n");
    let track = |name: &str, offset: usize| {
        let lines: String = (4..20).map(|i| format!("c\t{i}\t{}\t{}\n", i + 1, offset + i + 1)).collect();
        TrackFile { name: name.into(), path: dir.put(&format!("{name}.bedGraph"), lines) }
    };
    let peaks = vec![PeakFile { task: "p".into(), path: dir.put("p.bed", bed) }];
    let places = IntervalsSpec {
        jitter,
        split: Some(SplitPolicy::Random { valid: 0.0, test: 0.0 }),
        ..IntervalsSpec::new(genome, peaks, WindowPolicy::Centred(8), DNA)
    };
    SignalSpec {
        places,
        task: "signal".into(),
        tracks: vec![track("plus", 0), track("minus", 100)],
        strand_pairs: vec![[0, 1]],
        control: vec![],
        control_pairs: vec![],
        output_window: 4,
        bin_size: 2,
        missing: Missing::Zero,
        absolute: false,
        count_weight: Some(2.0),
    }
}

#[test]
fn bins_lie_in_the_middle_with_margins_and_turn_with_the_strand() {
    let dir = Dir::new();
    let built = signal(&spec(&dir, "c\t9\t11\ta\t0\t+\nc\t9\t11\tb\t0\t-\n", 2)).unwrap();
    let plus = [15., 19., 23., 27.];
    let minus = plus.map(|sum| sum + 200.0);
    let turned = |bins: [f64; 4]| bins.into_iter().rev().collect::<Vec<_>>();
    assert_eq!(built.dataset.examples[0].labels, [plus, minus].concat());
    assert_eq!(built.dataset.examples[1].labels, [turned(minus), turned(plus)].concat());
    assert_eq!(built.dataset.seen_labels(0), [19., 23., 219., 223.]);
    assert_eq!(built.dataset.label(0, 0), 485f64.ln());
    let TaskKind::Profile(profile) = &built.dataset.tasks[0].kind else { panic!("a profile") };
    assert_eq!((profile.bins, profile.count_weight, profile.label_count(2)), (2, 2.0, 8));
    assert_eq!(built.provenance.sources.len(), 4);
}

#[test]
fn a_profile_data_set_is_read_as_it_was_written() {
    let dir = Dir::new();
    let spec = SignalSpec { missing: Missing::Unknown, ..spec(&dir, "c\t9\t11\nc\t5\t7\nc\t3\t5\n", 0) };
    let built = signal(&spec).unwrap();
    // Bases without a value stay unknown where a bin has no other.
    assert!(built.dataset.examples[2].labels[0].is_nan() && built.dataset.examples[2].labels[1] == 11.0);
    dataset::save(&dir.at("d"), &built.dataset, &built.provenance, &[], false).unwrap();
    let (loaded, _) = dataset::load(&dir.at("d")).unwrap();
    let bits = |labels: &[f64]| labels.iter().map(|label| label.to_bits()).collect::<Vec<_>>();
    let (stored, _) = dataset::open(&dir.at("d")).unwrap();
    let mut rows = Rows::new(&stored.header());
    stored.read(0, Split::Train, &mut rows).unwrap();
    for (i, example) in built.dataset.examples.iter().enumerate() {
        assert_eq!(bits(&example.labels), bits(&loaded.examples[i].labels));
        assert_eq!(bits(&example.labels), bits(rows.labels(i)));
    }
    let known = stored.counts().known(0, Split::Train);
    assert_eq!((known.count, known.least, known.most), (6, 11.0, 442.0));
}

/// Control tracks of half and twice the signal, from the ninth base on; before it nothing is known.
fn with_control(dir: &Dir, spec: SignalSpec) -> SignalSpec {
    let track = |name: &str, factor: f64| {
        let lines: String = (8..20).map(|i| format!("c\t{i}\t{}\t{}\n", i + 1, factor * f64::from(i + 1))).collect();
        TrackFile { name: name.into(), path: dir.put(&format!("{name}.bedGraph"), lines) }
    };
    let control = vec![track("input.plus", 0.5), track("input.minus", 2.0)];
    SignalSpec { control, control_pairs: vec![[0, 1]], ..spec }
}

#[test]
fn a_control_lies_as_the_labels_do_and_what_is_missing_stays_so() {
    let dir = Dir::new();
    let bed = "c\t9\t11\ta\t0\t+\nc\t9\t11\tb\t0\t-\n";
    let built = signal(&with_control(&dir, spec(&dir, bed, 2))).unwrap();
    let shown = |row: usize| built.dataset.examples[row].control.iter().map(f64::to_string).collect::<Vec<_>>();
    // Labels begin at the seventh base, 15 for two of them.
    assert_eq!(shown(0), ["NaN", "9.5", "11.5", "13.5", "NaN", "38", "46", "54"]);
    assert_eq!(shown(1), ["54", "46", "38", "NaN", "13.5", "11.5", "9.5", "NaN"]);
    assert_eq!(built.dataset.seen_control(0), [9.5, 11.5, 38.0, 46.0]);
    assert_eq!(built.dataset.seen_labels(0), [19., 23., 219., 223.]);
    let control = built.dataset.control.clone().unwrap();
    assert_eq!(control.to_string(), "input.plus, input.minus in 2 bins of 2");
    assert_eq!(built.provenance.sources.len(), 6);
    assert_eq!(built.provenance.notes["control_without_value"][1], serde_json::json!(["input.minus", 0.25]));

    dataset::save(&dir.at("d"), &built.dataset, &built.provenance, &[], false).unwrap();
    let (loaded, _) = dataset::load(&dir.at("d")).unwrap();
    let (stored, _) = dataset::open(&dir.at("d")).unwrap();
    assert_eq!((loaded.control.as_ref(), stored.header().control.as_ref()), (Some(&control), Some(&control)));
    let mut rows = Rows::new(&stored.header());
    stored.read(0, Split::Train, &mut rows).unwrap();
    let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    for (i, example) in built.dataset.examples.iter().enumerate() {
        assert_eq!(bits(&example.control), bits(&loaded.examples[i].control));
        assert_eq!(bits(&example.control), bits(rows.control(i)));
    }

    // The same files for a window that is in no data set.
    let genome = basewise_io::Genome::open(&dir.at("g.fa")).unwrap();
    let files = ["input.plus", "input.minus"].map(|name| dir.at(&format!("{name}.bedGraph")));
    let files = ControlFiles::open(&genome, &control, &files, false).unwrap();
    for (row, strand) in [Strand::Forward, Strand::Reverse].into_iter().enumerate() {
        let place = Interval { chrom: "c".into(), start: 6, end: 14, strand };
        assert_eq!(files.bins(&place, 8).unwrap(), built.dataset.seen_control(row));
    }
    let error = fails(ControlFiles::open(&genome, &control, &[], false));
    assert!(error.to_string().contains("for each of input.plus, input.minus, found 0"), "{error}");
}

#[test]
fn a_control_that_does_not_fit_is_told() {
    let dir = Dir::new();
    let says = |change: &dyn Fn(&mut SignalSpec), part: &str| {
        let mut spec = with_control(&dir, spec(&dir, "c\t9\t11\n", 0));
        change(&mut spec);
        let error = fails(signal(&spec)).to_string();
        assert!(error.contains(part), "{error:?} does not say {part:?}");
    };
    says(&|s| s.control[1].name = "input.plus".into(), "control: expected different tracks");
    says(&|s| s.control_pairs = vec![[0, 3]], "control: expected pairs of two");
    says(&|s| s.control[0].path = dir.put("n.bedGraph", "c\t8\t9\t-3\n"), "expected signal of at least 0, found -3");
    says(&|s| s.control[0].path = dir.put("x.bedGraph", "chrc\t1\t2\t3\n"), "one of its contigs");
    let built = signal(&with_control(&dir, spec(&dir, "c\t9\t11\n", 0))).unwrap();
    let save = |change: &dyn Fn(&mut basewise_core::Dataset)| {
        let mut data = built.dataset.clone();
        change(&mut data);
        fails(dataset::save(&dir.at("e"), &data, &built.provenance, &[], false)).to_string()
    };
    assert!(save(&|d| d.examples[0].control.truncate(1)).contains("expected 4 values of the control, found 1"));
    assert!(save(&|d| d.control.as_mut().unwrap().bins = 3).contains("expected 2 bins of 2 as task \"signal\" has"));
    assert!(save(&|d| d.control = None).contains("expected 0 values of the control"));
}

#[test]
fn what_is_beyond_the_chromosome_is_unknown() {
    let dir = Dir::new();
    let mut spec = spec(&dir, "c\t0\t2\nc\t18\t20\n", 0);
    spec.places.out_of_bounds = OutOfBounds::Pad;
    spec.output_window = 8;
    let built = signal(&spec).unwrap();
    // Windows -3..5 and 15..23, in bins of two; the first four bases have no value, which is read as 0.
    let shown = |row: usize| built.dataset.examples[row].labels[..4].iter().map(f64::to_string).collect::<Vec<_>>();
    assert_eq!(shown(0), ["NaN", "0", "0", "5"]);
    assert_eq!(shown(1), ["33", "37", "20", "NaN"]);
}

#[test]
fn the_usual_weight_of_totals_is_a_tenth_of_their_median() {
    let dir = Dir::new();
    let spec = SignalSpec { count_weight: None, ..spec(&dir, "c\t9\t11\nc\t11\t13\n", 0) };
    let built = signal(&spec).unwrap();
    let TaskKind::Profile(profile) = &built.dataset.tasks[0].kind else { panic!("a profile") };
    // Totals 42, 50, 442 and 450.
    assert_eq!(profile.count_weight, 44.2);
}

#[test]
fn numbers_and_tracks_that_do_not_fit_are_told() {
    let dir = Dir::new();
    let made = |change: &dyn Fn(&mut SignalSpec)| {
        let mut spec = spec(&dir, "c\t9\t11\n", 0);
        change(&mut spec);
        signal(&spec)
    };
    let says = |change: &dyn Fn(&mut SignalSpec), parts: &[&str]| {
        let error = fails(made(change));
        let told = format!("{error}\n{}", error.hint().unwrap_or_default());
        assert!(parts.iter().all(|part| told.contains(part)), "{told:?} does not say {parts:?}");
    };
    says(&|s| s.output_window = 5, &["whole bins of 2"]);
    says(&|s| s.output_window = 10, &["as far from both ends of 8"]);
    says(&|s| (s.bin_size, s.output_window) = (1, 5), &["as far from both ends of 8"]);
    says(&|s| s.places.jitter = 1, &["a multiple of the bins of 2"]);
    says(&|s| s.places.negatives = Negatives::Shuffle { per_positive: 1 }, &["with a place"]);
    says(&|s| s.strand_pairs = vec![[0, 2]], &["pairs of two different tracks"]);
    says(&|s| s.tracks[1].name = "plus".into(), &["found \"plus\" twice"]);
    says(&|s| s.tracks[0].path = dir.put("x.bedGraph", "chrc\t1\t2\t3\n"), &["one of its contigs", "\"c\""]);
    says(&|s| s.tracks[0].path = dir.put("n.bedGraph", "c\t8\t9\t-3\n"), &["at least 0", "c:9"]);
    let absolute = made(&|s| {
        s.tracks[0].path = dir.put("n.bedGraph", "c\t8\t9\t-3\n");
        s.absolute = true;
    });
    assert_eq!(absolute.unwrap().dataset.examples[0].labels[0], 3.0);
    let longer = dir.at("l.bw");
    let run = basewise_io::bigwig::Run { contig: 0, start: 0, end: 9, value: 1.0 };
    basewise_io::bigwig::write(&longer, &[("c".into(), 21)], || [run].into_iter()).unwrap();
    says(&|s| s.tracks[0].path.clone_from(&longer), &["of 20 bases", "found 21", "same genome assembly"]);
}
