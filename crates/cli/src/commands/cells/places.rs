//! Features that are places on a genome, as peaks of accessibility are: `chr1:1000-1500`.

use crate::failure::user;
use crate::printer::Printer;
use crate::table::count;
use anyhow::Result;
use basewise_core::{Interval, Strand};
use basewise_io::cells::Frame;
use basewise_io::genome::Genome;

/// Columns that may have the place where the name of a feature has it not.
const COLUMNS: [&str; 3] = ["interval", "gene_ids", "peak"];

/// Where each feature lies, `None` for those beyond the genome; how many these are is said.
///
/// # Errors
/// Names that are no places; no feature on the genome.
pub(crate) fn on_genome(features: &Frame, genome: &Genome, printer: &Printer) -> Result<Vec<Option<Interval>>> {
    let all = named(features)?;
    let is_known = |place: &Interval| genome.length(&place.chrom).is_ok_and(|length| place.end <= length);
    let places: Vec<Option<Interval>> = all.iter().map(|place| is_known(place).then(|| place.clone())).collect();
    let beyond = places.iter().filter(|place| place.is_none()).count();
    if beyond == places.len() {
        // The error of the genome says what is wrong with the name.
        if let Some(first) = all.first() {
            genome.length(&first.chrom)?;
        }
        return Err(user(format!("{}: expected places on the genome, found none", genome.path().display()), None));
    }
    if beyond > 0 {
        printer.warn(&format!(
            "{} of {} places are not on the genome and left out",
            count(beyond),
            count(places.len())
        ));
    }
    Ok(places)
}

fn named(features: &Frame) -> Result<Vec<Interval>> {
    let of_names: Option<Vec<Interval>> = features.ids.iter().map(|name| parse(name)).collect();
    if let Some(places) = of_names {
        return Ok(places);
    }
    for column in COLUMNS.iter().filter_map(|name| features.column(name)) {
        let places: Option<Vec<Interval>> = (0..column.len()).map(|row| parse(&column.text(row)?)).collect();
        if let Some(places) = places {
            return Ok(places);
        }
    }
    let odd = features.ids.iter().find(|name| parse(name).is_none()).cloned().unwrap_or_default();
    Err(user(
        format!("expected features that are places, such as chr1:1000-1500, found {odd:?}"),
        Some("of a file with genes and peaks, --feature-type Peaks reads the peaks"),
    ))
}

/// `chr1:100-200`, `chr1-100-200` or `chr1_100_200`: 0-based and half-open, as in BED.
fn parse(name: &str) -> Option<Interval> {
    let (rest, end) = name.rsplit_once(['-', '_'])?;
    let (chrom, start) = rest.rsplit_once([':', '-', '_'])?;
    let (start, end) = (start.parse().ok()?, end.parse().ok()?);
    let place = Interval { chrom: chrom.to_owned(), start, end, strand: Strand::Forward };
    (!chrom.is_empty() && start < end).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_in_three_ways_of_writing() {
        for name in ["chr1:100-200", "chr1-100-200", "chr1_100_200"] {
            let place = parse(name).unwrap();
            assert_eq!((place.chrom.as_str(), place.start, place.end), ("chr1", 100, 200));
        }
        assert_eq!(parse("HLA-A*01_x:0-5").unwrap().chrom, "HLA-A*01_x");
        for wrong in ["CD3E", "chr1:5-5", "chr1:9-2", ":1-2", "chr1:a-2", "chr1:1-", ""] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }
}
