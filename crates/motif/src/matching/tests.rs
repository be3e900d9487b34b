use super::*;
use basewise_core::random::{stream, uniform};
use std::collections::BTreeMap;

fn of(id: &str, bases: &[usize], sharp: f64) -> Motif {
    let rest = (1.0 - sharp) / 3.0;
    let rows = bases.iter().map(|&b| std::array::from_fn(|i| if i == b { sharp } else { rest })).collect();
    Motif::from_probabilities(id, "", Alphabet::Dna, rows, 20.0)
}

/// Motifs of pseudo-random bases, widths 5 to 12, of three sharpnesses.
fn database(n: usize) -> Vec<Motif> {
    let mut state = 12345_u64;
    let mut next = move |n: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((state >> 33) % n) as usize
    };
    (0..n)
        .map(|i| {
            let width = 5 + next(8);
            let bases: Vec<usize> = (0..width).map(|_| next(4)).collect();
            of(&format!("m{i}"), &bases, 0.7 + 0.1 * (next(3) as f64))
        })
        .collect()
}

#[test]
fn every_motif_finds_itself_first() {
    let targets = database(60);
    let matches = tomtom(&targets, &targets, &MatchOptions::default());
    for (query, list) in matches.iter().enumerate() {
        assert_eq!(list.len(), 60);
        let best = &list[0];
        assert_eq!((best.target, best.offset, best.overlap), (query, 0, targets[query].len()));
        assert!(!best.reverse_complement && best.p_value < 0.01, "{best:?}");
        assert!(list.windows(2).all(|pair| pair[0].p_value <= pair[1].p_value && pair[0].q_value <= pair[1].q_value));
        assert!(list.iter().all(|m| (0.0..=1.0).contains(&m.p_value) && m.q_value <= 1.0));
        assert!(list.iter().all(|m| (m.e_value - 60.0 * m.p_value).abs() < 1e-12));
    }
}

#[test]
fn the_other_strand_is_found_with_its_offset() {
    let mut targets = database(40);
    let query = of("q", &[0, 1, 2, 2, 3, 0, 1, 1], 0.9);
    // The target is the query's other strand with two flat positions before it: in the query's direction they come
    // behind, so that it still begins at the query's first position.
    let mut turned = query.reverse_complement();
    turned.probabilities.splice(0..0, [[0.25; 4]; 2]);
    targets.push(turned);
    let best = &tomtom(std::slice::from_ref(&query), &targets, &MatchOptions::default())[0][0];
    assert_eq!((best.target, best.offset, best.overlap, best.reverse_complement), (40, 0, 8, true));
    let forward = MatchOptions { reverse_complement: false, ..MatchOptions::default() };
    let one_strand = &tomtom(std::slice::from_ref(&query), &targets, &forward)[0];
    assert!(one_strand.iter().all(|m| !m.reverse_complement));
    assert!(one_strand.iter().find(|m| m.target == 40).unwrap().p_value > best.p_value * 1000.0);
    let rna = Motif { alphabet: Alphabet::Rna, ..query };
    assert!(tomtom(&[rna], &targets, &MatchOptions::default())[0].iter().all(|m| !m.reverse_complement));
}

#[test]
fn offsets_are_the_targets_start_in_the_query() {
    let mut targets = database(40);
    let bases = [0, 1, 2, 2, 3, 0, 1, 1, 3, 2];
    targets.push(of("inner", &bases[3..8], 0.9));
    let query = of("q", &bases, 0.9);
    let find = |queries: &[Motif], targets: &[Motif], index: usize| {
        let list = &tomtom(queries, targets, &MatchOptions::default())[0];
        let found = list.iter().find(|m| m.target == index).unwrap();
        (found.offset, found.overlap)
    };
    // A query longer than its target, and the other way round.
    assert_eq!(find(std::slice::from_ref(&query), &targets, 40), (3, 5));
    let inner = targets[40].clone();
    targets[40] = query;
    assert_eq!(find(&[inner], &targets, 40), (-3, 5));
}

#[test]
fn a_motif_of_one_position_counts_by_hand() {
    // Four pure targets of one column: the query column scores 0 once and -sqrt(2) three times; the median is
    // -sqrt(2), so that the match is above the median with probability 1/4 a try.
    let targets: Vec<Motif> = (0..4).map(|base| of("t", &[base], 1.0)).collect();
    let forward = MatchOptions { reverse_complement: false, ..MatchOptions::default() };
    let list = &tomtom(&targets[2..3], &targets, &forward)[0];
    assert_eq!((list[0].target, list[0].offset, list[0].overlap), (2, 0, 1));
    assert!((list[0].p_value - 0.25).abs() < 1e-12 && (list[0].q_value - 1.0).abs() < 1e-12);
    assert!(list[1..].iter().all(|m| m.p_value == 1.0));
    // Both strands: eight columns, two of them G, and two tries: 1 - (3/4)^2.
    let both = &tomtom(&targets[2..3], &targets, &MatchOptions::default())[0];
    assert!((both[0].p_value - 0.4375).abs() < 1e-12);
    assert_eq!((both[0].target, both[0].reverse_complement), (1, true));
    assert_eq!((both[1].target, both[1].reverse_complement), (2, false));
}

