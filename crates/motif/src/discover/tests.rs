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

const CROWD: [Planted; 4] = [("TGACTCAGC", 1.0), ("GATTGCATCA", 1.0), ("CCATATTAGG", 1.0), ("GGCGCGAAAT", 1.0)];

/// Noise, and in each sequence one to three of the motifs of [`CROWD`], anywhere without overlap and on either strand; in each
/// third sequence `fixed` bases after the first of them the second one, on the same strand.
fn crowded(n: usize, seed: u64, fixed: Option<usize>) -> Simulated {
    let mut out = simulate(n, &[], true, None);
    for i in 0..n {
        let mut rng = stream(seed, "simulate crowds", &[i as u64]);
        let mut taken: Vec<(usize, usize)> = Vec::new();
        let mut plant = |out: &mut Simulated, letters: &str, start: usize, reverse: bool, rng: &mut _| {
            let end = start + letters.len();
            if taken.iter().any(|&(from, to)| start < to && end > from) {
                return;
            }
            taken.push((start, end));
            let letters = if reverse { turned(letters) } else { letters.to_owned() };
            for (at, letter) in (start..).zip(letters.bytes()) {
                let base = b"ACGT".iter().position(|&b| b == letter).unwrap();
                let there = if uniform(rng) < 0.05 { below(rng, 4) } else { base };
                let effect = |b: usize| if b == base { 1.0 } else { -0.3 };
                out.codes[i * LENGTH + at] = Code::new(there as u8);
                out.contributions[i * LENGTH + at] = effect(there) + 0.05 * normal(rng) as f32;
                (0..4).for_each(|b| out.hypothetical[(i * 4 + b) * LENGTH + at] = effect(b));
            }
        };
        if let Some(gap) = fixed.filter(|_| i % 3 == 0) {
            let [one, other] = [CROWD[0].0, CROWD[1].0];
            let start = below(&mut rng, LENGTH - one.len() - gap - other.len() + 1);
            plant(&mut out, one, start, false, &mut rng);
            plant(&mut out, other, start + one.len() + gap, false, &mut rng);
            continue;
        }
        for _ in 0..1 + below(&mut rng, 3) {
            let letters = CROWD[below(&mut rng, CROWD.len())].0;
            let start = below(&mut rng, LENGTH - letters.len() + 1);
            let reverse = below(&mut rng, 2) == 1;
            plant(&mut out, letters, start, reverse, &mut rng);
        }
    }
    out
}

/// The motif of [`CROWD`] that a pattern holds.
fn planted_of(pattern: &Pattern) -> Vec<usize> {
    let forward = pattern.motif.consensus();
    let back = pattern.motif.reverse_complement().consensus();
    let holds = |word: &str| forward.contains(&word[1..word.len() - 1]) || back.contains(&word[1..word.len() - 1]);
    (0..CROWD.len()).filter(|&i| holds(CROWD[i].0)).collect()
}

#[test]
fn motifs_near_each_other_by_chance_are_no_pattern() {
    for seed in 0..3 {
        let simulated = crowded(800, seed, None);
        let found = discover(&simulated.attributions(Alphabet::Dna, true), &config());
        let mut planted: Vec<Vec<usize>> = found.patterns.iter().map(planted_of).collect();
        planted.sort();
        assert_eq!(planted, [[0], [1], [2], [3]], "{seed}: {:?}", found.report);
        assert!(found.patterns.iter().all(|pattern| pattern.composite.is_none()));
    }
}

#[test]
fn two_motifs_at_a_fixed_distance_are_a_composite() {
    let simulated = crowded(900, 1, Some(4));
    let found = discover(&simulated.attributions(Alphabet::Dna, true), &config());
    let of: Vec<&Pattern> = found.patterns.iter().filter(|pattern| pattern.composite.is_some()).collect();
    let all: Vec<_> = found.patterns.iter().map(|p| (p.motif.consensus(), p.sites.len())).collect();
    assert_eq!(of.len(), 1, "{all:?} {:?}", found.report);
    assert_eq!(planted_of(of[0]), [0, 1], "{all:?}");
    let composite = of[0].composite.as_ref().unwrap();
    let part = |i: usize| found.patterns.iter().find(|p| p.id == composite.parts[i]).unwrap();
    let mut parts = [planted_of(part(0)), planted_of(part(1))];
    parts.sort();
    assert_eq!(parts, [[0], [1]]);
    assert!(composite.observed > 150 && composite.expected < 20.0 && composite.p_value < 1e-9, "{composite:?}");
}
