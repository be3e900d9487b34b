use super::*;
use crate::matching::{MatchOptions, tomtom};
use crate::simulate::{Plant, Position, SimulateSpec, StrandRule, simulate};
use basewise_core::Dataset;

fn known(id: &str, letters: &str, alphabet: Alphabet) -> Motif {
    let row = |l: u8| std::array::from_fn(|b| if b"ACGT"[b] == l { 0.91 } else { 0.03 });
    Motif::from_probabilities(id, "", alphabet, letters.bytes().map(row).collect(), 100.0)
}

fn dataset(alphabet: Alphabet, words: &[&str], examples: usize, seed: u64) -> (Dataset, Vec<Motif>) {
    let motifs: Vec<Motif> = words.iter().map(|word| known(word, word, alphabet)).collect();
    let strand = if alphabet == Alphabet::Dna { StrandRule::Both } else { StrandRule::Forward };
    let plant = |m: &Motif| Plant { motif: m.id.clone(), position: Position::Anywhere, strand };
    let spec = SimulateSpec {
        examples,
        length: 100,
        plants: motifs.iter().map(plant).collect(),
        logic: crate::simulate::Logic::Or,
        seed,
        ..SimulateSpec::default()
    };
    (simulate(&spec, &motifs).unwrap().dataset, motifs)
}

/// Foreground and background of every fifth example, and of the others.
fn sets(codes: &[(Vec<Code>, bool)]) -> [SequenceSets<'_>; 2] {
    let mut all: [SequenceSets<'_>; 2] = Default::default();
    for (i, (codes, is_positive)) in codes.iter().enumerate() {
        let set = &mut all[usize::from(i % 5 == 0)];
        let kind = if *is_positive { &mut set.foreground } else { &mut set.background };
        kind.push(codes);
    }
    all
}

fn encoded(dataset: &Dataset) -> Vec<(Vec<Code>, bool)> {
    let code = |e: &basewise_core::Example| (dataset.encoding.encode(&e.sequence).unwrap(), e.labels[0] == 1.0);
    dataset.examples.iter().map(code).collect()
}

fn run(codes: &[(Vec<Code>, bool)], alphabet: Alphabet) -> SearchResult {
    let [training, held_out] = sets(codes);
    search(&training, &held_out, alphabet, &SearchConfig::default())
}

#[test]
fn planted_motifs_are_found_and_nothing_else() {
    let words = ["TGACTCAGC", "GATTGCATC", "CCGGAAGTG"];
    let (dataset, motifs) = dataset(Alphabet::Dna, &words, 1200, 3);
    let found = run(&encoded(&dataset), Alphabet::Dna);
    assert_eq!(
        found.motifs.len(),
        3,
        "{:?}",
        found.motifs.iter().map(|m| (m.motif.consensus(), m.p_value)).collect::<Vec<_>>()
    );
    // P-values of matches come from the columns of the targets, so there are some more of these.
    let others = ["ACCTGATTACA", "GGGTTTAACC", "CATCATCATG", "TTGGCCAATA", "AGCTTAGC", "GCGCATAT", "CTCTGAGA"];
    let targets: Vec<Motif> = motifs.into_iter().chain(others.map(|o| known(o, o, Alphabet::Dna))).collect();
    let queries: Vec<Motif> = found.motifs.iter().map(|m| m.motif.clone()).collect();
    let mut best: Vec<usize> = Vec::new();
    for matches in tomtom(&queries, &targets, &MatchOptions::default()) {
        assert!(matches[0].q_value < 0.01, "{}", matches[0].q_value);
        best.push(matches[0].target);
    }
    best.sort_unstable();
    assert_eq!(best, [0, 1, 2]);
    for motif in &found.motifs {
        assert!(motif.e_value <= 0.05 && motif.hits[1].foreground > 3 * motif.hits[1].background);
        assert!(motif.sites.len() == motif.hits[0].foreground + motif.hits[1].foreground);
    }
}

#[test]
fn a_motif_of_rna_is_found_on_its_strand() {
    let (dataset, _) = dataset(Alphabet::Rna, &["TGTACATA"], 800, 4);
    let found = run(&encoded(&dataset), Alphabet::Rna);
    assert_eq!(found.motifs.len(), 1);
    assert!(found.motifs[0].motif.consensus().contains("UGUACAUA"), "{}", found.motifs[0].motif.consensus());
    assert!(found.motifs[0].sites.iter().all(|site| !site.reverse));
}

#[test]
fn sequences_without_motifs_give_none() {
    let (dataset, _) = dataset(Alphabet::Dna, &["TGACTCAGC"], 800, 5);
    let mut codes: Vec<(Vec<Code>, bool)> = encoded(&dataset).into_iter().filter(|c| !c.1).collect();
    codes.iter_mut().enumerate().for_each(|(i, c)| c.1 = (i / 5) % 2 == 0);
    let found = run(&codes, Alphabet::Dna);
    assert!(found.motifs.is_empty(), "{:?}", found.motifs);
    assert_eq!(found.tested, 3);
    assert!(found.best_rejected.unwrap() * 3.0 > 0.05);
}

#[test]
fn empty_few_and_equal_sequences_are_no_trouble() {
    let none = run(&[], Alphabet::Dna);
    assert_eq!((none.motifs.len(), none.tested), (0, 0));
    let equal: Vec<(Vec<Code>, bool)> = (0..40).map(|i| (vec![Code::new(0); 30], i % 2 == 0)).collect();
    assert!(run(&equal, Alphabet::Dna).motifs.is_empty());
    let unknown: Vec<(Vec<Code>, bool)> = (0..40).map(|i| (vec![Code::N; 30], i % 2 == 0)).collect();
    assert!(run(&unknown, Alphabet::Dna).motifs.is_empty());
    let short: Vec<(Vec<Code>, bool)> = (0..40).map(|i| (vec![Code::new(i as u8 % 4); i % 3], i % 2 == 0)).collect();
    assert!(run(&short, Alphabet::Dna).motifs.is_empty());
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let (dataset, _) = dataset(Alphabet::Dna, &["TGACTCAGC"], 300, 6);
    let codes = encoded(&dataset);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run(&codes, Alphabet::Dna))
    };
    let one = with(1);
    assert!(!one.motifs.is_empty());
    assert_eq!(one, with(2));
}

#[test]
fn shuffles_keep_dinucleotides() {
    let codes: Vec<Code> = (0..50_u8).map(|i| Code::new((u32::from(i).pow(2) % 7 % 4) as u8)).collect();
    let mixed = shuffled(&[&codes], 1);
    let pairs = |c: &[Code]| {
        let mut pairs: Vec<(u8, u8)> = c.windows(2).map(|w| (w[0].base(), w[1].base())).collect();
        pairs.sort_unstable();
        pairs
    };
    assert_eq!(pairs(&mixed[0]), pairs(&codes));
    assert_ne!(mixed[0], codes);
}
