use super::*;
use std::collections::BTreeMap;

fn motif(id: &str, bases: &[usize]) -> Motif {
    let rows = bases.iter().map(|&b| std::array::from_fn(|i| if i == b { 0.85 } else { 0.05 })).collect();
    Motif::from_probabilities(id, "", Alphabet::Dna, rows, 20.0)
}

fn motifs() -> Vec<Motif> {
    vec![motif("one", &[0, 1, 2, 3, 0]), motif("two", &[2, 2, 1, 1, 0, 0, 3]), motif("three", &[3, 3, 0])]
}

fn plant(motif: &str) -> Plant {
    Plant { motif: motif.into(), position: Position::Anywhere, strand: StrandRule::Forward }
}

fn at(motif: &str, position: Position) -> Plant {
    Plant { position, ..plant(motif) }
}

fn spec(logic: Logic, ids: &[&str]) -> SimulateSpec {
    let plants = ids.iter().map(|id| plant(id)).collect();
    SimulateSpec { examples: 300, length: 40, plants, logic, seed: 7, ..SimulateSpec::default() }
}

/// Checks what holds for every simulation; gives each example's label and planted instances.
fn checked(spec: &SimulateSpec) -> Vec<(bool, Vec<Planted>)> {
    let Simulated { dataset, truth, .. } = simulate(spec, &motifs()).unwrap();
    assert_eq!(dataset.examples.len(), spec.examples);
    let mut planted: BTreeMap<String, Vec<Planted>> = BTreeMap::new();
    for place in truth {
        planted.entry(place.example.clone()).or_default().push(place);
    }
    let rows: Vec<(bool, Vec<Planted>)> = dataset
        .examples
        .iter()
        .map(|example| {
            assert_eq!(example.sequence.len(), spec.length);
            let places = planted.remove(&example.id).unwrap_or_default();
            for place in &places {
                assert_eq!(&example.sequence[place.start..place.end], place.sequence.as_bytes());
            }
            assert!(places.windows(2).all(|pair| pair[0].end <= pair[1].start), "{places:?}");
            (example.labels[0] == 1.0, places)
        })
        .collect();
    assert!(planted.is_empty(), "truth of unknown examples");
    let positives = rows.iter().filter(|(label, _)| *label).count();
    assert_eq!(positives, (spec.examples as f64 * spec.positive_fraction).round() as usize);
    rows
}

fn names(places: &[Planted]) -> Vec<&str> {
    places.iter().map(|place| place.motif.as_str()).collect()
}

#[test]
fn and_positives_hold_all_and_negatives_one_of_two() {
    let rows = checked(&spec(Logic::And, &["one", "two"]));
    assert!(rows.iter().all(|(label, places)| places.len() == if *label { 2 } else { 1 }));
    let negatives: Vec<_> = rows.iter().filter(|(label, _)| !label).map(|(_, places)| names(places)).collect();
    assert!(negatives.contains(&vec!["one"]) && negatives.contains(&vec!["two"]));
    let single = checked(&spec(Logic::And, &["three"]));
    assert!(single.iter().all(|(label, places)| places.len() == usize::from(*label)));
}

#[test]
fn or_negatives_hold_none_and_positives_every_choice() {
    let rows = checked(&spec(Logic::Or, &["one", "two"]));
    assert!(rows.iter().all(|(label, places)| places.is_empty() != *label));
    for wanted in [vec!["one"], vec!["two"], vec!["one", "two"], vec!["two", "one"]] {
        assert!(rows.iter().any(|(_, places)| names(places) == wanted), "{wanted:?}");
    }
}

#[test]
fn xor_is_the_parity_of_the_motifs() {
    for ids in [&["one", "two"][..], &["one", "two", "three"]] {
        let rows = checked(&spec(Logic::Xor, ids));
        assert!(rows.iter().all(|(label, places)| (places.len() % 2 == 1) == *label));
        assert!(rows.iter().any(|(_, places)| places.len() == 2) && rows.iter().any(|(_, p)| p.is_empty()));
    }
}

#[test]
fn order_is_all_that_differs_between_the_classes() {
    let mut fixed = spec(Logic::Order, &["one", "two"]);
    fixed.plants[0].position = Position::Fixed { start: 3 };
    fixed.plants[1].position = Position::Fixed { start: 33 };
    for spec in [spec(Logic::Order, &["one", "two", "three"]), spec(Logic::Order, &["two", "one"]), fixed] {
        let listed: Vec<&str> = spec.plants.iter().map(|plant| plant.motif.as_str()).collect();
        for (label, places) in checked(&spec) {
            assert_eq!(places.len(), listed.len());
            assert_eq!(names(&places) == listed, label);
        }
    }
}

