//! Comparison with memelite 0.5.0 on JASPAR motifs; `tests/golden/tomtom/make.py` rebuilds the case.
//!
//! Both round column scores to the same 100 bins and take the lower median, so p-values agree to the rounding of sums
//! (memelite's cumulated probabilities against sums of logarithms here); 1e-8 leaves room for other orders of adding. Where
//! both strands score the same, memelite reports the reverse one and basewise the forward one: these rows, and only
//! these, may differ in strand, offset and overlap. memelite's offset has the other sign.
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
    let mut ties = 0;
    for (i, row) in rows.iter().enumerate() {
        let Match { p_value, offset, overlap, reverse_complement, target, .. } = found[i / 40][i % 40];
        assert_eq!((row[0], row[1]), (motifs[i / 40].id.as_str(), motifs[target].id.as_str()));
        let expected: f64 = row[2].parse().unwrap();
        assert!((p_value / expected - 1.0).abs() < 1e-8, "{row:?}: {p_value}");
        if row[6] == "1" && !reverse_complement {
            ties += 1;
        } else {
            let place = [(-offset).to_string(), overlap.to_string(), u8::from(reverse_complement).to_string()];
            assert_eq!(row[4..7], place, "{row:?}");
        }
    }
    assert!(ties <= 10, "{ties} rows differ in strand");
}
