use super::*;
use crate::Motif;
use crate::matching::{MatchOptions, tomtom};
use basewise_core::random::{below, normal, stream, uniform};
use basewise_core::{Alphabet, Code};

const LENGTH: usize = 120;

/// Contributions of sequences with planted motifs, and where those are.
struct Simulated {
    codes: Vec<Code>,
    contributions: Vec<f32>,
    hypothetical: Vec<f32>,
    truth: Vec<(usize, usize, usize, bool)>,
}

/// A motif by its letters, and the sign of its contributions.
type Planted = (&'static str, f32);

/// Noise, and in each sequence one instance of one of the motifs, of whose letters one in ten is another; where `place` says
/// nothing, anywhere and on either strand.
fn simulate(n: usize, motifs: &[Planted], both: bool, place: Option<usize>) -> Simulated {
    let mut out = Simulated {
        codes: Vec::new(),
        contributions: vec![0.0; n * LENGTH],
        hypothetical: vec![0.0; 4 * n * LENGTH],
        truth: Vec::new(),
    };
    for i in 0..n {
        let mut rng = stream(5, "simulate attributions", &[i as u64]);
        let mut bases: Vec<usize> = (0..LENGTH).map(|_| below(&mut rng, 4)).collect();
        let mut effects: Vec<[f32; 4]> =
            (0..LENGTH).map(|_| std::array::from_fn(|_| 0.05 * normal(&mut rng) as f32)).collect();
        if let Some(&(letters, sign)) = motifs.get(i % motifs.len().max(1)) {
            let mut word: Vec<usize> = letters.bytes().map(|l| b"ACGT".iter().position(|&b| b == l).unwrap()).collect();
            let start = place.unwrap_or_else(|| below(&mut rng, LENGTH - word.len() + 1));
            let reverse = both && place.is_none() && below(&mut rng, 2) == 1;
            if reverse {
                word = word.iter().rev().map(|b| 3 - b).collect();
            }
            for (at, &base) in word.iter().enumerate() {
                bases[start + at] = if uniform(&mut rng) < 0.1 { below(&mut rng, 4) } else { base };
                for (b, effect) in effects[start + at].iter_mut().enumerate() {
                    *effect += sign * if b == base { 1.0 } else { -0.3 };
                }
            }
            out.truth.push((i, start, start + word.len(), reverse));
        }
        for at in 0..LENGTH {
            out.contributions[i * LENGTH + at] = effects[at][bases[at]];
            (0..4).for_each(|b| out.hypothetical[(i * 4 + b) * LENGTH + at] = effects[at][b]);
            out.codes.push(Code::new(bases[at] as u8));
        }
    }
    out
}

impl Simulated {
    fn attributions(&self, alphabet: Alphabet, hypothetical: bool) -> Attributions<'_> {
        let hypothetical = hypothetical.then_some(&self.hypothetical[..]);
        Attributions::new(alphabet, LENGTH, &self.codes, &self.contributions, hypothetical).unwrap()
    }
}

fn known(letters: &str, alphabet: Alphabet) -> Motif {
    let row = |l: u8| std::array::from_fn(|b| if b"ACGT"[b] == l { 0.91 } else { 0.03 });
    Motif::from_probabilities(letters, "", alphabet, letters.bytes().map(row).collect(), 100.0)
}

/// Consensus of a pattern's motif, or of its other strand, whichever comes first in the alphabet.
fn consensus(pattern: &Pattern) -> String {
    let (a, b) = (pattern.motif.consensus(), pattern.motif.reverse_complement().consensus());
    if pattern.motif.alphabet == Alphabet::Dna { a.min(b) } else { a }
}

fn config() -> Config {
    Config::default()
}

const PLANTED: [Planted; 3] = [("TGACTCAGC", 1.0), ("GATTGCATCA", 1.0), ("CCATATTAGG", -1.0)];