#[test]
fn least_overlaps_rule_out_overhangs() {
    let mut targets = database(40);
    let query = of("q", &[0, 1, 2, 2, 3, 0, 1, 1], 0.9);
    targets.push(of("tail", &[1, 1, 3, 3, 3, 3], 0.9));
    for least in [1, 4, 8, 100] {
        let options = MatchOptions { min_overlap: least, ..MatchOptions::default() };
        for found in &tomtom(std::slice::from_ref(&query), &targets, &options)[0] {
            let needed = least.min(8).min(targets[found.target].len());
            assert!(found.overlap >= needed, "{found:?}");
        }
    }
}

#[test]
fn nothing_matches_nothing() {
    let empty = Motif::from_probabilities("e", "", Alphabet::Dna, vec![], 0.0);
    let some = of("s", &[0, 1], 0.9);
    assert!(tomtom(&[], std::slice::from_ref(&some), &MatchOptions::default()).is_empty());
    assert_eq!(tomtom(std::slice::from_ref(&some), &[], &MatchOptions::default()), [vec![]]);
    for (query, target) in [(&empty, &some), (&some, &empty), (&empty, &empty)] {
        let list = &tomtom(std::slice::from_ref(query), std::slice::from_ref(target), &MatchOptions::default())[0];
        assert_eq!((list[0].p_value, list[0].overlap), (1.0, 0));
    }
}

#[test]
fn alike_columns_give_no_significance() {
    let flat: Vec<Motif> =
        (2..6).map(|n| Motif::from_probabilities("f", "", Alphabet::Dna, vec![[0.25; 4]; n], 9.0)).collect();
    for similarity in [ColumnSimilarity::Euclidean, ColumnSimilarity::Pearson] {
        let options = MatchOptions { similarity, ..MatchOptions::default() };
        assert!(tomtom(&flat, &flat, &options).iter().flatten().all(|m| m.p_value == 1.0));
    }
}

#[test]
fn threads_do_not_change_the_result() {
    let targets = database(50);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| tomtom(&targets, &targets, &MatchOptions::default()))
    };
    assert_eq!(run(1), run(3));
}

/// P-values of motifs of independent columns are uniform: a tenth of them is below 0.1, within sampling error.
#[test]
fn null_p_values_are_calibrated() {
    let mut rng = stream(5, "columns", &[]);
    let mut random = |id: usize| {
        let rows = (0..5 + id % 8).map(|_| std::array::from_fn(|_| uniform(&mut rng).powi(3))).collect();
        Motif::from_probabilities(&id.to_string(), "", Alphabet::Dna, rows, 20.0)
    };
    let mut targets: Vec<Motif> = (0..430).map(&mut random).collect();
    let queries = targets.split_off(400);
    let p: Vec<f64> =
        tomtom(&queries, &targets, &MatchOptions::default()).iter().flatten().map(|m| m.p_value).collect();
    for level in [0.01, 0.05, 0.1, 0.5] {
        let share = p.iter().filter(|&&p| p <= level).count() as f64 / p.len() as f64;
        assert!((share / level - 1.0).abs() < 0.2, "{level}: {share}");
    }
}

#[test]
fn a_limit_of_q_values_leaves_the_rest_as_it_is() {
    let targets = database(80);
    let all = tomtom(&targets[..6], &targets, &MatchOptions::default());
    for max_q in [0.0, 0.01, 0.3, 1.0] {
        let some = tomtom(&targets[..6], &targets, &MatchOptions { max_q, ..MatchOptions::default() });
        let expected: Vec<Vec<Match>> =
            all.iter().map(|list| list.iter().filter(|m| m.q_value <= max_q).cloned().collect()).collect();
        assert_eq!(some, expected, "{max_q}");
    }
}

