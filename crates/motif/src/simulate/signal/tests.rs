use super::super::{Plant, Position, Simulated, StrandRule, simulate};
use super::*;
use crate::Motif;
use basewise_core::{Alphabet, profile::reverse_labels};

fn motif(id: &str, bases: &[usize]) -> Motif {
    let rows = bases.iter().map(|&b| std::array::from_fn(|i| if i == b { 1.0 } else { 0.0 })).collect();
    Motif::from_probabilities(id, "", Alphabet::Dna, rows, 20.0)
}

fn motifs() -> Vec<Motif> {
    vec![motif("one", &[0, 1, 2, 3, 0]), motif("two", &[2, 2, 1, 1, 0, 0, 3])]
}

fn signal() -> SignalSpec {
    SignalSpec {
        output_window: 100,
        reads: 40.0,
        background_reads: 10.0,
        footprints: vec![Footprint::usual(0), Footprint::usual(1)],
        cooperation: Some(Cooperation { spacing: 6, factor: 3.0, width: 2.0 }),
    }
}

fn spec() -> SimulateSpec {
    let plant = |motif: &str| Plant {
        motif: motif.into(),
        position: Position::Uniform { start: 40, end: 80 },
        strand: StrandRule::Forward,
    };
    SimulateSpec {
        examples: 200,
        length: 120,
        plants: vec![plant("one"), plant("two")],
        spacing: Some((0, 12)),
        signal: Some(signal()),
        seed: 3,
        ..SimulateSpec::default()
    }
}

fn place(motifs: &[Motif], plant: usize, start: usize, strand: Strand) -> Place<'_> {
    Place { plant, motif: &motifs[plant], start, strand }
}

#[test]
fn a_footprint_has_its_summits_either_side_of_the_motif_and_all_its_reads() {
    let motifs = motifs();
    let bare = SignalSpec { background_reads: 0.0, ..signal() };
    // The middle of bases 58..63 is 60; the output window begins at base 10.
    let means = expected(&bare, 120, &[place(&motifs, 0, 58, Strand::Forward)]);
    let summit = |track: &[f64]| (0..100).max_by(|&a, &b| track[a].total_cmp(&track[b])).unwrap();
    assert_eq!((summit(&means[..100]), summit(&means[100..])), (40, 60));
    assert!((means.iter().sum::<f64>() - 40.0).abs() < 1e-6);
    let flat = expected(&signal(), 120, &[]);
    assert!(flat.iter().all(|&mean| mean == 0.05));
}

#[test]
fn the_second_motif_draws_more_at_the_spacing_after_the_first_on_either_strand() {
    let motifs = motifs();
    let bare = SignalSpec { background_reads: 0.0, ..signal() };
    let total = |places: &[Place<'_>]| expected(&bare, 120, places).iter().sum::<f64>();
    // One ends at 45, or begins at 60.
    let forward = |start| total(&[place(&motifs, 0, 40, Strand::Forward), place(&motifs, 1, start, Strand::Forward)]);
    assert!((forward(51) - 40.0 * 4.0).abs() < 1e-6);
    let near = 1.0 + 2.0 * (-0.5f64).exp();
    assert!((forward(53) - 40.0 * (1.0 + near)).abs() < 1e-6);
    // Before it, alone, or on another strand: nothing.
    let before = total(&[place(&motifs, 1, 40, Strand::Forward), place(&motifs, 0, 53, Strand::Forward)]);
    let across = total(&[place(&motifs, 0, 40, Strand::Reverse), place(&motifs, 1, 51, Strand::Forward)]);
    // The tail of a footprint 4 deviations from the edge of the window is cut off.
    assert!((before - 80.0).abs() < 1e-3 && (across - 80.0).abs() < 1e-3, "{before} {across}");
    // The reverse complement of the pair has the reverse of its reads.
    let pair = [place(&motifs, 0, 40, Strand::Forward), place(&motifs, 1, 51, Strand::Forward)];
    let turned = [place(&motifs, 1, 120 - 58, Strand::Reverse), place(&motifs, 0, 120 - 45, Strand::Reverse)];
    let mut means = expected(&bare, 120, &pair);
    reverse_labels(&[task(&bare, &[means.clone()])], &mut means);
    for (a, b) in means.iter().zip(expected(&bare, 120, &turned)) {
        assert!((a - b).abs() < 1e-9);
    }
}

#[test]
fn labels_and_replicate_are_two_draws_of_the_same_expectation() {
    let Simulated { dataset, signal, truth } = simulate(&spec(), &motifs()).unwrap();
    let signal = signal.unwrap();
    assert_eq!((signal.expected.len(), signal.replicate.len(), truth.is_empty()), (200, 200, false));
    let labels: Vec<&Vec<f64>> = dataset.examples.iter().map(|example| &example.labels).collect();
    assert!(labels.iter().zip(&signal.replicate).any(|(one, two)| *one != two));
    let sum = |rows: &mut dyn Iterator<Item = &Vec<f64>>| rows.flatten().sum::<f64>();
    let expected = sum(&mut signal.expected.iter());
    for found in [sum(&mut labels.iter().copied()), sum(&mut signal.replicate.iter())] {
        // Within five standard deviations.
        assert!((found - expected).abs() < 5.0 * expected.sqrt(), "{found} against {expected}");
    }
    let TaskKind::Profile(profile) = &dataset.tasks[0].kind else { panic!("a profile") };
    assert_eq!((profile.bins, profile.outputs(), dataset.tasks[0].fault()), (100, 202, None));
    // Positives hold both motifs, the others one.
    let counts = dataset.examples.iter().map(|e| truth.iter().filter(|place| place.example == e.id).count());
    assert_eq!(counts.filter(|&count| count == 2).count(), 100);
    assert_eq!(simulate(&spec(), &motifs()).unwrap().dataset, dataset);
}

#[test]
fn what_makes_no_signal_is_told() {
    let error = |signal: SignalSpec| {
        simulate(&SimulateSpec { signal: Some(signal), ..spec() }, &motifs()).unwrap_err().to_string()
    };
    assert!(error(SignalSpec { output_window: 121, ..signal() }).contains("found 121 bases"));
    assert!(error(SignalSpec { output_window: 99, ..signal() }).contains("as far from both ends of 120 bases"));
    assert!(error(SignalSpec { reads: f64::NAN, ..signal() }).contains("reads from 0 to 1,000,000"));
    assert!(error(SignalSpec { footprints: vec![], ..signal() }).contains("2 footprints"));
    let narrow = Footprint { offset: 1.0, sd: 0.5 };
    assert!(error(SignalSpec { footprints: vec![narrow; 2], ..signal() }).contains("0.5 at 1"));
    let cooperation = Some(Cooperation { spacing: 6, factor: -1.0, width: 2.0 });
    assert!(error(SignalSpec { cooperation, ..signal() }).contains("a factor from 0"));
    let lone = SimulateSpec {
        plants: spec().plants[..1].to_vec(),
        signal: Some(SignalSpec { footprints: vec![Footprint::usual(0)], ..signal() }),
        spacing: None,
        ..spec()
    };
    assert!(simulate(&lone, &motifs()).unwrap_err().to_string().contains("two motifs for a cooperation"));
}