#[test]
fn planted_motifs_of_both_signs_and_strands_are_recovered() {
    let simulated = simulate(900, &PLANTED, true, None);
    for hypothetical in [true, false] {
        let found = discover(&simulated.attributions(Alphabet::Dna, hypothetical), &config());
        let ids: Vec<&str> = found.patterns.iter().map(|p| p.id.as_str()).collect();
        assert_eq!(
            ids,
            ["pos_patterns.pattern_0", "pos_patterns.pattern_1", "neg_patterns.pattern_0"],
            "{:?}",
            found.report
        );
        let targets: Vec<Motif> = PLANTED.iter().map(|m| known(m.0, Alphabet::Dna)).collect();
        let motifs: Vec<Motif> = found.patterns.iter().map(|p| p.motif.clone()).collect();
        let best: Vec<usize> =
            tomtom(&motifs, &targets, &MatchOptions::default()).iter().map(|m| m[0].target).collect();
        assert!(best[2] == 2 && best[0] != best[1] && best[0] < 2 && best[1] < 2, "{best:?}");
        for (pattern, &target) in found.patterns.iter().zip(&best) {
            // Nine in ten of its instances are there, at the right place and on one strand.
            assert!(pattern.sites.len() > 270, "{}", pattern.sites.len());
            check_sites(pattern, &simulated, target);
            let consensus = consensus(pattern);
            let either = [PLANTED[target].0.to_owned(), turned(PLANTED[target].0)];
            assert!(either.iter().any(|word| consensus.contains(word.as_str())), "{consensus}");
        }
    }
}

fn turned(letters: &str) -> String {
    let complement = |l: u8| b"TGCA"[b"ACGT".iter().position(|&b| b == l).unwrap()] as char;
    letters.bytes().rev().map(complement).collect()
}

/// Sites of a pattern lie over planted instances at one offset.
fn check_sites(pattern: &Pattern, simulated: &Simulated, target: usize) {
    let mut offsets = std::collections::BTreeMap::new();
    for site in &pattern.sites {
        assert_eq!(site.end - site.start, pattern.ppm.len() as i64);
        if let Some(&(i, start, end, reverse)) = simulated.truth.iter().find(|t| t.0 == site.example) {
            assert_eq!(i % 3, target);
            let offset = if site.reverse { site.end - end as i64 } else { start as i64 - site.start };
            *offsets.entry((offset, reverse == site.reverse)).or_insert(0) += 1;
        }
    }
    let most = *offsets.values().max().unwrap();
    assert!(most * 20 > pattern.sites.len() * 19, "{offsets:?}");
}

#[test]
fn motifs_at_the_first_and_the_last_base_are_recovered() {
    for (place, word) in [(0, "GATTGCATCA"), (LENGTH - 10, "GATTGCATCA")] {
        let simulated = simulate(200, &[(word, 1.0)], true, Some(place));
        let found = discover(&simulated.attributions(Alphabet::Dna, true), &config());
        assert_eq!(found.patterns.len(), 1, "{:?}", found.report);
        let pattern = &found.patterns[0];
        assert!(pattern.sites.len() > 190);
        let consensus = consensus(pattern);
        assert!(consensus.contains(word) || consensus.contains(&turned(word)), "{consensus}");
        let range = |s: &Seqlet| s.start < place as i64 + 10 && s.end > place as i64;
        assert!(pattern.sites.iter().all(range));
    }
}

/// Whether the first pattern holds the seqlets of the planted motif, but perhaps for a few with the same letter changed.
fn is_nearly_one(found: &Discovery) -> bool {
    let sites = |i: usize| found.patterns.get(i).map_or(0, |pattern| pattern.sites.len());
    found.patterns.len() <= 2 && sites(0) > 6 * sites(1) && sites(0) > 200
}

#[test]
fn rna_is_read_from_one_strand() {
    let simulated = simulate(300, &[("TGTACATA", 1.0)], false, None);
    let found = discover(&simulated.attributions(Alphabet::Rna, true), &config());
    assert!(is_nearly_one(&found), "{:?}", found.report);
    assert!(found.patterns[0].sites.iter().all(|site| !site.reverse));
    assert!(consensus(&found.patterns[0]).contains("UGUACAUA"), "{}", consensus(&found.patterns[0]));
}

