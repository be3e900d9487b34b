use super::*;
use crate::Motif;
use basewise_core::random::{below, stream, uniform};
use basewise_core::{Alphabet, CasePolicy, Code, Encoding, Strand};

fn codes(letters: &[u8]) -> Vec<Code> {
    Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore }.encode(letters).unwrap()
}

fn of(word: &str) -> Motif {
    let rows = codes(word.as_bytes())
        .iter()
        .map(|code| std::array::from_fn(|base| if base == usize::from(code.base()) { 0.97 } else { 0.01 }))
        .collect();
    Motif::from_probabilities(word, "", Alphabet::Dna, rows, 100.0)
}

fn random_motif(seed: u64, width: usize) -> Motif {
    let mut rng = stream(seed, "motif", &[]);
    let rows = (0..width).map(|_| std::array::from_fn(|_| uniform(&mut rng).powi(3))).collect();
    Motif::from_probabilities("random", "", Alphabet::Dna, rows, 50.0)
}

/// A sequence with `unknown` of a hundred bases unknown.
fn random_sequence(seed: u64, length: usize, unknown: usize) -> Vec<Code> {
    let mut rng = stream(seed, "sequence", &[]);
    let mut code = || if below(&mut rng, 100) < unknown { Code::N } else { Code::new(below(&mut rng, 4) as u8) };
    (0..length).map(|_| code()).collect()
}

/// All occurrences by the definition: the plain scores of the rounded matrix at each place.
fn naive(motifs: &[Motif], sequences: &[&[Code]], options: &ScanOptions) -> Vec<Occurrence> {
    let mut all = Vec::new();
    for (sequence, codes) in sequences.iter().enumerate() {
        for (index, motif) in motifs.iter().enumerate() {
            let log_odds = motif.log_odds(options.pseudocount, options.background);
            let d = ScoreDistribution::new("m", &log_odds, options.background, options.granularity).unwrap();
            let steps: Vec<[f64; 4]> = d.steps().iter().map(|row| row.map(f64::from)).collect();
            let forward = score_sequence(&steps, codes);
            let reverse = score_sequence(&reverse_complement(&steps), codes);
            let both = options.both_strands && motif.alphabet == Alphabet::Dna;
            for start in 0..forward.len() {
                let is_known = codes[start..start + motif.len()].iter().any(|code| code.base() < 4);
                for (strand, scores) in [(Strand::Forward, &forward), (Strand::Reverse, &reverse)] {
                    let p_value = d.p_value(scores[start] as i32);
                    if is_known && p_value <= options.max_p_value && (both || strand == Strand::Forward) {
                        let score = scores[start] * options.granularity;
                        all.push(Occurrence { sequence, motif: index, start, strand, score, p_value });
                    }
                }
            }
        }
    }
    all
}

#[test]
fn occurrences_are_those_of_the_plain_scores() {
    let motifs: Vec<Motif> = [1, 4, 8, 15, 31].iter().map(|&w| random_motif(w as u64, w)).collect();
    let lengths = [0, 1, 3, 4, 5, 40, 300, 1000, 70_000, 7];
    let sequences: Vec<Vec<Code>> =
        lengths.iter().enumerate().map(|(i, &length)| random_sequence(i as u64, length, 3 * (i % 3))).collect();
    let sequences: Vec<&[Code]> = sequences.iter().map(Vec::as_slice).collect();
    for (max_p_value, granularity) in [(1e-4, 0.01), (0.01, 0.001), (0.05, 0.3), (0.0, 0.01)] {
        let background = [0.3, 0.2, 0.15, 0.35];
        let options = ScanOptions { max_p_value, granularity, background, ..ScanOptions::default() };
        let found = Scanner::new(&motifs, &options).unwrap().scan(&sequences);
        let expected = naive(&motifs, &sequences, &options);
        assert_eq!(found.len(), expected.len());
        assert!(found == expected, "at {max_p_value} and {granularity}");
        assert_eq!(found.is_empty(), max_p_value == 0.0);
    }
    // Everything is an occurrence at p = 1.
    let options = ScanOptions { max_p_value: 1.0, ..ScanOptions::default() };
    let scanner = Scanner::new(&motifs, &options).unwrap();
    let few = &sequences[..7];
    assert_eq!(scanner.scan(few), naive(&motifs, few, &options));
}

