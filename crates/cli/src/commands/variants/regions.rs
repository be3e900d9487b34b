//! The places that a model speaks about, where it does not speak about all.

use anyhow::Result;
use basewise_core::variants::{Variant, Window};
use basewise_core::{Interval, Strand};
use basewise_io::Genome;
use basewise_io::variants::Region;
use clap::ValueEnum;
use std::collections::BTreeMap;
use std::path::Path;

/// Where a window lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CentreArg {
    /// The variant is in the middle
    Variant,
    /// The middle of a region is, as when the model was trained on such regions
    Region,
}

/// A place as it was typed: a part of a contig, or a contig, which may have a name that looks like a place.
pub(super) fn region(text: &str, genome: &Genome) -> Result<Region> {
    Ok(match genome.length(text) {
        Ok(_) => Region { chrom: text.to_owned(), start: 0, end: u64::MAX },
        Err(_) => Region::parse(text)?,
    })
}

/// Regions of a BED file, by contig and start.
pub(super) struct Regions {
    by_contig: BTreeMap<String, Vec<Place>>,
    /// Bases of the longest.
    longest: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    start: u64,
    end: u64,
    strand: Strand,
    /// The base that windows are centred on: the summit, or the middle.
    centre: u64,
}

impl Regions {
    /// Reads a file, whose contigs must be the genome's.
    pub(super) fn read(path: &Path, genome: &Genome) -> Result<Self> {
        let mut by_contig = BTreeMap::<String, Vec<Place>>::new();
        let mut longest = 0;
        for record in basewise_io::bed::read(path)? {
            let Interval { chrom, start, end, strand } = record.interval;
            let length = genome.length(&chrom)?;
            if end > length {
                let message = format!("expected a place within {chrom:?} of {length} bases, found the end {end}");
                return Err(basewise_io::Error::at_line(path, record.line, message).into());
            }
            let centre = record.summit.map_or(start + (end - start) / 2, |summit| start + summit);
            longest = longest.max(end - start);
            by_contig.entry(chrom).or_default().push(Place { start, end, strand, centre });
        }
        by_contig.values_mut().for_each(|places| places.sort_by_key(|place| (place.start, place.end)));
        Ok(Self { by_contig, longest })
    }

    /// The window of a variant, if a region has one for it: of the region that begins first, or, centred on regions, of
    /// the one whose centre is nearest.
    pub(super) fn window(&self, chrom: &str, variant: &Variant, length: usize, centre: CentreArg) -> Option<Window> {
        let places = self.by_contig.get(chrom)?;
        let reach = if centre == CentreArg::Region { self.longest + length as u64 } else { self.longest };
        let first = places.partition_point(|place| place.start + reach < variant.start);
        let near = places[first..].iter().take_while(|place| place.start <= variant.end() + reach);
        match centre {
            CentreArg::Variant => {
                let holds = |place: &&Place| {
                    place.start <= variant.start && variant.end() <= place.end && variant.start < place.end
                };
                near.into_iter().find(holds).map(|place| Window::centred(Window::middle(variant), length, place.strand))
            }
            CentreArg::Region => near
                .map(|place| (place, Window::centred(place.centre, length, place.strand)))
                .filter(|(_, window)| window.holds(variant))
                .min_by_key(|(place, _)| place.centre.abs_diff(Window::middle(variant)))
                .map(|(_, window)| window),
        }
    }

    /// The places in their order, each with the base that its window is centred on.
    pub(super) fn places(&self) -> Vec<(Interval, u64)> {
        let of = |(chrom, places): (&String, &Vec<Place>)| {
            let place = |&Place { start, end, strand, centre }: &Place| {
                (Interval { chrom: chrom.clone(), start, end, strand }, centre)
            };
            places.iter().map(place).collect::<Vec<_>>()
        };
        self.by_contig.iter().flat_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regions() -> Regions {
        let place = |start, end, strand| Place { start, end, strand, centre: start + (end - start) / 2 };
        let places =
            vec![place(10, 20, Strand::Forward), place(15, 40, Strand::Reverse), place(100, 101, Strand::Reverse)];
        Regions { by_contig: BTreeMap::from([("c".to_owned(), places)]), longest: 25 }
    }

    #[test]
    fn a_variant_has_the_window_of_its_region_and_its_strand() {
        let window = |start, centre| regions().window("c", &Variant::new(start, b"A", b"C"), 8, centre);
        let found = |start, centre| window(start, centre).map(|w| (w.start, w.reverse));
        assert_eq!(found(9, CentreArg::Variant), None);
        assert_eq!(found(10, CentreArg::Variant), Some((6, false)));
        assert_eq!(found(19, CentreArg::Variant), Some((15, false)));
        assert_eq!(found(20, CentreArg::Variant), Some((16, true)));
        assert_eq!(found(40, CentreArg::Variant), None);
        assert_eq!(found(100, CentreArg::Variant), Some((96, true)));
        assert_eq!(found(97, CentreArg::Region), Some((96, true)));
        assert_eq!(found(103, CentreArg::Region), Some((96, true)));
        assert_eq!([found(95, CentreArg::Region), found(104, CentreArg::Region)], [None; 2]);
        assert!(regions().window("d", &Variant::new(10, b"A", b"C"), 8, CentreArg::Variant).is_none());
    }
}