#[test]
fn unknown_bases_count_for_nothing() {
    let mut simulated = simulate(300, &[("TGACTCAGC", 1.0)], true, None);
    let clean = discover(&simulated.attributions(Alphabet::Dna, true), &config());
    // Before each motif all bases are unknown, and numbers stand there that mean nothing.
    for &(i, start, ..) in &simulated.truth {
        for at in 0..start.saturating_sub(3) {
            simulated.codes[i * LENGTH + at] = Code::N;
            simulated.contributions[i * LENGTH + at] = 1e6;
        }
    }
    let found = discover(&simulated.attributions(Alphabet::Dna, true), &config());
    assert!(is_nearly_one(&found) && is_nearly_one(&clean), "{:?}", found.report);
    assert!(found.patterns[0].cwm.iter().flatten().all(|v| v.abs() < 2.0));
    assert_eq!(consensus(&found.patterns[0]), consensus(&clean.patterns[0]));
}

#[test]
fn noise_gives_nothing_and_says_why() {
    let simulated = simulate(500, &[], true, None);
    for hypothetical in [true, false] {
        let found = discover(&simulated.attributions(Alphabet::Dna, hypothetical), &config());
        assert!(found.patterns.is_empty());
        let reasons = found.report.reasons(&config());
        assert_eq!(reasons.len(), 2);
        assert!(reasons[0].0.starts_with("no positive pattern: no window differs"), "{reasons:?}");
        assert!(!reasons[0].1.is_empty());
    }
}

#[test]
fn no_sequence_one_sequence_and_equal_numbers_say_why() {
    let none = Attributions::new(Alphabet::Dna, LENGTH, &[], &[], None).unwrap();
    let stop = |data: &Attributions<'_>| {
        discover(data, &config()).report.sides.iter().map(|s| s.stop.clone().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(stop(&none), [Stop::TooShort, Stop::TooShort]);
    let simulated = simulate(1, &[("TGACTCAGC", 1.0)], true, None);
    let one = stop(&simulated.attributions(Alphabet::Dna, true));
    assert!(one.iter().all(|s| matches!(s, Stop::FewSeqlets | Stop::NoWindow)), "{one:?}");
    let codes = vec![Code::new(1); 10 * LENGTH];
    for value in [0.0, 1.0] {
        let values = vec![value; 10 * LENGTH];
        let equal = Attributions::new(Alphabet::Dna, LENGTH, &codes, &values, None).unwrap();
        assert_eq!(stop(&equal), [Stop::Constant, Stop::Constant]);
    }
    let short = Attributions::new(Alphabet::Dna, 10, &codes[..100], &[0.0; 100], None).unwrap();
    assert_eq!(stop(&short), [Stop::TooShort, Stop::TooShort]);
    let reasons = discover(&short, &config()).report.reasons(&config());
    assert!(
        reasons[0].0.ends_with("10 sequences of 10 bases, where a window has 20") && reasons[0].1.contains("--window")
    );
}

#[test]
fn arrays_that_do_not_fit_or_are_not_finite_are_refused() {
    let codes = vec![Code::N; 8];
    let refused = |codes: &[Code], values: &[f32], hypothetical: Option<&[f32]>| {
        Attributions::new(Alphabet::Dna, 4, codes, values, hypothetical).unwrap_err().to_string()
    };
    assert_eq!(refused(&codes[..7], &[0.0; 8], None), "bases: expected 4 numbers, found 7");
    assert_eq!(refused(&codes, &[0.0; 7], None), "contributions: expected 8 numbers, found 7");
    assert!(refused(&codes, &[0.0; 8], Some(&[0.0; 8])).contains("expected 32 numbers"));
    let mut values = [0.0; 8];
    values[5] = f32::NAN;
    assert_eq!(refused(&codes, &values, None), "contributions: sequence 1: expected finite numbers, found NaN");
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let simulated = simulate(400, &PLANTED, true, None);
    let config = Config { neighbours: 50, ..config() };
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| discover(&simulated.attributions(Alphabet::Dna, true), &config))
    };
    let one = with(1);
    assert!(!one.patterns.is_empty());
    assert_eq!(one, with(2));
}
