//! The index of a compressed variant file, for access by place: tabix, or CSI for BCF and for long contigs.

use super::Record;
use noodles_bgzf::VirtualPosition;
use noodles_core::Position;
use noodles_csi::binning_index::Indexer as Binned;
use noodles_csi::binning_index::index::Header as Names;
use noodles_csi::binning_index::index::header::Builder;
use noodles_csi::binning_index::index::reference_sequence::bin::Chunk;
use noodles_csi::binning_index::index::reference_sequence::index::BinnedIndex;
use noodles_tabix::index::Indexer as Tabix;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Positions that tabix can tell apart.
pub(super) const TABIX_LIMIT: u64 = 1 << 29;

/// Gathers where records lie, while they are written.
pub(super) struct IndexBuilder {
    kind: Kind,
    /// Number of each contig, in the order of the header (BCF) or of the records.
    contigs: BTreeMap<String, usize>,
    /// Contig and start of the record before.
    last: Option<(usize, u64)>,
    /// Whether contigs are numbered by the records, so that each must stay together.
    by_records: bool,
    /// Why there can be no index.
    fault: Option<&'static str>,
}

enum Kind {
    Tabix(Box<Tabix>),
    Csi(Box<Binned<BinnedIndex>>),
}

impl IndexBuilder {
    /// For a compressed VCF; `longest` is the length of the longest contig.
    pub(super) fn vcf(longest: u64) -> Self {
        let kind = if longest < TABIX_LIMIT {
            let mut tabix = Tabix::default();
            tabix.set_header(Builder::vcf().build());
            Kind::Tabix(Box::new(tabix))
        } else {
            csi(longest)
        };
        Self { kind, contigs: BTreeMap::new(), last: None, by_records: true, fault: None }
    }

    /// For a BCF with these contigs in its header, which need not be numbered without gaps.
    pub(super) fn bcf(contigs: BTreeMap<String, usize>, longest: u64) -> Self {
        Self { kind: csi(longest), contigs, last: None, by_records: false, fault: None }
    }

    /// The next record, which was written between these places of the file.
    pub(super) fn add(&mut self, record: &Record, from: VirtualPosition, to: VirtualPosition) {
        if self.fault.is_none() {
            self.fault = self.try_add(record, from, to).err();
        }
    }

    fn try_add(&mut self, record: &Record, from: VirtualPosition, to: VirtualPosition) -> Result<(), &'static str> {
        const UNSORTED: &str = "its records are not sorted by contig and position";
        const LONG: &str = "a position is beyond what an index holds";
        let count = self.contigs.len();
        let contig = *self.contigs.entry(record.chrom().to_owned()).or_insert(count);
        // The base before the first one has no place of its own in an index.
        let start = record.position().max(1);
        match self.last {
            Some((last, _)) if last != contig && self.by_records && contig != count => return Err(UNSORTED),
            Some((last, before)) if (last == contig && start < before) || last > contig => return Err(UNSORTED),
            _ => {}
        }
        self.last = Some((contig, start));
        let position = |at: u64| usize::try_from(at).ok().and_then(Position::new).ok_or(LONG);
        let (first, last) = (position(start)?, position(record.end().max(start))?);
        let chunk = Chunk::new(from, to);
        match &mut self.kind {
            Kind::Tabix(tabix) => tabix.add_record(record.chrom(), first, last, chunk).map_err(|_| LONG),
            Kind::Csi(csi) => csi.add_record(Some((contig, first, last, true)), chunk).map_err(|_| LONG),
        }
    }

    /// The ending of the index file's name and its content; or why there is none.
    pub(super) fn finish(self) -> Result<(&'static str, Vec<u8>), &'static str> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let failed = |_: io::Error| "it could not be made";
        match self.kind {
            Kind::Tabix(tabix) => {
                let mut writer = noodles_tabix::io::Writer::new(Vec::new());
                writer.write_index(&tabix.build()).and_then(|()| writer.try_finish()).map_err(failed)?;
                Ok((".tbi", writer.into_inner().into_inner()))
            }
            Kind::Csi(csi) => {
                let count = self.contigs.values().max().map_or(0, |last| last + 1);
                let csi = if self.by_records { csi.set_header(names(self.contigs)) } else { *csi };
                let mut writer = noodles_csi::io::Writer::new(Vec::new());
                writer.write_index(&csi.build(count)).map_err(failed)?;
                let mut blocks = writer.into_inner();
                blocks.flush().and_then(|()| blocks.try_finish()).map_err(failed)?;
                Ok((".csi", blocks.into_inner()))
            }
        }
    }
}

/// Bins of 16 kb, with as many levels as the longest contig needs.
fn csi(longest: u64) -> Kind {
    let mut depth = 5;
    while depth < 10 && longest >> (14 + 3 * u32::from(depth)) > 0 {
        depth += 1;
    }
    Kind::Csi(Box::new(Binned::new(14, depth).unwrap_or_default()))
}

fn names(contigs: BTreeMap<String, usize>) -> Names {
    let mut names: Vec<(usize, String)> = contigs.into_iter().map(|(name, number)| (number, name)).collect();
    names.sort_unstable();
    Builder::vcf().set_reference_sequence_names(names.into_iter().map(|(_, name)| name.into()).collect()).build()
}