/// Tomtom by its definition: all columns one by one, all alignments, and the null distributions as maps of scores. P-values of all
/// targets, from both strands.
fn by_definition(query: &Motif, targets: &[Motif], similarity: ColumnSimilarity) -> Vec<f64> {
    let strands: Vec<[Motif; 2]> = targets.iter().map(|target| [target.clone(), target.reverse_complement()]).collect();
    let steps = |a: &[f64; 4], b: &[f64; 4]| {
        let best = if similarity == ColumnSimilarity::Pearson { 1.0 } else { 0.0 };
        ((best - similarity.score(a, b)) * 2000.0).round() as i16
    };
    let columns: Vec<&[f64; 4]> = strands.iter().flatten().flat_map(|motif| &motif.probabilities).collect();
    let rows: Vec<Vec<i16>> = query
        .probabilities
        .iter()
        .map(|q| {
            let mut row: Vec<i16> = columns.iter().map(|column| steps(q, column)).collect();
            row.sort_unstable();
            row
        })
        .collect();
    let middles: Vec<i16> = rows.iter().map(|row| row[row.len() / 2]).collect();
    let most = |of: &dyn Fn(usize) -> i16| f64::from((0..rows.len()).map(of).max().unwrap()) / 2000.0;
    let span = most(&|i| middles[i] - rows[i][0]) + most(&|i| rows[i][rows[i].len() - 1] - middles[i]).ceil();
    let factor = ((100.0 / span).floor() / 2000.0 * 65536.0).round() as i32;
    let score = |steps: i16, i: usize| basewise_kernels::columns::scaled(steps, middles[i], factor);
    // The odds of scores of at least `least` in a stretch of the query.
    let reach = |stretch: std::ops::Range<usize>, least: i16| {
        let mut sums = BTreeMap::from([(0, 1.0)]);
        for i in stretch {
            let mut next = BTreeMap::new();
            for same in rows[i].chunk_by(|a, b| a == b) {
                let share = same.len() as f64 / rows[i].len() as f64;
                sums.iter().for_each(|(sum, p)| *next.entry(sum + score(same[0], i)).or_insert(0.0) += p * share);
            }
            sums = next;
        }
        sums.range(least..).map(|(_, p)| p).sum::<f64>()
    };
    let p_value = |[forward, reverse]: &[Motif; 2]| {
        let (n, width) = (query.len() as i32, forward.len() as i32);
        let stretch = |offset: i32| offset.max(0) as usize..(offset + width).min(n) as usize;
        let sum = |motif: &Motif, offset: i32| -> i16 {
            let column = |i: usize| &motif.probabilities[(i as i32 - offset) as usize];
            stretch(offset).map(|i| score(steps(&query.probabilities[i], column(i)), i)).sum()
        };
        let offsets = 1 - width..n;
        let best = offsets.clone().flat_map(|offset| [sum(forward, offset), sum(reverse, offset)]).max().unwrap();
        1.0 - offsets.map(|offset| (1.0 - reach(stretch(offset), best)).powi(2)).product::<f64>()
    };
    strands.iter().map(p_value).collect()
}

#[test]
fn p_values_are_those_of_the_definition() {
    let targets = database(30);
    for similarity in [ColumnSimilarity::Euclidean, ColumnSimilarity::Pearson] {
        let options = MatchOptions { similarity, ..MatchOptions::default() };
        for query in [&targets[0], &targets[7]] {
            let expected = by_definition(query, &targets, similarity);
            for found in &tomtom(std::slice::from_ref(query), &targets, &options)[0] {
                let difference = (found.p_value - expected[found.target]).abs();
                assert!(difference < 1e-9 * found.p_value + 1e-12, "{found:?} {}", expected[found.target]);
            }
        }
    }
}

/// A database in which columns are merged against the same whose columns are counted one by one.
#[test]
fn merged_columns_hardly_change_p_values() {
    let mut rng = stream(8, "columns", &[]);
    let mut motif = |id: usize| {
        let rows = (0..6 + id % 9).map(|_| std::array::from_fn(|_| uniform(&mut rng).powi(4))).collect();
        Motif::from_probabilities(&id.to_string(), "", Alphabet::Dna, rows, 20.0)
    };
    let targets: Vec<Motif> = (0..800).map(&mut motif).collect();
    let database = || Database::new(&targets, true, ColumnSimilarity::Euclidean);
    let (merged, mut exact) = (database(), database());
    exact.pool = exact.pool.exact();
    let mut scratch = Scratch::default();
    let mut logs = Vec::new();
    for query in &targets[..9] {
        let mut of = |database: &Database| {
            let mut found = search(query, database, &MatchOptions::default(), &mut scratch);
            found.sort_by_key(|found| found.target);
            found
        };
        for (merged, exact) in of(&merged).into_iter().zip(of(&exact)) {
            assert_eq!(merged.target, exact.target);
            logs.push([merged.p_value, exact.p_value].map(f64::ln));
        }
    }
    assert_eq!(logs.len(), 9 * 800);
    let differences: Vec<f64> = logs.iter().map(|[merged, exact]| (merged - exact).abs()).collect();
    let mean = differences.iter().sum::<f64>() / logs.len() as f64;
    assert!(mean < 0.05, "logarithms differ by {mean}");
    assert!(logs.iter().zip(&differences).all(|([_, exact], d)| *d < 0.1 - 0.2 * exact), "{differences:?}");
}