#[test]
fn gaps_stay_within_the_spacing_and_reach_its_ends() {
    let spec = SimulateSpec { spacing: Some((2, 5)), ..spec(Logic::And, &["one", "two"]) };
    let mut seen = [false; 10];
    for (_, places) in checked(&spec).iter().filter(|(label, _)| *label) {
        seen[places[1].start - places[0].end] = true;
    }
    assert_eq!(seen, [false, false, true, true, true, true, false, false, false, false]);
}

#[test]
fn positions_are_fixed_centred_or_within_their_range() {
    let at = |position| {
        let mut spec = spec(Logic::And, &["one"]);
        spec.plants[0].position = position;
        let rows = checked(&spec);
        let mut starts: Vec<usize> = rows.iter().flat_map(|(_, places)| places).map(|place| place.start).collect();
        starts.sort_unstable();
        starts.dedup();
        starts
    };
    assert_eq!(at(Position::Fixed { start: 0 }), [0]);
    assert_eq!(at(Position::Fixed { start: 35 }), [35]);
    assert_eq!(at(Position::Centred), [17]);
    assert_eq!(at(Position::Uniform { start: 10, end: 17 }), [10, 11, 12]);
    assert_eq!(at(Position::Anywhere), (0..36).collect::<Vec<_>>());
}

#[test]
fn both_strands_occur_and_carry_the_turned_motif() {
    let sharp = vec![Motif::from_probabilities("s", "", Alphabet::Dna, vec![[1.0, 0.0, 0.0, 0.0]; 3], 5.0)];
    let mut spec = SimulateSpec { examples: 100, length: 10, plants: vec![plant("s")], ..SimulateSpec::default() };
    spec.plants[0].strand = StrandRule::Both;
    let truth = simulate(&spec, &sharp).unwrap().truth;
    let of = |strand| truth.iter().filter(move |place| place.strand == strand);
    assert!(of(Strand::Forward).count() > 10 && of(Strand::Forward).all(|place| place.sequence == "AAA"));
    assert!(of(Strand::Reverse).count() > 10 && of(Strand::Reverse).all(|place| place.sequence == "TTT"));
}

