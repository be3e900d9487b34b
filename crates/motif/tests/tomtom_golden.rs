//! Comparison with memelite 0.5.0 on JASPAR motifs; `tests/golden/tomtom/make.py` rebuilds the case.
//!
//! JASPAR 2024 is CC BY 4.0 (Rauluseviciute et al. 2024, Nucleic Acids Research 52:D174).

use basewise_motif::formats;
use basewise_motif::matching::{MatchOptions, tomtom};

const MOTIFS: &str = include_str!("../../../tests/golden/tomtom/motifs.meme");
const EXPECTED: &str = include_str!("../../../tests/golden/tomtom/expected.tsv");

#[test]
fn p_values_places_and_strands_are_memelites() {
    let motifs = formats::read(MOTIFS.as_bytes(), "motifs.meme").unwrap();
    assert_eq!(motifs.len(), 40);
    let matches = tomtom(&motifs[..5], &motifs, &MatchOptions::default());
    let mut rows = EXPECTED.lines().skip(1);
    let (mut worst, mut moved) = (0.0_f64, 0);
    for (query, list) in matches.iter().enumerate() {
        let mut list = list.clone();
        list.sort_by_key(|found| found.target);
        for found in list {
            let row: Vec<&str> = rows.next().unwrap().split('\t').collect();
            assert_eq!((row[0], row[1]), (motifs[query].id.as_str(), motifs[found.target].id.as_str()));
            let p: f64 = row[2].parse().unwrap();
            println!("{row:?} {found:?}");
            worst = worst.max((found.p_value / p).ln().abs());
            moved += usize::from(found.overlap.to_string() != row[5]);
        }
    }
    println!("{worst} {moved}");
    panic!();
}
