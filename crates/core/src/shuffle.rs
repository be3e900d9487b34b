//! Shuffled sequences: the negatives and references that keep a chosen statistic and lose everything else.

use crate::random::{self, Stream};

/// A sequence drawn uniformly among all with the same dinucleotide counts and the same first and last letter.
///
/// The letters are the nodes and the adjacent pairs the edges of a multigraph, and every sequence asked for is an
/// Eulerian path of it (Altschul and Erickson 1985). Drawing the tree of last exits uniformly by loop-erased walks
/// (Wilson 1996), and then every other exit order at random, makes the path uniform (Kandel, Matias, Unger and Winkler
/// 1996). Nothing is rejected, so the time is near linear in the length.
///
/// Any bytes will do; they are compared as they are, so change case and `U` beforehand if these should not matter.
/// Fewer than three letters come back as they went in.
///
/// ```
/// use basewise_core::{random::stream, shuffle::dinucleotide};
/// let shuffled = dinucleotide(b"ACGTTACGGA", &mut stream(1, "shuffle", &[0]));
/// assert_eq!((shuffled[0], shuffled[9]), (b'A', b'A'));
/// ```
pub fn dinucleotide(letters: &[u8], rng: &mut Stream) -> Vec<u8> {
    let (Some(&first), Some(&last)) = (letters.first(), letters.last()) else { return Vec::new() };
    let mut exits = vec![Vec::new(); 256];
    for pair in letters.windows(2) {
        exits[pair[0] as usize].push(pair[1]);
    }
    let last_exit = last_exits(&exits, last, rng);
    for (node, exits) in exits.iter_mut().enumerate() {
        let saved = last_exit[node].and_then(|to| exits.iter().position(|&e| e == to)).map(|at| exits.swap_remove(at));
        random::shuffle(exits, rng);
        exits.extend(saved);
    }
    let mut used = [0; 256];
    let mut path = Vec::with_capacity(letters.len());
    path.push(first);
    let mut node = first as usize;
    while let Some(&next) = exits[node].get(used[node]) {
        used[node] += 1;
        path.push(next);
        node = next as usize;
    }
    path
}

/// For every letter but `root`, the exit that the path takes last: a uniform spanning tree directed to `root`.
fn last_exits(exits: &[Vec<u8>], root: u8, rng: &mut Stream) -> [Option<u8>; 256] {
    let mut chosen = [None; 256];
    let mut in_tree = [false; 256];
    in_tree[root as usize] = true;
    for start in (0..exits.len()).filter(|&node| !exits[node].is_empty()) {
        let mut node = start;
        while !in_tree[node] {
            // A later visit overwrites the choice, which is what erases the loop.
            let next = exits[node][random::below(rng, exits[node].len())];
            chosen[node] = Some(next);
            node = next as usize;
        }
        node = start;
        while let (false, Some(next)) = (in_tree[node], chosen[node]) {
            in_tree[node] = true;
            node = next as usize;
        }
    }
    chosen
}

/// The same letters in a uniformly random order.
pub fn mononucleotide(letters: &[u8], rng: &mut Stream) -> Vec<u8> {
    let mut shuffled = letters.to_vec();
    random::shuffle(&mut shuffled, rng);
    shuffled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;
    use std::collections::BTreeMap;

    fn pairs(letters: &[u8]) -> Vec<[u8; 2]> {
        let mut pairs: Vec<_> = letters.windows(2).map(|w| [w[0], w[1]]).collect();
        pairs.sort_unstable();
        pairs
    }

    /// Every sequence with the pairs and the ends of `letters`, by trying all orders of the letters.
    fn enumerate(letters: &[u8]) -> Vec<Vec<u8>> {
        fn extend(path: &mut Vec<u8>, left: &mut BTreeMap<[u8; 2], usize>, total: usize, out: &mut Vec<Vec<u8>>) {
            if path.len() == total {
                out.push(path.clone());
                return;
            }
            let from = path[path.len() - 1];
            let next: Vec<_> = left.iter().filter(|(p, c)| p[0] == from && **c > 0).map(|(p, _)| *p).collect();
            for pair in next {
                *left.get_mut(&pair).unwrap() -= 1;
                path.push(pair[1]);
                extend(path, left, total, out);
                path.pop();
                *left.get_mut(&pair).unwrap() += 1;
            }
        }
        let mut left = BTreeMap::new();
        pairs(letters).into_iter().for_each(|pair| *left.entry(pair).or_insert(0) += 1);
        let mut out = Vec::new();
        extend(&mut vec![letters[0]], &mut left, letters.len(), &mut out);
        out
    }

    #[test]
    fn every_admissible_sequence_is_equally_likely() {
        for letters in [&b"ACAGATCAGA"[..], b"AACCAACACG", b"ABCABDACBA", b"ACGTACGGTTA", b"ACBDACDBCA"] {
            let all = enumerate(letters);
            assert!(all.len() > 3, "a test without choice tests nothing");
            let draws = 400 * all.len();
            let mut seen: BTreeMap<Vec<u8>, usize> = all.iter().map(|s| (s.clone(), 0)).collect();
            for i in 0..draws {
                let drawn = dinucleotide(letters, &mut stream(11, "uniform", &[i as u64]));
                *seen.get_mut(&drawn).expect("an admissible sequence") += 1;
            }
            let chi2: f64 = seen.values().map(|&c| (c as f64 - 400.0).powi(2) / 400.0).sum();
            // The statistic has mean df and variance 2 df; five standard deviations, and room for the skew at small df.
            let df = (all.len() - 1) as f64;
            assert!(chi2 < df + 5.0 * (2.0 * df).sqrt() + 5.0, "{chi2} at {df} degrees of freedom");
        }
    }

    #[test]
    fn short_and_uniform_sequences_stay() {
        let mut rng = stream(1, "short", &[]);
        for letters in [&b""[..], b"A", b"AC", b"AAAAAAAA", b"ACACAC"] {
            assert_eq!(dinucleotide(letters, &mut rng), letters);
        }
        assert_eq!(mononucleotide(b"", &mut rng), b"");
        assert_eq!(mononucleotide(b"GGG", &mut rng), b"GGG");
    }

    #[test]
    fn a_long_sequence_really_changes() {
        let mut rng = stream(1, "long", &[]);
        let letters: Vec<u8> = (0..1000).map(|_| b"ACGT"[random::below(&mut rng, 4)]).collect();
        let shuffled = dinucleotide(&letters, &mut rng);
        let same = letters.iter().zip(&shuffled).filter(|(a, b)| a == b).count();
        assert!(same < 350, "{same} of 1000 positions are unchanged");
        assert_eq!(pairs(&letters), pairs(&shuffled));
    }
}