#[test]
fn splits_have_their_shares_in_each_class() {
    let dataset = simulate(&spec(Logic::And, &["one"]), &motifs()).unwrap().dataset;
    for (split, wanted) in Split::ALL.into_iter().zip([120, 15, 15]) {
        for label in [0.0, 1.0] {
            let rows = dataset.examples.iter().filter(|e| e.split == split && e.labels[0] == label);
            assert_eq!(rows.count(), wanted);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_data_and_another_does_not() {
    let spec = spec(Logic::Xor, &["one", "two"]);
    let first = simulate(&spec, &motifs()).unwrap();
    assert_eq!(first, simulate(&spec, &motifs()).unwrap());
    assert_ne!(first, simulate(&SimulateSpec { seed: 8, ..spec }, &motifs()).unwrap());
}

#[test]
fn rna_is_written_with_u() {
    let rna = [Motif::from_probabilities("r", "pum", Alphabet::Rna, vec![[0.0, 0.0, 0.0, 1.0]; 4], 5.0)];
    let mut spec = SimulateSpec { examples: 10, plants: vec![plant("pum")], ..SimulateSpec::default() };
    let simulated = simulate(&spec, &rna).unwrap();
    assert_eq!(simulated.dataset.encoding.alphabet, Alphabet::Rna);
    assert!(simulated.truth.iter().all(|place| place.sequence == "UUUU" && place.motif == "r"));
    spec.plants[0].strand = StrandRule::Both;
    assert_eq!(
        simulate(&spec, &rna).unwrap_err().to_string(),
        "simulation: expected forward RNA motifs, found both strands of r"
    );
}

#[test]
fn impossible_specifications_are_refused() {
    let error = |spec: &SimulateSpec| simulate(spec, &motifs()).unwrap_err().to_string();
    let base = spec(Logic::And, &["one"]);
    let unknown = error(&spec(Logic::And, &["four"]));
    assert!(unknown.contains("one, two, three") && unknown.contains("\"four\""), "{unknown}");
    assert!(error(&SimulateSpec { length: 4, ..base.clone() }).contains("the 5 bases of one fit"));
    assert!(error(&SimulateSpec { positive_fraction: 1.5, ..base.clone() }).contains("1.5"));
    assert!(error(&SimulateSpec { background: Background::Iid { gc: f64::NAN }, ..base.clone() }).contains("NaN"));
    assert!(error(&SimulateSpec { splits: [0.0; 3], ..base.clone() }).contains("not all 0"));
    assert!(error(&SimulateSpec { spacing: Some((5, 2)), ..base.clone() }).contains("5 to 2"));
    assert!(error(&spec(Logic::Order, &["one"])).contains("at least two motifs"));
    let late = SimulateSpec { plants: vec![at("one", Position::Fixed { start: 58 })], ..base.clone() };
    assert_eq!(error(&late), "simulation: expected a position where the 5 bases of one fit, found at 58 in 40 bases");
    let twice = error(&spec(Logic::Order, &["one", "two", "one"]));
    assert!(twice.contains("expected different motifs for an order, found one twice"), "{twice}");
    let crowded = SimulateSpec { length: 11, ..spec(Logic::And, &["one", "two"]) };
    assert!(error(&crowded).contains("no free places in 11 bases"));
    let wide = SimulateSpec { spacing: Some((30, 30)), ..spec(Logic::And, &["one", "two"]) };
    assert!(error(&wide).contains("no free places"));
}

#[test]
fn no_motifs_are_allowed_but_nothing_and_too_much_are_not() {
    let plain = simulate(&SimulateSpec { examples: 5, length: 1, ..SimulateSpec::default() }, &[]).unwrap();
    assert!(plain.truth.is_empty() && plain.dataset.examples.iter().all(|example| example.sequence.len() == 1));
    let error = |examples, length| {
        let spec = SimulateSpec { examples, length, ..SimulateSpec::default() };
        simulate(&spec, &[]).unwrap_err().to_string()
    };
    assert!(error(0, 10).contains("at least one sequence of at least one base, found 0 sequences of 10 bases"));
    assert!(error(5, 0).contains("found 5 sequences of 0 bases"));
    let found =
        "expected at most 100000000 sequences and 8e9 bases in all, found 2000 sequences of 5000000 bases (1e10";
    assert!(error(2000, 5_000_000).contains(found), "{}", error(2000, 5_000_000));
    assert!(error(usize::MAX, usize::MAX).contains("at most") && error(usize::MAX, 1).contains("at most"));
}

#[test]
fn a_place_that_a_spacing_would_ignore_is_refused() {
    let (start, span) = (Position::Fixed { start: 0 }, Position::Uniform { start: 2, end: 30 });
    let with = |logic, positions: [Position; 2]| SimulateSpec {
        plants: vec![at("one", positions[0]), at("two", positions[1])],
        spacing: Some((1, 2)),
        ..spec(logic, &[])
    };
    let error = |spec: SimulateSpec| simulate(&spec, &motifs()).unwrap_err().to_string();
    let text = error(with(Logic::Order, [start, Position::Fixed { start: 30 }]));
    assert!(text.ends_with("a place for the first motif only or the same span for all, found two at 30"), "{text}");
    assert!(error(with(Logic::Order, [Position::Anywhere, span])).ends_with("found two in 2..30"));
    assert!(error(with(Logic::And, [start, Position::Anywhere])).ends_with("found one at 0"));
    assert!(error(with(Logic::And, [start, start])).ends_with("found one at 0"));
    for (_, places) in checked(&with(Logic::Order, [start, Position::Anywhere])) {
        assert_eq!(places[0].start, 0);
    }
    for (_, places) in checked(&with(Logic::Xor, [span, span])) {
        assert!(places.iter().all(|place| place.start >= 2 && place.end <= 30));
    }
    checked(&with(Logic::And, [Position::Centred, Position::Centred]));
}

#[test]
fn an_unknown_motif_is_answered_with_the_nearest() {
    let named = |id: &str, name: &str| Motif { name: name.into(), ..motif(id, &[0, 1, 2]) };
    let database = [named("MA0139.2", "CTCF"), named("MA0139.10", "CTCF"), named("MA0004.1", "Arnt")];
    let error = |wanted: &str| {
        let spec = SimulateSpec { plants: vec![plant(wanted)], ..SimulateSpec::default() };
        simulate(&spec, &database).unwrap_err().to_string()
    };
    for (wanted, nearest) in [
        ("MA0139", "MA0139.10"),
        ("ma0139.1", "MA0139.10"),
        ("MA0004.9", "MA0004.1"),
        ("ctcf", "CTCF"),
        ("arn", "Arnt"),
    ] {
        let text = error(wanted);
        assert!(text.ends_with(&format!("found {wanted:?}; did you mean {nearest:?}?")), "{text}");
    }
    assert!(error("zzz").ends_with("found \"zzz\""));
    assert!(error("").ends_with("found \"\""));
}

#[test]
fn a_specification_survives_json() {
    let spec = SimulateSpec { spacing: Some((1, 3)), ..spec(Logic::Order, &["one", "two"]) };
    let text = serde_json::to_string(&spec).unwrap();
    assert_eq!(serde_json::from_str::<SimulateSpec>(&text).unwrap(), spec);
    assert!(serde_json::from_str::<SimulateSpec>(r#"{"lenght": 5}"#).is_err());
}
