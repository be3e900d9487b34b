//! Comparison with memelite 0.5.0 on JASPAR motifs; `tests/golden/tomtom/make.py` rebuilds the case.
//!
//! Both round column scores to the same 100 bins and take the lower median. basewise counts similarities in steps of 1/2000
//! before that, memelite medians in 100,000 bins, so that some scores fall into the next bin: the logarithms of p-values
//! differ a little (below 1e-10 by as much as a factor of 3), and of places that are nearly as good the other one may be the best. Where
//! both strands score the same, memelite reports the reverse one and basewise the forward one. memelite's offset has the other
//! sign.
//!
//! JASPAR 2024 is CC BY 4.0 (Rauluseviciute et al. 2024, Nucleic Acids Research 52:D174).

use basewise_motif::formats;
use basewise_motif::matching::{Match, MatchOptions, tomtom};

const MOTIFS: &str = include_str!("../../../tests/golden/tomtom/motifs.meme");
const EXPECTED: &str = include_str!("../../../tests/golden/tomtom/expected.tsv");

#[test]
fn p_values_places_and_strands_are_memelites() {
    let motifs = formats::read(MOTIFS.as_bytes(), "motifs.meme").unwrap();
    assert_eq!(motifs.len(), 40);
    let mut found = tomtom(&motifs[..5], &motifs, &MatchOptions::default());
    found.iter_mut().for_each(|list| list.sort_by_key(|found| found.target));
    let rows: Vec<Vec<&str>> = EXPECTED.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.len(), 5 * 40);
    let (mut logs, mut elsewhere) = (Vec::new(), 0);
    for (i, row) in rows.iter().enumerate() {
        let Match { p_value, offset, overlap, reverse_complement, target, .. } = found[i / 40][i % 40];
        assert_eq!((row[0], row[1]), (motifs[i / 40].id.as_str(), motifs[target].id.as_str()));
        let expected: f64 = row[2].parse().unwrap();
        logs.push((p_value.ln(), expected.ln()));
        let place = [(-offset).to_string(), overlap.to_string(), u8::from(reverse_complement).to_string()];
        let is_tie = row[6] == "1" && !reverse_complement;
        if row[4..7] != place && !is_tie {
            elsewhere += 1;
            // What is significant is where memelite has it.
            assert!(expected > 0.01, "{row:?}: {place:?}");
        }
    }
    let differences = |least: f64| {
        logs.iter().filter(|(_, expected)| *expected >= least.ln()).map(|(a, b)| (a - b).abs()).collect::<Vec<_>>()
    };
    let farthest = |least: f64| differences(least).into_iter().fold(0.0, f64::max);
    let mean = differences(0.0).iter().sum::<f64>() / logs.len() as f64;
    // Only what no decision rests on, such as a motif with itself, differs by more.
    assert!(farthest(1e-10) < 0.05 && mean < 0.02, "logarithms differ by {mean}, by {} at most", farthest(1e-10));
    assert!(farthest(0.0) < 1.2, "logarithms differ by {} at most", farthest(0.0));
    assert!(elsewhere <= 10, "{elsewhere} rows differ in place");
}