#[test]
fn first_and_last_base_both_strands_and_letters() {
    let scanner = Scanner::new(&[of("TATCAGG")], &ScanOptions::default()).unwrap();
    let hits = |letters: &[u8]| -> Vec<(usize, char)> {
        scanner.scan(&[&codes(letters)]).iter().map(|o| (o.start, o.strand.symbol())).collect()
    };
    assert_eq!(hits(b"TATCAGG"), [(0, '+')]);
    assert_eq!(hits(b"CCTGATA"), [(0, '-')]);
    assert_eq!(hits(b"TATCAGGAAAAATATCAGG"), [(0, '+'), (12, '+')]);
    assert_eq!(hits(b"CCTGATAAAAAAACCTGATA"), [(0, '-'), (13, '-')]);
    assert_eq!(hits(b"uaucaggAAAA"), [(0, '+')]);
    assert!(hits(b"TATCAG").is_empty() && hits(b"").is_empty() && hits(b"NNNNNNNNNN").is_empty());
    // Two sequences do not make a word together.
    assert!(scanner.scan(&[&codes(b"TATC"), &codes(b"AGG")]).is_empty());
    assert_eq!((scanner.places(0, 10), scanner.places(0, 6)), (8, 0));
}

#[test]
fn rna_motifs_are_scanned_on_one_strand() {
    let rna = Motif { alphabet: Alphabet::Rna, ..of("TGTANATA") };
    let scanner = Scanner::new(&[rna], &ScanOptions { max_p_value: 1e-3, ..ScanOptions::default() }).unwrap();
    let found = scanner.scan(&[&codes(b"CCUGUAAAUACC"), &codes(b"GGTATTTACAGG")]);
    assert_eq!(found.iter().map(|o| (o.sequence, o.start)).collect::<Vec<_>>(), [(0, 2)]);
    assert_eq!(scanner.places(0, 8), 1);
}

#[test]
fn p_values_of_random_sequence_are_calibrated_and_few_q_values_are_low() {
    let motifs: Vec<Motif> = (0..8).map(|i| random_motif(100 + i, 10)).collect();
    let options = ScanOptions { max_p_value: 1e-3, ..ScanOptions::default() };
    let scanner = Scanner::new(&motifs, &options).unwrap();
    let sequence = random_sequence(77, 400_000, 0);
    let found = scanner.scan(&[&sequence]);
    let tests: usize = (0..motifs.len()).map(|m| scanner.places(m, sequence.len())).sum();
    for level in [1e-3, 1e-4] {
        let share = found.iter().filter(|o| o.p_value <= level).count() as f64 / tests as f64;
        assert!((share / level - 1.0).abs() < 0.15, "{level}: {share}");
    }
    for (m, motif) in motifs.iter().enumerate() {
        let p: Vec<f64> = found.iter().filter(|o| o.motif == m).map(|o| o.p_value).collect();
        let q = q_values(&p, scanner.places(m, sequence.len()));
        assert!(q.iter().filter(|&&q| q < 0.05).count() <= 2, "{}", motif.id);
    }
}

#[test]
fn threads_do_not_change_the_result() {
    let motifs: Vec<Motif> = (0..5).map(|i| random_motif(i, 9)).collect();
    let scanner = Scanner::new(&motifs, &ScanOptions { max_p_value: 1e-3, ..ScanOptions::default() }).unwrap();
    let sequence = random_sequence(5, 200_000, 1);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| scanner.scan(&[&sequence, &sequence[..500]]))
    };
    assert_eq!(run(1), run(3));
}
