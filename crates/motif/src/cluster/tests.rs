use super::*;
use basewise_core::Alphabet;
use basewise_core::random::{stream, uniform};

fn of(word: &str, sharp: f64) -> Motif {
    let rest = (1.0 - sharp) / 3.0;
    let base = |letter: char| "ACGT".find(letter).unwrap();
    let rows = word.chars().map(|c| std::array::from_fn(|i| if i == base(c) { sharp } else { rest })).collect();
    Motif::from_probabilities(word, "", Alphabet::Dna, rows, 10.0)
}

fn random(seed: u64, n: usize) -> Vec<Motif> {
    let mut rng = stream(seed, "motifs", &[]);
    let mut motif = |i: usize| {
        let rows = (0..5 + i % 7).map(|_| std::array::from_fn(|_| uniform(&mut rng).powi(3))).collect();
        Motif::from_probabilities(&format!("m{i}"), "", Alphabet::Dna, rows, 10.0)
    };
    (0..n).map(&mut motif).collect()
}

#[test]
fn similarities_count_columns_that_both_cover_and_turn_round() {
    let motifs = [of("ACGGTA", 1.0), of("TACCGT", 1.0), of("CGG", 1.0), of("CGGTAACC", 1.0)];
    let all = Similarities::new(&motifs, 3, true).unwrap();
    // The second is the other strand of the first; alone, 3 of 6 columns are shared with the third.
    let found = all.get(0, 1);
    assert!((found.similarity - 1.0).abs() < 1e-6 && found.reverse_complement && found.offset == 0);
    let inner = all.get(0, 2);
    assert!((inner.similarity - 0.5).abs() < 1e-6 && inner.offset == 1 && !inner.reverse_complement);
    assert_eq!((all.get(2, 0).offset, all.get(0, 3).offset, all.get(3, 0).offset), (-1, 1, -1));
    // In TACCGT the word CCG, the other strand of CGG, begins at 2.
    assert_eq!((all.get(1, 2).offset, all.get(1, 2).reverse_complement), (2, true));
    let one = Similarities::new(&motifs, 3, false).unwrap();
    assert!(!one.get(0, 1).reverse_complement && one.get(0, 1).similarity < 0.6);
    assert!(!all.is_empty() && all.len() == 4 && Similarities::new(&[], 3, true).unwrap().is_empty());
}

#[test]
fn an_alignment_is_the_same_from_both_sides() {
    let motifs = random(3, 25);
    let all = Similarities::new(&motifs, 3, true).unwrap();
    for i in 0..motifs.len() {
        for j in 0..motifs.len() {
            // Reading the second from its aligned strand, the overlap must have the same columns either way.
            let (a, b) = (all.get(i, j), all.get(j, i));
            assert_eq!((a.similarity, a.reverse_complement), (b.similarity, b.reverse_complement));
            let (one, other) = (motifs[i].len() as i32, motifs[j].len() as i32);
            let expected = if a.reverse_complement { other - one + a.offset } else { -a.offset };
            let from_other = if a.reverse_complement { other - (one - a.offset) } else { expected };
            assert_eq!(b.offset, from_other, "{i} {j}");
        }
        assert!((all.get(i, i).similarity - 1.0).abs() < 1e-5 && all.get(i, i).offset == 0);
    }
}

/// Groups by joining the most similar pair of groups each time, by the definition.
fn naive(all: &Similarities, least: f32) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = (0..all.len()).map(|i| vec![i]).collect();
    loop {
        let mean = |a: &[usize], b: &[usize]| {
            let sum: f32 = a.iter().flat_map(|&i| b.iter().map(move |&j| all.get(i, j).similarity)).sum();
            sum / (a.len() * b.len()) as f32
        };
        let pairs = (0..groups.len()).flat_map(|i| (i + 1..groups.len()).map(move |j| (i, j)));
        let best =
            pairs.max_by(|&(a, b), &(c, d)| mean(&groups[a], &groups[b]).total_cmp(&mean(&groups[c], &groups[d])));
        match best {
            Some((i, j)) if mean(&groups[i], &groups[j]) >= least => {
                let moved = groups.remove(j);
                groups[i].extend(moved);
                groups[i].sort_unstable();
            }
            _ => break,
        }
    }
    groups.sort_by_key(|group| (std::cmp::Reverse(group.len()), group[0]));
    groups
}

#[test]
fn average_linkage_is_that_of_the_definition() {
    for seed in 0..6 {
        let all = Similarities::new(&random(seed, 40), 3, true).unwrap();
        for least in [0.2, 0.35, 0.5] {
            let members = |cluster: &Cluster| cluster.members.iter().map(|m| m.motif).collect::<Vec<_>>();
            let found: Vec<Vec<usize>> = by_average_linkage(&all, least).iter().map(members).collect();
            assert_eq!(found, naive(&all, least), "{seed} {least}");
        }
    }
}

#[test]
fn families_come_together_and_merge_in_one_direction() {
    let words = ["ACGGTAAC", "TTACCGT", "CGGTAACT", "TTTTGGCA", "TGCCAAAA"];
    let motifs: Vec<Motif> = words.iter().map(|word| of(word, 0.91)).collect();
    let all = Similarities::new(&motifs, 4, true).unwrap();
    let clusters = by_average_linkage(&all, 0.5);
    let members = |i: usize| clusters[i].members.iter().map(|m| m.motif).collect::<Vec<_>>();
    assert_eq!((clusters.len(), members(0), members(1)), (2, vec![0, 1, 2], vec![3, 4]));
    let merged = merged(&clusters[0], &motifs, "cluster_1");
    assert_eq!((clusters[0].representative, merged.consensus().as_str()), (0, "ACGGTAAC"));
    assert_eq!((merged.sites, merged.id.as_str(), merged.name.as_str()), (30.0, "cluster_1", "ACGGTAAC"));
    assert!(merged.probabilities.iter().all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-12));
}

#[test]
fn matches_connect_and_singles_stay_alone() {
    let mut motifs = random(9, 60);
    let sharp = of("ACGGTAACTTGC", 0.97);
    motifs.push(sharp.clone());
    motifs.push(sharp.reverse_complement());
    let all = Similarities::new(&motifs, 4, true).unwrap();
    let clusters = by_matches(&motifs, &all, &MatchOptions::default(), 1e-6);
    assert_eq!(clusters[0].members.iter().map(|m| m.motif).collect::<Vec<_>>(), [60, 61]);
    assert!(clusters.iter().skip(1).all(|cluster| cluster.members.len() == 1));
    assert_eq!(clusters.iter().map(|cluster| cluster.members.len()).sum::<usize>(), 62);
}

#[test]
fn one_motif_and_none() {
    let one = [of("ACGT", 0.9)];
    let all = Similarities::new(&one, 4, true).unwrap();
    let clusters = by_average_linkage(&all, 0.5);
    assert_eq!((clusters.len(), clusters[0].representative), (1, 0));
    assert_eq!(merged(&clusters[0], &one, "c").probabilities, one[0].probabilities);
    assert!(by_average_linkage(&Similarities::new(&[], 4, true).unwrap(), 0.5).is_empty());
    let empty = [Motif::from_probabilities("e", "", Alphabet::Dna, vec![], 0.0), of("ACGT", 0.9)];
    let all = Similarities::new(&empty, 4, true).unwrap();
    assert_eq!(by_average_linkage(&all, 0.5).len(), 2);
}
